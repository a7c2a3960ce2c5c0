package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"sluss/gateway"
)

// Errors of copying; errors.Is.
var (
	// ErrDamaged is a row that is not what was written.
	ErrDamaged = errors.New("store: checksum of a row does not match")
	// ErrNotEmpty is a store that a copy may not be written into.
	ErrNotEmpty = errors.New("store: holds something already")
	// ErrDiffers is a copy that does not read as what it was made from.
	ErrDiffers = errors.New("store: the copy is not what was copied")
)

// Row is a row of any table as every backend keeps it: the values of its
// columns (int64, string, []byte) in their order, the checksum last.
type Row struct {
	Table  string
	Values []any
}

// Exporter reads everything that a store keeps, as of one moment, while others
// write. Claims and leases, which may be lost, are no part of it.
type Exporter interface {
	// Export gives f every row of every table: the tables in a fixed order, the
	// rows of each by its primary key, byte for byte; statements in order of
	// admission. A row whose checksum does not match is [ErrDamaged]. f's error
	// ends it and is returned.
	Export(ctx context.Context, f func(Row) error) error
}

// Importer fills an empty store.
type Importer interface {
	// Import takes the rows that fill puts, in the order of Export, in one
	// transaction: all of them, durably, or nothing. A store that holds
	// anything is [ErrNotEmpty], a row whose checksum does not match
	// [ErrDamaged].
	Import(ctx context.Context, fill func(put func(Row) error) error) error
}

// Copied says how many rows of a table were copied, and the digest over all of
// them, which is the same in every backend.
type Copied struct {
	Table  string         `json:"table"`
	Rows   uint64         `json:"rows"`
	Digest gateway.Digest `json:"digest"`
}

// Copy copies all that from holds at this moment into a store that is empty,
// row by row, reads the copy again and compares. progress is told now and then
// of the rows of a table so far; it may be nil. After an error the store is
// still empty, but for [ErrDiffers].
func Copy(ctx context.Context, to interface {
	Exporter
	Importer
}, from Exporter, progress func(table string, rows uint64)) ([]Copied, error) {
	wrote := counting{progress: progress}
	err := to.Import(ctx, func(put func(Row) error) error {
		return from.Export(ctx, func(r Row) error {
			wrote.add(r)
			return put(r)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("copying: %w", err)
	}
	read := counting{}
	if err := to.Export(ctx, func(r Row) error { read.add(r); return nil }); err != nil {
		return nil, fmt.Errorf("%w: reading the copy: %w", ErrDiffers, err)
	}
	got, want := read.done(), wrote.done()
	for i, w := range want {
		if len(got) != len(want) || got[i] != w {
			return nil, fmt.Errorf("%w: table %s", ErrDiffers, w.Table)
		}
	}
	return want, nil
}

// every is after how many rows of a table progress is told.
const every = 10_000

// counting sums up rows that come table by table.
type counting struct {
	progress func(string, uint64)
	tables   []Copied
	sum      hash.Hash // of the last table
}

func (c *counting) add(r Row) {
	if n := len(c.tables); n == 0 || c.tables[n-1].Table != r.Table {
		c.close()
		c.tables, c.sum = append(c.tables, Copied{Table: r.Table}), sha256.New()
	}
	last := &c.tables[len(c.tables)-1]
	if last.Rows++; last.Rows%every == 0 && c.progress != nil {
		c.progress(last.Table, last.Rows)
	}
	var n [9]byte
	for _, v := range r.Values {
		switch v := v.(type) {
		case int64:
			n[0] = 'i'
			binary.BigEndian.PutUint64(n[1:], uint64(v))
			c.sum.Write(n[:])
		case string:
			n[0] = 's'
			binary.BigEndian.PutUint64(n[1:], uint64(len(v)))
			c.sum.Write(append(n[:], v...))
		case []byte:
			n[0] = 'b'
			binary.BigEndian.PutUint64(n[1:], uint64(len(v)))
			c.sum.Write(n[:])
			c.sum.Write(v)
		}
	}
}

func (c *counting) close() {
	if c.sum == nil {
		return
	}
	last := &c.tables[len(c.tables)-1]
	last.Digest = gateway.Digest(c.sum.Sum(nil))
	if c.progress != nil {
		c.progress(last.Table, last.Rows)
	}
}

func (c *counting) done() []Copied {
	c.close()
	return c.tables
}
