package authn_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"sluss/certs"
	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
)

// quiet keeps the server's words about failed handshakes out of the tests'
// output.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func TestPeer(t *testing.T) {
	w := newWorld(t)
	client := w.client(t, nil)
	state, err := w.connect(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	if state.Version != tls.VersionTLS13 || state.DidResume || state.NegotiatedProtocol != "h2" {
		t.Errorf("TLS %x, resumed %v, %q; want 1.3, a full handshake, h2", state.Version, state.DidResume, state.NegotiatedProtocol)
	}
	p, err := w.auth.Peer(state, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if p.Agency() != "police" || p.URI() != exit.String() || p.Certificate() != gateway.DigestOf(client.Leaf.Raw) || p.IsZero() {
		t.Errorf("got %s, %s, %s; want the system of the certificate", p.Agency(), p.URI(), p.Certificate())
	}
	if !slices.Equal(p.Roles(), []gateway.Role{local, regional}) || !p.May(local) || p.May(security) || p.May("") {
		t.Errorf("got roles %v, want those of the directory and no other", p.Roles())
	}
	p.Roles()[0] = security
	if p.May(security) {
		t.Error("the roles were changed through what was given")
	}
}

// TestHandshakeRefuses spoils the client's side: nobody gets as far as a
// request.
func TestHandshakeRefuses(t *testing.T) {
	w := newWorld(t)
	foreign, _ := w.authorities(t)
	tests := []struct {
		name   string
		client *tls.Certificate
		edit   func(*tls.Config)
	}{
		{"no certificate", nil, nil},
		{"foreign authority", w.client(t, func(c *card) { c.authority = foreign }), nil},
		{"expired", w.client(t, func(c *card) { c.valid = w.days(-30, -1) }), nil},
		{"not yet valid", w.client(t, func(c *card) { c.valid = w.days(1, 30) }), nil},
		{"outside the trust domain", w.client(t, func(c *card) { c.id.Domain = "other.test" }), nil},
		{"server certificate", w.certificate(t, w.gateways, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), nil},
		{"server's extended key usage", w.certificate(t, w.systems, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), nil},
		{"another's certificate without its key", &tls.Certificate{Certificate: w.client(t, nil).Certificate, PrivateKey: newKey(t)}, nil},
		{"TLS 1.2", w.client(t, nil), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
	}
	for _, tt := range tests {
		if _, err := w.connect(tt.client, tt.edit); err == nil {
			t.Errorf("%s: the request was answered", tt.name)
		}
	}
	w.anchors = nil
	if _, err := w.connect(w.client(t, nil), nil); err == nil {
		t.Error("no authorities configured: the request was answered")
	}
	// To crypto/tls no pool would be the machine's own.
	if c, err := w.auth.TLS().GetConfigForClient(nil); err == nil {
		t.Errorf("no authorities configured: got a configuration with the pool %v", c.ClientCAs)
	}
}

// TestNoResumption connects twice with a client that keeps sessions: the
// second connection proves its key too.
func TestNoResumption(t *testing.T) {
	w := newWorld(t)
	client, cache := w.client(t, nil), tls.NewLRUClientSessionCache(8)
	for range 2 {
		state, err := w.connect(client, func(c *tls.Config) { c.ClientSessionCache = cache })
		if err != nil || state.DidResume {
			t.Errorf("resumed %v, %v; want full handshakes", state.DidResume, err)
		}
	}
}

// TestAuthoritiesChange takes an authority away between two connections.
func TestAuthoritiesChange(t *testing.T) {
	w := newWorld(t)
	client := w.client(t, nil)
	if _, err := w.connect(client, nil); err != nil {
		t.Fatal(err)
	}
	w.anchors = x509.NewCertPool()
	if _, err := w.connect(client, nil); err == nil {
		t.Error("an authority that was taken away still counts")
	}
}

// certificate makes a certificate that package certs would not make. It starts
// from a good one.
func (w *world) certificate(t *testing.T, authority *certs.Authority, spoil func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	uri, err := url.Parse(exit.String())
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{uri},
	}
	spoil(template)
	key, issuerKey := newKey(t), newKey(t)
	// The authority's key is package certs' own, so a look-alike with a new key
	// takes its place among the anchors.
	parent := *authority.Certificate
	parent.PublicKey, parent.SubjectKeyId, parent.AuthorityKeyId = issuerKey.Public(), nil, nil
	parent.RawSubject = nil
	der, err := x509.CreateCertificate(rand.Reader, &parent, &parent, issuerKey.Public(), issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	anchor, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	w.anchors.AddCert(anchor)
	if der, err = x509.CreateCertificate(rand.Reader, template, anchor, key.Public(), issuerKey); err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// TestPeerRefuses has certificates that TLS accepts and the directory, or the
// profile, does not.
func TestPeerRefuses(t *testing.T) {
	other, err := url.Parse("spiffe://sluss.test/agency/police/system/other")
	if err != nil {
		t.Fatal(err)
	}
	uris := func(add ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.URIs = nil
			for _, s := range add {
				u, err := url.Parse(s)
				if err != nil {
					t.Fatal(err)
				}
				c.URIs = append(c.URIs, u)
			}
		}
	}
	tests := []struct {
		name  string
		spoil func(*x509.Certificate)
		want  gateway.Code
	}{
		{"good", func(*x509.Certificate) {}, ""},
		{"no name", uris(), gateway.CodeUnknownSystem},
		{"two URIs", func(c *x509.Certificate) { c.URIs = append(c.URIs, other) }, gateway.CodeUnknownSystem},
		{"the same URI twice", uris(exit.String(), exit.String()), gateway.CodeUnknownSystem},
		{"DNS name besides", func(c *x509.Certificate) { c.DNSNames = []string{"police.test"} }, gateway.CodeUnknownSystem},
		{"address besides", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }, gateway.CodeUnknownSystem},
		{"mail address besides", func(c *x509.Certificate) { c.EmailAddresses = []string{"exit@police.test"} }, gateway.CodeUnknownSystem},
		{"DNS name instead", func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"police.test"} }, gateway.CodeUnknownSystem},
		{"common name instead", func(c *x509.Certificate) { c.URIs, c.Subject.CommonName = nil, exit.String() }, gateway.CodeUnknownSystem},
		{"not the SPIFFE ID of a system", uris("spiffe://sluss.test/agency/police"), gateway.CodeUnknownSystem},
		{"not registered", uris(other.String()), gateway.CodeUnknownSystem},
		{"other agency", uris("spiffe://sluss.test/agency/sis/system/exit"), gateway.CodeUnknownSystem},
		{"query", uris(exit.String() + "?a"), gateway.CodeUnknownSystem},
		{"authority's certificate", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }, gateway.CodeUnknownSystem},
	}
	w := newWorld(t)
	for _, tt := range tests {
		state, err := w.connect(w.certificate(t, w.systems, tt.spoil), nil)
		if err != nil {
			t.Errorf("%s: the handshake was refused: %v", tt.name, err)
			continue
		}
		if p, err := w.auth.Peer(state, w.now); code(err) != tt.want || p.IsZero() != (tt.want != "") || (err == nil) != (tt.want == "") {
			t.Errorf("%s: got %v, %v; want %q", tt.name, p.URI(), err, tt.want)
		}
	}
}

