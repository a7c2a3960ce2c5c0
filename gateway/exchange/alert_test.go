package exchange_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

const (
	firm       gateway.AgencyID = "provider:165560004615"
	caseWorker gateway.Role     = "provider.case_worker"
	manager    gateway.Role     = "provider.manager"
)

// place seals an assignment of the person to the provider.
func (m *matter) place(to gateway.Role) client.Receipt {
	m.t.Helper()
	token, err := m.town.Seal(m.t.Context(), client.Draft{Type: "exit.provider_assignment", From: socialWorker, To: firm, ToRoles: []gateway.Role{to},
		Purpose: "EXIT_SUPPORT", Case: m.ref, Subject: m.person, BasisClaimed: []gateway.Basis{"OSL-12-2"}, Fields: []string{"default"},
		Values: values(m.t, map[gateway.Field]any{"assignment_id": gateway.NewRef(), "contract_ref": gateway.NewRef(), "subject_alias": "CANARY", "service_type": "mentoring",
			"hours_per_week": 4, "housing_address": "CANARY"})})
	if err != nil {
		m.t.Fatal(err)
	}
	return must(m.t, first(m.town.Send(m.t.Context(), token)), nil)
}

// vets has an agency say what became of the provider.
func (m *matter) vets(from *member, role gateway.Role, outcome string, contracts ...any) {
	m.t.Helper()
	m.seq++
	token, err := from.State(m.t.Context(), client.Draft{Type: "exit.provider_vetting", From: role, Purpose: "VETTING", Case: gateway.NewRef(),
		Values: values(m.t, map[gateway.Field]any{"seq": m.seq, "org_no": "165560004615", "permit_ivo": true, "contract_refs": append([]any{}, contracts...),
			"checks": []string{"tax"}, "outcome": outcome, "valid_to": day(90)})})
	if err != nil {
		m.t.Fatal(err)
	}
	must(m.t, first(from.Send(m.t.Context(), token)), nil)
}

// alerted returns what a mailbox hears of alerts, as obligation and message, and
// complains of a person named where none may be.
func (m *matter) alerted(to *member, role gateway.Role, named bool) []string {
	m.t.Helper()
	var out []string
	for _, a := range tasks(m.t, to, role, envelope.Alert) {
		if _, ok := a["subject"]; ok != named {
			m.t.Errorf("%s names a person: %v, want %v", a["obligation"], ok, named)
		}
		out = append(out, a["obligation"].(string)+" "+a["txn"].(string))
	}
	return out
}

func (m *matter) alerts(what string, got []string, want ...string) {
	m.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		m.t.Errorf("%s: alerts (-want +got):\n%s", what, diff)
	}
}

// TestRevokedProvider: what waits for a provider that lost its approval is ended
// and its sender told, once; what waits for one that nobody has vetted yet is held.
func TestRevokedProvider(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	provider, buyer := m.member(firm, "exit"), m.member(town, "procurement")
	sent, other := m.place(caseWorker), m.place(manager)
	collect := func(role gateway.Role) {
		t.Helper()
		for range 2 {
			if b, err := provider.Poll(t.Context(), role, client.PollOptions{NoWait: true}); err != nil || len(b.Messages) != 0 {
				t.Fatalf("%d messages, %v", len(b.Messages), err)
			}
		}
	}
	open := func(r client.Receipt) bool {
		t.Helper()
		rows := must(t, first(m.store.Store.MailOf(t.Context(), town, r.ID)), nil)
		return len(rows) == 1 && string(rows[0].State) != "expired"
	}
	collect(caseWorker)
	m.alerts("not vetted", m.alerted(m.town, socialWorker, true), "alert_case_owner "+string(sent.ID))
	if !open(sent) {
		t.Error("what waits for a provider that may yet be approved is ended")
	}
	m.vets(buyer, "municipality.procurement_officer", "approved", map[string]any{"municipality": town, "ref": gateway.NewRef()})
	collect(caseWorker)
	m.alerts("approved", m.alerted(m.town, socialWorker, true))
	m.vets(m.police, coordinator, "revoked")
	collect(caseWorker)
	m.alerts("revoked", m.alerted(m.town, socialWorker, true), "alert_case_owner "+string(sent.ID), "revoke_open_links "+string(sent.ID))
	if open(sent) || !open(other) {
		t.Errorf("after the poll of one function: open %v, the other's %v", open(sent), open(other))
	}
	// It asks for something: the mailboxes of the system that asks are ended, too.
	asked := gateway.NewRef()
	if _, err := provider.Request(t.Context(), town, client.Official{Role: caseWorker, User: gateway.NewRef(), Unit: "u1", Purpose: "EXIT_SUPPORT",
		Type: "exit.provider_assignment", Subject: asked, Fields: []string{"default"}}); code(err) != gateway.CodeDenied {
		t.Errorf("asks: %v", err)
	}
	var request, message int
	for _, a := range tasks(t, m.town, socialWorker, envelope.Alert) {
		switch {
		case a["txn"] == string(other.ID) && a["subject"] == string(m.person) && a["code"] == "BLK-VET":
			message++
		case a["obligation"] == "alert_case_owner" && a["subject"] == nil:
			request++
		default:
			t.Errorf("alert %v", a)
		}
	}
	if open(other) || request != 1 || message != 2 {
		t.Errorf("after the request: open %v, %d alerts of it, %d of what waited", open(other), request, message)
	}
	m.holds()
}

