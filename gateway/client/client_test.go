package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
)

// TestStory follows one message from seal to acknowledgement, and what the
// sender then knows.
func TestStory(t *testing.T) {
	g := newGateway(t)
	sender := newClient(t, g.Config(police))
	token, err := sender.Seal(t.Context(), draft(t))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(token), "CANARY") {
		t.Error("a sealed value stands in the token")
	}
	receipt, err := sender.Send(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Digest != gateway.DigestOf(token) || receipt.At.IsZero() {
		t.Errorf("receipt %+v is not about the token", receipt)
	}
	recipient := newClient(t, g.Config(social))
	b, err := recipient.Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Messages) != 1 || len(b.Refused) != 0 {
		t.Fatalf("got %d messages, refused %v, error %v; want one message", len(b.Messages), b.Refused, err)
	}
	m := b.Messages[0]
	if v, ok := m.Value("safety_instructions"); !ok || string(v.Bytes()) != `"`+canary+`"` {
		t.Errorf("safety_instructions: got %q, %v", v.Bytes(), ok)
	}
	if got := m.Fields(); len(got) != 8 || len(m.Unusable()) != 0 {
		t.Errorf("got fields %v, unusable %v; want the eight that were sent", got, m.Unusable())
	}
	if printed := fmt.Sprintf("%v %+v", m, b); strings.Contains(printed, "CANARY") {
		t.Error("a message prints its values")
	}
	stored, err := json.Marshal(m.Stored())
	if err != nil || strings.Contains(string(stored), "CANARY") {
		t.Errorf("stored: a value in it, or %v", err)
	}
	var again client.Stored
	if err := json.Unmarshal(stored, &again); err != nil {
		t.Fatal(err)
	}
	if o, err := recipient.Open(t.Context(), again); err != nil || !slices.Equal(o.Fields(), m.Fields()) {
		t.Errorf("opened again: got %v, error %v", o.Fields(), err)
	}
	if err := recipient.Ack(t.Context(), worker, m); err != nil {
		t.Fatal(err)
	}
	heard := g.Heard()
	said := heard[len(heard)-1]
	if !slices.Equal(said.Ack, []string{m.Delivery()}) || said.Received[m.Delivery()] == "" {
		t.Errorf("the gateway heard %+v, want the delivery with a signed word", said)
	}
	if b, err = recipient.Poll(t.Context(), worker, noWait); err != nil || len(b.Messages) != 0 {
		t.Errorf("got %d messages after the acknowledgement, error %v", len(b.Messages), err)
	}
	list, err := sender.Disclosures(t.Context(), receipt.ID)
	if err != nil || len(list) != 1 || list[0].Recipient != social || list[0].Role != worker || list[0].Allowed["risk_level"] != "OSL-10-2" {
		t.Errorf("got disclosures %+v, error %v; want one to the municipality", list, err)
	}
}

// TestRead has an official read a message, all of it and in part.
func TestRead(t *testing.T) {
	_, c, id := sent(t)
	m, err := c.Read(t.Context(), id, official())
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := m.Value("risk_level"); !ok || string(v.Bytes()) != "4" {
		t.Errorf("risk_level: got %q, %v, want 4", v.Bytes(), ok)
	}
	named := official()
	named.Fields = []string{"risk_level"}
	if m, err = c.Read(t.Context(), id, named); err != nil {
		t.Fatal(err)
	}
	if got := m.Fields(); !slices.Equal(got, []gateway.Field{"risk_level"}) {
		t.Errorf("got fields %v, want the one asked for", got)
	}
	_, err = c.Read(t.Context(), "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057", official())
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != gateway.CodeNoRecord || p.Status != 404 {
		t.Errorf("got %v, want the problem no-record", err)
	}
}

