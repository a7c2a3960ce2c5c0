package ingress_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway"
	"sluss/gateway/ingress"
)

// TestRate wants a system over its rate refused before the log: the flood makes
// one entry, and the caller is told when to come back.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &parties{}
		cfg := config(x)
		cfg.Limits.Rate, cfg.Limits.Burst, cfg.Limits.Hold = 0.1, 3, 1
		s := newServer(t, cfg)
		var got []int
		for range 50 {
			w := serve(s, mustRequest(t, "getDirectory"))
			got = append(got, w.Code)
			if w.Code == http.StatusTooManyRequests {
				checkProblem(t, w.Result(), w.Body.Bytes(), gateway.CodeTooMany)
				if after := w.Header().Get("Retry-After"); after != "10" {
					t.Errorf("Retry-After %s, want 10", after)
				}
			}
		}
		want := slices.Concat(slices.Repeat([]int{200}, 3), slices.Repeat([]int{429}, 47))
		if !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
		if got := x.entries(); !slices.Equal(got, []gateway.Code{gateway.CodeTooMany}) {
			t.Errorf("entries %v, want one", got)
		}
		time.Sleep(10 * time.Second)
		if w := serve(s, mustRequest(t, "getDirectory")); w.Code != http.StatusOK {
			t.Errorf("after the wait: %d", w.Code)
		}
		// What needs no identity has its own rates, by network.
		if w := serve(s, mustRequest(t, "getCheckpoint")); w.Code != http.StatusOK {
			t.Errorf("reader of the log: %d", w.Code)
		}
	})
}

// TestPlaces wants requests over the bound answered at once as unavailable,
// exchanges and polls each with their own bound.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		x := &parties{poll: func(context.Context) error { <-end; return nil }}
		cfg := config(x)
		cfg.Limits.Exchanges, cfg.Limits.Polls, cfg.Limits.PollsEach = 1, 2, 1
		s := newServer(t, cfg)
		var wg sync.WaitGroup
		for _, endpoint := range []string{"poll", "postMessage"} {
			r := mustRequest(t, endpoint)
			wg.Go(func() {
				if w := serve(s, r); w.Code/100 != 2 {
					t.Errorf("%s: %d", endpoint, w.Code)
				}
			})
		}
		synctest.Wait()
		w := serve(s, mustRequest(t, "getDirectory"))
		checkProblem(t, w.Result(), w.Body.Bytes(), gateway.CodeUnavailable)
		w = serve(s, mustRequest(t, "poll"))
		checkProblem(t, w.Result(), w.Body.Bytes(), gateway.CodeTooMany)
		close(end)
		wg.Wait()
		for _, endpoint := range []string{"getDirectory", "poll"} {
			if w := serve(s, mustRequest(t, endpoint)); w.Code != http.StatusOK {
				t.Errorf("%s after the places are free: %d", endpoint, w.Code)
			}
		}
	})
}

// TestPollPlaces wants polls over the bound of all callers unavailable.
func TestPollPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		cfg := config(&parties{poll: func(context.Context) error { <-end; return nil }})
		cfg.Limits.Polls = 1
		s := newServer(t, cfg)
		r := mustRequest(t, "poll")
		go serve(s, r)
		synctest.Wait()
		w := serve(s, mustRequest(t, "poll"))
		checkProblem(t, w.Result(), w.Body.Bytes(), gateway.CodeUnavailable)
		close(end)
	})
}

// TestCallersAreBounded wants the number of callers whose rate is kept bounded:
// the one longest idle is forgotten, one with an open poll never.
func TestCallersAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	c := ingress.NewCallers(ingress.Limits{Systems: 3, Burst: 1, Rate: 0.001, PollsEach: 1})
	release, err := c.Poll("busy")
	if err != nil {
		t.Fatal(err)
	}
	over := func(key string) bool {
		err := c.Take(key, now)
		r, ok := errors.AsType[*gateway.Refusal](err)
		return ok && r.Code == gateway.CodeTooMany
	}
	if over("a") || !over("a") {
		t.Error("a burst of one is not one")
	}
	for i := range 100 {
		over(strconv.Itoa(i))
		if c.Kept() > 3 {
			t.Fatalf("%d callers kept", c.Kept())
		}
	}
	if over("a") {
		t.Error("a is not forgotten")
	}
	if _, err := c.Poll("busy"); err == nil {
		t.Error("a caller with an open poll was forgotten")
	}
	release()
	if _, err := c.Poll("busy"); err != nil {
		t.Error(err)
	}
	for i := range 2 {
		if _, err := c.Poll(fmt.Sprint("other", i)); err != nil {
			t.Error(err)
		}
	}
	if err := c.Take("one more", now); err == nil {
		t.Error("a caller was forgotten though all have polls open")
	}
}

// TestLongestIdleIsForgotten wants a caller that comes again to be kept.
func TestLongestIdleIsForgotten(t *testing.T) {
	c, now := ingress.NewCallers(ingress.Limits{Systems: 2, Burst: 2, Rate: 0.001}), time.Unix(0, 0)
	for _, key := range []string{"a", "b", "a", "c"} { // c takes the place of b
		if err := c.Take(key, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Take("a", now); err == nil {
		t.Error("a was forgotten, though b was idle for longer")
	}
}

// TestNetwork wants callers without identity counted by address, in IPv6 by
// the network that one of them may have whole.
func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7:443":             "192.0.2.7/32",
		"[::ffff:192.0.2.7]:443":    "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"@":                         "",
	} {
		if got := ingress.Network(in); got != want {
			t.Errorf("Network(%q) = %q, want %q", in, got, want)
		}
	}
}
