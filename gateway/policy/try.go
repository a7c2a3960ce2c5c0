package policy

import (
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// answer is what trying one basis gives (domain, Section 16.4).
type answer int

const (
	no answer = iota
	opens
	outOfDate
	byHand
	noDecision
)

// tryAll tries the bases that could open a field, in the order of the flow,
// until one does.
func (j *join) tryAll(f *fieldPlan) (*Provision, tried) {
	var t tried
	for i := range j.candidates(f) {
		c := &j.candidates(f)[i]
		claimed := slices.Contains(j.in.Claimed, c.Basis)
		if !j.v.holds(setGrant, c.grant) || c.ClaimNeeded && !claimed && j.glass == nil {
			continue
		}
		a := j.try(c, f)
		switch a {
		case opens:
			return c.Provision, tried{}
		case outOfDate:
			t.outOfDate = true
		case byHand:
			t.byHand = true
		case noDecision:
			t.noDecision = true
		}
		t.claimed = t.claimed || claimed && a != no
	}
	return nil, t
}

func (j *join) candidates(f *fieldPlan) []candidate {
	if j.glass != nil {
		return f.emergency
	}
	return f.candidates
}

// try tries one basis that holds in this request: steps 4 to 8.
func (j *join) try(c *candidate, f *fieldPlan) answer {
	if c.manual || slices.ContainsFunc(c.byHand, func(i int) bool { return j.v.holds(setByHand, i) }) {
		if j.glass != nil {
			return no // nobody is there to decide by hand
		}
		return byHand
	}
	if c.Consent {
		switch j.consent(f) {
		case facts.InForce:
		case facts.OutOfDate:
			return outOfDate
		default:
			return no
		}
	}
	switch {
	case c.decided:
		return standing(j.in.Decision[c.Basis][f.Name])
	case f.decided && !j.lifted(f.cell):
		return standing(j.in.FieldRelease[c.Basis][f.Name])
	}
	return opens
}

// consent says how the person's consent stands for a field: the best of what
// is said about its class and about its class with sub-class.
func (j *join) consent(f *fieldPlan) facts.Standing {
	best := facts.None
	for _, class := range f.consents {
		switch j.in.Consent[class] {
		case facts.InForce:
			return facts.InForce
		case facts.OutOfDate:
			best = facts.OutOfDate
		}
	}
	return best
}

// standing turns how a recorded decision stands into an answer.
func standing(s facts.Standing) answer {
	switch s {
	case facts.InForce:
		return opens
	case facts.OutOfDate:
		return outOfDate
	}
	return noDecision
}

// curable reports whether a person at the discloser could still open a field.
func (j *join) curable(r *result) bool {
	return r.by == nil && r.tried.any() && r.admitted && slices.Contains(j.constants.Curable, r.reason)
}

// firstReason returns the first of order among the reasons of fields.
func firstReason(order []gateway.Reason, fields []*result) gateway.Reason {
	for _, reason := range order {
		if slices.ContainsFunc(fields, func(r *result) bool { return r.reason == reason }) {
			return reason
		}
	}
	return ""
}
