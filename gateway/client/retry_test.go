package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
)

// script is a transport that answers by the script, one line per attempt, and
// after its end with the last line. It keeps what was sent.
type script struct {
	lines []func(*http.Request) (*http.Response, error)
	sent  []string
	at    []time.Time
}

// RoundTrip implements http.RoundTripper.
func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.sent, s.at = append(s.sent, string(body)+r.Header.Get("Access-Request")), append(s.at, time.Now())
	return s.lines[min(len(s.sent), len(s.lines))-1](r)
}

func says(status int, media, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {media}}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func refuses(status int, code gateway.Code, header ...string) func(*http.Request) (*http.Response, error) {
	return says(status, "application/problem+json", `{"code":"`+string(code)+`","status":`+strconv.Itoa(status)+`,"detail":"why"}`, header...)
}

func breaks(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

var (
	reset  = breaks(&net.OpError{Op: "read", Err: errors.New("connection reset")})
	refuse = breaks(&net.OpError{Op: "dial", Err: errors.New("connection refused")})
	busy   = refuses(http.StatusServiceUnavailable, gateway.CodeUnavailable, "Retry-After", "7")
)

// recorder keeps the body of the last answer.
type recorder struct {
	next http.RoundTripper
	last []byte
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	r.last, err = io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(bytes.NewReader(r.last))
	return answer, err
}

// offline returns a configuration whose client has all that it needs to send
// token, and the gateway's answer to it.
func offline(t testing.TB) (cfg client.Config, token []byte, receipt string) {
	t.Helper()
	g := newGateway(t)
	cfg = g.Config(police)
	rec := &recorder{next: client.NewTripper(cfg)}
	cfg.Transport = rec
	c := newClient(t, cfg)
	token, err := c.Seal(t.Context(), draft(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	cfg.Now = func() time.Time { return now } // the bubbles have their own time
	cfg.Backoff, cfg.Attempts = time.Second, 5
	return cfg, token, string(rec.last)
}

// TestRetry sends a message over a network and to a gateway that fail in
// different ways. Every attempt carries the same bytes.
func TestRetry(t *testing.T) {
	cfg, token, receipt := offline(t)
	taken := says(http.StatusAccepted, "application/json", receipt)
	tests := []struct {
		name     string
		lines    []func(*http.Request) (*http.Response, error)
		attempts int
		least    time.Duration // that it takes
		most     time.Duration
		want     error // nil: it succeeds
		status   int   // of the problem, if it fails with one
	}{
		{name: "at once", lines: list(taken), attempts: 1},
		{name: "connection lost twice", lines: list(reset, reset, taken), attempts: 3, most: 3 * time.Second},
		{name: "no connection", lines: list(refuse, taken), attempts: 2, most: time.Second},
		{name: "busy", lines: list(busy, busy, taken), attempts: 3, least: 14 * time.Second, most: 17 * time.Second},
		{name: "too many requests", lines: list(refuses(429, gateway.CodeTooMany, "Retry-After", "1"), taken), attempts: 2, least: time.Second, most: 2 * time.Second},
		{name: "bad gateway of a proxy", lines: list(says(502, "text/html", "<p>"), taken), attempts: 2, most: time.Second},
		{name: "lost for good", lines: list(reset), attempts: 5, most: 15 * time.Second, want: client.ErrNoAnswer},
		{name: "busy for good", lines: list(busy), attempts: 5, least: 28 * time.Second, most: 43 * time.Second, status: 503},
		{name: "busy for an hour", lines: list(refuses(503, gateway.CodeUnavailable, "Retry-After", "3600")), attempts: 1, status: 503},
		{name: "quota", lines: list(refuses(429, gateway.CodeQuota, "Retry-After", "1")), attempts: 1, status: 429},
		{name: "refused", lines: list(refuses(403, gateway.CodeRoute)), attempts: 1, status: 403},
		{name: "internal error", lines: list(refuses(500, gateway.CodeInternal)), attempts: 1, status: 500},
		{name: "not JSON", lines: list(says(202, "text/html", "<p>CANARY")), attempts: 1, want: client.ErrAnswer},
		{name: "text after the JSON", lines: list(says(202, "application/json", receipt+"x")), attempts: 1, want: client.ErrAnswer},
		{name: "redirect", lines: list(says(307, "text/html", "", "Location", "https://evil.test/")), attempts: 1, status: 307},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{lines: tt.lines}
				cfg := cfg
				cfg.Transport = s
				start := time.Now()
				_, err := newClient(t, cfg).Send(t.Context(), token)
				p, _ := errors.AsType[*client.Problem](err)
				if (tt.want == nil && tt.status == 0) != (err == nil) || !errors.Is(err, tt.want) && tt.want != nil || p != nil && p.Status != tt.status || tt.status != 0 && p == nil {
					t.Errorf("got error %v, want %v or status %d", err, tt.want, tt.status)
				}
				if len(s.sent) != tt.attempts {
					t.Errorf("got %d attempts, want %d", len(s.sent), tt.attempts)
				}
				for _, sent := range s.sent {
					if sent != string(token) {
						t.Error("an attempt carried other bytes")
					}
				}
				if took := time.Since(start); took < tt.least || took > tt.most {
					t.Errorf("it took %v, want %v to %v", took, tt.least, tt.most)
				}
			})
		})
	}
}

