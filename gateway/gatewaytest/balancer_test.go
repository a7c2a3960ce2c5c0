package gatewaytest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluss/gateway/gatewaytest"
)

// echo answers every connection with its name and then with what it reads.
func echo(t *testing.T, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, name)
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// balance runs a balancer until the test ends.
func balance(t testing.TB, backends ...gatewaytest.Backend) *gatewaytest.Balancer {
	t.Helper()
	b, err := gatewaytest.NewBalancer(gatewaytest.BalancerConfig{Backends: backends, Check: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b
}

// dialed connects to the balancer and returns the name of its backend.
func dialed(t *testing.T, b *gatewaytest.Balancer) (net.Conn, string, error) {
	t.Helper()
	c, err := net.Dial("tcp", b.Addr())
	if err != nil { // a reset may come before the connection is made
		return nil, "", err
	}
	t.Cleanup(func() { c.Close() })
	name := make([]byte, 1)
	_, err = io.ReadFull(c, name)
	return c, string(name), err
}

// told sends text over an echo connection and returns what comes back within
// a moment, if anything does.
func told(t *testing.T, c net.Conn, text string, within time.Duration) (string, error) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	c.SetReadDeadline(time.Now().Add(within))
	b := make([]byte, len(text))
	n, err := io.ReadFull(c, b)
	return string(b[:n]), err
}

const whileAlive, whileDead = 10 * time.Second, 50 * time.Millisecond

// TestBalancerTakesTurns wants connections given to the backends that are ready,
// in turns, and those of one that no longer is to go on.
func TestBalancerTakesTurns(t *testing.T) {
	var red atomic.Bool
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if red.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer health.Close()
	b := balance(t, gatewaytest.Backend{Address: echo(t, "a"), Ready: health.URL}, gatewaytest.Backend{Address: echo(t, "b")})
	var names string
	var first net.Conn
	for range 4 {
		c, name, err := dialed(t, b)
		if err != nil {
			t.Fatal(err)
		}
		if name == "a" {
			first = c
		}
		names += name
	}
	if names != "abab" && names != "baba" {
		t.Errorf("connections went to %s", names)
	}
	red.Store(true)
	until(t, "backend not ready", 1, func() float64 {
		if b.Ready()[0] {
			return 0
		}
		return 1
	})
	for range 3 {
		if _, name, err := dialed(t, b); err != nil || name != "b" {
			t.Errorf("a connection went to %q, %v", name, err)
		}
	}
	if got, err := told(t, first, "still", whileAlive); err != nil {
		t.Errorf("an old connection: %q, %v", got, err)
	}
	if got := fmt.Sprint(b.Given()); got != "[2 5]" {
		t.Errorf("given %s", got)
	}
}

// TestBalancerFails sets one fault per row on a connection that works.
func TestBalancerFails(t *testing.T) {
	to, back := gatewaytest.ToBackend, gatewaytest.ToClient
	tests := []struct {
		name   string
		way    gatewaytest.Direction
		fault  gatewaytest.Impairment
		echoed string // of "message"
		want   error  // of reading the rest
		healed bool   // the connection works again when the fault is healed
	}{
		{"no fault", to, gatewaytest.Impairment{}, "message", nil, true},
		{"request cut", to, gatewaytest.Impairment{Cut: true}, "", syscall.ECONNRESET, false},
		{"answer cut", back, gatewaytest.Impairment{Cut: true}, "", syscall.ECONNRESET, false},
		{"answer cut later", back, gatewaytest.Impairment{Cut: true, After: 7}, "message", nil, true},
		{"request swallowed", to, gatewaytest.Impairment{Swallow: true}, "", errDeadline, false},
		{"answer swallowed", back, gatewaytest.Impairment{Swallow: true}, "", errDeadline, false},
		{"request swallowed in the middle", to, gatewaytest.Impairment{Swallow: true, After: 3}, "mes", errDeadline, false},
		{"answer swallowed in the middle", back, gatewaytest.Impairment{Swallow: true, After: 3}, "mes", errDeadline, false},
		{"request delayed", to, gatewaytest.Impairment{Delay: time.Millisecond}, "message", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := balance(t, gatewaytest.Backend{Address: echo(t, "a")})
			c, _, err := dialed(t, b)
			if err != nil {
				t.Fatal(err)
			}
			b.Fail(tt.way, tt.fault)
			within := whileAlive
			if tt.want == errDeadline {
				within = whileDead
			}
			got, err := told(t, c, "message", within)
			if !is(err, tt.want) || got != tt.echoed && tt.want != syscall.ECONNRESET {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.echoed, tt.want)
			}
			b.Fail(tt.way, gatewaytest.Impairment{})
			within = whileDead
			if tt.healed {
				within = whileAlive
			}
			if got, err := told(t, c, "more", within); (err == nil && got == "more") != tt.healed {
				t.Errorf("after healing: %q, %v", got, err)
			}
			if _, _, err := dialed(t, b); err != nil {
				t.Errorf("a new connection after healing: %v", err)
			}
		})
	}
}

var errDeadline = errors.New("nothing comes")

func is(err, want error) bool {
	if want == errDeadline {
		timeout, ok := errors.AsType[net.Error](err)
		return ok && timeout.Timeout()
	}
	return errors.Is(err, want)
}

// TestBalancerRefuses wants new connections reset while it refuses, and all of
// them when it cuts.
func TestBalancerRefuses(t *testing.T) {
	b := balance(t, gatewaytest.Backend{Address: echo(t, "a")})
	c, _, err := dialed(t, b)
	if err != nil {
		t.Fatal(err)
	}
	b.Refuse(true)
	if _, _, err := dialed(t, b); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
	if _, err := told(t, c, "still", whileAlive); err != nil {
		t.Errorf("an open connection: %v", err)
	}
	b.Refuse(false)
	if _, _, err := dialed(t, b); err != nil {
		t.Errorf("when it no longer refuses: %v", err)
	}
	if n := b.Cut(); n < 2 {
		t.Errorf("cut %d connections, want 2", n)
	}
	if _, err := told(t, c, "more", whileAlive); err == nil {
		t.Error("a connection that was cut goes on")
	}
}
