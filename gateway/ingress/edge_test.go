package ingress_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/ingress"
)

const (
	jti      = "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057"
	jwt      = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
	message  = jwt + "~WyJDQU5BUlkiLCJuIiwxXQ~"
	release  = message + jwt
	delivery = "Zx0Vv3bq0m1x7H2m5q9s1A"
	pollBody = `{"role":"municipality.social_worker","returnImmediately":true}`
)

// parties is everything behind the edge: what each answers, and what it was
// asked.
type parties struct {
	peer, again, access, result error // what the calls of that kind fail with
	poll                        func(context.Context) error
	panics                      any
	kept                        bool          // nothing of a message has left
	takes                       time.Duration // what an official asks

	mu      sync.Mutex
	refused []gateway.Code
	polled  exchange.PollRequest
}

func (x *parties) Peer(tls.ConnectionState, time.Time) (authn.Peer, error) {
	return authn.Peer{}, x.peer
}
func (x *parties) Again(p authn.Peer, _ time.Time) (authn.Peer, error) { return p, x.again }
func (x *parties) Access(authn.Peer, string, time.Time) (authn.Official, error) {
	return authn.Official{}, x.access
}

func (x *parties) Submit(ctx context.Context, _ authn.Peer, raw []byte) (exchange.Accepted, error) {
	if x.panics != nil {
		panic(x.panics)
	}
	if x.poll != nil {
		return exchange.Accepted{}, x.poll(ctx)
	}
	return exchange.Accepted{ID: jti, Entry: 1, E1: []byte(`{"salt":""}`), Leaf: make([]byte, 64), Proof: "proof"}, x.result
}

func (x *parties) Poll(ctx context.Context, _ authn.Peer, q exchange.PollRequest) (exchange.PollAnswer, error) {
	x.mu.Lock()
	x.polled = q
	x.mu.Unlock()
	if x.poll != nil {
		if err := x.poll(ctx); err != nil || ctx.Err() != nil {
			return exchange.PollAnswer{}, err // as the exchange answers the end of a wait
		}
	}
	return exchange.PollAnswer{
		Sets:     map[string]string{jti: jwt},
		Messages: map[string]exchange.Handed{delivery: {Delivery: delivery, Token: release, E1: []byte("{}"), Proof: "proof"}},
	}, x.result
}

func (x *parties) Message(context.Context, authn.Official, gateway.MessageID) (exchange.Handed, error) {
	time.Sleep(x.takes)
	return exchange.Handed{Delivery: delivery, Token: release, E1: []byte("{}"), Proof: "proof"}, x.result
}

func (x *parties) Request(context.Context, authn.Official) (exchange.Requested, error) {
	time.Sleep(x.takes)
	return exchange.Requested{ID: jti, Entry: 2, E1: []byte("{}"), Leaf: make([]byte, 64), Proof: "proof"}, x.result
}

func (x *parties) Disclosures(context.Context, authn.Peer, gateway.MessageID) ([]exchange.Disclosure, error) {
	time.Sleep(x.takes)
	if x.kept {
		return nil, nil
	}
	return []exchange.Disclosure{{Entry: 3, E1: []byte("{}"), Leaf: make([]byte, 64), Proof: "proof"}}, x.result
}

func (x *parties) Refused(_ context.Context, _ authn.Peer, r *gateway.Refusal) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.refused = append(x.refused, r.Code)
}

func (x *parties) entries() []gateway.Code {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]gateway.Code{}, x.refused...)
}

func (x *parties) Resource(_ context.Context, path string) (disclosure.Resource, error) {
	switch {
	case x.result != nil:
		return disclosure.Resource{}, x.result
	case path == "checkpoint":
		return disclosure.Resource{Body: []byte("demo.sluss/log\n1\nroot\n\n— sig\n"), Type: "text/plain; charset=utf-8"}, nil
	case path == "tile/0/000":
		return disclosure.Resource{Body: make([]byte, 32), Type: "application/octet-stream", Immutable: true}, nil
	}
	return disclosure.Resource{}, disclosure.ErrNotYet
}

