package facts_test

import (
	"encoding/json"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// rsk is how consent to class RSK stands from the police to A, and from A to
// the police.
func rsk(b *book) (toA, toPolice facts.Standing) {
	b.t.Helper()
	return b.of(nil).Consent["RSK"], b.of(func(q *facts.Question) {
		q.Actor, q.Discloser = facts.Actor{Agency: police, Role: coord}, facts.Discloser{Agency: townA, Role: worker}
	}).Consent["RSK"]
}

// TestConsentOfTheRecipient: a consent that A records opens nothing to A until
// the discloser or the person has countersigned, and to others at once.
func TestConsentOfTheRecipient(t *testing.T) {
	both := map[string]any{"disclosers": []any{map[string]any{"agency": police}, map[string]any{"agency": townA}}}
	tests := []struct {
		name   string
		agrees func(*book, facts.Statement) error
		code   gateway.Code
		toA    facts.Standing
	}{
		{"nobody", func(*book, facts.Statement) error { return nil }, "", facts.None},
		{"the stater", func(b *book, s facts.Statement) error { return b.agree(townA, worker, s) }, gateway.CodeAuthority, facts.None},
		{"an agency it does not name", func(b *book, s facts.Statement) error { return b.agree(region, doctor, s) }, gateway.CodeAuthority, facts.None},
		{"the discloser", func(b *book, s facts.Statement) error { return b.agree(police, coord, s) }, "", facts.InForce},
		{"the person", func(b *book, s facts.Statement) error { return b.agree(portal, "subject.self", s) }, "", facts.InForce},
		{"the discloser, to a word that was changed", func(b *book, s facts.Statement) error {
			b.must(townA, worker, "exit.consent", consentWith(both))
			return b.agree(police, coord, s)
		}, gateway.CodeAuthority, facts.None},
	}
	for _, tt := range tests {
		b := goodBook(t)
		s := b.must(townA, worker, "exit.consent", consentWith(both))
		if got := code(tt.agrees(b, s)); got != tt.code {
			t.Errorf("%s agrees: got %q, want %q", tt.name, got, tt.code)
		}
		if toA, toPolice := rsk(b); toA != tt.toA || toPolice != facts.InForce {
			t.Errorf("%s agrees: to A %s, to the police %s", tt.name, toA, toPolice)
		}
	}
}

// TestConsentOfThePerson needs nobody else.
func TestConsentOfThePerson(t *testing.T) {
	b := goodBook(t)
	b.must(portal, "subject.self", "exit.consent", consentWith(nil))
	if toA, _ := rsk(b); toA != facts.InForce {
		t.Errorf("got %s", toA)
	}
	if got := code(b.say(townA, worker, "exit.consent", consentWith(nil))); got != gateway.CodeAuthority {
		t.Errorf("the lead rewrites the person's consent: got %q", got)
	}
}

// TestNarrowing: any party narrows a consent, nobody widens it, and what was
// withdrawn or excluded stays so.
func TestNarrowing(t *testing.T) {
	withdraw := with(map[string]any{"consent_id": ref(8), "withdrawn": true}, nil)
	exclude := with(map[string]any{"consent_id": ref(8), "withdrawn": false, "exclusions": []any{townA}}, nil)
	tests := []struct {
		name string
		says stated
		code gateway.Code
		want facts.Standing
	}{
		{"the person withdraws", stated{portal, "subject.self", "exit.consent_withdrawal", withdraw}, "", facts.None},
		{"a party withdraws", stated{region, doctor, "exit.consent_withdrawal", withdraw}, "", facts.None},
		{"a party excludes", stated{police, coord, "exit.consent_withdrawal", exclude}, "", facts.None},
		{"one that is no party withdraws", stated{townB, worker, "exit.consent_withdrawal", withdraw}, gateway.CodeAuthority, facts.InForce},
		{"nothing is withdrawn", stated{police, coord, "exit.consent_withdrawal", with(map[string]any{"consent_id": ref(8), "withdrawn": false}, nil)}, gateway.CodeSchema, facts.InForce},
		{"another consent", stated{police, coord, "exit.consent_withdrawal", with(map[string]any{"consent_id": ref(9), "withdrawn": true}, nil)}, gateway.CodeAuthority, facts.InForce},
		{"another person", stated{portal, "subject.self", "exit.consent_withdrawal", withdraw}, "", facts.None},
	}
	for _, tt := range tests {
		b := goodBook(t)
		b.must(portal, "subject.self", "exit.consent", consentWith(nil))
		if got := code(b.say(tt.says.from, tt.says.role, tt.says.typ, tt.says.fields)); got != tt.code {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.code)
		}
		if toA, _ := rsk(b); toA != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, toA, tt.want)
		}
		b.must(portal, "subject.self", "exit.consent", consentWith(nil))
		if toA, _ := rsk(b); toA != tt.want {
			t.Errorf("%s, and stated anew: got %s, want %s", tt.name, toA, tt.want)
		}
	}
}