// TestRequest asks another agency; the answer may hold what was asked for.
func TestRequest(t *testing.T) {
	g := newGateway(t)
	asker, asked := newClient(t, g.Config(social)), newClient(t, g.Config(police))
	o := official()
	o.Type, o.Fields, o.Subject = "exit.info_request", []string{"risk_level", "phone"}, gateway.NewRef()
	receipt, err := asker.Request(t.Context(), police, o)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(values map[gateway.Field]gateway.Payload) (client.Batch, error) {
		d := draft(t)
		d.Type, d.ReplyTo, d.Subject, d.Values = "exit.info_request", receipt.ID, o.Subject, values
		token, err := asked.Seal(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := asked.Send(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		return asker.Poll(t.Context(), worker, noWait)
	}
	b, err := answer(map[gateway.Field]gateway.Payload{"risk_level": value(t, 2)})
	if err != nil || len(b.Messages) != 1 {
		t.Fatalf("got %+v, error %v; want the answer", b, err)
	}
	if err := asker.Ack(t.Context(), worker, b.Messages[0]); err != nil {
		t.Fatal(err)
	}
	b, err = answer(map[gateway.Field]gateway.Payload{"risk_level": value(t, 2), "email": value(t, "CANARY")})
	if err != nil || len(b.Refused) != 1 || !errors.Is(b.Refused[0].Err, client.ErrView) {
		t.Errorf("got %+v, error %v; want ErrView for a field that was not asked for", b, err)
	}
}

// TestState makes a statement: clear for the register, the reasons sealed to
// the own agency.
func TestState(t *testing.T) {
	g := newGateway(t)
	c := newClient(t, g.Config(social))
	d := client.Draft{
		Type: "exit.case_closure", From: worker, Purpose: "EXIT_SUPPORT", Case: gateway.NewRef(), Subject: gateway.NewRef(),
		Values: map[gateway.Field]gateway.Payload{
			"seq": value(t, 1), "closed_at": value(t, "2026-06-01"), "closure_reason": value(t, "goals_reached"),
		},
	}
	token, err := c.State(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(token), "goals_reached") {
		t.Error("the sealed reason stands in the token")
	}
	if _, err := c.Send(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	d.To = police
	if _, err := c.State(t.Context(), d); !errors.Is(err, client.ErrDraft) {
		t.Errorf("got %v, want ErrDraft: a statement has no recipient agency", err)
	}
}

// TestNotices collects and acknowledges a notice of the gateway.
func TestNotices(t *testing.T) {
	g := newGateway(t)
	c := newClient(t, g.Config(social))
	e := envelope.Event{Issuer: "urn:sluss:gateway:test", Audience: social.URN(), ID: "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
		IssuedAt: time.Now(), Type: envelope.ReviewRequested}
	g.Notify(social, worker, e)
	b, err := c.Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Notices) != 1 || b.Notices[0].Type != envelope.ReviewRequested {
		t.Fatalf("got %+v, error %v; want the notice", b, err)
	}
	done := noWait
	done.Done = []client.Item{b.Notices[0]}
	if b, err = c.Poll(t.Context(), worker, done); err != nil || len(b.Notices) != 0 {
		t.Errorf("got %+v, error %v; want nothing after the acknowledgement", b, err)
	}
}

// TestSealTeaches spoils one thing in a good draft per row: the error says
// which field and which rule, and never a value.
func TestSealTeaches(t *testing.T) {
	g := newGateway(t)
	c := newClient(t, g.Config(police))
	tests := []struct {
		name  string
		spoil func(*client.Draft)
		want  string
	}{
		{"unknown type", func(d *client.Draft) { d.Type = "exit.nothing" }, "no type"},
		{"unknown version", func(d *client.Draft) { d.Version = 9 }, "no type"},
		{"role of another kind", func(d *client.Draft) { d.From = worker }, "From"},
		{"nobody", func(d *client.Draft) { d.To = "" }, "To must be"},
		{"no role", func(d *client.Draft) { d.ToRoles = nil }, "To must be"},
		{"role of nobody there", func(d *client.Draft) { d.ToRoles = []gateway.Role{officer} }, "ToRoles"},
		{"role without a route", func(d *client.Draft) { d.ToRoles = []gateway.Role{"municipality.procurement_officer"} }, "no route"},
		{"role without a key", func(d *client.Draft) { d.ToRoles = []gateway.Role{"municipality.child_social_worker"} }, "no decryption key"},
		{"unknown purpose", func(d *client.Draft) { d.Purpose = "CURIOSITY" }, "Purpose"},
		{"no case", func(d *client.Draft) { d.Case = "" }, "Case"},
		{"no subject", func(d *client.Draft) { d.Subject = "" }, "about a person"},
		{"personal number", func(d *client.Draft) { d.Subject = "CANARY-189001019802" }, "never a personal number"},
		{"unknown marking", func(d *client.Draft) { d.Marking = "pink" }, "Marking"},
		{"unknown urgency", func(d *client.Draft) { d.Urgency = "soon" }, "Urgency"},
		{"unknown reason", func(d *client.Draft) { d.Reason.Code = "because" }, "Reason"},
		{"too long a life", func(d *client.Draft) { d.Life = 31 * 24 * time.Hour }, "Life"},
		{"unknown field", func(d *client.Draft) { d.Values["shoe_size"] = value(t, "CANARY") }, "field shoe_size: exit.threat_assessment version 1 has no such"},
		{"field left out", func(d *client.Draft) { delete(d.Values, "method") }, "field method: is required"},
		{"null for a required field", func(d *client.Draft) { d.Values["method"] = value(t, nil) }, "field method: is required"},
		{"value against its schema", func(d *client.Draft) { d.Values["risk_level"] = value(t, "CANARY") }, "risk_level, keyword type"},
		{"not JSON", func(d *client.Draft) { d.Values["risk_level"] = gateway.NewPayload([]byte("CANARY")) }, "risk_level is not JSON"},
		{"named twice", func(d *client.Draft) { d.Fields = []string{"default", "risk_level", "risk_level"} }, "field risk_level: is named twice"},
		{"named and unknown", func(d *client.Draft) { d.Fields = []string{"shoe_size"} }, "field shoe_size"},
		{"about an unknown field", func(d *client.Draft) { d.About = map[gateway.Field][]gateway.Ref{"shoe_size": nil} }, "field shoe_size: stands in About"},
		{"alias without a key", func(d *client.Draft) { d.As = "police:alias" }, "no own key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := draft(t)
			tt.spoil(&d)
			_, err := c.Seal(t.Context(), d)
			if !errors.Is(err, client.ErrDraft) && !errors.Is(err, client.ErrKey) {
				t.Fatalf("got %v, want ErrDraft or ErrKey", err)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("got %q, want %q in it and no value", err, tt.want)
			}
		})
	}
}

// TestFieldError is how a program learns which field it has to mend.
func TestFieldError(t *testing.T) {
	g := newGateway(t)
	c := newClient(t, g.Config(police))
	d := draft(t)
	d.Values["risk_level"] = value(t, 6)
	_, err := c.Seal(t.Context(), d)
	f, ok := errors.AsType[*client.FieldError](err)
	if !ok || f.Field != "risk_level" {
		t.Fatalf("got %v, want a FieldError for risk_level", err)
	}
	if diff := cmp.Diff("risk_level", string(f.Field)); diff != "" {
		t.Error(diff)
	}
}

// TestKeysByRole seals to the keys of the addressed roles alone, and gives each
// what its roles may open.
func TestKeysByRole(t *testing.T) {
	g := newGateway(t)
	const child = gateway.Role("municipality.child_social_worker")
	other := g.AddKey(social, envelope.UseSeal, child)
	sender := newClient(t, g.Config(police))
	send := func(d client.Draft) envelope.Message {
		token, err := sender.Seal(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		r, err := sender.Send(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return g.Message(r.ID)
	}
	if m := send(draft(t)); len(m.SealKeys()) != 1 {
		t.Errorf("sealed to %d keys, want the one of the addressed role", len(m.SealKeys()))
	}
	d := draft(t)
	d.ToRoles = []gateway.Role{worker, child}
	if m := send(d); len(m.SealKeys()) != 2 {
		t.Errorf("sealed to %d keys, want those of both roles", len(m.SealKeys()))
	}
	cfg := g.Config(social)
	for i := range cfg.Keys {
		if cfg.Keys[i].Use == envelope.UseSeal {
			cfg.Keys[i].Key = other
		}
	}
	b, err := newClient(t, cfg).Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Messages) != 2 {
		t.Fatalf("got %+v, error %v", b, err)
	}
	for _, m := range b.Messages {
		if _, ok := m.Value("risk_level"); ok {
			t.Error("another role's key opens a message in this role")
		}
	}
}

// TestAlias sends and receives under an alias.
func TestAlias(t *testing.T) {
	const alias = gateway.AgencyID("municipality:9990")
	g := newGateway(t)
	g.Join(alias, []gateway.Role{worker})
	cfg := g.Config(social)
	for _, k := range g.Config(alias).Keys {
		if k.Use != envelope.UseAccess {
			cfg.Keys = append(cfg.Keys, client.Key{Use: k.Use, Key: k.Key, Alias: alias})
		}
	}
	c := newClient(t, cfg)
	d := client.Draft{Type: "exit.case_closure", As: alias, From: worker, Purpose: "EXIT_SUPPORT", Case: gateway.NewRef(), Subject: gateway.NewRef(),
		Values: map[gateway.Field]gateway.Payload{"seq": value(t, 1), "closed_at": value(t, "2026-06-01"), "closure_reason": value(t, "moved")}}
	token, err := c.State(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := c.Send(t.Context(), token); err != nil || g.Message(r.ID).Claims().Issuer != alias {
		t.Errorf("sent as %v, error %v; want the alias", r.ID, err)
	}
	sender := newClient(t, g.Config(police))
	to := draft(t)
	to.To = alias
	if token, err = sender.Seal(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if _, err := sender.Send(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	g.Forward(alias, social, worker)
	b, err := c.Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Messages) != 1 || b.Messages[0].Claims().Recipient() != alias {
		t.Fatalf("got %+v, error %v; want the message to the alias", b, err)
	}
	if err := c.Ack(t.Context(), worker, b.Messages[0]); err != nil {
		t.Error(err)
	}
}

// TestUnknownDelivery does not let one acknowledgement that the gateway does
// not know hold up the others.
func TestUnknownDelivery(t *testing.T) {
	g, c, _ := sent(t)
	b, err := c.Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Messages) != 1 {
		t.Fatalf("got %+v, error %v", b, err)
	}
	if err := c.Ack(t.Context(), worker, client.Refused{ID: "gone", Err: client.ErrProof}, b.Messages[0]); err != nil {
		t.Fatal(err)
	}
	if b, err = c.Poll(t.Context(), worker, noWait); err != nil || len(b.Messages)+len(b.Refused) != 0 {
		t.Errorf("got %+v, error %v; want nothing left", b, err)
	}
	heard := g.Heard()
	if last := heard[len(heard)-1]; len(last.Ack)+len(last.SetErrs) != 0 {
		t.Errorf("said again: %+v", last)
	}
}

// TestAtOnce polls, reads and refreshes from several goroutines.
func TestAtOnce(t *testing.T) {
	_, c, id := sent(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if b, err := c.Poll(t.Context(), worker, noWait); err != nil || len(b.Refused) != 0 {
				t.Errorf("poll: %v %v", b.Refused, err)
			}
		})
		wg.Go(func() {
			if _, err := c.Read(t.Context(), id, official()); err != nil {
				t.Errorf("read: %v", err)
			}
		})
		wg.Go(func() {
			if err := c.Refresh(t.Context()); err != nil {
				t.Errorf("refresh: %v", err)
			}
		})
	}
	wg.Wait()
}
