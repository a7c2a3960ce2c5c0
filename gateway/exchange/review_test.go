package exchange_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
)

const (
	national     gateway.Role = "police.exit_coordinator_national"
	teamLead     gateway.Role = "municipality.exit_team_lead"
	legalOfficer gateway.Role = "agency.legal_officer"
)

// claiming seals a threat assessment from a local coordinator, who decides
// nothing, to a function of the municipality, on the bases given.
func (m *matter) claiming(to gateway.Role, bases ...gateway.Basis) []byte {
	m.t.Helper()
	token, err := m.police.Seal(m.t.Context(), client.Draft{Type: "exit.threat_assessment", From: "police.exit_coordinator_local", To: town,
		ToRoles: []gateway.Role{to}, Purpose: "PROTECTION", Case: m.ref, Subject: m.person, BasisClaimed: bases,
		Fields: []string{"risk_level"}, Reason: &envelope.Reason{Code: "safety_planning", Length: 40},
		Values: values(m.t, map[gateway.Field]any{
			"assessment_id": gateway.NewRef(), "assessed_at": day(-1), "valid_until": day(30), "method": "mixed", "risk_level": 3,
			"protection_recommendation": "advice", "safety_instructions": "CANARY", "contact_officer": map[string]any{"role": "CANARY", "phone": "CANARY"}})})
	return must(m.t, token, err)
}

// decide records the balancing of OSL 10:27 for the municipality.
func (m *matter) decide(purpose gateway.Purpose, fields ...string) {
	m.t.Helper()
	m.state(m.police, coordinator, "exit.assessment_decision", map[gateway.Field]any{
		"assessment_id": gateway.NewRef(), "basis": "OSL-10-27", "kind": "balancing_obvious", "outcome": "release",
		"recipient": map[string]any{"agency": town}, "purpose": purpose, "fields": fields, "valid_from": day(-1), "valid_to": day(30),
		"decided_by": map[string]any{"user": gateway.NewRef(), "role": national, "agency": police}, "grounds_text": "CANARY"})
}

// tasks returns what a mailbox hears of one event.
func tasks(t testing.TB, m *member, role gateway.Role, event envelope.EventType) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, n := range hear(m, role) {
		if n.Type != event {
			continue
		}
		if strings.Contains(string(n.Claims), "CANARY") {
			t.Error("a notice holds a value")
		}
		claims := map[string]any{"txn": string(n.Message)}
		if err := json.Unmarshal(n.Claims, &claims); err != nil {
			t.Fatal(err)
		}
		out = append(out, claims)
	}
	return out
}

// TestReviewTask: what a person has to decide is one task for a role that
// decides, however often it is asked; the recorded decision resumes the message
// and ends the task.
func TestReviewTask(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	m.withdraw()
	sent := m.send(m.claiming(socialWorker, "OSL-10-27"))
	user := gateway.NewRef()
	m.state(m.town, socialWorker, "exit.user_assignment", map[gateway.Field]any{"user": user, "assigned": true, "coi": false, "read_elsewhere": false})
	ask := client.Official{Role: socialWorker, User: user, Unit: "u1", Purpose: "PROTECTION", Type: "exit.threat_assessment", Subject: m.person, Fields: []string{"risk_level"}}
	for range 2 {
		if _, err := m.town.Read(t.Context(), sent.ID, ask); code(err) != gateway.CodeReview {
			t.Errorf("an official reads: %v, want %s", err, gateway.CodeReview)
		}
		if n := len(m.poll().Messages); n != 0 {
			t.Fatalf("%d messages before anybody decided", n)
		}
	}
	got := tasks(t, m.police, national, envelope.ReviewRequested)
	if len(got) != 1 {
		t.Fatalf("%d tasks, want 1: %v", len(got), got)
	}
	delete(got[0], "expires")
	want := map[string]any{"txn": string(sent.ID), "type": "exit.threat_assessment", "subject": string(m.person), "fields": []any{"risk_level"},
		"reason": "NO-DECISION", "claimed": []any{"OSL-10-27"}, "recipient": town.URN(), "role": string(socialWorker), "obligations": []any{"review_task"}}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("task (-want +got):\n%s", diff)
	}
	m.decide("PROTECTION", "risk_level")
	batch := m.poll()
	if len(batch.Messages) != 1 || batch.Messages[0].Release().Allowed["risk_level"] != "OSL-10-27" {
		t.Fatalf("after the decision: %d messages", len(batch.Messages))
	}
	if ended := tasks(t, m.police, national, envelope.ReviewEnded); len(ended) != 1 || ended[0]["ended"] != "decided" || ended[0]["txn"] != string(sent.ID) {
		t.Errorf("the task ended as %v", ended)
	}
	if m.poll(); len(tasks(t, m.police, national, envelope.ReviewEnded)) != 0 {
		t.Error("the end of the task is told twice")
	}
	m.holds()
}

