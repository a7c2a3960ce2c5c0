package policy

import (
	"slices"

	"sluss/gateway"
)

// stopped makes the decision that a stage ends.
func (j *join) stopped(d *Decision, by *Provision) {
	d.outcome, d.reason, d.stage, d.number = by.Outcome, gateway.Reason(by.Code), by.ID, by.Stage
	d.obligations = j.obligations(d, by.Stage)
}

// firstStop returns the provision of the lowest stage that stops, if any.
func (j *join) firstStop() *Provision {
	var first *Provision
	for i, p := range j.register.sets[setStop] {
		if j.v.holds(setStop, i) && (first == nil || p.Stage < first.Stage || p.Stage == first.Stage && p.Order < first.Order) {
			first = p
		}
	}
	return first
}

// finish makes the decision of the fields decided (domain, Section 16.5).
func (j *join) finish(d *Decision) {
	asked, curable := make([]*result, 0, len(j.fields)), []*result(nil)
	d.released, d.withheld = make([]released, 0, len(j.fields)), make([]Withheld, 0, len(j.fields))
	for i := range j.fields {
		r := &j.fields[i]
		if r.by != nil {
			d.released = append(d.released, released{r.fieldPlan, r.by})
		} else {
			d.withheld = append(d.withheld, Withheld{r.Name, r.reason, j.shown(r.reason)})
		}
		if r.asked {
			asked = append(asked, r)
		}
		if r.asked && j.curable(r) {
			curable = append(curable, r)
		}
		if r.by != nil && r.Cells {
			d.suppressed = slices.Clone(j.in.Table.Blanked)
		}
	}
	unreleased := slices.ContainsFunc(asked, func(r *result) bool { return r.by == nil })
	switch {
	case len(d.released) > 0 && j.glass != nil:
		d.outcome = j.glass.Outcome
	case len(d.released) > 0 && !unreleased && len(d.suppressed) == 0:
		d.outcome = gateway.Permit
	case len(d.released) > 0:
		d.outcome = gateway.Partial
	case j.glass != nil:
		d.outcome, d.reason = gateway.Deny, j.glass.Otherwise
	case len(curable) > 0:
		d.outcome, d.reason = gateway.Review, firstReason(j.constants.Curable, curable)
	default:
		d.outcome, d.reason = gateway.Deny, firstReason(j.constants.DenyOrder, asked)
	}
	d.obligations = j.obligations(d, 0)
}

// shown is what the recipient is told instead of a reason that would itself
// tell something.
func (j *join) shown(r gateway.Reason) gateway.Reason {
	if s, ok := j.constants.Shown[r]; ok {
		return s
	}
	return r
}

// obligations returns what must follow a decision, sorted, each once.
func (j *join) obligations(d *Decision, stage int) []gateway.Obligation {
	var out []gateway.Obligation
	for _, p := range j.holding(setObligation) {
		if slices.ContainsFunc(p.When, func(w When) bool { return j.arises(w, d, stage) }) {
			out = append(out, gateway.Obligation(p.Code))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// arises reports whether a result is one that an obligation follows.
func (j *join) arises(w When, d *Decision, stage int) bool {
	within := func(given, fits bool) bool { return !given || fits }
	return within(len(w.Outcomes) > 0, slices.Contains(w.Outcomes, d.outcome)) &&
		within(len(w.Reasons) > 0, slices.Contains(w.Reasons, d.reason)) &&
		!slices.Contains(w.ExceptReasons, d.reason) &&
		within(len(w.Stages) > 0, slices.Contains(w.Stages, stage)) &&
		within(w.ByFields, stage == 0) &&
		within(len(w.ReleasedClasses) > 0, slices.ContainsFunc(d.released, func(r released) bool {
			return slices.Contains(w.ReleasedClasses, r.field.Class)
		})) &&
		within(len(w.ReleasedBases) > 0, slices.ContainsFunc(d.released, func(r released) bool {
			return slices.Contains(w.ReleasedBases, r.by.Basis)
		})) &&
		within(w.NamedCouldOpen, slices.ContainsFunc(j.fields, func(r result) bool {
			return r.named && r.tried.claimed && j.curable(&r)
		}))
}
