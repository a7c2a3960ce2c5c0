package gatewaytest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sluss/gateway/store/batch"
	"sluss/gateway/store/sqlite"
)

// table is a table of the schema, as somebody sees it who edits the database.
type table struct {
	name    string
	columns []string
	// covered are the columns that the checksum is over, in order; the first is
	// the primary key, or the beginning of it.
	covered []string
	// kind words what sort of row it is: one of each sort is edited.
	kind func(row) string
}

// row is one row, by column: int64, string or []byte.
type row map[string]any

func tableOf[T any](t batch.Table[T], kind func(row) string, hidden ...string) table {
	covered := strings.Split(t.Columns, ", ")
	return table{t.Name, slices.Concat(hidden, covered, []string{"sum"}), covered, kind}
}

// schema is every table of the database.
func schema() []table {
	one := func(row) string { return "" }
	of := func(columns ...string) func(row) string {
		return func(r row) string {
			var words []string
			for _, c := range columns {
				words = append(words, fmt.Sprint(r[c]))
			}
			return strings.Join(words, " ")
		}
	}
	return []table{
		tableOf(batch.Heads, one),
		tableOf(batch.Tiles, func(r row) string { return strconv.FormatInt(r["id"].(int64)>>48, 10) }),
		tableOf(batch.Entries, of("kind")),
		tableOf(batch.Replays, func(r row) string { before, _, _ := strings.Cut(r["id"].(string), " "); return before }),
		tableOf(batch.Messages, func(r row) string { return fmt.Sprint(r["type"], " ", r["key"] == "") }),
		tableOf(batch.Statements, of("type"), "seq"),
		tableOf(batch.States, func(r row) string { before, _, _ := strings.Cut(r["name"].(string), ":"); return before }),
		tableOf(batch.Documents, of("name")),
		tableOf(batch.Published, one),
		tableOf(batch.Mail, func(r row) string { return fmt.Sprint(r["state"], " ", r["message"] == "") }),
	}
}

// sealed returns a row with the checksum that belongs to it.
func (t table) sealed(r row) row {
	out := maps.Clone(r)
	vals := make([]any, len(t.covered))
	for i, c := range t.covered {
		vals[i] = r[c]
	}
	out["sum"] = batch.Sum(vals)
	return out
}

// editor edits a database behind the gateway's back, as somebody who knows how
// rows are kept.
type editor struct {
	db     *sql.DB
	dollar bool // PostgreSQL: $1 and not ?
}

// editing opens the database to edit it.
func (r *faultRun) editing() (*editor, error) {
	if r.pg != nil {
		db, err := r.pg.primary.SQL()
		return &editor{db, true}, err
	}
	db, err := sql.Open("sqlite", filepath.Join(r.w.data(), sqlite.FileName))
	return &editor{db, false}, err
}

func (e *editor) exec(ctx context.Context, query string, args ...any) error {
	if e.dollar {
		for n := 1; strings.Contains(query, "?"); n++ {
			query = strings.Replace(query, "?", "$"+strconv.Itoa(n), 1)
		}
	}
	done, err := e.db.ExecContext(ctx, query, args...)
	if err != nil && (strings.Contains(strings.ToLower(err.Error()), "constraint") || strings.Contains(err.Error(), "can only be updated to DEFAULT")) {
		return fmt.Errorf("%w: %w", errBarred, err)
	}
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("an edit changed %d rows", n), err)
	}
	return nil
}

// errBarred is an edit that the schema does not let anybody make.
var errBarred = errors.New("the schema bars the edit")

func (t table) values(r row) []any {
	out := make([]any, len(t.columns))
	for i, c := range t.columns {
		out[i] = r[c]
	}
	return out
}

// rows reads a whole table.
func (e *editor) rows(ctx context.Context, t table) ([]row, error) {
	found, err := e.db.QueryContext(ctx, "SELECT "+strings.Join(t.columns, ", ")+" FROM "+t.name+" ORDER BY "+t.columns[0])
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var out []row
	for found.Next() {
		vals := make([]any, len(t.columns))
		into := make([]any, len(t.columns))
		for i := range vals {
			into[i] = &vals[i]
		}
		if err := found.Scan(into...); err != nil {
			return nil, err
		}
		r := row{}
		for i, c := range t.columns {
			if b, ok := vals[i].([]byte); vals[i] == nil || ok && b == nil { // an empty blob: nothing is NULL
				vals[i] = []byte{}
			}
			r[c] = vals[i]
		}
		out = append(out, r)
	}
	return out, found.Err()
}

