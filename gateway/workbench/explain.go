package workbench

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// Explanation is a decision in words: what came out, for each field why, and
// what would have to be otherwise. It holds names of fields and opaque codes
// only, as the decision does.
type Explanation struct {
	Snapshot    string        `json:"snapshot"`
	Outcome     string        `json:"outcome"`
	Means       string        `json:"means"`
	Reason      string        `json:"reason,omitempty"`
	ReasonMeans string        `json:"reason_means,omitempty"`
	Stops       []Speaks      `json:"stops,omitempty"` // stages that hold; the first one decided
	Fields      []FieldAnswer `json:"fields"`
	Obligations []Coded       `json:"obligations"`
	Known       []string      `json:"known"` // the facts that hold
	Change      []Alternative `json:"nearest,omitempty"`
	Asked       AskedInWords  `json:"asked"`
}

// AskedInWords is who asks whom for what.
type AskedInWords struct {
	Actor     string   `json:"actor"`
	Discloser string   `json:"discloser"`
	Type      string   `json:"type"`
	Purpose   string   `json:"purpose"`
	Claimed   []string `json:"claimed,omitempty"`
	Named     []string `json:"named,omitempty"`
	Default   bool     `json:"default"`
}

// Coded is a code with what it means.
type Coded struct {
	Code  string `json:"code"`
	Means string `json:"means"`
}

// Speaks is a provision that speaks for or against, and which of its conditions
// do not hold.
type Speaks struct {
	ID         string   `json:"id"`
	Basis      string   `json:"basis,omitempty"`
	Statute    string   `json:"statute"`
	Title      string   `json:"title"`
	Answer     string   `json:"answer,omitempty"`
	Why        string   `json:"why,omitempty"`
	Conditions []string `json:"conditions,omitempty"` // that hold (a stage) or that fail (a basis)
}

