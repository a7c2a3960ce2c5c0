package disclosure

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway/store"
)

// Prove makes the proof of the entry at index from what a source publishes, and
// returns it with the leaf it proves, both verified. It reports [ErrProof] when
// the source does not hold together and [ErrNotYet] for an index beyond it.
func Prove(ctx context.Context, src Source, index uint64, p Policy) (proof []byte, leaf [64]byte, err error) {
	cp, err := src.Checkpoint(ctx)
	if err != nil {
		return nil, leaf, fmt.Errorf("reading checkpoint: %w", err)
	}
	tip, err := OpenCheckpoint(cp, p)
	if err != nil {
		return nil, leaf, err
	}
	if index >= tip.Size {
		return nil, leaf, fmt.Errorf("%w: entry %d of %d", ErrNotYet, index, tip.Size)
	}
	tile := index / tileWidth
	width := widthAt(tip.Size, 0, tile)
	raw, err := src.Bundle(ctx, tile, width)
	if err != nil {
		return nil, leaf, fmt.Errorf("reading bundle %d: %w", tile, err)
	}
	leaves, err := parseBundle(raw, width)
	if err != nil {
		return nil, leaf, fmt.Errorf("reading bundle %d: %w", tile, err)
	}
	n := sourceNodes(ctx, src, tip.Size)
	if proof, err = prove(n, index, tip.Size, cp); errors.Is(err, store.ErrNotFound) {
		return nil, leaf, fmt.Errorf("%w: %w", ErrProof, err)
	} else if err != nil {
		return nil, leaf, err
	}
	leaf = leaves[index%tileWidth]
	if _, err := VerifyProof(proof, leaf, p); err != nil {
		return nil, leaf, err
	}
	return proof, leaf, nil
}

// Extends returns nil if the log that a source publishes begins with the tree of
// an earlier tip: [ErrRollback] or [ErrFork] otherwise. A receipt's proof names
// such a tip; one that a log does not extend was given under another history.
func Extends(ctx context.Context, src Source, earlier Tip, p Policy) error {
	cp, err := src.Checkpoint(ctx)
	if err != nil {
		return fmt.Errorf("reading checkpoint: %w", err)
	}
	tip, err := OpenCheckpoint(cp, p)
	if err != nil {
		return err
	}
	if tip.Size < earlier.Size {
		return fmt.Errorf("%w: %d entries, %d were seen", ErrRollback, tip.Size, earlier.Size)
	}
	if earlier.Size == 0 {
		return nil
	}
	// The consistency proof is made from the source's tiles and verified against
	// both roots, so that nothing is taken from the source on trust.
	n := sourceNodes(ctx, src, tip.Size)
	consistency, err := tlog.ProveTree(int64(tip.Size), int64(earlier.Size), n)
	if err != nil {
		return fmt.Errorf("reading tree: %w", err)
	}
	if err := tlog.CheckTree(consistency, int64(tip.Size), tlog.Hash(tip.Root), int64(earlier.Size), tlog.Hash(earlier.Root)); err != nil {
		return fmt.Errorf("%w: other root at size %d", ErrFork, earlier.Size)
	}
	return nil
}

// sourceNodes reads the nodes of a tree of this size from a source.
func sourceNodes(ctx context.Context, src Source, size uint64) *nodes {
	n := &nodes{tiles: map[tileKey][]byte{}, known: map[int64]tlog.Hash{}}
	n.fetch = func(want []store.Tile) (_ []store.Tile, err error) {
		for i, t := range want {
			if want[i].Hashes, err = src.Tile(ctx, t.Level, t.Index, widthAt(size, t.Level, t.Index)); err != nil {
				return nil, fmt.Errorf("reading tile %d/%d: %w", t.Level, t.Index, err)
			}
		}
		return want, nil
	}
	return n
}

// widthAt is how wide a tile is in a tree of this size.
func widthAt(size, level, index uint64) int {
	return int(min(tileWidth, size>>(tileHeight*level)-index*tileWidth))
}
