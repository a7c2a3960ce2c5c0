package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sluss/gateway/store"
)

// Commit implements [store.Store]. Once it has begun it does not heed ctx: a
// caller that hangs up must not leave a batch unsure. A batch for which the
// disk is full gives the reserved space back: from then on, until [Store.Recover]
// has found space, only writes that may use it are taken. It is not tried again
// here, because the caller's tree has grown by what was not written.
func (s *Store) Commit(ctx context.Context, batch []store.Write, grow store.Grow) ([]store.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	results, err := s.commit(ctx, batch, grow)
	if errors.Is(err, store.ErrFull) {
		s.useReserve()
	}
	return results, err
}

// commit is Commit without the reserve. The caller holds mu.
func (s *Store) commit(ctx context.Context, batch []store.Write, grow store.Grow) ([]store.Result, error) {
	if s.stopped != nil {
		return nil, s.stopped
	}
	var results []store.Result
	err := s.transact(ctx, func() (bool, error) {
		b, err := s.judge(ctx, batch)
		if err != nil {
			return false, err
		}
		results = b.results
		return b.any, s.apply(ctx, b, grow)
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

// apply writes what judge accepted, in the same transaction.
func (s *Store) apply(ctx context.Context, b *batch, grow store.Grow) error {
	if !b.any {
		return nil
	}
	head := store.Head{Size: b.head.Size, Root: b.head.Root, Time: b.head.Time}
	if len(b.entries) > 0 {
		leaves := make([][64]byte, len(b.entries))
		for i, e := range b.entries {
			leaves[i] = e.Leaf
		}
		growth, err := grow(head, leaves)
		if err != nil {
			return err
		}
		if growth.Head.Size != head.Size+uint64(len(leaves)) || growth.Head.Time.Before(head.Time) {
			return fmt.Errorf("growing tree: size %d and %d leaves make size %d", head.Size, len(leaves), growth.Head.Size)
		}
		head = growth.Head
		for i := range b.entries {
			b.entries[i].Batch = head.Size
		}
		if err := put(ctx, s, tileTable, growth.Tiles); err != nil {
			return err
		}
	}
	// One after the other, and nothing after an error: SQLite may have ended the
	// transaction with it, and the next statement would be one by itself.
	for _, step := range []func() error{
		func() error { return add(ctx, s, entryTable, b.entries) },
		func() error { return add(ctx, s, replayTable, b.replays) },
		func() error { return add(ctx, s, messageTable, b.messages) },
		func() error { return add(ctx, s, statementTable, b.statements) },
		func() error { return put(ctx, s, stateTable, values(b.states)) },
		func() error { return add(ctx, s, mailTable, b.mail) },
		func() error { return change(ctx, s, values(b.changed)) },
		func() error {
			return put(ctx, s, headTable, []headRow{{head.Size, head.Root, head.Time, b.head.MailSeq}})
		},
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

// add inserts rows, many per statement.
func add[T any](ctx context.Context, s *Store, t table[T], rows []T) error {
	for len(rows) > 0 {
		n := chunks[0]
		for i := 1; n > len(rows); i++ {
			n = chunks[i]
		}
		args := make([]any, 0, n*t.width())
		for _, r := range rows[:n] {
			args = append(args, t.row(r)...)
		}
		if err := s.exec(ctx, insertSQL(t, n), args...); err != nil {
			return fmt.Errorf("inserting into %s: %w", t.name, err)
		}
		rows = rows[n:]
	}
	return nil
}

// put inserts rows, or replaces those with the same primary key, which is the
// first column.
func put[T any](ctx context.Context, s *Store, t table[T], rows []T) error {
	for _, r := range rows {
		if err := s.exec(ctx, upsertSQL(t), t.row(r)...); err != nil {
			return fmt.Errorf("updating %s: %w", t.name, err)
		}
	}
	return nil
}

func upsertSQL[T any](t table[T]) string {
	key, rest, _ := strings.Cut(t.columns, ", ")
	var set []string
	for c := range strings.SplitSeq(rest+", sum", ", ") {
		set = append(set, c+" = excluded."+c)
	}
	return insertSQL(t, 1) + " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// change updates what may change of mailbox items, so that the indexes on what
// does not are left alone.
func change(ctx context.Context, s *Store, items []store.Mail) error {
	const query = "UPDATE mail SET state = ?, version = ?, lease = ?, hold = ?, delivery = ?, entry = ?, token = ?, sum = ? WHERE seq = ?"
	for _, m := range items {
		row := mailTable.row(m)
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
