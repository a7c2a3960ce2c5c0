package ingress_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway"
	"sluss/gateway/ingress"
)

// counting is an endless body that knows how much of it was taken.
type counting struct {
	left  int64 // -1 is endless
	taken atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n := len(p)
	if c.left > 0 {
		n = int(min(int64(n), c.left))
		c.left -= int64(n)
	}
	for i := range p[:n] {
		p[i] = 'A'
	}
	c.taken.Add(int64(n))
	return n, nil
}

// TestLargeBodies sends a hundred megabytes, announced and not: refused as too
// large, and not read on.
func TestLargeBodies(t *testing.T) {
	const size = 100 << 20
	for _, tt := range []struct {
		name   string
		length int64 // as announced; -1 is chunked in HTTP/1.1
		left   int64
	}{{"announced", size, size}, {"chunked", -1, size}, {"endless", -1, -1}} {
		for _, h2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/h2=%v", tt.name, h2), func(t *testing.T) {
				e := newEdge(t, &parties{}, ingress.Limits{}, h2)
				r := e.request(t, "postMessage")
				body := &counting{left: tt.left}
				r.Body, r.ContentLength, r.GetBody = io.NopCloser(body), tt.length, nil
				resp, got := e.do(t, r)
				checkProblem(t, resp, got, gateway.CodeTooLarge)
				// The limit, what lies in buffers on the way, and no more.
				if taken := body.taken.Load(); taken > 20<<20 {
					t.Errorf("%d bytes of the body were taken", taken)
				}
			})
		}
	}
}

// TestAnnouncedTooLarge wants a body refused by its announced length alone.
func TestAnnouncedTooLarge(t *testing.T) {
	body := &counting{left: -1}
	r := mustRequest(t, "postMessage")
	r.Body, r.ContentLength = io.NopCloser(body), 1<<20+1
	w := serve(newServer(t, config(&parties{})), r)
	checkProblem(t, w.Result(), w.Body.Bytes(), gateway.CodeTooLarge)
	if taken := body.taken.Load(); taken != 0 {
		t.Errorf("%d bytes of the body were taken", taken)
	}
}

// TestSlowBody wants a body that does not arrive refused in time, on an
// endpoint that reads it and on one that does not.
func TestSlowBody(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		e := newEdge(t, &parties{}, ingress.Limits{Read: 50 * time.Millisecond}, h2)
		for endpoint, want := range map[string]gateway.Code{"postMessage": gateway.CodeTimeout, "poll": gateway.CodeTimeout} {
			r := e.request(t, endpoint)
			pr, pw := io.Pipe()
			defer pw.Close()
			go pw.Write([]byte("{"))
			r.Body, r.ContentLength, r.GetBody = pr, 100, nil
			resp, body := e.do(t, r)
			checkProblem(t, resp, body, want)
		}
	}
}

// TestSlowUnreadBody wants the connection of a body that nobody asked for to
// end too, however slowly that body comes.
func TestSlowUnreadBody(t *testing.T) {
	e := newEdge(t, &parties{peer: gateway.Refuse(gateway.CodeUnknownSystem, "no", nil)}, ingress.Limits{Read: 50 * time.Millisecond}, false)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(e.url, "https://"), &tls.Config{InsecureSkipVerify: true}) // a test server's certificate
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/sd-jwt\r\nContent-Length: 100\r\n\r\nabc")
	all, err := io.ReadAll(conn) // ends only when the server ends the connection
	if err != nil || !bytes.Contains(all, []byte(gateway.CodeUnknownSystem)) {
		t.Errorf("got %q, %v", all, err)
	}
}

// TestShortBody wants a body that ends early refused: what came is not used.
func TestShortBody(t *testing.T) {
	e := newEdge(t, &parties{}, ingress.Limits{}, false)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(e.url, "https://"), &tls.Config{InsecureSkipVerify: true}) // a test server's certificate
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/sd-jwt\r\nContent-Length: 100\r\n\r\nabc")
	conn.CloseWrite()
	all, _ := io.ReadAll(conn)
	if !bytes.Contains(all, []byte(gateway.CodeMalformedRequest)) {
		t.Errorf("got %q", all)
	}
}

// TestLargeHeader wants header fields over the limit refused before any
// endpoint. That answer is net/http's own.
func TestLargeHeader(t *testing.T) {
	srv := run(t, &parties{}, nil)
	for _, h2 := range []bool{false, true} {
		srv.client.Transport.(*http.Transport).ForceAttemptHTTP2 = h2
		r, err := newRequest(srv.api, "getMessage")
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Large", strings.Repeat("A", 64<<10))
		resp, err := srv.client.Do(r)
		srv.client.CloseIdleConnections()
		if err != nil {
			continue // HTTP/2 may end the connection instead
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("h2=%v: %d", h2, resp.StatusCode)
		}
	}
	if strings.Contains(srv.log.String(), "request answered") {
		t.Error("a request reached an endpoint")
	}
}

// TestWithoutCertificate wants nobody let in over a connection that is not TLS.
func TestWithoutCertificate(t *testing.T) {
	s := newServer(t, config(&parties{}))
	for _, rt := range ingress.Table() {
		r, err := newRequest("https://gateway.example", rt.Name)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.Agency().ServeHTTP(w, r)
		open := strings.HasPrefix(rt.Path, "/log/") || strings.HasSuffix(rt.Path, ".json")
		if open != (w.Code == http.StatusOK) || !open && w.Code != http.StatusForbidden {
			t.Errorf("%s: %d %s", rt.Name, w.Code, w.Body)
		}
	}
}

