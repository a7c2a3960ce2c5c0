package workbench

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// factOf is one named fact of an input.
type factOf struct {
	name string
	get  func() bool
	set  func(bool)
}

// factsOf lists the named facts of an input.
func factsOf(in *facts.Input) []factOf {
	v := reflect.ValueOf(&in.Facts).Elem()
	var out []factOf
	for i := range v.NumField() {
		f := v.Field(i)
		out = append(out, factOf{v.Type().Field(i).Tag.Get("json"), f.Bool, f.SetBool})
	}
	return out
}

// change is one thing that could be otherwise in a question.
type change struct {
	words string
	cost  int // what is easier to bring about is cheaper
	do    func(*facts.Input)
}

// copied copies an input with everything that a change may touch.
func copied(in facts.Input) facts.Input {
	in.Claimed, in.Named = slices.Clone(in.Claimed), slices.Clone(in.Named)
	in.Consent, in.About = maps.Clone(in.Consent), maps.Clone(in.About)
	in.Decision, in.FieldRelease = cloned(in.Decision), cloned(in.FieldRelease)
	return in
}

func cloned(m map[gateway.Basis]map[gateway.Field]facts.Standing) map[gateway.Basis]map[gateway.Field]facts.Standing {
	out := maps.Clone(m)
	for b, fields := range out {
		out[b] = maps.Clone(fields)
	}
	return out
}

// with returns the decision under some changes.
func (e *explainer) with(changes []change) (policy.Decision, error) {
	in := copied(e.in)
	for _, c := range changes {
		c.do(&in)
	}
	slices.Sort(in.Claimed)
	slices.Sort(in.Named)
	in.Claimed, in.Named = slices.Compact(in.Claimed), slices.Compact(in.Named)
	return e.Policy.DecideInput(e.ctx, in)
}

// cures reports whether a field is released under some changes, or, for "",
// whether no stage ends the decision.
func (e *explainer) cures(field gateway.Field, changes []change) (policy.Decision, bool, error) {
	d, err := e.with(changes)
	if err != nil {
		return d, false, err
	}
	if field == "" {
		return d, d.Stage() == "", nil
	}
	_, ok := d.Allows(field)
	return d, ok, nil
}

// maxAlternatives is how many ways are told.
const maxAlternatives = 3

