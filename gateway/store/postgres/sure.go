package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// What can be read is durable, as a rule: PostgreSQL shows a commit to others
// after the standby has it. Not so when the wait was cancelled, or the server
// ended during it and recovered what it had itself. After each such doubt the
// store makes a commit of its own before it reads on: when a standby has that, it
// has all before it.

// doubtful reports whether what can be read may not be durable.
func (s *Store) doubtful() bool { return s.write != nil && s.settled.Load() < s.doubts.Load() }

// sure returns when what can be read is durable.
func (s *Store) sure(ctx context.Context) error {
	for s.doubtful() {
		_, err, _ := s.barrier.Do("", func() (any, error) { return nil, s.settle(ctx) })
		if err != nil {
			return err
		}
	}
	return nil
}

// settle commits, and ends the doubts that there were before.
func (s *Store) settle(ctx context.Context) error {
	doubts := s.doubts.Load()
	s.metrics.barriers.Inc()
	err := s.transact(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
			return plain("beginning transaction", err)
		}
		w := &writing{}
		w.queue(touchSQL)
		return s.finish(ctx, conn, w)
	})
	if err == nil {
		s.settled.Store(doubts)
	}
	return err
}
