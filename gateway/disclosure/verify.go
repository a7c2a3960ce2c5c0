package disclosure

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway"
	"sluss/gateway/store"
)

// VerifyOptions are what a verification of a whole log goes by. Policy is
// required.
type VerifyOptions struct {
	Policy Policy
	// Seen is a checkpoint verified earlier: the log must contain that tree.
	Seen Tip
	// Progress is told how many of the log's entries are done.
	Progress func(done, total uint64)
}

// Verify reads a whole log and verifies it: the checkpoint's signature, that
// the leaves make its root, and that every tile is what the leaves make. One
// altered byte anywhere is [ErrProof]; a log that does not contain the tree
// seen earlier is [ErrRollback] or [ErrFork].
func Verify(ctx context.Context, src Source, o VerifyOptions) (Tip, error) {
	cp, err := src.Checkpoint(ctx)
	if err != nil {
		return Tip{}, fmt.Errorf("reading checkpoint: %w", err)
	}
	tip, err := OpenCheckpoint(cp, o.Policy)
	if err != nil {
		return Tip{}, err
	}
	if tip.Size < o.Seen.Size {
		return Tip{}, fmt.Errorf("%w: %d entries, %d were seen", ErrRollback, tip.Size, o.Seen.Size)
	}
	v := &verification{seen: o.Seen, tree: &tree{}, tile: func(t store.Tile, width int) ([]byte, error) {
		return src.Tile(ctx, t.Level, t.Index, width)
	}}
	for n := uint64(0); n*tileWidth < tip.Size; n++ {
		if err := ctx.Err(); err != nil {
			return Tip{}, err
		}
		width := int(min(tileWidth, tip.Size-n*tileWidth))
		raw, err := src.Bundle(ctx, n, width)
		if err != nil {
			return Tip{}, fmt.Errorf("reading bundle %d: %w", n, err)
		}
		leaves, err := parseBundle(raw, width)
		if err != nil {
			return Tip{}, fmt.Errorf("reading bundle %d: %w", n, err)
		}
		if err := v.add(leaves); err != nil {
			return Tip{}, err
		}
		if o.Progress != nil {
			o.Progress(v.tree.size, tip.Size)
		}
	}
	if got := gateway.Digest(v.tree.root()); got != tip.Root {
		return Tip{}, fmt.Errorf("%w: the entries do not make the root of the checkpoint", ErrProof)
	}
	return tip, nil
}

// verification makes the tree again and compares the tiles as they fill up.
type verification struct {
	seen Tip
	tree *tree
	tile func(t store.Tile, width int) ([]byte, error)
}

// add takes the leaves of one bundle. The last bundle may be partial.
func (v *verification) add(leaves [][64]byte) error {
	v.tree = v.tree.clone()
	for _, l := range leaves {
		v.tree.add(recordHash(l))
		if v.tree.size == v.seen.Size && gateway.Digest(v.tree.root()) != v.seen.Root {
			return fmt.Errorf("%w: other root at size %d", ErrFork, v.seen.Size)
		}
	}
	for _, t := range v.tree.dirty() {
		got, err := v.tile(t, len(t.Hashes)/tlog.HashSize)
		if err != nil {
			return fmt.Errorf("reading tile %d/%d: %w", t.Level, t.Index, err)
		}
		if !bytes.Equal(got, t.Hashes) {
			return fmt.Errorf("%w: tile %d/%d is not what its leaves make", ErrProof, t.Level, t.Index)
		}
	}
	return nil
}

// parseBundle reads an entry bundle of exactly width leaves.
func parseBundle(raw []byte, width int) ([][64]byte, error) {
	leaves := make([][64]byte, 0, width)
	for len(raw) > 0 {
		if len(raw) < 2+64 || binary.BigEndian.Uint16(raw) != 64 || len(leaves) == width {
			return nil, fmt.Errorf("%w: not a bundle of %d leaves", ErrProof, width)
		}
		leaves = append(leaves, [64]byte(raw[2:66]))
		raw = raw[66:]
	}
	if len(leaves) != width {
		return nil, fmt.Errorf("%w: %d leaves, want %d", ErrProof, len(leaves), width)
	}
	return leaves, nil
}
