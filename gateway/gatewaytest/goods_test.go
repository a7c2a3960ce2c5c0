package gatewaytest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"sluss/certs"
	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
	"sluss/gateway/keys"
)

// goods are the good requests that rows start from.
var goods = []struct {
	name string
	make func(*request)
}{
	{"message", message}, {"statement", statement}, {"read", read}, {"ask", ask}, {"poll", poll}, {"directory", fetch},
}

// message is a threat assessment of the police's for the municipality.
func message(r *request) {
	r.Helper()
	raw, err := r.s.cast.Assessment(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	r.carry(string(raw))
}

// sequence numbers the statements of the tests.
var sequence atomic.Int64

func init() { sequence.Store(1000) }

// statement is one of the police's about the threat to the person.
func statement(r *request) { r.state(sequence.Add(1), map[gateway.Field]any{"elevated_threat": false}) }

func (r *request) state(seq int64, values map[gateway.Field]any) {
	r.Helper()
	raw, err := r.s.cast.Statement(r.Context(), seq, values)
	if err != nil {
		r.Fatal(err)
	}
	r.carry(string(raw))
}

// carry makes the request one that hands in a message of the police's.
func (r *request) carry(raw string) {
	r.path, r.media = "/v1/messages", "application/sd-jwt"
	r.token, r.key = takeApart(r, raw), r.s.key(r, policeExit, envelope.UseMessage)
}

// read is a social worker's reading of a message.
func read(r *request) { r.readOf(firstMessage(r)) }

// readOf reads the message with an id.
func (r *request) readOf(id gateway.MessageID) {
	r.Helper()
	a := access(r)
	a.Message = id
	r.method, r.path, r.inHeader = http.MethodGet, "/v1/messages/"+string(a.Message), true
	r.access(a)
}

// ask is a social worker's request to the police.
func ask(r *request) {
	a := access(r)
	a.Discloser = "police"
	r.path, r.media = "/v1/requests", "application/jwt"
	r.access(a)
}

// firstMessage sends a message that can be read.
func firstMessage(r *request) gateway.MessageID {
	r.Helper()
	raw, err := r.s.cast.Assessment(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	sent, err := r.s.cast.Police().Send(r.Context(), raw)
	if err != nil {
		r.Fatal(err)
	}
	return sent.ID
}

// access is what a social worker asks for.
func access(r *request) envelope.Access {
	r.Helper()
	r.by, r.tls = townExit, r.s.tls(r, townExit)
	o := r.s.cast.Official()
	return envelope.Access{
		Gateway: "urn:sluss:gateway:dev", Certificate: thumbprint(r.tls), ID: newID(r), IssuedAt: time.Now().Truncate(time.Second),
		Agency: townExit.agency, Role: o.Role, User: o.User, Unit: o.Unit, Purpose: o.Purpose, Type: o.Type, Subject: o.Subject,
		Fields: o.Fields, BasisClaimed: o.BasisClaimed, Reason: o.Reason,
	}
}

func newID(t testing.TB) gateway.MessageID {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return gateway.MessageID(id.URN())
}

func thumbprint(c *tls.Config) gateway.Digest {
	return gateway.DigestOf(c.Certificates[0].Certificate[0])
}

// access makes the request carry a signed access request.
func (r *request) access(a envelope.Access) {
	r.Helper()
	r.key = r.s.key(r, townExit, envelope.UseAccess)
	signer, err := envelope.NewSigner(r.key)
	if err != nil {
		r.Fatal(err)
	}
	raw, err := envelope.SignAccess(a, signer)
	if err != nil {
		r.Fatal(err)
	}
	r.token = takeApart(r, raw)
}

// poll is the municipality's for its social workers.
func poll(r *request) {
	r.by, r.tls = townExit, r.s.tls(r, townExit)
	r.path, r.media = "/v1/poll", "application/json"
	r.body = `{"role":"municipality.exit_team_lead","maxEvents":1,"returnImmediately":true}`
}

// fetch is the police's reading of the directory.
func fetch(r *request) { r.method, r.path = http.MethodGet, "/v1/directory" }

// authority opens one of a world's authorities.
func authority(t testing.TB, dir, name string) *certs.Authority {
	t.Helper()
	chain, err := keys.ReadCertificates(filepath.Join(dir, "ca", name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := certs.Open(chain[0], authorityKey(t, dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func authorityKey(t testing.TB, dir, name string) *ecdsa.PrivateKey {
	t.Helper()
	key, err := keys.LoadEC("file:" + filepath.Join(dir, "ca", name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// presents makes the request come with a certificate that issue makes.
func presents(issue func(r *request, key *ecdsa.PrivateKey) (*x509.Certificate, *x509.Certificate, error)) func(*request) {
	return func(r *request) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			r.Fatal(err)
		}
		c, issuer, err := issue(r, key)
		if err != nil {
			r.Fatal(err)
		}
		r.tls.Certificates = []tls.Certificate{{Certificate: [][]byte{c.Raw, issuer.Raw}, PrivateKey: key}}
	}
}

// system issues a certificate for a system's name in a time, by the world's
// authority of systems.
func system(uri directory.SystemURI, from, to time.Duration) func(r *request, key *ecdsa.PrivateKey) (*x509.Certificate, *x509.Certificate, error) {
	return func(r *request, key *ecdsa.PrivateKey) (*x509.Certificate, *x509.Certificate, error) {
		a := authority(r, r.s.Dir, "systems")
		c, err := a.System(uri, key.Public(), certs.Validity{From: time.Now().Add(from), To: time.Now().Add(to)})
		return c, a.Certificate, err
	}
}

func policeSystem(name string) directory.SystemURI {
	return directory.SystemURI{Domain: "sluss.test", Agency: "police", Name: name}
}