// nearest searches for the least changes under which a field would be released:
// along each basis of the flow everything that the basis could need is given at
// once, where that is not enough one further thing (for a stage also two), and
// then whatever turns out not to be needed is taken away again. Each alternative is
// the result of deciding again, not of reasoning.
func (e *explainer) nearest(f policy.TracedField) ([]Alternative, error) {
	var found []Alternative
	var costs []int
	field, deepest := f.Name, 1
	switch {
	case field == "":
		deepest = 2
	case !f.Held || f.Forbidden:
		return nil, nil // whatever is asked and known
	}
	further := e.further()
	for depth := range deepest + 1 {
		for _, path := range e.paths(f) {
			set, err := e.enough(field, path, further, depth)
			if err != nil {
				return nil, err
			}
			if set == nil {
				continue
			}
			alt, cost, err := e.least(field, set)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(found, func(a Alternative) bool { return slices.Equal(a.Changes, alt.Changes) }) {
				found, costs = append(found, alt), append(costs, cost)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	order := make([]int, len(found))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, k int) int { return costs[i] - costs[k] })
	var out []Alternative
	for _, i := range order[:min(len(order), maxAlternatives)] {
		out = append(out, found[i])
	}
	return out, nil
}

// enough returns the changes of a path with so many further ones that together
// are enough, or nil.
func (e *explainer) enough(field gateway.Field, path, further []change, depth int) ([]change, error) {
	if depth == 0 {
		_, ok, err := e.cures(field, path)
		if !ok {
			path = nil
		}
		return path, err
	}
	for i, c := range further {
		set, err := e.enough(field, append(slices.Clip(path), c), further[i+1:], depth-1)
		if set != nil || err != nil {
			return set, err
		}
	}
	return nil, nil
}

// least takes away what is not needed, the dearest first.
func (e *explainer) least(field gateway.Field, set []change) (Alternative, int, error) {
	set = slices.Clone(set)
	slices.SortStableFunc(set, func(a, b change) int { return b.cost - a.cost })
	for i := 0; i < len(set); {
		less := slices.Delete(slices.Clone(set), i, i+1)
		_, ok, err := e.cures(field, less)
		if err != nil {
			return Alternative{}, 0, err
		}
		if ok {
			set = less
		} else {
			i++
		}
	}
	d, _, err := e.cures(field, set)
	a := Alternative{Outcome: string(d.Outcome()), Changes: []string{}}
	cost := 0
	slices.SortStableFunc(set, func(a, b change) int { return a.cost - b.cost })
	for _, c := range set {
		a.Changes, cost = append(a.Changes, c.words), cost+c.cost
	}
	if b, ok := d.Allows(field); ok {
		a.Basis = string(b)
	}
	return a, cost, err
}

// paths lists for each basis of the flow what it could need to open a field.
// Bases that cannot open what covers the field need nothing that could be given.
func (e *explainer) paths(f policy.TracedField) [][]change {
	if f.Name == "" {
		return [][]change{nil}
	}
	asking := e.asking(f.Name)
	out := [][]change{asking}
	for _, t := range f.Tried {
		if slices.Contains([]policy.Response{policy.LacksRule, policy.ToAuthority, policy.NotThisWay}, t.Response) || t.Provision.Way == policy.Manual {
			continue
		}
		out = append(out, append(slices.Clone(asking), e.along(t.Provision, f.Name)...))
	}
	return out
}

// asking is what the question itself could say of a field.
func (e *explainer) asking(field gateway.Field) []change {
	var out []change
	if !slices.Contains(e.in.Named, field) {
		out = append(out, change{e.l.pick("uppgiften begärs vid namn", "name the field"), 1, func(in *facts.Input) { in.Named = append(in.Named, field) }})
	}
	if !e.in.Reason {
		out = append(out, change{e.l.pick("ett skäl anges", "give a reason"), 1, func(in *facts.Input) { in.Reason = true }})
	}
	if covered, declared := e.in.About[field]; declared && !covered {
		out = append(out, change{e.l.pick("ett samtycke från var och en av de andra personer som uppgiften rör",
			"a consent of each of the other persons whom the field is about"), 4, func(in *facts.Input) { in.About[field] = true }})
	}
	return out
}

// along is what one basis could need: to be claimed, a consent, a decision.
func (e *explainer) along(p *policy.Provision, field gateway.Field) []change {
	var out []change
	basis := p.Basis
	if p.ClaimNeeded && !slices.Contains(e.in.Claimed, basis) {
		out = append(out, change{fmt.Sprintf("%s %s (%s, %s)", e.l.pick("åberopa", "claim"), basis, p.Statute, e.l.pick(p.Titles.SV, p.Titles.EN)), 2,
			func(in *facts.Input) { in.Claimed = append(in.Claimed, basis) }})
	}
	if p.Consent {
		for _, class := range e.consents(field) {
			out = append(out, change{e.l.pick("ett gällande samtycke som omfattar klass "+string(class), "a consent in force naming class "+string(class)), 4,
				func(in *facts.Input) { in.Consent = put(in.Consent, class, facts.InForce) }})
		}
	}
	if p.Decision != nil {
		// A decision of the kind that the basis itself asks for.
		out = append(out, e.decided(p.Decision.Kind, p, field, func(in *facts.Input) *map[gateway.Basis]map[gateway.Field]facts.Standing { return &in.Decision }))
	}
	return append(out, e.decided(policy.FieldRelease, p, field,
		func(in *facts.Input) *map[gateway.Basis]map[gateway.Field]facts.Standing { return &in.FieldRelease }))
}

// consents lists the classes by which a consent could cover a field.
func (e *explainer) consents(field gateway.Field) []gateway.Class {
	t, ok := e.Catalogue.Newest(e.in.Type)
	if !ok {
		return nil
	}
	f, ok := t.Field(field)
	if !ok {
		return nil
	}
	class := f.Class
	if other := e.Catalogue.Tables().Classes[class].ProtectedAs; other != "" && e.in.Facts.Protected {
		class = other
	}
	if !e.Catalogue.Tables().Classes[class].Consentable {
		return nil
	}
	return []gateway.Class{class}
}

func put[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	m[k] = v
	return m
}

// decided is a recorded decision that names the field.
func (e *explainer) decided(kind string, p *policy.Provision, field gateway.Field, of func(*facts.Input) *map[gateway.Basis]map[gateway.Field]facts.Standing) change {
	return change{fmt.Sprintf(e.l.pick("ett gällande beslut av slag %s som nämner %s (på %s)", "a recorded decision of kind %s naming %s (on %s)"), kind, field, p.Basis), 3,
		func(in *facts.Input) {
			m := of(in)
			*m = put(*m, p.Basis, put((*m)[p.Basis], field, facts.InForce))
		}}
}

// further is what else could be otherwise: facts, the purpose, the guardian's
// maturity decision.
func (e *explainer) further() []change {
	var out []change
	for i, f := range factsOf(&e.in) {
		now := !f.get()
		out = append(out, change{e.words.fact(f.name, now, e.l), 6, func(in *facts.Input) {
			factsOf(in)[i].set(now)
			settle(in, f.name, now)
		}})
	}
	for _, p := range slices.Sorted(maps.Keys(e.Catalogue.Tables().Purposes)) {
		if p != e.in.Purpose {
			out = append(out, change{e.l.pick("ändamålet är ", "the purpose is ") + e.words.coded("purposes", string(p), e.l), 5, func(in *facts.Input) { in.Purpose = p }})
		}
	}
	for _, m := range []string{"joint", "guardian_alone"} {
		if e.in.Actor.Kind == gateway.Guardian && e.in.Maturity != m {
			out = append(out, change{e.l.pick("mognadsbeslutet säger ", "the maturity decision says ") + m, 5, func(in *facts.Input) { in.Maturity = m }})
		}
	}
	return append(out, e.shape()...)
}

// shape is what the form of the question could be.
func (e *explainer) shape() []change {
	var out []change
	if e.in.Bulk {
		out = append(out, change{e.l.pick("begäran gäller ett enda ärende", "the request is for a single case"), 2, func(in *facts.Input) { in.Bulk = false }})
	}
	if !e.in.Acute {
		out = append(out, change{e.l.pick("det är akut", "it is acute"), 5, func(in *facts.Input) { in.Acute = true }})
	}
	if e.in.Default {
		out = append(out, change{e.l.pick("standarduppsättningen begärs inte", "the default set is not asked for"), 1, func(in *facts.Input) { in.Default = false }})
	} else {
		out = append(out, change{e.l.pick("standarduppsättningen begärs", "the default set is asked for"), 1, func(in *facts.Input) { in.Default = true }})
	}
	for _, f := range e.in.Named {
		out = append(out, change{e.l.pick("begär inte ", "do not name ") + string(f), 1, func(in *facts.Input) {
			in.Named = slices.DeleteFunc(in.Named, func(n gateway.Field) bool { return n == f })
		}})
	}
	return out
}

// settle keeps together what cannot be said of one person in any other way.
func settle(in *facts.Input, name string, now bool) {
	switch name {
	case "asked":
		in.Initiative = gateway.ByDiscloser
		if now {
			in.Initiative = gateway.ByActor
		}
	case "under_18":
		in.Facts.Under21 = in.Facts.Under21 || now
	case "under_21":
		in.Facts.Under18 = in.Facts.Under18 && now
	}
}
