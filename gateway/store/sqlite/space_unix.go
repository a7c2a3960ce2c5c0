//go:build unix

package sqlite

import (
	"fmt"
	"syscall"
)

// cramped reports whether the disk has not even room for the index of the
// write-ahead log, which is made at each start.
func (s *Store) cramped() bool {
	free, err := s.free()
	return err == nil && free < 1<<20
}

// free returns how many bytes the disk of the database has left for us.
func (s *Store) free() (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.cfg.Dir, &st); err != nil {
		return 0, fmt.Errorf("asking for disk space: %w", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
