package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"sluss/gateway/store"
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
	checkSums(c, headTable, func(headRow) string { return "" })
	checkSums(c, tileTable, func(t store.Tile) string { return fmt.Sprintf("%d/%d", t.Level, t.Index) })
	checkSums(c, entryTable, func(e store.Indexed) string { return fmt.Sprint(e.Index) })
	checkSums(c, replayTable, func(replayRow) string { return "" })
	checkSums(c, messageTable, func(m messageRow) string { return string(m.ID) })
	checkSums(c, statementTable, func(st store.Statement) string { return string(st.ID) })
	checkSums(c, stateTable, func(store.State) string { return "" })
	checkSums(c, mailTable, func(m store.Mail) string { return fmt.Sprint(m.Seq) })
	for _, r := range references {
		c.refer(r.words, r.query)
	}
	return c.found, c.err
}

// references are what must be true between tables. Each query lists what is
// not, by an identifier that holds no content.
var references = []struct{ words, query string }{
	{"head: not exactly one row, or entries are not 0 to size-1, at size",
		`SELECT h.size FROM head AS h WHERE (SELECT count(*) FROM entry) <> h.size
			OR h.size > 0 AND ((SELECT min(idx) FROM entry) <> 0 OR (SELECT max(idx) FROM entry) <> h.size - 1)
		UNION ALL SELECT -1 WHERE (SELECT count(*) FROM head) <> 1`},
	{"head: time is not that of the latest entry, at size",
		`SELECT size FROM head WHERE size > 0 AND time <> (SELECT max(time) FROM entry)`},
	{"entry: batch ends before the entry or after the log, at", `SELECT idx FROM entry, head WHERE batch <= idx OR batch > size`},
	{"message: not accepted by the entry it names, or its subject is another's",
		`SELECT m.id FROM message AS m LEFT JOIN entry AS e ON e.idx = m.entry
		WHERE e.kind IS NOT '` + store.KindAccepted + `' AND e.kind IS NOT '` + store.KindAdmitted + `' AND e.kind IS NOT '` + store.KindRequest + `' OR e.subject <> m.subject AND e.key <> ''`},
	// What a gateway notes itself comes with the request or release it is about.
	{"statement: not admitted by the entry it names",
		`SELECT s.id FROM statement AS s LEFT JOIN entry AS e ON e.idx = s.entry WHERE e.kind IS NOT '` + store.KindAdmitted + `'
			AND e.kind IS NOT '` + store.KindRequest + `' AND e.kind IS NOT '` + store.KindRelease + `'`},
	{"statement: state was never set, for",
		`SELECT id FROM statement WHERE state NOT IN (SELECT name FROM state)`},
	{"mail: message is missing, or for another agency",
		`SELECT mail.seq FROM mail LEFT JOIN message AS m ON m.id = mail.message AND m.issuer = mail.issuer
		WHERE mail.message <> '' AND m.recipient IS NOT mail.agency`},
	{"mail: neither message nor notice, or both", `SELECT seq FROM mail WHERE (message = '') = (notice_id = '')`},
	{"mail: number is beyond the last one given", `SELECT seq FROM mail, head WHERE seq > mail_seq`},
	{"mail: state is none of the states", `SELECT seq FROM mail WHERE state NOT IN ('waiting','held','handed','done','expired','refused')`},
	{"mail: a message that was handed out names no release entry",
		`SELECT m.seq FROM mail AS m LEFT JOIN entry AS e ON e.idx = m.entry
		WHERE m.message <> '' AND (m.state IN ('handed', 'done') OR m.delivery <> '') AND e.kind IS NOT '` + store.KindRelease + `'`},
	{"mail: handed or done without a delivery",
		`SELECT seq FROM mail WHERE message <> '' AND state IN ('handed', 'done') AND delivery = ''`},
	{"mail: names an entry that is not there", `SELECT m.seq FROM mail AS m, head AS h WHERE m.entry >= h.size`},
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
func checkSums[T any](c *checker, t table[T], id func(T) string) {
	if c.err != nil {
		return
	}
	rows, err := c.tx.QueryContext(c.ctx, "SELECT sum, "+t.columns+" FROM "+t.name)
	if err != nil {
		c.err = fmt.Errorf("checking %s: %w", t.name, err)
		return
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		with := &withSum{rows: rows}
		v, err := t.scan(with)
		var words string
		switch {
		case err != nil:
			words = fmt.Sprintf("%s: a row cannot be read", t.name)
		case sum(t.values(v)) != with.sum:
			words = fmt.Sprintf("%s: checksum of row %s does not match", t.name, id(v))
		default:
			continue
		}
		if n++; n <= manyFindings {
			c.found = append(c.found, words)
		}
	}
	c.more(t.name+": checksums that do not match", n)
	if err := rows.Err(); err != nil {
		c.err = fmt.Errorf("checking %s: %w", t.name, err)
	}
}

// withSum reads a row that begins with its checksum.
type withSum struct {
	rows *sql.Rows
	sum  int64
}

func (w *withSum) Scan(dest ...any) error { return w.rows.Scan(append([]any{&w.sum}, dest...)...) }

// scanAll calls f for each row of a table in the order given.
func scanAll[T any](ctx context.Context, s *Store, t table[T], order string, f func(T) error) error {
	rows, err := s.read.QueryContext(ctx, t.selects()+"ORDER BY "+order)
	if err != nil {
		return fmt.Errorf("scanning %s: %w", t.name, err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := t.scan(rows)
		if err != nil {
			return fmt.Errorf("scanning %s: %w", t.name, err)
		}
		if err := f(v); err != nil {
			return err
		}
	}
	return rows.Err()
}

// ScanMessages implements [store.Scanner].
func (s *Store) ScanMessages(ctx context.Context, f func(store.Message, uint64) error) error {
	return scanAll(ctx, s, messageTable, "entry", func(m messageRow) error { return f(m.Message, m.Entry) })
}

// ScanStatements implements [store.Scanner].
func (s *Store) ScanStatements(ctx context.Context, f func(store.Statement) error) error {
	return scanAll(ctx, s, statementTable, "seq", f)
}

// ScanMail implements [store.Scanner].
func (s *Store) ScanMail(ctx context.Context, f func(store.Mail) error) error {
	return scanAll(ctx, s, mailTable, "seq", f)
}

// ScanStates implements [store.Scanner].
func (s *Store) ScanStates(ctx context.Context, f func(store.State) error) error {
	return scanAll(ctx, s, stateTable, "name", f)
}
