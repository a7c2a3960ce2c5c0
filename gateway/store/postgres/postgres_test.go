package postgres_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sluss/gateway"
	"sluss/gateway/store"
	"sluss/gateway/store/pgtest"
	"sluss/gateway/store/postgres"
	"sluss/gateway/store/storetest"
)

// shared is the server of the tests that do nothing to it.
var shared pgtest.Shared

func TestStore(t *testing.T) {
	databases := map[string]string{} // by the directory that the suite knows
	var mu sync.Mutex
	storetest.Run(t, func(t *testing.T, dir string, l storetest.Limits) store.Store {
		mu.Lock()
		defer mu.Unlock()
		if databases[dir] == "" {
			databases[dir] = shared.Database(t)
		}
		return open(t, postgres.Config{DSN: databases[dir], Mailbox: l.Mailbox, Sender: l.Sender})
	})
}

func open(t *testing.T, cfg postgres.Config) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// now is the time of everything that is written, as it is in the suite.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// write makes a write with an entry.
func write(n uint64) store.Write {
	text := binary.BigEndian.AppendUint64([]byte("CANARY"), n)
	sum := sha256.Sum256(text)
	return store.Write{Entries: []store.Entry{{Leaf: [64]byte(append(sum[:], sum[:]...)), E1: text, Kind: "incident", Time: now}}}
}

func commit(s store.Store, writes ...store.Write) ([]store.Result, error) {
	return s.Commit(context.Background(), writes, storetest.Grow)
}

func size(t *testing.T, s store.Store) uint64 {
	t.Helper()
	h, err := s.Head(t.Context())
	must(t, err)
	return h.Size
}

// execute executes a statement in a database behind the store's back.
func execute(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), sql)
	must(t, err)
}

func gatewayID(n uint64) gateway.MessageID {
	return gateway.MessageID(fmt.Sprintf("urn:uuid:019abcde-0000-7000-8000-%012x", n))
}
