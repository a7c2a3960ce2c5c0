package client_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/client/clienttest"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

func stranger(t *testing.T) *envelope.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func strangersLog(t *testing.T) note.Signer {
	t.Helper()
	skey, _, err := note.GenerateKey(rand.Reader, clienttest.Origin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLyingGateway has the gateway tell one lie per row about a message that
// waits. Nothing of it is shown, and the reason is the row's.
func TestLyingGateway(t *testing.T) {
	digest := gateway.DigestOf([]byte("CANARY"))
	tests := []struct {
		name string
		lie  func(*clienttest.Lies)
		want error
	}{
		{"signed by a stranger", func(l *clienttest.Lies) { l.Release = stranger(t) }, client.ErrRelease},
		{"for another agency", func(l *clienttest.Lies) { l.Audience = police }, client.ErrRelease},
		{"an old release", func(l *clienttest.Lies) {
			l.Binding = func(b *envelope.KeyBinding) { b.IssuedAt = b.IssuedAt.Add(-6 * time.Minute) }
		}, client.ErrRelease},
		{"cut short", func(l *clienttest.Lies) {
			l.Handed = func(h *clienttest.Handed) { h.Token = h.Token[:len(h.Token)/2] }
		}, client.ErrRelease},
		{"under another delivery id", func(l *clienttest.Lies) {
			l.Binding = func(b *envelope.KeyBinding) { b.Nonce = "CANARY" }
		}, client.ErrRelease},
		{"view of another role", func(l *clienttest.Lies) { l.Binding = func(b *envelope.KeyBinding) { b.Release.Role = lead } }, client.ErrView},
		{"for another purpose", func(l *clienttest.Lies) {
			l.Binding = func(b *envelope.KeyBinding) { b.Release.Purpose = "CARE" }
		}, client.ErrView},
		{"invented access request", func(l *clienttest.Lies) {
			l.Binding = func(b *envelope.KeyBinding) { b.Release.Request = &digest }
		}, client.ErrView},
		{"allowed sealed field missing", func(l *clienttest.Lies) { l.Drop = []gateway.Field{"risk_level"} }, client.ErrView},
		{"allowed required clear field missing", func(l *clienttest.Lies) { l.Drop = []gateway.Field{"valid_until"} }, client.ErrView},
		{"a field neither allowed nor withheld", func(l *clienttest.Lies) {
			l.Keep = func(keep map[gateway.Field]bool) { delete(keep, "risk_level") }
			l.Binding = func(b *envelope.KeyBinding) { delete(b.Release.Allowed, "risk_level") }
		}, client.ErrView},
		{"a field that the type does not have", func(l *clienttest.Lies) {
			l.Binding = func(b *envelope.KeyBinding) { b.Release.Withheld["shoe_size"] = "NO-BASIS" }
		}, client.ErrView},
		{"policy that nobody approved", func(l *clienttest.Lies) {
			l.Binding = func(b *envelope.KeyBinding) { b.Release.Snapshot = digest }
		}, client.ErrSnapshot},
		{"entry of another role", func(l *clienttest.Lies) { l.Entry = func(e *disclosure.E1) { e.Role = lead } }, client.ErrEntry},
		{"entry of another recipient", func(l *clienttest.Lies) { l.Entry = func(e *disclosure.E1) { e.Recipient = police } }, client.ErrEntry},
		{"entry of another view", func(l *clienttest.Lies) { l.Entry = func(e *disclosure.E1) { e.SDHash = &digest } }, client.ErrEntry},
		{"entry with an access request", func(l *clienttest.Lies) { l.Entry = func(e *disclosure.E1) { e.Request = &digest } }, client.ErrEntry},
		{"entry with fewer fields", func(l *clienttest.Lies) {
			l.Entry = func(e *disclosure.E1) { e.Allowed = map[gateway.Field]gateway.Basis{"method": "OSL-10-2"} }
		}, client.ErrEntry},
		{"entry with another basis", func(l *clienttest.Lies) {
			l.Binding = func(b *envelope.KeyBinding) { b.Release.Allowed["method"] = "OSL-12-2" }
		}, client.ErrEntry},
		{"entry of another kind", func(l *clienttest.Lies) {
			l.Entry = func(e *disclosure.E1) { e.Kind, e.Code = disclosure.Incident, "stale" }
		}, client.ErrEntry},
		{"other entry than the leaf's", func(l *clienttest.Lies) {
			l.Handed = func(h *clienttest.Handed) { h.E1 = bytes.Replace(h.E1, []byte(`"v":1`), []byte(`"v":2`), 1) }
		}, client.ErrEntry},
		{"leaf of something else", func(l *clienttest.Lies) {
			l.Binding = func(b *envelope.KeyBinding) { b.Release.Leaf = make([]byte, 64) }
		}, client.ErrEntry},
		{"second half of the leaf", func(l *clienttest.Lies) {
			l.Binding = func(b *envelope.KeyBinding) {
				b.Release.Leaf = slices.Clone(b.Release.Leaf)
				b.Release.Leaf[63]++
			}
		}, client.ErrProof},
		{"forged checkpoint", func(l *clienttest.Lies) { l.Log = strangersLog(t) }, client.ErrProof},
		{"no proof", func(l *clienttest.Lies) { l.Handed = func(h *clienttest.Handed) { h.Proof = "" } }, client.ErrProof},
		{"proof of another entry", func(l *clienttest.Lies) {
			l.Handed = func(h *clienttest.Handed) {
				h.Proof = regexp.MustCompile(`index \d+`).ReplaceAllString(h.Proof, "index 0")
			}
		}, client.ErrProof},
	}
	g, c, _ := sent(t)
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g.Lies = clienttest.Lies{}
			tt.lie(&g.Lies)
			g.Forget()
			b, err := c.Poll(t.Context(), worker, noWait)
			if err != nil || len(b.Messages) != 0 || len(b.Refused) != 1 {
				t.Fatalf("got %d messages, refused %v, error %v; want one refused", len(b.Messages), b.Refused, err)
			}
			if got := b.Refused[0].Err; !errors.Is(got, tt.want) || !errors.Is(got, client.ErrRefused) || strings.Contains(got.Error(), "CANARY") {
				t.Errorf("got %v, want %v and no value in it", got, tt.want)
			}
		})
	}
	g.Lies = clienttest.Lies{}
	g.Forget()
	if b, err := c.Poll(t.Context(), worker, noWait); err != nil || len(b.Messages) != 1 {
		t.Fatalf("the truth: got %+v, error %v; want the message", b, err)
	}
}

