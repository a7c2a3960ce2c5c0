package clienttest

import (
	"crypto/rand"
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
	l.hashes, l.size = append(l.hashes, more...), index+1
	root, err := tlog.TreeHash(l.size, l)
	check(t, err)
	text := checkpoint.Checkpoint{Origin: Origin, Size: uint64(l.size), Hash: root[:]}.Marshal()
	if signer == nil {
		signer = l.signer
	}
	cp, err := note.Sign(&note.Note{Text: string(text)}, signer)
	check(t, err)
	path, err := tlog.ProveRecord(l.size, index, l)
	check(t, err)
	p := proof.TLogProof{Index: uint64(index), Checkpoint: cp}
	for _, h := range path {
		p.Hashes = append(p.Hashes, h)
	}
	return uint64(index), string(p.Marshal())
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
