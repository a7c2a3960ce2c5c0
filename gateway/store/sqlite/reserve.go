package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"sluss/gateway/store"
)

func (s *Store) reserve() string { return filepath.Join(s.cfg.Dir, "reserve") }

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
