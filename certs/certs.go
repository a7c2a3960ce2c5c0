// Package certs has the profiles of the certificates that Sluss uses, and an
// authority that issues them. In operation the authority is an agency's or the
// operator's own PKI, which follows the same profiles; package certs/dev makes
// a development authority with everything a gateway and its agencies need.
//
// # Profiles
//
// All certificates are X.509 version 3 (RFC 5280) on EC P-256 with
// ecdsa-with-SHA256 (RFC 5758), serial numbers of random bits (Section 4.1.2.2)
// and a subject that is a common name for people to read; no name in it is
// trusted. TLS is 1.3 only (RFC 8446).
//
//	              root       systems       gateways     server       system
//	issued by     itself     root          root         gateways     systems
//	basic constr. CA, 1      CA, 0         CA, 0        -            -
//	key usage     certSign   certSign      certSign     digitalSig.  digitalSig.
//	              cRLSign    cRLSign       cRLSign
//	extended      -          clientAuth    serverAuth   serverAuth   clientAuth
//	name constr.  -          URI: domain   -            -            -
//	subject alt.  -          -             -            DNS and IP   one URI
//	life          years      a year        a year       30 days      30 days
//
// Two authorities stand under the root so that neither can do the other's
// work: the gateway trusts "systems" alone for its clients, agencies trust
// "gateways" alone for the gateway, and the constraints (Sections 4.2.1.9, 10
// and 12, all critical where the RFC lets them be) hold also for who trusts the
// root.
//
// The one name of a system's certificate is its SPIFFE ID, as the directory has
// it: spiffe://<domain>/agency/<kind>[/<code>]/system/<name>. Roles are not in
// the certificate; the directory gives them, so that they can be taken back at
// once. Revocation is by short life and by the directory, which is asked at
// every request.
package certs

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"sluss/gateway/directory"
)

// ErrAuthority says that an authority may not issue what was asked of it.
var ErrAuthority = errors.New("certs: not an authority for that")

// Validity is the time in which a certificate may be used.
type Validity struct{ From, To time.Time }

// Authority issues certificates. It may be used by several goroutines at once
// as far as its key may.
type Authority struct {
	Certificate *x509.Certificate
	key         crypto.Signer
}

// Open returns the authority with a certificate and its key.
func Open(c *x509.Certificate, key crypto.Signer) (*Authority, error) {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(c.PublicKey) || !c.IsCA {
		return nil, fmt.Errorf("%w: certificate is no authority's, or not this key's", ErrAuthority)
	}
	return &Authority{c, key}, nil
}

// NewRoot returns a trust anchor.
func NewRoot(name string, key crypto.Signer, v Validity) (*Authority, error) {
	t := authority(name, v, 1)
	c, err := issue(t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return Open(c, key)
}

// Systems returns a new authority under the root for the certificates of
// systems in one trust domain.
func (a *Authority) Systems(name, domain string, key crypto.Signer, v Validity) (*Authority, error) {
	t := authority(name, v, 0)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	t.PermittedURIDomains = []string{domain}
	t.PermittedDNSDomainsCritical = true // the criticality of all name constraints
	return a.under(t, key)
}

// Gateways returns a new authority under the root for server certificates.
func (a *Authority) Gateways(name string, key crypto.Signer, v Validity) (*Authority, error) {
	t := authority(name, v, 0)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return a.under(t, key)
}

func (a *Authority) under(t *x509.Certificate, key crypto.Signer) (*Authority, error) {
	c, err := issue(t, a.Certificate, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return Open(c, key)
}

// System returns the certificate of a system for TLS client authentication.
func (a *Authority) System(id directory.SystemURI, key crypto.PublicKey, v Validity) (*x509.Certificate, error) {
	uri, err := url.Parse(id.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	t := endEntity(id.Name+" of "+string(id.Agency), v, x509.ExtKeyUsageClientAuth)
	t.URIs = []*url.URL{uri}
	return a.issue(t, key)
}

// Server returns the certificate of a gateway for the given DNS names and
// addresses.
func (a *Authority) Server(names []string, addresses []net.IP, key crypto.PublicKey, v Validity) (*x509.Certificate, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: a server needs a name", ErrAuthority)
	}
	t := endEntity(names[0], v, x509.ExtKeyUsageServerAuth)
	t.DNSNames, t.IPAddresses = names, addresses
	return a.issue(t, key)
}

// issue refuses what the authority's own constraints forbid, and a life longer
// than the authority's.
func (a *Authority) issue(t *x509.Certificate, key crypto.PublicKey) (*x509.Certificate, error) {
	may := a.Certificate.ExtKeyUsage
	if len(may) != 1 || may[0] != t.ExtKeyUsage[0] {
		return nil, fmt.Errorf("%w: extended key usage", ErrAuthority)
	}
	if t.NotBefore.Before(a.Certificate.NotBefore) || t.NotAfter.After(a.Certificate.NotAfter) {
		return nil, fmt.Errorf("%w: validity is not within the authority's", ErrAuthority)
	}
	return issue(t, a.Certificate, key, a.key)
}

// authority is the template of a CA with at most below CAs under it.
func authority(name string, v Validity, below int) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: v.From, NotAfter: v.To,
		IsCA: true, BasicConstraintsValid: true,
		MaxPathLen: below, MaxPathLenZero: below == 0,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func endEntity(name string, v Validity, use x509.ExtKeyUsage) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: v.From, NotAfter: v.To,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{use},
	}
}

// issue signs a template. The serial number is drawn by crypto/x509.
func issue(t, parent *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key, signer)
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// PEM returns a chain as a file: the end entity first (RFC 8446, Section 4.4.2).
func PEM(chain ...*x509.Certificate) []byte {
	var raw []byte
	for _, c := range chain {
		raw = append(raw, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return raw
}
