package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// manyFindings is how many findings of one kind Check words one by one.
const manyFindings = 20

// Check implements [store.Store]: the checksum of every row and the references
// between rows, in one snapshot. The pages are PostgreSQL's to check
// (data_checksums, pg_amcheck).
func (s *Store) Check(ctx context.Context) ([]string, error) {
	c := &checker{ctx: ctx}
	err := s.long(ctx, func(tx pgx.Tx) error {
		c.tx = tx
		checkSums(c, batch.Heads, func(batch.HeadRow) string { return "" })
		checkSums(c, batch.Tiles, func(t store.Tile) string { return fmt.Sprintf("%d/%d", t.Level, t.Index) })
		checkSums(c, batch.Entries, func(e store.Indexed) string { return fmt.Sprint(e.Index) })
		checkSums(c, batch.Replays, func(batch.ReplayRow) string { return "" })
		checkSums(c, batch.Messages, func(m batch.MessageRow) string { return string(m.ID) })
		checkSums(c, batch.Statements, func(st store.Statement) string { return string(st.ID) })
		checkSums(c, batch.States, func(store.State) string { return "" })
		checkSums(c, batch.Documents, func(d store.Document) string { return d.Name })
		checkSums(c, batch.Published, func(batch.PublishedRow) string { return "" })
		checkSums(c, batch.Mail, func(m store.Mail) string { return fmt.Sprint(m.Seq) })
		for _, r := range batch.References {
			c.refer(r.Words, r.Query)
		}
		c.refer("tally: not what mailboxes and senders hold, rows", talliesSQL)
		return plain("checking", c.err)
	})
	return c.found, err
}

type checker struct {
	ctx   context.Context
	tx    pgx.Tx
	found []string
	err   error
}

// rows calls f for each row that query finds and counts its findings, wording
// no more than a few.
func (c *checker) rows(what, query string, f func(pgx.Rows) (string, error)) {
	if c.err != nil {
		return
	}
	rows, err := c.tx.Query(c.ctx, query)
	if err != nil {
		c.err = err
		return
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		words, err := f(rows)
		if err != nil {
			c.err = err
			return
		}
		if words == "" {
			continue
		}
		if n++; n <= manyFindings {
			c.found = append(c.found, words)
		}
	}
	if n > manyFindings {
		c.found = append(c.found, fmt.Sprintf("%s: %d in all", what, n))
	}
	c.err = rows.Err()
}

// refer words each identifier that query lists.
func (c *checker) refer(words, query string) {
	c.rows(words, "SELECT f.id::text FROM ("+query+") AS f(id)", func(rows pgx.Rows) (string, error) {
		var id string
		err := rows.Scan(&id)
		return words + " " + id, err
	})
}

// checkSums compares each row with its checksum. A row that cannot be read as
// what its table holds is a finding too.
func checkSums[T any](c *checker, t batch.Table[T], id func(T) string) {
	c.rows(t.Name+": checksums that do not match", "SELECT sum, "+t.Columns+" FROM "+t.Name, func(rows pgx.Rows) (string, error) {
		v, fits, err := t.Checked(rawRow{rows})
		switch {
		case err != nil:
			return t.Name + ": a row cannot be read", nil
		case !fits:
			return fmt.Sprintf("%s: checksum of row %s does not match", t.Name, id(v)), nil
		}
		return "", nil
	})
}

// rawRow scans a row so that one that does not fit does not end the query.
type rawRow struct{ pgx.Rows }

func (r rawRow) Scan(dest ...any) error {
	return pgx.ScanRow(r.Conn().TypeMap(), r.FieldDescriptions(), r.RawValues(), dest...)
}

// scanAll calls f for each row of a table in the order given.
func scanAll[T any](ctx context.Context, s *Store, t batch.Table[T], order string, f func(T) error) error {
	return s.long(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, t.Selects()+"ORDER BY "+order)
		if err != nil {
			return plain("scanning "+t.Name, err)
		}
		defer rows.Close()
		for rows.Next() {
			v, err := t.Scan(rows)
			if err != nil {
				return plain("scanning "+t.Name, err)
			}
			if err := f(v); err != nil {
				return err
			}
		}
		return plain("scanning "+t.Name, rows.Err())
	})
}

// ScanMessages implements [store.Scanner].
func (s *Store) ScanMessages(ctx context.Context, f func(store.Message, uint64) error) error {
	return scanAll(ctx, s, batch.Messages, "entry", func(m batch.MessageRow) error { return f(m.Message, m.Entry) })
}

// ScanStatements implements [store.Scanner].
func (s *Store) ScanStatements(ctx context.Context, f func(store.Statement) error) error {
	return scanAll(ctx, s, batch.Statements, "seq", f)
}

// ScanMail implements [store.Scanner].
func (s *Store) ScanMail(ctx context.Context, f func(store.Mail) error) error {
	return scanAll(ctx, s, batch.Mail, "seq", f)
}

// ScanStates implements [store.Scanner].
func (s *Store) ScanStates(ctx context.Context, f func(store.State) error) error {
	return scanAll(ctx, s, batch.States, "name", f)
}

// LastMail implements [store.Scanner].
func (s *Store) LastMail(ctx context.Context) (n int64, err error) {
	if err := s.read.QueryRow(ctx, "SELECT mail_seq FROM head").Scan(&n); err != nil {
		return 0, fmt.Errorf("reading head: %w", err)
	}
	return n, nil
}
