package gatewaytest_test

import (
	"errors"
	"testing"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/store/sqlite"
)

const (
	stockholm gateway.AgencyID = "municipality:0180"
	malmo     gateway.AgencyID = "municipality:1480"
	police    gateway.AgencyID = "police"
	prison    gateway.AgencyID = "kriminalvarden"
	firm      gateway.AgencyID = "provider:165560004615"

	worker      gateway.Role = "municipality.social_worker"
	childWorker gateway.Role = "municipality.child_social_worker"
	lead        gateway.Role = "municipality.exit_team_lead"
	buyer       gateway.Role = "municipality.procurement_officer"
	regional    gateway.Role = "police.exit_coordinator_regional"
	local       gateway.Role = "police.exit_coordinator_local"
	bodyguards  gateway.Role = "police.personal_security_officer"
	probation   gateway.Role = "kriminalvarden.probation_officer"
	caseWorker  gateway.Role = "provider.case_worker"
	manager     gateway.Role = "provider.manager"
)

// forging is one forgery in the making.
type forging struct {
	*testing.T
	*gatewaytest.Forger
	w *gatewaytest.World
}

// must states what is honest and has to be taken.
func (f *forging) must(who gateway.AgencyID, system string, role gateway.Role, typ gateway.MessageType, members map[gateway.Field]any) client.Receipt {
	f.Helper()
	r, err := f.Says(f.Context(), who, system, role, typ, members)
	if err != nil {
		f.Fatalf("%s states %s: %v", role, typ, err)
	}
	return r
}

// forge states what is not so, and returns the code it was refused with.
func (f *forging) forge(who gateway.AgencyID, system string, role gateway.Role, typ gateway.MessageType, members map[gateway.Field]any) gateway.Code {
	f.Helper()
	_, err := f.Says(f.Context(), who, system, role, typ, members)
	return f.code(err)
}

// rewritten has one party make a statement and another write it anew in its own
// name and sign it with its own key, as no honest client would.
func (f *forging) rewritten(from party, role gateway.Role, typ gateway.MessageType, v stating, by party, rewrite func(*token)) gateway.Code {
	f.Helper()
	raw, err := f.Token(f.Context(), from.agency, from.system, role, typ, v)
	if err != nil {
		f.Fatal(err)
	}
	s, k := stage{World: f.w}, takeApart(f, string(raw))
	rewrite(k)
	k.set("iss", `"urn:sluss:agency:`+string(by.agency)+`"`)
	k.head(k.kid(), s.public(f, by, envelope.UseMessage).Thumbprint())
	_, err = f.Hands(f.Context(), by.agency, by.system, []byte(k.signed(s.key(f, by, envelope.UseMessage))))
	return f.code(err)
}

func (f *forging) code(err error) gateway.Code {
	f.Helper()
	code := gatewaytest.Problem(err)
	if err != nil && code == "" {
		f.Fatal(err)
	}
	return code
}

func (f *forging) agree(who gateway.AgencyID, role gateway.Role, r client.Receipt) gateway.Code {
	f.Helper()
	return f.forge(who, "exit", role, "exit.countersignature", map[gateway.Field]any{"statement": r.ID, "digest": r.Digest})
}

// stating are the members of a statement or message.
type stating = map[gateway.Field]any

// tried is a release that was attempted after a forgery.
type tried struct {
	name    string
	message gateway.MessageID
	field   gateway.Field  // that the forgery was after; "" for every one
	reason  gateway.Reason // the true one, in the entry
}

// forgery is one forged statement: who was honest before, what is forged, and
// what somebody then tries to get.
type forgery struct {
	name   string
	code   gateway.Code // of the refusal; "" for a statement that is taken in and waits
	by     gateway.AgencyID
	forge  func(*forging) gateway.Code
	after  func(*forging) (gateway.AgencyID, client.Draft, error)
	field  gateway.Field
	reason gateway.Reason
}

