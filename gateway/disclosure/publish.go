package disclosure

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway/store"
)

// publications publishes the newest checkpoint at each interval. The interval
// is fixed, so that the published log does not show when an exchange was made.
func (l *Log) publications(ctx context.Context) error {
	t := time.NewTicker(l.cfg.Interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := l.publish(); err != nil {
				// Receipts carry their own checkpoint, so the exchange goes
				// on; that the published log stands still shows outside.
				l.cfg.Log.Error("checkpoint not published", "error", err)
				l.metrics.unpublished.Inc()
			}
		}
	}
}

// publish makes the newest checkpoint the published one, after it was written
// to the anchor file: what others have seen must survive us.
func (l *Log) publish() error {
	s, old := l.latest.Load(), l.published.Load()
	if s == nil || old != nil && old.head.Size == s.head.Size {
		return nil
	}
	if err := writeAnchor(l.cfg.Anchor, s.checkpoint); err != nil {
		return err
	}
	l.published.Store(s)
	l.metrics.size.Set(float64(s.head.Size))
	return nil
}

// Checkpoint returns the published checkpoint, nil before the first.
func (l *Log) Checkpoint() []byte {
	if s := l.published.Load(); s != nil {
		return s.checkpoint
	}
	return nil
}

// size is the size of the published tree.
func (l *Log) size() uint64 {
	if s := l.published.Load(); s != nil {
		return s.head.Size
	}
	return 0
}

// Tile returns the first width hashes of a tile of the published tree
// (c2sp.org/tlog-tiles), or [ErrNotYet].
func (l *Log) Tile(ctx context.Context, level, index uint64, width int) ([]byte, error) {
	if !within(l.size(), level, index, width) {
		return nil, ErrNotYet
	}
	tiles, err := l.cfg.Store.Tiles(ctx, []store.Tile{{Level: level, Index: index}})
	if err != nil {
		return nil, fmt.Errorf("reading tile: %w", err)
	}
	if len(tiles[0].Hashes) < width*tlog.HashSize {
		return nil, fmt.Errorf("reading tile: %w: too narrow", store.ErrNotFound)
	}
	return tiles[0].Hashes[:width*tlog.HashSize], nil
}

// Bundle returns the first width leaves of an entry bundle of the published
// tree, each after its length in two bytes (c2sp.org/tlog-tiles), or
// [ErrNotYet].
func (l *Log) Bundle(ctx context.Context, index uint64, width int) ([]byte, error) {
	if !within(l.size(), 0, index, width) {
		return nil, ErrNotYet
	}
	return storedBundle(ctx, l.cfg.Store, index, width)
}

func storedBundle(ctx context.Context, s store.Store, index uint64, width int) ([]byte, error) {
	from := index * tileWidth
	leaves, err := s.Leaves(ctx, from, from+uint64(width))
	if err != nil {
		return nil, fmt.Errorf("reading bundle: %w", err)
	}
	out := make([]byte, 0, width*(2+64))
	for _, leaf := range leaves {
		out = append(out, 0, byte(len(leaf)))
		out = append(out, leaf[:]...)
	}
	return out, nil
}

// within reports whether a tree of this size has so wide a tile.
func within(size, level, index uint64, width int) bool {
	if level > 7 || width < 1 || width > tileWidth || index >= 1<<48 {
		return false
	}
	return index*tileWidth+uint64(width) <= size>>(tileHeight*level)
}
