package client_test

import (
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/client/clienttest"
	"sluss/gateway/envelope"
)

const (
	police  = gateway.AgencyID("police")
	social  = gateway.AgencyID("municipality:0180")
	officer = gateway.Role("police.exit_coordinator_regional")
	worker  = gateway.Role("municipality.social_worker")
	lead    = gateway.Role("municipality.exit_team_lead")
	canary  = "CANARY-7 stay away from the square"
)

func newGateway(t testing.TB) *clienttest.Gateway {
	return clienttest.New(t, map[gateway.AgencyID][]gateway.Role{
		police: {officer, "police.exit_coordinator_local"},
		social: {worker, lead},
	})
}

func newClient(t testing.TB, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func value(t testing.TB, v any) gateway.Payload {
	t.Helper()
	p, err := client.Value(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// draft is a threat assessment from the police to a municipality.
func draft(t testing.TB) client.Draft {
	return client.Draft{
		Type: "exit.threat_assessment", From: officer, To: social, ToRoles: []gateway.Role{worker},
		Purpose: "PROTECTION", Case: gateway.NewRef(), Subject: gateway.NewRef(),
		BasisClaimed: []gateway.Basis{"OSL-10-2"},
		Reason:       &envelope.Reason{Code: "safety_planning", Length: 40},
		Values: map[gateway.Field]gateway.Payload{
			"assessment_id":             value(t, gateway.NewRef()),
			"assessed_at":               value(t, "2026-06-01"),
			"valid_until":               value(t, "2027-06-01"),
			"method":                    value(t, "structured"),
			"risk_level":                value(t, 4),
			"protection_recommendation": value(t, "alarm"),
			"safety_instructions":       value(t, canary),
			"contact_officer":           value(t, map[string]string{"role": "samordnare", "phone": "CANARY-8"}),
		},
	}
}

// sent is a gateway with one message on its way, and the recipient's client.
func sent(t *testing.T) (*clienttest.Gateway, *client.Client, gateway.MessageID) {
	t.Helper()
	g := newGateway(t)
	sender := newClient(t, g.Config(police))
	token, err := sender.Seal(t.Context(), draft(t))
	if err != nil {
		t.Fatal(err)
	}
	r, err := sender.Send(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return g, newClient(t, g.Config(social)), r.ID
}

func official() client.Official {
	return client.Official{Role: worker, User: gateway.NewRef(), Unit: "u1", Purpose: "PROTECTION", Type: "exit.threat_assessment",
		Fields: []string{"default"}, BasisClaimed: []gateway.Basis{"OSL-10-2"}, Reason: &envelope.Reason{Code: "safety_planning", Length: 12}}
}

// noWait is for polls of tests, which have nothing to wait for.
var noWait = client.PollOptions{NoWait: true, Wait: time.Second}
