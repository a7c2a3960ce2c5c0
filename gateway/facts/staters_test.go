package facts_test

import (
	"testing"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// stated is one statement somebody makes.
type stated struct {
	from   gateway.AgencyID
	role   gateway.Role
	typ    gateway.MessageType
	fields string
}

// TestAuthority states one fact per row over a good book, each by somebody who
// has no authority over it, and by one who has.
func TestAuthority(t *testing.T) {
	const (
		no  = gateway.CodeAuthority
		bad = gateway.CodeSchema
		yes = gateway.Code("")
	)
	lead := gateway.Role("municipality.exit_team_lead")
	tests := []struct {
		name string
		says stated
		want gateway.Code
	}{
		{"lead closes", stated{townA, worker, "exit.case_closure", `{"closed_at": "2026-06-01"}`}, yes},
		{"another municipality closes", stated{townB, worker, "exit.case_closure", `{"closed_at": "2026-06-01"}`}, no},
		{"the police close", stated{police, coord, "exit.case_closure", `{"closed_at": "2026-06-01"}`}, no},
		{"lead adds a party", stated{townA, lead, "exit.case_state", caseWith(map[string]any{"parties": []any{police, townA, sis}})}, yes},
		{"another municipality makes a third responsible", stated{townB, worker, "exit.case_state", caseWith(map[string]any{"responsible_municipality": townC})}, no},
		{"another municipality claims", stated{townB, worker, "exit.case_state", caseWith(map[string]any{"claim_source": "case"})}, yes},
		{"the police state the case", stated{police, coord, "exit.case_state", caseWith(map[string]any{"parties": []any{police}})}, yes},
		{"a claim from nowhere", stated{townB, worker, "exit.case_state", caseWith(map[string]any{"claim_source": "hearsay"})}, bad},
		{"responsibility to nobody", stated{townA, worker, "exit.case_state", caseWith(map[string]any{"responsible_municipality": nil})}, bad},
		{"responsibility to the police", stated{townA, worker, "exit.case_state", caseWith(map[string]any{"responsible_municipality": police})}, bad},
		{"a case without parties", stated{townA, worker, "exit.case_state", caseWith(map[string]any{"parties": nil})}, bad},

		{"lead states an age", stated{townA, worker, "exit.person_attributes", `{"birth_date": "2010-01-01"}`}, yes},
		{"a party states an age", stated{police, coord, "exit.person_attributes", `{"birth_date": "2010-01-01"}`}, no},
		{"an adult's birth date", stated{townA, worker, "exit.person_attributes", `{"birth_date": "2005-06-01"}`}, bad},
		{"the birth date of one who is 21 tomorrow", stated{townA, worker, "exit.person_attributes", `{"birth_date": "2005-06-02"}`}, yes},
		{"adult denied", stated{townA, worker, "exit.person_attributes", `{"adult": false}`}, bad},
		{"lead states guardians", stated{townA, worker, "exit.person_attributes", guardiansAre(guard, false, "joint")}, yes},
		{"a party adds a guardian", stated{police, coord, "exit.person_attributes", guardiansAre(guard, false, "")}, no},
		{"a party blocks a guardian", stated{police, coord, "exit.person_attributes", guardiansAre(guard, true, "")}, yes},
		{"a party states maturity", stated{police, coord, "exit.person_attributes", guardiansAre(guard, true, "guardian_alone")}, no},
		{"another municipality blocks a guardian", stated{townB, worker, "exit.person_attributes", guardiansAre(guard, true, "")}, no},
		{"a party marks", stated{police, coord, "exit.person_attributes", `{"protection_marking": "fingerade"}`}, yes},
		{"a party unmarks", stated{police, coord, "exit.person_attributes", `{"protection_marking": "none"}`}, no},
		{"one that is no party marks", stated{sis, "sis.institution_head", "exit.person_attributes", `{"protection_marking": "fingerade"}`}, no},
		{"a party hides the place", stated{police, coord, "exit.person_attributes", `{"place_hidden": true}`}, yes},
		{"a party reveals the place", stated{police, coord, "exit.person_attributes", `{"place_hidden": false}`}, no},
		{"a coordinator raises the threat", stated{police, local, "exit.person_attributes", `{"elevated_threat": true}`}, yes},
		{"lead raises the threat", stated{townA, worker, "exit.person_attributes", `{"elevated_threat": true}`}, no},
		{"the security unit states security work", stated{police, security, "exit.person_attributes", `{"psw": true}`}, yes},
		{"a coordinator states security work", stated{police, coord, "exit.person_attributes", `{"psw": false}`}, no},
		{"lead denies security work", stated{townA, worker, "exit.person_attributes", `{"psw": false}`}, no},
		{"SiS takes in", stated{sis, "sis.institution_head", "exit.person_attributes", `{"in_sis_care": true}`}, no},
		{"SiS lets go", stated{sis, "sis.institution_head", "exit.person_attributes", `{"in_sis_care": false}`}, yes},
		{"a municipality investigates", stated{townB, child, "exit.person_attributes", `{"child_investigations": ["municipality:1480"]}`}, yes},
		{"a municipality lets another investigate", stated{townB, child, "exit.person_attributes", `{"child_investigations": ["municipality:1280"]}`}, no},
		{"the police investigate a child", stated{police, coord, "exit.person_attributes", `{"child_investigations": ["municipality:1480"]}`}, no},

		{"lead records a consent", stated{townA, worker, "exit.consent", consentWith(nil)}, yes},
		{"the person records a consent", stated{portal, "subject.self", "exit.consent", consentWith(nil)}, yes},
		{"another municipality records a consent", stated{townB, worker, "exit.consent", consentWith(nil)}, no},
		{"a party records a consent", stated{police, coord, "exit.consent", consentWith(nil)}, no},
		{"a consent for a year", stated{townA, worker, "exit.consent", consentWith(map[string]any{"valid_to": "2026-12-31"})}, yes},
		{"a consent for a year and a day", stated{townA, worker, "exit.consent", consentWith(map[string]any{"valid_to": "2027-01-01"})}, bad},
		{"a consent that ends before it begins", stated{townA, worker, "exit.consent", consentWith(map[string]any{"valid_to": "2025-12-31"})}, bad},
		{"a consent given by somebody", stated{townA, worker, "exit.consent", consentWith(map[string]any{"given_by": "neighbour"})}, bad},
		{"a consent to nobody", stated{townA, worker, "exit.consent", consentWith(map[string]any{"recipients": nil})}, bad},

		{"the discloser decides", stated{police, coord, "exit.assessment_decision", decisionWith(nil)}, yes},
		{"the reader decides", stated{townA, worker, "exit.assessment_decision", decisionWith(nil)}, no},
		{"the reader decides for itself", stated{townA, worker, "exit.assessment_decision", decisionWith(map[string]any{"decided_by": by(decider, worker, townA)})}, yes},
		{"in a role that does not decide", stated{police, coord, "exit.assessment_decision", decisionWith(map[string]any{"decided_by": by(decider, local, police)})}, no},
		{"in a role of another kind", stated{police, coord, "exit.assessment_decision", decisionWith(map[string]any{"decided_by": by(decider, worker, police)})}, no},
		{"decided at another agency", stated{police, coord, "exit.assessment_decision", decisionWith(map[string]any{"decided_by": by(decider, worker, townA)})}, no},
		{"the decider reads", stated{police, coord, "exit.assessment_decision", decisionWith(map[string]any{"recipient": map[string]any{"agency": townA, "user": decider}})}, no},
		{"a decision without fields", stated{police, coord, "exit.assessment_decision", decisionWith(map[string]any{"fields": nil})}, bad},

		{"its own assignment", stated{townA, worker, "exit.assignment", assignmentWith(nil)}, yes},
		{"a provider's assignment", stated{prov, "provider.manager", "exit.assignment", assignmentWith(nil)}, no},
		{"its own user", stated{townB, worker, "exit.user_assignment", userWith(nil)}, yes},
		{"another agency's user", stated{townB, worker, "exit.user_assignment", userWith(map[string]any{"agency": townA})}, no},
		{"its own user, named with the agency", stated{townB, worker, "exit.user_assignment", userWith(map[string]any{"agency": townB})}, yes},
		{"its own contract", stated{townA, "municipality.procurement_officer", "exit.provider_vetting", vettingWith(nil)}, yes},
		{"another's contract", stated{townB, "municipality.procurement_officer", "exit.provider_vetting", vettingWith(nil)}, no},
		{"the police have no contracts", stated{police, coord, "exit.provider_vetting", vettingWith(nil)}, no},
		{"a countersignature under nothing", stated{police, coord, "exit.countersignature",
			`{"statement": "urn:uuid:01890a5d-ac96-774b-bcce-ffffffffffff", "digest": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}`}, no},

		{"a role of another kind of agency", stated{townA, security, "exit.person_attributes", `{"psw": false}`}, no},
		{"a role that there is not", stated{townA, "municipality.mayor", "exit.case_closure", `{"closed_at": "2026-06-01"}`}, no},
		{"a type that states nothing", stated{townA, worker, "exit.joint_plan", `{}`}, bad},
		{"a member of another type", stated{townA, worker, "exit.case_closure", `{"closed_at": "2026-06-01", "psw": false}`}, bad},
		{"a second spelling of a name", stated{townA, worker, "exit.case_closure", `{"Closed_at": "2026-06-01"}`}, bad},
		{"a day that there is not", stated{townA, worker, "exit.case_closure", `{"closed_at": "2026-02-30"}`}, bad},
		{"no number", stated{townA, worker, "exit.case_closure", `{"closed_at": "2026-06-01", "seq": null}`}, bad},
		{"number zero", stated{townA, worker, "exit.case_closure", `{"closed_at": "2026-06-01", "seq": 0}`}, bad},
	}
	for _, tt := range tests {
		b := goodBook(t)
		before := len(b.rows.statements["person:"+string(person)])
		err := b.say(tt.says.from, tt.says.role, tt.says.typ, tt.says.fields)
		if got := code(err); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if after := len(b.rows.statements["person:"+string(person)]); err != nil && after != before {
			t.Errorf("%s: refused and kept", tt.name)
		}
	}
}

func by(u gateway.Ref, r gateway.Role, a gateway.AgencyID) map[string]any {
	return map[string]any{"user": u, "role": r, "agency": a}
}

func guardiansAre(g gateway.Ref, blocked bool, maturity string) string {
	one := map[string]any{"guardian": g, "blocked": blocked}
	if maturity != "" {
		one["maturity_decision"] = maturity
	}
	return with(map[string]any{"guardians": []any{one}}, nil)
}

func assignmentWith(change map[string]any) string {
	return with(map[string]any{"assignment_id": ref(10), "provider": prov, "contract_ref": ref(11), "housing": true, "status": "active"}, change)
}

func userWith(change map[string]any) string {
	return with(map[string]any{"user": user, "assigned": true, "coi": false, "read_elsewhere": false}, change)
}

func vettingWith(change map[string]any) string {
	return with(map[string]any{"org_no": "165560004615", "permit_ivo": true, "contract_refs": []any{map[string]any{"municipality": townA, "ref": ref(11)}},
		"checks": []any{"tax"}, "outcome": "approved", "valid_to": "2026-12-31"}, change)
}

// TestSequence: a stater's numbers rise with each statement about a fact.
func TestSequence(t *testing.T) {
	b := goodBook(t)
	say := func(from gateway.AgencyID, seq int) gateway.Code {
		t.Helper()
		return code(b.say(from, worker, "exit.case_state", caseWith(map[string]any{"seq": seq, "claim_source": "case"})))
	}
	for _, tt := range []struct {
		from gateway.AgencyID
		seq  int
		want gateway.Code
	}{
		{townA, 100, ""}, {townA, 100, gateway.CodeSequence}, {townA, 99, gateway.CodeSequence}, {townA, 101, ""},
		{townB, 1, ""}, {townB, 1, gateway.CodeSequence}, // another stater counts for itself
	} {
		if got := say(tt.from, tt.seq); got != tt.want {
			t.Errorf("%s says %d: got %q, want %q", tt.from, tt.seq, got, tt.want)
		}
	}
	// the closure is about the same fact as the state of the case
	if got := code(b.say(townA, worker, "exit.case_closure", `{"seq": 101, "closed_at": "2026-06-01"}`)); got != gateway.CodeSequence {
		t.Errorf("an older closure: got %q", got)
	}
	if got := code(b.say(townA, worker, "exit.consent", consentWith(map[string]any{"seq": 1}))); got != "" {
		t.Errorf("another fact: got %q", got)
	}
}

// TestOpening: a municipality that opens a case states facts, and gains nothing
// by them until another party agrees.
func TestOpening(t *testing.T) {
	b := open(t)
	for name, change := range map[string]map[string]any{
		"for another": {"responsible_municipality": townB},
		"closed":      {"state": "closed"},
	} {
		if got := code(b.say(townA, worker, "exit.case_state", caseWith(change))); got != gateway.CodeAuthority {
			t.Errorf("opened %s: got %q", name, got)
		}
	}
	if got := code(b.say(townA, worker, "exit.person_attributes", attributes)); got != gateway.CodeAuthority {
		t.Errorf("attributes before there is a case: got %q", got)
	}
	s := b.must(townA, worker, "exit.case_state", caseWith(nil))
	if f := b.of(nil).Facts; f.MayKnow || f.ActorResponsible || !f.OnRecord || !f.CaseOpen {
		t.Errorf("before anybody agreed: %+v", f)
	}
	if f := b.of(func(q *facts.Question) { q.Actor, q.Discloser.Agency = facts.Actor{Agency: police, Role: coord}, townA }).Facts; !f.MayKnow {
		t.Error("a party may know")
	}
	for who, want := range map[gateway.AgencyID]gateway.Code{townA: gateway.CodeAuthority, townB: gateway.CodeAuthority, prov: gateway.CodeAuthority} {
		role := worker
		if who == prov {
			role = "provider.manager"
		}
		if got := code(b.agree(who, role, s)); got != want {
			t.Errorf("%s agrees: got %q", who, got)
		}
	}
	other := s
	other.Sent = gateway.DigestOf([]byte("other bytes"))
	if got := code(b.agree(police, coord, other)); got != gateway.CodeAuthority {
		t.Errorf("agreement to other bytes: got %q", got)
	}
	if b.of(nil).Facts.MayKnow {
		t.Error("opened by agreements that count for nothing")
	}
	if err := b.agree(police, coord, s); err != nil {
		t.Fatal(err)
	}
	if f := b.of(nil).Facts; !f.MayKnow || !f.ActorResponsible {
		t.Errorf("after a party agreed: %+v", f)
	}
	// another municipality's word about the case is worth nothing
	b.must(townB, worker, "exit.case_state", caseWith(map[string]any{"parties": []any{townB}, "previous_municipalities": []any{townB}}))
	b.must(townB, worker, "exit.case_state", caseWith(map[string]any{"parties": []any{townB}, "responsible_municipality": townB, "receiving_municipality": townB}))
	if f := b.of(func(q *facts.Question) { q.Actor.Agency = townB }).Facts; f.MayKnow || f.ActorResponsible || f.ActorReceiving || f.ActorPrevious {
		t.Errorf("opened to another by its own word: %+v", f)
	}
	if !b.of(func(q *facts.Question) { q.Actor = facts.Actor{Agency: region, Role: doctor} }).Facts.MayKnow {
		t.Error("another municipality removed a party")
	}
}

// TestWaitingCaseIsRestated: what waits goes on waiting when it is stated anew.
func TestWaitingCaseIsRestated(t *testing.T) {
	b := open(t)
	first := b.must(townA, worker, "exit.case_state", caseWith(nil))
	second := b.must(townA, worker, "exit.case_state", caseWith(map[string]any{"parties": []any{townA, police}}))
	if got := code(b.agree(police, coord, first)); got != gateway.CodeAuthority || b.of(nil).Facts.MayKnow {
		t.Errorf("agreement to the first word: got %q", got)
	}
	if err := b.agree(police, coord, second); err != nil || !b.of(nil).Facts.MayKnow {
		t.Errorf("agreement to the second word: got %v", err)
	}
}

// TestMove: responsibility passes when both municipalities have said so.
func TestMove(t *testing.T) {
	asB := func(q *facts.Question) { q.Actor = facts.Actor{Agency: townB, Role: worker} }
	toB := caseWith(map[string]any{"responsible_municipality": townB})
	tests := []struct {
		name  string
		moves func(*book)
		want  bool
		// contested: the new one says that it is responsible, and the old one does not
		contested bool
	}{
		{"only the old one", func(b *book) { b.must(townA, worker, "exit.case_state", toB) }, false, false},
		{"only the new one", func(b *book) { b.must(townB, worker, "exit.case_state", toB) }, false, true},
		{"both state it", func(b *book) {
			b.must(townA, worker, "exit.case_state", toB)
			b.must(townB, worker, "exit.case_state", toB)
		}, true, false},
		{"both state it, the new one first", func(b *book) {
			b.must(townB, worker, "exit.case_state", toB)
			b.must(townA, worker, "exit.case_state", toB)
		}, true, false},
		{"the new one countersigns", func(b *book) {
			s := b.must(townA, worker, "exit.case_state", toB)
			if err := b.agree(townB, worker, s); err != nil {
				b.t.Error(err)
			}
		}, true, false},
		{"the old one countersigns", func(b *book) {
			s := b.must(townB, worker, "exit.case_state", toB)
			if err := b.agree(townA, worker, s); err != nil {
				b.t.Error(err)
			}
		}, true, false},
		{"the police countersign", func(b *book) {
			s := b.must(townB, worker, "exit.case_state", toB)
			if got := code(b.agree(police, coord, s)); got != gateway.CodeAuthority {
				b.t.Errorf("got %q", got)
			}
		}, false, true},
		{"the new one changes its mind", func(b *book) {
			b.must(townB, worker, "exit.case_state", toB)
			b.must(townB, worker, "exit.case_state", caseWith(nil))
			b.must(townA, worker, "exit.case_state", toB)
		}, false, false},
		{"the old one takes it back", func(b *book) {
			b.must(townA, worker, "exit.case_state", toB)
			b.must(townA, worker, "exit.case_state", caseWith(nil))
			b.must(townB, worker, "exit.case_state", toB)
		}, false, true},
		{"the new one countersigns what was taken back", func(b *book) {
			s := b.must(townA, worker, "exit.case_state", toB)
			b.must(townA, worker, "exit.case_state", caseWith(map[string]any{"responsible_municipality": townC}))
			if got := code(b.agree(townB, worker, s)); got != gateway.CodeAuthority {
				b.t.Errorf("got %q", got)
			}
		}, false, false},
	}
	for _, tt := range tests {
		b := goodBook(t)
		tt.moves(b)
		f := b.of(asB).Facts
		if f.ActorResponsible != tt.want || f.MayKnow != tt.want {
			t.Errorf("%s: B is responsible %v, may know %v; want %v", tt.name, f.ActorResponsible, f.MayKnow, tt.want)
		}
		old := b.of(nil).Facts
		if old.ActorResponsible == tt.want || old.ActorPrevious != tt.want || !tt.want && old.Moved {
			t.Errorf("%s: A is responsible %v, previous %v", tt.name, old.ActorResponsible, old.ActorPrevious)
		}
		if contested := b.of(nil).Facts.Contested; contested != tt.contested {
			t.Errorf("%s: contested is %v", tt.name, contested)
		}
		closes := code(b.say(townA, worker, "exit.case_closure", `{"closed_at": "2026-06-01"}`))
		if (closes == "") == tt.want {
			t.Errorf("%s: A closes the case: %q", tt.name, closes)
		}
	}
}

// TestClaim: a claim makes responsibility contested, and gives no relation.
func TestClaim(t *testing.T) {
	asB := func(q *facts.Question) { q.Actor = facts.Actor{Agency: townB, Role: worker} }
	b := goodBook(t)
	s := b.must(townB, worker, "exit.case_state", caseWith(map[string]any{"claim_source": "case"}))
	if f := b.of(asB).Facts; !f.Contested || f.MayKnow {
		t.Errorf("claimed: %+v", f)
	}
	if err := b.agree(townA, worker, s); err != nil {
		t.Fatal(err)
	}
	if f := b.of(asB).Facts; !f.Contested || !f.MayKnow {
		t.Errorf("claimed, and the lead agreed: %+v", f)
	}
	b.must(townB, worker, "exit.case_state", caseWith(map[string]any{"claim_source": "population_register"}))
	if f := b.of(asB).Facts; f.Contested || !f.ClaimsByRegister || f.MayKnow {
		t.Errorf("claimed by register: %+v", f)
	}
	b.must(townB, worker, "exit.case_state", caseWith(nil))
	if f := b.of(asB).Facts; f.Contested || f.ClaimsByRegister || f.MayKnow {
		t.Errorf("not claimed: %+v", f)
	}
}
