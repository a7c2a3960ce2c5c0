package batch

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

// Table is how values of type T are kept: the columns, and their values in
// that order. The first column is the primary key where there is only one. The
// last column, sum, is the checksum over the others; Columns leaves it out.
type Table[T any] struct {
	Name    string
	Columns string
	Values  func(T) []any                // each an int64, a string or a []byte
	Scan    func(row Scanner) (T, error) // of Columns
}

// Scanner is a row that was read: *sql.Row, *sql.Rows and what pgx has.
type Scanner interface{ Scan(dest ...any) error }

// Row returns the values of v with their checksum.
func (t Table[T]) Row(v T) []any {
	vals := t.Values(v)
	return append(vals, Sum(vals))
}

// Selects begins a query that Scan reads.
func (t Table[T]) Selects() string { return "SELECT " + t.Columns + " FROM " + t.Name + " " }

// Width is the number of values in a row.
func (t Table[T]) Width() int { return strings.Count(t.Columns, ",") + 2 }

// Updates is what an upsert sets when the primary key, the first column, is
// there already.
func (t Table[T]) Updates() string {
	key, rest, _ := strings.Cut(t.Columns, ", ")
	var set []string
	for c := range strings.SplitSeq(rest+", sum", ", ") {
		set = append(set, c+" = excluded."+c)
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// Checked reads a row that begins with its checksum, and reports whether it
// fits.
func (t Table[T]) Checked(row Scanner) (v T, fits bool, err error) {
	with := &withSum{row: row}
	v, err = t.Scan(with)
	return v, err == nil && Sum(t.Values(v)) == with.sum, err
}

type withSum struct {
	row Scanner
	sum int64
}

func (w *withSum) Scan(dest ...any) error { return w.row.Scan(append([]any{&w.sum}, dest...)...) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Sum is the checksum of a row: CRC-32C over its values, each with its length.
func Sum(vals []any) int64 {
	var c uint32
	var n [9]byte
	add := func(kind byte, b []byte) {
		n[0] = kind
		binary.BigEndian.PutUint64(n[1:], uint64(len(b)))
		c = crc32.Update(c, castagnoli, n[:])
		c = crc32.Update(c, castagnoli, b)
	}
	for _, v := range vals {
		switch v := v.(type) {
		case int64:
			add('i', binary.BigEndian.AppendUint64(nil, uint64(v)))
		case string:
			add('s', []byte(v))
		case []byte:
			add('b', v)
		default:
			panic(fmt.Sprintf("batch: column of type %T", v)) // a mistake in this file
		}
	}
	return int64(c)
}

// The values as kept. Nothing is NULL.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// digest keeps a zero digest as no bytes.
func digest(d gateway.Digest) []byte {
	if d.IsZero() {
		return []byte{}
	}
	return d[:]
}

// The destinations of a scan that are not the column's own type.
type timeOf struct{ t *time.Time }

func (d timeOf) Scan(v any) error {
	ms, ok := v.(int64)
	if !ok {
		return fmt.Errorf("time is %T", v)
	}
	*d.t = moment(ms)
	return nil
}

type digestOf struct{ d *gateway.Digest }

func (d digestOf) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(d.d) && len(b) != 0 {
		return fmt.Errorf("digest is %T of %d bytes", v, len(b))
	}
	*d.d = gateway.Digest{}
	copy(d.d[:], b)
	return nil
}

type leafOf struct{ l *[64]byte }

func (d leafOf) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(d.l) {
		return fmt.Errorf("leaf is %T of %d bytes", v, len(b))
	}
	*d.l = [64]byte(b)
	return nil
}

var (
	_ sql.Scanner = timeOf{}
	_ sql.Scanner = digestOf{}
	_ sql.Scanner = leafOf{}
)

// HeadRow is the one row of table head.
type HeadRow struct {
	Size    uint64
	Root    gateway.Digest
	Time    time.Time
	MailSeq int64
}

// EmptyRoot is the root of a tree without leaves (RFC 9162, Section 2.1.1).
var EmptyRoot = gateway.Digest(sha256.Sum256(nil))

var Heads = Table[HeadRow]{
	Name: "head", Columns: "id, size, root, time, mail_seq",
	Values: func(h HeadRow) []any {
		return []any{int64(0), int64(h.Size), h.Root[:], Millis(h.Time), h.MailSeq}
	},
	Scan: func(row Scanner) (h HeadRow, err error) {
		var id int64
		err = row.Scan(&id, &h.Size, digestOf{&h.Root}, timeOf{&h.Time}, &h.MailSeq)
		return h, err
	},
}

var Tiles = Table[store.Tile]{
	Name: "tile", Columns: "id, hashes",
	Values: func(t store.Tile) []any { return []any{TileID(t.Level, t.Index), blob(t.Hashes)} },
	Scan: func(row Scanner) (t store.Tile, err error) {
		var id uint64
		err = row.Scan(&id, &t.Hashes)
		t.Level, t.Index = id>>48, id&(1<<48-1)
		return t, err
	},
}

var Entries = Table[store.Indexed]{
	Name: "entry", Columns: "idx, leaf, e1, e2, key, kind, time, batch, discloser, recipient, subject, case_ref",
	Values: func(e store.Indexed) []any {
		return []any{int64(e.Index), e.Leaf[:], blob(e.E1), blob(e.E2), e.Key, e.Kind, Millis(e.Time), int64(e.Batch),
			string(e.Discloser), string(e.Recipient), string(e.Subject), string(e.Case)}
	},
	Scan: func(row Scanner) (e store.Indexed, err error) {
		err = row.Scan(&e.Index, leafOf{&e.Leaf}, &e.E1, &e.E2, &e.Key, &e.Kind, timeOf{&e.Time}, &e.Batch,
			&e.Discloser, &e.Recipient, &e.Subject, &e.Case)
		return e, err
	},
}

// ReplayRow is a single-use identifier and until when it is kept.
type ReplayRow struct {
	ID    string
	Until time.Time
}

var Replays = Table[ReplayRow]{
	Name: "replay", Columns: "id, until",
	Values: func(r ReplayRow) []any { return []any{r.ID, Millis(r.Until)} },
	Scan: func(row Scanner) (r ReplayRow, err error) {
		err = row.Scan(&r.ID, timeOf{&r.Until})
		return r, err
	},
}

// MessageRow is a message with the index of its entry.
type MessageRow struct {
	store.Message
	Entry uint64
}

var Messages = Table[MessageRow]{
	Name: "message", Columns: "id, issuer, digest, recipient, sender, type, subject, issued, expires, body, key, entry",
	Values: func(m MessageRow) []any {
		return []any{string(m.ID), string(m.Issuer), digest(m.Digest), string(m.To), string(m.Sender), string(m.Type), string(m.Subject),
			Millis(m.Issued), Millis(m.Expires), blob(m.Body), m.Key, int64(m.Entry)}
	},
	Scan: func(row Scanner) (m MessageRow, err error) {
		err = row.Scan(&m.ID, &m.Issuer, digestOf{&m.Digest}, &m.To, &m.Sender, &m.Type, &m.Subject,
			timeOf{&m.Issued}, timeOf{&m.Expires}, &m.Body, &m.Key, &m.Entry)
		return m, err
	},
}

var Statements = Table[store.Statement]{
	Name: "statement", Columns: "state, issuer, id, type, fact, number, digest, body, key, entry",
	Values: func(s store.Statement) []any {
		return []any{s.State, string(s.Issuer), string(s.ID), string(s.Type), s.Fact, s.Seq, digest(s.Digest),
			blob(s.Body), s.Key, int64(s.Entry)}
	},
	Scan: func(row Scanner) (s store.Statement, err error) {
		err = row.Scan(&s.State, &s.Issuer, &s.ID, &s.Type, &s.Fact, &s.Seq, digestOf{&s.Digest}, &s.Body, &s.Key, &s.Entry)
		return s, err
	},
}

var States = Table[store.State]{
	Name: "state", Columns: "name, version, digest, mac",
	Values: func(s store.State) []any { return []any{s.Name, s.Version, digest(s.Digest), blob(s.MAC)} },
	Scan: func(row Scanner) (s store.State, err error) {
		err = row.Scan(&s.Name, &s.Version, digestOf{&s.Digest}, &s.MAC)
		return s, err
	},
}

var Mail = Table[store.Mail]{
	Name: "mail",
	Columns: "seq, agency, role, issuer, message, notice, notice_id, expires, state, version, lease, hold, delivery, " +
		"entry, token",
	Values: func(m store.Mail) []any {
		return []any{m.Seq, string(m.Agency), string(m.Role), string(m.Issuer), string(m.Message), blob(m.Notice), m.NoticeID,
			Millis(m.Expires), string(m.State), m.Version, Millis(m.Lease), blob(m.Hold), m.Delivery, int64(m.Entry), digest(m.Token)}
	},
	Scan: func(row Scanner) (m store.Mail, err error) {
		err = row.Scan(&m.Seq, &m.Agency, &m.Role, &m.Issuer, &m.Message, &m.Notice, &m.NoticeID, timeOf{&m.Expires},
			&m.State, &m.Version, timeOf{&m.Lease}, &m.Hold, &m.Delivery, &m.Entry, digestOf{&m.Token})
		return m, err
	},
}

// Documents are what stands under a state's name as a whole.
var Documents = Table[store.Document]{
	Name: "document", Columns: "name, version, body",
	Values: func(d store.Document) []any { return []any{d.Name, d.Version, blob(d.Body)} },
	Scan: func(row Scanner) (d store.Document, err error) {
		err = row.Scan(&d.Name, &d.Version, &d.Body)
		return d, err
	},
}

// PublishedRow is the one row of table published.
type PublishedRow struct {
	Size uint64
	Note []byte
}

// Published is the newest checkpoint that was published.
var Published = Table[PublishedRow]{
	Name: "published", Columns: "id, size, note",
	Values: func(p PublishedRow) []any { return []any{int64(0), int64(p.Size), blob(p.Note)} },
	Scan: func(row Scanner) (p PublishedRow, err error) {
		var id int64
		err = row.Scan(&id, &p.Size, &p.Note)
		return p, err
	},
}

// Leaves reads the leaves of entries.
var Leaves = Table[[64]byte]{
	Name: "entry", Columns: "leaf",
	Scan: func(row Scanner) (l [64]byte, err error) {
		err = row.Scan(leafOf{&l})
		return l, err
	},
}

// Indexes reads the indexes of entries.
var Indexes = Table[uint64]{
	Name: "entry", Columns: "idx",
	Scan: func(row Scanner) (index uint64, err error) {
		err = row.Scan(&index)
		return index, err
	},
}

// TileID is the primary key of a tile. Level is at most 7 (2^64 leaves) and
// index below 2^48.
func TileID(level, index uint64) int64 { return int64(level<<48 | index) }

// TileIDs are the primary keys of tiles.
func TileIDs(want []store.Tile) []int64 {
	ids := make([]int64, len(want))
	for i, t := range want {
		ids[i] = TileID(t.Level, t.Index)
	}
	return ids
}

// InOrder returns the tiles found in the order in which they were asked for, or
// [store.ErrNotFound] when one is missing.
func InOrder(found, want []store.Tile) ([]store.Tile, error) {
	out := make([]store.Tile, len(want))
	for i, w := range want {
		at := slices.IndexFunc(found, func(t store.Tile) bool { return t.Level == w.Level && t.Index == w.Index })
		if at < 0 {
			return nil, fmt.Errorf("%w: tile %d/%d", store.ErrNotFound, w.Level, w.Index)
		}
		out[i] = found[at]
	}
	return out, nil
}
