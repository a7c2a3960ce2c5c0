package gatewaytest_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/store/database"
	"sluss/gateway/store/pgtest"
)

// cluster is the database server of the tests of this package.
var cluster pgtest.Shared

const social gateway.Role = "municipality.social_worker"

// newReplicas starts gateways on a database of their own, and the balancer, after
// what is to be done before.
func newReplicas(t *testing.T, gateways, more int, before ...func(*gatewaytest.Replicas)) *gatewaytest.Replicas {
	t.Helper()
	r, err := gatewaytest.NewReplicas(t.TempDir(), binary, cluster.Database(t), gateways, more)
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range before {
		do(r)
	}
	t.Cleanup(func() { r.Kill() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	running, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Balancer.Run(running) }()
	t.Cleanup(func() { end(); <-done })
	eventually(t, "backends", func() bool {
		for _, ready := range r.Balancer.Ready() {
			if !ready {
				return false
			}
		}
		return true
	})
	return r
}

// at returns a client that asks one gateway only.
func at(t *testing.T, w *gatewaytest.World, agency gateway.AgencyID) *client.Client {
	t.Helper()
	c, err := w.ClientAt(t.Context(), agency)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReplicas: what is told to one gateway holds at the other at once.
func TestReplicas(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 2, 0)
	cast, err := gatewaytest.NewCast(t.Context(), r.World)
	if err != nil {
		t.Fatal(err)
	}
	first, second := r.All[0], r.All[1]
	send := func(w *gatewaytest.World, token []byte) client.Receipt {
		t.Helper()
		got, err := at(t, w, "police").Send(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	fetch := func(w *gatewaytest.World) []client.Message {
		t.Helper()
		b, err := at(t, w, "municipality:0180").Poll(t.Context(), social, client.PollOptions{NoWait: true})
		if err != nil || len(b.Refused) > 0 {
			t.Fatalf("poll: %v, %v", b.Refused, err)
		}
		return b.Messages
	}
	assessment := func() []byte {
		t.Helper()
		token, err := cast.Assessment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}

	t.Run("sent here, collected there", func(t *testing.T) {
		token := assessment()
		sent := send(first, token)
		if again := send(second, token); again.Entry != sent.Entry || again.Proof != sent.Proof {
			t.Error("the other gateway gave another receipt for the same bytes")
		}
		got := fetch(second)
		if len(got) != 1 || got[0].Claims().ID != sent.ID {
			t.Fatalf("%d messages", len(got))
		}
		if err := at(t, first, "municipality:0180").Ack(t.Context(), social, got[0]); err != nil {
			t.Error(err)
		}
	})
	t.Run("a poll that waits hears of it", func(t *testing.T) {
		got := make(chan int, 1)
		town := at(t, second, "municipality:0180")
		go func() {
			b, err := town.Poll(context.Background(), social, client.PollOptions{Wait: 20 * time.Second})
			if err == nil && len(b.Messages) > 0 {
				err = town.Ack(context.Background(), social, b.Messages[0])
			}
			if err != nil {
				t.Error(err)
			}
			got <- len(b.Messages)
		}()
		send(first, assessment())
		if n := <-got; n != 1 {
			t.Errorf("%d messages", n)
		}
	})
	t.Run("who is revoked here is revoked there", func(t *testing.T) {
		token := assessment()
		(&stage{World: first, cast: cast}).revoke(t, neighbour)
		send(second, token) // the first write that meets the new directory takes it over
		(&stage{World: second, cast: cast}).await(t, neighbour, gateway.CodeSystemRevoked)
		if got := fetch(first); len(got) != 1 {
			t.Errorf("%d messages", len(got))
		}
	})
	t.Run("what is stated there stops a release here", func(t *testing.T) {
		send(first, assessment())
		if _, err := cast.Withdraw(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		if got := fetch(first); len(got) != 0 {
			t.Errorf("%d messages on a consent that was withdrawn", len(got))
		}
	})
}

// TestStaleReplica: a gateway whose own files are older than what is in force
// takes over what is in force, and takes nobody back.
func TestStaleReplica(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 2, 0)
	first, second := r.All[0], r.All[1]
	s := &stage{World: first}
	old := s.read(t, snapshotFile)
	stale := filepath.Join(first.Dir, "gateway", "stale.json")
	replace(t, stale, old)
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := second.Configure(map[string]any{"snapshot": "stale.json"}); err != nil {
		t.Fatal(err)
	}
	start(t, second)
	replace(t, s.path(snapshotFile), approved(func(*envelope.Approval) {}, both...)(t, s, old))
	inForce := func(w *gatewaytest.World, state string) int64 {
		return inForceIn(t, w, state).Seq
	}
	eventually(t, "policy here", func() bool { return inForce(first, "state") == 2 })
	eventually(t, "policy there", func() bool { return inForce(first, "state-2") == 2 })
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}
	start(t, second)
	time.Sleep(1500 * time.Millisecond) // each looks every second
	if a, b := inForce(first, "state"), inForce(first, "state-2"); a != 2 || b != 2 {
		t.Errorf("after a start with an older file numbers %d and %d are in force, want 2", a, b)
	}
	if !first.Ready() || !second.Ready() {
		t.Error("not ready")
	}
	cast, err := gatewaytest.NewCast(t.Context(), r.World)
	if err != nil {
		t.Fatal(err)
	}
	(&stage{World: r.World, cast: cast}).exchange(t)
}

// TestRollingRestart restarts each gateway in turn under load: no exchange
// fails.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	const towns = 3
	r := newReplicas(t, 2, towns)
	var stop atomic.Bool
	var exchanged atomic.Int64
	var load sync.WaitGroup
	for i := range towns {
		m, err := gatewaytest.NewMatter(t.Context(), r.World, gateway.AgencyID([]string{"municipality:9001", "municipality:9002", "municipality:9003"}[i]))
		if err != nil {
			t.Fatal(err)
		}
		police, err := r.Client(t.Context(), "police", "exit")
		if err != nil {
			t.Fatal(err)
		}
		town, err := r.Client(t.Context(), m.Town, "exit")
		if err != nil {
			t.Fatal(err)
		}
		load.Go(func() {
			for !stop.Load() {
				token, err := m.Seal(t.Context())
				if err == nil {
					_, err = police.Send(t.Context(), token)
				}
				for got := 0; err == nil && got == 0; {
					var b client.Batch
					b, err = town.Poll(t.Context(), social, client.PollOptions{Wait: time.Second})
					for _, msg := range b.Messages {
						got++
						err = errors.Join(err, town.Ack(t.Context(), social, msg))
					}
					for _, refused := range b.Refused {
						err = errors.Join(err, refused.Err)
					}
				}
				if err != nil {
					t.Errorf("exchange failed: %v", err)
					return
				}
				exchanged.Add(1)
			}
		})
	}
	for range 2 {
		for _, w := range r.All {
			before := exchanged.Load()
			if err := w.Stop(); err != nil {
				t.Error(err)
			}
			start(t, w)
			eventually(t, "exchanges after a restart", func() bool { return t.Failed() || exchanged.Load() > before+5 })
		}
	}
	stop.Store(true)
	load.Wait()
	t.Logf("%d exchanges, connections given %v", exchanged.Load(), r.Balancer.Given())
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	sound(t, r)
}

// sound checks the database of gateways that have ended, with its log.
func sound(t *testing.T, r *gatewaytest.Replicas) {
	t.Helper()
	db, err := database.View(t.Context(), r.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := r.Fsck(t.Context(), db)
	if err != nil || len(found) > 0 {
		t.Errorf("fsck: %q, %v", found, err)
	}
}
