package disclosure

import (
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway"
	"sluss/gateway/store"
)

// The tiles of c2sp.org/tlog-tiles hold 256 hashes: 8 levels of the tree each.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	tileBytes  = tileWidth * tlog.HashSize
)

// tree is the right edge of a Merkle tree: what is needed to append to it.
type tree struct {
	size uint64
	// peaks are the roots of the complete subtrees that the leaves fall into,
	// largest first (RFC 9162, Section 2.1.1); one for each bit set in size.
	peaks []tlog.Hash
	// open are the hashes of the last tile of each level while it is not full.
	open [][]byte
	// full are the tiles filled, and touched the levels changed, since the
	// tree was cloned.
	full    []store.Tile
	touched []bool
}

// tip is what a checkpoint of the tree says.
func (t *tree) tip() Tip { return Tip{t.size, gateway.Digest(t.root())} }

func recordHash(leaf [64]byte) tlog.Hash { return tlog.RecordHash(leaf[:]) }

func (t *tree) clone() *tree {
	next := &tree{size: t.size, peaks: slices.Clone(t.peaks), open: make([][]byte, len(t.open)), touched: make([]bool, len(t.open))}
	for i, b := range t.open {
		next.open[i] = append(make([]byte, 0, tileBytes), b...)
	}
	return next
}

// add appends a leaf by its hash.
func (t *tree) add(h tlog.Hash) {
	t.put(0, t.size, h)
	height := 0
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.peaks) - 1
		h = tlog.NodeHash(t.peaks[last], h)
		t.peaks = t.peaks[:last]
		if height++; height%tileHeight == 0 {
			t.put(height/tileHeight, t.size>>height, h)
		}
	}
	t.peaks = append(t.peaks, h)
	t.size++
}

// put appends the n'th hash of a tile level.
func (t *tree) put(level int, n uint64, h tlog.Hash) {
	for len(t.open) <= level {
		t.open, t.touched = append(t.open, nil), append(t.touched, false)
	}
	t.touched[level] = true
	t.open[level] = append(t.open[level], h[:]...)
	if len(t.open[level]) == tileBytes {
		t.full = append(t.full, store.Tile{Level: uint64(level), Index: n >> tileHeight, Hashes: t.open[level]})
		t.open[level] = nil
	}
}

// dirty returns the tiles that are new or wider since the tree was cloned.
// They share memory with the tree, which must not grow further.
func (t *tree) dirty() []store.Tile {
	out := slices.Clone(t.full)
	for level, b := range t.open {
		if t.touched[level] && len(b) > 0 {
			out = append(out, store.Tile{Level: uint64(level), Index: openIndex(t.size, level), Hashes: b})
		}
	}
	return out
}

// openIndex is the index of the tile of a level that a tree of this size has
// not filled.
func openIndex(size uint64, level int) uint64 { return size >> (tileHeight * (level + 1)) }

// root returns the root of the tree (RFC 9162, Section 2.1.1).
func (t *tree) root() tlog.Hash {
	if len(t.peaks) == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	last := len(t.peaks) - 1
	h := t.peaks[last]
	for _, p := range slices.Backward(t.peaks[:last]) {
		h = tlog.NodeHash(p, h)
	}
	return h
}

// edge lists the tiles that a tree of this size has not filled.
func edge(size uint64) []store.Tile {
	var want []store.Tile
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		if size>>(tileHeight*level)%tileWidth != 0 {
			want = append(want, store.Tile{Level: uint64(level), Index: openIndex(size, level)})
		}
	}
	return want
}

// newTree makes the tree of this size from the tiles that edge lists, which
// may be wider by now.
func newTree(size uint64, tiles []store.Tile) (*tree, error) {
	t := &tree{size: size}
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		t.open, t.touched = append(t.open, nil), append(t.touched, false)
	}
	for _, tile := range slices.Backward(tiles) { // the highest level has the largest subtrees
		width := int(size >> (tileHeight * tile.Level) % tileWidth)
		if len(tile.Hashes) < width*tlog.HashSize {
			return nil, fmt.Errorf("%w: tile %d/%d is too narrow", ErrFork, tile.Level, tile.Index)
		}
		hashes := tile.Hashes[:width*tlog.HashSize]
		t.open[tile.Level] = append(make([]byte, 0, tileBytes), hashes...)
		for bit := tileHeight - 1; bit >= 0; bit-- {
			if n := 1 << bit; width&n != 0 {
				t.peaks = append(t.peaks, subtree(hashes[:n*tlog.HashSize]))
				hashes = hashes[n*tlog.HashSize:]
			}
		}
	}
	return t, nil
}

// continued returns the right edge of the stored tree with this head, if the
// tree with the tip seen is where it began (RFC 9162, Section 2.1.4): otherwise
// [ErrRollback] or [ErrFork].
func continued(seen Tip, head store.Head, tiles store.TileReader) (*tree, error) {
	switch {
	case head.Size < seen.Size:
		return nil, fmt.Errorf("%w: %d entries, %d were seen", ErrRollback, head.Size, seen.Size)
	case head.Size == seen.Size && head.Root != seen.Root:
		return nil, fmt.Errorf("%w: other root at size %d", ErrFork, head.Size)
	}
	right, err := tiles(edge(head.Size))
	if err != nil {
		return nil, fmt.Errorf("reading tree: %w", err)
	}
	t, err := newTree(head.Size, right)
	if err != nil {
		return nil, err
	}
	if gateway.Digest(t.root()) != head.Root {
		return nil, fmt.Errorf("%w: tiles do not make the root of size %d", ErrFork, head.Size)
	}
	if seen.Size == 0 || seen.Size == head.Size {
		return t, nil
	}
	n := &nodes{fetch: tiles, tiles: map[tileKey][]byte{}, known: map[int64]tlog.Hash{}}
	n.take(right)
	proof, err := tlog.ProveTree(int64(head.Size), int64(seen.Size), n)
	if err != nil {
		return nil, fmt.Errorf("reading tree: %w", err)
	}
	if err := tlog.CheckTree(proof, int64(head.Size), tlog.Hash(head.Root), int64(seen.Size), tlog.Hash(seen.Root)); err != nil {
		return nil, fmt.Errorf("%w: other root at size %d", ErrFork, seen.Size)
	}
	return t, nil
}

// subtree returns the root of a complete subtree over 2^n hashes.
func subtree(hashes []byte) tlog.Hash {
	if len(hashes) == tlog.HashSize {
		return tlog.Hash(hashes)
	}
	mid := len(hashes) / 2
	return tlog.NodeHash(subtree(hashes[:mid]), subtree(hashes[mid:]))
}
