package gatewaytest

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"sluss/gateway"
	"sluss/gateway/client"
)

// Repin gives everybody in the world another key of the log, as they would get it
// out of band, and connects them anew.
func (c *Cast) Repin(was, is, wasLog, isLog string) error {
	err := filepath.WalkDir(c.s.w.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "client.json" && d.Name() != "pins.json" && d.Name() != "gateway.json" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		raw = bytes.ReplaceAll(raw, []byte(`"`+was+`"`), []byte(`"`+is+`"`))
		if d.Name() == "gateway.json" {
			raw = bytes.ReplaceAll(raw, []byte(`"`+wasLog+`"`), []byte(`"`+isLog+`"`))
		}
		return os.WriteFile(path, raw, 0o600)
	})
	c.s.w.clients = map[string]*client.Client{}
	return err
}

// Again connects the parties anew.
func (c *Cast) Again(ctx context.Context) error {
	person, matter, consent := c.s.person, c.s.matter, c.s.consent
	err := c.s.gather(ctx)
	c.s.person, c.s.matter, c.s.consent = person, matter, consent
	return err
}

// Collect polls for the social workers, and acknowledges what came.
func (c *Cast) Collect(ctx context.Context) ([]client.Message, error) {
	b, err := c.s.collect(ctx, c.s.town, socialWorker)
	for _, m := range b.Messages {
		if err == nil {
			err = c.s.town.Ack(ctx, socialWorker, m)
		}
	}
	return b.Messages, err
}

// Send sends a sealed message of the police's.
func (c *Cast) Send(ctx context.Context, token []byte) (client.Receipt, error) {
	return c.s.police.Send(ctx, token)
}

// Withdrawn has the municipality withdraw the consent.
func (c *Cast) Withdrawn(ctx context.Context) error {
	_, err := c.s.state(ctx, c.s.town, socialWorker, "exit.consent_withdrawal", map[gateway.Field]any{"consent_id": c.s.consent, "withdrawn": true})
	return err
}

// Confirm has everybody state again what is in force, but the consent.
func (c *Cast) Confirm(ctx context.Context) error {
	for _, say := range []struct {
		by   *client.Client
		role gateway.Role
		typ  gateway.MessageType
		what map[gateway.Field]any
	}{
		{c.s.town, socialWorker, "exit.case_state", map[gateway.Field]any{"state": "open",
			"parties": []gateway.AgencyID{stockholm, police, prison, provider}, "responsible_municipality": stockholm}},
		{c.s.town, socialWorker, "exit.person_attributes", map[gateway.Field]any{
			"adult": true, "protection_marking": "none", "place_hidden": false, "in_sis_care": false}},
		{c.s.police, coordinator, "exit.person_attributes", map[gateway.Field]any{"elevated_threat": false}},
		{c.s.security, bodyguard, "exit.person_attributes", map[gateway.Field]any{"psw": false}},
	} {
		if _, err := c.s.state(ctx, say.by, say.role, say.typ, say.what); err != nil {
			return err
		}
	}
	return nil
}

// Consent has the municipality record a consent anew, under another id, with the
// agreement of the police.
func (c *Cast) Consent(ctx context.Context) error {
	c.s.consent = gateway.NewRef()
	return c.s.recordConsent(ctx)
}
