package ingress_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluss/gateway"
	"sluss/gateway/ingress"
)

// TestAgencyBounds wants an agency with as many requests open as it may have
// refused at once, and one whose turn does not come refused after a time, both
// told when to come back.
func TestAgencyBounds(t *testing.T) {
	tests := []struct {
		name   string
		change func(*ingress.Limits)
		endpoint,
		second string
		code gateway.Code
		wait time.Duration
	}{
		{"requests", func(l *ingress.Limits) { l.AgencyExchanges = 1 }, "postMessage", "getDirectory", gateway.CodeTooMany, 0},
		{"polls", func(l *ingress.Limits) { l.AgencyPolls = 1 }, "poll", "poll", gateway.CodeTooMany, 0},
		{"turn", func(l *ingress.Limits) { l.Working = 2 }, "postMessage", "getDirectory", gateway.CodeUnavailable, 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end := make(chan struct{})
				cfg := config(&parties{poll: func(context.Context) error { <-end; return nil }})
				cfg.Limits.Hold = time.Second
				tt.change(&cfg.Limits)
				s := newServer(t, cfg)
				first := mustRequest(t, tt.endpoint)
				go serve(s, first)
				synctest.Wait()
				begun := time.Now()
				w := serve(s, mustRequest(t, tt.second))
				checkProblem(t, w.Result(), w.Body.Bytes(), tt.code)
				if w.Header().Get("Retry-After") != "1" {
					t.Errorf("Retry-After %q, want 1", w.Header().Get("Retry-After"))
				}
				if took := time.Since(begun); took != tt.wait+time.Second {
					t.Errorf("refused after %v, want %v and the second that it is held back", took, tt.wait)
				}
				close(end)
				synctest.Wait()
				if w := serve(s, mustRequest(t, tt.second)); w.Code/100 != 2 {
					t.Errorf("after the first has ended: %d", w.Code)
				}
			})
		})
	}
}

// TestRest wants a request that waits for something else to leave its place to
// others.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		cfg := config(&parties{poll: func(ctx context.Context) error {
			defer gateway.Rest(ctx)()
			<-end
			return nil
		}})
		cfg.Limits.Working = 2
		s := newServer(t, cfg)
		for range 5 {
			r := mustRequest(t, "postMessage")
			go serve(s, r)
		}
		synctest.Wait()
		begun := time.Now()
		if w := serve(s, mustRequest(t, "getDirectory")); w.Code != http.StatusOK || time.Since(begun) != 0 {
			t.Errorf("%d after %v, want an answer at once", w.Code, time.Since(begun))
		}
		close(end)
	})
}

// TestHeld wants as many refusals held back as may be; those over that end their
// connection.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(&parties{})
		cfg.Limits.Rate, cfg.Limits.Burst, cfg.Limits.Held = 0.001, 1, 1
		s := newServer(t, cfg)
		serve(s, mustRequest(t, "getDirectory"))
		r := mustRequest(t, "getDirectory")
		go serve(s, r)
		synctest.Wait()
		begun := time.Now()
		w := serve(s, mustRequest(t, "getDirectory"))
		checkProblem(t, w.Result(), w.Body.Bytes(), gateway.CodeTooMany)
		if w.Header().Get("Connection") != "close" || time.Since(begun) != 0 {
			t.Errorf("Connection %q after %v, want close at once", w.Header().Get("Connection"), time.Since(begun))
		}
		time.Sleep(time.Second) // until the other is answered
	})
}

// TestGate wants connections over what an address may have reset before the
// handshake, and those of another address taken.
func TestGate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*ingress.Limits)
		taken  int
	}{
		{"open", func(l *ingress.Limits) { l.ConnsEach = 2 }, 2},
		{"new", func(l *ingress.Limits) { l.ConnRate = 0.001 }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			r := run(t, &parties{}, func(c *ingress.Config) {
				c.Gatherer = reg
				tt.change(&c.Limits)
			})
			dial := func(from byte) error {
				d := &tls.Dialer{NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, from)}},
					Config: r.client.Transport.(*http.Transport).TLSClientConfig}
				conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(r.api, "https://"))
				if err == nil {
					t.Cleanup(func() { conn.Close() })
				}
				return err
			}
			for i := range 4 {
				if err := dial(2); (err == nil) != (i < tt.taken) {
					t.Errorf("connection %d: %v", i+1, err)
				}
			}
			if err := dial(3); err != nil {
				t.Errorf("another address: %v", err)
			}
			if _, metrics := r.get(r.ops + "/metrics"); !strings.Contains(metrics, fmt.Sprintf(`ingress_shed_total{bound="address"} %d`, 4-tt.taken)) {
				t.Errorf("not counted:\n%s", metrics)
			}
		})
	}
}