// TestOtherViewThanAsked lies about an access request.
func TestOtherViewThanAsked(t *testing.T) {
	digest := gateway.DigestOf([]byte("another request"))
	tests := []struct {
		name string
		lie  func(*clienttest.Lies)
	}{
		{"no access request", func(l *clienttest.Lies) { l.Binding = func(b *envelope.KeyBinding) { b.Release.Request = nil } }},
		{"another access request", func(l *clienttest.Lies) { l.Binding = func(b *envelope.KeyBinding) { b.Release.Request = &digest } }},
		{"a field that was not asked for", func(l *clienttest.Lies) {
			l.Keep = func(keep map[gateway.Field]bool) { keep["method"] = true }
			l.Binding = func(b *envelope.KeyBinding) {
				b.Release.Allowed["method"] = "OSL-10-2"
				delete(b.Release.Withheld, "method")
			}
		}},
	}
	g, c, id := sent(t)
	o := official()
	o.Fields = []string{"risk_level"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g.Lies = clienttest.Lies{}
			tt.lie(&g.Lies)
			if _, err := c.Read(t.Context(), id, o); !errors.Is(err, client.ErrView) {
				t.Errorf("got %v, want ErrView", err)
			}
		})
	}
}

// TestLyingReceipt lies to the sender.
func TestLyingReceipt(t *testing.T) {
	other := gateway.DigestOf([]byte("another message"))
	tests := []struct {
		name string
		lie  func(*clienttest.Lies)
		want error
	}{
		{"digest of another message", func(l *clienttest.Lies) { l.Entry = func(e *disclosure.E1) { e.Digest = &other } }, client.ErrReceipt},
		{"another message", func(l *clienttest.Lies) {
			l.Entry = func(e *disclosure.E1) { e.Message = "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057" }
		}, client.ErrReceipt},
		{"another id beside it", func(l *clienttest.Lies) { l.Accepted = func(a *clienttest.Accepted) { a.ID = "CANARY" } }, client.ErrReceipt},
		{"another entry", func(l *clienttest.Lies) { l.Accepted = func(a *clienttest.Accepted) { a.Entry++ } }, client.ErrProof},
		{"no leaf", func(l *clienttest.Lies) { l.Accepted = func(a *clienttest.Accepted) { a.Leaf = nil } }, client.ErrEntry},
		{"entry that is not the leaf's", func(l *clienttest.Lies) { l.Accepted = func(a *clienttest.Accepted) { a.E1 = []byte("{}") } }, client.ErrEntry},
		{"forged checkpoint", func(l *clienttest.Lies) { l.Log = strangersLog(t) }, client.ErrProof},
	}
	g := newGateway(t)
	c := newClient(t, g.Config(police))
	token, err := c.Seal(t.Context(), draft(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g.Lies = clienttest.Lies{}
			tt.lie(&g.Lies)
			if _, err := c.Send(t.Context(), token); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestReplay has deliveries come again: before the acknowledgement they are
// the same message, after it they are a replay, and so is another message
// under the same id.
func TestReplay(t *testing.T) {
	g, c, _ := sent(t)
	first, err := c.Poll(t.Context(), worker, noWait)
	if err != nil || len(first.Messages) != 1 {
		t.Fatalf("got %+v, error %v", first, err)
	}
	again, err := c.Poll(t.Context(), worker, noWait)
	if err != nil || len(again.Messages) != 1 || !bytes.Equal(again.Messages[0].Raw(), first.Messages[0].Raw()) {
		t.Fatalf("got %+v, error %v; want the same message again", again, err)
	}
	if err := c.Ack(t.Context(), worker, again.Messages[0]); err != nil {
		t.Fatal(err)
	}
	g.Redeliver()
	replay, err := c.Poll(t.Context(), worker, noWait)
	if err != nil || len(replay.Messages) != 0 || len(replay.Refused) != 1 || !errors.Is(replay.Refused[0].Err, client.ErrReplay) {
		t.Errorf("got %+v, error %v; want ErrReplay", replay, err)
	}
}

// TestReplayToAnotherProcess shows that the state directory remembers.
func TestReplayToAnotherProcess(t *testing.T) {
	g, _, _ := sent(t)
	cfg := g.Config(social)
	first := newClient(t, cfg)
	b, err := first.Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Messages) != 1 {
		t.Fatalf("got %+v, error %v", b, err)
	}
	if err := first.Ack(t.Context(), worker, b.Messages[0]); err != nil {
		t.Fatal(err)
	}
	g.Redeliver()
	b, err = newClient(t, cfg).Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Refused) != 1 || !errors.Is(b.Refused[0].Err, client.ErrReplay) {
		t.Errorf("got %+v, error %v; want ErrReplay", b, err)
	}
}

// TestAckThatWasNotHeard keeps what was acknowledged from being shown again,
// and says it again.
func TestAckThatWasNotHeard(t *testing.T) {
	g, _, _ := sent(t)
	cfg := g.Config(social)
	cfg.Attempts = 1
	c := newClient(t, cfg)
	b, err := c.Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Messages) != 1 {
		t.Fatalf("got %+v, error %v", b, err)
	}
	g.Lies.Respond = clienttest.Unavailable(1, 1)
	err = c.Ack(t.Context(), worker, b.Messages[0])
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != http.StatusServiceUnavailable || p.RetryAfter != time.Second {
		t.Fatalf("got %v, want the gateway's 503", err)
	}
	if b, err = c.Poll(t.Context(), worker, noWait); err != nil || len(b.Messages)+len(b.Refused) != 0 {
		t.Errorf("got %+v, error %v; want nothing shown again", b, err)
	}
	heard := g.Heard()
	if last := heard[len(heard)-1]; len(last.Ack) != 1 || last.Received[last.Ack[0]] == "" {
		t.Errorf("the gateway heard %+v, want the acknowledgement again", last)
	}
}

