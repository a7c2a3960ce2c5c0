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
	width := func(level, tile uint64) int {
		return int(min(tileWidth, tip.Size>>(tileHeight*level)-tile*tileWidth))
	}
	tile := index / tileWidth
	raw, err := src.Bundle(ctx, tile, width(0, tile))
	if err != nil {
		return nil, leaf, fmt.Errorf("reading bundle %d: %w", tile, err)
	}
	leaves, err := parseBundle(raw, width(0, tile))
	if err != nil {
		return nil, leaf, fmt.Errorf("reading bundle %d: %w", tile, err)
	}
	n := &nodes{tiles: map[tileKey][]byte{}, known: map[int64]tlog.Hash{}}
	n.fetch = func(want []store.Tile) ([]store.Tile, error) {
		for i, t := range want {
			if want[i].Hashes, err = src.Tile(ctx, t.Level, t.Index, width(t.Level, t.Index)); err != nil {
				return nil, fmt.Errorf("reading tile %d/%d: %w", t.Level, t.Index, err)
			}
		}
		return want, nil
	}
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
