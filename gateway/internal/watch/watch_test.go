package watch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway/internal/watch"
)

// TestLoad holds Load to calling when, and only when, there is something new.
func TestLoad(t *testing.T) {
	broken := errors.New("half written")
	steps := []struct {
		name   string
		change func(path string) error
		fail   error
		called bool
		known  bool
	}{
		{name: "first", called: true},
		{name: "unchanged"},
		{name: "rewritten in place", change: func(p string) error { return os.WriteFile(p, []byte("longer"), 0o600) }, called: true},
		{name: "unchanged again"},
		{name: "replaced by rename", change: replace, fail: broken, called: true},
		{name: "failure is tried again", fail: broken, called: true, known: true},
		{name: "and can be mended", called: true, known: true},
		{name: "touched", change: touch, called: true},
		{name: "removed", change: os.Remove, fail: broken, called: true},
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := watch.New(path)
	for _, step := range steps {
		if step.change != nil {
			if err := step.change(path); err != nil {
				t.Fatal(err)
			}
		}
		called, known, err := files.Load(func() error { return step.fail })
		if called != step.called || known != step.known || !errors.Is(err, step.fail) {
			t.Errorf("%s: got called %v, known %v, error %v; want %v, %v, %v",
				step.name, called, known, err, step.called, step.known, step.fail)
		}
	}
}

func replace(path string) error {
	if err := os.WriteFile(path+".new", []byte("longer"), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func touch(path string) error {
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	return os.Chtimes(path, at, at)
}

// TestRun sees each failure reported once, however often it is met.
func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*watch.Interval)
		defer cancel()
		loads, reports := 0, 0
		err := watch.New(path).Run(ctx, func() error { loads++; return os.ErrNotExist }, func(error) { reports++ })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's cause", err)
		}
		if loads < 9 || reports != 1 {
			t.Errorf("got %d loads and %d reports, want at least 9 and 1", loads, reports)
		}
	})
}
