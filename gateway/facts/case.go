package facts

import (
	"fmt"
	"maps"
	"slices"

	"sluss/gateway"
)

// caseState is about the case and who is responsible for it. Only the
// responsible municipality says so, before there is one the municipality that
// opens the case; any municipality says what it claims.
func (l *ledger) caseState(s *said, b *caseBody) error {
	if l.opens(s) {
		return l.openCase(s, b)
	}
	if l.person.Case.State == "" {
		return fmt.Errorf("%w: nobody has opened the case", ErrAuthority)
	}
	c := &l.person.Case
	members := []struct {
		name   gateway.Field
		stated bool
		set    func()
	}{
		{"state", b.State != nil, func() { c.State = *b.State }},
		{"parties", b.Parties != nil, func() { c.Parties = agencies(*b.Parties) }},
		{"receiving_municipality", b.Receiving.stated, func() { c.Receiving = b.Receiving.agency }},
		{"previous_municipalities", b.Previous != nil, func() { c.Previous = agencies(*b.Previous) }},
		{"acute_stay_municipality", b.AcuteStay.stated, func() { c.AcuteStay = b.AcuteStay.agency }},
	}
	for _, m := range members {
		if !m.stated {
			continue
		}
		if err := l.may(s, m.name, false); err != nil {
			return err
		}
		m.set()
	}
	if c.Waits == s.Issuer && b.Parties != nil {
		l.waitForParty(s)
	}
	if err := l.claim(s, b); err != nil || !b.Responsible.stated {
		return err
	}
	return l.responsible(s, b.Responsible.agency)
}

// openCase makes the municipality that opens a case the one to state facts
// about the person; until another party agrees it gains nothing by its own
// word.
func (l *ledger) openCase(s *said, b *caseBody) error {
	for _, member := range []gateway.Field{"state", "parties", "responsible_municipality"} {
		if err := l.may(s, member, false); err != nil {
			return err
		}
	}
	if b.Parties == nil {
		return fmt.Errorf("%w: a case is opened with its parties", ErrStatement)
	}
	c := &l.person.Case
	c.State, c.Responsible, c.Parties = *b.State, s.Issuer, agencies(*b.Parties)
	c.Receiving, c.AcuteStay = b.Receiving.agency, b.AcuteStay.agency
	if b.Previous != nil {
		c.Previous = agencies(*b.Previous)
	}
	l.waitForParty(s)
	return l.claim(s, b)
}

func (l *ledger) waitForParty(s *said) {
	c := &l.person.Case
	if l.wait(s, "parties", addsStater, nil, func(gateway.AgencyID, Footing) { c.Waits = "" }) {
		c.Waits = s.Issuer
	}
}

// claim is what a municipality says of itself. It makes responsibility
// contested at once, and gives the municipality a relation to the person when
// somebody else agrees.
func (l *ledger) claim(s *said, b *caseBody) error {
	if b.Claim == nil {
		return nil
	}
	if err := l.may(s, "responsibility_claim", false); err != nil {
		return err
	}
	c := &l.person.Case
	c.Claims = slices.DeleteFunc(c.Claims, func(cl Claim) bool { return cl.Municipality == s.Issuer })
	if *b.Claim == "none" {
		return nil
	}
	waits := c.Responsible != s.Issuer && l.wait(s, "responsibility_claim", opensToStater, nil, func(gateway.AgencyID, Footing) {
		for i := range c.Claims {
			c.Claims[i].Pending = c.Claims[i].Pending && c.Claims[i].Municipality != s.Issuer
		}
	})
	c.Claims = append(c.Claims, Claim{Municipality: s.Issuer, Source: *b.Claim, Pending: waits})
	return nil
}

// responsible is a change of responsibility: it counts when the municipality
// that hands over and the one that takes over have both stated it.
func (l *ledger) responsible(s *said, to gateway.AgencyID) error {
	if err := l.may(s, "responsible_municipality", false); err != nil {
		return err
	}
	from := l.person.Case.Responsible
	if s.Issuer == from { // who hands over has changed its mind about anybody else
		for _, m := range l.moves {
			m.old = false
		}
	}
	if to == from {
		return nil
	}
	m := l.moves[to]
	if m == nil {
		m = &move{}
		l.moves[to] = m
	}
	agree := func(who gateway.AgencyID, _ Footing) {
		if l.person.Case.Responsible != from || l.moves[to] != m {
			return
		}
		m.old = m.old || who == from
		m.new = m.new || who == to
		if m.old && m.new {
			l.moveTo(to)
		}
	}
	if !l.wait(s, "responsible_municipality", responsibilityMoves, nil, agree) {
		agree(from, oldMunicipality)
		agree(to, newMunicipality)
	}
	agree(s.Issuer, own)
	return nil
}

func (l *ledger) moveTo(to gateway.AgencyID) {
	c := &l.person.Case
	if !slices.Contains(c.Previous, c.Responsible) {
		c.Previous = append(slices.Clone(c.Previous), c.Responsible)
	}
	c.Responsible, c.Waits = to, ""
	if c.Receiving == to {
		c.Receiving = ""
	}
	l.moves = map[gateway.AgencyID]*move{}
}

func (l *ledger) closure(s *said) error {
	if err := l.may(s, "*", false); err != nil {
		return err
	}
	l.person.Case.State = "closed"
	return nil
}

// claims lists what municipalities rest responsibility on. The responsible one
// claims the case as long as another does; one that would take over without
// the other's word claims it too.
func (l *ledger) claims() []Claim {
	c := l.person.Case
	out := slices.Clone(c.Claims)
	for _, to := range slices.Sorted(maps.Keys(l.moves)) {
		if m := l.moves[to]; m.new && !m.old {
			out = append(out, Claim{Municipality: to, Source: "case", Pending: true})
		}
	}
	has := func(a gateway.AgencyID) bool {
		return slices.ContainsFunc(out, func(cl Claim) bool { return cl.Municipality == a })
	}
	if len(out) > 0 && !has(c.Responsible) {
		out = append(out, Claim{Municipality: c.Responsible, Source: "case"})
	}
	return out
}
