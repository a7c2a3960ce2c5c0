package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"sluss/gateway/envelope"
	"sluss/gateway/internal/watch"
)

// Config configures a [Watcher]. Path, Last and Registrars are required.
type Config struct {
	// Path is the directory file. It may be replaced at any time.
	Path string
	// Last is where the Watcher keeps a copy of the last directory it took, so
	// that an older one is known as older after a restart too.
	Last string
	// Registrars are the pinned keys.
	Registrars []envelope.PublicKey
	// Admit is called with a directory that is about to become current and with
	// what it changes; each change is to be made an entry of the log. If it
	// returns an error the old directory stays. It may be nil.
	Admit func(ctx context.Context, d *Directory, changes []Change) error
	// Report is told, once, of each file that was not taken. It may be nil.
	Report func(error)
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Watcher holds the current directory and follows its file. Its methods may be
// called by several goroutines at once.
type Watcher struct {
	cfg     Config
	files   *watch.Files
	current atomic.Pointer[Directory]
}

// NewWatcher takes the directory in cfg.Path, which must follow the one in
// cfg.Last if there is one. Without a directory that holds there is no Watcher.
func NewWatcher(ctx context.Context, cfg Config) (*Watcher, error) {
	if cfg.Path == "" || cfg.Last == "" || len(cfg.Registrars) < needed {
		return nil, fmt.Errorf("%w: Path, Last and %d registrars are required", ErrMalformed, needed)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &Watcher{cfg: cfg, files: watch.New(cfg.Path)}
	previous, err := w.last()
	if err != nil {
		return nil, fmt.Errorf("reading the last directory: %w", err)
	}
	load := func() error { return w.load(ctx, previous) }
	if _, _, err := w.files.Load(load); err != nil {
		return nil, fmt.Errorf("reading the directory: %w", err)
	}
	return w, nil
}

// Directory returns the current directory, never nil.
func (w *Watcher) Directory() *Directory { return w.current.Load() }

// Run follows the file until ctx is done and returns the cause.
func (w *Watcher) Run(ctx context.Context) error {
	return w.files.Run(ctx, func() error { return w.load(ctx, w.current.Load()) }, w.cfg.Report)
}

// last returns the directory taken before the restart, nil if there was none.
func (w *Watcher) last() (*Directory, error) {
	raw, err := os.ReadFile(w.cfg.Last)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, _, err := Parse(raw, w.cfg.Registrars, nil, w.cfg.Now())
	return d, err
}

// load takes the file as it is now: log, then the copy, then current. A crash
// in between logs a change twice, never not at all.
func (w *Watcher) load(ctx context.Context, previous *Directory) error {
	raw, err := os.ReadFile(w.cfg.Path)
	if err != nil {
		return err
	}
	d, changes, err := Parse(raw, w.cfg.Registrars, previous, w.cfg.Now())
	if err != nil {
		return err
	}
	if w.cfg.Admit != nil {
		if err := w.cfg.Admit(ctx, d, changes); err != nil {
			return fmt.Errorf("admitting a directory: %w", err)
		}
	}
	if err := keep(w.cfg.Last, raw); err != nil {
		return fmt.Errorf("keeping a directory: %w", err)
	}
	w.current.Store(d)
	return nil
}

// keep replaces the copy whole or not at all.
func keep(path string, raw []byte) (err error) {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, raw) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".directory-*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