// TestRecallNotice: a sender whose message a withdrawn consent no longer carries
// is asked to recall it, once, and is told nothing of a person whom the recipient
// does not get to know of.
func TestRecallNotice(t *testing.T) {
	t.Parallel()
	for name, psw := range map[string]bool{"on record": false, "nobody": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMatter(t)
			sent := m.send(m.assessment())
			m.pass(2 * time.Second) // what is withdrawn in the second of the sending counts as withdrawn before
			if psw {
				m.state(m.security, bodyguard, "exit.person_attributes", map[gateway.Field]any{"psw": true})
			}
			m.withdraw()
			for range 2 {
				if n := len(m.poll().Messages); n != 0 {
					t.Fatalf("%d messages", n)
				}
			}
			var want []string
			if !psw {
				want = []string{"recall_notice " + string(sent.ID)}
			}
			m.alerts("sender", m.alerted(m.police, coordinator, true), want...)
			// Nothing leaves for another reason now, and the sender knows already.
			before := m.kinds()[disclosure.Withheld]
			m.state(m.town, socialWorker, "exit.case_state", map[gateway.Field]any{
				"state": "closed", "parties": []gateway.AgencyID{town, police}, "responsible_municipality": town})
			m.poll()
			m.alerts("for another reason", m.alerted(m.police, coordinator, true))
			if decided := m.kinds()[disclosure.Withheld] > before; decided == psw {
				t.Errorf("decided anew: %v", decided)
			}
			m.holds()
		})
	}
}

