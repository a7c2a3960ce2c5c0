package disclosure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sluss/gateway/store"
)

// start reads the stored log and compares it with the anchor. After it, the
// head that was found is signed and published.
func (l *Log) start(ctx context.Context) error {
	l.tree = &tree{}
	anchor, err := os.ReadFile(l.cfg.Anchor)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		head, err := l.cfg.Store.Head(ctx)
		if err != nil {
			return err
		}
		if head.Size > 0 && !l.cfg.Adopt {
			return fmt.Errorf("%w: the log has %d entries and no anchor", ErrAnchor, head.Size)
		}
	case err != nil:
		return fmt.Errorf("%w: %w", ErrAnchor, err)
	default:
		tip, err := OpenCheckpoint(anchor, Policy{Log: l.verifier})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrAnchor, err)
		}
		if err := holds(ctx, l.cfg.Store, tip); err != nil {
			return err
		}
	}
	if err := l.reload(ctx); err != nil {
		return err
	}
	if err := l.guard(ctx); err != nil {
		return err
	}
	return l.publish(ctx)
}

// holds reports whether the stored log begins with the tree that tip names:
// nil, [ErrRollback] or [ErrFork].
func holds(ctx context.Context, s store.Store, tip Tip) error {
	head, err := s.Head(ctx)
	if err != nil {
		return err
	}
	_, err = continued(tip, head, tilesOf(ctx, s))
	return err
}

// Holds reports whether the stored log begins with the tree that tip names: nil,
// [ErrRollback] when it is smaller, [ErrFork] when it is another.
func Holds(ctx context.Context, s store.Store, tip Tip) error { return holds(ctx, s, tip) }

func tilesOf(ctx context.Context, s store.Store) store.TileReader {
	return func(want []store.Tile) ([]store.Tile, error) { return s.Tiles(ctx, want) }
}

// follow reads the stored head and the right edge of its tree, which must be what
// was seen or a continuation of it.
func (l *Log) follow(ctx context.Context, seen Tip) (*tree, store.Head, error) {
	head, err := l.cfg.Store.Head(ctx)
	if err != nil {
		return nil, head, err
	}
	t, err := continued(seen, head, tilesOf(ctx, l.cfg.Store))
	return t, head, err
}

// reload takes over what is stored, and signs its head.
func (l *Log) reload(ctx context.Context) error {
	t, head, err := l.follow(ctx, l.tree.tip())
	if err != nil {
		return err
	}
	cp, err := signCheckpoint(l.signer, head.Size, head.Root)
	if err != nil {
		return err
	}
	l.tree = t
	l.keep(&signed{head, cp})
	return nil
}

// writeAnchor replaces the anchor file, durably.
func writeAnchor(name string, checkpoint []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("writing anchor: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(checkpoint)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("writing anchor: %w", err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("writing anchor: %w", err)
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("writing anchor: %w", err)
	}
	defer dir.Close()
	return dir.Sync()
}
