package facts

import (
	"slices"

	"sluss/gateway"
)

// consents says for each class that a consent may name how the person's
// consents stand in this request. That a protected person's CON counts as PAD
// is the policy's to apply: the standing here is that of the class as named.
func (r request) consents(p Person) map[gateway.Class]Standing {
	out := make(map[gateway.Class]Standing, len(r.tables.Classes))
	for _, class := range r.tables.Classes {
		out[class] = None
	}
	if !r.tables.Purposes[r.q.Purpose] {
		return out
	}
	for i := range p.Consents {
		c := &p.Consents[i]
		if !slices.Contains(c.Purposes, r.q.Purpose) {
			continue
		}
		standing := r.standing(c, p)
		if standing == None {
			continue
		}
		for _, class := range r.tables.Classes {
			if out[class] != InForce && c.names(class) {
				out[class] = standing
			}
		}
	}
	return out
}

// names reports whether a consent names a class. One that names HLT names its
// functional part too, not the other way round.
func (c *Consent) names(class gateway.Class) bool {
	return slices.Contains(c.Classes, class) || class == functional && slices.Contains(c.Classes, "HLT")
}

// standing says how a consent stands between this discloser and this actor,
// whatever its classes and purposes (domain, Section 10, points 2 and 5–7).
func (r request) standing(c *Consent, p Person) Standing {
	actor, discloser := r.q.Actor, r.q.Discloser
	switch {
	case !named(c.Disclosers, discloser.Agency, discloser.Role, ""),
		!named(c.Recipients, actor.Agency, actor.Role, actor.User),
		slices.Contains(c.Excluded, actor.Agency),
		slices.Contains(c.Excluded, discloser.Agency),
		c.withdrawn(r),
		c.waits(actor.Agency, discloser.Agency),
		!r.capable(c, p),
		c.From == 0 || c.To == 0 || r.today < c.From:
		return None
	case c.Lapsed, r.today > c.To:
		return OutOfDate
	}
	return InForce
}

func (c *Consent) withdrawn(r request) bool {
	return !c.WithdrawnAt.IsZero() && !c.WithdrawnAt.After(r.now)
}

// waits reports whether this discloser's data would reach the recorder of the
// consent without anyone else having confirmed it.
func (c *Consent) waits(actor, discloser gateway.AgencyID) bool {
	return c.Waits != "" && c.Waits == actor && actor != discloser && !slices.Contains(c.ConfirmedBy, discloser)
}

// named reports whether a party is among those named, in its role.
func named(sides []Side, agency gateway.AgencyID, role gateway.Role, user gateway.Ref) bool {
	return slices.ContainsFunc(sides, func(s Side) bool { return s.is(agency, role, user) })
}

func (s Side) is(agency gateway.AgencyID, role gateway.Role, user gateway.Ref) bool {
	return s.Agency != "" && s.Agency == agency &&
		(s.Roles == nil || slices.Contains(s.Roles, role)) &&
		(s.User == "" || s.User == user)
}

// capable is point 6: whether those who gave the consent could give it. Of a
// person whose age is unknown nobody could.
func (r request) capable(c *Consent, p Person) bool {
	limits := r.tables.Limits
	if p.adult(limits.Age.ChildUnder, r.today) {
		return c.GivenBy == "subject" || c.GivenBy == "subject_and_guardian" || c.GivenBy == "representative"
	}
	if p.Birth == 0 {
		return false
	}
	switch c.GivenBy {
	case "subject":
		return c.Maturity && r.today.reached(p.Birth, limits.Consent.MinAgeAlone)
	case "guardian":
		return c.Maturity && c.byAllGuardians(p)
	case "subject_and_guardian":
		return c.byAllGuardians(p)
	}
	return false
}

// byAllGuardians reports whether every guardian who is not blocked, and no
// blocked one, gave the consent: two guardians act together (FB 6:13).
func (c *Consent) byAllGuardians(p Person) bool {
	able := 0
	for ref, g := range p.Guardians {
		if g.Blocked == slices.Contains(c.Guardians, ref) {
			return false
		}
		if !g.Blocked {
			able++
		}
	}
	return able > 0
}

// sip reports whether a consent in force names discloser, actor and CARE
// (domain, Section 16.2, stage 16).
func (r request) sip(p Person) bool {
	return r.tables.Purposes[care] && slices.ContainsFunc(p.Consents, func(c Consent) bool {
		return slices.Contains(c.Purposes, care) && r.standing(&c, p) == InForce
	})
}

// withdrawnSinceQueued reports whether the person withdrew a consent while the
// message waited, whomever it named (domain, Section 16.7).
func (r request) withdrawnSinceQueued(p Person) bool {
	return !r.q.QueuedAt.IsZero() && slices.ContainsFunc(p.Consents, func(c Consent) bool {
		return c.withdrawn(r) && !c.WithdrawnAt.Before(r.q.QueuedAt)
	})
}

// names reports whether an agency is named in any role.
func names(sides []Side, agency gateway.AgencyID) bool {
	return slices.ContainsFunc(sides, func(s Side) bool { return s.Agency == agency })
}
