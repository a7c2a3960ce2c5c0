package authn_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/envelope"
)

// goodAccess is an access request that stands for a peer.
func goodAccess(w *world, p authn.Peer) envelope.Access {
	return envelope.Access{
		Gateway: gatewayID, Certificate: p.Certificate(), ID: "urn:uuid:01932f4e-7a00-7000-8000-000000000001",
		IssuedAt: w.now, Agency: "police", Role: local, User: "AAAAAAAAAAAAAAAAAAAAAA", Unit: "U1",
		Purpose: "PROTECTION", Type: "exit.threat_assessment", Subject: "AAAAAAAAAAAAAAAAAAAAAQ",
		Message: "urn:uuid:01932f4e-7a00-7000-8000-000000000002", Fields: []string{"default"},
	}
}

// TestAccess starts from a good access request and spoils one thing per row.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	p := w.peer(t, w.client(t, nil))
	other := w.peer(t, w.client(t, nil)) // the same system with another certificate
	tests := []struct {
		name  string
		spoil func(a *envelope.Access)
		key   *envelope.Signer
		want  gateway.Code
	}{
		{"good", func(*envelope.Access) {}, w.access, ""},
		{"59 seconds old", func(a *envelope.Access) { a.IssuedAt = w.now.Add(-59 * time.Second) }, w.access, ""},
		{"too old", func(a *envelope.Access) { a.IssuedAt = w.now.Add(-62 * time.Second) }, w.access, gateway.CodeStale},
		{"from the future", func(a *envelope.Access) { a.IssuedAt = w.now.Add(62 * time.Second) }, w.access, gateway.CodeFuture},
		{"other gateway", func(a *envelope.Access) { a.Gateway = "urn:sluss:gateway:other" }, w.access, gateway.CodeGateway},
		{"other certificate", func(a *envelope.Access) { a.Certificate = other.Certificate() }, w.access, gateway.CodeWrongCertificate},
		{"no certificate", func(a *envelope.Access) { a.Certificate = gateway.Digest{} }, w.access, gateway.CodeWrongCertificate},
		{"role the system has not", func(a *envelope.Access) { a.Role = grants }, w.access, gateway.CodeRoleNotAllowed},
		{"role the key has not", func(a *envelope.Access) { a.Role = regional }, w.access, gateway.CodeRoleNotAllowed},
		{"key not registered", func(*envelope.Access) {}, w.stranger, gateway.CodeUnknownKey},
		{"key for messages", func(*envelope.Access) {}, w.message, gateway.CodeUnknownKey},
		{"other agency with this agency's key", func(a *envelope.Access) { a.Agency = "sis" }, w.access, gateway.CodeUnknownKey},
	}
	for _, tt := range tests {
		a := goodAccess(w, p)
		tt.spoil(&a)
		raw, err := envelope.SignAccess(a, tt.key)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		o, err := w.auth.Access(p, raw, w.now)
		if code(err) != tt.want || (err == nil) != (tt.want == "") || o.IsZero() != (tt.want != "") {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
		if err == nil && (o.Access().ID != a.ID || o.Access().User != a.User || o.Peer().URI() != p.URI()) {
			t.Errorf("%s: got %+v over %s, want what was asked", tt.name, o.Access(), o.Peer().URI())
		}
	}
}

// TestAccessForAnother sends a good request of one agency over the connection
// of another.
func TestAccessForAnother(t *testing.T) {
	w := newWorld(t)
	sis := w.sis(t)
	a := goodAccess(w, sis)
	raw, err := envelope.SignAccess(a, w.access)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.auth.Access(sis, raw, w.now); code(err) != gateway.CodeIssuer {
		t.Errorf("got %v, want %s", err, gateway.CodeIssuer)
	}
}

// sis returns a peer of another agency, whose statements the test's own control
// key may not sign, so it has one of its own.
func (w *world) sis(t *testing.T) authn.Peer {
	t.Helper()
	id := exit
	id.Agency = "sis"
	w.others = append(w.others, envelope.Statement{Key: &envelope.KeyItem{Use: envelope.UseControl, Key: w.stranger.Public()}},
		envelope.Statement{System: &envelope.SystemItem{URI: id.String(), Roles: []gateway.Role{local}}})
	w.publish(t)
	return w.peer(t, w.client(t, func(c *card) { c.id = id }))
}

func TestAccessMalformed(t *testing.T) {
	w := newWorld(t)
	p := w.peer(t, w.client(t, nil))
	raw, err := envelope.SignAccess(goodAccess(w, p), w.access)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"empty": "", "no token": "CANARY", "without signature": raw[:strings.LastIndex(raw, ".")+1], "twice": raw + raw,
	} {
		_, err := w.auth.Access(p, raw, w.now)
		if code(err) == "" {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: the error holds what was refused: %v", name, err)
		}
	}
	if _, err := w.auth.Access(authn.Peer{}, raw, w.now); !errors.Is(err, authn.ErrZero) {
		t.Errorf("nobody asks: got %v, want %v", err, authn.ErrZero)
	}
}
