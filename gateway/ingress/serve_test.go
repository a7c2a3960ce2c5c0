package ingress_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluss/gateway"
	"sluss/gateway/ingress"
)

// running is a server that runs, with its operations endpoints.
type running struct {
	api, ops string
	client   *http.Client
	stop     context.CancelFunc
	ended    chan error
	log      *lockedBuffer
}

// run starts a server over x on loopback listeners.
func run(t *testing.T, x *parties, change func(*ingress.Config)) *running {
	t.Helper()
	authority := httptest.NewTLSServer(nil) // for its certificate
	authority.Close()
	r := &running{client: authority.Client(), ended: make(chan error, 1), log: &lockedBuffer{}}
	cfg := config(x)
	cfg.Agencies, cfg.Operations = listen(t), listen(t)
	cfg.Log = slog.New(slog.NewTextHandler(r.log, nil))
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.VerifyClientCertIfGiven, SessionTicketsDisabled: true,
		Certificates: authority.TLS.Certificates}
	if change != nil {
		change(&cfg)
	}
	r.client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	r.api, r.ops = "https://"+cfg.Agencies.Addr().String(), "http://"+cfg.Operations.Addr().String()
	s := newServer(t, cfg)
	if reg, ok := cfg.Gatherer.(*prometheus.Registry); ok {
		reg.MustRegister(s.Metrics()...)
	}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	go func() { r.ended <- s.Run(ctx) }()
	t.Cleanup(func() { r.stop(); authority.Close() })
	return r
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (r *running) get(url string) (int, string) {
	resp, err := r.client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// TestDrain stops a server with a poll open: readyz turns red first, then the
// poll ends with an empty answer, and only then Run returns.
func TestDrain(t *testing.T) {
	polling := make(chan struct{})
	var r *running
	var atEnd []string
	x := &parties{poll: func(ctx context.Context) error {
		close(polling)
		<-ctx.Done()
		status, body := r.get(r.ops + "/readyz")
		atEnd = append(atEnd, fmt.Sprint(status, " ", body))
		return nil
	}}
	// A poll that nobody ends would outlast the drain.
	r = run(t, x, func(c *ingress.Config) {
		c.Limits.Poll, c.Limits.MaxPoll, c.Limits.Drain = time.Hour, time.Hour, 10*time.Second
	})
	if status, body := r.get(r.ops + "/readyz"); status != http.StatusOK {
		t.Fatalf("readyz before: %d %s", status, body)
	}
	answers := make(chan string, 1)
	go func() {
		req, _ := newRequest(r.api, "poll")
		req.Body, req.ContentLength, req.GetBody = io.NopCloser(strings.NewReader(`{"role":"a.b"}`)), 14, nil
		resp, err := r.client.Do(req)
		if err != nil {
			answers <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		answers <- fmt.Sprint(resp.StatusCode, " ", string(b))
	}()
	<-polling
	r.stop()
	if got := <-answers; got != `200 {"sets":{}}` {
		t.Errorf("poll: %s", got)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if len(atEnd) != 1 || atEnd[0] != "503 draining\n" {
		t.Errorf("readyz when the poll ended: %q", atEnd)
	}
	if status, _ := r.get(r.api + "/log/checkpoint"); status != 0 {
		t.Errorf("still answers after Run: %d", status)
	}
}

// TestDrainFinishes wants what is under way when the server is stopped carried
// to its end and answered.
func TestDrainFinishes(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	x := &parties{poll: func(ctx context.Context) error {
		close(started)
		<-finish
		return ctx.Err()
	}}
	r := run(t, x, nil)
	answers := make(chan int, 1)
	go func() {
		req, _ := newRequest(r.api, "postMessage")
		resp, err := r.client.Do(req)
		if err != nil {
			answers <- 0
			return
		}
		resp.Body.Close()
		answers <- resp.StatusCode
	}()
	<-started
	r.stop()
	for { // until the drain has begun
		if status, _ := r.get(r.ops + "/readyz"); status != http.StatusOK {
			break
		}
	}
	close(finish)
	if got := <-answers; got != http.StatusAccepted {
		t.Errorf("message under way: %d", got)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestDrainBeforeTurn stops a server while a poll waits for its turn: nobody has
// looked whether something waits for it, so that it is told to come again, at once,
// and does not get an empty answer.
func TestDrainBeforeTurn(t *testing.T) {
	working, finish := make(chan struct{}), make(chan struct{})
	x := &parties{poll: func(context.Context) error {
		working <- struct{}{}
		<-finish
		return nil
	}}
	reg := prometheus.NewRegistry()
	r := run(t, x, func(c *ingress.Config) {
		c.Gatherer = reg
		c.Limits.Working, c.Limits.Wait = 2, time.Minute // one place for an agency, as there must be one for another
	})
	waiting := func(n int) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			_, metrics := r.get(r.ops + "/metrics")
			if strings.Contains(metrics, fmt.Sprintf("ingress_line_waiting %d\n", n)) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("not %d in the line:\n%s", n, metrics)
			}
		}
	}
	type answer struct {
		resp *http.Response
		body []byte
		err  error
	}
	ask := func(endpoint string) chan answer {
		req, _ := newRequest(r.api, endpoint)
		if endpoint == "poll" {
			req.Body, req.ContentLength, req.GetBody = io.NopCloser(strings.NewReader(`{"role":"a.b"}`)), 14, nil
		}
		answers := make(chan answer, 1)
		go func() {
			resp, err := r.client.Do(req)
			if err != nil {
				answers <- answer{err: err}
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			answers <- answer{resp, body, err}
		}()
		return answers
	}
	// A poll needs two turns, to be read and to be answered. The second message
	// gets into the line between the two.
	first := ask("postMessage")
	<-working
	polled := ask("poll")
	waiting(1)
	second := ask("postMessage")
	waiting(2)
	finish <- struct{}{}
	<-working
	waiting(1)
	r.stop()
	select {
	case got := <-polled:
		if got.err != nil {
			t.Fatal(got.err)
		}
		checkProblem(t, got.resp, got.body, gateway.CodeUnavailable) // with Retry-After
	case <-time.After(10 * time.Second):
		t.Error("the poll is not answered while another works")
	}
	finish <- struct{}{}
	for _, message := range []chan answer{first, second} {
		if got := <-message; got.err != nil || got.resp.StatusCode != http.StatusAccepted {
			t.Errorf("a message under way: %+v", got)
		}
	}
	if err := <-r.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestListenerFails wants Run to end with the error of a listener that does.
func TestListenerFails(t *testing.T) {
	var agencies net.Listener
	r := run(t, &parties{}, func(c *ingress.Config) { agencies = c.Agencies })
	if status, body := r.get(r.ops + "/livez"); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	agencies.Close()
	if err := <-r.ended; err == nil {
		t.Error("Run returned no error")
	}
}

// TestConnectionErrors wants handshakes that fail counted, and nobody's address
// in the log.
func TestConnectionErrors(t *testing.T) {
	reg := prometheus.NewRegistry()
	r := run(t, &parties{}, func(c *ingress.Config) { c.Gatherer = reg })
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.api, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "\x16\x03\x01\x00\x05CANARY")
	io.ReadAll(conn) // until the server has ended the connection
	conn.Close()
	if _, metrics := r.get(r.ops + "/metrics"); !strings.Contains(metrics, "ingress_connection_errors_total 1\n") {
		t.Errorf("not counted:\n%s", metrics)
	}
	if strings.Contains(r.log.String(), "127.0.0.1") || strings.Contains(r.log.String(), "CANARY") {
		t.Errorf("log says who or what:\n%s", r.log)
	}
}

// TestOperations wants each operations endpoint to say what is, and no page in
// a browser to be able to reload.
func TestOperations(t *testing.T) {
	reg := prometheus.NewRegistry()
	var notReady error
	reloaded := 0
	cfg := config(&parties{})
	cfg.Gatherer = reg
	cfg.Ready = func(context.Context) error { return notReady }
	cfg.Reload = func(context.Context) error { reloaded++; return nil }
	s := newServer(t, cfg)
	reg.MustRegister(s.Metrics()...)
	serve(s, mustRequest(t, "postMessage"))
	serve(s, mustRequest(t, "getTile"))
	r := mustRequest(t, "poll")
	r.Header.Set("Content-Type", "text/CANARY")
	serve(s, r)

	ask := func(method, path string, change func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://127.0.0.1"+path, nil)
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		s.Operations().ServeHTTP(w, r)
		return w
	}
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/livez", 200}, {"GET", "/readyz", 200}, {"GET", "/metrics", 200}, {"POST", "/reload", 200},
		{"GET", "/reload", 405}, {"POST", "/livez", 405}, {"GET", "/v1/snapshot", 404},
	} {
		if w := ask(tt.method, tt.path, nil); w.Code != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, w.Code, tt.want)
		}
	}
	cross := ask("POST", "/reload", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	if cross.Code != http.StatusForbidden || reloaded != 1 {
		t.Errorf("reload from a page: %d, reloaded %d times", cross.Code, reloaded)
	}
	notReady = errors.New("CANARY")
	if w := ask("GET", "/readyz", nil); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "CANARY") {
		t.Errorf("not ready: %d %s", w.Code, w.Body)
	}
	metrics := ask("GET", "/metrics", nil).Body.String()
	for _, line := range []string{
		`ingress_requests_total{code="ok",endpoint="postMessage"} 1`,
		`ingress_requests_total{code="unsupported-media",endpoint="poll"} 1`,
		`ingress_request_duration_seconds_count{endpoint="getTile"} 1`,
		`ingress_polls_waiting 0`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("metrics lack %s:\n%s", line, metrics)
		}
	}
	if strings.Contains(metrics, "CANARY") {
		t.Error("metrics hold a value of a request")
	}
}

