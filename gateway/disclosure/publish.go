package disclosure

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
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
			l.probe(ctx)
			if err := l.publish(ctx); distrusts(err) {
				l.cfg.Log.Error("log stopped", "error", err)
				return err
			} else if err != nil {
				// Receipts carry their own checkpoint, so the exchange goes
				// on; that the published log stands still shows outside.
				l.cfg.Log.Error("checkpoint not published", "error", err)
				l.metrics.unpublished.Inc()
			}
		}
	}
}

// probe tries to write after a commit that went wrong: a gateway that nobody
// sends anything to, because it is not ready, would never find out that its
// database is back.
func (l *Log) probe(ctx context.Context) {
	if l.Healthy() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leadership)
	defer cancel()
	l.Append(ctx, store.Write{Replay: "probe " + rand.Text(), ReplayUntil: l.cfg.Now()}) // its outcome is what Healthy says
}

// publisher names what one gateway on a database does for all of them, and
// leadership is how long it does so without asking again.
const (
	publisher  = "publisher"
	leadership = 5 * time.Second
)

// publish makes the newest checkpoint the published one. Of several gateways on
// a database one publishes and the others take over what it did, so that all
// serve the same. Each writes it to its anchor file first: what others have seen
// must survive us.
func (l *Log) publish(ctx context.Context) error {
	now := l.cfg.Now()
	leads, err := l.cfg.Store.Lease(ctx, publisher, l.holder, now, now.Add(leadership))
	if err != nil {
		return fmt.Errorf("asking who publishes: %w", err)
	}
	var s *signed
	switch {
	case leads && l.circle != nil:
		s, err = l.witness(ctx)
	case leads:
		s, err = l.newest(ctx)
	default:
		s, err = l.followed(ctx)
	}
	if err != nil {
		return err
	}
	if err := l.anchor(s); err != nil {
		return err
	}
	if old := l.published.Load(); s == nil || old != nil && bytes.Equal(old.checkpoint, s.checkpoint) {
		return nil
	}
	if leads {
		// On a full disk what is recorded of it must still be seen.
		if err := l.cfg.Store.Publish(ctx, s.head.Size, s.checkpoint); err != nil && !errors.Is(err, store.ErrFull) {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	l.publishedIs(s)
	return nil
}

// anchor writes what is published, or nil, to the anchor file, unless it is there.
// Where nobody witnesses the log it is our own latest checkpoint if that is of a
// larger tree: receipts have shown it, and who is to publish it may have ended.
func (l *Log) anchor(s *signed) error {
	if own := l.latest.Load(); l.circle == nil && own != nil && (s == nil || own.head.Size > s.head.Size) {
		s = own
	}
	if s == nil || bytes.Equal(s.checkpoint, l.anchored) {
		return nil
	}
	if err := writeAnchor(l.cfg.Anchor, s.checkpoint); err != nil {
		return err
	}
	l.anchored = s.checkpoint
	return nil
}

// newest returns the checkpoint to publish: that of the stored head, signed once
// it is known to continue what was seen, or the published one if nothing came
// after it.
func (l *Log) newest(ctx context.Context) (*signed, error) {
	s, err := l.advance(ctx)
	if err != nil {
		return nil, err
	}
	if old, err := l.followed(ctx); err == nil && old != nil && old.head.Size >= s.head.Size {
		return old, nil
	}
	return s, nil
}

// followed returns what another gateway on the database has published, nil if
// nothing was. It must be of this log.
func (l *Log) followed(ctx context.Context) (*signed, error) {
	note, err := l.cfg.Store.Published(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if old := l.published.Load(); old != nil && bytes.Equal(old.checkpoint, note) {
		return old, nil
	}
	tip, err := OpenCheckpoint(note, Policy{Log: l.verifier})
	if err != nil {
		return nil, err
	}
	if old := l.published.Load(); old != nil && tip.Size < old.head.Size {
		return old, nil
	}
	if err := holds(ctx, l.cfg.Store, tip); err != nil {
		return nil, err
	}
	return &signed{store.Head{Size: tip.Size, Root: tip.Root}, note}, nil
}

// advance signs the stored head if another gateway has appended since the last
// commit here, and returns the latest.
func (l *Log) advance(ctx context.Context) (*signed, error) {
	for {
		old := l.latest.Load()
		t, head, err := l.follow(ctx, Tip{old.head.Size, old.head.Root})
		if errors.Is(err, ErrRollback) && l.latest.Load() != old {
			continue // committed here meanwhile
		}
		if err != nil || t.size == old.head.Size {
			return old, err
		}
		cp, err := signCheckpoint(l.signer, head.Size, head.Root)
		if err != nil {
			return nil, err
		}
		if next := (&signed{head, cp}); l.latest.CompareAndSwap(old, next) {
			return next, nil
		}
	}
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