// TestReviewEnds: a question that does not stand any more ends its task.
func TestReviewEnds(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	m.withdraw()
	m.send(m.claiming(socialWorker, "OSL-10-27"))
	m.poll()
	m.state(m.security, bodyguard, "exit.person_attributes", map[gateway.Field]any{"psw": true})
	m.poll()
	if ended := tasks(t, m.police, national, envelope.ReviewEnded); len(ended) != 1 || ended[0]["ended"] != "withdrawn" {
		t.Errorf("the task ended as %v", ended)
	}
	m.holds()
}

// TestUnclaimedDecision: a decision on a basis that was not claimed opens
// nothing, and whoever would have to claim it is told: the sender of a message
// sent unasked, the official who asked.
func TestUnclaimedDecision(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	m.withdraw()
	sent := m.send(m.claiming(socialWorker, "PL-6"))
	m.poll()
	m.decide("PROTECTION", "risk_level")
	m.poll()
	var claim []any
	for _, task := range tasks(t, m.police, national, envelope.ReviewRequested) {
		if task["txn"] == string(sent.ID) && task["claim"] != nil {
			claim = append(claim, task["claim"])
		}
	}
	if !cmp.Equal(claim, []any{[]any{"OSL-10-27"}}) {
		t.Errorf("the sender is told to claim %v", claim)
	}

	user := gateway.NewRef()
	m.state(m.town, socialWorker, "exit.user_assignment", map[gateway.Field]any{"user": user, "assigned": true, "coi": false, "read_elsewhere": false})
	hear(m.town, socialWorker)
	for _, bases := range [][]gateway.Basis{{"PL-6"}, {"OSL-10-27"}} {
		m.asksFor(user, bases...)
		n := len(m.poll().Messages)
		got := tasks(t, m.town, socialWorker, envelope.ReleaseRefused)
		if bases[0] == "OSL-10-27" {
			if n != 1 || len(got) != 0 {
				t.Errorf("claimed: %d messages, refused %v", n, got)
			}
			continue
		}
		if n != 0 || len(got) != 1 || !cmp.Equal(got[0]["claim"], []any{"OSL-10-27"}) {
			t.Errorf("the official is told %v", got)
		}
	}
	m.holds()
}

// asksFor has a social worker ask the police for a risk level, and the police
// answer.
func (m *matter) asksFor(user gateway.Ref, bases ...gateway.Basis) {
	m.t.Helper()
	r, err := m.town.Request(m.t.Context(), police, client.Official{Role: socialWorker, User: user, Unit: "u1", Purpose: "PROTECTION",
		Type: "exit.info_request", Subject: m.person, Fields: []string{"risk_level"}, BasisClaimed: bases,
		Reason: &envelope.Reason{Code: "safety_planning", Length: 40}})
	if err != nil {
		m.t.Fatal(err)
	}
	token, err := m.police.Seal(m.t.Context(), client.Draft{Type: "exit.info_request", From: coordinator, To: town, ToRoles: []gateway.Role{socialWorker},
		ReplyTo: r.ID, Purpose: "PROTECTION", Case: m.ref, Subject: m.person, BasisClaimed: bases, Fields: []string{"risk_level"},
		Reason: &envelope.Reason{Code: "safety_planning", Length: 40}, Values: values(m.t, map[gateway.Field]any{"risk_level": 3})})
	if err != nil {
		m.t.Fatal(err)
	}
	m.send(token)
}