// TestAlertSupervisor: the agency whose user has a conflict of interest hears of
// it, and nobody else.
func TestAlertSupervisor(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	sent := m.send(m.assessment())
	user := gateway.NewRef()
	m.state(m.town, socialWorker, "exit.user_assignment", map[gateway.Field]any{"user": user, "assigned": true, "coi": true, "read_elsewhere": false})
	if _, err := m.town.Read(t.Context(), sent.ID, client.Official{Role: socialWorker, User: user, Unit: "u1", Purpose: "PROTECTION",
		Type: "exit.threat_assessment", Subject: m.person, Fields: []string{"default"}}); code(err) != gateway.CodeDenied {
		t.Fatal(err)
	}
	got := tasks(t, m.member(town, "review"), legalOfficer, envelope.Alert)
	want := []map[string]any{{"txn": string(sent.ID), "obligation": "alert_supervisor", "code": "BLK-COI", "type": "exit.threat_assessment",
		"recipient": town.URN(), "role": string(socialWorker), "user": string(user)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
	m.alerts("sender", m.alerted(m.police, coordinator, true))
	m.alerts("its legal officer", m.alerted(m.member(police, "review"), legalOfficer, true))
	m.holds()
}

// TestAlertSecurity: who asks for the link between two identities is security's
// matter, at the police the personal security officer's. Of a person who is not on
// record for who asks nobody hears.
func TestAlertSecurity(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	for _, row := range []struct {
		whom     gateway.AgencyID
		of       *member
		role     gateway.Role
		stranger bool
	}{
		{police, m.security, bodyguard, false},
		{town, m.member(town, "review"), legalOfficer, false},
		{police, m.security, bodyguard, true},
	} {
		asker, as, subject := m.town, socialWorker, m.person
		if row.whom == town {
			asker, as = m.police, coordinator
		}
		if row.stranger {
			subject = gateway.NewRef()
		}
		user := gateway.NewRef()
		m.state(asker, as, "exit.user_assignment", map[gateway.Field]any{"user": user, "assigned": true, "coi": false, "read_elsewhere": false})
		r := must(t, first(asker.Request(t.Context(), row.whom, client.Official{Role: as, User: user, Unit: "u1", Purpose: "RELOCATION",
			Type: "exit.relocation", Subject: subject, Fields: []string{"fictitious_identity_ref"}, BasisClaimed: []gateway.Basis{"OSL-10-27"},
			Reason: &envelope.Reason{Code: "takeover", Length: 40}})), nil)
		var want []string
		if !row.stranger {
			want = []string{"alert_security " + string(r.ID)}
		}
		m.alerts(string(row.whom), m.alerted(row.of, row.role, true), want...)
	}
	m.holds()
}

// TestAlertCaseOwner: the function that has the case hears of a guardian who is
// barred and has asked.
func TestAlertCaseOwner(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	guardian, barred := m.member("guardian", "exit"), gateway.NewRef()
	m.state(m.town, socialWorker, "exit.person_attributes", map[gateway.Field]any{"birth_date": day(-3650),
		"guardians": []any{map[string]any{"guardian": barred, "blocked": true}}})
	ask := client.Official{Role: "subject.guardian", User: barred, Unit: "u1", Purpose: "SUBJECT_ACCESS", Type: "exit.joint_plan", Subject: m.person,
		Fields: []string{"default"}, BasisClaimed: []gateway.Basis{"OSL-12-3"}}
	r := must(t, first(guardian.Request(t.Context(), town, ask)), nil)
	ask.User = gateway.NewRef() // nobody's guardian
	must(t, first(guardian.Request(t.Context(), town, ask)), nil)
	m.alerts("case owner", m.alerted(m.town, socialWorker, true), "alert_case_owner "+string(r.ID))
	if n := m.kinds()[disclosure.RequestReceived]; n != 2 {
		t.Errorf("%d requests in the log, want 2", n)
	}
	m.holds()
}

// TestBarredGuardian: a guardian who is barred is answered like one who is
// nobody's guardian, and the mailbox hears nothing of it.
func TestBarredGuardian(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	guardian, barred := m.member("guardian", "exit"), gateway.NewRef()
	m.state(m.town, socialWorker, "exit.person_attributes", map[gateway.Field]any{"birth_date": day(-3650),
		"guardians": []any{map[string]any{"guardian": barred, "blocked": true}}})
	token, err := m.town.Seal(t.Context(), client.Draft{Type: "exit.joint_plan", From: socialWorker, To: "guardian", ToRoles: []gateway.Role{"subject.guardian"},
		Purpose: "SUBJECT_ACCESS", Case: m.ref, Subject: m.person, BasisClaimed: []gateway.Basis{"OSL-12-3"}, Fields: []string{"default"},
		Values: values(t, map[gateway.Field]any{"plan_id": gateway.NewRef(), "version": 1, "status": "active", "lead_agency": town,
			"goals": []string{"CANARY"}, "next_review_date": day(10), "measures": []any{}, "crisis_contacts": []any{}})})
	if err != nil {
		t.Fatal(err)
	}
	sent := must(t, first(m.town.Send(t.Context(), token)), nil)
	for name, user := range map[string]gateway.Ref{"barred": barred, "nobody's guardian": gateway.NewRef()} {
		ask := client.Official{Role: "subject.guardian", User: user, Unit: "u1", Purpose: "SUBJECT_ACCESS", Type: "exit.joint_plan", Subject: m.person,
			Fields: []string{"default"}, BasisClaimed: []gateway.Basis{"OSL-12-3"}}
		if _, err := guardian.Read(t.Context(), sent.ID, ask); code(err) != gateway.CodeNoRecord {
			t.Errorf("%s: got %v, want %s", name, err, gateway.CodeNoRecord)
		}
	}
	if got := hear(guardian, "subject.guardian"); len(got) > 0 {
		t.Errorf("the mailbox hears %v", got)
	}
	m.holds()
}
