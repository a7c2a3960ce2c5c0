package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

// Portable is a store that can be copied to another.
type Portable interface {
	store.Store
	store.Exporter
	store.Importer
}

// filled brings a row into every table.
func filled(s *suite) {
	w := s.submit(s.id())
	w.Mail = append(w.Mail, store.Mail{
		Agency: sender, Role: other, Notice: []byte("CANARY notice"), NoticeID: "n1", Expires: now.Add(time.Hour), State: store.Waiting,
	})
	w.Replay, w.ReplayUntil = "once", now.Add(time.Hour)
	w.Set = []store.State{{Name: "directory", Version: 1, Digest: gateway.DigestOf([]byte("d")), MAC: []byte("mac")}, {Name: "åäö", Version: 1}, {Name: "zz", Version: 1}}
	w.Documents = []store.Document{{Name: "directory", Version: 1, Body: []byte("CANARY document")}}
	s.must(w, s.submit(s.id()))
	item := s.items(now, 1, role)[0]
	s.must(s.handing(item, "delivery", now.Add(time.Minute)))
	for range 150 { // in more than one statement of any backend, admitted in an order that no key has
		st := store.Statement{State: "åäö", Issuer: sender, ID: s.id(), Type: kind, Fact: "f", Seq: int64(1000 - s.n),
			Digest: gateway.DigestOf([]byte{byte(s.n)}), Body: []byte("CANARY"), Key: "k2"}
		s.must(store.Write{Statements: []store.Statement{st}, Entries: []store.Entry{s.entry(store.KindAdmitted)}})
	}
	if err := s.Publish(s.Context(), 3, []byte("CANARY note")); err != nil {
		s.Fatal(err)
	}
}

func (s *suite) portable() Portable {
	s.Helper()
	p, ok := s.Store.(Portable)
	if !ok {
		s.Fatal("the store cannot be copied")
	}
	return p
}

func (s *suite) another() *suite {
	to := &suite{T: s.T, open: s.open, dir: s.TempDir(), limits: s.limits, n: 10_000}
	to.reopen()
	return to
}

func rows(t *testing.T, p store.Exporter) (all []store.Row) {
	t.Helper()
	err := p.Export(t.Context(), func(r store.Row) error {
		all = append(all, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// copying holds that a copy is what was copied, to the byte, and goes on where it
// ended.
func copying(s *suite) {
	filled(s)
	to := s.another()
	defer to.Close()
	tables := map[string]uint64{}
	copied, err := store.Copy(s.Context(), to.portable(), s.portable(), func(table string, n uint64) { tables[table] = n })
	if err != nil {
		s.Fatal(err)
	}
	if len(copied) != 10 || len(tables) != 10 || tables["statement"] != 150 {
		s.Errorf("copied %v, told of %v", copied, tables)
	}
	s.same("rows", rows(s.T, to.portable()), rows(s.T, s.portable()))
	to.reopen() // what was copied is durable
	s.same("rows after opening again", rows(s.T, to.portable()), rows(s.T, s.portable()))
	for _, st := range []*suite{s, to} {
		st.sound()
		list, err := st.Statements(s.Context(), "åäö")
		if err != nil || len(list) != 150 || list[0].Seq < list[149].Seq {
			s.Errorf("statements: %d, %v", len(list), err)
		}
	}
	a, b := s.must(s.submit("urn:uuid:019abcde-0000-7000-8000-ffffffffffff")), to.must(to.submit("urn:uuid:019abcde-0000-7000-8000-ffffffffffff"))
	mail, err := to.MailOf(s.Context(), sender, "urn:uuid:019abcde-0000-7000-8000-ffffffffffff")
	if a[0].Index != b[0].Index || err != nil || len(mail) != 1 || mail[0].Seq != 4 {
		s.Errorf("the next entry is %d and %d, the next mail %v, %v", a[0].Index, b[0].Index, mail, err)
	}
	to.refused(store.Write{Replay: "once", ReplayUntil: now}, store.ErrReplayed)
	to.sound()
	if _, err := store.Copy(s.Context(), to.portable(), s.portable(), nil); !errors.Is(err, store.ErrNotEmpty) {
		s.Errorf("Copy to a store in use = %v, want ErrNotEmpty", err)
	}
}

// copyBroken holds that of a copy that does not come to its end nothing is there.
func copyBroken(s *suite) {
	filled(s)
	to := s.another()
	defer to.Close()
	all := rows(s.T, s.portable())
	broken := errors.New("broken")
	ctx, cancel := context.WithCancel(s.Context())
	for name, row := range map[string]struct {
		ctx  context.Context
		fill func(put func(store.Row) error) error
		want error
	}{
		"source ends": {s.Context(), func(put func(store.Row) error) error {
			for _, r := range all[:len(all)-1] {
				if err := put(r); err != nil {
					return err
				}
			}
			return broken
		}, broken},
		"caller hangs up": {ctx, func(put func(store.Row) error) error {
			for i, r := range all {
				if i == len(all)/2 {
					cancel()
				}
				if err := put(r); err != nil {
					return err
				}
			}
			return nil
		}, context.Canceled},
		"a row is damaged": {s.Context(), func(put func(store.Row) error) error {
			for i, r := range all {
				if i == len(all)/2 {
					r.Values = append([]any{}, r.Values...)
					r.Values[len(r.Values)-1] = r.Values[len(r.Values)-1].(int64) ^ 1
				}
				if err := put(r); err != nil {
					return err
				}
			}
			return nil
		}, store.ErrDamaged},
		"a table is none": {s.Context(), func(put func(store.Row) error) error {
			return put(store.Row{Table: "lease", Values: []any{int64(1)}})
		}, store.ErrDamaged},
	} {
		if err := to.portable().Import(row.ctx, row.fill); !errors.Is(err, row.want) {
			s.Errorf("%s: Import = %v, want %v", name, err, row.want)
		}
		if to.size() != 0 || len(rows(s.T, to.portable())) != 1 {
			s.Errorf("%s: something is there", name)
		}
	}
	if _, err := store.Copy(s.Context(), to.portable(), s.portable(), nil); err != nil {
		s.Errorf("Copy afterwards = %v", err)
	}
}
