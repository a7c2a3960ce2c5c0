package disclosure_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluss/gateway/disclosure"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

// shown is a log as its operator shows it: a database and a checkpoint, with a
// hand in between.
type shown struct {
	disclosure.Source
	checkpoint []byte
	close      func() error
	bundles    int // that are given before it breaks off; 0: no end
}

func (s *shown) Checkpoint(context.Context) ([]byte, error) { return s.checkpoint, nil }

func (s *shown) Bundle(ctx context.Context, index uint64, width int) ([]byte, error) {
	if s.bundles--; s.bundles == 0 {
		return nil, context.Canceled
	}
	return s.Source.Bundle(ctx, index, width)
}

// witnessedLog makes a log of n entries in dir and returns what it shows, closed.
func witnessedLog(t *testing.T, dir string, n int, w *disclosure.Witnesses) []byte {
	t.Helper()
	s := openStore(t, dir)
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor"), Interval: 10 * time.Millisecond, Witnesses: w})
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	writes := make([]store.Write, n)
	for i := range writes {
		writes[i] = submission(t, time.Now())
	}
	if _, errs := l.AppendAll(t.Context(), writes); errors.Join(errs...) != nil {
		t.Fatal(errors.Join(errs...))
	}
	if w.Required() {
		if err := l.Witnessed(t.Context(), head.Size+uint64(n)-1); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return l.Checkpoint()
}

func monitor(t *testing.T, dir, state string, cp []byte, w *disclosure.Witnesses, now time.Duration) (*disclosure.Monitor, *shown) {
	t.Helper()
	db, err := sqlite.View(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	src := &shown{close: db.Close, Source: disclosure.FromStore(db, cp), checkpoint: cp}
	m, err := disclosure.NewMonitor(disclosure.MonitorConfig{Source: src, Witnesses: w, Dir: state,
		Now: func() time.Time { return time.Now().Add(now) }})
	if err != nil {
		t.Fatal(err)
	}
	return m, src
}

// TestMonitor shows a monitor a log, lets it grow, spoils one thing, and holds
// that the monitor, started anew, says what.
func TestMonitor(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, dir, old string)
		later time.Duration
		want  error
	}{
		{"nothing", func(*testing.T, string, string) {}, 0, nil},
		{"an old backup", func(t *testing.T, dir, old string) { backup(t, old, dir) }, 0, disclosure.ErrRollback},
		{"an old backup that has grown", func(t *testing.T, dir, old string) {
			grown(t, old, 40)
			backup(t, old, dir)
		}, 0, disclosure.ErrFork},
		{"another history of the same size", func(t *testing.T, dir, old string) {
			grown(t, old, 20)
			backup(t, old, dir)
		}, 0, disclosure.ErrFork},
		{"a leaf that was seen", func(t *testing.T, dir, _ string) {
			alter(t, dir, "UPDATE entry SET leaf = randomblob(64) WHERE idx = 270")
		}, 0, disclosure.ErrFork},
		{"a new leaf", func(t *testing.T, dir, _ string) {
			alter(t, dir, "UPDATE entry SET leaf = randomblob(64) WHERE idx = 285")
		}, 0, disclosure.ErrProof},
		{"a tile", func(t *testing.T, dir, _ string) {
			alter(t, dir, "UPDATE tile SET hashes = randomblob(length(hashes)) WHERE length(hashes) < 8192")
		}, 0, disclosure.ErrProof},
		{"nothing, and nothing came for an hour", func(*testing.T, string, string) {}, time.Hour, disclosure.ErrStalled},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir, old, state := t.TempDir(), t.TempDir(), t.TempDir()
			w := trust(t, 1, newStation(t, "a"))
			witnessedLog(t, dir, 260, w)
			backup(t, dir, old)
			cp := witnessedLog(t, dir, 20, w)
			m, src := monitor(t, dir, state, cp, w, 0)
			if r, err := m.Round(t.Context()); err != nil || r.New != 280 {
				t.Fatalf("first round: %+v, %v", r, err)
			}
			src.close()
			cp = witnessedLog(t, dir, 10, w)
			row.spoil(t, dir, old)
			if anchor, err := os.ReadFile(filepath.Join(dir, "anchor")); err != nil {
				t.Fatal(err)
			} else if errors.Is(row.want, disclosure.ErrRollback) || errors.Is(row.want, disclosure.ErrFork) {
				cp = anchor
			}
			for range 2 { // an alarm does not go away by looking again
				m, src := monitor(t, dir, state, cp, w, row.later)
				r, err := m.Round(t.Context())
				src.close()
				if !errors.Is(err, row.want) || err == nil && (r.Tip.Size != 290 || r.Last.IsZero()) {
					t.Errorf("second round: %+v, %v, want %v", r, err, row.want)
				}
			}
			evidence, err := filepath.Glob(filepath.Join(state, "evidence-*"))
			if fork := errors.Is(row.want, disclosure.ErrRollback) || errors.Is(row.want, disclosure.ErrFork); err != nil || fork != (len(evidence) == 1) {
				t.Errorf("%d pieces of evidence, %v", len(evidence), err)
			}
		})
	}
}