func list[T any](lines ...T) []T { return lines }

// TestRetryEnds ends the wait between two attempts with the context.
func TestRetryEnds(t *testing.T) {
	cfg, token, _ := offline(t)
	synctest.Test(t, func(t *testing.T) {
		s := &script{lines: list(busy)}
		cfg.Transport = s
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := newClient(t, cfg).Send(ctx, token)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second || len(s.sent) != 1 {
			t.Errorf("got %v after %v and %d attempts; want the deadline after 3s and one attempt", err, time.Since(start), len(s.sent))
		}
	})
}

// TestOnce holds what must not happen twice to one attempt, unless it is
// certain that nothing arrived; a read is signed anew for each attempt,
// because a request is used up by the first.
func TestOnce(t *testing.T) {
	cfg, _, _ := offline(t)
	id := gateway.MessageID("urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057")
	o := official()
	o.Role = officer
	request := func(ctx context.Context, c *client.Client) error {
		_, err := c.Request(ctx, social, o)
		return err
	}
	read := func(ctx context.Context, c *client.Client) error {
		_, err := c.Read(ctx, id, o)
		return err
	}
	denied := refuses(403, gateway.CodeDenied)
	tests := []struct {
		name     string
		do       func(context.Context, *client.Client) error
		lines    []func(*http.Request) (*http.Response, error)
		attempts int
		fresh    bool // each attempt is signed anew
		want     error
	}{
		{"request, connection lost", request, list(reset, denied), 1, false, client.ErrRequest},
		{"request, no connection", request, list(refuse, denied), 2, false, nil},
		{"request, busy", request, list(busy, denied), 2, false, nil},
		{"read, connection lost", read, list(reset, denied), 2, true, nil},
		{"read, busy", read, list(busy, denied), 2, true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{lines: tt.lines}
				cfg := cfg
				cfg.Transport = s
				err := tt.do(t.Context(), newClient(t, cfg)) // a context of the bubble
				p, _ := errors.AsType[*client.Problem](err)
				if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && (p == nil || p.Code != gateway.CodeDenied) {
					t.Errorf("got %v, want %v or the refusal", err, tt.want)
				}
				if len(s.sent) != tt.attempts {
					t.Fatalf("got %d attempts, want %d", len(s.sent), tt.attempts)
				}
				if len(s.sent) > 1 && (s.sent[0] != s.sent[1]) != tt.fresh {
					t.Errorf("attempts differ: %v, want %v", s.sent[0] != s.sent[1], tt.fresh)
				}
			})
		})
	}
}

// TestProblem reads problem documents, and what a proxy may put in their place.
func TestProblem(t *testing.T) {
	cfg, token, _ := offline(t)
	tests := []struct {
		name string
		line func(*http.Request) (*http.Response, error)
		want string
	}{
		{"problem", refuses(403, gateway.CodeRoute), "client: gateway answered 403 no-route: why"},
		{"without detail", says(404, "application/problem+json", `{"code":"no-record"}`), "client: gateway answered 404 no-record"},
		{"page of a proxy", says(403, "text/html", "<p>CANARY</p>"), "client: gateway answered 403"},
		{"line feed in the words", says(403, "application/problem+json", `{"code":"denied","detail":"a\nb"}`), "client: gateway answered 403 denied: a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := cfg
			cfg.Transport = &script{lines: list(tt.line)}
			if _, err := newClient(t, cfg).Send(t.Context(), token); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
