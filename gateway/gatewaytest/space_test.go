package gatewaytest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store/sqlite"
)

// TestDiskFull fills the disk under a running gateway: nothing more is taken in
// and nothing leaves, nothing that was acknowledged is lost, and when there is
// room again it goes on by itself. Meanwhile the operator sees it, and the log
// has an entry of it and of how many were turned away. A gateway that is killed
// then starts again on the full disk.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := filepath.Join(w.Dir, "gateway", "data")
	mount(t, data, "size=40m")
	start(t, w)
	s := withCast(t, w)
	waiting := s.hand(t)
	if waiting.status != 202 {
		t.Fatalf("before: %d %s", waiting.status, waiting.body)
	}
	if got := s.counter(t, "gateway_store_full_info"); got != 0 {
		t.Errorf("full is %v before it is", got)
	}
	ballast := filepath.Join(data, "ballast")
	fill(t, ballast)
	var full answer
	for range 200 { // what lies free within the database's own files is used up first
		if full = s.hand(t); full.status != 202 {
			break
		}
	}
	if full.status != 503 || full.code != gateway.CodeUnavailable || full.header.Get("Retry-After") == "" {
		t.Fatalf("on a full disk: %d %s", full.status, full.all)
	}
	s.turnedAway(t)
	until(t, "full", 1, func() float64 { return s.counter(t, "gateway_store_full_info") })
	if w.Ready() || !live(w) {
		t.Errorf("ready %v, live %v", w.Ready(), live(w))
	}
	stop(t, w) // which writes the count of what was turned away
	refused, incidents := s.recorded(t)
	if refused[cause{"police", gateway.CodeUnavailable}] != 4 || refused[cause{townExit.agency, gateway.CodeUnavailable}] != 3 || incidents["disk-full"] != 1 {
		t.Errorf("the log has %v and %v, want 4 and 3 turned away, one disk full", refused, incidents)
	}

	// What is left of the reserve goes to the next start, then to nobody.
	start(t, w)
	stop(t, w)
	fill(t, ballast+"2")
	kill := s.startFull(t)
	s.turnedAway(t)
	kill()
	fill(t, ballast+"3") // what was reserved
	s.startFull(t)
	s.turnedAway(t)
	for _, file := range []string{ballast, ballast + "2", ballast + "3"} {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(10 * time.Second); !w.Ready() && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
	}
	if got := s.counter(t, "gateway_store_full_info"); got != 0 || !w.Ready() {
		t.Errorf("with room again: full %v, ready %v", got, w.Ready())
	}
	if info, err := os.Stat(filepath.Join(data, "reserve")); err != nil || info.Size() != 16<<20 {
		t.Errorf("the reserve was not taken again: %v", err)
	}
	s.exchange(t)
	s.verified(t)
	if _, incidents := s.recorded(t); incidents["disk-space-again"] != 1 {
		t.Errorf("the log has incidents %v", incidents)
	}
}

// turnedAway has three messages and three polls refused.
func (s *stage) turnedAway(t *testing.T) {
	t.Helper()
	for range 3 {
		if a := s.hand(t); a.status != 503 || a.code != gateway.CodeUnavailable {
			t.Errorf("a message on a full disk: %d %s", a.status, a.body)
		}
		r := s.request(t, townExit)
		poll(r)
		r.body = strings.Replace(r.body, "exit_team_lead", "social_worker", 1)
		if a, err := r.send(); err != nil || a.code != gateway.CodeUnavailable {
			t.Errorf("a poll on a full disk: %d %q, %v; nothing may leave", a.status, a.code, err)
		}
	}
}

// startFull starts a gateway that cannot become ready yet. kill kills it.
func (s *stage) startFull(t *testing.T) (kill func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	done := make(chan error, 1)
	go func() { done <- s.Start(ctx) }()
	kill = func() {
		cancel()
		<-done
		s.Kill()
	}
	kill = sync.OnceFunc(kill)
	t.Cleanup(kill)
	for end := time.Now().Add(20 * time.Second); !live(s.World); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not start on a full disk")
		}
	}
	return kill
}

// recorded returns what the log of a gateway that has ended says of refusals
// and incidents.
func (s *stage) recorded(t *testing.T) (map[cause]int64, map[gateway.Code]int) {
	t.Helper()
	db, err := sqlite.View(t.Context(), s.path("data"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	head, err := db.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	incidents := map[gateway.Code]int{}
	for i := range head.Size {
		e, err := db.Entry(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		if e1, err := disclosure.ParseE1(e.E1); err != nil {
			t.Fatal(err)
		} else if e1.Kind == disclosure.Incident {
			incidents[e1.Code]++
		}
	}
	return refusalsIn(t, db), incidents
}
