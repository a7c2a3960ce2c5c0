package disclosure

import (
	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway/store"
)

// Tree is the right edge, for the property test against package tlog.
type Tree struct{ t *tree }

func NewTree() *Tree { return &Tree{&tree{}} }

// Add appends leaves as a batch and returns the tiles that are new or wider.
func (t *Tree) Add(leaves ...[64]byte) []store.Tile {
	t.t = t.t.clone()
	for _, l := range leaves {
		t.t.add(recordHash(l))
	}
	return t.t.dirty()
}

func (t *Tree) Root() tlog.Hash { return t.t.root() }
func (t *Tree) Size() uint64    { return t.t.size }

// Reload makes the tree again from its tiles, as after a restart.
func (t *Tree) Reload(tiles func(level, index uint64) []byte) error {
	want := edge(t.t.size)
	for i, w := range want {
		want[i].Hashes = tiles(w.Level, w.Index)
	}
	next, err := newTree(t.t.size, want)
	if err == nil {
		t.t = next
	}
	return err
}

// RememberEvery makes a monitor write down more often what it has read.
func (m *Monitor) RememberEvery(leaves uint64) { m.every = leaves }
