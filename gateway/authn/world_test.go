package authn_test

import (
	"cmp"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"sluss/certs"
	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
	"sluss/gateway/keys"
)

const (
	gatewayID = gateway.ID("urn:sluss:gateway:test")
	local     = gateway.Role("police.exit_coordinator_local")
	regional  = gateway.Role("police.exit_coordinator_regional") // the system has it, the access key has not
	grants    = gateway.Role("police.grants_officer")            // the access key has it, the system has not
	security  = gateway.Role("police.personal_security_officer")
)

var exit = directory.SystemURI{Domain: "sluss.test", Agency: "police", Name: "exit"}

// world is a gateway's edge with a PKI and a directory, over real sockets.
// Certificates are judged by the machine's clock, so now is the real time.
type world struct {
	now       time.Time
	systems   *certs.Authority
	gateways  *certs.Authority
	anchors   *x509.CertPool
	directory *directory.Directory
	auth      *authn.Authenticator
	server    *httptest.Server
	peers     chan tls.ConnectionState

	access, message, control, stranger *envelope.Signer
	registrars                         []*envelope.Signer
	police, others                     []envelope.Statement // of the police by control, of sis by stranger
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := keys.NewEC()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newSigner(t *testing.T) *envelope.Signer {
	t.Helper()
	s, err := envelope.NewSigner(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) days(from, to int) certs.Validity {
	return certs.Validity{From: w.now.AddDate(0, 0, from), To: w.now.AddDate(0, 0, to)}
}

// authorities makes a root with its two authorities.
func (w *world) authorities(t *testing.T) (systems, gateways *certs.Authority) {
	t.Helper()
	root, err := certs.NewRoot("root", newKey(t), w.days(-300, 300))
	if err != nil {
		t.Fatal(err)
	}
	if systems, err = root.Systems("systems", exit.Domain, newKey(t), w.days(-300, 300)); err != nil {
		t.Fatal(err)
	}
	if gateways, err = root.Gateways("gateways", newKey(t), w.days(-300, 300)); err != nil {
		t.Fatal(err)
	}
	return systems, gateways
}

func newWorld(t *testing.T) *world {
	w := &world{now: time.Now(), peers: make(chan tls.ConnectionState, 1)}
	w.systems, w.gateways = w.authorities(t)
	w.anchors = x509.NewCertPool()
	w.anchors.AddCert(w.systems.Certificate)
	w.access, w.message, w.control, w.stranger = newSigner(t), newSigner(t), newSigner(t), newSigner(t)
	w.registrars = []*envelope.Signer{newSigner(t), newSigner(t)}
	w.state(envelope.Statement{Key: &envelope.KeyItem{Use: envelope.UseControl, Key: w.control.Public()}})
	w.state(envelope.Statement{Key: &envelope.KeyItem{Use: envelope.UseAccess, Key: w.access.Public(), Roles: []gateway.Role{local, grants}}})
	w.state(envelope.Statement{Key: &envelope.KeyItem{Use: envelope.UseMessage, Key: w.message.Public(), Roles: []gateway.Role{local}}})
	w.state(envelope.Statement{System: &envelope.SystemItem{URI: exit.String(), Roles: []gateway.Role{local, regional}}})
	w.publish(t)

	key := newKey(t)
	c, err := w.gateways.Server([]string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}, key.Public(), w.days(-1, 1))
	if err != nil {
		t.Fatal(err)
	}
	pair := &tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
	w.auth, err = authn.New(authn.Config{
		Gateway: gatewayID, Domain: exit.Domain,
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair, nil },
		Authorities: func() *x509.CertPool { return w.anchors },
		Directory:   func() *directory.Directory { return w.directory },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(t)
	return w
}

// serve answers every request with 204 and passes on what the connection is.
func (w *world) serve(t *testing.T) {
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.peers <- *r.TLS
		rw.WriteHeader(http.StatusNoContent)
	}))
	w.server.Config.ErrorLog = quiet()
	w.server.TLS = w.auth.TLS()
	w.server.EnableHTTP2 = true
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
}

// state files a statement of the police.
func (w *world) state(st envelope.Statement) { w.police = append(w.police, st) }

// publish makes the directory of the statements as they are now, with what is
// left open filled in.
func (w *world) publish(t *testing.T) {
	t.Helper()
	var entries []directory.Entry
	add := func(list []envelope.Statement, agency gateway.AgencyID, control *envelope.Signer) {
		for _, st := range list {
			st.Issuer, st.Seq, st.Status = agency.URN(), max(st.Seq, 1), cmp.Or(st.Status, envelope.Active)
			st.IssuedAt, st.NotBefore, st.Since = w.now.Add(-time.Hour), w.now.AddDate(0, 0, -1), w.now.Add(-time.Minute)
			st.Expires = w.now.AddDate(0, 0, 30)
			e, err := directory.State(st, control, w.registrars...)
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, e)
		}
	}
	add(w.police, "police", w.control)
	add(w.others, "sis", w.stranger)
	d, _, err := directory.Parse(directory.Encode(entries), []envelope.PublicKey{w.registrars[0].Public(), w.registrars[1].Public()}, nil, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.directory = d
}

// revoke changes the statement about the system.
func (w *world) revoke(t *testing.T, status envelope.Status) {
	w.police[3].Seq, w.police[3].Status = w.police[3].Seq+1, status
	w.publish(t)
}

// client returns a certificate for exit with its key; edit changes how it is
// made.
func (w *world) client(t *testing.T, edit func(c *card)) *tls.Certificate {
	t.Helper()
	c := card{authority: w.systems, id: exit, valid: w.days(-1, 30)}
	if edit != nil {
		edit(&c)
	}
	key := newKey(t)
	leaf, err := c.authority.System(c.id, key.Public(), c.valid)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

type card struct {
	authority *certs.Authority
	id        directory.SystemURI
	valid     certs.Validity
}

// connect makes one request and returns the server's view of the connection.
func (w *world) connect(client *tls.Certificate, edit func(*tls.Config)) (tls.ConnectionState, error) {
	roots := x509.NewCertPool()
	roots.AddCert(w.gateways.Certificate)
	cfg := &tls.Config{RootCAs: roots}
	if client != nil {
		// Sent even when the server did not ask for its issuer.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return client, nil }
	}
	if edit != nil {
		edit(cfg)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}, Timeout: 10 * time.Second}
	defer c.CloseIdleConnections()
	resp, err := c.Get(w.server.URL)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	select {
	case state := <-w.peers:
		return state, nil
	default:
		return tls.ConnectionState{}, errors.New("answered without a request")
	}
}

func (w *world) peer(t *testing.T, client *tls.Certificate) authn.Peer {
	t.Helper()
	state, err := w.connect(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.auth.Peer(state, w.now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// code returns the code of a refusal, or "" for any other error.
func code(err error) gateway.Code {
	if r, ok := errors.AsType[*gateway.Refusal](err); ok {
		return r.Code
	}
	return ""
}
