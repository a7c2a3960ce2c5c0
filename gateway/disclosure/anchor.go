package disclosure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway"
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
	return l.publish()
}

// holds reports whether the stored log begins with the tree that tip names:
// nil, [ErrRollback] or [ErrFork].
func holds(ctx context.Context, s store.Store, tip Tip) error {
	head, err := s.Head(ctx)
	if err != nil {
		return err
	}
	if head.Size < tip.Size {
		return fmt.Errorf("%w: %d entries, %d were seen", ErrRollback, head.Size, tip.Size)
	}
	root, err := tlog.TreeHash(int64(tip.Size), storedNodes(ctx, s))
	if err != nil {
		return fmt.Errorf("reading tree: %w", err)
	}
	if gateway.Digest(root) != tip.Root {
		return fmt.Errorf("%w: other root at size %d", ErrFork, tip.Size)
	}
	return nil
}

// reload reads the right edge of the stored tree, which must be what was seen
// of it or a continuation, and signs its head.
func (l *Log) reload(ctx context.Context) error {
	if err := holds(ctx, l.cfg.Store, Tip{l.tree.size, gateway.Digest(l.tree.root())}); err != nil {
		return err
	}
	head, err := l.cfg.Store.Head(ctx)
	if err != nil {
		return err
	}
	tiles, err := l.cfg.Store.Tiles(ctx, edge(head.Size))
	if err != nil {
		return fmt.Errorf("reading tree: %w", err)
	}
	t, err := newTree(head.Size, tiles)
	if err != nil {
		return err
	}
	if gateway.Digest(t.root()) != head.Root {
		return fmt.Errorf("%w: tiles do not make the root of size %d", ErrFork, head.Size)
	}
	cp, err := signCheckpoint(l.signer, head.Size, head.Root)
	if err != nil {
		return err
	}
	l.tree = t
	l.latest.Store(&signed{head, cp})
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