// assessment is what the police try to send: everything rests on consent.
func assessment(f *forging) (gateway.AgencyID, client.Draft, error) {
	d, err := f.Assessment()
	return police, d, err
}

// noGoAreas is a field of chapter 18 that only a recorded decision opens.
func noGoAreas(f *forging) (gateway.AgencyID, client.Draft, error) {
	d, err := f.Draft("exit.threat_assessment", regional, stockholm, worker, "PROTECTION", nil)
	if err != nil {
		return "", d, err
	}
	full, err := f.Assessment()
	d.Values, d.Fields, d.BasisClaimed = full.Values, []string{"no_go_areas"}, []gateway.Basis{"OSL-10-27"}
	return police, d, err
}

// concern is the answer of the police to a child investigation in Malmö.
func concern(f *forging) (gateway.AgencyID, client.Draft, error) {
	d, err := f.Draft("exit.child_concern", regional, malmo, childWorker, "CHILD_PROTECTION", stating{
		"report_kind": "answer_20_6", "child_name": "CANARY", "child_pnr": "201001012392", "concern_description": "CANARY",
		"concern_categories": []string{"crime"}, "acute": false, "reporter_agency": police, "inform_guardian_advice": "never",
	})
	d.BasisClaimed = []gateway.Basis{"SoL-20-6"}
	return police, d, err
}

// transfer is what Stockholm would hand over to a municipality that takes over.
func transfer(f *forging) (gateway.AgencyID, client.Draft, error) {
	d, err := f.Draft("exit.relocation", worker, malmo, worker, "RELOCATION", stating{
		"relocation_id": gateway.NewRef(), "transfer_status": "accepted", "reason_code": "threat_network", "from_municipality": "0180",
		"to_municipality": "1480", "needs_summary": "CANARY", "payer_municipality": "0180", "no_trace_instructions": "CANARY",
	})
	d.BasisClaimed = []gateway.Basis{"SoL-29-12"}
	return stockholm, d, err
}

// referral holds a telephone number, which locates a protected person.
func referral(f *forging) (gateway.AgencyID, client.Draft, error) {
	d, err := f.Draft("exit.referral", probation, stockholm, lead, "EXIT_SUPPORT", stating{
		"subject_name": "CANARY", "subject_pnr": "199001012384", "phone": "CANARY", "environment_type": "gang", "motivation_level": "high",
		"support_needs": []string{"housing"}, "acute_protection_need": false, "referrer_contact": stating{"role": "CANARY", "phone": "CANARY"},
	})
	return prison, d, err
}

// placement tells a provider of Stockholm's where the person lives.
func placement(f *forging) (gateway.AgencyID, client.Draft, error) {
	d, err := f.Draft("exit.provider_assignment", worker, firm, caseWorker, "EXIT_SUPPORT", stating{
		"assignment_id": gateway.NewRef(), "contract_ref": gateway.NewRef(), "subject_alias": "CANARY", "service_type": "mentoring",
		"hours_per_week": 4, "housing_address": "CANARY",
	})
	d.Fields = []string{"default", "housing_address"}
	return stockholm, d, err
}

// consented has the person consent, agreed to by the discloser, to what one
// agency may give Stockholm.
func (f *forging) consented(from gateway.AgencyID, role gateway.Role, id gateway.Ref, classes ...string) {
	f.Helper()
	r := f.must(stockholm, "exit", worker, "exit.consent", f.Consent(id, []gateway.AgencyID{from}, stockholm, classes...))
	if code := f.agree(from, role, r); code != "" {
		f.Fatalf("%s agrees: %s", from, code)
	}
}

// marked has the police mark the person, so that a telephone number locates.
func (f *forging) marked() {
	f.consented(prison, probation, gateway.NewRef(), "ID", "CON", "CAS", "ENV", "PLN", "RSK", "SOC")
	f.must(police, "exit", regional, "exit.person_attributes", stating{"protection_marking": "sekretessmarkering"})
}

