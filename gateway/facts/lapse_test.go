package facts_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// restored is b after a restore of its database: an hour passes, and another.
func restored(b *book) *book {
	b.t.Helper()
	b.now = b.now.Add(time.Hour)
	b.restored = append(b.restored, b.now)
	var err error
	b.reg, err = facts.New(facts.Config{Store: b.rows, Ring: ring, Tables: func() *facts.Tables { return b.tables }, Restored: b.restored})
	if err != nil {
		b.t.Fatal(err)
	}
	b.now = b.now.Add(time.Hour)
	return b
}

// full is the good book with a consent, a decision, an assignment, an approved
// provider, a child's data and a case that everybody may know of.
func full(t *testing.T) *book {
	b := goodBook(t)
	if err := b.agree(police, coord, b.must(townA, worker, "exit.consent", consentWith(nil))); err != nil {
		t.Fatal(err)
	}
	b.must(police, coord, "exit.assessment_decision", decisionWith(nil))
	b.must(townA, worker, "exit.assignment", assignmentWith(nil))
	b.must(townA, "municipality.procurement_officer", "exit.provider_vetting", vettingWith(nil))
	return b
}

// byProvider asks as a provider asks the municipality.
func byProvider(q *facts.Question) {
	q.Actor, q.Discloser = facts.Actor{Agency: prov, Role: "provider.case_worker", Function: true}, facts.Discloser{Agency: townA, Role: worker}
}

// opens says all that a question finds open.
func (b *book) opens() map[string]bool {
	b.t.Helper()
	in, p := b.of(nil), b.of(byProvider)
	return map[string]bool{
		"on record": in.Facts.OnRecord, "case open": in.Facts.CaseOpen, "assigned": in.Facts.Assigned,
		"not protected": !in.Facts.Protected, "place known": !in.Facts.PlaceHidden, "no threat": !in.Facts.ElevatedThreat, "no psw": !in.Facts.PersonalSecurity,
		"consent": in.Consent["RSK"] == facts.InForce, "decision": in.Decision["OSL-10-27"]["no_go_areas"] == facts.InForce,
		"approved": p.Facts.ProviderApproved, "contract": p.Facts.ProviderContract, "housing": p.Facts.HousingAssignment,
	}
}

// all is every name of opens.
func all(open bool) map[string]bool {
	out := map[string]bool{}
	for _, name := range []string{"on record", "case open", "assigned", "not protected", "place known", "no threat", "no psw", "consent",
		"decision", "approved", "contract", "housing"} {
		out[name] = open
	}
	return out
}

// TestRestored: after a restore nothing is open, and each thing is again when who
// has authority over it has stated it again.
func TestRestored(t *testing.T) {
	b := full(t)
	if diff := cmp.Diff(all(true), b.opens()); diff != "" {
		t.Fatalf("before (-want +got):\n%s", diff)
	}
	restored(b)
	want := all(false)
	if diff := cmp.Diff(want, b.opens()); diff != "" {
		t.Fatalf("after the restore (-want +got):\n%s", diff)
	}
	if k, err := b.reg.Of(t.Context(), goodQuestion(), b.now); err != nil || !k.Lapsed() {
		t.Errorf("Lapsed = %v, %v, want true", k.Lapsed(), err)
	}
	if in := b.of(byProvider); in.Facts.ProviderRevoked {
		t.Error("a provider that nobody has confirmed counts as revoked, and loses what waits for it")
	}
	for _, step := range []struct {
		say   func()
		opens []string
	}{
		{func() { b.must(townA, worker, "exit.person_attributes", `{"place_hidden": false}`) }, []string{"place known"}},
		{func() { b.must(townA, worker, "exit.person_attributes", attributes) }, []string{"not protected"}},
		{func() { b.must(police, security, "exit.person_attributes", `{"psw": false}`) }, []string{"no psw"}},
		{func() { b.must(police, security, "exit.person_attributes", `{"elevated_threat": false}`) }, []string{"no threat"}},
		{func() { b.must(townA, worker, "exit.case_state", caseWith(nil)) }, []string{"on record", "case open"}},
		{func() { b.must(townA, worker, "exit.user_assignment", userWith(nil)) }, []string{"assigned"}},
		{func() {
			if err := b.agree(police, coord, b.must(townA, worker, "exit.consent", consentWith(nil))); err != nil {
				t.Fatal(err)
			}
		}, []string{"consent"}},
		{func() { b.must(police, coord, "exit.assessment_decision", decisionWith(nil)) }, []string{"decision"}},
		{func() { b.must(townA, worker, "exit.assignment", assignmentWith(nil)) }, []string{"housing"}},
		{func() {
			b.must(townA, "municipality.procurement_officer", "exit.provider_vetting", vettingWith(nil))
		}, []string{"approved", "contract"}},
	} {
		step.say()
		for _, o := range step.opens {
			want[o] = true
		}
		if diff := cmp.Diff(want, b.opens()); diff != "" {
			t.Errorf("after %v was stated again (-want +got):\n%s", step.opens, diff)
		}
	}
	// Lost once more, and what was stated in between lapses, too. Every statement
	// still reads as it was admitted.
	restored(b)
	if diff := cmp.Diff(all(false), b.opens()); diff != "" {
		t.Errorf("after another restore (-want +got):\n%s", diff)
	}
}

