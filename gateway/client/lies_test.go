package client_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/client"
	"sluss/gateway/client/clienttest"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/snapshot"
	"sluss/policies"
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

// policyFS is the built-in policies, one file of them changed.
func policyFS(t *testing.T, name string, change func(string) string) fs.FS {
	t.Helper()
	m := fstest.MapFS{}
	err := fs.WalkDir(policies.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(policies.FS, path)
		if path == name {
			text := change(string(raw))
			if text == string(raw) {
				t.Fatalf("%s is as it was", name)
			}
			raw = []byte(text)
		}
		m[path] = &fstest.MapFile{Data: raw}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := catalogue.DocumentOf(m)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"catalogue": doc})
	if err != nil {
		t.Fatal(err)
	}
	m["data/catalogue.json"] = &fstest.MapFile{Data: raw}
	return m
}

func readSnapshot(t *testing.T, fsys fs.FS) snapshot.Snapshot {
	t.Helper()
	s, err := snapshot.Read(fsys, "v1.22.2")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const assessment = "message_types/exit.threat_assessment.schema.json"

// unsealed is the policies with a sealed field made clear.
func unsealed(t *testing.T) fs.FS {
	return policyFS(t, assessment, func(s string) string {
		i := strings.Index(s, `"risk_level"`)
		rest := strings.Replace(s[i:], `"x-sealed": true,
      "x-sealed-size": 64,`, `"x-sealed": false,`, 1)
		return s[:i] + rest
	})
}

// TestSwappedSnapshot lies about the catalogue: what is sealed, and who said so.
func TestSwappedSnapshot(t *testing.T) {
	g := newGateway(t)
	c := newClient(t, g.Config(police))
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	good := readSnapshot(t, policies.FS)
	other := readSnapshot(t, policyFS(t, "data/purposes.json", func(s string) string { return strings.Replace(s, `"means": "`, `"means": "Also `, 1) }))
	clear := readSnapshot(t, unsealed(t))
	bundle := func(s snapshot.Snapshot, approvals []string) func([]byte) []byte {
		return func([]byte) []byte {
			raw, err := snapshot.Pack(s, approvals, "data", "message_types").Encode()
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
	}
	tests := []struct {
		name string
		lie  func([]byte) []byte
		want error
	}{
		{"field unsealed in a file", func(raw []byte) []byte {
			return bytes.Replace(raw, []byte(`\"x-sealed\": true`), []byte(`\"x-sealed\": false`), 1)
		}, client.ErrSnapshot},
		{"catalogue that nobody approved", bundle(clear, g.Approvals(good, 2)), client.ErrSnapshot},
		{"one officer", bundle(other, g.Approvals(other, 2)[:1]), client.ErrSnapshot},
		{"one officer twice", bundle(other, []string{g.Approvals(other, 2)[0], g.Approvals(other, 2)[0]}), client.ErrSnapshot},
		{"other snapshot under the same number", bundle(other, g.Approvals(other, 1)), client.ErrSnapshot},
		{"a table left out", func(raw []byte) []byte {
			var b snapshot.Bundle
			if err := json.Unmarshal(raw, &b); err != nil {
				t.Fatal(err)
			}
			delete(b.Files, "data/ceilings.json")
			out, err := b.Encode()
			if err != nil {
				t.Fatal(err)
			}
			return out
		}, client.ErrSnapshot},
		{"field unsealed by both officers", bundle(clear, g.Approvals(clear, 2)), client.ErrUnsealing},
		{"no JSON", func([]byte) []byte { return []byte("CANARY") }, client.ErrSnapshot},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g.Lies.Snapshot = tt.lie
			err := c.Refresh(t.Context())
			if !errors.Is(err, tt.want) || !errors.Is(err, client.ErrRefused) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	g.Lies.Snapshot = nil
	if _, err := c.Seal(t.Context(), draft(t)); err != nil {
		t.Errorf("after the lies: %v, want the client to go on with what it has", err)
	}
}

// TestOlderSnapshot shows an older approval to a client that knows a newer one,
// also after a restart.
func TestOlderSnapshot(t *testing.T) {
	g := newGateway(t)
	cfg := g.Config(police)
	good := readSnapshot(t, policies.FS)
	g.Approve(readSnapshot(t, policyFS(t, "data/purposes.json", func(s string) string { return strings.Replace(s, `"means": "`, `"means": "Also `, 1) })), 5)
	if err := newClient(t, cfg).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.Approve(good, 4)
	if err := newClient(t, cfg).Refresh(t.Context()); !errors.Is(err, client.ErrSnapshot) || !errors.Is(err, snapshot.ErrSequence) {
		t.Errorf("got %v, want ErrSnapshot by its number", err)
	}
	g.Approve(good, 6)
	if err := newClient(t, cfg).Refresh(t.Context()); err != nil {
		t.Errorf("a rollback under a new number: %v", err)
	}
}

// TestUnsealedAfterAnAbsence brings a field back clear that went away.
func TestUnsealedAfterAnAbsence(t *testing.T) {
	g := newGateway(t)
	cfg := g.Config(police)
	if err := newClient(t, cfg).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	without := policyFS(t, assessment, func(s string) string {
		var doc map[string]json.RawMessage
		if err := json.Unmarshal([]byte(s), &doc); err != nil {
			t.Fatal(err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(doc["properties"], &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, "no_go_areas")
		doc["properties"], _ = json.Marshal(fields)
		raw, _ := json.Marshal(doc)
		return string(raw)
	})
	g.Approve(readSnapshot(t, without), 2)
	if err := newClient(t, cfg).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := policyFS(t, assessment, func(s string) string {
		i := strings.Index(s, `"no_go_areas"`)
		j := i + strings.Index(s[i:], `"threat_source_summary"`)
		clear := `"no_go_areas": {"type": "boolean", "x-class": "RDT", "x-sealed": false, "x-origin": {"POL": ["35:1", "18:1"]}}, `
		return s[:i] + clear + s[j:]
	})
	g.Approve(readSnapshot(t, back), 3)
	if err := newClient(t, cfg).Refresh(t.Context()); !errors.Is(err, client.ErrUnsealing) {
		t.Errorf("got %v, want ErrUnsealing", err)
	}
}

// TestSwappedKey lies about the directory.
func TestSwappedKey(t *testing.T) {
	g := newGateway(t)
	cfg := g.Config(police)
	if err := newClient(t, cfg).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	mine := stranger(t)
	view := func(change func([]clienttest.Statement) []clienttest.Statement) func([]byte) []byte {
		return func(raw []byte) []byte {
			var doc map[string][]clienttest.Statement
			if err := json.Unmarshal(raw, &doc); err != nil {
				t.Fatal(err)
			}
			doc["statements"] = change(doc["statements"])
			out, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	seal := &envelope.KeyItem{Use: envelope.UseSeal, Key: mine.Public(), Roles: []gateway.Role{worker}}
	now := time.Now().Truncate(time.Second)
	st := envelope.Statement{Issuer: social.URN(), Seq: 1, IssuedAt: now.Add(-time.Minute), NotBefore: now.Add(-time.Hour),
		Expires: now.Add(time.Hour), Status: envelope.Active, Since: now.Add(-time.Hour), Key: seal}
	raw, err := envelope.SignStatement(st, mine)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		lie  func([]byte) []byte
	}{
		{"recipient's key by nobody", view(func(s []clienttest.Statement) []clienttest.Statement {
			return append(s, clienttest.Statement{Statement: raw})
		})},
		{"recipient's key by the gateway's choice, countersigned", view(func(s []clienttest.Statement) []clienttest.Statement {
			return append(s, g.State(mine, st)) // two registrars in league, and still not the agency's control key
		})},
		{"a statement with one countersignature", view(func(s []clienttest.Statement) []clienttest.Statement {
			s[0].Countersignatures = s[0].Countersignatures[:1]
			return s
		})},
		{"a statement left out", view(func(s []clienttest.Statement) []clienttest.Statement {
			return slices.DeleteFunc(s, func(s clienttest.Statement) bool {
				st, _, err := envelope.PeekStatement(s.Statement)
				return err == nil && st.Issuer == social.URN() && st.Key.Use == envelope.UseSeal
			})
		})},
		{"no release key", view(func(s []clienttest.Statement) []clienttest.Statement {
			return slices.DeleteFunc(s, func(s clienttest.Statement) bool {
				st, _, err := envelope.PeekStatement(s.Statement)
				return err == nil && st.Issuer == string(clienttest.ID)
			})
		})},
		{"no JSON", func([]byte) []byte { return []byte("CANARY") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g.Lies.Directory = tt.lie
			err := newClient(t, cfg).Refresh(t.Context())
			if !errors.Is(err, client.ErrDirectory) || !errors.Is(err, client.ErrRefused) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("got %v, want ErrDirectory", err)
			}
		})
	}
}

// TestOlderDirectory brings back a key that is compromised: at once, and after
// its agency was not in the view for a while.
func TestOlderDirectory(t *testing.T) {
	g := newGateway(t)
	cfg := g.Config(police)
	var older []byte
	g.Lies.Directory = func(raw []byte) []byte { older = bytes.Clone(raw); return raw }
	if err := newClient(t, cfg).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	compromise(t, g)
	g.Lies.Directory = nil
	c := newClient(t, cfg)
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Seal(t.Context(), draft(t)); !errors.Is(err, client.ErrDraft) || !strings.Contains(err.Error(), "no decryption key") {
		t.Errorf("got %v, want no sealing to a compromised key", err)
	}
	g.Lies.Directory = func([]byte) []byte { return older }
	if err := newClient(t, cfg).Refresh(t.Context()); !errors.Is(err, client.ErrDirectory) {
		t.Errorf("got %v, want ErrDirectory for the older one", err)
	}
	g.Lies.Directory = func(raw []byte) []byte { return without(t, raw, social) }
	if err := newClient(t, cfg).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.Lies.Directory = func([]byte) []byte { return older }
	if err := newClient(t, cfg).Refresh(t.Context()); !errors.Is(err, client.ErrDirectory) {
		t.Errorf("got %v, want ErrDirectory for the older one after an absence", err)
	}
}

// compromise states that the municipality's decryption key is compromised.
func compromise(t *testing.T, g *clienttest.Gateway) {
	t.Helper()
	list := g.Statements()
	for i, s := range *list {
		st, _, err := envelope.PeekStatement(s.Statement)
		if err != nil {
			t.Fatal(err)
		}
		if st.Issuer == social.URN() && st.Key.Use == envelope.UseSeal {
			st.Seq, st.Status, st.Since = 2, envelope.Compromised, time.Now().Truncate(time.Second)
			(*list)[i] = g.State(g.Control(social), st)
		}
	}
	g.Publish()
}

// without is a view without an agency.
func without(t *testing.T, raw []byte, id gateway.AgencyID) []byte {
	t.Helper()
	var doc map[string][]clienttest.Statement
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	doc["statements"] = slices.DeleteFunc(doc["statements"], func(s clienttest.Statement) bool {
		st, _, err := envelope.PeekStatement(s.Statement)
		return err == nil && st.Issuer == id.URN()
	})
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
