package policy

import (
	"context"
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// Trace is a decision and how it came about: for whoever has to explain it. It
// is made by the code that decides, from the same input.
type Trace struct {
	Decision    Decision
	Stops       []*Provision // of the stages, that hold; the first one decided
	Adjustments []*Provision // that hold
	Fields      []TracedField
}

// TracedField is one field of a decision: what covers it, what the role may at
// most get, and what each basis answered.
type TracedField struct {
	Name             gateway.Field
	Class, Effective gateway.Class // Effective is CON as PAD for a protected person
	Subclass         string
	Rules            []gateway.Rule // that cover it at this discloser
	Public           bool           // one of them protects a public interest
	Held, Forbidden  bool
	Cell             string // of the ceiling
	Admitted         bool   // by the cell and the leg
	NeedsName        bool   // the cell asks for name and reason
	NeedsDecision    bool   // the cell asks for a recorded decision
	Asked, Named     bool

	By      *Provision // that opened it; nil where it is withheld
	Reason  gateway.Reason
	Against []*Provision // restrictions that hold and reach it, by step
	Tried   []Attempt    // in the order of the flow
}

// Response is what a basis answers when it is tried for a field, or why it is
// not tried (domain, Section 16.4).
type Response string

// The responses.
const (
	Opens        Response = "opens"
	NotInForce   Response = "out_of_date" // the consent or decision was, and is not any more
	HandDecides  Response = "by_hand"
	Undecided    Response = "no_decision"
	NoConsent    Response = "no_consent"
	Unclaimed    Response = "not_claimed"
	Fails        Response = "conditions" // a condition of the provision does not hold
	LacksRule    Response = "rules"      // a secrecy rule that covers the field is not opened
	OutOfReach   Response = "reach"      // class or field is not what the basis is about
	ToAuthority  Response = "authority_only"
	NotThisWay   Response = "never"
	NotReachedBy Response = "not_needed" // another basis opened the field before
)

// Attempt is one basis tried for one field.
type Attempt struct {
	Provision *Provision
	Response  Response
	Lacks     []gateway.Rule // with LacksRule
	Kind      string         // of the decision asked for, where one is
	ByHand    []*Provision   // that turn it to a person
}

// FieldRelease is the kind of decision that a ceiling asks for where the basis
// itself needs none (domain, Section 12).
const FieldRelease = "field_release"

// Trace decides on an input, as [Policy.DecideInput] does, and says how.
func (p *Policy) Trace(ctx context.Context, in facts.Input) (Trace, error) {
	d, err := p.DecideInput(ctx, in)
	if err != nil {
		return Trace{}, err
	}
	t := Trace{Decision: d}
	v, err := p.engine.ask(ctx, &in)
	if err != nil {
		return Trace{}, err
	}
	j := &join{Policy: p, in: &in, v: v}
	t.Stops = j.holding(setStop)
	slices.SortStableFunc(t.Stops, func(a, b *Provision) int { return a.Stage - b.Stage })
	if len(t.Stops) > 0 {
		return t, nil
	}
	j.plan = p.planOf(&in)
	t.Adjustments = j.holding(setAdjustment)
	for _, a := range t.Adjustments {
		if a.Change == Break {
			j.glass = a
		}
	}
	j.decide(p.tables.Types[in.Type].NamedOnly)
	for i := range j.fields {
		t.Fields = append(t.Fields, j.trace(&j.fields[i]))
	}
	return t, nil
}

func (j *join) trace(r *result) TracedField {
	rules := r.Origin[j.in.Discloser.Kind]
	t := TracedField{Name: r.Name, Class: r.Class, Effective: r.effective, Subclass: r.Subclass, Rules: rules, Public: r.public,
		Held: r.held, Forbidden: r.Forbidden, Cell: r.cell, Admitted: r.admitted, NeedsName: r.fieldPlan.named, NeedsDecision: r.decided,
		Asked: r.asked, Named: r.named, By: r.by, Reason: r.reason}
	for _, i := range r.restrictions {
		if j.v.holds(setRestriction, i) {
			t.Against = append(t.Against, j.register.sets[setRestriction][i])
		}
	}
	opened := false
	for _, p := range j.inOrder() {
		a := j.attempt(p, r.fieldPlan, rules)
		if opened && a.Response == Opens {
			a.Response = NotReachedBy
		}
		opened = opened || a.Response == Opens
		t.Tried = append(t.Tried, a)
	}
	return t
}

// inOrder lists the provisions of the bases in the order in which they are
// tried between the two agencies.
func (j *join) inOrder() []*Provision {
	flow := j.tables.Flows[j.in.Discloser.Kind][j.in.Actor.Kind]
	bases := slices.Concat(flow.Automatic, flow.Decision, flow.Manual)
	if j.glass != nil {
		bases = j.glass.Bases
	}
	var out []*Provision
	for _, b := range bases {
		out = append(out, j.register.byBasis[b]...)
	}
	return out
}

// attempt says what a provision answers for a field, whether or not it is tried.
func (j *join) attempt(p *Provision, f *fieldPlan, rules []gateway.Rule) Attempt {
	a := Attempt{Provision: p}
	list := j.candidates(f)
	i := slices.IndexFunc(list, func(c candidate) bool { return c.Provision == p })
	switch {
	case p.Set != setGrant || p.Way == Never:
		a.Response = NotThisWay
	case i < 0:
		a.Response, a.Lacks = j.whyNot(p, f, rules)
	case p.ClaimNeeded && j.glass == nil && !slices.Contains(j.in.Claimed, p.Basis):
		a.Response = Unclaimed
	case !j.v.holds(setGrant, list[i].grant):
		a.Response = Fails
	default:
		a.Response = j.response(&list[i], f)
	}
	if i < 0 {
		return a
	}
	c := &list[i]
	for _, h := range c.byHand {
		if j.v.holds(setByHand, h) {
			a.ByHand = append(a.ByHand, j.register.sets[setByHand][h])
		}
	}
	switch {
	case c.decided && p.Decision != nil:
		a.Kind = p.Decision.Kind
	case f.decided && !j.lifted(f.cell):
		a.Kind = FieldRelease
	}
	return a
}

// whyNot says why a provision can never open a field.
func (j *join) whyNot(p *Provision, f *fieldPlan, rules []gateway.Rule) (Response, []gateway.Rule) {
	switch {
	case p.AuthorityOnly && !j.plan.authority:
		return ToAuthority, nil
	case !opensAll(p, rules):
		return LacksRule, slices.DeleteFunc(slices.Clone(rules), func(r gateway.Rule) bool { return slices.Contains(p.Opens, r) })
	}
	return OutOfReach, nil
}

// response is what [join.try] answers, in the words of a trace.
func (j *join) response(c *candidate, f *fieldPlan) Response {
	switch j.try(c, f) {
	case opens:
		return Opens
	case outOfDate:
		return NotInForce
	case byHand:
		return HandDecides
	case noDecision:
		return Undecided
	}
	if c.Consent {
		return NoConsent
	}
	return NotThisWay
}