// serve answers one request without a network, as from a TLS connection.
func serve(s *ingress.Server, r *http.Request) *httptest.ResponseRecorder {
	r.TLS = &tls.ConnectionState{}
	r.RemoteAddr = "192.0.2.1:1000"
	w := httptest.NewRecorder()
	s.Agency().ServeHTTP(w, r)
	return w
}

func mustRequest(t *testing.T, endpoint string) *http.Request {
	t.Helper()
	r, err := newRequest("https://gateway.example", endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestNoRecordLooksAlike wants the answer about a person who is unknown, a
// message that does not exist and a message of somebody else to be the same
// bytes, at the same tick, whatever time each took to find out.
func TestNoRecordLooksAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tick = 100 * time.Millisecond
		var first string
		for i, tt := range []struct {
			refusal *gateway.Refusal
			took    time.Duration
		}{
			{gateway.Refuse(gateway.CodeNoRecord, "policy said so", nil), 70 * time.Millisecond},
			{gateway.Refuse(gateway.CodeNotFound, "no such message", nil), 0},
			{gateway.Refuse(gateway.CodeNotFound, "message of another agency", errors.New("CANARY")), 99 * time.Millisecond},
			{gateway.Refuse(gateway.CodeNoRecord, "", nil), time.Millisecond},
		} {
			for _, endpoint := range []string{"getMessage", "getDisclosures", "postRequest"} {
				cfg := config(&parties{result: tt.refusal, takes: tt.took})
				cfg.Limits.Tick = tick
				start := time.Now()
				w := serve(newServer(t, cfg), mustRequest(t, endpoint))
				if took := time.Since(start); took != tick {
					t.Errorf("case %d, %s: answered after %v, want %v", i, endpoint, took, tick)
				}
				all := fmt.Sprint(w.Code, w.Header(), w.Body)
				if first == "" {
					first = all
				}
				if all != first || w.Code != http.StatusNotFound {
					t.Errorf("case %d, %s:\n%s\nfirst:\n%s", i, endpoint, all, first)
				}
			}
		}
	})
}

// TestPollWaits wants a poll that has nothing to hand out to end with an empty
// answer after the time that the caller prefers, within the limits.
func TestPollWaits(t *testing.T) {
	block := func(ctx context.Context) error { <-ctx.Done(); return nil }
	for _, tt := range []struct {
		name, prefer, body string
		want               time.Duration
	}{
		{"default", "", `{"role":"a.b"}`, 25 * time.Second},
		{"shorter", "wait=3", `{"role":"a.b"}`, 3 * time.Second},
		{"longer", "respond-async, Wait=40", `{"role":"a.b"}`, 40 * time.Second},
		{"over the limit", "wait=600", `{"role":"a.b"}`, 55 * time.Second},
		{"nonsense", "wait=soon", `{"role":"a.b"}`, 25 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, config(&parties{poll: block}))
			r := mustRequest(t, "poll")
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(tt.body)), int64(len(tt.body))
			if tt.prefer != "" {
				r.Header.Set("Prefer", tt.prefer)
			}
			start := time.Now()
			w := serve(s, r)
			if got := time.Since(start); got != tt.want || w.Code != http.StatusOK || w.Body.String() != `{"sets":{}}` {
				t.Errorf("%s: %d %s after %v, want an empty answer after %v", tt.name, w.Code, w.Body, got, tt.want)
			}
		})
	}
}

// TestPollAsks wants what the caller asked to reach the exchange, with the
// defaults filled in.
func TestPollAsks(t *testing.T) {
	x := &parties{}
	s := newServer(t, config(x))
	body := `{"role":"police.investigator","ack":["a","b"],"setErrs":{"c":{"err":"invalid_key","description":"d"}},"received":{"a":"t"},"returnImmediately":true}`
	r := mustRequest(t, "poll")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	if w := serve(s, r); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	q := x.polled
	if q.Role != "police.investigator" || fmt.Sprint(q.Ack) != "[a b]" || q.SetErrs["c"].Err != "invalid_key" ||
		q.Received["a"] != "t" || !q.ReturnImmediately || q.MaxEvents == nil || *q.MaxEvents != 50 {
		t.Errorf("got %+v", q)
	}
}

// TestExchangeTakesTooLong wants an exchange that does not come to an end to be
// given up as unavailable, not as an internal error.
func TestExchangeTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, config(&parties{poll: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}))
		w := serve(s, mustRequest(t, "postMessage"))
		checkProblem(t, w.Result(), w.Body.Bytes(), gateway.CodeUnavailable)
	})
}

// TestHangUp wants a caller that hangs up to end its exchange and to be
// counted as gone.
func TestHangUp(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		ended := make(chan struct{})
		ctx, hangUp := context.WithCancel(t.Context())
		e := newEdge(t, &parties{poll: func(ctx context.Context) error {
			hangUp()
			<-ctx.Done()
			close(ended)
			return ctx.Err()
		}}, ingress.Limits{}, h2)
		if resp, err := e.client.Do(e.request(t, "poll").WithContext(ctx)); err == nil {
			t.Errorf("answered %d", resp.StatusCode)
		}
		<-ended
	}
}

// TestRequestsLeaveOnTheTick wants the answer to a request for information to
// leave after the same time, whatever was done for it.
func TestRequestsLeaveOnTheTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, took := range []time.Duration{0, time.Millisecond, 80 * time.Millisecond} {
			cfg := config(&parties{takes: took})
			cfg.Limits.Tick = 100 * time.Millisecond
			start := time.Now()
			w := serve(newServer(t, cfg), mustRequest(t, "postRequest"))
			if got := time.Since(start); got != cfg.Limits.Tick || w.Code != http.StatusAccepted {
				t.Errorf("%d after %v, want %v", w.Code, got, cfg.Limits.Tick)
			}
		}
	})
}
