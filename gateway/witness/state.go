package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/mod/sumdb/note"

	"sluss/gateway/snapshot"
)

// begun is the state of a log of which nothing was cosigned yet, before its
// origin. No checkpoint begins so: it is no signed note.
const begun = "begun "

// statePath names the file of a log: an origin may hold any character.
func statePath(dir, origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(dir, hex.EncodeToString(sum[:16])+".checkpoint")
}

// Begin makes the state of a log from which nothing was cosigned yet. Whoever
// calls it vouches that the witness's keys have never cosigned the log. A log
// that has a state is [ErrBegun].
func Begin(dir, origin string) error {
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	path := statePath(dir, origin)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%w: %s", ErrBegun, path), err)
	}
	return writeState(path, []byte(begun+origin+"\n"))
}

func writeState(path string, content []byte) error { return snapshot.WriteFile(path, content) }

// readState reads the last checkpoint of a log. It must be the log's still: a
// file that was put in the place of another, or under another key, is refused.
func readState(path, origin string, keys []note.Verifier) (tree, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return tree{}, fmt.Errorf("%w: %s is missing; a witness that has lost its state is replaced by a new one with new keys", ErrState, path)
	}
	if err != nil {
		return tree{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	if string(raw) == begun+origin+"\n" {
		return tree{root: emptyRoot()}, nil
	}
	of, t, err := parseCheckpoint(raw)
	if err == nil {
		_, err = note.Open(raw, note.VerifierList(keys...))
	}
	if err != nil || of != origin {
		return tree{}, errors.Join(fmt.Errorf("%w: %s is not a checkpoint of its log", ErrState, path), err)
	}
	t.checkpoint = raw
	return t, nil
}

// maxEvidence is how many contradicting checkpoints of a log are kept: one is
// proof, and who can make one can make many.
const maxEvidence = 16

// testify keeps a checkpoint that its log has signed and that contradicts the
// last one. That the caller had an old size in mind contradicts nothing.
func (w *Witness) testify(h *history, r request, why error) {
	if conflict, ok := errors.AsType[*Conflict](why); ok && r.old != conflict.Size {
		return
	}
	w.cfg.Log.Error("checkpoint contradicts the one cosigned last", "entries", r.next.size, "entries_last", h.last.size, "err", why)
	for n := range maxEvidence {
		path := fmt.Sprintf("%s.evidence%02d", h.path, n)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		both := append(append([]byte(nil), h.last.checkpoint...), '\n')
		if err := snapshot.WriteFile(path, append(both, r.checkpoint...)); err != nil {
			w.cfg.Log.Error("evidence not kept", "err", err)
		}
		return
	}
}

// lockDir takes a directory for this process. The lock goes when the file is
// closed, so also when the process dies.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrLocked, err), f.Close())
	}
	return f, nil
}
