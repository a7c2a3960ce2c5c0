package sqlite_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
	"sluss/gateway/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string, l storetest.Limits) store.Store {
		return open(t, sqlite.Config{Dir: dir, Mailbox: l.Mailbox, Sender: l.Sender, Reserve: -1})
	})
}

func open(t *testing.T, cfg sqlite.Config) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// write makes a write with an entry of this many bytes.
func write(n uint64, bytes int) store.Write {
	text := binary.BigEndian.AppendUint64([]byte("CANARY"), n)
	sum := sha256.Sum256(text)
	return store.Write{Entries: []store.Entry{{
		Leaf: [64]byte(append(sum[:], sum[:]...)), E1: append(text, make([]byte, bytes)...), Kind: "incident",
		Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}}}
}

func size(t *testing.T, s store.Store) uint64 {
	t.Helper()
	h, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h.Size
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, sqlite.Config{Dir: dir, Reserve: -1})
	if _, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir, Reserve: -1}); !errors.Is(err, sqlite.ErrLocked) {
		t.Errorf("second Open = %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, sqlite.Config{Dir: dir, Reserve: -1})
	if _, err := s.Commit(t.Context(), []store.Write{write(1, 0)}, storetest.Grow); !errors.Is(err, sqlite.ErrClosed) {
		t.Errorf("Commit after Close = %v, want ErrClosed", err)
	}
}

func TestSchema(t *testing.T) {
	for name, spoil := range map[string]string{
		"later version":     "PRAGMA user_version = 99",
		"other application": "PRAGMA application_id = 1",
		"no version":        "PRAGMA user_version = 0",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, sqlite.Config{Dir: dir, Reserve: -1}).Close()
			alter(t, dir, spoil)
			if _, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir, Reserve: -1}); !errors.Is(err, sqlite.ErrSchema) {
				t.Errorf("Open = %v, want ErrSchema", err)
			}
			if _, err := sqlite.View(t.Context(), dir); !errors.Is(err, sqlite.ErrSchema) {
				t.Errorf("View = %v, want ErrSchema", err)
			}
		})
	}
	t.Run("not a database", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, sqlite.FileName), slices.Repeat([]byte("CANARY"), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir, Reserve: -1}); err == nil {
			t.Error("Open gave no error")
		}
	})
}

// alter executes a statement on the database behind the store's back.
func alter(t *testing.T, dir, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
}

func TestUnsafe(t *testing.T) {
	s := open(t, sqlite.Config{Dir: t.TempDir(), Reserve: -1})
	if err := s.CheckSettings(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ spoil, mend string }{
		{"synchronous = NORMAL", "synchronous = FULL"},
		{"synchronous = OFF", "synchronous = FULL"},
		{"locking_mode = EXCLUSIVE", "locking_mode = NORMAL"},
		{"ignore_check_constraints = 1", "ignore_check_constraints = 0"},
		{"writable_schema = 1", "writable_schema = 0"},
	} {
		if err := s.Pragma(t.Context(), row.spoil); err != nil {
			t.Fatal(err)
		}
		if err := s.CheckSettings(t.Context()); !errors.Is(err, sqlite.ErrUnsafe) {
			t.Errorf("%s: %v, want ErrUnsafe", row.spoil, err)
		}
		if err := s.Pragma(t.Context(), row.mend); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CheckSettings(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestFull fills the file to its limit: the batch that does not fit is refused
// whole, and what fits goes on.
func TestFull(t *testing.T) {
	s := open(t, sqlite.Config{Dir: t.TempDir(), Reserve: -1})
	if err := s.Pragma(t.Context(), "max_page_count = 60"); err != nil {
		t.Fatal(err)
	}
	var n uint64
	for ; ; n++ {
		_, err := s.Commit(t.Context(), []store.Write{write(n, 10_000)}, storetest.Grow)
		if errors.Is(err, store.ErrFull) {
			break
		}
		if err != nil || n > 100 {
			t.Fatalf("Commit %d = %v, want ErrFull in the end", n, err)
		}
	}
	if got := size(t, s); got != n {
		t.Errorf("size %d, want %d", got, n)
	}
	if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("Check = %q, %v", found, err)
	}
	if err := s.Pragma(t.Context(), "max_page_count = 1000"); err != nil { // as after ReleaseReserve
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), []store.Write{write(n, 10_000)}, storetest.Grow); err != nil {
		t.Errorf("Commit with room again: %v", err)
	}
}

// TestReserved fills the file of a store that has a reserve: from then on only
// entries that say so are written, until there is space again.
func TestReserved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, sqlite.Config{Dir: dir, Reserve: 1 << 20})
	pragma := func(p string) {
		t.Helper()
		if err := s.Pragma(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	pragma("max_page_count = 60")
	var n uint64
	for ; n < 100; n++ {
		if _, err := s.Commit(t.Context(), []store.Write{write(n, 10_000)}, storetest.Grow); errors.Is(err, store.ErrFull) {
			break
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "reserve")); err == nil || s.Room() == nil {
		t.Errorf("reserve %v, room %v on a full disk", err, s.Room())
	}
	pragma("max_page_count = 1000") // as if the reserve had been that much
	entry := store.Write{Entries: write(n+1, 0).Entries}
	kept := entry
	kept.Entries, kept.Reserved = write(n+2, 0).Entries, true
	rows := write(n+3, 0)
	rows.Reserved, rows.Message = true, &store.Message{Issuer: "police", ID: "urn:uuid:x"}
	again := write(n, 10_000)
	got, err := s.Commit(t.Context(), []store.Write{again, entry, kept, rows}, storetest.Grow)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{store.ErrFull, store.ErrFull, nil, store.ErrInvalid} {
		if !errors.Is(got[i].Err, want) {
			t.Errorf("write %d: %v, want %v", i, got[i].Err, want)
		}
	}
	if back, err := s.Recover(); !back || err != nil || s.Room() != nil {
		t.Errorf("Recover = %v, %v, room %v", back, err, s.Room())
	}
	if got, err := s.Commit(t.Context(), []store.Write{again}, storetest.Grow); err != nil || got[0].Err != nil {
		t.Errorf("Commit with space again: %v, %v", got, err)
	}
	if back, err := s.Recover(); back || err != nil {
		t.Errorf("Recover with room = %v, %v", back, err)
	}
}

// TestUnknown holds that after a COMMIT that failed for any other reason
// nothing more is written, until the store is opened again.
func TestUnknown(t *testing.T) {
	dir := t.TempDir()
	s := open(t, sqlite.Config{Dir: dir, Reserve: -1})
	if err := s.FailCommit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), []store.Write{write(1, 0)}, storetest.Grow); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("Commit = %v, want ErrUnknown", err)
	}
	for range 2 {
		_, err := s.Commit(t.Context(), []store.Write{write(2, 0)}, storetest.Grow)
		if !errors.Is(err, sqlite.ErrStopped) || !errors.Is(err, store.ErrUnknown) {
			t.Errorf("Commit afterwards = %v, want ErrStopped", err)
		}
		if _, err := s.Purge(t.Context(), time.Now(), nil); !errors.Is(err, sqlite.ErrStopped) {
			t.Errorf("Purge afterwards = %v, want ErrStopped", err)
		}
	}
	s.Close()
	s = open(t, sqlite.Config{Dir: dir, Reserve: -1})
	if _, err := s.Commit(t.Context(), []store.Write{write(2, 0)}, storetest.Grow); err != nil || size(t, s) != 1 {
		t.Errorf("Commit after opening again = %v, size %d", err, size(t, s))
	}
}

