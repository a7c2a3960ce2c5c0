package client_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sluss/gateway/client"
	"sluss/gateway/envelope"
	"sluss/gateway/exchange"
)

// TestConfig spoils one thing in a good configuration per row.
func TestConfig(t *testing.T) {
	g := newGateway(t)
	good := g.Config(police)
	tests := []struct {
		name  string
		spoil func(*client.Config)
	}{
		{"no URL", func(c *client.Config) { c.URL = "" }},
		{"no TLS", func(c *client.Config) { c.URL = "http://localhost" }},
		{"path in the URL", func(c *client.Config) { c.URL += "/v1" }},
		{"password in the URL", func(c *client.Config) { c.URL = "https://a:b@localhost" }},
		{"no gateway", func(c *client.Config) { c.Gateway = "" }},
		{"no agency", func(c *client.Config) { c.Agency = "" }},
		{"no certificate", func(c *client.Config) { c.Certificate = nil }},
		{"no authorities", func(c *client.Config) { c.Authorities = nil }},
		{"one registrar", func(c *client.Config) { c.Registrars = c.Registrars[:1] }},
		{"one officer", func(c *client.Config) { c.Officers = c.Officers[:1] }},
		{"one officer twice", func(c *client.Config) { c.Officers = []envelope.PublicKey{c.Officers[0], c.Officers[0]} }},
		{"officer without a key", func(c *client.Config) { c.Officers = make([]envelope.PublicKey, 2) }},
		{"no log", func(c *client.Config) { c.Log = nil }},
		{"no state", func(c *client.Config) { c.State = "" }},
		{"key of a gateway's use", func(c *client.Config) { c.Keys = []client.Key{{Use: envelope.UseRelease, Key: c.Keys[0].Key}} }},
		{"no key", func(c *client.Config) { c.Keys = []client.Key{{Use: envelope.UseMessage}} }},
		{"Ed25519 key", func(c *client.Config) {
			c.Keys = []client.Key{{Use: envelope.UseSeal, Key: ed25519.NewKeyFromSeed(make([]byte, 32))}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.spoil(&cfg)
			if _, err := client.New(cfg); !errors.Is(err, client.ErrConfig) {
				t.Errorf("got %v, want ErrConfig", err)
			}
		})
	}
}

// TestLoad reads a client.json, and refuses one with one thing spoiled per row.
func TestLoad(t *testing.T) {
	g := newGateway(t)
	dir := t.TempDir()
	path := g.WriteConfig(dir, police)
	cfg, err := client.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Agency != police || len(cfg.Keys) != 3 || len(cfg.Officers) != 2 || cfg.State != filepath.Join(dir, "state") {
		t.Errorf("got %+v", cfg)
	}
	if err := newClient(t, cfg).Refresh(t.Context()); err != nil {
		t.Errorf("with what was read: %v", err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, old, new string }{
		{"unknown member", `{"url"`, `{"colour": 1, "url"`},
		{"text after the object", `"state":"state"}`, `"state":"state"} {}`},
		{"key that is not there", "message.key", "nowhere.key"},
		{"key that others may read", "message.key", "open.key"},
		{"certificate of another key", "file:tls.key", "file:access.key"},
		{"no authorities", "gateways.pem", "nowhere.pem"},
		{"no verifier", `"log":"`, `"log":"x`},
	}
	secret, err := os.ReadFile(filepath.Join(dir, "message.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "open.key"), secret, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(string(raw), tt.old, tt.new, 1)
			if text == string(raw) {
				t.Fatal("nothing was spoiled")
			}
			other := filepath.Join(dir, "spoiled.json")
			if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Load(other); !errors.Is(err, client.ErrConfig) {
				t.Errorf("got %v, want ErrConfig", err)
			}
		})
	}
}

// TestDamagedState does not take a document that cannot be read for one that
// was never there.
func TestDamagedState(t *testing.T) {
	g := newGateway(t)
	for _, name := range []string{"directory.json", "snapshot.json", "deliveries.json"} {
		t.Run(name, func(t *testing.T) {
			cfg := g.Config(social)
			c := newClient(t, cfg)
			if _, err := c.Poll(t.Context(), worker, noWait); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(cfg.State, name), []byte(`{"CANARY`), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := client.New(cfg)
			if err == nil {
				_, err = c.Poll(t.Context(), worker, noWait)
			}
			if !errors.Is(err, client.ErrState) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("got %v, want ErrState", err)
			}
		})
	}
}

// TestOtherPins does not go by what was kept under other pinned keys.
func TestOtherPins(t *testing.T) {
	g := newGateway(t)
	cfg := g.Config(police)
	if err := newClient(t, cfg).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	officers := cfg
	officers.Officers = []envelope.PublicKey{stranger(t).Public(), stranger(t).Public()}
	if _, err := newClient(t, officers).Seal(t.Context(), draft(t)); !errors.Is(err, client.ErrSnapshot) {
		t.Errorf("other officers: got %v, want ErrSnapshot", err)
	}
	registrars := cfg
	registrars.Registrars = officers.Officers
	if _, err := client.New(registrars); !errors.Is(err, client.ErrState) {
		t.Errorf("other registrars: got %v, want ErrState", err)
	}
}

// TestWire holds the client's bodies to the gateway's: the same members of the
// same kinds.
func TestWire(t *testing.T) {
	pairs := []struct{ ours, theirs any }{
		{client.Accepted{}, exchange.Accepted{}},
		{client.Accepted{}, exchange.Requested{}},
		{client.PollRequest{}, exchange.PollRequest{}},
		{client.SetErr{}, exchange.SetErr{}},
		{client.PollAnswer{}, exchange.PollAnswer{}},
		{client.HandedOut{}, exchange.Handed{}},
		{client.Disclosed{}, exchange.Disclosure{}},
	}
	for _, p := range pairs {
		if ours, theirs := members(p.ours), members(p.theirs); !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%T: got %v, want %v as %T has", p.ours, ours, theirs, p.theirs)
		}
	}
}

// members returns the JSON members of a struct with their kinds.
func members(v any) map[string]reflect.Kind {
	found := map[string]reflect.Kind{}
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		found[name] = t.Field(i).Type.Kind()
	}
	return found
}

// TestValuesDoNotPrint keeps the values of a draft and of a message out of
// whatever is printed or logged of them.
func TestValuesDoNotPrint(t *testing.T) {
	d := draft(t)
	raw, err := json.Marshal(d)
	if err != nil || strings.Contains(string(raw), "CANARY") {
		t.Errorf("a draft marshals its values, or %v", err)
	}
	if _, ok := d.Values["risk_level"]; !ok || d.Values["risk_level"].Len() != len("4") {
		t.Error("the draft has no value")
	}
}
