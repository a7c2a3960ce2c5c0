package exchange_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sluss/certs/dev"
	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/client"
	"sluss/gateway/directory"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/exchange"
	"sluss/gateway/facts"
	"sluss/gateway/keys"
	"sluss/gateway/policy"
	"sluss/gateway/receipt"
	"sluss/gateway/relay"
	"sluss/gateway/snapshot"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
	"sluss/gateway/store/storetest"
	"sluss/policies"
)

const (
	town   gateway.AgencyID = "municipality:0180"
	police gateway.AgencyID = "police"

	socialWorker gateway.Role = "municipality.social_worker"
	coordinator  gateway.Role = "police.exit_coordinator_regional"
	bodyguard    gateway.Role = "police.personal_security_officer"
)

// world is the files of a development world, made once: what is in it does not
// change, each bench copies what it writes to.
var world = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sluss-exchange-")
	if err != nil {
		return "", err
	}
	snap, err := snapshot.Read(policies.FS, policy.Engine())
	if err == nil {
		_, err = dev.Make(dev.Config{Dir: dir, Snapshot: snap})
	}
	return dir, err
})

// law is the policy, compiled once.
var law = sync.OnceValues(func() (exchange.Law, error) {
	snap, err := snapshot.Read(policies.FS, policy.Engine())
	if err != nil {
		return exchange.Law{}, err
	}
	return exchange.ReadLaw(context.Background(), snap)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := world(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// bench is an exchange with all that belongs to it, and a store that can fail.
type bench struct {
	*facts.Register
	t     testing.TB
	dir   string // of the world
	own   string // where the database and the at-rest keys lie
	x     *exchange.Exchange
	store *storetest.Faulty
	log   *disclosure.Log
	peers *authn.Authenticator
	mu    sync.Mutex
	skew  time.Duration
	// between is called once, after facts were established and before what was
	// decided on them is committed.
	between func()
	// asked is called each time that the exchange asks for the time.
	asked func()
}

// Of implements [exchange.Facts].
func (b *bench) Of(ctx context.Context, q facts.Question, now time.Time) (facts.Known, error) {
	known, err := b.Register.Of(ctx, q, now)
	b.mu.Lock()
	between := b.between
	b.between = nil
	b.mu.Unlock()
	if between != nil {
		between()
	}
	return known, err
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Add(b.skew)
}

// clock is now for the exchange alone.
func (b *bench) clock() time.Time {
	b.mu.Lock()
	asked := b.asked
	b.mu.Unlock()
	if asked != nil {
		asked()
	}
	return b.now()
}

// pass lets time pass.
func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.skew += d
}

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, dir: must(t, first(world()), nil)}
	state := t.TempDir()
	b.own = state
	db := must(t, first(sqlite.Open(t.Context(), sqlite.Config{Dir: filepath.Join(state, "data"), Reserve: -1})), nil)
	t.Cleanup(func() { db.Close() })
	b.store = &storetest.Faulty{Store: db}
	quiet := slog.New(slog.DiscardHandler)
	checkpoint, err := keys.LoadEd25519("file:" + b.file("gateway/checkpoint.key"))
	if err != nil {
		t.Fatal(err)
	}
	b.log, err = disclosure.New(disclosure.Config{Store: b.store, Key: checkpoint, Origin: "dev.sluss/log", Anchor: filepath.Join(state, "anchor"), Now: b.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { b.log.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done })
	kek, err := keys.LoadKEK("file:" + b.file("gateway/kek"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.OpenRing(filepath.Join(state, "ring"), kek)
	if err != nil {
		t.Fatal(err)
	}
	b.wire(ring, quiet)
	return b
}

// first drops the error of a pair after failing on it.
func first[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (b *bench) file(name string) string { return filepath.Join(b.dir, filepath.FromSlash(name)) }

// wire builds what stands on store and log, as cmd/gateway does.
func (b *bench) wire(ring *keys.Ring, quiet *slog.Logger) {
	t := b.t
	t.Helper()
	signer := must(t, first(envelope.NewSigner(first(keys.LoadEC("file:"+b.file("gateway/release.key"))))), nil)
	const id gateway.ID = "urn:sluss:gateway:dev"
	var err error
	b.Register, err = facts.New(facts.Config{Store: b.store, Ring: ring, Tables: func() *facts.Tables { return b.x.Tables() },
		Aliases: func() facts.Aliases { return b.x.Aliases() }})
	if err != nil {
		t.Fatal(err)
	}
	mail, err := relay.New(relay.Config{Gateway: id, Store: b.store, Log: b.log, Sealer: ring, Signer: signer, Logger: quiet, Now: b.now,
		Keys: func() envelope.Keys { return b.x.Registry() }})
	if err != nil {
		t.Fatal(err)
	}
	binder := first(receipt.New(signer))
	b.x, err = exchange.New(exchange.Config{Gateway: id, Facts: b, Log: b.log, Store: failing{b.store, b.store.Store.(*sqlite.Store), b.store.Store.(*sqlite.Store)}, AtRest: ring,
		Mail: mail, Binder: binder, Logger: quiet, Now: b.clock})
	if err != nil {
		t.Fatal(err)
	}
	var pins dev.Pins
	if err := json.Unmarshal(first(os.ReadFile(b.file("gateway/pins.json"))), &pins); err != nil {
		t.Fatal(err)
	}
	raw := first(os.ReadFile(b.file("directory.json")))
	d, changes, err := directory.Parse(raw, pins.Registrars, nil, time.Now())
	if err == nil {
		err = b.x.Register(t.Context(), d, raw, changes)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.enact(pins.Officers, id)
	b.peers, err = authn.New(authn.Config{Gateway: id, Domain: "sluss.test",
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("no listener here") },
		Authorities: func() *x509.CertPool { return nil }, Directory: func() *directory.Directory { return d }})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) enact(officers []envelope.PublicKey, id gateway.ID) {
	b.t.Helper()
	raw := first(os.ReadFile(b.file("snapshot.json")))
	bundle, err := snapshot.ParseBundle(raw)
	if err != nil {
		b.t.Fatal(err)
	}
	approved, err := snapshot.Verify(bundle.Approvals, officers, id, time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	active := first(approved.Activate(snapshot.Active{}))
	law, err := law()
	if err == nil {
		err = b.x.Enact(b.t.Context(), law, raw, bundle.Approvals, active, approved)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// member is one system of an agency: its SDK client and itself as a peer.
type member struct {
	*client.Client
	b    *bench
	peer authn.Peer
}

// member connects a system to the exchange without a socket: its client's
// requests are carried to the methods that the HTTPS edge would call.
func (b *bench) member(agency gateway.AgencyID, system string) *member {
	b.t.Helper()
	folder := b.file("agencies/" + dev.Folder(agency) + "/" + system)
	cfg, err := client.Load(filepath.Join(folder, "client.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cfg.Certificate().Certificate[0])
	if err != nil {
		b.t.Fatal(err)
	}
	m := &member{b: b}
	chain := []*x509.Certificate{leaf}
	m.peer, err = b.peers.Peer(tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, PeerCertificates: chain, VerifiedChains: [][]*x509.Certificate{chain}}, time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	cfg.State, cfg.Transport, cfg.Attempts, cfg.Now = b.t.TempDir(), m, 1, b.now
	if m.Client, err = client.New(cfg); err != nil {
		b.t.Fatal(err)
	}
	if err := m.Refresh(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return m
}

// RoundTrip implements http.RoundTripper.
func (m *member) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	answer, err := m.call(r, body)
	status := http.StatusOK
	header := http.Header{"Content-Type": {"application/json"}}
	if refusal, ok := errors.AsType[*gateway.Refusal](err); ok {
		status, answer = http.StatusForbidden, map[string]any{"code": refusal.Code, "status": 403, "type": "urn:sluss:problem:" + refusal.Code, "title": "x"}
		header.Set("Content-Type", "application/problem+json")
	} else if err != nil {
		status, answer = http.StatusInternalServerError, map[string]any{"code": "internal", "status": 500}
		header.Set("Content-Type", "application/problem+json")
	} else if r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/poll") {
		status = http.StatusAccepted
	}
	raw, isRaw := answer.([]byte)
	if !isRaw {
		raw, err = json.Marshal(answer)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(raw)), Request: r, Proto: "HTTP/2.0", ProtoMajor: 2}, err
}

func (m *member) call(r *http.Request, body []byte) (any, error) {
	ctx := r.Context()
	path, id := r.URL.Path, gateway.MessageID("")
	if rest, ok := strings.CutPrefix(path, "/v1/messages/"); ok {
		name, tail, _ := strings.Cut(rest, "/")
		path, id = "/v1/messages/{jti}/"+tail, gateway.MessageID(name)
	}
	official := func(raw string) authn.Official { return first(m.b.peers.Access(m.peer, raw, m.b.now())) }
	switch r.Method + " " + path {
	case "GET /v1/directory":
		return m.b.x.Directory(ctx, m.peer)
	case "GET /v1/snapshot":
		return m.b.x.Snapshot(ctx)
	case "POST /v1/messages":
		return m.b.x.Submit(ctx, m.peer, body)
	case "POST /v1/poll":
		var q exchange.PollRequest
		if err := json.Unmarshal(body, &q); err != nil {
			return nil, err
		}
		return m.b.x.Poll(ctx, m.peer, q)
	case "GET /v1/messages/{jti}/":
		return m.b.x.Message(ctx, official(r.Header.Get("Access-Request")), id)
	case "GET /v1/messages/{jti}/disclosures":
		return m.b.x.Disclosures(ctx, m.peer, id)
	case "POST /v1/requests":
		return m.b.x.Request(ctx, official(string(body)))
	}
	return nil, errors.New("no such path: " + path)
}

// kinds counts the entries of each kind.
func (b *bench) kinds() map[disclosure.Kind]int {
	b.t.Helper()
	out := map[disclosure.Kind]int{}
	for from := uint64(0); ; {
		entries := first(b.store.Store.Entries(b.t.Context(), from, 512))
		for _, e := range entries {
			out[disclosure.Kind(e.Kind)]++
		}
		if len(entries) == 0 {
			return out
		}
		from += uint64(len(entries))
	}
}

// holds checks the whole store against the log.
func (b *bench) holds() {
	b.t.Helper()
	var pins dev.Pins
	if err := json.Unmarshal(first(os.ReadFile(b.file("gateway/pins.json"))), &pins); err != nil {
		b.t.Fatal(err)
	}
	found, err := disclosure.Fsck(b.t.Context(), b.store.Store.(*sqlite.Store), disclosure.FsckOptions{Policy: disclosure.Policy{Log: first(note.NewVerifier(pins.Log))}})
	if err != nil || len(found) > 0 {
		b.t.Errorf("fsck found %q, %v", found, err)
	}
}

// failing is a store that can fail, with what retention and auditors ask of one.
type failing struct {
	*storetest.Faulty
	store.Forgetter
	store.Searcher
}
