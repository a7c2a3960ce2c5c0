package pgtest

import (
	"fmt"
	"sync"
	"testing"
)

// Shared is one cluster for the tests of a package, started by the first that
// needs it and gone with the process. The zero value is ready; a package keeps
// one in a variable of its tests.
type Shared struct {
	mu      sync.Mutex
	cluster *Cluster
	made    int
}

// Cluster returns the cluster.
func (s *Shared) Cluster(tb testing.TB) *Cluster {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil {
		c, err := Start(tb.Context(), Config{})
		if err != nil {
			tb.Fatal(err)
		}
		s.cluster = c
	}
	return s.cluster
}

// Database returns the DSN of a new, empty database.
func (s *Shared) Database(tb testing.TB) string {
	tb.Helper()
	c := s.Cluster(tb)
	s.mu.Lock()
	s.made++
	name := fmt.Sprintf("test%d", s.made)
	s.mu.Unlock()
	dsn, err := c.Database(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	return dsn
}
