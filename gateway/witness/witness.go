// Package witness is a transparency-log witness: a small server that any agency
// can run beside its own systems, and that makes it impossible for the operator
// of a gateway to rewrite the disclosure log unseen. For each log it remembers
// one thing, the largest checkpoint it has cosigned, and it cosigns another only
// when that one continues the tree of the first. Whoever wants a cosignature
// from it can therefore not go back and cannot show different people different
// logs. The protocol is c2sp.org/tlog-witness, so that any log can ask it and so
// that a gateway can be witnessed by others' software.
//
// # What is signed
//
// A cosignature (c2sp.org/tlog-cosignature) says: at this time, this is the
// largest tree that I have seen of this log, and it continues all those before.
// It says nothing about what the entries hold, which a witness never sees. Every
// checkpoint is cosigned twice, with Ed25519 for the tools of today and with
// ML-DSA-44 for the day on which a quantum computer can make the other.
//
// # What must never happen
//
// A witness that goes back has signed for two histories, and is worth nothing
// from then on. So the new checkpoint is on the disk before its cosignature
// leaves; what was checked and what is replaced are the same thing, under one
// lock; a second process cannot open the directory. And the directory must
// never be restored from a backup, nor the machine from a snapshot: keep no
// copies of it. A witness that has lost its state is not repaired but replaced,
// by a new one with new keys. That is why [Open] refuses a log whose state is
// missing ([ErrState]): [Begin] alone makes one, once, when a log is taken up,
// and whoever calls it says that these keys have never cosigned that log before.
//
// A checkpoint that the log has signed and that contradicts what the witness has
// seen is proof against the log, and is kept beside the state, as evidence.
//
// The package knows nothing of the gateway's entries (package disclosure).
package witness

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Errors of this package; test with errors.Is.
var (
	ErrConfig    = errors.New("witness: configuration")
	ErrState     = errors.New("witness: state of a log is missing or damaged")
	ErrBegun     = errors.New("witness: the log has a state already")
	ErrLocked    = errors.New("witness: another process uses the directory")
	ErrMalformed = errors.New("witness: malformed request")
	ErrUnknown   = errors.New("witness: no such log")
	ErrForbidden = errors.New("witness: no trusted key has signed the checkpoint")
	ErrSizes     = errors.New("witness: the old size is larger than the checkpoint's")
	ErrConflict  = errors.New("witness: not the tree that was cosigned last") // as a [*Conflict]
	ErrProof     = errors.New("witness: consistency proof does not verify")
)

// A Conflict is an [ErrConflict] with the size of the tree cosigned last, which
// is what the caller has to prove consistency from.
type Conflict struct{ Size uint64 }

// Error implements error.
func (c *Conflict) Error() string { return fmt.Sprintf("%v: %d entries", ErrConflict, c.Size) }

// Unwrap returns [ErrConflict].
func (c *Conflict) Unwrap() error { return ErrConflict }

// Config configures a [Witness]. Dir, Signers and Logs are required; the zero
// value of any other field means its default.
type Config struct {
	// Dir holds the state of each log, which [Begin] has made. It must lie
	// outside every backup.
	Dir string
	// Signers make the cosignatures: those of package note in formats.
	Signers []note.Signer
	// Logs are the keys of the logs; the name of a key is the log's origin. A log
	// may have several.
	Logs []note.Verifier
	// Calls is how many requests are worked on at a time. Default 32.
	Calls int
	Log   *slog.Logger // default: none
}

// Witness cosigns checkpoints. Its methods may be called at once.
type Witness struct {
	cfg   Config
	lock  *os.File
	calls chan struct{}
	logs  map[string]*history
}

// history is what is known of one log.
type history struct {
	keys []note.Verifier
	path string

	mu   sync.Mutex
	last tree
	// unsure says that the last write of the state was reported failed, so that
	// nobody knows which of two states is on the disk. The larger one counts, and
	// is written again before anything is signed.
	unsure bool
}

// tree names a tree: the empty one, or what a checkpoint says.
type tree struct {
	size       uint64
	root       tlog.Hash
	checkpoint []byte // as the log signed it; nil before the first
}

// Open takes the directory for this process and reads the state of every log. A
// log without a state is [ErrState]: see [Begin].
func Open(cfg Config) (*Witness, error) {
	if cfg.Dir == "" || len(cfg.Signers) == 0 {
		return nil, fmt.Errorf("%w: directory and keys are required", ErrConfig)
	}
	cfg.Calls = cmp.Or(cfg.Calls, 32)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	w := &Witness{cfg: cfg, calls: make(chan struct{}, cfg.Calls), logs: map[string]*history{}}
	var err error
	if w.lock, err = lockDir(cfg.Dir); err != nil {
		return nil, err
	}
	for _, v := range cfg.Logs {
		h := w.logs[v.Name()]
		if h == nil {
			h = &history{path: statePath(cfg.Dir, v.Name())}
			w.logs[v.Name()] = h
		}
		h.keys = append(h.keys, v)
	}
	for origin, h := range w.logs {
		if h.last, err = readState(h.path, origin, h.keys); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	return w, nil
}

// Close lets another process have the directory.
func (w *Witness) Close() error { return w.lock.Close() }

// Add is the call add-checkpoint: it verifies that the checkpoint of a request,
// written as c2sp.org/tlog-witness says, continues the tree cosigned last, makes
// it the last one, durably, and returns the cosignature lines. Its errors are
// those of this package; any other means that nothing is known to be written,
// and nothing is signed.
func (w *Witness) Add(body []byte) ([]byte, error) {
	r, err := parseRequest(body)
	if err != nil {
		return nil, err
	}
	h := w.logs[r.origin]
	if h == nil {
		return nil, ErrUnknown
	}
	n, err := note.Open(r.checkpoint, note.VerifierList(h.keys...))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	if r.old > r.next.size {
		return nil, ErrSizes
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.follows(r); err != nil {
		w.testify(h, r, err)
		return nil, err
	}
	if r.next.checkpoint, err = note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs}); err != nil {
		return nil, fmt.Errorf("keeping checkpoint: %w", err)
	}
	if h.unsure || h.last.checkpoint == nil || r.next.size > h.last.size {
		h.unsure, h.last = true, r.next
		if err := writeState(h.path, r.next.checkpoint); err != nil {
			return nil, fmt.Errorf("keeping checkpoint: %w", err)
		}
		h.unsure = false
	}
	return cosign(n.Text, w.cfg.Signers)
}

// follows reports whether the tree of r continues the last one.
func (h *history) follows(r request) error {
	switch {
	case r.old != h.last.size:
		return &Conflict{h.last.size}
	case r.old == 0 || r.old == r.next.size:
		if len(r.proof) > 0 {
			return fmt.Errorf("%w: there is nothing to prove", ErrProof)
		}
		if r.old == r.next.size && r.next.root != h.last.root {
			return &Conflict{h.last.size}
		}
		return nil
	}
	if err := tlog.CheckTree(r.proof, int64(r.next.size), r.next.root, int64(r.old), h.last.root); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	return nil
}

// cosign returns the signature lines of the signers over a checkpoint's text.
func cosign(text string, signers []note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		return nil, fmt.Errorf("cosigning: %w", err)
	}
	return bytes.TrimPrefix(signed, []byte(text+"\n")), nil
}
