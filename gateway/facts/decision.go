package facts

import (
	"slices"
	"time"

	"sluss/gateway"
)

// fieldRelease is the kind of a decision that ceiling R needs where the basis
// itself needs none (domain, Section 12).
const fieldRelease = "field_release"

type standings map[gateway.Basis]map[gateway.Field]Standing

// decisions says how the person's recorded decisions stand in this request:
// those of the kind their basis needs, and those of kind field_release. A
// basis that is not claimed has none, not even one that is tried unclaimed.
func (r request) decisions(p Person) (own, release standings) {
	own, release = standings{}, standings{}
	for i := range p.Decisions {
		d := &p.Decisions[i]
		need, known := r.tables.Bases[d.Basis]
		if !known || !slices.Contains(r.q.Claimed, d.Basis) {
			continue
		}
		standing := r.decisionStanding(d, need, p)
		if standing == None {
			continue
		}
		if need.Kind != "" && d.Kind == need.Kind {
			own.add(d, standing)
		}
		if d.Kind == fieldRelease {
			release.add(d, standing)
		}
	}
	return own, release
}

// unclaimed returns the bases on which decisions are recorded that would stand
// if the question claimed them.
func (q Question) unclaimed(p Person, t *Tables, now time.Time) []gateway.Basis {
	var out []gateway.Basis
	for i := range p.Decisions {
		d := &p.Decisions[i]
		need, known := t.Bases[d.Basis]
		if !known || slices.Contains(q.Claimed, d.Basis) || slices.Contains(out, d.Basis) {
			continue
		}
		if (request{q: q, tables: t, today: Today(now), now: now}).decisionStanding(d, need, p) == InForce {
			out = append(out, d.Basis)
		}
	}
	return out
}

// add notes a standing for each field that a decision names; the best of
// several decisions counts.
func (s standings) add(d *Decision, standing Standing) {
	fields := s[d.Basis]
	if fields == nil {
		fields = make(map[gateway.Field]Standing, len(d.Fields))
		s[d.Basis] = fields
	}
	for _, f := range d.Fields {
		if fields[f] != InForce {
			fields[f] = standing
		}
	}
}

// decisionStanding says how a decision stands, whatever its kind and fields
// (domain, Section 12).
func (r request) decisionStanding(d *Decision, need Need, p Person) Standing {
	q := r.q
	switch {
	case !d.Release,
		d.Waits,
		d.Discloser != q.Discloser.Agency,
		d.Purpose != q.Purpose,
		!d.Recipient.is(q.Actor.Agency, q.Actor.Role, q.Actor.User),
		q.Actor.Role == roleGuardian && d.Recipient.User == "", // it must name the guardian
		d.By.Agency != d.Discloser,
		!r.tables.decides(d.By.Role, d.By.Agency),
		d.By.User == "",
		d.By.User == q.Actor.User, // nobody decides on what he then reads
		!d.hasFacts(need),
		d.From == 0 || d.To == 0 || r.today < d.From:
		return None
	}
	ground := r.groundStanding(d, need, p)
	if ground == InForce && (d.Lapsed || r.today > d.To) {
		return OutOfDate
	}
	return ground
}

func (d *Decision) hasFacts(need Need) bool {
	for name, c := range need.Facts {
		if !c.holds(d.Facts[name]) {
			return false
		}
	}
	return true
}

// groundStanding says whether a decision names the ground its basis asks for,
// and whether that is still fresh. Ground 1 is the person's age; the others
// are dated.
func (r request) groundStanding(d *Decision, need Need, p Person) Standing {
	switch need.Ground {
	case NoGround:
		return InForce
	case Numbered:
		if d.Ground == 1 && p.under(r.tables.Limits.Age.ChildUnder, r.today) {
			return InForce
		}
		if d.Ground < 2 || d.Ground > 4 {
			return None
		}
	case Fresh:
	default:
		return None
	}
	switch {
	case d.GroundDated == 0 || d.GroundDated > r.today:
		return None
	case d.GroundDated.AddMonths(r.tables.Limits.Decision.GroundMonths) < r.today:
		return OutOfDate
	}
	return InForce
}
