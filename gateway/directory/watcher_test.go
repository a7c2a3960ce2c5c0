package directory_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway/directory"
	"sluss/gateway/envelope"
)

// post is a directory file with a watcher's configuration.
type post struct {
	directory.Config
	mu      sync.Mutex // the watcher's goroutine calls back
	reports []error
	admit   error
	changes int
}

func newPost(t *testing.T, lines []line) *post {
	t.Helper()
	dir := t.TempDir()
	p := &post{}
	p.Config = directory.Config{
		Path: filepath.Join(dir, "directory.json"), Last: filepath.Join(dir, "last.json"), Registrars: registrars(t),
		Now: func() time.Time { return now },
		Report: func(err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.reports = append(p.reports, err)
		},
		Admit: func(_ context.Context, _ *directory.Directory, _ []byte, changes []directory.Change) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.admit == nil {
				p.changes += len(changes)
			}
			return p.admit
		},
	}
	p.publish(t, lines)
	return p
}

func (p *post) publish(t *testing.T, lines []line) {
	t.Helper()
	if err := os.WriteFile(p.Path+".new", file(t, lines), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p.Path+".new", p.Path); err != nil {
		t.Fatal(err)
	}
}

// refuse makes the log refuse what is to be admitted.
func (p *post) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.admit = err
}

// revoked returns the world after the system of the police was revoked.
func revoked(t *testing.T) []line {
	l := world(t)
	l[policeSystem].Seq, l[policeSystem].Status, l[policeSystem].Since = 2, envelope.Retired, now.Add(-time.Minute)
	return l
}

func TestWatcher(t *testing.T) {
	p := newPost(t, world(t))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w, err := directory.NewWatcher(ctx, p.Config)
		if err != nil {
			t.Fatal(err)
		}
		if p.changes != len(world(t)) {
			t.Errorf("the first directory has %d changes, want %d", p.changes, len(world(t)))
		}
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		stands := func(step string, active bool, changes, reports int) {
			t.Helper()
			time.Sleep(2500 * time.Millisecond) // between two looks at the file
			synctest.Wait()
			if s, ok := w.Directory().System(policeURI); !ok || s.Active(now) != active {
				t.Errorf("%s: system found %v, active %v; want active %v", step, ok, s.Active(now), active)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.changes != changes || len(p.reports) != reports {
				t.Errorf("%s: %d changes, %d reports (%v); want %d and %d", step, p.changes, len(p.reports), p.reports, changes, reports)
			}
			p.changes, p.reports = 0, nil
		}
		stands("at first", true, 13, 0)
		if err := os.WriteFile(p.Path, []byte("half a"), 0o600); err != nil {
			t.Fatal(err)
		}
		stands("half written", true, 0, 1)
		p.refuse(errors.New("log is not writable"))
		p.publish(t, revoked(t))
		stands("not logged", true, 0, 1)
		p.refuse(nil)
		stands("logged at last", false, 1, 0)
		p.publish(t, world(t))
		stands("older", false, 0, 1)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: got %v, want the context's cause", err)
		}
	})
}

// TestWatcherRestart holds a new Watcher to what the last one had taken.
func TestWatcherRestart(t *testing.T) {
	p := newPost(t, revoked(t))
	if _, err := directory.NewWatcher(t.Context(), p.Config); err != nil {
		t.Fatal(err)
	}
	p.changes = 0
	if _, err := directory.NewWatcher(t.Context(), p.Config); err != nil || p.changes != 0 {
		t.Errorf("restart: got %v with %d changes, want none", err, p.changes)
	}
	p.publish(t, world(t))
	if _, err := directory.NewWatcher(t.Context(), p.Config); !errors.Is(err, directory.ErrSequence) {
		t.Errorf("older directory after a restart: got %v, want %v", err, directory.ErrSequence)
	}
}

func TestNewWatcherRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(p *post)
		want  error
	}{
		{"no path", func(p *post) { p.Path = "" }, directory.ErrMalformed},
		{"no place for the copy", func(p *post) { p.Last = "" }, directory.ErrMalformed},
		{"one registrar", func(p *post) { p.Registrars = p.Registrars[:1] }, directory.ErrMalformed},
		{"no file", func(p *post) { os.Remove(p.Path) }, os.ErrNotExist},
		{"copy is damaged", func(p *post) { os.WriteFile(p.Last, []byte("CANARY"), 0o600) }, directory.ErrMalformed},
		{"copy cannot be written", func(p *post) { p.Last = filepath.Join(p.Last, "last.json") }, os.ErrNotExist},
		{"log is not writable", func(p *post) { p.admit = os.ErrPermission }, os.ErrPermission},
	} {
		p := newPost(t, world(t))
		tt.spoil(p)
		if w, err := directory.NewWatcher(t.Context(), p.Config); w != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}