// TestUnusable has a sender's slip and a gateway that releases past a ceiling:
// what cannot be used is named, not shown, and the sender is told.
func TestUnusable(t *testing.T) {
	g, c, _ := sent(t)
	g.Lies.Ceiling = true
	b, err := c.Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Messages) != 1 {
		t.Fatalf("got %+v, error %v", b, err)
	}
	m := b.Messages[0]
	if !slices.Equal(m.Unusable(), []gateway.Field{"intel_reliability", "threat_actors"}) {
		t.Fatalf("got unusable %v, want the fields past the role's ceiling", m.Unusable())
	}
	if _, ok := m.Value("threat_actors"); ok {
		t.Error("an unusable field has a value")
	}
	if err := c.Ack(t.Context(), worker, m); err != nil {
		t.Fatal(err)
	}
	heard := g.Heard()
	last := heard[len(heard)-1]
	if last.SetErrs[m.Delivery()].Description != "sealed-content-invalid" || len(last.Ack) != 0 {
		t.Errorf("the gateway heard %+v, want sealed-content-invalid", last)
	}
	raw, err := g.Event(last.Received[m.Delivery()], police)
	if err != nil || raw.Type != envelope.SealedContentInvalid || string(raw.Claims) != `{"fields":["intel_reliability","threat_actors"]}` {
		t.Errorf("got %+v, error %v; want the agency's signed word with the fields", raw, err)
	}
}

