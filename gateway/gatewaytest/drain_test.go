package gatewaytest_test

import (
	"crypto/tls"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluss/gateway/client"
	"sluss/gateway/gatewaytest"
)

// behind returns a balancer in front of the gateway of a world, and a matter at
// a municipality whose messages wait to be sent through it.
func behind(t *testing.T, w *gatewaytest.World) (*gatewaytest.Balancer, *gatewaytest.Matter) {
	t.Helper()
	m, err := gatewaytest.NewMatter(t.Context(), w, townExit.agency)
	if err != nil {
		t.Fatal(err)
	}
	return balance(t, gatewaytest.Backend{Address: w.Agencies, Ready: "http://" + w.Operations + "/readyz"}), m
}

// through returns a client of the police that reaches the gateway through a
// balancer and does not give up soon.
func through(t *testing.T, w *gatewaytest.World, b *gatewaytest.Balancer, http2 bool) *client.Client {
	t.Helper()
	cfg, err := client.Load(filepath.Join(w.Folder(policeExit.agency, policeExit.system), "client.json"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.URL, cfg.Backoff, cfg.Attempts = "https://"+b.Addr(), 20*time.Millisecond, 500
	if !http2 {
		cert := cfg.Certificate()
		cfg.Transport = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: cfg.Authorities, Certificates: []tls.Certificate{*cert}}}
	}
	c, err := client.New(cfg)
	if err == nil {
		err = c.Refresh(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRestartBehindBalancer stops and starts the gateway while clients send, over
// both versions of HTTP: no client hears of it, and every message has its receipt.
func TestRestartBehindBalancer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.Configure(map[string]any{"requests_per_second": 1e6, "drain_delay_seconds": 0.2}); err != nil {
		t.Fatal(err)
	}
	start(t, w)
	b, m := behind(t, w)
	var sent [2]atomic.Int64
	done, ended := make(chan struct{}), make(chan struct{}, 2)
	for i := range sent {
		c := through(t, w, b, i == 1)
		go func() {
			defer func() { ended <- struct{}{} }()
			for {
				select {
				case <-done:
					return
				default:
				}
				token, err := m.Seal(t.Context())
				if err == nil {
					_, err = c.Send(t.Context(), token)
				}
				if err != nil {
					t.Errorf("HTTP/%d: %v", i+1, err)
					return
				}
				sent[i].Add(1)
			}
		}()
	}
	both := func(n int64) func() float64 {
		return func() float64 {
			if sent[0].Load() >= n && sent[1].Load() >= n {
				return 1
			}
			return 0
		}
	}
	for range 2 {
		n := max(sent[0].Load(), sent[1].Load()) + 3
		until(t, "clients that sent", 1, both(n))
		stop(t, w)
		start(t, w)
	}
	until(t, "clients that sent after the restarts", 1, both(max(sent[0].Load(), sent[1].Load())+3))
	close(done)
	<-ended
	<-ended
}

// TestCutSubmit breaks the connection in the middle of a message and of its
// receipt: the client sends the same bytes again and gets the one receipt that
// the gateway has for them.
func TestCutSubmit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	b, m := behind(t, w)
	c := through(t, w, b, true)
	for _, tt := range []struct {
		name  string
		way   gatewaytest.Direction
		fault gatewaytest.Impairment
		taken float64 // messages that the gateway has taken when the fault is healed, at least
	}{
		{"the message does not arrive", gatewaytest.ToBackend, gatewaytest.Impairment{Cut: true, After: 10_000}, 0},
		{"the receipt does not arrive", gatewaytest.ToClient, gatewaytest.Impairment{Cut: true, After: 20}, 1},
	} {
		token, err := m.Seal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		before := b.Given()[0]
		b.Fail(tt.way, tt.fault)
		taken := metric(t, w, `gateway_ingress_requests_total{code="ok",endpoint="postMessage"}`)
		healed := make(chan struct{})
		go func() {
			defer close(healed)
			for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
				if b.Given()[0] > before && metric(t, w, `gateway_ingress_requests_total{code="ok",endpoint="postMessage"}`) >= taken+tt.taken {
					break
				}
			}
			b.Fail(tt.way, gatewaytest.Impairment{})
		}()
		first, err := c.Send(t.Context(), token)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		<-healed
		if b.Given()[0] == before {
			t.Errorf("%s: no connection was cut", tt.name)
		}
		again, err := c.Send(t.Context(), token)
		if err != nil || again.Entry != first.Entry {
			t.Errorf("%s: the receipt is of entry %d, %v; again of entry %d", tt.name, first.Entry, err, again.Entry)
		}
	}
}

// metric returns the value of one line of the gateway's metrics, 0 if there is
// none.
func metric(t *testing.T, w *gatewaytest.World, name string) (v float64) {
	t.Helper()
	text, err := w.Metrics()
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(text, "\n") {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, _ = strconv.ParseFloat(rest, 64)
		}
	}
	return v
}
