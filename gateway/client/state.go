package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// state is the directory in which the client keeps what it must not forget.
// Each document in it is one file that is replaced whole. Whoever changes one
// holds the lock and reads it first, so that several processes may share it.
type state struct {
	dir string
	mu  map[string]*sync.Mutex
}

// The documents and the locks that they are changed under. Refreshing takes as
// long as the gateway takes to answer; deliveries do not wait for that.
const (
	directoryFile  = "directory.json"
	snapshotFile   = "snapshot.json"
	deliveriesFile = "deliveries.json"

	trustLock    = "trust.lock" // of directoryFile and snapshotFile
	deliveryLock = "deliveries.lock"
)

// openState makes the directory if it is not there; nobody else may read it.
func openState(dir string) (*state, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return &state{dir, map[string]*sync.Mutex{trustLock: {}, deliveryLock: {}}}, nil
}

// locked runs f while no other goroutine or process holds the lock.
func (s *state) locked(name string, f func() error) (err error) {
	s.mu[name].Lock()
	defer s.mu[name].Unlock()
	l, err := os.OpenFile(filepath.Join(s.dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	defer l.Close() // ends the lock
	if err := lock(l); err != nil {
		return fmt.Errorf("%w: locking: %w", ErrState, err)
	}
	return f()
}

// read reads a document into v and reports whether it was there. A document
// that cannot be read is no document that is not there: what was remembered
// must not be forgotten by an accident.
func (s *state) read(name string, v any) (bool, error) {
	raw, err := os.ReadFile(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, fmt.Errorf("%w: %s is not what was written", ErrState, name)
	}
	return true, nil
}

// write replaces a document whole or not at all; it is on the disk when write
// returns.
func (s *state) write(name string, v any) (err error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	f, err := os.CreateTemp(s.dir, "."+name+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, name))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, errors.Join(err, os.Remove(f.Name())))
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}
