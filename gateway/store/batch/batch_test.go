package batch_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// TestSum holds that a checksum tells apart what a careless edit makes: another
// value, another column, a byte moved from one column to the next.
func TestSum(t *testing.T) {
	seen := map[int64]int{}
	for i, vals := range [][]any{
		{}, {int64(0)}, {int64(1)}, {"a"}, {[]byte("a")}, {"a", "b"}, {"b", "a"}, {"ab", ""}, {"", "ab"}, {"a", int64(0)}, {int64(0), "a"},
	} {
		sum := batch.Sum(vals)
		if j, ok := seen[sum]; ok {
			t.Errorf("rows %d and %d have one checksum", i, j)
		}
		seen[sum] = i
	}
}

// values is a row that was read as it was written.
type values []any

func (v values) Scan(dest ...any) error {
	if len(dest) != len(v) {
		return errors.New("other columns")
	}
	for i, d := range dest {
		if s, ok := d.(interface{ Scan(any) error }); ok {
			if err := s.Scan(v[i]); err != nil {
				return err
			}
			continue
		}
		switch d := d.(type) {
		case *int64:
			*d = v[i].(int64)
		case *uint64:
			*d = uint64(v[i].(int64))
		case *string:
			*d = v[i].(string)
		case *[]byte:
			*d = v[i].([]byte)
		case *gateway.AgencyID:
			*d = gateway.AgencyID(v[i].(string))
		case *gateway.Role:
			*d = gateway.Role(v[i].(string))
		case *gateway.MessageID:
			*d = gateway.MessageID(v[i].(string))
		case *gateway.MessageType:
			*d = gateway.MessageType(v[i].(string))
		case *gateway.Ref:
			*d = gateway.Ref(v[i].(string))
		case *store.MailState:
			*d = store.MailState(v[i].(string))
		}
	}
	return nil
}

// checked writes a row and reads it back, whole and with one value changed.
func checked[T any](t *testing.T, table batch.Table[T], v T) {
	t.Helper()
	row := table.Row(v)
	if len(row) != table.Width() {
		t.Fatalf("%s: %d values for %d columns", table.Name, len(row), table.Width())
	}
	sum, cols := row[len(row)-1], row[:len(row)-1]
	got, fits, err := table.Checked(append(values{sum}, cols...))
	if err != nil || !fits {
		t.Fatalf("%s: fits %v, %v", table.Name, fits, err)
	}
	if d := cmp.Diff(v, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", table.Name, d)
	}
	for i, c := range cols {
		spoilt := append(values{sum}, cols...)
		switch c := c.(type) {
		case int64:
			spoilt[i+1] = c + 1
		case string:
			spoilt[i+1] = c + "x"
		case []byte:
			if spoilt[i+1] = append(bytes.Clone(c), 0); len(c) >= 32 { // a digest, a leaf
				spoilt[i+1] = append([]byte{c[0] ^ 1}, c[1:]...)
			}
		}
		if _, fits, _ := table.Checked(spoilt); fits && !(i == 0 && (table.Name == "head" || table.Name == "published")) {
			t.Errorf("%s: column %d changed and the checksum fits", table.Name, i)
		}
	}
}

func TestRows(t *testing.T) {
	at := time.UnixMilli(1_795_000_000_000).UTC()
	d := gateway.DigestOf([]byte("x"))
	checked(t, batch.Heads, batch.HeadRow{Size: 3, Root: d, Time: at, MailSeq: 4})
	checked(t, batch.Tiles, store.Tile{Level: 2, Index: 1 << 40, Hashes: []byte("h")})
	checked(t, batch.Replays, batch.ReplayRow{ID: "r", Until: at})
	checked(t, batch.States, store.State{Name: "person:x", Version: 2, Digest: d, MAC: []byte("m")})
	checked(t, batch.Documents, store.Document{Name: "policy", Version: 2, Body: []byte("b")})
	checked(t, batch.Published, batch.PublishedRow{Size: 3, Note: []byte("n")})
	checked(t, batch.Statements, store.Statement{State: "s", Issuer: "police", ID: "i", Type: "t", Fact: "f", Seq: 1, Digest: d, Body: []byte("b"), Key: "k", Entry: 9})
	checked(t, batch.Mail, store.Mail{Seq: 1, Agency: "sis", Role: "r", Issuer: "police", Message: "m", Notice: []byte{}, Expires: at, State: store.Held,
		Version: 2, Lease: at, Hold: []byte("h"), Delivery: "d", Entry: 3, Token: d})
	checked(t, batch.Messages, batch.MessageRow{Message: store.Message{Issuer: "police", ID: "m", Digest: d, To: "sis", Sender: "r", Type: "t", Subject: "s",
		Issued: at, Expires: at, Body: []byte("b"), Key: "k"}, Entry: 7})
	checked(t, batch.Entries, store.Indexed{Index: 5, Entry: store.Entry{Leaf: [64]byte{1}, E1: []byte("1"), E2: []byte("2"), Key: "k", Kind: "release", Time: at,
		Batch: 6, Discloser: "police", Recipient: "sis", Subject: "s", Case: "c"}})
}

type noQuota struct{ over bool }

func (q noQuota) Over(*store.Write) (bool, error)   { return q.over, nil }
func (noQuota) Count(w *store.Write, c []batch.Box) {}

// TestGrow holds that a tree which does not grow by what was accepted is an
// error, and that entries know the size of the tree they were committed with.
func TestGrow(t *testing.T) {
	write := store.Write{Entries: []store.Entry{{Leaf: [64]byte{1}}, {Leaf: [64]byte{2}}}}
	for name, row := range map[string]struct {
		size uint64
		back time.Duration
		want bool
	}{"grown": {12, 0, true}, "too far": {13, 0, false}, "not": {10, 0, false}, "time goes back": {12, -time.Second, false}} {
		at := time.UnixMilli(1_795_000_000_000)
		b := batch.New(batch.HeadRow{Size: 10, Time: at})
		if err := b.Judge([]store.Write{write}, false, noQuota{}); err != nil || b.Results[0].Err != nil || b.Results[0].Index != 10 {
			t.Fatalf("%s: %+v, %v", name, b.Results, err)
		}
		err := b.Grow(func(h store.Head, leaves [][64]byte, _ store.TileReader) (store.Growth, error) {
			if h.Size != 10 || len(leaves) != 2 {
				t.Errorf("%s: head %d, %d leaves", name, h.Size, len(leaves))
			}
			return store.Growth{Head: store.Head{Size: row.size, Time: at.Add(row.back)}}, nil
		}, nil)
		if (err == nil) != row.want || row.want && (b.Entries[1].Batch != 12 || b.Head.Size != 12) {
			t.Errorf("%s: %v, entries %+v", name, err, b.Entries)
		}
	}
}

func TestQuotaAndFull(t *testing.T) {
	write := store.Write{Entries: []store.Entry{{}}}
	kept := store.Write{Entries: []store.Entry{{}}, Reserved: true}
	b := batch.New(batch.HeadRow{})
	if err := b.Judge([]store.Write{write, kept}, true, noQuota{}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(b.Results[0].Err, store.ErrFull) || b.Results[1].Err != nil {
		t.Errorf("results on a full disk: %+v", b.Results)
	}
	b = batch.New(batch.HeadRow{})
	if err := b.Judge([]store.Write{write}, false, noQuota{true}); err != nil || !errors.Is(b.Results[0].Err, store.ErrQuota) || b.Any {
		t.Errorf("results over quota: %+v, %v", b.Results, err)
	}
}
