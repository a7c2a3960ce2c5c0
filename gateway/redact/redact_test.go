package redact_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
	"sluss/gateway/redact"
	"sluss/policies"
)

var now = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

// signer makes the same key for a name every time.
func signer(t *testing.T, name string) *envelope.Signer {
	t.Helper()
	d := gateway.DigestOf([]byte("test key of " + name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type oneKey struct{ envelope.PublicKey }

func (k oneKey) Key(string, string, envelope.Use, time.Time) (envelope.PublicKey, error) {
	return k.PublicKey, nil
}

var spec = []envelope.FieldSpec{
	{Name: "assessment_id"}, {Name: "valid_until"},
	{Name: "risk_level", Sealed: true, Size: 64},
	{Name: "safety_instructions", Sealed: true, Size: 256},
	{Name: "no_go_areas", Sealed: true, Size: 256},
}

// message is a threat assessment from the police to a municipality.
func message(t *testing.T) envelope.Message {
	t.Helper()
	police := signer(t, "police")
	raw, err := envelope.Seal(envelope.Draft{
		Claims: envelope.Claims{
			Issuer: "police", Audience: gateway.AgencyID("municipality:0180").URN(), ID: "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
			IssuedAt: now, Expires: now.Add(24 * time.Hour), Case: gateway.NewRef(), Subject: gateway.NewRef(),
			Type: "exit.threat_assessment", Version: 1, Purpose: "PROTECTION",
			FromRole: "police.exit_coordinator_regional", ToRoles: []gateway.Role{"municipality.social_worker"},
			Gateway: "urn:sluss:gateway:test",
		},
		Gate: envelope.Gate{Fields: []string{"default"}, BasisClaimed: []gateway.Basis{"OSL-12-2"}, Marking: "none", Urgency: "normal"},
		Values: map[gateway.Field]json.RawMessage{
			"assessment_id": json.RawMessage(`"AAAAAAAAAAAAAAAAAAAAAQ"`), "valid_until": json.RawMessage(`"2026-08-31"`),
			"risk_level": json.RawMessage(`4`), "safety_instructions": json.RawMessage(`"CANARY-1"`), "no_go_areas": json.RawMessage(`["CANARY-2"]`),
		},
	}, spec, []envelope.Recipient{{Key: signer(t, "municipality").Public(), Fields: []gateway.Field{"risk_level", "safety_instructions", "no_go_areas"}}}, police)
	if err != nil {
		t.Fatal(err)
	}
	m, err := envelope.Open(raw, oneKey{police.Public()}, now)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// question is one to which the answer releases CAS and RSK.
func question() facts.Input {
	return facts.Input{
		Actor:     facts.Party{Kind: gateway.Municipality, Role: "municipality.social_worker"},
		Discloser: facts.Party{Kind: gateway.Police, Role: "police.exit_coordinator_regional"},
		Purpose:   "PROTECTION", Type: "exit.threat_assessment", Initiative: gateway.ByActor, Default: true, Maturity: "not_asked",
		Consent: map[gateway.Class]facts.Standing{"CAS": facts.InForce, "RSK": facts.InForce},
		Facts: facts.Facts{LogAvailable: true, AgenciesKnown: true, SubjectNamed: true, Asked: true, Assigned: true,
			OnRecord: true, MayKnow: true, CaseOpen: true, ActorResponsible: true, AssessmentValid: true},
	}
}

// deciding returns what decides questions.
func deciding(t *testing.T) func(facts.Input) policy.Decision {
	t.Helper()
	p, err := policy.Read(t.Context(), policies.FS, gateway.DigestOf([]byte("snapshot")))
	if err != nil {
		t.Fatal(err)
	}
	return func(in facts.Input) policy.Decision {
		d, err := p.DecideInput(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

// TestApply keeps what the decision names and drops all else.
func TestApply(t *testing.T) {
	d := deciding(t)(question())
	v, err := redact.Apply(message(t), d)
	if err != nil {
		t.Fatal(err)
	}
	given := v.Filtered().Given()
	slices.Sort(given)
	want := []gateway.Field{"assessment_id", "risk_level", "safety_instructions", "valid_until"}
	if !slices.Equal(given, want) {
		t.Errorf("given %v, want %v", given, want)
	}
	if v.IsZero() || v.Decision().Outcome() != gateway.Partial {
		t.Errorf("zero %t, outcome %s", v.IsZero(), v.Decision().Outcome())
	}
	if n := strings.Count(string(v.Filtered().Token()), "~"); n != len(want)+1 {
		t.Errorf("%d disclosures are left, want %d", n-1, len(want))
	}
}

// TestApplyRefuses spoils one thing of a view that may leave.
func TestApplyRefuses(t *testing.T) {
	decide := deciding(t)
	m := message(t)
	report := func(in *facts.Input) {
		in.Actor = facts.Party{Kind: gateway.Police, Role: "police.exit_coordinator_national"}
	}
	tests := []struct {
		name  string
		m     envelope.Message
		spoil func(*facts.Input)
		want  error
	}{
		{"nothing", m, func(*facts.Input) {}, nil},
		{"no message", envelope.Message{}, func(*facts.Input) {}, redact.ErrZero},
		{"decision that releases nothing", m, func(in *facts.Input) { in.Consent = nil }, redact.ErrNothing},
		{"decision of a stage", m, func(in *facts.Input) { in.Facts.OnRecord = false }, redact.ErrNothing},
		{"another type", m, func(in *facts.Input) {
			in.Type, in.Purpose, in.Actor.Role = "exit.referral", "EXIT_SUPPORT", "municipality.exit_team_lead"
		}, redact.ErrOther},
		{"another purpose", m, func(in *facts.Input) { in.Purpose = "EXIT_SUPPORT" }, redact.ErrOther},
		{"another role of the sender", m, func(in *facts.Input) { in.Discloser.Role = "police.exit_coordinator_local" }, redact.ErrOther},
		{"another role of the recipient", m, func(in *facts.Input) { in.Actor.Role = "municipality.exit_team_lead" }, redact.ErrOther},
		{"another recipient", m, func(in *facts.Input) { report(in); in.SameAgency = true }, redact.ErrOther},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := question()
			tt.spoil(&in)
			v, err := redact.Apply(tt.m, decide(in))
			if !errors.Is(err, tt.want) || v.IsZero() != (tt.want != nil) {
				t.Errorf("got %v, zero %t; want %v", err, v.IsZero(), tt.want)
			}
		})
	}
	if _, err := redact.Apply(m, policy.Decision{}); !errors.Is(err, redact.ErrZero) {
		t.Errorf("no decision: got %v, want %v", err, redact.ErrZero)
	}
}