// TestWithdrawalIsAtOnce: a withdrawal signed by a clock ahead of ours counts
// from when it is taken in; and it is seen by what waits.
func TestWithdrawalIsAtOnce(t *testing.T) {
	b := goodBook(t)
	b.must(portal, "subject.self", "exit.consent", consentWith(nil))
	queued := b.now
	b.now = b.now.Add(time.Minute)
	s := facts.Statement{Issuer: portal, Role: "subject.self", ID: "urn:uuid:01890a5d-ac96-774b-bcce-eeeeeeeeeeee", Type: "exit.consent_withdrawal",
		Subject: person, Issued: b.now.Add(30 * time.Second), Admitted: b.now,
		Fields: map[gateway.Field]json.RawMessage{"seq": json.RawMessage("900"), "consent_id": json.RawMessage(`"` + string(ref(8)) + `"`), "withdrawn": json.RawMessage("true")}}
	if err := b.take(s); err != nil {
		t.Fatal(err)
	}
	in := b.of(func(q *facts.Question) { q.QueuedAt = queued })
	if in.Consent["RSK"] != facts.None || !in.Facts.ConsentWithdrawn {
		t.Errorf("got %s, withdrawn since queued %v", in.Consent["RSK"], in.Facts.ConsentWithdrawn)
	}
}

// TestLowering: what would protect the person less waits for a party; what
// protects more does not, and overtakes it.
func TestLowering(t *testing.T) {
	protected := func(b *book) bool { return b.of(nil).Facts.Protected }
	b := goodBook(t)
	if protected(b) {
		t.Fatal("protected from the start")
	}
	b.must(police, coord, "exit.person_attributes", `{"protection_marking": "sekretessmarkering"}`)
	s := b.must(townA, worker, "exit.person_attributes", `{"protection_marking": "none"}`)
	if !protected(b) {
		t.Error("the lead's word alone unmarked the person")
	}
	b.must(townA, worker, "exit.person_attributes", `{"in_sis_care": false}`) // about something else
	b.must(police, coord, "exit.person_attributes", `{"protection_marking": "fingerade"}`)
	if got := code(b.agree(police, coord, s)); got != gateway.CodeAuthority || !protected(b) {
		t.Errorf("agreement to what was overtaken: got %q, protected %v", got, protected(b))
	}
	s = b.must(townA, worker, "exit.person_attributes", `{"protection_marking": "none"}`)
	if got := code(b.agree(townB, worker, s)); got != gateway.CodeAuthority || !protected(b) {
		t.Errorf("one that is no party agrees: got %q, protected %v", got, protected(b))
	}
	if err := b.agree(police, coord, s); err != nil || protected(b) {
		t.Errorf("a party agrees: got %v, protected %v", err, protected(b))
	}
}

// TestThreatIsLowered: the police lower a threat level when the lead agrees.
func TestThreatIsLowered(t *testing.T) {
	threat := func(b *book) bool { return b.of(nil).Facts.ElevatedThreat }
	b := goodBook(t)
	b.must(police, local, "exit.person_attributes", `{"elevated_threat": true}`)
	s := b.must(police, local, "exit.person_attributes", `{"elevated_threat": false}`)
	if !threat(b) {
		t.Error("lowered by the police alone")
	}
	if got := code(b.agree(region, doctor, s)); got != gateway.CodeAuthority {
		t.Errorf("a party that does not lead agrees: got %q", got)
	}
	if err := b.agree(townA, worker, s); err != nil || threat(b) {
		t.Errorf("the lead agrees: got %v, elevated %v", err, threat(b))
	}
}

