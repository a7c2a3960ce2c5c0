package directory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sluss/gateway"
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
	// Admit is called with a directory that is about to become current, the file
	// it was read from and what it changes; each change is to be made an entry of
	// the log. raw is nil for one that Elsewhere gave, which has its entries. If
	// Admit returns an error the old directory stays. It may be nil.
	Admit func(ctx context.Context, d *Directory, raw []byte, changes []Change) error
	// Elsewhere returns the file that another gateway has admitted since, nil if
	// there is none. It is verified like the one in Path. It may be nil.
	Elsewhere func(ctx context.Context) ([]byte, error)
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
	mu      sync.Mutex // held while a directory is taken
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
	if err := w.follow(ctx, previous); err != nil {
		return nil, fmt.Errorf("reading the directory that is in force elsewhere: %w", err)
	}
	load := func() error { return w.load(ctx, cmp.Or(w.current.Load(), previous)) }
	if _, _, err := w.files.Load(load); err != nil {
		// With one in force, a file that does not hold stops nothing.
		if err = fmt.Errorf("reading the directory: %w", err); w.current.Load() == nil {
			return nil, err
		}
		if cfg.Report != nil {
			cfg.Report(err)
		}
	}
	return w, nil
}

// Directory returns the current directory, never nil.
func (w *Watcher) Directory() *Directory { return w.current.Load() }

// Run follows the file and what other gateways admit until ctx is done and
// returns the cause.
func (w *Watcher) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return w.files.Run(ctx, func() error { return w.load(ctx, w.current.Load()) }, w.cfg.Report)
	})
	g.Go(func() error {
		tick := time.NewTicker(watch.Interval)
		defer tick.Stop()
		for told := ""; ; {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-tick.C:
			}
			said := ""
			if err := w.Follow(ctx); err != nil {
				if said = err.Error(); said != told && w.cfg.Report != nil && ctx.Err() == nil {
					w.cfg.Report(err)
				}
			}
			told = said
		}
	})
	return g.Wait()
}

// Follow takes over at once what another gateway has admitted.
func (w *Watcher) Follow(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.follow(ctx, w.current.Load())
}

// follow is Follow with the directory that came before. The caller holds mu, or
// is the only one yet.
func (w *Watcher) follow(ctx context.Context, previous *Directory) error {
	if w.cfg.Elsewhere == nil {
		return nil
	}
	raw, err := w.cfg.Elsewhere(ctx)
	if err != nil || raw == nil {
		return err
	}
	return w.take(ctx, raw, nil, previous)
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

// load takes the file as it is now.
func (w *Watcher) load(ctx context.Context, previous *Directory) error {
	raw, err := os.ReadFile(w.cfg.Path)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := w.current.Load(); now != nil {
		previous = now
		if now.Digest() == gateway.DigestOf(raw) {
			return nil
		}
	}
	return w.take(ctx, raw, raw, previous)
}

// take makes what raw says current, which admitted is nil for if it was admitted
// before: log, then the copy, then current. A crash in between logs a change
// twice, never not at all.
func (w *Watcher) take(ctx context.Context, raw, admitted []byte, previous *Directory) error {
	d, changes, err := Parse(raw, w.cfg.Registrars, previous, w.cfg.Now())
	if err != nil {
		return err
	}
	if w.cfg.Admit != nil {
		if err := w.cfg.Admit(ctx, d, admitted, changes); err != nil {
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
