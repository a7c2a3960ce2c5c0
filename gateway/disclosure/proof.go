package disclosure

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway"
	"sluss/gateway/store"
)

// prove makes the proof of the entry at index in the tree of the checkpoint.
func prove(n *nodes, index, size uint64, checkpoint []byte) ([]byte, error) {
	path, err := tlog.ProveRecord(int64(size), int64(index), n)
	if err != nil {
		return nil, fmt.Errorf("proving entry: %w", err)
	}
	p := proof.TLogProof{Index: index, Checkpoint: checkpoint, Hashes: make([][tlog.HashSize]byte, len(path))}
	for i, h := range path {
		p.Hashes[i] = h
	}
	return p.Marshal(), nil
}

// Proof returns the proof of the entry at index in the published tree, in the
// form of c2sp.org/tlog-proof, or [ErrNotYet].
func (l *Log) Proof(ctx context.Context, index uint64) ([]byte, error) {
	s := l.published.Load()
	if s == nil || index >= s.head.Size {
		return nil, ErrNotYet
	}
	return prove(storedNodes(ctx, l.cfg.Store), index, s.head.Size, s.checkpoint)
}

// Again returns the entry at index as it was committed: its parts and its proof
// byte for byte, under the checkpoint of the entry's own batch, signed again
// (Ed25519 is deterministic). The entry is committed, so it may be newer than
// what is published.
func (l *Log) Again(ctx context.Context, index uint64) (Committed, error) {
	e, err := l.cfg.Store.Entry(ctx, index)
	if err != nil {
		return Committed{}, fmt.Errorf("reading entry: %w", err)
	}
	s := l.latest.Load()                   // before the tiles are read, so that they are wide enough
	if s != nil && e.Batch > s.head.Size { // another gateway's
		if s, err = l.advance(ctx); err != nil {
			return Committed{}, err
		}
	}
	if s == nil || e.Batch > s.head.Size {
		return Committed{}, ErrNotYet
	}
	n := storedNodes(ctx, l.cfg.Store)
	root, err := tlog.TreeHash(int64(e.Batch), n)
	if err != nil {
		return Committed{}, fmt.Errorf("reading tree: %w", err)
	}
	path, err := tlog.ProveRecord(int64(e.Batch), int64(index), n)
	if err != nil {
		return Committed{}, fmt.Errorf("proving entry: %w", err)
	}
	// Never sign what does not hold: the rows may have been tampered with. The
	// tree must have the entry, and continue to the head that was seen.
	consistency, err := tlog.ProveTree(int64(s.head.Size), int64(e.Batch), n)
	if err != nil {
		return Committed{}, fmt.Errorf("proving tree: %w", err)
	}
	err = errors.Join(
		tlog.CheckRecord(path, int64(e.Batch), root, int64(index), recordHash(e.Leaf)),
		tlog.CheckTree(consistency, int64(s.head.Size), tlog.Hash(s.head.Root), int64(e.Batch), root),
	)
	if _, bad := CheckE1(e.E1, e.Leaf); bad != nil {
		err = errors.Join(err, bad)
	}
	if err != nil {
		return Committed{}, fmt.Errorf("%w: entry %d: %w", ErrFork, index, err)
	}
	head := store.Head{Size: e.Batch, Root: gateway.Digest(root)}
	cp, err := signCheckpoint(l.signer, head.Size, head.Root)
	if err != nil {
		return Committed{}, err
	}
	return Committed{index: index, entries: []store.Entry{e}, batch: &committedBatch{signed: signed{head, cp}, nodes: n}}, nil
}

// Proven is what a verified proof says.
type Proven struct {
	Index uint64
	Tip   Tip
}

// VerifyProof verifies, without any connection, that the entry with this leaf
// is in the log at the index that the proof names: checkpoint signature and
// inclusion (RFC 9162, Section 2.1.3). It reports [ErrProof].
func VerifyProof(raw []byte, leaf [64]byte, p Policy) (Proven, error) {
	tp, err := parseProof(raw)
	if err != nil {
		return Proven{}, err
	}
	tip, err := OpenCheckpoint(tp.Checkpoint, p)
	if err != nil {
		return Proven{}, err
	}
	if tp.Index >= tip.Size {
		return Proven{}, fmt.Errorf("%w: entry %d is not in a tree of %d", ErrProof, tp.Index, tip.Size)
	}
	path := make(tlog.RecordProof, len(tp.Hashes))
	for i, h := range tp.Hashes {
		path[i] = h
	}
	if err := tlog.CheckRecord(path, int64(tip.Size), tlog.Hash(tip.Root), int64(tp.Index), recordHash(leaf)); err != nil {
		return Proven{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return Proven{tp.Index, tip}, nil
}

// maxProof is more than any proof with a cosigned checkpoint needs.
const maxProof = 64 << 10

// parseProof reads a proof. It has one spelling, and no extra data: nothing
// that is not verified can ride along.
func parseProof(raw []byte) (proof.TLogProof, error) {
	var tp proof.TLogProof
	if len(raw) > maxProof {
		return tp, fmt.Errorf("%w: %d bytes", ErrProof, len(raw))
	}
	if err := tp.Unmarshal(raw); err != nil {
		return tp, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if tp.ExtraData != nil || len(tp.Hashes) > 63 || !bytes.Equal(tp.Marshal(), raw) {
		return tp, fmt.Errorf("%w: not in canonical form", ErrProof)
	}
	return tp, nil
}