func TestReserve(t *testing.T) {
	dir := t.TempDir()
	s := open(t, sqlite.Config{Dir: dir, Reserve: 3 << 20})
	file := filepath.Join(dir, "reserve")
	stat := func() int64 {
		fi, err := os.Stat(file)
		if err != nil {
			return -1
		}
		return fi.Size()
	}
	if stat() != 3<<20 {
		t.Errorf("reserve of %d bytes", stat())
	}
	for _, want := range []bool{true, false} {
		if got, err := s.ReleaseReserve(); got != want || err != nil || stat() != -1 {
			t.Errorf("ReleaseReserve = %v, %v, want %v", got, err, want)
		}
	}
	if err := s.RestoreReserve(); err != nil || stat() != 3<<20 {
		t.Errorf("RestoreReserve = %v, %d bytes", err, stat())
	}
}

// TestView reads beside a gateway that writes, and cannot write.
func TestView(t *testing.T) {
	dir := t.TempDir()
	if _, err := sqlite.View(t.Context(), dir); err == nil {
		t.Error("View of an empty directory gave no error")
	}
	s := open(t, sqlite.Config{Dir: dir, Reserve: -1})
	v, err := sqlite.View(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if _, err := s.Commit(t.Context(), []store.Write{write(1, 0)}, storetest.Grow); err != nil {
		t.Fatal(err)
	}
	if size(t, v) != 1 {
		t.Errorf("view has size %d", size(t, v))
	}
	if _, err := v.Commit(t.Context(), []store.Write{write(2, 0)}, storetest.Grow); !errors.Is(err, sqlite.ErrStopped) {
		t.Errorf("Commit of a view = %v, want ErrStopped", err)
	}
	if _, err := v.Purge(t.Context(), time.Now(), []gateway.MessageType{}); !errors.Is(err, sqlite.ErrStopped) {
		t.Errorf("Purge of a view = %v, want ErrStopped", err)
	}
}

// TestIndexed holds that the queries of the hot path read an index and sort
// nothing.
func TestIndexed(t *testing.T) {
	dir := t.TempDir()
	open(t, sqlite.Config{Dir: dir, Reserve: -1})
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for index, query := range map[string]string{
		"mail_open":     "SELECT * FROM mail WHERE agency = 'a' AND role IN ('r') AND " + sqlite.OpenStates + " AND lease <= 5 ORDER BY lease, seq LIMIT +3",
		"mail_expires":  "SELECT * FROM mail WHERE " + sqlite.OpenStates + " AND expires <= 5 ORDER BY expires, seq LIMIT +3",
		"mail_message":  "SELECT * FROM mail WHERE message <> '' AND message = 'm' AND issuer = 'i' ORDER BY seq",
		"entry_subject": "SELECT * FROM entry WHERE subject <> '' AND subject = 's' ORDER BY time DESC, idx DESC LIMIT +3",
	} {
		if plan := explain(t, db, query); !plan.uses(index) || plan.sorts() {
			t.Errorf("%s: plan %q", index, plan)
		}
	}
}

type plan []string

func explain(t *testing.T, db *sql.DB, query string) (p plan) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		p = append(p, detail)
	}
	return p
}

func (p plan) uses(index string) bool {
	return slices.ContainsFunc(p, func(s string) bool { return strings.Contains(s, "USING INDEX "+index+" ") })
}

func (p plan) sorts() bool {
	return slices.ContainsFunc(p, func(s string) bool { return strings.Contains(s, "TEMP B-TREE") })
}
