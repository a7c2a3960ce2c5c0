// Package authn is step 1 of an exchange: it finds out which registered system
// is at the other end of a connection, and which official speaks through it.
//
// A system is known by its client certificate over TLS 1.3 (RFC 8446): issued
// by the systems' authority, in time, and with exactly one subject alternative
// name, the SPIFFE ID under which the directory has the system (RFC 5280,
// Section 4.2.1.6; SPIFFE X509-SVID, Sections 2 and 4). An official is known by
// an access request that the system signed with a key of its own and bound to
// that very certificate (RFC 8705, Section 3).
//
// # Strictness
//
// A certificate with a second name of any kind is nobody's. Nothing is resumed:
// session tickets are off, so that each connection proves its key. The
// directory is asked anew at each [Authenticator.Peer] and
// [Authenticator.Again], so that a system revoked during a long poll gets no
// answer. A role needs three grants: the system has it, the access key has it,
// and the request names it.
//
// Only this package can fill a [Peer] or an [Official], so whoever holds one
// holds the proof. It does not use a request's identifier up (package exchange)
// and does not say what a role may see (package policy).
package authn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
)

// ErrZero says that a step was left out: a Peer or Official that nobody filled.
var ErrZero = errors.New("authn: zero value where a made one is due")

// Config configures an [Authenticator]. Every field is required.
type Config struct {
	// Gateway is the identity that access requests must be for.
	Gateway gateway.ID
	// Domain is the SPIFFE trust domain of the systems.
	Domain string
	// Certificate returns the server's certificate; keys.Pair.GetCertificate.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Authorities returns the certificates that issue client certificates;
	// keys.Pool.Certificates. It is asked at each connection.
	Authorities func() *x509.CertPool
	// Directory returns the current directory.
	Directory func() *directory.Directory
}

// Authenticator says who is at the other end. Its methods may be called by
// several goroutines at once.
type Authenticator struct{ cfg Config }

// New returns an Authenticator, or an error that names the field that is
// missing.
func New(cfg Config) (*Authenticator, error) {
	switch {
	case cfg.Gateway == "":
		return nil, errors.New("authn: Gateway is required")
	case cfg.Domain == "":
		return nil, errors.New("authn: Domain is required")
	case cfg.Certificate == nil || cfg.Authorities == nil || cfg.Directory == nil:
		return nil, errors.New("authn: Certificate, Authorities and Directory are required")
	}
	return &Authenticator{cfg}, nil
}

// Peer is a registered system at the other end of a connection. The zero value
// is nobody.
type Peer struct {
	system      directory.System
	certificate gateway.Digest
	chain       []*x509.Certificate // as verified in the handshake
}

// IsZero reports whether nobody filled p.
func (p Peer) IsZero() bool { return p.chain == nil }

// Agency returns whose system it is.
func (p Peer) Agency() gateway.AgencyID { return p.system.Agency }

// URI returns the system's SPIFFE ID.
func (p Peer) URI() string { return p.system.URI }

// Roles returns the roles that the system may act in.
func (p Peer) Roles() []gateway.Role { return slices.Clone(p.system.Roles) }

// May reports whether the system may act in role.
func (p Peer) May(role gateway.Role) bool { return slices.Contains(p.system.Roles, role) }

// Certificate returns the SHA-256 digest of the client certificate in DER, the
// "x5t#S256" of RFC 8705, Section 3.1.
func (p Peer) Certificate() gateway.Digest { return p.certificate }

// Peer returns the system behind a connection as registered at now. The errors
// are *gateway.Refusal: unknown-system for a certificate that is no registered
// system's or out of its time, system-revoked for a system that was.
func (a *Authenticator) Peer(state tls.ConnectionState, now time.Time) (Peer, error) {
	if !state.HandshakeComplete || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return Peer{}, unknown("no client certificate was verified")
	}
	chain := state.VerifiedChains[0]
	return a.peer(chain, gateway.DigestOf(chain[0].Raw), now)
}

