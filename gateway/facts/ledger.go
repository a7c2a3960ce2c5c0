package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"sluss/gateway"
)

// ledger is what the statements of one state add up to, in the order in which
// they were admitted. A statement is applied only if its stater has authority
// by what was stated before it, each time it is read and not only when it was
// admitted: what no authority ever said opens nothing.
type ledger struct {
	tables   *Tables
	aliases  Aliases
	person   Person // without what lies in the maps below
	consents map[gateway.Ref]*recorded
	decided  map[gateway.Ref]*Decision
	assigned map[gateway.Ref]Assignment
	excluded map[gateway.Ref][]gateway.AgencyID // by consent; final
	moves    map[gateway.AgencyID]*move         // by the municipality that takes over
	waiting  []*waiting
	vettings map[gateway.AgencyID]*vettingBody
	users    map[gateway.Ref]User // by person
	seq      map[seqKey]int64
}

type seqKey struct {
	issuer gateway.AgencyID
	fact   string
}

// recorded is a consent and the statement that recorded it last.
type recorded struct {
	Consent
	stater gateway.AgencyID
}

// move is a change of responsibility that needs both municipalities.
type move struct{ old, new bool }

// waiting is a member of a statement that waits for countersignatures.
type waiting struct {
	said   *said
	member gateway.Field
	terms  Countersign
	sides  []gateway.AgencyID // whose data it would open; nil where that is not said
	agree  func(with gateway.AgencyID, as Footing)
}

func newLedger(t *Tables, aliases Aliases) *ledger {
	return &ledger{
		tables:   t,
		aliases:  aliases,
		person:   Person{Guardians: map[gateway.Ref]Guardian{}},
		consents: map[gateway.Ref]*recorded{},
		decided:  map[gateway.Ref]*Decision{},
		assigned: map[gateway.Ref]Assignment{},
		excluded: map[gateway.Ref][]gateway.AgencyID{},
		moves:    map[gateway.AgencyID]*move{},
		vettings: map[gateway.AgencyID]*vettingBody{},
		users:    map[gateway.Ref]User{},
		seq:      map[seqKey]int64{},
	}
}

// apply adds what a statement says: [ErrSequence] or [ErrAuthority] if it may
// not. After an error the ledger is of no more use.
func (l *ledger) apply(s *said) error {
	key := seqKey{s.Issuer, s.fact}
	if s.seq <= l.seq[key] {
		return ErrSequence
	}
	l.seq[key] = s.seq
	l.supersede(s)
	if !l.tables.belongs(s.Role, s.Issuer) {
		return fmt.Errorf("%w: the role is not one of the stater's", ErrAuthority)
	}
	switch b := s.body.(type) {
	case *consentBody:
		return l.consent(s, b)
	case *withdrawalBody:
		return l.withdrawal(s, b)
	case *decisionBody:
		return l.decision(s, b)
	case *vettingBody:
		return l.vetting(s, b)
	case *closureBody:
		return l.closure(s)
	case *caseBody:
		return l.caseState(s, b)
	case *attributesBody:
		return l.attributes(s, b)
	case *assignmentBody:
		return l.assignment(s, b)
	case *userBody:
		return l.user(s, b)
	case *countersignBody:
		return l.countersign(s, b)
	}
	return fmt.Errorf("%w: type %q", ErrStatement, s.Type)
}

// authority returns the table's entry for a member.
func (l *ledger) authority(s *said, member gateway.Field) Authority {
	rule := l.tables.Staters[s.Type]
	if a, ok := rule.Authority[member]; ok {
		return a
	}
	return rule.Authority["*"]
}