// TestMonitorWantsQuorum holds that a log that no quorum has cosigned is not
// taken for one that was.
func TestMonitorWantsQuorum(t *testing.T) {
	dir := t.TempDir()
	cp := witnessedLog(t, dir, 3, nil)
	m, _ := monitor(t, dir, t.TempDir(), cp, trust(t, 1, newStation(t, "a")), 0)
	if _, err := m.Round(t.Context()); !errors.Is(err, disclosure.ErrQuorum) {
		t.Errorf("Round = %v, want ErrQuorum", err)
	}
}

// TestMonitorResumes cuts a long reading off and holds that the next run goes on
// where it was, and comes to the same.
func TestMonitorResumes(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	cp := witnessedLog(t, dir, 1100, nil)
	w := trust(t, 1, newStation(t, "a"))
	m, src := monitor(t, dir, state, cp, w, 0)
	m.RememberEvery(256)
	src.bundles = 4
	if _, err := m.Round(t.Context()); !errors.Is(err, context.Canceled) {
		t.Fatalf("cut off: %v", err)
	}
	m, src = monitor(t, dir, state, cp, w, 0)
	src.bundles = 3 // the fourth and the fifth of five bundles, no more
	if r, err := m.Round(t.Context()); !errors.Is(err, disclosure.ErrQuorum) || r.Tip.Size != 1100 {
		t.Errorf("resumed: %+v, %v, want ErrQuorum after all else", r, err)
	}
	if err := os.WriteFile(filepath.Join(state, "seen.json"), []byte(`{"checkpoint":"CANARY"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := disclosure.NewMonitor(disclosure.MonitorConfig{Source: src, Witnesses: w, Dir: state}); !errors.Is(err, disclosure.ErrProof) {
		t.Errorf("a memory that was spoiled: %v, want ErrProof", err)
	}
}

// TestExtends holds that a receipt given under another history is found out.
func TestExtends(t *testing.T) {
	dir, old := t.TempDir(), t.TempDir()
	witnessedLog(t, dir, 300, nil)
	backup(t, dir, old)
	grown(t, dir, 3)
	grown(t, old, 2)
	tip := func(dir string) (disclosure.Tip, *sqlite.Store, []byte) {
		cp, err := os.ReadFile(filepath.Join(dir, "anchor"))
		if err != nil {
			t.Fatal(err)
		}
		tip, err := disclosure.OpenCheckpoint(cp, policy(t))
		if err != nil {
			t.Fatal(err)
		}
		return tip, openStore(t, dir), cp
	}
	now, s, cp := tip(dir)
	other, _, _ := tip(old)
	src := disclosure.FromStore(s, cp)
	for _, row := range []struct {
		name string
		tip  disclosure.Tip
		want error
	}{
		{"itself", now, nil}, {"nothing", disclosure.Tip{}, nil}, {"another history", other, disclosure.ErrFork},
		{"more", disclosure.Tip{Size: 304, Root: now.Root}, disclosure.ErrRollback},
	} {
		if err := disclosure.Extends(t.Context(), src, row.tip, policy(t)); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
}