// TestLyingNotice forges notices.
func TestLyingNotice(t *testing.T) {
	g := newGateway(t)
	c := newClient(t, g.Config(social))
	e := envelope.Event{Issuer: string(clienttest.ID), Audience: social.URN(), ID: "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
		IssuedAt: time.Now(), Type: envelope.ReviewRequested}
	forged, err := envelope.SignEvent(e, stranger(t))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		lie  func(map[string]string)
	}{
		{"signed by a stranger", func(sets map[string]string) { sets[string(e.ID)] = forged }},
		{"under another id", func(sets map[string]string) { sets["CANARY"] = sets[string(e.ID)]; delete(sets, string(e.ID)) }},
		{"no token", func(sets map[string]string) { sets[string(e.ID)] = "CANARY" }},
	}
	g.Notify(social, worker, e)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g.Lies.Notices = tt.lie
			b, err := c.Poll(t.Context(), worker, noWait)
			if err != nil || len(b.Notices) != 0 || len(b.Refused) != 1 || !errors.Is(b.Refused[0].Err, client.ErrNotice) {
				t.Errorf("got %+v, error %v; want ErrNotice", b, err)
			}
		})
	}
}

// TestLyingAnswers lies about a request and about what has left of a message.
func TestLyingAnswers(t *testing.T) {
	other := gateway.DigestOf([]byte("another request"))
	g, c, id := sent(t)
	o := official()
	o.Type, o.Fields, o.Subject = "exit.info_request", []string{"risk_level"}, gateway.NewRef()
	g.Lies.Entry = func(e *disclosure.E1) { e.Request = &other }
	if _, err := c.Request(t.Context(), police, o); !errors.Is(err, client.ErrReceipt) {
		t.Errorf("another request: got %v, want ErrReceipt", err)
	}
	g.Lies = clienttest.Lies{}
	if _, err := c.Poll(t.Context(), worker, noWait); err != nil {
		t.Fatal(err)
	}
	sender := newClient(t, g.Config(police))
	for name, lie := range map[string]struct {
		lie  func(*clienttest.Accepted)
		want error
	}{
		"other entry": {func(a *clienttest.Accepted) { a.Entry++ }, client.ErrProof},
		"other leaf":  {func(a *clienttest.Accepted) { a.Leaf = make([]byte, 64) }, client.ErrEntry},
	} {
		g.Lies.Accepted = lie.lie
		if _, err := sender.Disclosures(t.Context(), id); !errors.Is(err, lie.want) {
			t.Errorf("%s: got %v, want %v", name, err, lie.want)
		}
	}
}