// FieldAnswer is the answer for one field.
type FieldAnswer struct {
	Field    string        `json:"field"`
	Class    string        `json:"class"`
	Rules    []string      `json:"rules"`
	Released bool          `json:"released"`
	On       *Speaks       `json:"on,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Means    string        `json:"means,omitempty"`
	Ceiling  string        `json:"ceiling"`
	Against  []Speaks      `json:"against,omitempty"`
	Tried    []Speaks      `json:"tried,omitempty"`
	Nearest  []Alternative `json:"nearest,omitempty"`
}

// Alternative is a least set of changes under which a field would be released,
// or a stopped decision go on, as deciding again has shown.
type Alternative struct {
	Changes []string `json:"changes"`
	Basis   string   `json:"basis,omitempty"` // the field would be released on
	Outcome string   `json:"outcome"`         // of the whole decision then
}

// ExplainOptions say what of a decision is explained, and how.
type ExplainOptions struct {
	Language Language
	Field    gateway.Field // only this one; "" for all
}

// explainer explains one decision.
type explainer struct {
	*Pack
	ctx   context.Context
	in    facts.Input
	parts *policy.Conditions
	words glossary
	l     Language
}

// Explain takes a decision on an input and puts it into words. A field that is
// neither of the type nor named is an error.
func (p *Pack) Explain(ctx context.Context, in facts.Input, o ExplainOptions) (Explanation, error) {
	t, err := p.Policy.Trace(ctx, in)
	if err != nil {
		return Explanation{}, err
	}
	parts, err := p.Policy.Conditions(p.Snapshot.FS())
	if err != nil {
		return Explanation{}, err
	}
	e := explainer{p, ctx, in, parts, p.glossary(), o.Language}
	x := e.whole(t)
	for _, s := range t.Stops {
		one, err := e.stop(s)
		if err != nil {
			return Explanation{}, err
		}
		x.Stops = append(x.Stops, one)
	}
	for _, f := range t.Fields {
		if o.Field != "" && f.Name != o.Field {
			continue
		}
		one, err := e.field(f)
		if err != nil {
			return Explanation{}, err
		}
		x.Fields = append(x.Fields, one)
	}
	if o.Field != "" && len(x.Fields) == 0 && len(t.Stops) == 0 {
		return Explanation{}, fmt.Errorf("the decision says nothing about a field %q; it has %s", o.Field, names(t.Fields))
	}
	if len(t.Stops) > 0 {
		x.Change, err = e.nearest(policy.TracedField{})
	}
	return x, err
}

func names(fields []policy.TracedField) string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = string(f.Name)
	}
	return strings.Join(out, ", ")
}

// whole explains what is of the decision as a whole.
func (e *explainer) whole(t policy.Trace) Explanation {
	d := t.Decision
	x := Explanation{Snapshot: d.Snapshot().String(), Outcome: string(d.Outcome()), Means: e.words.word("outcomes", string(d.Outcome()), e.l),
		Fields: []FieldAnswer{}, Obligations: []Coded{}, Known: []string{}}
	if r := string(d.Reason()); r != "" {
		x.Reason, x.ReasonMeans = r, e.words.word("reasons", r, e.l)
	}
	for _, o := range d.Obligations() {
		x.Obligations = append(x.Obligations, Coded{string(o), e.words.word("obligations", string(o), e.l)})
	}
	for _, f := range factsOf(&e.in) {
		if f.get() {
			x.Known = append(x.Known, e.words.fact(f.name, true, e.l))
		}
	}
	x.Asked = AskedInWords{Actor: e.party(e.in.Actor), Discloser: e.party(e.in.Discloser), Type: e.typeName(e.in.Type),
		Purpose: e.words.coded("purposes", string(e.in.Purpose), e.l), Default: e.in.Default}
	for _, b := range e.in.Claimed {
		x.Asked.Claimed = append(x.Asked.Claimed, string(b))
	}
	for _, f := range e.in.Named {
		x.Asked.Named = append(x.Asked.Named, string(f))
	}
	return x
}

func (e *explainer) party(p facts.Party) string {
	return e.words.role(p.Role, e.l) + ", " + e.words.word("kinds", string(p.Kind), e.l)
}

func (e *explainer) typeName(t gateway.MessageType) string {
	if m, ok := e.Catalogue.Newest(t); ok {
		return string(t) + " (" + m.Code + ", " + m.Title + ")"
	}
	return string(t)
}

// provision names a provision.
func (e *explainer) provision(p *policy.Provision) Speaks {
	s := Speaks{ID: p.ID, Statute: p.Statute, Title: e.l.pick(p.Titles.SV, p.Titles.EN)}
	if p.Basis != "" && string(p.Basis) != p.ID {
		s.Basis = string(p.Basis)
	}
	return s
}

// stop explains a stage that holds by the conditions that make it hold.
func (e *explainer) stop(p *policy.Provision) (Speaks, error) {
	s := e.provision(p)
	s.Answer, s.Why = p.Code, e.words.word("reasons", p.Code, e.l)
	return s, e.conditions(&s, p, true)
}

// conditions adds the conditions of a provision that hold, or that do not.
func (e *explainer) conditions(s *Speaks, p *policy.Provision, holding bool) error {
	all, err := e.parts.Of(e.ctx, p.ID, e.in)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Holds == holding {
			s.Conditions = append(s.Conditions, e.words.condition(narrowed(c), e.l))
		}
	}
	return nil
}

// narrowed keeps of a named condition what makes it hold or fail.
func narrowed(c policy.Condition) policy.Condition {
	held := c.Holds != c.Not // the condition behind "not"
	var ways [][]policy.Condition
	for _, way := range c.Any {
		var kept []policy.Condition
		failed := slices.ContainsFunc(way, func(one policy.Condition) bool { return !one.Holds })
		for _, one := range way {
			if one.Holds == held {
				kept = append(kept, narrowed(one))
			}
		}
		if failed != held && len(kept) > 0 {
			ways = append(ways, kept)
		}
	}
	if len(ways) > 0 && !(c.Not && c.Holds) {
		c.Any = ways
	}
	return c
}

// field explains the answer for one field.
func (e *explainer) field(f policy.TracedField) (FieldAnswer, error) {
	a := FieldAnswer{Field: string(f.Name), Class: e.class(f), Rules: []string{}, Released: f.By != nil,
		Ceiling: f.Cell + ": " + e.words.word("cells", f.Cell, e.l)}
	for _, r := range f.Rules {
		a.Rules = append(a.Rules, rule(r))
	}
	if f.By != nil {
		on := e.provision(f.By)
		a.On = &on
	} else {
		a.Reason, a.Means = string(f.Reason), e.words.word("reasons", string(f.Reason), e.l)
	}
	for _, p := range f.Against {
		s := e.provision(p)
		if err := e.conditions(&s, p, true); err != nil {
			return a, err
		}
		a.Against = append(a.Against, s)
	}
	for _, t := range f.Tried {
		s, err := e.attempt(f, t)
		if err != nil {
			return a, err
		}
		a.Tried = append(a.Tried, s)
	}
	var err error
	if f.By == nil {
		a.Nearest, err = e.nearest(f)
	}
	return a, err
}

func (e *explainer) class(f policy.TracedField) string {
	s := e.words.coded("classes", string(f.Class), e.l)
	if f.Subclass != "" {
		s += ", " + f.Subclass
	}
	if f.Effective != f.Class {
		s += e.l.pick("; räknas som ", "; counts as ") + e.words.coded("classes", string(f.Effective), e.l)
	}
	return s
}

// rule writes a secrecy rule as lawyers do: OSL 26:1.
func rule(r gateway.Rule) string {
	if strings.HasPrefix(string(r), "SoL") {
		return string(r)
	}
	return "OSL " + string(r)
}

// attempt explains what a basis answered.
func (e *explainer) attempt(f policy.TracedField, t policy.Attempt) (Speaks, error) {
	s := e.provision(t.Provision)
	s.Answer = string(t.Response)
	switch t.Response {
	case policy.Opens:
		s.Why = e.l.pick("öppnar", "opens")
	case policy.NotReachedBy:
		s.Why = e.l.pick("hade öppnat, men en grund före den gjorde det", "would have opened; a basis before it did")
	case policy.NotInForce:
		s.Why = e.l.pick("samtycket eller beslutet har gått ut", "the consent or decision is out of date")
	case policy.HandDecides:
		s.Why = e.l.pick("prövas för hand av en människa", "is decided by hand, by a person") + e.byHand(t)
	case policy.Undecided:
		s.Why = e.l.pick("inget gällande beslut av slag "+t.Kind+" nämner uppgiften", "no recorded decision of kind "+t.Kind+" in force names the field")
	case policy.NoConsent:
		s.Why = e.l.pick("inget samtycke omfattar klass "+string(f.Effective), "no consent covers class "+string(f.Effective))
	case policy.Unclaimed:
		s.Why = e.l.pick("åberopas inte", "is not claimed")
	case policy.LacksRule:
		s.Why = e.l.pick("öppnar inte ", "does not open ") + rules(t.Lacks)
	case policy.OutOfReach:
		s.Why = e.l.pick("handlar inte om den här uppgiften", "is not about this field")
	case policy.ToAuthority:
		s.Why = e.l.pick("når bara myndigheter", "reaches authorities only")
	case policy.NotThisWay:
		s.Why = e.l.pick("går aldrig genom gatewayen i ett sådant fall", "is never used through the gateway in such a case")
	case policy.Fails:
		s.Why = e.l.pick("ett villkor är inte uppfyllt", "a condition does not hold")
		return s, e.conditions(&s, t.Provision, false)
	}
	return s, nil
}

func (e *explainer) byHand(t policy.Attempt) string {
	var why []string
	for _, h := range t.ByHand {
		why = append(why, e.l.pick(h.Titles.SV, h.Titles.EN))
	}
	if len(why) == 0 {
		return ""
	}
	return " (" + strings.Join(why, "; ") + ")"
}

func rules(list []gateway.Rule) string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = rule(r)
	}
	return strings.Join(out, ", ")
}
