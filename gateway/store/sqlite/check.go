package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// manyFindings is how many findings of one kind Check words one by one.
const manyFindings = 20

// Check implements [store.Store]: the file's own structure, the checksum of
// every row, and the references between rows. It reads one snapshot of the
// database.
func (s *Store) Check(ctx context.Context) ([]string, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("checking: %w", err)
	}
	defer tx.Rollback()
	c := &checker{ctx: ctx, tx: tx}
	c.integrity()
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
	return c.found, c.err
}

type checker struct {
	ctx   context.Context
	tx    *sql.Tx
	found []string
	err   error
}

// refer words each identifier that query lists.
func (c *checker) refer(words, query string) {
	if c.err != nil {
		return
	}
	rows, err := c.tx.QueryContext(c.ctx, query)
	if err != nil {
		c.err = fmt.Errorf("checking: %w", err)
		return
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var id string
		if err := rows.Scan(&id); err != nil {
			c.err = fmt.Errorf("checking: %w", err)
			return
		}
		if n < manyFindings {
			c.found = append(c.found, words+" "+id)
		}
	}
	c.more(words, n)
	if err := rows.Err(); err != nil {
		c.err = fmt.Errorf("checking: %w", err)
	}
}

func (c *checker) more(words string, n int) {
	if n > manyFindings {
		c.found = append(c.found, fmt.Sprintf("%s: %d in all", words, n))
	}
}

// integrity is SQLite's own check: pages, indexes against tables, types. Its
// words may quote content, so they are counted and not repeated.
func (c *checker) integrity() {
	rows, err := c.tx.QueryContext(c.ctx, "PRAGMA integrity_check")
	if err != nil {
		c.err = fmt.Errorf("checking file: %w", err)
		return
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var words string
		if err := rows.Scan(&words); err != nil {
			c.err = fmt.Errorf("checking file: %w", err)
			return
		}
		if words != "ok" {
			n++
		}
	}
	if n > 0 {
		c.found = append(c.found, fmt.Sprintf("file: %d findings of integrity_check", n))
	}
	if err := rows.Err(); err != nil {
		c.err = fmt.Errorf("checking file: %w", err)
	}
}

// checkSums compares each row with its checksum. A row that cannot be read as
// what its table holds is a finding too.
func checkSums[T any](c *checker, t batch.Table[T], id func(T) string) {
	if c.err != nil {
		return
	}
	rows, err := c.tx.QueryContext(c.ctx, "SELECT sum, "+t.Columns+" FROM "+t.Name)
	if err != nil {
		c.err = fmt.Errorf("checking %s: %w", t.Name, err)
		return
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		v, fits, err := t.Checked(rows)
		var words string
		switch {
		case err != nil:
			words = fmt.Sprintf("%s: a row cannot be read", t.Name)
		case !fits:
			words = fmt.Sprintf("%s: checksum of row %s does not match", t.Name, id(v))
		default:
			continue
		}
		if n++; n <= manyFindings {
			c.found = append(c.found, words)
		}
	}
	c.more(t.Name+": checksums that do not match", n)
	if err := rows.Err(); err != nil {
		c.err = fmt.Errorf("checking %s: %w", t.Name, err)
	}
}

// scanAll calls f for each row of a table in the order given.
func scanAll[T any](ctx context.Context, s *Store, t batch.Table[T], order string, f func(T) error) error {
	rows, err := s.read.QueryContext(ctx, t.Selects()+"ORDER BY "+order)
	if err != nil {
		return fmt.Errorf("scanning %s: %w", t.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := t.Scan(rows)
		if err != nil {
			return fmt.Errorf("scanning %s: %w", t.Name, err)
		}
		if err := f(v); err != nil {
			return err
		}
	}
	return rows.Err()
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
	if err := s.read.QueryRowContext(ctx, "SELECT mail_seq FROM head").Scan(&n); err != nil {
		return 0, fmt.Errorf("reading head: %w", err)
	}
	return n, nil
}
