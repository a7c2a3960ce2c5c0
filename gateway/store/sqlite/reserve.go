package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"sluss/gateway/store"
)

func (s *Store) reserve() string { return filepath.Join(s.cfg.Dir, "reserve") }

// Room returns nil, or [store.ErrFull] while the disk is full and the reserved
// space is in use.
func (s *Store) Room() error {
	if s.full.Load() {
		return store.ErrFull
	}
	return nil
}

// Healthy returns what Room does: the disk is all that the store depends on.
func (s *Store) Healthy(context.Context) error { return s.Room() }

// Recover takes the reserved space again, once the disk has that much and half
// as much again, and reports whether everything is written again since this
// call. It is for calling every second; while there is room it does nothing.
func (s *Store) Recover() (bool, error) {
	if !s.full.Load() {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	free, err := s.free()
	if err != nil || free < s.cfg.Reserve+s.cfg.Reserve/2 {
		return false, err
	}
	if err := s.RestoreReserve(); errors.Is(err, store.ErrFull) {
		return false, nil // somebody else was quicker
	} else if err != nil {
		return false, err
	}
	s.full.Store(false)
	return true, nil
}

// useReserve gives the reserved space back for what may use it. The caller holds
// mu.
func (s *Store) useReserve() {
	if s.cfg.Reserve < 0 {
		return
	}
	// A reserve that cannot be removed is as if there were none: what is full
	// stays full until there is space.
	s.ReleaseReserve()
	s.full.Store(true)
}

// Metrics returns the store's metrics, to be registered by main.
func (s *Store) Metrics() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "store_full_info", Help: "1 while the disk is full: nothing is taken in or released, refusals are recorded in reserved space.",
		}, func() float64 {
			if s.full.Load() {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "store_free_bytes", Help: "Space left on the disk of the database, without what is reserved; -1 if it cannot be asked.",
		}, func() float64 {
			free, err := s.free()
			if err != nil {
				return -1
			}
			return float64(free)
		}),
	}
}

// ReleaseReserve gives the reserved disk space back, so that after
// [store.ErrFull] the log can still record why the gateway stopped. It reports
// whether there was any.
func (s *Store) ReleaseReserve() (bool, error) {
	err := os.Remove(s.reserve())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("releasing reserve: %w", err)
	}
	return true, nil
}

// RestoreReserve takes the reserved space again. It fails with
// [store.ErrFull] when the disk does not have it.
func (s *Store) RestoreReserve() error {
	if s.cfg.Reserve < 0 {
		return nil
	}
	if fi, err := os.Stat(s.reserve()); err == nil && fi.Size() == s.cfg.Reserve {
		return nil
	}
	if err := writeZeros(s.reserve(), s.cfg.Reserve); err != nil {
		os.Remove(s.reserve())
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("%w: %w", store.ErrFull, err)
		}
		return fmt.Errorf("reserving disk space: %w", err)
	}
	return nil
}

// writeZeros fills a file with written zeros: a sparse file reserves nothing.
func writeZeros(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	zeros := make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(zeros)) {
		if _, err := f.Write(zeros[:min(left, int64(len(zeros)))]); err != nil {
			return err
		}
	}
	return f.Sync()
}
