package facts

import (
	"fmt"
	"slices"

	"sluss/gateway"
)

// attributes is about the person. What a statement leaves out stays as it was.
func (l *ledger) attributes(s *said, b *attributesBody) error {
	p := &l.person
	for _, f := range []func(*said, *attributesBody) error{l.age, l.marking, l.investigation, l.guardians} {
		if err := f(s, b); err != nil {
			return err
		}
	}
	flags := []struct {
		member gateway.Field
		value  *bool
		known  *Stated
		less   Stated // the value that opens less
	}{
		{"place_hidden", b.Hidden, &p.PlaceHidden, Yes},
		{"elevated_threat", b.Threat, &p.ElevatedThreat, Yes},
		{"psw", b.Security, &p.PersonalSecurity, Yes},
		{"in_sis_care", b.SisCare, &p.InSisCare, No},
	}
	for _, f := range flags {
		if f.value == nil {
			continue
		}
		v := Say(*f.value)
		if err := l.may(s, f.member, v == f.less); err != nil {
			return err
		}
		set := func(gateway.AgencyID, Footing) { *f.known = v }
		if v != f.less && *f.known == f.less && l.wait(s, f.member, lowers, nil, set) {
			continue
		}
		*f.known = v
	}
	return nil
}

func (l *ledger) age(s *said, b *attributesBody) error {
	if b.Birth != 0 {
		if err := l.may(s, "birth_date", false); err != nil {
			return err
		}
		l.person.Birth, l.person.Adult = b.Birth, false
	}
	if b.Adult != nil {
		if err := l.may(s, "adult", false); err != nil {
			return err
		}
		l.person.Birth, l.person.Adult = 0, true
	}
	return nil
}

// marking takes a stricter marking from any party; a looser one than is known
// waits (domain, Section 4).
func (l *ledger) marking(s *said, b *attributesBody) error {
	if b.Marking == nil {
		return nil
	}
	known, v := l.person.Marking, *b.Marking
	if err := l.may(s, "protection_marking", markings[v] > markings[known] && v != Unmarked); err != nil {
		return err
	}
	set := func(gateway.AgencyID, Footing) { l.person.Marking = v }
	if markings[v] < markings[known] && l.wait(s, "protection_marking", lowers, nil, set) {
		return nil
	}
	l.person.Marking = v
	return nil
}

// investigation is a municipality's own child investigation: it opens others'
// data to it, so it counts towards those who have countersigned.
func (l *ledger) investigation(s *said, b *attributesBody) error {
	if b.Investigating == nil {
		return nil
	}
	if err := l.may(s, "child_investigations", false); err != nil {
		return err
	}
	if slices.ContainsFunc(*b.Investigating, func(a agency) bool { return gateway.AgencyID(a) != s.Issuer }) {
		return fmt.Errorf("%w: an investigation of another municipality", ErrAuthority)
	}
	mine := func(i Investigation) bool { return i.Municipality == s.Issuer }
	l.person.Investigations = slices.DeleteFunc(l.person.Investigations, mine)
	if len(*b.Investigating) == 0 {
		return nil
	}
	waits := l.wait(s, "child_investigations", opensToStater, nil, func(with gateway.AgencyID, as Footing) {
		i := slices.IndexFunc(l.person.Investigations, mine)
		if i < 0 {
			return
		}
		open := &l.person.Investigations[i]
		open.ConfirmedBy = append(open.ConfirmedBy, with)
		open.Waits = open.Waits && as == discloser
	})
	l.person.Investigations = append(l.person.Investigations, Investigation{Municipality: s.Issuer, Waits: waits})
	return nil
}

// guardians replaces the list, if the stater has authority over it. A party
// that has none may add a block, and nothing else.
func (l *ledger) guardians(s *said, b *attributesBody) error {
	if b.Guardians == nil {
		return nil
	}
	if l.may(s, "guardians", false) == nil {
		clear(l.person.Guardians)
		for _, g := range *b.Guardians {
			l.person.Guardians[gateway.Ref(g.Guardian)] = Guardian{Blocked: *g.Blocked, Maturity: g.Maturity}
		}
		return nil
	}
	for _, g := range *b.Guardians {
		known := l.person.Guardians[gateway.Ref(g.Guardian)]
		narrows := *g.Blocked && (g.Maturity == known.Maturity || g.Maturity == "")
		if err := l.may(s, "guardians", narrows); err != nil {
			return fmt.Errorf("blocking a guardian: %w", err)
		}
		known.Blocked = true
		l.person.Guardians[gateway.Ref(g.Guardian)] = known
	}
	return nil
}