// TestPeerDomain asks for the trust domain even where the authority's own
// certificate does not constrain it.
func TestPeerDomain(t *testing.T) {
	w := newWorld(t)
	state, err := w.connect(w.client(t, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := authn.New(authn.Config{
		Gateway: gatewayID, Domain: "other.test", Authorities: func() *x509.CertPool { return w.anchors },
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil },
		Directory:   func() *directory.Directory { return w.directory },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.Peer(state, w.now); code(err) != gateway.CodeUnknownSystem {
		t.Errorf("got %v, want %s", err, gateway.CodeUnknownSystem)
	}
}

func TestPeerNotVerified(t *testing.T) {
	w := newWorld(t)
	state, err := w.connect(w.client(t, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*tls.ConnectionState){
		"handshake not done": func(s *tls.ConnectionState) { s.HandshakeComplete = false },
		"chain not verified": func(s *tls.ConnectionState) { s.VerifiedChains = nil },
		"empty chain":        func(s *tls.ConnectionState) { s.VerifiedChains = [][]*x509.Certificate{{}} },
	} {
		s := state
		spoil(&s)
		if p, err := w.auth.Peer(s, w.now); code(err) != gateway.CodeUnknownSystem || !p.IsZero() {
			t.Errorf("%s: got %v, want %s", name, err, gateway.CodeUnknownSystem)
		}
	}
}

// TestAgain lets time pass and the directory change under an open connection.
func TestAgain(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name   string
		happen func()
		at     time.Time
		want   gateway.Code
	}{
		{"nothing happened", func() {}, w.now.Add(time.Hour), ""},
		{"before the statement expires", func() {}, w.now.AddDate(0, 0, 30).Add(-time.Minute), ""},
		{"statement expired", func() {}, w.now.AddDate(0, 0, 31), gateway.CodeSystemRevoked},
		{"certificate expired", func() {}, w.now.AddDate(0, 0, 61), gateway.CodeUnknownSystem},
		{"certificate not yet valid", func() {}, w.now.AddDate(0, 0, -2), gateway.CodeUnknownSystem},
		{"system retired", func() { w.revoke(t, envelope.Retired) }, w.now, gateway.CodeSystemRevoked},
		{"system back", func() { w.revoke(t, envelope.Active) }, w.now, ""},
		{"system compromised", func() { w.revoke(t, envelope.Compromised) }, w.now, gateway.CodeSystemRevoked},
	}
	p := w.peer(t, w.client(t, func(c *card) { c.valid = w.days(-1, 60) }))
	for _, tt := range tests {
		tt.happen()
		again, err := w.auth.Again(p, tt.at)
		if code(err) != tt.want || (err == nil) != (tt.want == "") || again.IsZero() != (tt.want != "") {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := w.auth.Again(authn.Peer{}, w.now); !errors.Is(err, authn.ErrZero) {
		t.Errorf("nobody: got %v, want %v", err, authn.ErrZero)
	}
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	good := authn.Config{
		Gateway: gatewayID, Domain: "sluss.test", Authorities: func() *x509.CertPool { return w.anchors },
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil },
		Directory:   func() *directory.Directory { return w.directory },
	}
	for name, spoil := range map[string]func(*authn.Config){
		"gateway": func(c *authn.Config) { c.Gateway = "" }, "domain": func(c *authn.Config) { c.Domain = "" },
		"certificate": func(c *authn.Config) { c.Certificate = nil }, "authorities": func(c *authn.Config) { c.Authorities = nil },
		"directory": func(c *authn.Config) { c.Directory = nil },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := authn.New(cfg); err == nil {
			t.Errorf("without %s: no error", name)
		}
	}
}
