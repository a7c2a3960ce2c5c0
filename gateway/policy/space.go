package policy

import (
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// A Verdict says which provisions hold in one request. The workbench makes it
// from truth tables; only the engine makes that of a decision.
type Verdict struct{ v verdict }

// NewVerdict returns the verdict by which nothing holds.
func (p *Policy) NewVerdict() Verdict {
	v := verdict{}
	for _, set := range evaluated {
		v[set] = make([]bool, len(p.register.sets[set]))
	}
	return Verdict{v}
}

// Set says that a rule holds or does not.
func (v Verdict) Set(p *Policy, r *Rule, holds bool) {
	v.v[r.Set][p.register.index[r.Set][r.ID]] = holds
}

// PlannedField is a field as one role gets it from one kind of agency over one
// leg of a route, before a request's facts are looked at.
type PlannedField struct {
	Name      gateway.Field
	Class     gateway.Class
	Effective gateway.Class // CON counts as PAD for a protected person
	Subclass  string
	Rules     []gateway.Rule // that cover it at the discloser
	Locating  bool
	Public    bool // a rule of chapter 18 covers it
	Held      bool
	Forbidden bool
	Cell      string // of the ceilings
	Named     bool   // its cell asks for its name and a reason
	Decided   bool   // its cell asks for a recorded decision
	Admitted  bool   // its cell and the leg admit it
}

// Plan is how one role gets the fields of a message type from one kind of
// agency over one leg of its route.
type Plan struct {
	policy *Policy
	plan   *plan
	Leg    int
	Fields []PlannedField // in the order of the type
	// NamedOnly says that only fields that are named are decided.
	NamedOnly bool
	Bases     []gateway.Basis // of the flow, and of break-glass, in the order in which they are tried
}

// PlanOf returns the plan that an input falls under, nil if there is none. Of
// the input it reads the parties, the type, acute, same_agency and protected.
func (p *Policy) PlanOf(in *facts.Input) *Plan {
	found, leg := p.planOf(in), p.legOf(in)
	if found == nil {
		return nil
	}
	out := &Plan{policy: p, plan: found, Leg: leg, NamedOnly: p.tables.Types[in.Type].NamedOnly}
	flow := p.tables.Flows[in.Discloser.Kind][in.Actor.Kind]
	out.Bases = slices.Concat(flow.Automatic, flow.Decision, flow.Manual)
	for _, a := range p.register.sets[setAdjustment] {
		for _, b := range a.Bases {
			if !slices.Contains(out.Bases, b) {
				out.Bases = append(out.Bases, b)
			}
		}
	}
	for i := range found.fields {
		f := &found.fields[i]
		out.Fields = append(out.Fields, PlannedField{Name: f.Name, Class: f.Class, Effective: f.effective, Subclass: f.Subclass,
			Rules: f.Origin[in.Discloser.Kind], Locating: f.Locating || f.effective == p.constants.LocatingClass, Public: f.public,
			Held: f.held, Forbidden: f.Forbidden, Cell: f.cell, Named: f.named, Decided: f.decided, Admitted: f.admitted})
	}
	return out
}

// legOf returns the place of the first leg that fits, or -1.
func (p *Policy) legOf(in *facts.Input) int {
	return slices.IndexFunc(p.tables.Routes[in.Type], func(l leg) bool {
		return slices.Contains(l.Senders, in.Discloser.Role) && slices.Contains(l.Recipients, in.Actor.Role) &&
			(l.Urgency == "" || in.Acute) && (!l.SameAgency || in.SameAgency)
	})
}

// Matters reports whether a rule can change what is answered for a field of
// the plan: it is a candidate, in reach of one or an adjustment. Stages end a
// decision before any field and are not asked about here.
func (l *Plan) Matters(r *Rule) bool {
	i := l.policy.register.index[r.Set][r.ID]
	return slices.ContainsFunc(l.plan.fields, func(f fieldPlan) bool {
		both := [][]candidate{f.candidates, f.emergency}
		switch r.Set {
		case setRestriction:
			return slices.Contains(f.restrictions, i)
		case setGrant:
			return slices.ContainsFunc(both, func(cs []candidate) bool {
				return slices.ContainsFunc(cs, func(c candidate) bool { return c.grant == i })
			})
		case setByHand:
			return slices.ContainsFunc(both, func(cs []candidate) bool {
				return slices.ContainsFunc(cs, func(c candidate) bool { return slices.Contains(c.byHand, i) })
			})
		}
		return r.Set == setAdjustment
	})
}

// Answer is what the join says of one field by itself, before what the fields
// mean as a whole (the adjustments) is looked at.
type Answer struct {
	By       *Provision     // that opens it, nil if withheld
	Decision bool           // a recorded decision that names the field was needed for it
	Lifted   bool           // break-glass lifts what the cell asks for
	Reason   gateway.Reason // why it is withheld
	Guarded  gateway.Reason // why it is withheld in the end, although it was opened
}

// Answers joins an input with a verdict, field by field in the plan's order:
// by the code that decides, without the engine. It is no [Decision]: nothing
// can be released on it.
func (l *Plan) Answers(in *facts.Input, v Verdict) []Answer {
	p := l.policy
	j := &join{Policy: p, in: in, v: v.v, plan: l.plan}
	for _, a := range j.holding(setAdjustment) {
		if a.Change == Break {
			j.glass = a
		}
	}
	out := make([]Answer, len(l.plan.fields))
	for i := range l.plan.fields {
		f := &l.plan.fields[i]
		named := slices.Contains(in.Named, f.Name)
		if l.NamedOnly && !named {
			out[i].Reason = NotNamed
			continue
		}
		r := result{fieldPlan: f, named: named, asked: named || in.Default}
		j.field(&r)
		out[i] = Answer{By: r.by, Reason: r.reason, Lifted: j.lifted(f.cell)}
		if r.by != nil {
			out[i].Decision = j.rested(r.by, f)
			if j.restrict(&r, stepGuard, stepEnd) {
				out[i].Guarded = r.reason
			}
		}
	}
	return out
}

// rested reports whether a provision opened a field by a recorded decision.
func (j *join) rested(by *Provision, f *fieldPlan) bool {
	for _, c := range j.candidates(f) {
		if c.Provision == by {
			return c.decided || f.decided && !j.lifted(f.cell)
		}
	}
	return false
}

// Guard returns why a restriction of the last steps would withhold a field
// that the adjustments released, or "".
func (l *Plan) Guard(field int, in *facts.Input, v Verdict) gateway.Reason {
	j := &join{Policy: l.policy, in: in, v: v.v, plan: l.plan}
	r := result{fieldPlan: &l.plan.fields[field]}
	if j.restrict(&r, stepGuard, stepEnd) {
		return r.reason
	}
	return ""
}

// Adjustments returns the adjustments of a change that hold by a verdict.
func (l *Plan) Adjustments(c Change, v Verdict) []*Provision {
	j := &join{Policy: l.policy, v: v.v}
	return slices.DeleteFunc(j.holding(setAdjustment), func(p *Provision) bool { return p.Change != c })
}

// MayCarry reports whether the carrier rule can release a field that was
// withheld for a reason on the basis that opened another. It may say yes too
// often, never no too often: which reason a field gets also depends on what
// else is claimed.
func (l *Plan) MayCarry(rule, by *Provision, field int, why gateway.Reason) bool {
	f := &l.plan.fields[field]
	after := []gateway.Reason{Stale, Public, ByHand, NoDecision, Private, Excluded, NoBasis}
	return f.Class == rule.Class && f.admitted && !slices.Contains(rule.ExceptCells, f.cell) &&
		(slices.Contains(rule.Reasons, why) || slices.Contains(after, why) || l.restrictedAtNoBasis(field, why)) &&
		opensAll(by, l.Fields[field].Rules)
}

// restrictedAtNoBasis reports whether a reason may come from a restriction
// that stands where no basis opens, which another claim can pass by.
func (l *Plan) restrictedAtNoBasis(field int, why gateway.Reason) bool {
	return slices.ContainsFunc(l.plan.fields[field].restrictions, func(i int) bool {
		p := l.policy.register.sets[setRestriction][i]
		return p.Step >= stepBases && gateway.Reason(p.Code) == why
	})
}