// TestGuardiansStated: the lead lists the guardians, a party may block one of
// them, and no more.
func TestGuardiansStated(t *testing.T) {
	b := goodBook(t)
	b.must(townA, worker, "exit.person_attributes", `{"birth_date": "2010-01-01"}`)
	asks := func() (listed, blocked bool, maturity string) {
		in := b.of(func(q *facts.Question) {
			q.Actor = facts.Actor{Agency: "guardian", Role: "subject.guardian", User: guard}
		})
		return in.Facts.GuardianListed, in.Facts.GuardianBlocked, in.Maturity
	}
	for _, tt := range []struct {
		from            gateway.AgencyID
		role            gateway.Role
		says            string
		code            gateway.Code
		listed, blocked bool
		maturity        string
	}{
		{townA, worker, guardiansAre(guardTwo, false, "joint"), "", false, true, "none"},
		{townA, worker, guardiansAre(guard, false, "joint"), "", true, false, "joint"},
		{police, coord, guardiansAre(guard, true, "guardian_alone"), gateway.CodeAuthority, true, false, "joint"},
		{police, coord, guardiansAre(guard, false, "joint"), gateway.CodeAuthority, true, false, "joint"},
		{police, coord, guardiansAre(guard, true, "joint"), "", true, true, "joint"},
		{townA, worker, guardiansAre(guard, false, ""), "", true, false, "none"},
		{police, coord, guardiansAre(guard, true, ""), "", true, true, "none"},
	} {
		if got := code(b.say(tt.from, tt.role, "exit.person_attributes", tt.says)); got != tt.code {
			t.Errorf("%s says %s: got %q, want %q", tt.from, tt.says, got, tt.code)
		}
		if listed, blocked, maturity := asks(); listed != tt.listed || blocked != tt.blocked || maturity != tt.maturity {
			t.Errorf("%s says %s: listed %v, blocked %v, %s", tt.from, tt.says, listed, blocked, maturity)
		}
	}
}

// TestChildInvestigation: it opens the data of those who have countersigned.
func TestChildInvestigation(t *testing.T) {
	asB := func(discloser gateway.AgencyID, role gateway.Role) func(*facts.Question) {
		return func(q *facts.Question) {
			q.Actor, q.Discloser = facts.Actor{Agency: townB, Role: child}, facts.Discloser{Agency: discloser, Role: role}
		}
	}
	b := goodBook(t)
	s := b.must(townB, child, "exit.person_attributes", `{"child_investigations": ["municipality:1480"]}`)
	if f := b.of(asB(region, doctor)).Facts; f.ActorInvestigates || f.MayKnow {
		t.Error("by the municipality's own word")
	}
	if err := b.agree(region, doctor, s); err != nil {
		t.Fatal(err)
	}
	if f := b.of(asB(region, doctor)).Facts; !f.ActorInvestigates || !f.MayKnow {
		t.Error("the region agreed, and its data stays closed")
	}
	if f := b.of(asB(police, coord)).Facts; f.ActorInvestigates || f.MayKnow {
		t.Error("the region agreed, and the data of the police is open")
	}
	b.must(townB, child, "exit.person_attributes", `{"child_investigations": []}`)
	if f := b.of(asB(region, doctor)).Facts; f.ActorInvestigates {
		t.Error("ended, and still open")
	}
}

// TestDecisionForOneself: an agency's decision that opens its own data to
// itself waits for another party.
func TestDecisionForOneself(t *testing.T) {
	inside := func(q *facts.Question) {
		q.Actor = facts.Actor{Agency: police, Role: "police.investigator", User: user}
	}
	b := goodBook(t)
	s := b.must(police, coord, "exit.assessment_decision", decisionWith(map[string]any{"recipient": map[string]any{"agency": police}}))
	if in := b.of(inside); len(in.Decision) != 0 {
		t.Errorf("got %v", in.Decision)
	}
	if err := b.agree(townA, worker, s); err != nil {
		t.Fatal(err)
	}
	if in := b.of(inside); in.Decision["OSL-10-27"]["no_go_areas"] != facts.InForce {
		t.Errorf("got %v", in.Decision)
	}
}

