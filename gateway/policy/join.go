package policy

import (
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// join makes one answer per field of what the provisions say and what the
// tables admit (domain, Sections 16.3 to 16.5). It holds the state of one
// decision.
type join struct {
	*Policy
	in     *facts.Input
	v      verdict
	plan   *plan
	glass  *Provision // the adjustment of break-glass, where it holds
	fields []result   // of the fields decided, in the order of the type
}

// result is the answer for one field.
type result struct {
	*fieldPlan
	asked  bool
	named  bool
	by     *Provision // the basis; nil unless released
	reason gateway.Reason
	tried  tried
}

// tried is what the bases answered that did not open a field (Section 16.4).
type tried struct {
	outOfDate, byHand, noDecision bool
	claimed                       bool // a claimed basis gave one of these answers
}

func (t tried) any() bool { return t.outOfDate || t.byHand || t.noDecision }

// decide decides the fields of the plan that the question is about.
func (j *join) decide(namedOnly bool) {
	j.fields = make([]result, 0, len(j.plan.fields))
	for i := range j.plan.fields {
		f := &j.plan.fields[i]
		named := slices.Contains(j.in.Named, f.Name)
		if namedOnly && !named {
			continue
		}
		r := result{fieldPlan: f, named: named, asked: named || j.in.Default}
		j.field(&r)
		j.fields = append(j.fields, r)
	}
	for _, a := range j.holding(setAdjustment) {
		switch a.Change {
		case Carry:
			j.carry(a)
		case Keep:
			j.keepTogether(a)
		}
	}
	for i := range j.fields {
		j.restrict(&j.fields[i], stepGuard, stepEnd)
	}
}

// The steps of Section 16.3 between which restrictions stand.
const (
	stepFirst   = 1
	stepBases   = 6
	stepNoBasis = 8
	stepNamed   = 9
	stepGuard   = 11
	stepEnd     = 99
)

// field decides one field. The first reason that applies is the one recorded.
func (j *join) field(r *result) {
	switch {
	case !r.held:
		r.reason = NotHeld
	case r.Forbidden:
		r.reason = Forbidden
	case j.restrict(r, stepFirst, stepBases):
	default:
		j.open(r)
	}
}

// open tries the bases and, if one opens the field, what is left to hinder it.
func (j *join) open(r *result) {
	by, t := j.tryAll(r.fieldPlan)
	r.tried = t
	covered, declared := j.in.About[r.Name]
	switch {
	case by != nil && by.ThirdParty != "" && declared && !covered:
		r.reason = by.ThirdParty
	case by == nil && r.public && t.outOfDate:
		r.reason = Stale
	case by == nil && r.public:
		r.reason = Public
	case !r.admitted:
		r.reason = Ceiling
	case by == nil:
		j.unopened(r)
	case !j.namedAsNeeded(r):
		r.reason = NotNamed
	default:
		r.by = by
	}
}

// restrict withholds a field for the first restriction that holds, has it in
// reach and stands at a step from..to (excluded). It reports whether there was
// one. A field that is withheld keeps its reason.
func (j *join) restrict(r *result, from, to int) bool {
	if r.reason != "" {
		return false
	}
	for _, i := range r.restrictions {
		p := j.register.sets[setRestriction][i]
		if p.Step >= from && p.Step < to && j.v.holds(setRestriction, i) {
			r.by, r.reason = nil, gateway.Reason(p.Code)
			return true
		}
	}
	return false
}

// namedAsNeeded is step 9: some cells need the field named, with a reason.
func (j *join) namedAsNeeded(r *result) bool {
	if r.fieldPlan.named && !j.lifted(r.cell) {
		return r.named && j.in.Reason
	}
	return r.asked
}

// lifted reports whether break-glass lifts what a cell asks for.
func (j *join) lifted(cell string) bool {
	return j.glass != nil && slices.Contains(j.glass.LiftsCells, cell)
}

// unopened is step 8: no basis opens the field.
func (j *join) unopened(r *result) {
	switch {
	case r.tried.outOfDate:
		r.reason = Stale
	case r.tried.byHand:
		r.reason = ByHand
	case r.tried.noDecision:
		r.reason = NoDecision
	case j.restrict(r, stepNoBasis, stepNamed):
	case !j.plan.authority && slices.ContainsFunc(j.in.Claimed, j.forAuthorities):
		r.reason = Private
	case slices.ContainsFunc(j.in.Claimed, func(b gateway.Basis) bool { return j.plan.excluded[b] || r.overreach[b] != "" }):
		r.reason = Excluded
	default:
		r.reason = NoBasis
	}
}

// forAuthorities reports whether a basis reaches authorities only.
func (j *join) forAuthorities(b gateway.Basis) bool {
	return j.register.basisSays(b, func(p *Provision) bool { return p.AuthorityOnly })
}

// holding returns the provisions of a set that hold, by their order.
func (j *join) holding(set string) []*Provision {
	var out []*Provision
	for i, p := range j.register.sets[set] {
		if j.v.holds(set, i) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b *Provision) int { return a.Order - b.Order })
	return out
}

// carry is the carrier rule: with a field of another class released, what the
// recipient needs to use it is released on the same basis.
func (j *join) carry(rule *Provision) {
	i := slices.IndexFunc(j.fields, func(r result) bool { return r.by != nil && r.Class != rule.Class })
	if i < 0 {
		return
	}
	by := j.fields[i].by
	for k := range j.fields {
		r := &j.fields[k]
		covered, declared := j.in.About[r.Name]
		if r.by == nil && r.Class == rule.Class && r.asked && slices.Contains(rule.Reasons, r.reason) &&
			!slices.Contains(rule.ExceptCells, r.cell) && r.admitted && j.namedAsNeeded(r) &&
			opensAll(by, r.Origin[j.in.Discloser.Kind]) && (by.ThirdParty == "" || !declared || covered) {
			r.by, r.reason = by, ""
		}
	}
}

// keepTogether is the patient rule: without a field of the class, nothing is
// released, since what is left would tell that there is such a field.
func (j *join) keepTogether(rule *Provision) {
	if slices.ContainsFunc(j.fields, func(r result) bool { return r.by != nil && r.Class == rule.Class }) {
		return
	}
	for k := range j.fields {
		if r := &j.fields[k]; r.by != nil {
			r.by, r.reason = nil, rule.Reason
		}
	}
}
