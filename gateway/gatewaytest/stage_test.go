package gatewaytest_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/keys"
)

// party is a system of an agency, with the keys in its folder.
type party struct {
	agency gateway.AgencyID
	system string
}

var (
	policeExit     = party{"police", "exit"}
	policeSecurity = party{"police", "security"}
	policeGrants   = party{"police", "grants"}
	townExit       = party{"municipality:0180", "exit"}
	townIncome     = party{"municipality:0180", "income"}
	neighbour      = party{"municipality:1480", "exit"}
)

// stage is a world in which messages may flow.
type stage struct {
	*gatewaytest.World
	cast *gatewaytest.Cast
}

// newStage starts a gateway and plays the beginning of the story.
func newStage(t *testing.T) *stage {
	t.Helper()
	w := newWorld(t)
	start(t, w)
	cast, err := gatewaytest.NewCast(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return &stage{w, cast}
}

func (s *stage) file(p party, name string) string {
	return filepath.Join(s.Folder(p.agency, p.system), name)
}

// key returns the key of a party for a use.
func (s *stage) key(t testing.TB, p party, use envelope.Use) *ecdsa.PrivateKey {
	t.Helper()
	key, err := keys.LoadEC("file:" + s.file(p, string(use)+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s *stage) public(t testing.TB, p party, use envelope.Use) envelope.PublicKey {
	t.Helper()
	public, err := envelope.NewPublicKey(&s.key(t, p, use).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// tls is how a party connects.
func (s *stage) tls(t testing.TB, p party) *tls.Config {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(s.file(p, "tls.pem"), s.file(p, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: s.authorities(t), Certificates: []tls.Certificate{cert}}
}

func (s *stage) authorities(t testing.TB) *x509.CertPool {
	t.Helper()
	raw, err := os.ReadFile(s.file(policeExit, "gateways.pem"))
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(raw) {
		t.Fatalf("no authorities: %v", err)
	}
	return pool
}

// request is a request in the making: good until a row spoils it.
type request struct {
	*testing.T
	s                   *stage
	by                  party // whose connection
	tls                 *tls.Config
	h2                  bool
	method, path, media string
	header              http.Header
	body                string
	reader              io.Reader // instead of body
	length              int64     // of reader, as announced; -1 for chunks

	token    *token // what is signed
	key      *ecdsa.PrivateKey
	sign     func() string       // instead of ES256 with key
	wire     func(string) string // spoils what was signed
	inHeader bool                // the token goes into Access-Request
	before   bool                // something under the same jti was taken in already
}

// answer is how a request ended: by a TLS alert, or by a response.
type answer struct {
	alert  uint8
	status int
	code   gateway.Code
	header http.Header
	all    []byte // header fields and body
	body   []byte
}

func (s *stage) request(t *testing.T, by party) *request {
	return &request{T: t, s: s, by: by, tls: s.tls(t, by), method: http.MethodPost, header: http.Header{}, wire: func(s string) string { return s }}
}

// finish signs what is to be signed and puts it into its place.
func (r *request) finish() {
	if r.token == nil {
		r.body = r.wire(r.body)
		return
	}
	text := ""
	if r.sign != nil {
		text = r.sign()
	} else {
		text = r.token.signed(r.key)
	}
	if text = r.wire(text); r.inHeader {
		r.header.Set("Access-Request", text)
	} else {
		r.body = text
	}
}

// send makes the request over a connection of its own.
func (r *request) send() (answer, error) {
	r.Helper()
	body := r.reader
	if body == nil && r.body != "" {
		body, r.length = strings.NewReader(r.body), int64(len(r.body))
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, r.method, "https://"+r.s.Agencies+r.path, body)
	if err != nil {
		return answer{}, err
	}
	q.ContentLength, q.Header = r.length, r.header.Clone() // several may send it at once
	if r.media != "" {
		q.Header.Set("Content-Type", r.media)
	}
	config := r.tls.Clone()
	if len(config.Certificates) > 0 {
		// Whatever authorities the server asks for.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &config.Certificates[0], nil }
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: r.h2, MaxResponseHeaderBytes: 1 << 20}
	defer transport.CloseIdleConnections()
	return answered(transport.RoundTrip(q))
}

// answered reads a response, or the alert that came instead.
func answered(resp *http.Response, err error) (answer, error) {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return answer{alert: uint8(reflect.ValueOf(op.Err).Uint())}, nil // of the unexported type tls.alert
	}
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return answer{}, err
	}
	var all bytes.Buffer
	resp.Header.Write(&all)
	all.Write(body)
	a := answer{status: resp.StatusCode, header: resp.Header, all: all.Bytes(), body: body}
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		var p struct {
			Type   string
			Title  string
			Status int
			Code   gateway.Code
		}
		if err := json.Unmarshal(body, &p); err != nil {
			return answer{}, err
		}
		if p.Status != resp.StatusCode || p.Type != "urn:sluss:problem:"+string(p.Code) || p.Title == "" {
			return answer{}, fmt.Errorf("problem document %s under status %d", body, resp.StatusCode)
		}
		a.code = p.Code
	}
	return a, nil
}

// counter adds up the samples of a metric that have all the labels given.
func (s *stage) counter(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	text, err := s.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0.0, false
	for line := range strings.Lines(text) {
		sample, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		metric, rest, _ := strings.Cut(sample, "{")
		if metric != name {
			continue
		}
		found = true
		fits := true
		for _, l := range labels {
			fits = fits && strings.Contains(rest, l)
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		if fits {
			sum += v
		}
	}
	if !found {
		t.Fatalf("there is no metric %s", name)
	}
	return sum
}

// refusals is how many requests ended with the code, alerts how many
// connections before any request.
func (s *stage) refusals(t testing.TB, code gateway.Code) float64 {
	return s.counter(t, "gateway_ingress_requests_total", `code="`+string(code)+`"`)
}

func (s *stage) alerts(t testing.TB) float64 {
	return s.counter(t, "gateway_ingress_connection_errors_total")
}

// until waits for a count to reach what it must be: a request is counted after
// it was answered.
func until(t testing.TB, what string, want float64, count func() float64) {
	t.Helper()
	var got float64
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got = count(); got >= want {
			break
		}
	}
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// live reports whether the process answers its supervisor.
func live(w *gatewaytest.World) bool {
	resp, err := http.Get("http://" + w.Operations + "/livez")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// exchange sends an assessment, has it collected and acknowledged.
func (s *stage) exchange(t *testing.T) gateway.MessageID {
	t.Helper()
	raw, err := s.cast.Assessment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sent, err := s.cast.Police().Send(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.cast.Town().Poll(t.Context(), "municipality.social_worker", client.PollOptions{NoWait: true})
	if err != nil {
		t.Fatal(err)
	}
	var got bool
	for _, m := range b.Messages {
		got = got || m.Claims().ID == sent.ID
		if err := s.cast.Town().Ack(t.Context(), "municipality.social_worker", m); err != nil {
			t.Fatal(err)
		}
	}
	if !got {
		t.Fatalf("the message did not come: %d others, %d refused", len(b.Messages), len(b.Refused))
	}
	return sent.ID
}

// path is that of a file of the gateway's.
func (s *stage) path(name string) string { return filepath.Join(s.Dir, "gateway", name) }
