package facts

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"sluss/gateway"
)

// consent records a consent. What was withdrawn or excluded once stays so:
// somebody who is to be reached again needs a new consent.
func (l *ledger) consent(s *said, b *consentBody) error {
	if err := l.may(s, "*", false); err != nil {
		return err
	}
	id := gateway.Ref(b.ConsentID)
	old := l.consents[id]
	if old != nil && old.stater != s.Issuer {
		return fmt.Errorf("%w: the consent was recorded by another", ErrAuthority)
	}
	disclosers, err := l.sides(b.Disclosers)
	if err != nil {
		return err
	}
	recipients, err := l.sides(b.Recipients)
	if err != nil {
		return err
	}
	c := &recorded{stater: s.Issuer, Consent: Consent{
		ID: id, GivenBy: b.GivenBy, Guardians: refs(b.Guardians), Maturity: b.Maturity != "",
		Disclosers: disclosers, Recipients: recipients, Classes: b.Classes, Purposes: b.Purposes, From: b.From, To: b.To,
	}}
	if b.Withdrawn != nil {
		c.withdraw(*b.Withdrawn)
	}
	if old != nil && !old.WithdrawnAt.IsZero() {
		c.withdraw(old.WithdrawnAt)
	}
	l.exclude(id, b.Excluded)
	if names(recipients, s.Issuer) && l.wait(s, "*", staterIsRecipient, agenciesOf(disclosers), c.confirm) {
		c.Waits = s.Issuer
	}
	l.consents[id] = c
	return nil
}

// confirm is the agreement of a discloser, for its own data, or of the person.
func (c *recorded) confirm(with gateway.AgencyID, as Footing) {
	if as == discloser {
		c.ConfirmedBy = append(c.ConfirmedBy, with)
	} else {
		c.Waits = ""
	}
}

// withdraw ends the consent at the earliest moment that anybody named.
func (c *recorded) withdraw(at time.Time) {
	if c.WithdrawnAt.IsZero() || at.Before(c.WithdrawnAt) {
		c.WithdrawnAt = at
	}
}

func (l *ledger) exclude(id gateway.Ref, more []agency) {
	all := append(slices.Clone(l.excluded[id]), l.owners(agencies(more))...)
	slices.Sort(all)
	l.excluded[id] = slices.Compact(all)
}

func agenciesOf(in []Side) []gateway.AgencyID {
	out := make([]gateway.AgencyID, len(in))
	for i, s := range in {
		out[i] = s.Agency
	}
	return out
}

// withdrawal narrows a consent. It counts from the moment it was taken in, or
// from when it was signed if that is earlier.
func (l *ledger) withdrawal(s *said, b *withdrawalBody) error {
	if err := l.may(s, "*", false); err != nil {
		return err
	}
	c := l.consents[gateway.Ref(b.ConsentID)]
	if c == nil {
		return fmt.Errorf("%w: no such consent", ErrAuthority)
	}
	if b.Withdrawn {
		at := s.Issued
		if s.Admitted.Before(at) {
			at = s.Admitted
		}
		c.withdraw(at)
	}
	l.exclude(c.ID, b.Excluded)
	return nil
}

// decision records a judgment of the discloser about its own data. Who decides
// is a person whose role decides, and does not read the result.
func (l *ledger) decision(s *said, b *decisionBody) error {
	if err := l.may(s, "*", false); err != nil {
		return err
	}
	d, err := b.decision(s.Issuer)
	if err != nil {
		return err
	}
	switch old := l.decided[d.ID]; {
	case old != nil && old.Discloser != s.Issuer:
		return fmt.Errorf("%w: the decision is another's", ErrAuthority)
	case d.By.Agency != s.Issuer:
		return fmt.Errorf("%w: decided at another agency", ErrAuthority)
	case l.authority(s, "*").Decides && !l.tables.decides(d.By.Role, d.By.Agency):
		return fmt.Errorf("%w: the decider's role does not decide", ErrAuthority)
	case d.By.User == d.Recipient.User:
		return fmt.Errorf("%w: the decider is the reader", ErrAuthority)
	}
	d.Waits = d.Recipient.Agency == s.Issuer &&
		l.wait(s, "*", staterIsRecipient, nil, func(gateway.AgencyID, Footing) { d.Waits = false })
	l.decided[d.ID] = &d
	return nil
}

func (l *ledger) assignment(s *said, b *assignmentBody) error {
	if err := l.may(s, "*", false); err != nil {
		return err
	}
	id := gateway.Ref(b.ID)
	old, exists := l.assigned[id]
	if s.Issuer.Kind() != gateway.Municipality || exists && old.Municipality != s.Issuer {
		return fmt.Errorf("%w: an assignment is its municipality's", ErrAuthority)
	}
	l.assigned[id] = Assignment{ID: id, Municipality: s.Issuer, Provider: gateway.AgencyID(b.Provider), Housing: *b.Housing && b.Status == "active"}
	return nil
}

// vetting keeps what each stater last said of a provider.
func (l *ledger) vetting(s *said, b *vettingBody) error {
	for _, member := range []gateway.Field{"outcome", "valid_to", "contract_refs"} {
		if err := l.may(s, member, false); err != nil {
			return err
		}
	}
	for _, c := range b.Contracts {
		if gateway.AgencyID(c.Municipality) != s.Issuer {
			return fmt.Errorf("%w: another municipality's contract", ErrAuthority)
		}
	}
	l.vettings[s.Issuer] = b
	return nil
}

// provider is what all staters together say: one that revokes or rejects
// outweighs those that approve.
func (l *ledger) provider() Provider {
	p := Provider{}
	rank := map[string]int{"": 0, "pending": 1, "approved": 2, "rejected": 3, "revoked": 4}
	for _, stater := range slices.Sorted(maps.Keys(l.vettings)) {
		v := l.vettings[stater]
		if rank[v.Outcome] > rank[p.Status] {
			p.Status = v.Outcome
		}
		if v.Outcome == "approved" {
			p.ValidTo = max(p.ValidTo, v.ValidTo)
		}
		for _, c := range v.Contracts {
			p.Contracts = append(p.Contracts, gateway.AgencyID(c.Municipality))
		}
	}
	return p
}

// user is what a user's agency says of the user in respect of one person.
func (l *ledger) user(s *said, b *userBody) error {
	if err := l.may(s, "*", false); err != nil {
		return err
	}
	if b.Agency != "" && gateway.AgencyID(b.Agency) != s.Issuer {
		return fmt.Errorf("%w: another agency's user", ErrAuthority)
	}
	l.users[s.Subject] = User{Assigned: *b.Assigned, Conflict: *b.Conflict, ReadElsewhere: *b.ReadElsewhere}
	return nil
}

// result is the person as all statements together describe it.
func (l *ledger) result() Person {
	p := l.person
	p.Case.Claims = l.claims()
	for _, id := range slices.Sorted(maps.Keys(l.consents)) {
		c := l.consents[id].Consent
		c.Excluded = l.excluded[id]
		p.Consents = append(p.Consents, c)
	}
	for _, id := range slices.Sorted(maps.Keys(l.decided)) {
		p.Decisions = append(p.Decisions, *l.decided[id])
	}
	for _, id := range slices.Sorted(maps.Keys(l.assigned)) {
		p.Assignments = append(p.Assignments, l.assigned[id])
	}
	return p
}
