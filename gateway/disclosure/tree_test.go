package disclosure_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway/disclosure"
)

func leaf(n uint64) [64]byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	return [64]byte(append(sum[:], sum[:]...))
}

// reference is the tree as package tlog makes it, with all hashes in memory.
type reference []tlog.Hash

func (r reference) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = r[x]
	}
	return out, nil
}

func (r *reference) add(t *testing.T, n uint64, l [64]byte) {
	t.Helper()
	hashes, err := tlog.StoredHashes(int64(n), l[:], *r)
	if err != nil {
		t.Fatal(err)
	}
	*r = append(*r, hashes...)
}

// TestTree grows trees in batches of random size and compares, after each, the
// root and every tile with those of package tlog; now and then the tree is made
// again from its tiles, as after a restart.
func TestTree(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	tree, ref := disclosure.NewTree(), reference(nil)
	tiles := map[[2]uint64][]byte{}
	for tree.Size() < 140_000 {
		old := tree.Size()
		var batch [][64]byte
		for range 1 + rnd.Uint64N([]uint64{3, 256, 700}[rnd.IntN(3)]) {
			l := leaf(old + uint64(len(batch)))
			ref.add(t, old+uint64(len(batch)), l)
			batch = append(batch, l)
		}
		for _, tile := range tree.Add(batch...) {
			tiles[[2]uint64{tile.Level, tile.Index}] = bytes.Clone(tile.Hashes)
		}
		want, err := tlog.TreeHash(int64(tree.Size()), ref)
		if err != nil {
			t.Fatal(err)
		}
		if tree.Root() != want {
			t.Fatalf("root at size %d differs", tree.Size())
		}
		for _, c := range tlog.NewTiles(8, int64(old), int64(tree.Size())) {
			want, err := tlog.ReadTileData(c, ref)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(tiles[[2]uint64{uint64(c.L), uint64(c.N)}], want) {
				t.Fatalf("tile %d/%d at size %d differs", c.L, c.N, tree.Size())
			}
		}
		if rnd.IntN(8) == 0 {
			if err := tree.Reload(func(l, i uint64) []byte { return tiles[[2]uint64{l, i}] }); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestEmptyTree(t *testing.T) {
	if got, want := disclosure.NewTree().Root(), tlog.Hash(sha256.Sum256(nil)); got != want {
		t.Errorf("root %v, want %v", got, want)
	}
}
