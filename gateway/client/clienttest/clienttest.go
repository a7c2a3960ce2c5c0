// Package clienttest is a gateway for tests of the SDK and of programs that use
// it: one process, no store, no policy. It tells the truth until a test gives it
// a lie to tell ([Lies]), so that a test can show what a client does not believe.
//
// It takes in what conforms to the catalogue, releases every field that the
// sender's kind may hold, and keeps a log with entries, tree and checkpoints of
// the real form. Nothing in it is durable, and it must never serve an agency.
package clienttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/client"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
	"sluss/gateway/snapshot"
	"sluss/policies"
)

// ID is the identity of the gateway, Origin the name of its log.
const (
	ID     gateway.ID = "urn:sluss:gateway:test"
	Origin            = "test.sluss/log"
	engine            = "v1.22.2"
	day               = 24 * time.Hour
)

// Gateway is the gateway, its agencies, registrars and officers.
type Gateway struct {
	Lies Lies
	// Cosigners are the witnesses of the log that it publishes.
	Cosigners []note.Signer

	t          testing.TB
	server     *httptest.Server
	registrars []*envelope.Signer
	officers   []*envelope.Signer
	control    *envelope.Signer
	release    *envelope.Signer
	agencies   map[gateway.AgencyID]*Agency
	log        log

	mu         sync.Mutex
	statements []Statement
	current    *directory.Directory
	bundle     snapshot.Bundle
	cat        *catalogue.Catalogue
	boxes      map[box][]*mail
	messages   map[gateway.MessageID]*stored
	heard      []Heard
}

// Agency is an agency with one system and a key for each use.
type Agency struct {
	ID      gateway.AgencyID
	Roles   []gateway.Role
	Keys    map[envelope.Use]*ecdsa.PrivateKey
	control *envelope.Signer
	cert    *tls.Certificate
	certKey *ecdsa.PrivateKey
}

// Statement is a directory statement as it stands in the directory.
type Statement struct {
	Statement         string   `json:"statement"`
	Countersignatures []string `json:"countersignatures"`
}

// New starts a gateway that runs the built-in policies and knows the given
// agencies; it ends with the test.
func New(t testing.TB, agencies map[gateway.AgencyID][]gateway.Role) *Gateway {
	t.Helper()
	g := &Gateway{
		t: t, agencies: map[gateway.AgencyID]*Agency{}, boxes: map[box][]*mail{}, messages: map[gateway.MessageID]*stored{},
		registrars: []*envelope.Signer{signer(t), signer(t)}, officers: []*envelope.Signer{signer(t), signer(t)},
		control: signer(t), release: signer(t),
	}
	g.log.start(t)
	g.state(string(ID), g.control, envelope.KeyItem{Use: envelope.UseControl, Key: g.control.Public()})
	g.state(string(ID), g.control, envelope.KeyItem{Use: envelope.UseRelease, Key: g.release.Public()})
	for id, roles := range agencies {
		g.join(id, roles)
	}
	g.Publish()
	s, err := snapshot.Read(policies.FS, engine)
	check(t, err)
	g.Approve(s, 1)
	g.server = httptest.NewUnstartedServer(g.routes())
	g.server.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert}
	g.server.EnableHTTP2 = true
	g.server.StartTLS()
	t.Cleanup(g.server.Close)
	return g
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return key
}

func signerOf(t testing.TB, key *ecdsa.PrivateKey) *envelope.Signer {
	t.Helper()
	s, err := envelope.NewSigner(key)
	check(t, err)
	return s
}

func signer(t testing.TB) *envelope.Signer { return signerOf(t, newKey(t)) }

// state makes a statement about a key, signed and countersigned.
func (g *Gateway) state(iss string, control *envelope.Signer, item envelope.KeyItem) {
	g.statements = append(g.statements, g.State(control, envelope.Statement{Issuer: iss, Seq: 1, Status: envelope.Active, Key: &item}))
}

// State signs and countersigns any statement; times that are not set are filled
// in.
func (g *Gateway) State(control *envelope.Signer, st envelope.Statement) Statement {
	g.t.Helper()
	now := time.Now().Truncate(time.Second)
	if st.IssuedAt.IsZero() {
		st.IssuedAt = now.Add(-time.Minute)
	}
	if st.NotBefore.IsZero() {
		st.NotBefore, st.Expires = now.Add(-2*day), now.Add(365*day)
	}
	if st.Since.IsZero() {
		st.Since = st.NotBefore
	}
	raw, err := envelope.SignStatement(st, control)
	check(g.t, err)
	s := Statement{Statement: raw}
	for _, r := range g.registrars {
		c, err := envelope.SignCountersignature(envelope.Countersignature{Digest: gateway.DigestOf([]byte(raw)), IssuedAt: now}, r)
		check(g.t, err)
		s.Countersignatures = append(s.Countersignatures, c)
	}
	return s
}

