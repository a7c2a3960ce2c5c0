package gatewaytest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
)

// Matter is the case of one person at one municipality, with a consent in force
// under which the police may tell it of threats: what load and runs need
// to send messages that are released.
type Matter struct {
	Town gateway.AgencyID
	// Life is how long what Seal makes is valid. Default 30 days.
	Life   time.Duration
	person gateway.Ref
	ref    gateway.Ref
	police *client.Client
	town   *client.Client
	day    time.Time
}

// NewMatter puts a person on record at the municipality.
func NewMatter(ctx context.Context, w *World, town gateway.AgencyID) (*Matter, error) {
	s := &story{w: w, out: quiet{}, day: time.Now(), home: town}
	for _, step := range []func(context.Context) error{s.gather, s.openCase, s.recordConsent} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("putting a person on record at %s: %w", town, err)
		}
	}
	return &Matter{Town: town, person: s.person, ref: s.matter, police: s.police, town: s.town, day: s.day}, nil
}

// Seal makes a threat assessment of 4 KB of values in 12 sealed fields, from the
// police to the municipality's social workers. Every value holds [Canary].
func (m *Matter) Seal(ctx context.Context) ([]byte, error) {
	s := &story{day: m.day, person: m.person, matter: m.ref, home: m.Town}
	d, err := s.assessmentDraft()
	if err != nil {
		return nil, err
	}
	d.Life = m.Life
	return m.police.Seal(ctx, d)
}

// State makes a statement of the police about the person, under a sequence
// number that rises, which changes no decision: that there is no elevated threat.
func (m *Matter) State(ctx context.Context, seq int64) ([]byte, error) {
	values, err := payloads(map[gateway.Field]any{"elevated_threat": false, "seq": seq})
	if err != nil {
		return nil, err
	}
	return m.police.State(ctx, client.Draft{Type: "exit.person_attributes", From: coordinator, Purpose: "EXIT_SUPPORT",
		Case: m.ref, Subject: m.person, Values: values})
}

// StateHome makes a statement of the municipality about the person, under a
// sequence number that rises from 5 on, which changes no decision.
func (m *Matter) StateHome(ctx context.Context, seq int64) ([]byte, error) {
	values, err := payloads(map[gateway.Field]any{"adult": true, "protection_marking": "none", "place_hidden": false, "in_sis_care": false, "seq": seq})
	if err != nil {
		return nil, err
	}
	return m.town.State(ctx, client.Draft{Type: "exit.person_attributes", From: socialWorker, Purpose: "EXIT_SUPPORT",
		Case: m.ref, Subject: m.person, Values: values})
}

// Draft returns the same as a draft for "gatewayctl message seal".
func (m *Matter) Draft() ([]byte, error) {
	s := &story{day: m.day, person: m.person, matter: m.ref, home: m.Town}
	d, err := s.assessmentDraft()
	if err != nil {
		return nil, err
	}
	data := map[gateway.Field]json.RawMessage{}
	for f, v := range d.Values {
		data[f] = v.Bytes()
	}
	return json.MarshalIndent(map[string]any{"type": d.Type, "aud": d.To, "to_roles": d.ToRoles, "from_role": d.From, "purpose": d.Purpose,
		"txn": d.Case, "sub_ref": d.Subject, "fields": d.Fields, "basis_claimed": d.BasisClaimed, "data": data}, "", "  ")
}

// quiet is where a story goes that nobody listens to.
type quiet struct{}

// Write implements io.Writer.
func (quiet) Write(p []byte) (int, error) { return len(p), nil }
