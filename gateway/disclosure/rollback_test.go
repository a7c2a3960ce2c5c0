package disclosure_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluss/gateway/disclosure"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

// grown makes a log of n entries in dir, stopped and closed.
func grown(t *testing.T, dir string, n int) {
	t.Helper()
	s := openStore(t, dir)
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	for range n {
		if _, err := l.Append(t.Context(), submission(t, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func alter(t *testing.T, dir, query string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r, err := db.Exec(query, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s: %d rows, %v", query, n, err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStart holds that a log that is not the one published is not run.
func TestStart(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  error
	}{
		{"good", func(*testing.T, string) {}, nil},
		{"database from a backup", func(t *testing.T, dir string) {
			old := t.TempDir()
			grown(t, old, 2)
			// Another log of fewer entries: what a restored backup looks like.
			move(t, filepath.Join(old, sqlite.FileName), filepath.Join(dir, sqlite.FileName))
		}, disclosure.ErrRollback},
		{"other entries, as many", func(t *testing.T, dir string) {
			old := t.TempDir()
			grown(t, old, 5)
			move(t, filepath.Join(old, sqlite.FileName), filepath.Join(dir, sqlite.FileName))
		}, disclosure.ErrFork},
		{"other entries, and more", func(t *testing.T, dir string) {
			old := t.TempDir()
			grown(t, old, 9)
			move(t, filepath.Join(old, sqlite.FileName), filepath.Join(dir, sqlite.FileName))
		}, disclosure.ErrFork},
		{"head set back", func(t *testing.T, dir string) {
			alter(t, dir, "UPDATE head SET size = 4")
		}, disclosure.ErrRollback},
		{"root altered", func(t *testing.T, dir string) {
			alter(t, dir, "UPDATE head SET root = randomblob(32)")
		}, disclosure.ErrFork},
		{"tile altered", func(t *testing.T, dir string) {
			alter(t, dir, "UPDATE tile SET hashes = randomblob(160)")
		}, disclosure.ErrFork},
		{"tile cut", func(t *testing.T, dir string) {
			alter(t, dir, "UPDATE tile SET hashes = substr(hashes, 1, 128)")
		}, disclosure.ErrFork},
		{"anchor missing", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "anchor")); err != nil {
				t.Fatal(err)
			}
		}, disclosure.ErrAnchor},
		{"anchor altered", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "anchor"), []byte("CANARY"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, disclosure.ErrAnchor},
		{"anchor unreadable", func(t *testing.T, dir string) {
			name := filepath.Join(dir, "anchor")
			if err := errors.Join(os.Remove(name), os.Mkdir(name, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, disclosure.ErrAnchor},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			grown(t, dir, 5)
			row.spoil(t, dir)
			s := openStore(t, dir)
			l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
			c, err := l.Append(t.Context(), submission(t, time.Now()))
			if started := l.Started(t.Context()); (started == nil) != (row.want == nil) || started != nil && !errors.Is(started, disclosure.ErrStopped) {
				t.Errorf("Started = %v", started)
			}
			if row.want == nil {
				if err != nil || c.Index() != 5 {
					t.Errorf("Append = %d, %v, want 5", c.Index(), err)
				}
				return
			}
			if !errors.Is(err, disclosure.ErrStopped) || !c.IsZero() {
				t.Errorf("Append = %v, want ErrStopped", err)
			}
			if err := l.stop(); !errors.Is(err, row.want) {
				t.Errorf("Run = %v, want %v", err, row.want)
			}
		})
	}
}

// TestAdopt holds that only an operator's word makes up for a missing anchor.
func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir, 3)
	anchor := filepath.Join(t.TempDir(), "anchor")
	l := run(t, disclosure.Config{Store: openStore(t, dir), Anchor: anchor, Adopt: true})
	if c, err := l.Append(t.Context(), submission(t, time.Now())); err != nil || c.Index() != 3 {
		t.Errorf("Append = %d, %v", c.Index(), err)
	}
	if _, err := os.Stat(anchor); err != nil {
		t.Errorf("anchor: %v", err)
	}
}

// TestStopWhileRunning lets the log go back or fork under the running gateway,
// as after a failover that lost commits.
func TestStopWhileRunning(t *testing.T) {
	for _, row := range []struct {
		name, query string
		want        error
	}{
		{"smaller", "UPDATE head SET size = 2", disclosure.ErrRollback},
		{"forked", "UPDATE head SET root = randomblob(32)", disclosure.ErrFork},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir)
			l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
			for range 3 {
				if _, err := l.Append(t.Context(), submission(t, time.Now())); err != nil {
					t.Fatal(err)
				}
			}
			alter(t, dir, row.query)
			w := submission(t, time.Now())
			if c, err := l.Append(t.Context(), w); !errors.Is(err, row.want) || !c.IsZero() {
				t.Errorf("Append = %v, want %v", err, row.want)
			}
			if _, _, err := s.Message(t.Context(), "police", w.Message.ID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("message: %v, want ErrNotFound", err)
			}
			if err := l.stop(); !errors.Is(err, row.want) {
				t.Errorf("Run = %v, want %v", err, row.want)
			}
			if _, err := l.Append(t.Context(), w); !errors.Is(err, disclosure.ErrStopped) {
				t.Errorf("Append after the stop = %v, want ErrStopped", err)
			}
		})
	}
}

// TestTwoWriters holds that two logs on one store, as replicas on one
// database, make one tree.
func TestTwoWriters(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	a := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	b := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor-b")})
	for i := range 40 {
		l := []running{a, b}[i%3%2]
		w := submission(t, time.Now())
		c, err := l.Append(t.Context(), w)
		if err != nil || c.Index() != uint64(i) {
			t.Fatalf("Append = %d, %v, want %d", c.Index(), err, i)
		}
		proof, err := c.Proof()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := disclosure.VerifyProof(proof, w.Entries[0].Leaf, policy(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(a.stop(), b.stop()); err != nil {
		t.Fatal(err)
	}
	sound(t, s, dir)
}

func TestAnchorDirectoryMissing(t *testing.T) {
	dir := t.TempDir()
	l := run(t, disclosure.Config{Store: openStore(t, dir), Anchor: filepath.Join(dir, "none", "anchor")})
	if _, err := l.Append(t.Context(), submission(t, time.Now())); !errors.Is(err, disclosure.ErrStopped) {
		t.Errorf("Append = %v, want ErrStopped", err)
	}
	if err := l.stop(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Run = %v, want an error about the anchor", err)
	}
}