// TestProviderRegister: one that revokes outweighs those that approve.
func TestProviderRegister(t *testing.T) {
	asProvider := func(q *facts.Question) {
		q.Actor, q.Discloser = facts.Actor{Agency: prov, Role: "provider.case_worker"}, facts.Discloser{Agency: townA, Role: worker}
	}
	const buyer gateway.Role = "municipality.procurement_officer"
	b := goodBook(t)
	b.must(townA, buyer, "exit.provider_vetting", vettingWith(nil))
	if f := b.of(asProvider).Facts; !f.ProviderApproved || !f.ProviderContract {
		t.Errorf("approved by A: %+v", f)
	}
	b.must(police, coord, "exit.provider_vetting", vettingWith(map[string]any{"contract_refs": []any{}, "outcome": "revoked"}))
	if f := b.of(asProvider).Facts; f.ProviderApproved || !f.ProviderRevoked {
		t.Errorf("revoked by the police: %+v", f)
	}
	b.must(townA, buyer, "exit.provider_vetting", vettingWith(map[string]any{"valid_to": "2027-01-31"}))
	if f := b.of(asProvider).Facts; f.ProviderApproved {
		t.Errorf("approved by A again: %+v", f)
	}
	b.must(police, coord, "exit.provider_vetting", vettingWith(map[string]any{"contract_refs": []any{}, "outcome": "approved", "valid_to": "2026-06-30"}))
	b.must(townA, buyer, "exit.provider_vetting", vettingWith(map[string]any{"contract_refs": []any{}}))
	if f := b.of(asProvider).Facts; !f.ProviderApproved || f.ProviderContract {
		t.Errorf("approved by both, contract ended: %+v", f)
	}
}

func TestAssignments(t *testing.T) {
	housed := func(b *book) bool {
		return b.of(func(q *facts.Question) {
			q.Actor, q.Discloser = facts.Actor{Agency: prov, Role: "provider.case_worker"}, facts.Discloser{Agency: townA, Role: worker}
		}).Facts.HousingAssignment
	}
	b := goodBook(t)
	if b.must(townA, worker, "exit.assignment", assignmentWith(nil)); !housed(b) {
		t.Error("assigned, and not known")
	}
	if got := code(b.say(townB, worker, "exit.assignment", assignmentWith(nil))); got != gateway.CodeAuthority {
		t.Errorf("another municipality takes the assignment over: got %q", got)
	}
	if b.must(townA, worker, "exit.assignment", assignmentWith(map[string]any{"status": "ended"})); housed(b) {
		t.Error("ended, and still known")
	}
}

// TestUsers: a user is assigned by the user's own agency.
func TestUsers(t *testing.T) {
	b := goodBook(t)
	as := func(u gateway.Ref) facts.Facts {
		return b.of(func(q *facts.Question) { q.Actor.User = u }).Facts
	}
	b.must(townB, worker, "exit.user_assignment", userWith(map[string]any{"user": userTwo}))
	if !as(user).Assigned || as(userTwo).Assigned {
		t.Error("assigned by another agency, or not by its own")
	}
	b.must(townA, worker, "exit.user_assignment", userWith(map[string]any{"coi": true}))
	if f := as(user); !f.Assigned || !f.ConflictOfInterest {
		t.Errorf("a conflict: %+v", f)
	}
	b.must(townA, worker, "exit.user_assignment", userWith(map[string]any{"read_elsewhere": true, "assigned": false}))
	if f := as(user); f.Assigned || !f.ConflictOfInterest {
		t.Errorf("no longer assigned, and has read elsewhere: %+v", f)
	}
	b.must(townA, worker, "exit.user_assignment", userWith(nil))
	if f := as(user); !f.Assigned || f.ConflictOfInterest {
		t.Errorf("assigned again: %+v", f)
	}
}
