package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluss/gateway/store"
	"sluss/gateway/store/pgtest"
	"sluss/gateway/store/postgres"
)

// replicated starts a primary with a synchronous standby.
func replicated(t *testing.T) (primary, standby *pgtest.Cluster) {
	t.Helper()
	primary, err := pgtest.Start(t.Context(), pgtest.Config{})
	must(t, err)
	t.Cleanup(func() { primary.Close() })
	standby, err = primary.Standby(t.Context())
	must(t, err)
	t.Cleanup(func() { standby.Close() })
	return primary, standby
}

// waits waits until a commit waits for the standby.
func waits(t *testing.T, c *pgtest.Cluster) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		n, err := c.Value(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		must(t, err)
		if n != "0" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no commit waits for the standby")
		}
	}
}

// TestNotReplicated cancels a commit that waits for its standby. It succeeds at
// the primary, with a warning; here nobody may take it for durable, and what it
// wrote is not shown, until the standby has it.
func TestNotReplicated(t *testing.T) {
	primary, standby := replicated(t)
	must(t, primary.Exec(t.Context(), "ALTER ROLE sluss SET client_min_messages = error"))
	dsn := primary.DSN()
	s := open(t, postgres.Config{DSN: dsn, HA: true, Timeout: 30 * time.Second})
	other := open(t, postgres.Config{DSN: dsn, HA: true, Timeout: 3 * time.Second})
	if size(t, s) != 0 || size(t, other) != 0 {
		t.Error("an empty log has entries")
	}
	must(t, standby.Pause())
	done := make(chan error, 1)
	msg := message(1)
	go func() {
		_, err := commit(s, msg)
		done <- err
	}()
	waits(t, primary)
	must(t, primary.Exec(t.Context(), "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))
	if err := <-done; !errors.Is(err, store.ErrUnknown) {
		t.Fatalf("Commit = %v, want ErrUnknown", err)
	}
	if n, err := primary.Value(t.Context(), "SELECT size FROM head"); n != "1" || err != nil {
		t.Fatalf("the primary has %s entries, %v: the test does not test", n, err)
	}
	// Another gateway may not say either that the message is there.
	if r, err := commit(other, msg); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("Commit of what is not durable = %+v, %v, want ErrUnknown", r, err)
	}
	if _, err := other.Head(t.Context()); err == nil {
		t.Error("after that it is read")
	}
	read := make(chan uint64, 1)
	go func() { read <- recovered(t, s) }()
	waits(t, primary)
	select {
	case n := <-read:
		t.Errorf("%d entries read that the standby does not have", n)
	default:
	}
	must(t, standby.Resume())
	if n := <-read; n != 1 {
		t.Errorf("size %d, want 1", n)
	}
	if r, err := commit(other, msg); err != nil || !errors.Is(r[0].Err, store.ErrDuplicate) {
		t.Errorf("Commit afterwards = %+v, %v, want ErrDuplicate", r, err)
	}
	must(t, s.Healthy(t.Context()))
}

// message makes a write that takes a message in.
func message(n uint64) store.Write {
	w := write(n)
	w.Entries[0].Kind = store.KindAccepted
	w.Message = &store.Message{
		Issuer: "police", ID: gatewayID(n), To: "sis", Type: "exit.intake", Issued: now, Expires: now.Add(time.Hour), Body: []byte("CANARY"), Key: "k",
	}
	return w
}

// TestWaits holds that a standby that is gone is noticed and waited for.
func TestWaits(t *testing.T) {
	primary, standby := replicated(t)
	s := open(t, postgres.Config{DSN: primary.DSN(), HA: true, Timeout: 2 * time.Second})
	if _, err := commit(s, write(1)); err != nil {
		t.Fatal(err)
	}
	must(t, standby.Kill())
	for deadline := time.Now().Add(time.Minute); s.Healthy(t.Context()) == nil; {
		if time.Now().After(deadline) {
			t.Fatal("healthy without a standby")
		}
	}
	if err := s.Healthy(t.Context()); !errors.Is(err, postgres.ErrUnsafe) || !strings.Contains(err.Error(), "standby") {
		t.Errorf("Healthy = %v, want ErrUnsafe that names the standby", err)
	}
	if err := try(t, postgres.Config{DSN: primary.DSN(), HA: true}); !errors.Is(err, postgres.ErrUnsafe) {
		t.Errorf("Open = %v, want ErrUnsafe", err)
	}
	if _, err := commit(s, write(2)); !errors.Is(err, store.ErrUnknown) { // its time is over
		t.Errorf("Commit = %v, want ErrUnknown", err)
	}
	must(t, standby.Restart(t.Context()))
	must(t, primary.Synchronous(t.Context()))
	recovered(t, s)
	if _, err := commit(s, write(3)); err != nil {
		t.Error(err)
	}
	apply(t, primary, "ALTER SYSTEM SET synchronous_standby_names = ''")
	for deadline := time.Now().Add(time.Minute); ; { // the reload takes effect when the server gets to it
		_, err := commit(s, write(4))
		if errors.Is(err, postgres.ErrUnsafe) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Commit without a standby to wait for = %v, want ErrUnsafe", err)
		}
	}
	apply(t, primary, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
	must(t, primary.Synchronous(t.Context()))
	must(t, primary.Exec(t.Context(), "REVOKE pg_read_all_stats FROM sluss"))
	if err := s.Healthy(t.Context()); !errors.Is(err, postgres.ErrUnsafe) || !strings.Contains(err.Error(), "pg_read_all_stats") {
		t.Errorf("Healthy without the privilege = %v, want ErrUnsafe that names it", err)
	}
}

// TestFailover kills the primary under load and promotes its standby: nothing
// acknowledged is lost, and the store finds the new primary.
func TestFailover(t *testing.T) {
	primary, standby := replicated(t)
	// Both servers are named; only one that takes writes is used.
	both := strings.Replace(primary.DSN(), primary.Addr(), primary.Addr()+","+standby.Addr(), 1)
	first := strings.Replace(primary.DSN(), primary.Addr(), standby.Addr()+","+primary.Addr(), 1)
	s, other := open(t, postgres.Config{DSN: both}), open(t, postgres.Config{DSN: first})
	if err := try(t, postgres.Config{DSN: standby.DSN()}); err == nil {
		t.Error("a standby was opened")
	}
	view, err := postgres.View(context.Background(), standby.DSN())
	must(t, err)
	defer view.Close()
	l := start(t, s, other)
	l.more(t, 100)
	must(t, standby.Pause())
	time.Sleep(100 * time.Millisecond) // for the standby to lag
	must(t, standby.Resume())
	l.more(t, 100)
	must(t, primary.Kill())
	must(t, standby.Promote(t.Context()))
	l.more(t, 100)
	l.end()
	l.kept(t, s)
	if a, b := size(t, s), size(t, view); a != b {
		t.Error(fmt.Errorf("sizes %d and %d", a, b))
	}
}
