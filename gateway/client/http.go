package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"

	"sluss/gateway"
)

// Media types of the API.
const (
	messageMedia = "application/sd-jwt"
	requestMedia = "application/jwt"
	jsonMedia    = "application/json"
)

// Limits on requests.
const (
	maxAnswer  = 64 << 20
	maxBackoff = time.Minute
	// maxWait is the longest Retry-After that is waited for; a longer one is
	// the caller's to plan with.
	maxWait = 2 * time.Minute
	// patience is how long an answer may take besides what a poll waits.
	patience = 30 * time.Second
)

// call is one request of the API, however often it is sent.
type call struct {
	method, path string
	media        string // of the body
	want         int    // status
	wait         time.Duration
	// body returns what to send; it is asked before each attempt, so that a
	// request that may be used once can be signed anew.
	body func() (body []byte, header map[string]string, err error)
	// once says that a request without an answer may not be sent again.
	once bool
}

// sending is the body of a call that stays the same.
func sending(body []byte) func() ([]byte, map[string]string, error) {
	return func() ([]byte, map[string]string, error) { return body, nil, nil }
}

// do sends a call until it is answered, at most cfg.Attempts times, and returns
// the body of the answer. Between attempts it waits; the end of ctx ends it.
func (c *Client) do(ctx context.Context, q call) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		raw, err := c.try(ctx, q)
		if err == nil {
			return raw, nil
		}
		wait, again := c.again(q, err, attempt)
		if !again || attempt >= c.cfg.Attempts {
			return nil, err
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, errors.Join(err, context.Cause(ctx))
		}
	}
}

// again says whether a failed attempt is to be repeated, and when: not before
// the gateway asked for, and spread out, so that all the agencies' systems do
// not come back at once.
func (c *Client) again(q call, err error, attempt int) (time.Duration, bool) {
	most := min(maxBackoff, c.cfg.Backoff<<min(attempt-1, 16))
	wait := rand.N(most) + 1
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.RetryAfter + wait, p.passing() && p.RetryAfter <= maxWait
	}
	return wait, errors.Is(err, ErrNoAnswer) && (!q.once || notSent(err))
}

// notSent reports whether the connection was never made.
func notSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// try makes one attempt.
func (c *Client) try(ctx context.Context, q call) ([]byte, error) {
	body, header, err := q.body()
	if err != nil {
		return nil, err
	}
	attempt, cancel := context.WithTimeout(ctx, q.wait+patience)
	defer cancel()
	r, err := http.NewRequestWithContext(attempt, q.method, c.cfg.URL+q.path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	if q.media != "" {
		r.Header.Set("Content-Type", q.media)
	}
	r.Header.Set("Accept", jsonMedia+", application/problem+json")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer, err := c.http.RoundTrip(r)
	if err != nil {
		return nil, c.unanswered(ctx, q, err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, c.unanswered(ctx, q, err)
	case answer.StatusCode != q.want:
		return nil, problem(answer, raw, c.cfg.Now())
	case len(raw) > maxAnswer || mediaType(answer) != jsonMedia:
		return nil, fmt.Errorf("%w: size or media type", ErrAnswer)
	}
	return raw, nil
}

// unanswered is the error of a request that may or may not have arrived.
func (c *Client) unanswered(ctx context.Context, q call, err error) error {
	if q.once && !notSent(err) {
		err = fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", q.method, q.path, errors.Join(context.Cause(ctx), err))
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%s %s: %w", q.method, q.path, err) // it will not be another one in a second
	}
	return fmt.Errorf("%s %s: %w: %w", q.method, q.path, ErrNoAnswer, err)
}

func mediaType(r *http.Response) string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

// decode reads one JSON object of the API. Members that are not known are
// passed over: the API may grow, and what matters in it is signed.
func decode[T any](raw []byte) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&v); err != nil {
		return v, ErrAnswer // the cause may quote what it read
	}
	if _, err := d.Token(); err != io.EOF {
		return v, ErrAnswer
	}
	return v, nil
}

// tripper is HTTPS with the system's certificate. A connection is used for as
// long as the certificate that it was made with is the current one: access
// requests are bound to it (RFC 8705).
type tripper struct {
	certificate func() *tls.Certificate
	config      *tls.Config

	mu    sync.Mutex
	with  *tls.Certificate
	https *http.Transport
}

// oneAtATime is HTTP/1.1: a system has few requests open at once, and each of them
// costs both ends a fifth to a third less than on a shared connection of HTTP/2.
var oneAtATime = func() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	return p
}()

func newTripper(cfg Config) *tripper {
	return &tripper{certificate: cfg.Certificate, config: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: cfg.Authorities}}
}

// RoundTrip implements http.RoundTripper. It follows no redirect.
func (t *tripper) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.current().RoundTrip(r)
}

func (t *tripper) current() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	cert := t.certificate()
	if t.https != nil && cert == t.with {
		return t.https
	}
	if t.https != nil {
		t.https.CloseIdleConnections()
	}
	config := t.config.Clone()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	t.with = cert
	t.https = &http.Transport{
		TLSClientConfig: config, Protocols: oneAtATime, TLSHandshakeTimeout: 10 * time.Second,
		DialContext:     (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 64,
	}
	return t.https
}

// thumbprint is the digest of the certificate that requests are bound to.
func (c *Client) thumbprint() (gateway.Digest, error) {
	cert := c.cfg.Certificate()
	if cert == nil || len(cert.Certificate) == 0 {
		return gateway.Digest{}, fmt.Errorf("%w: there is no certificate", ErrConfig)
	}
	return gateway.DigestOf(cert.Certificate[0]), nil
}
