package exchange_test

import (
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
)

// TestTaskOnce: what is left of a message that named officials read is one task
// for who decides, however often it is read.
func TestTaskOnce(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	token, err := m.police.Seal(t.Context(), client.Draft{Type: "exit.threat_assessment", From: "police.exit_coordinator_local", To: town,
		ToRoles: []gateway.Role{socialWorker}, Purpose: "PROTECTION", Case: m.ref, Subject: m.person, BasisClaimed: []gateway.Basis{"OSL-12-2", "OSL-10-27"},
		Fields: []string{"default", "risk_level", "threat_source_summary"}, Reason: &envelope.Reason{Code: "safety_planning", Length: 40},
		Values: values(t, map[gateway.Field]any{
			"assessment_id": gateway.NewRef(), "assessed_at": day(-1), "valid_until": day(30), "method": "mixed", "risk_level": 3,
			"protection_recommendation": "advice", "safety_instructions": "CANARY", "threat_source_summary": "CANARY", "contact_officer": map[string]any{"role": "CANARY", "phone": "CANARY"}})})
	if err != nil {
		t.Fatal(err)
	}
	sent := m.send(token)
	user := gateway.NewRef()
	m.state(m.town, socialWorker, "exit.user_assignment", map[gateway.Field]any{"user": user, "assigned": true, "coi": false, "read_elsewhere": false})
	ask := client.Official{Role: socialWorker, User: user, Unit: "u1", Purpose: "PROTECTION", Type: "exit.threat_assessment", Subject: m.person,
		Fields: []string{"default", "risk_level", "threat_source_summary"}}
	for range 3 {
		if _, err := m.town.Read(t.Context(), sent.ID, ask); err != nil {
			t.Fatal(err)
		}
	}
	if got := tasks(t, m.police, national, envelope.ReviewRequested); len(got) != 1 {
		t.Errorf("%d tasks, want 1", len(got))
	}
	for _, pass := range []time.Duration{0, time.Hour} { // the second time made anew, because the first is too old to be taken
		m.pass(pass)
		if n := len(m.poll().Messages); n != 1 {
			t.Errorf("%d messages for the function, want 1", n)
		}
	}
	if got := tasks(t, m.police, national, envelope.ReviewRequested); len(got) != 0 {
		t.Errorf("%d more tasks when the function gets it, want none", len(got))
	}
	m.withdraw()
	if _, err := m.town.Read(t.Context(), sent.ID, ask); code(err) != gateway.CodeReview {
		t.Errorf("after the consent was withdrawn: %v, want %s", err, gateway.CodeReview)
	}
	if got := tasks(t, m.police, national, envelope.ReviewRequested); len(got) != 1 {
		t.Errorf("%d tasks for another question, want 1", len(got))
	}
	m.holds()
}