func (x *parties) Directory(context.Context, authn.Peer) ([]byte, error) {
	return []byte(`{"statements":[{"statement":"` + jwt + `","countersignatures":["` + jwt + `"]}]}`), x.result
}

func (x *parties) Snapshot(context.Context) ([]byte, error) {
	return []byte(`{"manifest":"m","approvals":[],"files":{"data/roles.json":"{}"}}`), x.result
}

// edge is a gateway's edge with a client.
type edge struct {
	*parties
	server *ingress.Server
	url    string
	client *http.Client
	log    *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// config is a good configuration over x.
func config(x *parties) ingress.Config {
	return ingress.Config{Peers: x, Exchange: x, Tree: x, Published: x, Limits: ingress.Limits{Tick: time.Millisecond}}
}

func newServer(t *testing.T, cfg ingress.Config) *ingress.Server {
	t.Helper()
	s, err := ingress.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newEdge serves over TLS, with HTTP/2 when h2 is set.
func newEdge(t *testing.T, x *parties, limits ingress.Limits, h2 bool) *edge {
	t.Helper()
	e := &edge{parties: x, log: &lockedBuffer{}}
	cfg := config(x)
	if limits.Tick == 0 {
		limits.Tick = time.Millisecond
	}
	cfg.Limits = limits
	cfg.Log = slog.New(slog.NewTextHandler(e.log, nil))
	e.server = newServer(t, cfg)
	srv := httptest.NewUnstartedServer(e.server.Agency())
	srv.EnableHTTP2 = h2
	srv.Config.MaxHeaderBytes = 32 << 10
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	e.url, e.client = srv.URL, srv.Client()
	return e
}

// request is a good request for the endpoint of that name.
func (e *edge) request(t *testing.T, endpoint string) *http.Request {
	t.Helper()
	r, err := newRequest(e.url, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newRequest(base, endpoint string) (*http.Request, error) {
	post := func(path, media, body string) (*http.Request, error) {
		r, err := http.NewRequest(http.MethodPost, base+path, strings.NewReader(body))
		if err == nil {
			r.Header.Set("Content-Type", media)
		}
		return r, err
	}
	get := func(path string) (*http.Request, error) { return http.NewRequest(http.MethodGet, base+path, nil) }
	switch endpoint {
	case "postMessage":
		return post("/v1/messages", "application/sd-jwt", message)
	case "poll":
		return post("/v1/poll", "application/json", pollBody)
	case "getMessage":
		r, err := get("/v1/messages/" + jti)
		if err == nil {
			r.Header.Set("Access-Request", jwt)
		}
		return r, err
	case "postRequest":
		return post("/v1/requests", "application/jwt", jwt)
	case "getDisclosures":
		return get("/v1/messages/" + jti + "/disclosures")
	case "getDirectory":
		return get("/v1/directory")
	case "getSnapshot":
		return get("/v1/snapshot")
	case "getOpenAPI":
		return get("/v1/openapi.json")
	case "getAsyncAPI":
		return get("/v1/asyncapi.json")
	case "getCheckpoint":
		return get("/log/checkpoint")
	case "getTile":
		return get("/log/tile/0/000")
	}
	return nil, errors.New("no endpoint " + endpoint)
}

// do sends r and reads the answer, which must be one that the document
// describes.
func (e *edge) do(t *testing.T, r *http.Request) (*http.Response, []byte) {
	t.Helper()
	resp, err := e.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := described(r, resp, body); err != nil {
		t.Errorf("%s %s: answer is not as described: %v", r.Method, r.URL.Path, err)
	}
	for _, field := range []string{"X-Content-Type-Options", "Strict-Transport-Security", "Content-Security-Policy", "Cache-Control"} {
		if resp.Header.Get(field) == "" {
			t.Errorf("%s %s: no %s", r.Method, r.URL.Path, field)
		}
	}
	return resp, body
}