var forgeries = []forgery{
	{name: "a consent that names its own stater as recipient", by: stockholm, after: assessment, reason: "NO-BASIS",
		forge: func(f *forging) gateway.Code {
			return f.forge(stockholm, "exit", worker, "exit.consent", f.Consent(gateway.NewRef(), []gateway.AgencyID{police}, stockholm, "RSK", "CAS", "ID"))
		}},
	{name: "a consent that names its own stater as discloser too", by: stockholm, after: assessment, reason: "NO-BASIS",
		forge: func(f *forging) gateway.Code {
			return f.forge(stockholm, "exit", worker, "exit.consent", f.Consent(gateway.NewRef(), []gateway.AgencyID{police, stockholm}, stockholm, "RSK", "CAS"))
		}},
	{name: "a consent recorded by another municipality", by: malmo, code: gateway.CodeAuthority, after: assessment, reason: "NO-BASIS",
		forge: func(f *forging) gateway.Code {
			return f.forge(malmo, "exit", worker, "exit.consent", f.Consent(gateway.NewRef(), []gateway.AgencyID{police}, stockholm, "RSK", "CAS"))
		}},
	{name: "a countersignature by the stater itself", by: stockholm, code: gateway.CodeAuthority, after: assessment, reason: "NO-BASIS",
		forge: func(f *forging) gateway.Code {
			return f.agree(stockholm, worker, f.must(stockholm, "exit", worker, "exit.consent", f.Consent(gateway.NewRef(), []gateway.AgencyID{police}, stockholm, "RSK")))
		}},
	{name: "a countersignature by one that the consent does not name", by: prison, code: gateway.CodeAuthority, after: assessment, reason: "NO-BASIS",
		forge: func(f *forging) gateway.Code {
			return f.agree(prison, probation, f.must(stockholm, "exit", worker, "exit.consent", f.Consent(gateway.NewRef(), []gateway.AgencyID{police}, stockholm, "RSK")))
		}},
	{name: "a withdrawn consent under an old number", by: stockholm, code: gateway.CodeSequence, after: assessment, reason: "NO-BASIS",
		forge: func(f *forging) gateway.Code {
			again := f.withdrawn()
			again["seq"] = 1
			return f.forge(stockholm, "exit", worker, "exit.consent", again)
		}},
	{name: "a withdrawn consent under a new number", by: stockholm, after: assessment, reason: "NO-BASIS",
		forge: func(f *forging) gateway.Code {
			return f.agree(police, regional, f.must(stockholm, "exit", worker, "exit.consent", f.withdrawn()))
		}},
	{name: "a child investigation of a stranger's", by: malmo, after: concern, reason: "NO-BASIS",
		forge: func(f *forging) gateway.Code {
			return f.forge(malmo, "exit", childWorker, "exit.person_attributes", stating{"child_investigations": []gateway.AgencyID{malmo}})
		}},
	{name: "a decision by its own reader", by: stockholm, code: gateway.CodeAuthority, after: noGoAreas, field: "no_go_areas", reason: "BLK-PUB",
		forge: func(f *forging) gateway.Code {
			return f.forge(stockholm, "exit", worker, "exit.assessment_decision", f.Decision("no_go_areas", regional, police))
		}},
	{name: "a decision in a role that does not decide", by: police, code: gateway.CodeAuthority, after: noGoAreas, field: "no_go_areas", reason: "BLK-PUB",
		forge: func(f *forging) gateway.Code {
			return f.forge(police, "exit", regional, "exit.assessment_decision", f.Decision("no_go_areas", local, police))
		}},
	{name: "a vetting by the provider itself", by: firm, code: gateway.CodeRoute, after: placement, reason: "BLK-VET",
		forge: func(f *forging) gateway.Code {
			return f.rewritten(party{stockholm, "procurement"}, buyer, "exit.provider_vetting", vetting(f), party{firm, "exit"}, func(k *token) {
				k.claim(`"`+string(buyer)+`"`, `"`+string(manager)+`"`)
			})
		}},
	{name: "responsibility taken by one side only", by: malmo, after: transfer, reason: "BLK-RESP",
		forge: func(f *forging) gateway.Code {
			return f.forge(malmo, "exit", worker, "exit.case_state", stating{"state": "open",
				"parties": []gateway.AgencyID{stockholm, police, prison, firm}, "responsible_municipality": malmo})
		}},
	{name: "witness protection denied by a municipality", by: stockholm, code: gateway.CodeForbiddenField, after: assessment, reason: "BLK-PSW",
		forge: func(f *forging) gateway.Code {
			f.consented(police, regional, gateway.NewRef(), "RSK", "CAS")
			f.must(police, "security", bodyguards, "exit.person_attributes", stating{"psw": true})
			town := party{stockholm, "exit"}
			return f.rewritten(town, worker, "exit.person_attributes", stating{"place_hidden": false}, town, func(k *token) {
				k.alter(`"place_hidden",false`, `"psw",false`)
			})
		}},
	{name: "a looser marking", by: stockholm, after: referral, field: "phone", reason: "NO-BASIS",
		forge: func(f *forging) gateway.Code {
			f.marked()
			return f.forge(stockholm, "exit", worker, "exit.person_attributes", stating{"protection_marking": "none"})
		}},
	{name: "a looser marking by an agency that does not lead", by: malmo, code: gateway.CodeAuthority, after: referral, field: "phone", reason: "NO-BASIS",
		forge: func(f *forging) gateway.Code {
			f.marked()
			return f.forge(malmo, "exit", worker, "exit.person_attributes", stating{"protection_marking": "none", "place_hidden": false})
		}},
	{name: "an assignment by a municipality that is not concerned", by: malmo, after: placement, field: "housing_address", reason: "BLK-LOC",
		forge: func(f *forging) gateway.Code {
			f.must(stockholm, "procurement", buyer, "exit.provider_vetting", vetting(f))
			f.must(stockholm, "exit", worker, "exit.consent", f.Consent(gateway.NewRef(), []gateway.AgencyID{stockholm}, firm, "ID", "CAS", "PLN", "PAD"))
			return f.forge(malmo, "exit", worker, "exit.assignment", stating{"assignment_id": gateway.NewRef(), "provider": firm,
				"contract_ref": gateway.NewRef(), "housing": true, "status": "active"})
		}},
}

