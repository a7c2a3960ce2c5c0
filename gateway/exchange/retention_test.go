package exchange_test

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/keys"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
	"sluss/gateway/store/storetest"
)

// ring opens the at-rest keys as they are on the disk.
func (b *bench) ring() *keys.Ring {
	b.t.Helper()
	kek := must(b.t, first(keys.LoadKEK("file:"+b.file("gateway/kek"))), nil)
	return must(b.t, first(keys.OpenRing(filepath.Join(b.own, "ring"), kek)), nil)
}

// fsck checks the whole store as of the bench's clock, with the keys.
func (b *bench) fsck() {
	b.t.Helper()
	db := b.store.Store.(*sqlite.Store)
	ring := b.ring()
	found, err := disclosure.Fsck(b.t.Context(), db, disclosure.FsckOptions{Now: b.now(), Opener: ring, Token: exchange.StoredToken(ring),
		State: exchange.StoredState(ring, db, b.Register)})
	if err != nil || len(found) > 0 {
		b.t.Errorf("fsck found %q, %v", found, err)
	}
}

// contents counts the entries whose content is there, by kind.
func (b *bench) contents() map[disclosure.Kind]int {
	b.t.Helper()
	out := map[disclosure.Kind]int{}
	head := first(b.store.Store.Head(b.t.Context()))
	for i := range head.Size {
		if e := first(b.store.Store.Entry(b.t.Context(), i)); len(e.E1) > 0 {
			out[disclosure.Kind(e.Kind)]++
		}
	}
	return out
}

func (b *bench) retain() {
	b.t.Helper()
	db := b.store.Store.(*sqlite.Store)
	if _, err := db.Purge(b.t.Context(), b.now(), nil); err != nil {
		b.t.Fatal(err)
	}
	if err := b.x.Retain(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// TestRetention lets years pass. What was in a message, and later what was in the
// entries, cannot be opened any more, not in a copy of the database from before
// either; the log stays whole.
func TestRetention(t *testing.T) {
	m := newMatter(t)
	token := m.assessment()
	sent := m.send(token)
	if b := m.poll(); len(b.Messages) != 1 || m.town.Ack(t.Context(), socialWorker, b.Messages[0]) != nil {
		t.Fatal("no exchange")
	}
	kept := m.send(m.assessment()) // not fetched
	db := m.store.Store.(*sqlite.Store)
	if _, err := sqlite.Create(t.Context(), filepath.Join(m.own, "sluss.db"), db, nil); err != nil {
		t.Fatal(err)
	}
	copied := must(t, first(sqlite.View(t.Context(), m.own)), nil)
	defer copied.Close()
	body, index, err := copied.Message(t.Context(), police, sent.ID)
	if err != nil {
		t.Fatal(err)
	}
	entry := must(t, first(copied.Entry(t.Context(), index)), nil)
	if d, _, err := exchange.StoredToken(m.ring())(body); err != nil || d != body.Digest {
		t.Fatalf("the copy does not open before: %v", err)
	}

	m.retain() // nothing is due yet
	if n := m.contents()[disclosure.Purged]; n != 0 {
		t.Fatalf("%d keys destroyed in their month", n)
	}
	m.pass(29 * 24 * time.Hour) // the second message still waits, perhaps in another month
	m.retain()
	if row, _, err := db.Message(t.Context(), police, kept.ID); err != nil || len(row.Body) == 0 {
		t.Errorf("a message that waits is gone: %v", err)
	} else if _, _, err := exchange.StoredToken(m.ring())(row); err != nil {
		t.Errorf("a message that waits does not open: %v", err)
	}
	m.pass(40 * 24 * time.Hour)
	m.retain()
	if _, _, err := exchange.StoredToken(m.ring())(body); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("a message in an old copy: %v, want ErrDestroyed", err)
	}
	if _, _, err := disclosure.Open(entry, m.ring()); err != nil {
		t.Errorf("an entry within its time does not open: %v", err)
	}
	if n := m.contents()[disclosure.Purged]; n == 0 {
		t.Error("no entry of the keys that were destroyed")
	}
	m.fsck()

	before := m.contents()
	m.pass(5*366*24*time.Hour + 31*24*time.Hour)
	m.retain()
	after := m.contents()
	if after[disclosure.PolicyActivated] != before[disclosure.PolicyActivated] || after[disclosure.Expired] != 0 {
		t.Errorf("after five years: %v, before: %v", after, before)
	}
	m.pass(5*366*24*time.Hour + 31*24*time.Hour)
	m.retain()
	if after := m.contents(); after[disclosure.Release]+after[disclosure.MessageAccepted]+after[disclosure.PolicyActivated] != 0 || after[disclosure.Purged] == 0 {
		t.Errorf("after ten years there are %v", after)
	}
	if _, _, err := disclosure.Open(entry, m.ring()); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("an entry in an old copy: %v, want ErrDestroyed", err)
	}
	m.fsck()
	// A tree whose entries are gone still proves them.
	policy := disclosure.Policy{Log: m.log.Verifier()}
	for first(disclosure.OpenCheckpoint(m.log.Checkpoint(), policy)).Size <= index {
		time.Sleep(50 * time.Millisecond) // until it is published
	}
	if _, leaf, err := disclosure.Prove(t.Context(), disclosure.FromStore(db, m.log.Checkpoint()), index, policy); err != nil || leaf != entry.Leaf {
		t.Errorf("proving a forgotten entry: %v", err)
	}
}

// TestRefusalNotLost: a refusal whose entry could not be written, and those of a
// full disk, are in the log when it can be written again.
func TestRefusalNotLost(t *testing.T) {
	m := newMatter(t)
	stale := gateway.Refuse(gateway.CodeStale, "", nil)
	m.store.Break("Commit", storetest.Before, 0)
	m.x.Refused(t.Context(), m.police.peer, stale)
	full := gateway.Refuse(gateway.CodeUnavailable, "", store.ErrFull)
	for range 3 {
		m.x.Refused(t.Context(), m.town.peer, full)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	m.x.Run(ctx) // which writes the counts when it ends
	got := map[gateway.Code]int64{}
	head := first(m.store.Store.Head(t.Context()))
	for i := range head.Size {
		if e1, err := disclosure.ParseE1(first(m.store.Store.Entry(t.Context(), i)).E1); err != nil {
			t.Fatal(err)
		} else if e1.Kind == disclosure.RefusalsCounted {
			got[e1.Code] += e1.Count
		}
	}
	if want := map[gateway.Code]int64{gateway.CodeStale: 1, gateway.CodeUnavailable: 3}; !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	if n := m.kinds()[disclosure.MessageRefused]; n != 0 {
		t.Errorf("%d refusals with an entry of their own, want none", n)
	}
}
