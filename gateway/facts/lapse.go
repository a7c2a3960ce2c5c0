package facts

import (
	"maps"
	"slices"
	"time"

	"sluss/gateway"
)

// restored is when the database was restored last, zero if it never was.
func (r *Register) restored() time.Time {
	if n := len(r.cfg.Restored); n > 0 {
		return r.cfg.Restored[n-1]
	}
	return time.Time{}
}

// lapse is where, between two statements, the database was restored from a
// backup. What was stated so far opens nothing any more, and what narrows stays:
// withdrawals and exclusions, markings and hidden places, blocks and conflicts,
// who has authority, sequence numbers. What a statement opened opens again when
// it is stated anew, by who may state it, with the agreement of others where that
// is asked for. That there is a case opens, too: until its responsible
// municipality states it again in full, the person is as one not on record.
//
// When something was admitted is in the statement as it was encrypted, under
// the MAC of its state; no column of a row says so.
func (l *ledger) lapse() {
	l.person.lapse()
	for _, c := range l.consents {
		c.Lapsed = true
	}
	for _, d := range l.decided {
		d.Lapsed = true
	}
	for id, a := range l.assigned {
		a.Housing = false
		l.assigned[id] = a
	}
	for stater, v := range l.vettings {
		old := *v // the statement's own
		if old.Contracts = nil; old.Outcome == "approved" {
			old.Outcome = "pending"
		}
		l.vettings[stater] = &old
	}
	for person, u := range l.users {
		u.Assigned = false
		l.users[person] = u
	}
	// Half a change of responsibility is none; that somebody claims the case stays.
	for _, to := range slices.Sorted(maps.Keys(l.moves)) {
		if m := l.moves[to]; m.new && !slices.ContainsFunc(l.person.Case.Claims, func(c Claim) bool { return c.Municipality == to }) {
			l.person.Case.Claims = append(l.person.Case.Claims, Claim{Municipality: to, Source: "case", Pending: true})
		}
	}
	l.moves, l.waiting = map[gateway.AgencyID]*move{}, nil
}

func (p *Person) lapse() {
	p.Birth, p.Adult, p.Investigations = 0, false, nil
	if p.Marking == Unmarked {
		p.Marking = ""
	}
	for _, f := range []*Stated{&p.PlaceHidden, &p.ElevatedThreat, &p.PersonalSecurity} {
		if *f == No {
			*f = Unstated
		}
	}
	if p.InSisCare == Yes {
		p.InSisCare = Unstated
	}
	maps.DeleteFunc(p.Guardians, func(_ gateway.Ref, g Guardian) bool { return !g.Blocked })
	p.Case.Lapsed = p.Case.State != ""
	p.Case.Receiving, p.Case.AcuteStay = "", ""
	p.Case.Claims = slices.Clone(p.Case.Claims)
	for i := range p.Case.Claims {
		p.Case.Claims[i].Pending = true
	}
}