// where finds one row.
func (t table) where(r row) (string, []any) {
	return " WHERE " + t.columns[0] + " = ? AND sum = ?", []any{r[t.columns[0]], r["sum"]}
}

func (e *editor) replace(ctx context.Context, t table, old, now row) error {
	var set []string
	var vals []any
	for _, c := range t.columns {
		if !same(old[c], now[c]) {
			set, vals = append(set, c+" = ?"), append(vals, now[c])
		}
	}
	where, args := t.where(old)
	return e.exec(ctx, "UPDATE "+t.name+" SET "+strings.Join(set, ", ")+where, append(vals, args...)...)
}

func (e *editor) insert(ctx context.Context, t table, r row) error {
	overriding := ""
	if e.dollar { // what the server numbers by itself
		overriding = " OVERRIDING SYSTEM VALUE"
	}
	return e.exec(ctx, "INSERT INTO "+t.name+" ("+strings.Join(t.columns, ", ")+")"+overriding+" VALUES (?"+strings.Repeat(", ?", len(t.columns)-1)+")", t.values(r)...)
}

func (e *editor) remove(ctx context.Context, t table, r row) error {
	where, args := t.where(r)
	return e.exec(ctx, "DELETE FROM "+t.name+where, args...)
}

// edit is one edit of one row, and how it is undone.
type edit struct {
	what     string // "mail.lease", "mail row deleted", "mail row inserted"
	kind     string // of the row
	do, undo func(context.Context, *editor) error
}

// edits are all edits of one row: each column with each value that somebody might
// put there, the row deleted, a copy inserted.
func (t table) edits(r row, all []row, random *rand.Rand) []edit {
	var out []edit
	kind := t.kind(r)
	for _, c := range t.columns[:len(t.columns)-1] {
		for _, v := range others(r[c], all[random.IntN(len(all))][c], random) {
			now := maps.Clone(r)
			now[c] = v
			now = t.sealed(now)
			out = append(out, edit{t.name + "." + c, kind,
				func(ctx context.Context, e *editor) error { return e.replace(ctx, t, r, now) },
				func(ctx context.Context, e *editor) error { return e.replace(ctx, t, now, r) }})
		}
	}
	out = append(out, edit{t.name + " row deleted", kind,
		func(ctx context.Context, e *editor) error { return e.remove(ctx, t, r) },
		func(ctx context.Context, e *editor) error { return e.insert(ctx, t, r) }})
	first, last := all[0][t.columns[0]], all[len(all)-1][t.columns[0]]
	for _, key := range beside(first, last) {
		now := maps.Clone(r)
		now[t.columns[0]] = key
		now = t.sealed(now)
		out = append(out, edit{t.name + " row inserted", kind,
			func(ctx context.Context, e *editor) error { return e.insert(ctx, t, now) },
			func(ctx context.Context, e *editor) error { return e.remove(ctx, t, now) }})
	}
	return out
}

// others are values that might stand in place of v, which another row's may be.
func others(v, another any, random *rand.Rand) []any {
	out := []any{another}
	switch v := v.(type) {
	case int64:
		out = append(out, v+1, v-1, v+1+random.Int64N(1<<40))
	case string:
		out = append(out, v+"x", "")
	case []byte:
		flipped := append(bytes.Clone(v), 0)
		if len(v) > 0 {
			flipped = bytes.Clone(v)
			flipped[random.IntN(len(v))] ^= 1 << random.IntN(8)
		}
		out = append(out, flipped, []byte{})
	}
	return slices.DeleteFunc(out, func(o any) bool { return same(o, v) })
}

func same(a, b any) bool {
	x, isBytes := a.([]byte)
	y, both := b.([]byte)
	return isBytes && both && bytes.Equal(x, y) || !isBytes && !both && a == b
}

// beside are keys that no row has.
func beside(first, last any) []any {
	if n, ok := last.(int64); ok {
		return []any{n + 1, first.(int64) - 1}
	}
	return []any{fmt.Sprint(last) + "x"}
}
