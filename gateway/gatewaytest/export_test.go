package gatewaytest

import (
	"context"
	"io"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
)

// Cast is who takes part in the story, with the case open and the consent
// recorded, for tests that tell what comes next themselves.
type Cast struct {
	s    *story
	user gateway.Ref // a social worker whom the municipality has assigned to the person
}

// NewCast plays the beginning of the story.
func NewCast(ctx context.Context, w *World) (*Cast, error) {
	s := &story{w: w, out: io.Discard, day: time.Now(), home: stockholm}
	for _, scene := range []func(context.Context) error{s.gather, s.openCase, s.recordConsent} {
		if err := scene(ctx); err != nil {
			return nil, err
		}
	}
	c := &Cast{s, gateway.NewRef()}
	_, err := s.state(ctx, s.town, socialWorker, "exit.user_assignment",
		map[gateway.Field]any{"user": c.user, "assigned": true, "coi": false, "read_elsewhere": false})
	return c, err
}

// Person is whom the story is about.
func (c *Cast) Person() gateway.Ref { return c.s.person }

// Police is the client of the police.
func (c *Cast) Police() *client.Client { return c.s.police }

// Town is the client of the municipality.
func (c *Cast) Town() *client.Client { return c.s.town }

// Assessment is a sealed threat assessment that the municipality may get.
func (c *Cast) Assessment(ctx context.Context) ([]byte, error) {
	d, err := c.s.assessmentDraft()
	if err != nil {
		return nil, err
	}
	return c.s.police.Seal(ctx, d)
}

// Statement is a signed statement of the police's about the person, under the
// sequence number given.
func (c *Cast) Statement(ctx context.Context, seq int64, values map[gateway.Field]any) ([]byte, error) {
	values["seq"] = seq
	sealed, err := payloads(values)
	if err != nil {
		return nil, err
	}
	return c.s.police.State(ctx, client.Draft{Type: "exit.person_attributes", From: coordinator, Purpose: "EXIT_SUPPORT",
		Case: c.s.matter, Subject: c.s.person, Values: sealed})
}

// Withdraw tells the gateway of w that the consent is withdrawn.
func (c *Cast) Withdraw(ctx context.Context, w *World) (client.Receipt, error) {
	town, err := w.ClientAt(ctx, stockholm)
	if err != nil {
		return client.Receipt{}, err
	}
	return c.s.state(ctx, town, socialWorker, "exit.consent_withdrawal", map[gateway.Field]any{"consent_id": c.s.consent, "withdrawn": true})
}

// Official is a social worker who asks about the person's threat assessment.
func (c *Cast) Official() client.Official {
	o := c.s.official(socialWorker, "PROTECTION", "exit.threat_assessment")
	o.User = c.user
	return o
}
