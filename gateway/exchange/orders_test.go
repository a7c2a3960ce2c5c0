package exchange_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/keys"
	"sluss/gateway/store/storetest"
)

// order leaves an order, and returns its file when the gateway has looked at it.
func (b *bench) order(o exchange.Order) string {
	b.t.Helper()
	dir := filepath.Join(b.own, "orders")
	file := must(b.t, first(exchange.LeaveOrder(dir, o)), nil)
	b.x.CarryOut(b.t.Context(), dir)
	return file
}

func gone(file string) bool {
	_, err := os.Stat(file)
	return errors.Is(err, fs.ErrNotExist)
}

// tail returns the last entry.
func (b *bench) tail() disclosure.E1 {
	b.t.Helper()
	head := first(b.store.Store.Head(b.t.Context()))
	return must(b.t, first(disclosure.ParseE1(first(b.store.Store.Entry(b.t.Context(), head.Size-1)).E1)), nil)
}

// TestOrders: what the operator orders is done once and has its entry, and what
// must not be done is refused with a reason.
func TestOrders(t *testing.T) {
	m := newMatter(t)
	m.send(m.assessment())
	key := "police/message/" + m.now().UTC().Format("2006-01")

	root := gateway.DigestOf([]byte("root"))
	if file := m.order(exchange.Order{Backup: &exchange.Backup{Entries: 7, Root: root}}); !gone(file) || exchange.OrderRefused(file) != "" {
		t.Error("backup not noted")
	}
	if e := m.tail(); e.Kind != disclosure.Incident || e.Code != "backup-taken" || e.Count != 7 || *e.Digest != root {
		t.Errorf("entry %+v, want that of the backup", e)
	}
	before := first(m.store.Store.Head(t.Context()))
	for _, o := range []exchange.Order{{}, {Destroy: "police/message/2019-01"}, {Destroy: key}} { // the last: of this month
		if file := m.order(o); !gone(file) || exchange.OrderRefused(file) == "" {
			t.Errorf("order %+v was not refused", o)
		}
	}
	if after := first(m.store.Store.Head(t.Context())); after != before {
		t.Error("a refused order has an entry")
	}

	m.pass(33 * 24 * time.Hour)
	if file := m.order(exchange.Order{Destroy: key}); exchange.OrderRefused(file) == "" {
		t.Error("a key was destroyed under which a message waits")
	}
	m.pass(-33 * 24 * time.Hour)

	// An order that cannot be recorded is not carried out, and stays.
	if b := m.poll(); len(b.Messages) != 1 || m.town.Ack(t.Context(), socialWorker, b.Messages[0]) != nil {
		t.Fatal("no exchange")
	}
	if n := first(m.store.Store.Purge(t.Context(), m.now(), nil)); n != 1 {
		t.Fatalf("purged %d bodies, want 1", n)
	}
	m.pass(33 * 24 * time.Hour)
	m.store.Break("Commit", storetest.Before, 0)
	file := m.order(exchange.Order{Destroy: key})
	if ring := m.ring(); gone(file) || len(first(ring.Keys())) == 0 || len(first(ring.Destroyed())) != 0 {
		t.Fatal("destroyed without an entry")
	}
	if other := m.order(exchange.Order{Destroy: "police/facts/2019-01"}); !gone(file) || !gone(other) {
		t.Error("the order that stayed was not carried out")
	}
	if e := m.tail(); e.Kind != disclosure.Purged || e.Code != "key-destroyed" || e.Discloser != police {
		t.Errorf("entry %+v, want that of the key", e)
	}
	if _, err := m.ring().Decrypt(key, make([]byte, 64), nil); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("Decrypt = %v, want ErrDestroyed", err)
	}
	if _, _, err := m.ring().Encrypt(police, "message", time.Now().UTC(), nil, nil); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("Encrypt = %v, want ErrDestroyed", err)
	}
}
