package disclosure

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway/store"
)

type tileKey struct{ level, index uint64 }

// nodes reads the hashes of a tree's nodes from tiles, for the proofs of
// package tlog. Nodes worked out once are kept, so that the proofs of one
// batch share them.
type nodes struct {
	// fetch reads tiles that are not there yet; nil when all are.
	fetch func(want []store.Tile) ([]store.Tile, error)

	mu    sync.Mutex
	tiles map[tileKey][]byte
	known map[int64]tlog.Hash
}

var _ tlog.HashReader = (*nodes)(nil)

// newNodes reads from the right edge of a tree and the tiles filled last.
func newNodes(t *tree, filled []store.Tile) *nodes {
	n := &nodes{tiles: map[tileKey][]byte{}, known: map[int64]tlog.Hash{}}
	for level, b := range t.open {
		n.tiles[tileKey{uint64(level), openIndex(t.size, level)}] = b
	}
	n.take(filled)
	return n
}

// storedNodes reads from a store.
func storedNodes(ctx context.Context, s store.Store) *nodes {
	return &nodes{
		fetch: func(want []store.Tile) ([]store.Tile, error) { return s.Tiles(ctx, want) },
		tiles: map[tileKey][]byte{}, known: map[int64]tlog.Hash{},
	}
}

func (n *nodes) take(tiles []store.Tile) {
	for _, t := range tiles {
		n.tiles[tileKey{t.Level, t.Index}] = t.Hashes
	}
}

// place says which hashes of which tile a node is the root of.
func place(index int64) (key tileKey, from, to int) {
	level, num := tlog.SplitStoredHashIndex(index)
	height := level % tileHeight
	first := uint64(num) << height
	from = int(first % tileWidth)
	return tileKey{uint64(level / tileHeight), first >> tileHeight}, from, from + 1<<height
}

// ReadHashes implements [tlog.HashReader].
func (n *nodes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.load(indexes); err != nil {
		return nil, err
	}
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		h, ok := n.known[index]
		if !ok {
			key, from, to := place(index)
			b := n.tiles[key]
			if len(b) < to*tlog.HashSize {
				return nil, fmt.Errorf("%w: tile %d/%d is too narrow", store.ErrNotFound, key.level, key.index)
			}
			h = subtree(b[from*tlog.HashSize : to*tlog.HashSize])
			n.known[index] = h
		}
		out[i] = h
	}
	return out, nil
}

// load fetches the tiles of the nodes that are not known, all at once.
func (n *nodes) load(indexes []int64) error {
	if n.fetch == nil {
		return nil
	}
	var want []store.Tile
	asked := map[tileKey]bool{}
	for _, index := range indexes {
		if _, ok := n.known[index]; ok {
			continue
		}
		key, _, _ := place(index)
		if _, ok := n.tiles[key]; !ok && !asked[key] {
			asked[key] = true
			want = append(want, store.Tile{Level: key.level, Index: key.index})
		}
	}
	if len(want) == 0 {
		return nil
	}
	tiles, err := n.fetch(want)
	if err != nil {
		return err
	}
	n.take(tiles)
	return nil
}
