package facts

import (
	"fmt"
	"maps"
	"slices"

	"sluss/gateway"
)

// caseState is about the case and who is responsible for it. The responsible
// municipality says so in full, before there is one the municipality that opens
// the case. Of any other municipality's word only that counts which is about
// itself: that it takes over, and what it claims.
func (l *ledger) caseState(s *said, b *caseBody) error {
	c := &l.person.Case
	opens := l.opens(s)
	if c.State == "" && !opens {
		return fmt.Errorf("%w: nobody has opened the case", ErrAuthority)
	}
	to := gateway.AgencyID(b.Responsible)
	if !opens && s.Issuer != c.Responsible {
		if to != s.Issuer && to != c.Responsible {
			return fmt.Errorf("%w: responsibility of another municipality", ErrAuthority)
		}
		if err := l.claim(s, b); err != nil {
			return err
		}
		return l.responsible(s, to)
	}
	for _, member := range []gateway.Field{"state", "parties", "receiving_municipality", "previous_municipalities", "acute_stay_municipality"} {
		if _, stated := s.Fields[member]; !stated {
			continue
		}
		if err := l.may(s, member, false); err != nil {
			return err
		}
	}
	c.State, c.Parties, c.Previous = b.State, agencies(b.Parties), agencies(b.Previous)
	c.Receiving, c.AcuteStay, c.Lapsed = gateway.AgencyID(b.Receiving), gateway.AgencyID(b.AcuteStay), false
	if opens {
		c.Responsible = s.Issuer
	}
	if opens || c.Waits == s.Issuer {
		l.waitForParty(s)
	}
	if err := l.claim(s, b); err != nil {
		return err
	}
	return l.responsible(s, to)
}

// waitForParty lets the municipality that opened the case gain nothing by its
// own word until another party agrees.
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
	c := &l.person.Case
	c.Claims = slices.DeleteFunc(c.Claims, func(cl Claim) bool { return cl.Municipality == s.Issuer })
	if b.Claim == "" {
		return nil
	}
	if err := l.may(s, "claim_source", false); err != nil {
		return err
	}
	waits := c.Responsible != s.Issuer && l.wait(s, "claim_source", opensToStater, nil, func(gateway.AgencyID, Footing) {
		for i := range c.Claims {
			c.Claims[i].Pending = c.Claims[i].Pending && c.Claims[i].Municipality != s.Issuer
		}
	})
	c.Claims = append(c.Claims, Claim{Municipality: s.Issuer, Source: b.Claim, Pending: waits})
	return nil
}

// responsible is a change of responsibility: it counts when the municipality
// that hands over and the one that takes over have both stated it.
func (l *ledger) responsible(s *said, to gateway.AgencyID) error {
	from := l.person.Case.Responsible
	if m := l.moves[s.Issuer]; m != nil && to == from { // who would take over has changed its mind
		m.new = false
	}
	if s.Issuer == from { // who hands over has changed its mind about anybody else
		for _, m := range l.moves {
			m.old = false
		}
	}
	if to == from {
		return nil
	}
	if err := l.may(s, "responsible_municipality", false); err != nil {
		return err
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
	has := func(a gateway.AgencyID) bool {
		return slices.ContainsFunc(out, func(cl Claim) bool { return cl.Municipality == a })
	}
	for _, to := range slices.Sorted(maps.Keys(l.moves)) {
		if m := l.moves[to]; m.new && !m.old && !has(to) {
			out = append(out, Claim{Municipality: to, Source: "case", Pending: true})
		}
	}
	if len(out) > 0 && !has(c.Responsible) {
		out = append(out, Claim{Municipality: c.Responsible, Source: "case"})
	}
	return out
}