// TestRestoredNarrows: what narrowed before a restore does so after it, whatever
// is stated again by whoever widens.
func TestRestoredNarrows(t *testing.T) {
	guardian := ref(21)
	for _, tt := range []struct {
		name   string
		before func(*book)
		holds  func(*book) bool
	}{
		{"a consent is withdrawn", func(b *book) {
			b.must(region, doctor, "exit.consent_withdrawal", with(map[string]any{"consent_id": ref(8), "withdrawn": true}, nil))
		}, func(b *book) bool { return b.of(nil).Consent["RSK"] == facts.None }},
		{"an agency is excluded", func(b *book) {
			b.must(region, doctor, "exit.consent_withdrawal", with(map[string]any{"consent_id": ref(8), "withdrawn": false, "exclusions": []any{townA}}, nil))
		}, func(b *book) bool { return b.of(nil).Consent["RSK"] == facts.None }},
		{"a person is marked", func(b *book) {
			b.must(police, coord, "exit.person_attributes", `{"protection_marking": "sekretessmarkering"}`)
		}, func(b *book) bool { return b.of(nil).Facts.Protected }},
		{"a place is hidden", func(b *book) {
			b.must(police, coord, "exit.person_attributes", `{"place_hidden": true}`)
		}, func(b *book) bool { return b.of(nil).Facts.PlaceHidden }},
		{"a guardian is blocked", func(b *book) {
			b.must(police, coord, "exit.person_attributes", guardiansAre(guardian, true, ""))
		}, func(b *book) bool {
			return b.of(func(q *facts.Question) {
				q.Actor = facts.Actor{Agency: "guardian", Role: "subject.guardian", User: guardian}
			}).Facts.GuardianBlocked
		}},
		{"a user has another role", func(b *book) { b.noted(reading("municipality.exit_team_lead")) },
			func(b *book) bool { return b.of(nil).Facts.ConflictOfInterest }},
	} {
		b := full(t)
		tt.before(b)
		if !tt.holds(b) {
			t.Errorf("%s: does not hold before", tt.name)
		}
		restored(b)
		b.must(townA, worker, "exit.case_state", caseWith(nil))
		b.must(townA, worker, "exit.person_attributes", `{"adult": true, "in_sis_care": false}`)
		b.must(townA, worker, "exit.user_assignment", userWith(nil))
		if err := b.agree(police, coord, b.must(townA, worker, "exit.consent", consentWith(nil))); err != nil {
			t.Fatal(err)
		}
		if !tt.holds(b) {
			t.Errorf("%s: does not hold after a restore", tt.name)
		}
	}
}

// TestRestoredWaits: agreement after a restore to what was stated before it is
// none, and break-glass asked for before opens nothing.
func TestRestoredWaits(t *testing.T) {
	b := goodBook(t)
	s := b.must(townA, worker, "exit.consent", consentWith(nil))
	restored(b)
	if got := code(b.agree(police, coord, s)); got != gateway.CodeAuthority {
		t.Errorf("agreement to what waited before the restore: %q, want %q", got, gateway.CodeAuthority)
	}
	if got := code(b.say(townB, worker, "exit.case_state", caseWith(map[string]any{"responsible_municipality": townB}))); got != gateway.CodeAuthority {
		if in := b.of(func(q *facts.Question) { q.Actor.Agency = townB }); in.Facts.ActorResponsible {
			t.Error("another municipality took the case over by its own word")
		}
	}

	b = goodBook(t)
	b.noted(facts.Note{Kind: facts.NoteEmergency, Agency: townA, Role: worker, User: user, Subject: person, Type: "exit.emergency_access", Discloser: police})
	glass := func(q *facts.Question) {
		q.Emergency = &facts.Emergency{Request: gateway.MessageID(b.lastNote()), TakenIn: noon}
	}
	if !b.of(glass).Facts.WindowOpen {
		t.Fatal("break-glass does not open")
	}
	at := b.now
	restored(b)
	b.now = at.Add(time.Minute) // as if no time had passed
	if b.of(glass).Facts.WindowOpen {
		t.Error("break-glass asked for before a restore opens")
	}
	if e, err := b.reg.Emergencies(t.Context(), townA, b.now); err != nil || !e.Bars(user, b.now) {
		t.Errorf("break-glass that nobody has confirmed does not bar any more: %v", err)
	}
}

func (b *book) lastNote() gateway.MessageID {
	for name, list := range b.rows.statements {
		if len(name) > 10 && name[:10] == "emergency:" {
			return list[len(list)-1].ID
		}
	}
	return ""
}
