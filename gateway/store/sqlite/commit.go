package sqlite

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// Commit implements [store.Store]. Once it has begun it does not heed ctx: a
// caller that hangs up must not leave a batch unsure. A batch for which the
// disk is full gives the reserved space back: from then on, until [Store.Recover]
// has found space, only writes that may use it are taken. It is not tried again
// here, because the caller's tree has grown by what was not written.
func (s *Store) Commit(ctx context.Context, writes []store.Write, grow store.Grow) ([]store.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	results, err := s.commit(ctx, writes, grow)
	if errors.Is(err, store.ErrFull) {
		s.useReserve()
	}
	return results, err
}

// commit is Commit without the reserve. The caller holds mu.
func (s *Store) commit(ctx context.Context, writes []store.Write, grow store.Grow) ([]store.Result, error) {
	if s.stopped != nil {
		return nil, s.stopped
	}
	var results []store.Result
	err := s.transact(ctx, func() (bool, error) {
		b, err := s.look(ctx, writes)
		if err == nil {
			err = b.Judge(writes, s.full.Load(), quota{ctx, s})
		}
		if err != nil {
			return false, err
		}
		results = b.Results
		if !b.Any {
			return false, nil
		}
		if err := b.Grow(grow, func(want []store.Tile) ([]store.Tile, error) { return s.tiles(ctx, want) }); err != nil {
			return false, err
		}
		return true, s.apply(ctx, b)
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// transact runs f in a write transaction and commits when f reports that it
// wrote something. The caller holds mu.
func (s *Store) transact(ctx context.Context, f func() (bool, error)) error {
	if s.counts.mailbox == nil {
		s.forgetCounts()
	}
	if err := s.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("beginning transaction: %w", full(err))
	}
	done := false
	defer func() {
		if !done { // f failed or panicked
			s.forgetCounts()
			s.rollback(ctx)
		}
	}()
	wrote, err := f()
	if err != nil {
		return full(err)
	}
	done = true
	if !wrote {
		s.rollback(ctx)
		return nil
	}
	if err := s.exec(ctx, "COMMIT"); err != nil {
		return s.failedCommit(ctx, err)
	}
	return nil
}

// failedCommit tells the one case that is known from the others. When the disk
// was full, the frame that marks the commit, which is the last to be written,
// is not in the file, so that neither a reader nor a restart can see the
// batch. After any other error the mark may be on disk although it was not
// synced: nobody knows, until the file is opened and read again.
func (s *Store) failedCommit(ctx context.Context, cause error) error {
	s.forgetCounts()
	s.rollback(ctx)
	if isFull(cause) && s.stopped == nil {
		return full(cause)
	}
	s.stopped = fmt.Errorf("%w: %w", ErrStopped, store.ErrUnknown)
	return fmt.Errorf("committing: %w: %w", store.ErrUnknown, cause)
}

// rollback ends a transaction, unless SQLite has ended it already, and checks
// that it has ended: the next BEGIN would fail otherwise.
func (s *Store) rollback(ctx context.Context) {
	if err := s.exec(ctx, "ROLLBACK"); err != nil {
		if err := s.exec(ctx, "BEGIN IMMEDIATE"); err == nil {
			err = s.exec(ctx, "ROLLBACK")
			if err == nil {
				return
			}
		}
		s.stopped = fmt.Errorf("%w: transaction does not end", ErrStopped)
	}
}

// apply writes what was accepted, in the same transaction. One statement comes
// after the other, and nothing after an error: SQLite may have ended the
// transaction with it, and the next statement would be one by itself.
func (s *Store) apply(ctx context.Context, b *batch.Batch) error {
	for _, step := range []func() error{
		func() error { return put(ctx, s, batch.Tiles, b.Tiles) },
		func() error { return add(ctx, s, batch.Entries, b.Entries) },
		func() error { return add(ctx, s, batch.Replays, b.Replays) },
		func() error { return add(ctx, s, batch.Messages, b.Messages) },
		func() error { return add(ctx, s, batch.Statements, b.Statements) },
		func() error { return put(ctx, s, batch.States, values(b.States)) },
		func() error { return put(ctx, s, batch.Documents, values(b.Documents)) },
		func() error { return add(ctx, s, batch.Mail, b.Mail) },
		func() error { return change(ctx, s, values(b.Changed)) },
		func() error { return put(ctx, s, batch.Heads, []batch.HeadRow{b.Head}) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func values[K comparable, V any](m map[K]V) []V {
	out := make([]V, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// chunks are the numbers of rows that one statement inserts: few sizes, so
// that every statement is prepared once.
var chunks = []int{64, 16, 4, 1}

// chunk is how many of n rows the next statement inserts.
func chunk(n int) int {
	i := 0
	for chunks[i] > n {
		i++
	}
	return chunks[i]
}

// add inserts rows, many per statement.
func add[T any](ctx context.Context, s *Store, t batch.Table[T], rows []T) error {
	for len(rows) > 0 {
		n := chunk(len(rows))
		args := make([]any, 0, n*t.Width())
		for _, r := range rows[:n] {
			args = append(args, t.Row(r)...)
		}
		if err := s.exec(ctx, insertSQL(t, n), args...); err != nil {
			return fmt.Errorf("inserting into %s: %w", t.Name, err)
		}
		rows = rows[n:]
	}
	return nil
}

// put inserts rows, or replaces those with the same primary key, which is the
// first column.
func put[T any](ctx context.Context, s *Store, t batch.Table[T], rows []T) error {
	for _, r := range rows {
		if err := s.exec(ctx, insertSQL(t, 1)+t.Updates(), t.Row(r)...); err != nil {
			return fmt.Errorf("updating %s: %w", t.Name, err)
		}
	}
	return nil
}

// change updates what may change of mailbox items, so that the indexes on what
// does not are left alone.
func change(ctx context.Context, s *Store, items []store.Mail) error {
	const query = "UPDATE mail SET state = ?, version = ?, lease = ?, hold = ?, delivery = ?, entry = ?, token = ?, sum = ? WHERE seq = ?"
	for _, m := range items {
		row := batch.Mail.Row(m)
		if err := s.exec(ctx, query, append(row[len(row)-8:], m.Seq)...); err != nil {
			return fmt.Errorf("updating mail: %w", err)
		}
	}
	return nil
}

// full marks err as [store.ErrFull] when the disk is full. It is for errors
// that come before COMMIT, so that nothing was written.
func full(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}

func isFull(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_FULL
}
