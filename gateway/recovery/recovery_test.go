package recovery_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/keys"
	"sluss/gateway/recovery"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
	"sluss/gateway/store/storetest"
)

const origin = "test.sluss/log"

// lost is a gateway whose log had some entries more than its database has.
type lost struct {
	*testing.T
	db   **sqlite.Store // of the restored one; a test puts another in its place
	ring *keys.Ring
	cfg  recovery.Config
}

var key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// newLost makes a log of five entries, and a database that has the first three.
func newLost(t *testing.T) lost {
	t.Helper()
	dir := t.TempDir()
	ring, err := keys.OpenRing(filepath.Join(dir, "ring"), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	l := lost{T: t, ring: ring, cfg: recovery.Config{Keys: ring, Ring: filepath.Join(dir, "ring"), Key: key, Anchor: filepath.Join(dir, "anchor"), Previous: origin}}
	full := l.open(filepath.Join(dir, "full"))
	var three []store.Row
	l.append(full, origin, 3)
	err = full.Export(t.Context(), func(r store.Row) error { three = append(three, r); return nil })
	if err != nil {
		t.Fatal(err)
	}
	l.append(full, origin, 2)
	if l.cfg.Checkpoint, err = os.ReadFile(l.cfg.Anchor); err != nil {
		t.Fatal(err)
	}
	db := l.open(filepath.Join(dir, "restored"))
	l.db, l.cfg.Store = &db, db
	err = db.Import(t.Context(), func(put func(store.Row) error) error {
		for _, r := range three {
			if err := put(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l lost) open(dir string) *sqlite.Store {
	l.Helper()
	db, err := sqlite.Open(l.Context(), sqlite.Config{Dir: dir, Reserve: -1})
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { db.Close() })
	return db
}

// append appends n entries to a log.
func (l lost) append(db store.Store, origin string, n int) {
	l.Helper()
	log, err := disclosure.New(disclosure.Config{Store: db, Key: key, Origin: origin, Anchor: l.cfg.Anchor})
	if err != nil {
		l.Fatal(err)
	}
	ctx, stop := context.WithCancel(l.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	for range n {
		entry, err := disclosure.NewEntry(disclosure.E1{Kind: disclosure.Incident, Time: disclosure.At(time.Now()), Code: "canary"}, disclosure.E2{}, l.ring)
		if err == nil {
			_, err = log.Append(ctx, store.Write{Entries: []store.Entry{entry}})
		}
		if err != nil {
			l.Fatal(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		l.Fatal(err)
	}
}

func (l lost) check(origin string) (recovery.History, error) {
	return recovery.Check(l.Context(), *l.db, l.ring, l.cfg.Ring, origin)
}

func (l lost) mark() recovery.History {
	l.Helper()
	h, err := recovery.Mark(l.Context(), l.cfg)
	if err != nil {
		l.Fatal(err)
	}
	return h
}

// TestMark restores twice: each marker is the first entry under the next name,
// and the anchors of the old ones stay.
func TestMark(t *testing.T) {
	l := newLost(t)
	if h, err := l.check(origin); err != nil || len(h) != 0 {
		t.Errorf("before: %v, %v", h, err)
	}
	h := l.mark()
	if len(h) != 1 || h.Origin() != origin+"/2" || h[0].Index != 3 || h[0].Checkpoint != string(l.cfg.Checkpoint) {
		t.Fatalf("marked %+v", h)
	}
	got, err := l.check(origin + "/2")
	if err != nil || len(got.Moments()) != 1 || !got.Moments()[0].Equal(h[0].Time) {
		t.Errorf("Check = %+v, %v", got, err)
	}
	l.append(*l.db, origin+"/2", 2) // and it goes on
	if raw, err := os.ReadFile(l.cfg.Anchor + ".1"); err != nil || string(raw) != string(l.cfg.Checkpoint) {
		t.Errorf("the old anchor: %q, %v", raw, err)
	}
	found, err := disclosure.Fsck(t.Context(), *l.db, disclosure.FsckOptions{Opener: l.ring})
	if err != nil || len(found) > 0 {
		t.Errorf("Fsck = %q, %v", found, err)
	}

	second := l
	second.cfg.Previous = origin + "/2"
	if second.cfg.Checkpoint, err = os.ReadFile(l.cfg.Anchor); err != nil {
		t.Fatal(err)
	}
	if h = second.mark(); len(h) != 2 || h.Origin() != origin+"/3" || h[1].Index != 6 {
		t.Errorf("marked again %+v", h)
	}
	if _, err := l.check(origin + "/3"); err != nil {
		t.Error(err)
	}
}

// TestCheck spoils one thing after a restore; the gateway must not run.
func TestCheck(t *testing.T) {
	for name, row := range map[string]struct {
		spoil  func(l lost)
		origin string
	}{
		"the old name":       {func(lost) {}, origin},
		"a later name":       {func(lost) {}, origin + "/3"},
		"no file":            {func(l lost) { os.Remove(filepath.Join(l.cfg.Ring, recovery.FileName)) }, origin + "/2"},
		"no row and no file": {func(l lost) { l.alter("state"); os.Remove(filepath.Join(l.cfg.Ring, recovery.FileName)) }, origin + "/2"},
		"no row":             {func(l lost) { l.alter("state") }, origin + "/2"},
		"no document":        {func(l lost) { l.alter("document") }, origin + "/2"},
		"a file of its own": {func(l lost) {
			l.rewrite(func(s string) string { return strings.Replace(s, `"index":3`, `"index":2`, 1) })
		}, origin + "/2"},
		"a file that is none": {func(l lost) { l.rewrite(func(string) string { return "CANARY" }) }, origin + "/2"},
		"another key's MAC":   {func(l lost) { l.forge() }, origin + "/2"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLost(t)
			l.mark()
			row.spoil(l)
			if h, err := l.check(row.origin); !errors.Is(err, recovery.ErrMarker) {
				t.Errorf("Check = %+v, %v, want ErrMarker", h, err)
			}
		})
	}
}

// alter makes a copy of the database without the marker's row of a table.
func (l lost) alter(table string) {
	l.replace(func(r store.Row) (store.Row, bool) { return r, r.Table != table || r.Values[0] != recovery.StateName })
}

// replace makes the database one with the rows that f keeps, as it makes them.
func (l lost) replace(f func(store.Row) (store.Row, bool)) {
	l.Helper()
	next := l.open(l.TempDir())
	err := next.Import(l.Context(), func(put func(store.Row) error) error {
		return (*l.db).Export(l.Context(), func(r store.Row) error {
			if r, ok := f(r); ok {
				return put(r)
			}
			return nil
		})
	})
	if err != nil {
		l.Fatal(err)
	}
	*l.db = next
}

func (l lost) rewrite(f func(string) string) {
	l.Helper()
	name := filepath.Join(l.cfg.Ring, recovery.FileName)
	raw, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, []byte(f(string(raw))), 0o600)
	}
	if err != nil {
		l.Fatal(err)
	}
}

// forge sets the row anew as who can write the database can, without the key.
func (l lost) forge() {
	l.Helper()
	st, err := (*l.db).States(l.Context(), []string{recovery.StateName})
	if err != nil {
		l.Fatal(err)
	}
	doc, err := (*l.db).Document(l.Context(), recovery.StateName)
	if err != nil {
		l.Fatal(err)
	}
	next := st[0]
	next.Version, next.Digest, doc.Version = next.Version+1, gateway.DigestOf(doc.Body), next.Version+1
	r, err := (*l.db).Commit(l.Context(), []store.Write{{Set: []store.State{next}, Documents: []store.Document{doc}}}, storetest.Grow)
	if err != nil || r[0].Err != nil {
		l.Fatal(err, r)
	}
}

// TestEvidence: without a checkpoint of the lost log that goes with the backup
// nothing is marked.
func TestEvidence(t *testing.T) {
	for name, spoil := range map[string]func(*recovery.Config){
		"none":          func(c *recovery.Config) { c.Checkpoint = nil },
		"another log's": func(c *recovery.Config) { c.Previous = "other.sluss/log" },
		"altered": func(c *recovery.Config) {
			c.Checkpoint = []byte(strings.Replace(string(c.Checkpoint), "\n5\n", "\n4\n", 1))
		},
		"another key's": func(c *recovery.Config) {
			c.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
		},
	} {
		l := newLost(t)
		spoil(&l.cfg)
		if _, err := recovery.Mark(t.Context(), l.cfg); !errors.Is(err, recovery.ErrEvidence) {
			t.Errorf("%s: Mark = %v, want ErrEvidence", name, err)
		}
		if h, err := recovery.Known(l.cfg.Ring); err != nil || len(h) != 0 {
			t.Errorf("%s: known %v, %v", name, h, err)
		}
	}
}

func TestNext(t *testing.T) {
	for from, want := range map[string]string{"a.sluss/log": "a.sluss/log/2", "a.sluss/log/2": "a.sluss/log/3", "a/log/99": "a/log/100"} {
		if got := recovery.Next(from); got != want {
			t.Errorf("Next(%s) = %s, want %s", from, got, want)
		}
	}
}
