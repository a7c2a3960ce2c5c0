package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// Commit implements [store.Store]. Once it has begun it does not heed ctx: a
// caller that hangs up must not leave a batch unsure. A batch that was not
// written because its server ended or took no more writes is tried again on
// another connection.
func (s *Store) Commit(ctx context.Context, writes []store.Write, grow store.Grow) ([]store.Result, error) {
	if len(writes) == 0 {
		return nil, ctx.Err()
	}
	var results []store.Result
	err := s.transact(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		b, held, err := s.look(ctx, conn, writes)
		if err == nil {
			err = b.Judge(writes, false, held)
		}
		if err != nil {
			return err
		}
		results = b.Results
		tiles := func(want []store.Tile) ([]store.Tile, error) { return tilesIn(ctx, conn, want) }
		if err := b.Grow(grow, tiles); err != nil {
			return err
		}
		switch {
		case b.Any:
			return s.finish(ctx, conn, rowsOf(b, held))
		case slices.ContainsFunc(results, func(r store.Result) bool { return errors.Is(r.Err, store.ErrDuplicate) }):
			// What is there already is about to be acknowledged once more. Its own
			// commit may have been another gateway's, which was not told that the
			// standby has it.
			w := &writing{}
			w.queue(touchSQL)
			return s.finish(ctx, conn, w)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// tries is how often a transaction is begun of which nothing was written.
const tries = 4

// transact runs f on a connection, within the time that a commit may take. f
// begins a transaction and ends it by finish; without that it is rolled back.
func (s *Store) transact(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.write == nil {
		return ErrView
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout)
	defer cancel()
	for try := 1; ; try++ {
		err := s.attempt(ctx, f)
		if errors.Is(err, store.ErrFull) {
			s.full.Store(true)
		}
		if lost(err) {
			s.write.Reset()
			s.read.Reset()
		}
		if errors.Is(err, store.ErrUnknown) {
			s.metrics.unknown.Inc()
			s.doubts.Add(1)
		}
		if err == nil || !again(err) || try == tries || ctx.Err() != nil {
			return err
		}
		s.metrics.again.Inc()
		time.Sleep(time.Duration(try*try) * 20 * time.Millisecond)
	}
}

// attempt runs f once.
func (s *Store) attempt(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	conn, err := s.write.Acquire(ctx)
	if err != nil {
		return plain("connecting", err)
	}
	defer conn.Release() // which closes a connection whose transaction has not ended
	err = f(ctx, conn.Conn())
	if !conn.Conn().IsClosed() && conn.Conn().PgConn().TxStatus() != 'I' {
		if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
			conn.Conn().Close(ctx)
		}
	}
	return err
}

// again reports whether err says that nothing was written and that another try
// may go better.
func again(err error) bool {
	if errors.Is(err, store.ErrUnknown) {
		return false
	}
	switch code(err) {
	case serializationFailure, deadlockDetected, changedPlan:
		return true
	}
	return lost(err)
}

// writing is the second half of a transaction: statements, each with the number
// of rows that it must write, or -1.
type writing struct {
	batch pgx.Batch
	rows  []int64
}

func (w *writing) queue(sql string, args ...any) { w.exactly(-1, sql, args...) }

func (w *writing) exactly(rows int, sql string, args ...any) {
	w.batch.Queue(sql, args...)
	w.rows = append(w.rows, int64(rows))
}

// finish sends the statements and COMMIT, and returns nil when the server has
// said that everything is durable. An error of the server before COMMIT says
// that nothing was written. After any other one, or a warning, nobody knows.
func (s *Store) finish(ctx context.Context, conn *pgx.Conn, w *writing) error {
	delete(conn.PgConn().CustomData(), warned)
	w.queue("COMMIT")
	results := conn.SendBatch(ctx, &w.batch)
	defer results.Close()
	var strange error
	for i, want := range w.rows {
		tag, err := results.Exec()
		if _, answered := errors.AsType[*pgconn.PgError](err); err != nil && answered && i < len(w.rows)-1 {
			return plain("writing", err)
		}
		if err != nil {
			return unknown(plain("committing", err))
		}
		if want >= 0 && tag.RowsAffected() != want {
			strange = fmt.Errorf("committing: %d rows written, want %d", tag.RowsAffected(), want)
		}
		if i == len(w.rows)-1 && tag.String() != "COMMIT" {
			strange = fmt.Errorf("committing: server answered %q", tag)
		}
	}
	if err := results.Close(); err != nil {
		return unknown(plain("committing", err))
	}
	if strange != nil {
		return unknown(strange)
	}
	if conn.PgConn().CustomData()[warned] != nil {
		return unknown(errors.New("committing: server warns, the standby was not waited for"))
	}
	s.full.Store(false)
	return nil
}

// unknown marks err as [store.ErrUnknown].
func unknown(err error) error { return fmt.Errorf("%w: %w", store.ErrUnknown, err) }

// rowsOf are the statements that write what a batch accepted.
func rowsOf(b *batch.Batch, held *held) *writing {
	w := &writing{}
	add(w, batch.Tiles, upsertTiles, b.Tiles)
	add(w, batch.Entries, insertEntries, b.Entries)
	add(w, batch.Replays, insertReplays, b.Replays)
	add(w, batch.Messages, insertMessages, b.Messages)
	add(w, batch.Statements, insertStatements, b.Statements)
	add(w, batch.States, upsertStates, slices.Collect(maps.Values(b.States)))
	add(w, batch.Documents, upsertDocuments, slices.Collect(maps.Values(b.Documents)))
	add(w, batch.Mail, insertMail, b.Mail)
	if changed := slices.Collect(maps.Values(b.Changed)); len(changed) > 0 {
		cols := columns(batch.Mail, changed)
		w.exactly(len(changed), changeSQL, append(cols[len(cols)-8:], cols[0])...)
	}
	held.write(w)
	add(w, batch.Heads, upsertHead, []batch.HeadRow{b.Head})
	return w
}

// add writes rows in one statement.
func add[T any](w *writing, t batch.Table[T], sql string, rows []T) {
	if len(rows) > 0 {
		w.exactly(len(rows), sql, columns(t, rows)...)
	}
}

// The statements, each of which writes as many rows as it is given.
var (
	upsertHead       = insertSQL(batch.Heads) + batch.Heads.Updates()
	upsertTiles      = insertSQL(batch.Tiles) + batch.Tiles.Updates()
	insertEntries    = insertSQL(batch.Entries)
	insertReplays    = insertSQL(batch.Replays)
	insertMessages   = insertSQL(batch.Messages)
	insertStatements = insertSQL(batch.Statements)
	upsertStates     = insertSQL(batch.States) + batch.States.Updates()
	upsertDocuments  = insertSQL(batch.Documents) + batch.Documents.Updates()
	insertMail       = insertSQL(batch.Mail)
)

// changeSQL updates what may change of mailbox items.
const changeSQL = `UPDATE mail SET state = c.state, version = c.version, lease = c.lease, hold = c.hold, delivery = c.delivery,
	entry = c.entry, token = c.token, sum = c.sum
	FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[], $5::text[], $6::bigint[], $7::bytea[], $8::bigint[], $9::bigint[])
	AS c(state, version, lease, hold, delivery, entry, token, sum, seq) WHERE mail.seq = c.seq`

// touchSQL writes nothing new, so that there is a commit to wait for. It takes
// the head's lock: what was under way under it has ended when it has.
const touchSQL = "UPDATE head SET size = size WHERE id = 0"
