package certs_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"

	"sluss/certs"
	"sluss/gateway/directory"
	"sluss/gateway/keys"
)

var (
	now  = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	year = certs.Validity{From: now, To: now.AddDate(1, 0, 0)}
	days = certs.Validity{From: now, To: now.AddDate(0, 0, 30)}
	exit = directory.SystemURI{Domain: "sluss.test", Agency: "municipality:0180", Name: "exit"}
)

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := keys.NewEC()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

type pki struct{ root, systems, gateways *certs.Authority }

func newPKI(t *testing.T) pki {
	t.Helper()
	root, err := certs.NewRoot("root", newKey(t), year)
	if err != nil {
		t.Fatal(err)
	}
	systems, err := root.Systems("systems", "sluss.test", newKey(t), year)
	if err != nil {
		t.Fatal(err)
	}
	gateways, err := root.Gateways("gateways", newKey(t), year)
	if err != nil {
		t.Fatal(err)
	}
	return pki{root, systems, gateways}
}

func (p pki) verify(c *x509.Certificate, use x509.ExtKeyUsage) error {
	anchors, between := x509.NewCertPool(), x509.NewCertPool()
	anchors.AddCert(p.root.Certificate)
	between.AddCert(p.systems.Certificate)
	between.AddCert(p.gateways.Certificate)
	_, err := c.Verify(x509.VerifyOptions{
		Roots: anchors, Intermediates: between, CurrentTime: now.Add(time.Hour), KeyUsages: []x509.ExtKeyUsage{use},
	})
	return err
}

// TestProfiles reads back what the profiles promise, and lets crypto/x509 build
// the paths they allow.
func TestProfiles(t *testing.T) {
	p := newPKI(t)
	system, err := p.systems.System(exit, newKey(t).Public(), days)
	if err != nil {
		t.Fatal(err)
	}
	server, err := p.gateways.Server([]string{"localhost"}, []net.IP{net.IPv6loopback}, newKey(t).Public(), days)
	if err != nil {
		t.Fatal(err)
	}
	if len(system.URIs) != 1 || system.URIs[0].String() != "spiffe://sluss.test/agency/municipality/0180/system/exit" {
		t.Errorf("system has names %v, want its SPIFFE ID alone", system.URIs)
	}
	if len(system.DNSNames)+len(system.IPAddresses)+len(system.EmailAddresses) > 0 {
		t.Error("system has names besides its SPIFFE ID")
	}
	for name, c := range map[string]*x509.Certificate{"system": system, "server": server} {
		if c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature || len(c.ExtKeyUsage) != 1 || c.SerialNumber.BitLen() < 64 {
			t.Errorf("%s: CA %v, key usage %b, extended %v, serial of %d bits", name, c.IsCA, c.KeyUsage, c.ExtKeyUsage, c.SerialNumber.BitLen())
		}
	}
	if c := p.systems.Certificate; !c.MaxPathLenZero || !c.PermittedDNSDomainsCritical || p.root.Certificate.MaxPathLen != 1 {
		t.Error("constraints of the authorities are not as in the profile")
	}
	for _, tt := range []struct {
		name string
		c    *x509.Certificate
		use  x509.ExtKeyUsage
		ok   bool
	}{
		{"system as client", system, x509.ExtKeyUsageClientAuth, true},
		{"system as server", system, x509.ExtKeyUsageServerAuth, false},
		{"server as server", server, x509.ExtKeyUsageServerAuth, true},
		{"server as client", server, x509.ExtKeyUsageClientAuth, false},
	} {
		if err := p.verify(tt.c, tt.use); (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want accepted %v", tt.name, err, tt.ok)
		}
	}
}

// TestForeignDomain holds the name constraint to stopping a systems' authority
// that issues outside its trust domain.
func TestForeignDomain(t *testing.T) {
	p := newPKI(t)
	foreign, err := p.systems.System(directory.SystemURI{Domain: "other.test", Agency: "police", Name: "exit"}, newKey(t).Public(), days)
	if err != nil {
		t.Fatal(err)
	}
	var constraint x509.CertificateInvalidError
	if err := p.verify(foreign, x509.ExtKeyUsageClientAuth); !errors.As(err, &constraint) {
		t.Errorf("got %v, want a name constraint", err)
	}
}

func TestIssueRefuses(t *testing.T) {
	p := newPKI(t)
	key := newKey(t).Public()
	for _, tt := range []struct {
		name  string
		issue func() (*x509.Certificate, error)
	}{
		{"system by gateways", func() (*x509.Certificate, error) { return p.gateways.System(exit, key, days) }},
		{"system by root", func() (*x509.Certificate, error) { return p.root.System(exit, key, days) }},
		{"server by systems", func() (*x509.Certificate, error) { return p.systems.Server([]string{"localhost"}, nil, key, days) }},
		{"server without name", func() (*x509.Certificate, error) { return p.gateways.Server(nil, nil, key, days) }},
		{"outlives its authority", func() (*x509.Certificate, error) {
			return p.systems.System(exit, key, certs.Validity{From: now, To: now.AddDate(2, 0, 0)})
		}},
		{"older than its authority", func() (*x509.Certificate, error) {
			return p.systems.System(exit, key, certs.Validity{From: now.AddDate(-1, 0, 0), To: days.To})
		}},
	} {
		if c, err := tt.issue(); c != nil || !errors.Is(err, certs.ErrAuthority) {
			t.Errorf("%s: got %v, want %v", tt.name, err, certs.ErrAuthority)
		}
	}
	if _, err := certs.Open(p.systems.Certificate, newKey(t)); !errors.Is(err, certs.ErrAuthority) {
		t.Errorf("another key: got %v, want %v", err, certs.ErrAuthority)
	}
	leafKey := newKey(t)
	leaf, err := p.systems.System(exit, leafKey.Public(), days)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := certs.Open(leaf, leafKey); !errors.Is(err, certs.ErrAuthority) {
		t.Errorf("end entity as authority: got %v, want %v", err, certs.ErrAuthority)
	}
}