// may reports whether the stater has authority over a member: as the table
// says, or, if the value opens less than what is known, as one who may narrow.
func (l *ledger) may(s *said, member gateway.Field, narrows bool) error {
	a := l.authority(s, member)
	fits := func(standing []Footing, roles []gateway.Role) bool {
		return (len(roles) == 0 || slices.Contains(roles, s.Role)) &&
			slices.ContainsFunc(standing, func(f Footing) bool { return l.stands(s.Issuer, f, s) })
	}
	kind := len(a.Kinds) == 0 || slices.Contains(a.Kinds, s.Issuer.Kind())
	if kind && fits(a.Standing, a.Roles) {
		return nil
	}
	if n := a.Narrowing; narrows && n != nil && fits(n.Standing, n.Roles) && n.allows(s.Fields[member]) {
		return nil
	}
	return fmt.Errorf("%w: %s of %s", ErrAuthority, member, s.Type)
}

func (n *Narrowing) allows(value []byte) bool {
	return len(n.Value) == 0 || slices.ContainsFunc(n.Value, func(v json.RawMessage) bool { return bytes.Equal(v, value) })
}

// stands reports whether an agency has a footing in what s says.
func (l *ledger) stands(who gateway.AgencyID, f Footing, s *said) bool {
	c := l.person.Case
	switch f {
	case anyone, own: // that it is the agency's own, the fact itself shows
		return true
	case lead:
		return who == c.Responsible || l.opens(s) && who == s.Issuer
	case newMunicipality:
		b, ok := s.body.(*caseBody)
		return ok && gateway.AgencyID(b.Responsible) == who
	case oldMunicipality:
		return c.Responsible != "" && c.Responsible == who
	case party:
		return slices.Contains(c.Parties, who) || who == c.Responsible
	case discloser:
		return l.tables.authority(who)
	case self:
		return who.Kind() == gateway.Self
	}
	return false
}

// opens reports whether s opens a case that nobody has opened.
func (l *ledger) opens(s *said) bool {
	b, ok := s.body.(*caseBody)
	return ok && l.person.Case.State == "" && s.Issuer.Kind() == gateway.Municipality &&
		gateway.AgencyID(b.Responsible) == s.Issuer && b.State == "open"
}

// wait keeps a member until others agree, if the table asks for that on
// this occasion, and reports whether it waits.
func (l *ledger) wait(s *said, member gateway.Field, on Occasion, sides []gateway.AgencyID, agree func(gateway.AgencyID, Footing)) bool {
	c := l.authority(s, member).Countersign
	if c == nil || c.When != on {
		return false
	}
	l.waiting = append(l.waiting, &waiting{said: s, member: member, terms: *c, sides: sides, agree: agree})
	return true
}

// supersede drops what waits and is stated anew: agreement to the old word is
// none to the new. One that would protect the person less is also dropped when
// anybody else has spoken since.
func (l *ledger) supersede(s *said) {
	l.waiting = slices.DeleteFunc(l.waiting, func(w *waiting) bool {
		_, again := s.Fields[w.member]
		return w.said.fact == s.fact && (again || w.member == "*") && (w.said.Issuer == s.Issuer || w.terms.When == lowers)
	})
}

// countersign is another party's agreement to a statement that waits. It is
// given to the very bytes that were stated.
func (l *ledger) countersign(s *said, b *countersignBody) error {
	if err := l.may(s, "*", false); err != nil {
		return err
	}
	agreed := false
	for _, w := range slices.Clone(l.waiting) {
		if string(w.said.ID) != b.Statement || w.said.Sent != b.Digest || w.said.Issuer == s.Issuer {
			continue
		}
		if as := l.agreesAs(s.Issuer, w); as != "" {
			agreed = true
			w.agree(s.Issuer, as)
		}
	}
	if !agreed {
		return fmt.Errorf("%w: nothing waits for this countersignature", ErrAuthority)
	}
	return nil
}

// agreesAs returns on which footing an agency may agree, "" if on none.
func (l *ledger) agreesAs(who gateway.AgencyID, w *waiting) Footing {
	for _, f := range w.terms.By {
		switch {
		case f != self && !l.tables.authority(who), !l.stands(who, f, w.said):
		case f == discloser && w.sides != nil && !slices.Contains(w.sides, who):
		default:
			return f
		}
	}
	return ""
}
