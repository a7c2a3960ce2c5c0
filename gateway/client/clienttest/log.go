package clienttest

import (
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	checkpoint "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
)

// log is a tree in memory with checkpoints of the real form.
type log struct {
	mu     sync.Mutex
	hashes []tlog.Hash
	leaves [][64]byte
	size   int64
	signer note.Signer
	vkey   string
}

func (l *log) start(t testing.TB) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, Origin)
	check(t, err)
	l.signer, err = note.NewSigner(skey)
	check(t, err)
	l.vkey = vkey
}

// ReadHashes implements tlog.HashReader.
func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		list[i] = l.hashes[x]
	}
	return list, nil
}

// append puts an entry into the tree and returns its index and its proof under
// a checkpoint that the signer signs.
func (l *log) append(t testing.TB, e store.Entry, signer note.Signer) (uint64, string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	index := l.size
	more, err := tlog.StoredHashes(index, e.Leaf[:], l)
	check(t, err)
	l.hashes, l.size, l.leaves = append(l.hashes, more...), index+1, append(l.leaves, e.Leaf)
	if signer == nil {
		signer = l.signer
	}
	cp, err := l.sign(signer)
	check(t, err)
	path, err := tlog.ProveRecord(l.size, index, l)
	check(t, err)
	p := proof.TLogProof{Index: uint64(index), Checkpoint: cp}
	for _, h := range path {
		p.Hashes = append(p.Hashes, h)
	}
	return uint64(index), string(p.Marshal())
}

func (l *log) sign(signers ...note.Signer) ([]byte, error) {
	root, err := tlog.TreeHash(l.size, l)
	if err != nil {
		return nil, err
	}
	text := checkpoint.Checkpoint{Origin: Origin, Size: uint64(l.size), Hash: root[:]}.Marshal()
	return note.Sign(&note.Note{Text: string(text)}, signers...)
}

// publish answers with what the log publishes, cosigned; it holds less than one
// tile.
func (l *log) publish(path string, cosigners []note.Signer) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []byte
	switch path {
	case "checkpoint":
		return l.sign(append([]note.Signer{l.signer}, cosigners...)...)
	case fmt.Sprintf("tile/entries/000.p/%d", l.size):
		for _, leaf := range l.leaves {
			out = append(append(out, 0, 64), leaf[:]...)
		}
	case fmt.Sprintf("tile/0/000.p/%d", l.size):
		for i := range l.size {
			out = append(out, l.hashes[tlog.StoredHashIndex(0, i)][:]...)
		}
	default:
		return nil, fmt.Errorf("no %s in a log of %d", path, l.size)
	}
	return out, nil
}

// entry makes an entry; nothing in the tests is encrypted at rest.
func entry(t testing.TB, e disclosure.E1) store.Entry {
	t.Helper()
	e.Time = disclosure.At(time.Now())
	made, err := disclosure.NewEntry(e, disclosure.E2{}, open{})
	check(t, err)
	return made
}

type open struct{}

// Encrypt implements disclosure.Sealer.
func (open) Encrypt(_ gateway.AgencyID, _ string, _ time.Time, plaintext, _ []byte) ([]byte, string, error) {
	return plaintext, "none", nil
}
