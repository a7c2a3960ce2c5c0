package sqlite

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

// table is how values of type T are kept: the columns, and their values in
// that order. The last column, sum, is the checksum over the others.
type table[T any] struct {
	name    string
	columns string // without sum
	values  func(T) []any
	scan    func(scanner) (T, error) // of columns
}

type scanner interface{ Scan(dest ...any) error }

// row returns the values of v with their checksum.
func (t table[T]) row(v T) []any {
	vals := t.values(v)
	return append(vals, sum(vals))
}

// selects begins a query that scan reads.
func (t table[T]) selects() string { return "SELECT " + t.columns + " FROM " + t.name + " " }

// width is the number of values in a row.
func (t table[T]) width() int { return strings.Count(t.columns, ",") + 2 }

func insertSQL[T any](t table[T], rows int) string {
	m := marks(t.width())
	return "INSERT INTO " + t.name + " (" + t.columns + ", sum) VALUES " + m + strings.Repeat(","+m, rows-1)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum is the checksum of a row: CRC-32C over its values, each with its length.
func sum(vals []any) int64 {
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
			panic(fmt.Sprintf("sqlite: column of type %T", v)) // a mistake in this file
		}
	}
	return int64(c)
}

// The values as kept. Nothing is NULL.
func millis(t time.Time) int64 {
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

// headRow is the one row of table head.
type headRow struct {
	Size    uint64
	Root    gateway.Digest
	Time    time.Time
	MailSeq int64
}

// emptyRoot is the root of a tree without leaves (RFC 9162, Section 2.1.1).
var emptyRoot = gateway.Digest(sha256.Sum256(nil))

var headTable = table[headRow]{
	name: "head", columns: "id, size, root, time, mail_seq",
	values: func(h headRow) []any {
		return []any{int64(0), int64(h.Size), h.Root[:], millis(h.Time), h.MailSeq}
	},
	scan: func(row scanner) (h headRow, err error) {
		var id int64
		err = row.Scan(&id, &h.Size, digestOf{&h.Root}, timeOf{&h.Time}, &h.MailSeq)
		return h, err
	},
}

var tileTable = table[store.Tile]{
	name: "tile", columns: "id, hashes",
	values: func(t store.Tile) []any { return []any{tileID(t.Level, t.Index), blob(t.Hashes)} },
	scan: func(row scanner) (t store.Tile, err error) {
		var id uint64
		err = row.Scan(&id, &t.Hashes)
		t.Level, t.Index = id>>48, id&(1<<48-1)
		return t, err
	},
}

var entryTable = table[store.Indexed]{
	name: "entry", columns: "idx, leaf, e1, e2, key, kind, time, batch, discloser, recipient, subject, case_ref",
	values: func(e store.Indexed) []any {
		return []any{int64(e.Index), e.Leaf[:], blob(e.E1), blob(e.E2), e.Key, e.Kind, millis(e.Time), int64(e.Batch),
			string(e.Discloser), string(e.Recipient), string(e.Subject), string(e.Case)}
	},
	scan: func(row scanner) (e store.Indexed, err error) {
		err = row.Scan(&e.Index, leafOf{&e.Leaf}, &e.E1, &e.E2, &e.Key, &e.Kind, timeOf{&e.Time}, &e.Batch,
			&e.Discloser, &e.Recipient, &e.Subject, &e.Case)
		return e, err
	},
}

// replayRow is a single-use identifier and until when it is kept.
type replayRow struct {
	ID    string
	Until time.Time
}

var replayTable = table[replayRow]{
	name: "replay", columns: "id, until",
	values: func(r replayRow) []any { return []any{r.ID, millis(r.Until)} },
	scan: func(row scanner) (r replayRow, err error) {
		err = row.Scan(&r.ID, timeOf{&r.Until})
		return r, err
	},
}

// messageRow is a message with the index of its entry.
type messageRow struct {
	store.Message
	Entry uint64
}

var messageTable = table[messageRow]{
	name: "message", columns: "id, issuer, digest, recipient, sender, type, subject, issued, expires, body, key, entry",
	values: func(m messageRow) []any {
		return []any{string(m.ID), string(m.Issuer), digest(m.Digest), string(m.To), string(m.Sender), string(m.Type), string(m.Subject),
			millis(m.Issued), millis(m.Expires), blob(m.Body), m.Key, int64(m.Entry)}
	},
	scan: func(row scanner) (m messageRow, err error) {
		err = row.Scan(&m.ID, &m.Issuer, digestOf{&m.Digest}, &m.To, &m.Sender, &m.Type, &m.Subject,
			timeOf{&m.Issued}, timeOf{&m.Expires}, &m.Body, &m.Key, &m.Entry)
		return m, err
	},
}

var statementTable = table[store.Statement]{
	name: "statement", columns: "state, issuer, id, type, fact, number, digest, body, key, entry",
	values: func(s store.Statement) []any {
		return []any{s.State, string(s.Issuer), string(s.ID), string(s.Type), s.Fact, s.Seq, digest(s.Digest),
			blob(s.Body), s.Key, int64(s.Entry)}
	},
	scan: func(row scanner) (s store.Statement, err error) {
		err = row.Scan(&s.State, &s.Issuer, &s.ID, &s.Type, &s.Fact, &s.Seq, digestOf{&s.Digest}, &s.Body, &s.Key, &s.Entry)
		return s, err
	},
}

var stateTable = table[store.State]{
	name: "state", columns: "name, version, digest, mac",
	values: func(s store.State) []any { return []any{s.Name, s.Version, digest(s.Digest), blob(s.MAC)} },
	scan: func(row scanner) (s store.State, err error) {
		err = row.Scan(&s.Name, &s.Version, digestOf{&s.Digest}, &s.MAC)
		return s, err
	},
}

var mailTable = table[store.Mail]{
	name: "mail",
	columns: "seq, agency, role, issuer, message, notice, notice_id, expires, state, version, lease, hold, delivery, " +
		"entry, token",
	values: func(m store.Mail) []any {
		return []any{m.Seq, string(m.Agency), string(m.Role), string(m.Issuer), string(m.Message), blob(m.Notice), m.NoticeID,
			millis(m.Expires), string(m.State), m.Version, millis(m.Lease), blob(m.Hold), m.Delivery, int64(m.Entry), digest(m.Token)}
	},
	scan: func(row scanner) (m store.Mail, err error) {
		err = row.Scan(&m.Seq, &m.Agency, &m.Role, &m.Issuer, &m.Message, &m.Notice, &m.NoticeID, timeOf{&m.Expires},
			&m.State, &m.Version, timeOf{&m.Lease}, &m.Hold, &m.Delivery, &m.Entry, digestOf{&m.Token})
		return m, err
	},
}