// withdrawn has the person consent and withdraw, and returns the consent.
func (f *forging) withdrawn() stating {
	f.Helper()
	id := gateway.NewRef()
	f.consented(police, regional, id, "RSK", "CAS")
	f.must(stockholm, "exit", worker, "exit.consent_withdrawal", stating{"consent_id": id, "withdrawn": true})
	return f.Consent(id, []gateway.AgencyID{police}, stockholm, "RSK", "CAS")
}

func vetting(f *forging) stating {
	return stating{"org_no": "165560004615", "permit_ivo": true, "contract_refs": []stating{{"municipality": stockholm, "ref": gateway.NewRef()}},
		"checks": []string{"tax"}, "outcome": "approved", "valid_to": f.Date(90)}
}

// TestForgedStatements has one party after the other state what is not so, over
// sockets, in its own name and with its own keys. What nobody may state is
// refused with its code; what a party may say and gains by waits for another.
// In either case the release that the forgery was for stays withheld, and the
// log holds the forgery and the true reason.
func TestForgedStatements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	refusals, attempts := map[cause]int64{}, []tried(nil)
	for _, tt := range forgeries {
		t.Run(tt.name, func(t *testing.T) {
			f := newForging(t, w)
			if got := tt.forge(f); got != tt.code {
				t.Fatalf("got %q, want %q", got, tt.code)
			}
			if tt.code != "" {
				refusals[cause{tt.by, tt.code}]++
			}
			attempts = append(attempts, tt.attempt(f))
		})
	}
	t.Run("a user assigned by another agency", func(t *testing.T) {
		refusals[cause{malmo, gateway.CodeAuthority}]++
		foreignUser(t, w)
	})
	stop(t, w)
	logged(t, w, refusals, attempts)
}

