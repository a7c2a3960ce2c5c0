package pgtest

import (
	"context"
	"fmt"
	"time"
)

// Standby makes a second cluster from a base backup of c, starts it and makes
// c wait for it at every commit (synchronous_standby_names). It returns when c
// reports the standby as synchronous. Close it like any other.
func (c *Cluster) Standby(ctx context.Context) (_ *Cluster, err error) {
	s, err := create(ctx, c.cfg, "standby", c.password)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	// The backup is taken before c waits for anybody, so that what is promoted
	// does not wait either.
	if err := s.run(ctx, "pg_basebackup", "-D", s.DataDir(), "-d", c.dsn("postgres", "replication"), "-X", "stream",
		"-c", "fast", "-R", "--no-sync"); err != nil {
		return nil, err
	}
	if err := s.Restart(ctx); err != nil {
		return nil, err
	}
	if err := c.Exec(ctx, "ALTER SYSTEM SET synchronous_standby_names = 'standby'"); err != nil {
		return nil, err
	}
	if err := c.Exec(ctx, "SELECT pg_reload_conf()"); err != nil {
		return nil, err
	}
	return s, c.Synchronous(ctx)
}

// Synchronous waits until a standby of c is synchronous.
func (c *Cluster) Synchronous(ctx context.Context) error {
	return c.until(ctx, "EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum'))")
}

// Promote makes a standby a primary and waits until it takes writes.
func (c *Cluster) Promote(ctx context.Context) error {
	if err := c.Exec(ctx, "SELECT pg_promote(true, 60)"); err != nil {
		return err
	}
	return c.until(ctx, "NOT pg_is_in_recovery()")
}

// until waits until a condition holds.
func (c *Cluster) until(ctx context.Context, condition string) error {
	ctx, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	for {
		v, err := c.Value(ctx, condition)
		if v == "true" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s until %s: %v: %s", c.name, condition, err, c.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