// Join makes another agency, or an alias, which is one of its own to everybody
// but its owner.
func (g *Gateway) Join(id gateway.AgencyID, roles []gateway.Role) {
	g.join(id, roles)
	g.Publish()
}

// join makes an agency and its statements. Its control key is its own signer.
func (g *Gateway) join(id gateway.AgencyID, roles []gateway.Role) {
	a := &Agency{ID: id, Roles: roles, Keys: map[envelope.Use]*ecdsa.PrivateKey{}, control: signer(g.t)}
	g.agencies[id] = a
	g.state(id.URN(), a.control, envelope.KeyItem{Use: envelope.UseControl, Key: a.control.Public()})
	for _, use := range []envelope.Use{envelope.UseMessage, envelope.UseAccess, envelope.UseSeal} {
		a.Keys[use] = newKey(g.t)
		g.state(id.URN(), a.control, envelope.KeyItem{Use: use, Key: signerOf(g.t, a.Keys[use]).Public(), Roles: roles})
	}
	a.certKey = newKey(g.t)
	uri := directory.SystemURI{Domain: "sluss.test", Agency: id, Name: "sdk"}
	a.cert = certificate(g.t, a.certKey, uri.String())
}

// certificate is a self-signed certificate; the gateway of the tests trusts
// any.
func certificate(t testing.TB, key *ecdsa.PrivateKey, uri string) *tls.Certificate {
	t.Helper()
	u, err := url.Parse(uri)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, URIs: []*url.URL{u},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(day), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Publish makes the statements there are the current directory.
func (g *Gateway) Publish() {
	g.t.Helper()
	d, _, err := directory.Parse(encode(g.t, map[string]any{"statements": g.statements}), publics(g.registrars), nil, time.Now())
	check(g.t, err)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.current = d
}

// Statements returns the statements there are, to be changed and published.
func (g *Gateway) Statements() *[]Statement { return &g.statements }

// AddKey registers another key of an agency and returns its private half.
func (g *Gateway) AddKey(id gateway.AgencyID, use envelope.Use, roles ...gateway.Role) *ecdsa.PrivateKey {
	g.t.Helper()
	key := newKey(g.t)
	g.state(id.URN(), g.agencies[id].control, envelope.KeyItem{Use: use, Key: signerOf(g.t, key).Public(), Roles: roles})
	g.Publish()
	return key
}

// Control returns the control key of an agency.
func (g *Gateway) Control(id gateway.AgencyID) *envelope.Signer { return g.agencies[id].control }

// Approve has both officers approve a snapshot under a sequence number; it is
// then the active one.
func (g *Gateway) Approve(s snapshot.Snapshot, seq int64) {
	g.t.Helper()
	cat, err := catalogue.Load(s)
	check(g.t, err)
	b := snapshot.Pack(s, g.Approvals(s, seq), "data", "message_types")
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bundle, g.cat = b, cat
}

// Approvals returns what both officers sign about a snapshot.
func (g *Gateway) Approvals(s snapshot.Snapshot, seq int64) []string {
	g.t.Helper()
	now := time.Now().Truncate(time.Second)
	a := envelope.Approval{Gateway: ID, Snapshot: s.Digest(), Seq: seq, NotBefore: now.Add(-time.Hour), Expires: now.Add(30 * day)}
	var list []string
	for _, o := range g.officers {
		raw, err := envelope.SignApproval(a, o)
		check(g.t, err)
		list = append(list, raw)
	}
	return list
}

// Config returns the configuration of an agency's client, with a state
// directory of its own.
func (g *Gateway) Config(id gateway.AgencyID) client.Config {
	g.t.Helper()
	a := g.agencies[id]
	verifier, err := note.NewVerifier(g.log.vkey)
	check(g.t, err)
	cfg := client.Config{
		URL: g.server.URL, Gateway: ID, Agency: id, Certificate: func() *tls.Certificate { return a.cert }, Authorities: x509.NewCertPool(),
		Registrars: publics(g.registrars), Officers: publics(g.officers), Log: verifier, State: g.t.TempDir(),
		Backoff: time.Millisecond,
	}
	cfg.Authorities.AddCert(g.server.Certificate())
	for use, key := range a.Keys {
		cfg.Keys = append(cfg.Keys, client.Key{Use: use, Key: key})
	}
	return cfg
}

func publics(signers []*envelope.Signer) []envelope.PublicKey {
	var list []envelope.PublicKey
	for _, s := range signers {
		list = append(list, s.Public())
	}
	return list
}
