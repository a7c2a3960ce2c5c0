package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// Export implements [store.Exporter]. What it reads is one snapshot, so that
// nothing that is deleted meanwhile is vacuumed until it has ended.
func (s *Store) Export(ctx context.Context, f func(store.Row) error) error {
	return s.long(ctx, func(tx pgx.Tx) error {
		for _, l := range batch.Layouts {
			if err := exportTable(ctx, tx, l, f); err != nil {
				return err
			}
		}
		return nil
	})
}

func exportTable(ctx context.Context, tx pgx.Tx, l batch.Layout, f func(store.Row) error) error {
	rows, err := tx.Query(ctx, "SELECT sum, "+l.Columns+" FROM "+l.Name+" ORDER BY "+l.Order)
	if err != nil {
		return plain("exporting "+l.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := l.Read(rawRow{rows})
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return plain("exporting "+l.Name, rows.Err())
}

// Import implements [store.Importer]. It may take longer than a commit, and
// holds the head's lock.
func (s *Store) Import(ctx context.Context, fill func(put func(store.Row) error) error) error {
	if s.write == nil {
		return ErrView
	}
	return s.attempt(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		q := &pgx.Batch{}
		q.Queue("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
		for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
			q.Queue("SET LOCAL " + limit + " = 0")
		}
		q.Queue("SELECT 1 FROM head FOR UPDATE")
		if err := conn.SendBatch(ctx, q).Close(); err != nil {
			return plain("importing", err)
		}
		if err := vacant(ctx, conn); err != nil {
			return err
		}
		in := importing{conn: conn}
		err := fill(func(r store.Row) error { return in.put(ctx, r) })
		if err == nil {
			err = in.flush(ctx)
		}
		if err != nil {
			return err
		}
		w := &writing{}
		w.queue("INSERT INTO tally (agency, role, n) " + heldSQL)
		return s.finish(ctx, conn, w)
	})
}

// vacant returns nil, and makes room for a head, if there is nothing here.
func vacant(ctx context.Context, conn *pgx.Conn) error {
	for _, l := range batch.Layouts {
		query := "SELECT EXISTS (SELECT 1 FROM " + l.Name + ")"
		if l.Name == batch.Heads.Name {
			query = "SELECT EXISTS (SELECT 1 FROM head WHERE size > 0 OR mail_seq > 0)"
		}
		var there bool
		if err := conn.QueryRow(ctx, query).Scan(&there); err != nil {
			return plain("importing", err)
		}
		if there {
			return fmt.Errorf("%w: table %s", store.ErrNotEmpty, l.Name)
		}
	}
	_, err := conn.Exec(ctx, "DELETE FROM head")
	return plain("importing", err)
}

// importing collects rows of one table for a statement that inserts many.
type importing struct {
	conn *pgx.Conn
	l    batch.Layout
	rows [][]any
}

func (in *importing) put(ctx context.Context, r store.Row) error {
	l, err := batch.LayoutOf(r)
	if err != nil {
		return err
	}
	if l.Name != in.l.Name || len(in.rows) == pageful {
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	row := slices.Clone(r.Values)
	for i, v := range row {
		if b, ok := v.([]byte); ok {
			row[i] = append([]byte{}, b...)
		}
	}
	in.l, in.rows = l, append(in.rows, row)
	return ctx.Err()
}

func (in *importing) flush(ctx context.Context) error {
	if len(in.rows) == 0 {
		return nil
	}
	_, err := in.conn.Exec(ctx, insertInto(in.l.Name, in.l.Columns, in.rows[0]), byColumn(in.rows)...)
	in.rows = in.rows[:0]
	return plain("importing "+in.l.Name, err)
}

var (
	_ store.Exporter = (*Store)(nil)
	_ store.Importer = (*Store)(nil)
)