// TestReloadFails wants the error of a reload in the log only.
func TestReloadFails(t *testing.T) {
	var log bytes.Buffer
	cfg := config(&parties{})
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	cfg.Reload = func(context.Context) error { return errors.New("the reason") }
	w := httptest.NewRecorder()
	newServer(t, cfg).Operations().ServeHTTP(w, httptest.NewRequest("POST", "http://127.0.0.1/reload", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "reason") || !strings.Contains(log.String(), "the reason") {
		t.Errorf("%d %s, log %s", w.Code, w.Body, log.String())
	}
}

// TestConfig spoils one thing per row in a good configuration.
func TestConfig(t *testing.T) {
	good := func() ingress.Config {
		c := config(&parties{})
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, SessionTicketsDisabled: true}
		c.Operations = listen(t)
		return c
	}
	if _, err := ingress.New(good()); err != nil {
		t.Fatal(err)
	}
	unix := good()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "ops"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	unix.Operations = l
	if _, err := ingress.New(unix); err != nil {
		t.Errorf("unix socket: %v", err)
	}
	for name, spoil := range map[string]func(*ingress.Config){
		"no peers":             func(c *ingress.Config) { c.Peers = nil },
		"no exchange":          func(c *ingress.Config) { c.Exchange = nil },
		"no tree":              func(c *ingress.Config) { c.Tree = nil },
		"nothing published":    func(c *ingress.Config) { c.Published = nil },
		"TLS 1.2":              func(c *ingress.Config) { c.TLS.MinVersion = tls.VersionTLS12 },
		"TLS version not said": func(c *ingress.Config) { c.TLS.MinVersion = 0 },
		"any certificate":      func(c *ingress.Config) { c.TLS.ClientAuth = tls.RequireAnyClientCert },
		"no certificate asked": func(c *ingress.Config) { c.TLS.ClientAuth = tls.NoClientCert },
		"tickets":              func(c *ingress.Config) { c.TLS.SessionTicketsDisabled = false },
		"verification off":     func(c *ingress.Config) { c.TLS.InsecureSkipVerify = true },
		"operations for all":   func(c *ingress.Config) { c.Operations = everywhere{} },
		"negative limit":       func(c *ingress.Config) { c.Limits.Read = -1 },
		"poll over its limit":  func(c *ingress.Config) { c.Limits.MaxPoll = 1 },
		"events over limit":    func(c *ingress.Config) { c.Limits.Events = 300 },
	} {
		c := good()
		spoil(&c)
		if _, err := ingress.New(c); !errors.Is(err, ingress.ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
	s, err := ingress.New(good())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, ingress.ErrConfig) {
		t.Errorf("Run without a listener for agencies: %v, want ErrConfig", err)
	}
}

// everywhere is a listener on every address of the machine.
type everywhere struct{ net.Listener }

func (everywhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 1} }