func newForging(t *testing.T, w *gatewaytest.World) *forging {
	t.Helper()
	f, err := gatewaytest.NewForger(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return &forging{t, f, w}
}

// attempt tries to get what the forgery was for.
func (tt forgery) attempt(f *forging) tried {
	from, d, err := tt.after(f)
	if err != nil {
		f.Fatal(err)
	}
	id, got, err := f.Sends(f.Context(), from, d)
	if err != nil {
		f.Fatal(err)
	}
	if _, ok := got[tt.field]; ok || tt.field == "" && len(got) > 0 {
		f.Errorf("released after the forgery: %v", got)
	}
	return tried{tt.name, id, tt.field, tt.reason}
}

// foreignUser: who may read is said by the reader's own agency.
func foreignUser(t *testing.T, w *gatewaytest.World) {
	f := newForging(t, w)
	f.consented(police, regional, gateway.NewRef(), "RSK", "CAS")
	user := gateway.NewRef()
	assigned := func() stating { return stating{"user": user, "assigned": true, "coi": false, "read_elsewhere": false} }
	named := assigned()
	named["agency"] = stockholm
	if got := f.forge(malmo, "exit", worker, "exit.user_assignment", named); got != gateway.CodeAuthority {
		t.Errorf("another's user: got %q", got)
	}
	if got := f.forge(malmo, "exit", worker, "exit.user_assignment", assigned()); got != "" {
		t.Errorf("a user of its own under the same reference: got %q", got)
	}
	d, err := f.Assessment()
	if err != nil {
		t.Fatal(err)
	}
	id, got, err := f.Sends(t.Context(), police, d)
	if err != nil || len(got) == 0 {
		t.Fatalf("to the function: %v, %v", got, err)
	}
	if got := f.code(f.Reads(t.Context(), id, user)); got != gateway.CodeNoRecord {
		t.Errorf("the user reads: got %q, want %q", got, gateway.CodeNoRecord)
	}
	f.must(stockholm, "exit", worker, "exit.user_assignment", assigned())
	if err := f.Reads(t.Context(), id, user); err != nil {
		t.Errorf("assigned by the own agency: %v", err)
	}
}

// logged looks for every forgery and every attempt in the log.
func logged(t *testing.T, w *gatewaytest.World, refusals map[cause]int64, attempts []tried) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Dir: w.Dir + "/gateway/data"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	opener, err := w.Opener()
	if err != nil {
		t.Fatal(err)
	}
	refused, decided := map[cause]int64{}, map[gateway.MessageID][]disclosure.E2{}
	for from := uint64(0); ; {
		list, err := db.Entries(t.Context(), from, 256)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			from++
			e1, e2, err := disclosure.Open(e, opener)
			if err != nil {
				t.Fatal(errors.Join(err, db.Close()))
			}
			switch e1.Kind {
			case disclosure.MessageRefused, disclosure.StatementRefused:
				refused[cause{e1.Discloser, e1.Code}]++
			case disclosure.Withheld, disclosure.Release:
				decided[e1.Message] = append(decided[e1.Message], e2)
			}
		}
	}
	for c, n := range refusals {
		if refused[c] != n {
			t.Errorf("the log has %d refusals of %s with %s, want %d", refused[c], c.agency, c.code, n)
		}
	}
	for _, a := range attempts {
		entries := decided[a.message]
		if len(entries) == 0 {
			t.Errorf("%s: no entry of the attempt", a.name)
			continue
		}
		e2 := entries[0] // what waits may be decided again when a later row changes the world
		if got := e2.Withheld[a.field]; got != a.reason && e2.Denied != a.reason {
			t.Errorf("%s: %q is withheld as %q, denied as %q; want %s", a.name, a.field, got, e2.Denied, a.reason)
		}
	}
}
