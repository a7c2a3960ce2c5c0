package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

var (
	_ store.Exporter = (*Store)(nil)
	_ store.Importer = (*Store)(nil)
)

// Export implements [store.Exporter].
func (s *Store) Export(ctx context.Context, f func(store.Row) error) error {
	var ours error // which is not the server's, and keeps its words
	err := s.long(ctx, func(tx pgx.Tx) error {
		for _, l := range batch.Layouts {
			if ours = export(ctx, tx, l, f); ours != nil {
				return ours
			}
		}
		return nil
	})
	if ours != nil {
		return ours
	}
	return err
}

func export(ctx context.Context, tx pgx.Tx, l batch.Layout, f func(store.Row) error) error {
	rows, err := tx.Query(ctx, "SELECT sum, "+l.Columns+" FROM "+l.Name+" ORDER BY "+l.Order)
	if err != nil {
		return plain("exporting "+l.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := l.Read(rows)
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return plain("exporting "+l.Name, rows.Err())
}

// Import implements [store.Importer], by COPY.
func (s *Store) Import(ctx context.Context, fill func(put func(store.Row) error) error) error {
	if s.write == nil {
		return ErrView
	}
	whole := context.WithoutCancel(ctx)
	return s.attempt(whole, func(_ context.Context, conn *pgx.Conn) error {
		if err := vacant(whole, conn); err != nil {
			return err
		}
		in := &importing{ctx: whole, conn: conn}
		err := fill(func(r store.Row) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return in.put(r)
		})
		if err = in.end(err); err != nil {
			return err
		}
		w := &writing{}
		w.queue("INSERT INTO tally (agency, role, n) " + heldSQL)
		for _, l := range batch.Layouts {
			w.queue("ANALYZE " + l.Name)
		}
		return s.finish(whole, conn, w)
	})
}

// vacant begins a transaction under the head's lock, and makes room for a head,
// if there is nothing here.
func vacant(ctx context.Context, conn *pgx.Conn) error {
	q := &pgx.Batch{}
	q.Queue("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
	q.Queue("SET LOCAL statement_timeout = 0")
	q.Queue("SET LOCAL idle_in_transaction_session_timeout = 0")
	q.Queue("SELECT 1 FROM head WHERE id = 0 FOR UPDATE")
	if err := conn.SendBatch(ctx, q).Close(); err != nil {
		return plain("beginning transaction", err)
	}
	for _, l := range batch.Layouts {
		query := "SELECT count(*) FROM (SELECT 1 FROM " + l.Name + " LIMIT 1) AS t"
		if l.Name == batch.Heads.Name {
			query = "SELECT count(*) FROM head WHERE size > 0 OR mail_seq > 0"
		}
		var n int
		if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
			return plain("importing", err)
		}
		if n > 0 {
			return fmt.Errorf("%w: table %s", store.ErrNotEmpty, l.Name)
		}
	}
	_, err := conn.Exec(ctx, "DELETE FROM head")
	return plain("importing", err)
}

// importing is one COPY after the other, a table each. The rows of one go to it
// as they come.
type importing struct {
	ctx   context.Context
	conn  *pgx.Conn
	table string
	rows  chan []any
	done  chan error
	stop  error // why the table is not whole; read after rows is closed
}

func (in *importing) put(r store.Row) error {
	l, err := batch.LayoutOf(r)
	if err != nil {
		return err
	}
	if l.Name != in.table {
		if err := in.end(nil); err != nil {
			return err
		}
		in.begin(l)
	}
	select {
	case in.rows <- r.Values:
		return nil
	case err := <-in.done: // before its rows have ended
		in.table = ""
		return plain("importing "+l.Name, err)
	}
}

func (in *importing) begin(l batch.Layout) {
	in.table, in.rows, in.done = l.Name, make(chan []any), make(chan error, 1)
	go func() {
		_, err := in.conn.CopyFrom(in.ctx, pgx.Identifier{l.Name}, append(strings.Split(l.Columns, ", "), "sum"),
			pgx.CopyFromFunc(func() ([]any, error) {
				if row, ok := <-in.rows; ok {
					return row, nil
				}
				return nil, in.stop
			}))
		if err == nil {
			err = errEnded
		}
		in.done <- err
	}()
}

// errEnded is what a COPY that went well leaves.
var errEnded = errors.New("postgres: rows have ended")

// end ends the table that is being copied; cause is why it is not whole. It
// returns cause, or what the server says.
func (in *importing) end(cause error) error {
	if in.table == "" {
		return cause
	}
	in.stop = cause
	close(in.rows)
	err := <-in.done
	name := in.table
	if in.table = ""; cause != nil {
		return cause
	}
	if errors.Is(err, errEnded) {
		return nil
	}
	return plain("importing "+name, err)
}