// Again returns the peer as registered at now, which is later than when p was
// made: to be called before each answer on a connection that has waited.
func (a *Authenticator) Again(p Peer, now time.Time) (Peer, error) {
	if p.IsZero() {
		return Peer{}, ErrZero
	}
	return a.peer(p.chain, p.certificate, now)
}

func (a *Authenticator) peer(chain []*x509.Certificate, digest gateway.Digest, now time.Time) (Peer, error) {
	for _, c := range chain {
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return Peer{}, unknown("certificate or its issuer is out of its time")
		}
	}
	uri, err := a.name(chain[0])
	if err != nil {
		return Peer{}, unknown(err.Error())
	}
	system, ok := a.cfg.Directory().System(uri)
	if !ok {
		return Peer{}, unknown("no such system in the directory")
	}
	if !system.Active(now) {
		return Peer{}, gateway.Refuse(gateway.CodeSystemRevoked, "the system is not active in the directory",
			&RevokedError{Peer{system, digest, chain}})
	}
	return Peer{system, digest, chain}, nil
}

// RevokedError is the cause of a refusal with the code system-revoked: the
// directory knows whose the system is, or was, and an entry can say so.
type RevokedError struct {
	Peer Peer // for the entry of the refusal and nothing else
}

// Error implements error. It names nobody.
func (e *RevokedError) Error() string { return "authn: the system is not active" }

// name returns the one name in a system's certificate.
func (a *Authenticator) name(c *x509.Certificate) (string, error) {
	if c.IsCA {
		return "", errors.New("authn: certificate is an authority's")
	}
	if len(c.URIs) != 1 || len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses) > 0 {
		return "", errors.New("authn: certificate has not exactly one name, a URI")
	}
	id, err := directory.ParseSystemURI(c.URIs[0].String())
	if err != nil {
		return "", err
	}
	if id.Domain != a.cfg.Domain {
		return "", errors.New("authn: certificate is of another trust domain")
	}
	return id.String(), nil
}

// unknown is the one answer to every certificate that is nobody's.
func unknown(cause string) error {
	return gateway.Refuse(gateway.CodeUnknownSystem, "the client certificate is not that of a registered system", errors.New(cause))
}

// Official is who asks: a registered system's word that one official, in one
// role, asks for one thing. The zero value is nobody.
type Official struct {
	peer   Peer
	access envelope.Access
	raw    string
}

// IsZero reports whether nobody filled o.
func (o Official) IsZero() bool { return o.peer.IsZero() }

// Peer returns the system that the official uses.
func (o Official) Peer() Peer { return o.peer }

// Access returns what is asked, verified. It must not be changed.
func (o Official) Access() envelope.Access { return o.access }

// Request returns the access request as signed: its digest stands in the
// entry, and its text is what the discloser of a request gets to see.
func (o Official) Request() string { return o.raw }

// Access opens the access request in raw, which came over p's connection. The
// errors are *gateway.Refusal. The caller uses the request's identifier up.
func (a *Authenticator) Access(p Peer, raw string, now time.Time) (Official, error) {
	if p.IsZero() {
		return Official{}, ErrZero
	}
	d := a.cfg.Directory()
	access, err := envelope.OpenAccess(raw, d, now)
	if err != nil {
		return Official{}, err
	}
	header, err := envelope.PeekJWT(raw)
	if err != nil {
		return Official{}, err
	}
	switch {
	case access.Gateway != a.cfg.Gateway:
		return Official{}, gateway.Refuse(gateway.CodeGateway, "the access request is for another gateway", nil)
	case access.Certificate != p.certificate:
		return Official{}, gateway.Refuse(gateway.CodeWrongCertificate, "the access request is bound to another certificate", nil)
	case access.Agency != p.Agency():
		return Official{}, gateway.Refuse(gateway.CodeIssuer, "the access request is another agency's", nil)
	case !p.May(access.Role):
		return Official{}, gateway.Refuse(gateway.CodeRoleNotAllowed, "the system may not act in that role", nil)
	case !d.MayAct(header.KeyID, access.Role):
		return Official{}, gateway.Refuse(gateway.CodeRoleNotAllowed, "the access key may not act in that role", nil)
	}
	return Official{p, access, raw}, nil
}
