package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/client"
	"sluss/gateway/client/clienttest"
	"sluss/gateway/envelope"
	"sluss/gateway/snapshot"
	"sluss/policies"
)

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
