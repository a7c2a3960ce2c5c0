package postgres

import (
	"context"
	"fmt"

	"sluss/gateway/store"
)

var errNoStandby = fmt.Errorf("%w: synchronous_standby_names is empty, commits wait for no standby", ErrUnsafe)

// Healthy returns nil when the database answers, takes writes under settings
// that are safe and has the standby that was promised; otherwise why not. A
// standby that is gone is no error of a commit, which waits for it.
func (s *Store) Healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	pool, u := s.write, writer
	if pool == nil {
		pool, u = s.read, viewer
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return plain("asking the database", err)
	}
	defer conn.Release()
	if err := s.prepare(ctx, conn.Conn(), u); err != nil {
		return plain("asking the database", err)
	}
	if !s.cfg.HA {
		return nil
	}
	var names string
	var all, shown, streaming int
	err = conn.QueryRow(ctx, `SELECT current_setting('synchronous_standby_names'), count(*), count(sync_state),
		count(*) FILTER (WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')) FROM pg_stat_replication`).
		Scan(&names, &all, &shown, &streaming)
	switch {
	case err != nil:
		return plain("asking for the standby", err)
	case names == "":
		return errNoStandby
	case shown < all:
		return fmt.Errorf("%w: the role may not see pg_stat_replication: grant it pg_read_all_stats", ErrUnsafe)
	case streaming == 0:
		return fmt.Errorf("%w: no synchronous standby is streaming, commits wait", ErrUnsafe)
	}
	return nil
}

// Room returns nil, or [store.ErrFull] when the last commit found the disk of
// the database full.
func (s *Store) Room() error {
	if s.full.Load() {
		return store.ErrFull
	}
	return nil
}