// TestReviewByLegalOfficer: what is decided by hand is the legal officer's task,
// who consults personal security about a protected person.
func TestReviewByLegalOfficer(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	m.state(m.town, socialWorker, "exit.person_attributes", map[gateway.Field]any{"protection_marking": "sekretessmarkering"})
	investigation := m.member(police, "investigation")
	const investigator gateway.Role = "police.investigator"
	user := gateway.NewRef()
	m.state(m.police, coordinator, "exit.user_assignment", map[gateway.Field]any{"user": user, "assigned": true, "coi": false, "read_elsewhere": false})
	r := must(t, first(investigation.Request(t.Context(), town, client.Official{Role: investigator, User: user, Unit: "u1", Purpose: "CRIME_INVESTIGATION",
		Type: "exit.info_request", Subject: m.person, Fields: []string{"subject_name"}, BasisClaimed: []gateway.Basis{"OSL-10-23"},
		Reason: &envelope.Reason{Code: "law_enforcement", Length: 40}})), nil)
	token, err := m.town.Seal(t.Context(), client.Draft{Type: "exit.info_request", From: socialWorker, To: police, ToRoles: []gateway.Role{investigator},
		ReplyTo: r.ID, Purpose: "CRIME_INVESTIGATION", Case: m.ref, Subject: m.person, BasisClaimed: []gateway.Basis{"OSL-10-23"}, Fields: []string{"subject_name"},
		Reason: &envelope.Reason{Code: "law_enforcement", Length: 40}, Values: values(t, map[gateway.Field]any{"subject_name": "CANARY"})})
	sent := must(t, first(m.town.Send(t.Context(), must(t, token, err))), nil)
	for range 2 {
		if _, err := investigation.Poll(t.Context(), investigator, client.PollOptions{NoWait: true}); err != nil {
			t.Fatal(err)
		}
	}
	got := tasks(t, m.member(town, "review"), legalOfficer, envelope.ReviewRequested)
	if len(got) != 1 || got[0]["txn"] != string(sent.ID) || got[0]["request"] != string(r.ID) || got[0]["reason"] != "MANUAL" {
		t.Fatalf("the legal officer's tasks are %v", got)
	}
	if o, _ := got[0]["obligations"].([]any); !slices.Contains(o, any("review_by_legal_officer")) || !slices.Contains(o, any("consult_personal_security")) {
		t.Errorf("obligations %v", o)
	}
	m.holds()
}

// TestConflictOfInterest: who has read about a person in one role does not read
// in another, and nobody does who is declared to have an interest.
func TestConflictOfInterest(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	assessment := m.send(m.assessment())
	second := m.send(m.claiming(teamLead, "OSL-12-2"))
	reader, other, declared := gateway.NewRef(), gateway.NewRef(), gateway.NewRef()
	for _, u := range []gateway.Ref{reader, other, declared} {
		m.state(m.town, socialWorker, "exit.user_assignment", map[gateway.Field]any{"user": u, "assigned": true, "coi": u == declared, "read_elsewhere": false})
	}
	read := func(user gateway.Ref, role gateway.Role) gateway.Code {
		id := assessment.ID
		if role == teamLead {
			id = second.ID
		}
		_, err := m.town.Read(t.Context(), id, client.Official{Role: role, User: user, Unit: "u1", Purpose: "PROTECTION",
			Type: "exit.threat_assessment", Subject: m.person, Fields: []string{"default", "risk_level"}})
		return code(err)
	}
	for _, tt := range []struct {
		name string
		user gateway.Ref
		role gateway.Role
		want gateway.Code
	}{
		{"declared", declared, socialWorker, gateway.CodeDenied},
		{"first role", reader, socialWorker, ""},
		{"first role again", reader, socialWorker, ""},
		{"second role", reader, teamLead, gateway.CodeDenied},
		{"first role after that", reader, socialWorker, ""},
		{"another user in the second role", other, teamLead, ""},
		{"who then reads in the first", other, socialWorker, gateway.CodeDenied},
	} {
		if got := read(tt.user, tt.role); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	m.holds()
}
