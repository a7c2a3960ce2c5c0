package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

func empty(s *suite) {
	h, err := s.Head(s.Context())
	if err != nil || h.Size != 0 || !h.Time.IsZero() {
		s.Errorf("Head = %+v, %v", h, err)
	}
	if _, err := s.Entry(s.Context(), 0); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("Entry = %v, want ErrNotFound", err)
	}
	if _, _, err := s.Message(s.Context(), sender, s.id()); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("Message = %v, want ErrNotFound", err)
	}
	if r := s.commit(); len(r) != 0 {
		s.Errorf("an empty batch gave %d results", len(r))
	}
	states, err := s.States(s.Context(), []string{"b", "a"})
	if err != nil {
		s.Fatal(err)
	}
	s.same("states never written", states, []store.State{{Name: "b"}, {Name: "a"}})
}

// readBack writes every kind of row in one write and reads it back by every
// way there is.
func readBack(s *suite) {
	id := s.id()
	w := s.submit(id)
	w.Entries = append(w.Entries, s.entry(store.KindAdmitted))
	w.Set = []store.State{{Name: "person:x", Version: 1, Digest: gateway.DigestOf([]byte("x")), MAC: []byte("mac")}}
	w.Mail = append(w.Mail, store.Mail{
		Agency: sender, Role: other, Notice: []byte("CANARY notice"), NoticeID: "n1", Expires: now.Add(time.Hour), State: store.Waiting,
	})
	first := s.must(store.Write{Entries: []store.Entry{s.entry("incident")}}, w)
	if first[1].Index != 1 {
		s.Errorf("index %d, want 1", first[1].Index)
	}
	st := store.Statement{
		State: "person:x", Issuer: sender, ID: s.id(), Type: "exit.consent", Fact: "c", Seq: 7,
		Digest: gateway.DigestOf([]byte("s")), Body: []byte("CANARY"), Key: "k2",
	}
	s.must(store.Write{Statements: []store.Statement{st}, Entries: []store.Entry{s.entry(store.KindAdmitted)}})
	st.Entry = 3

	for _, get := range []func() (store.Message, uint64, error){
		func() (store.Message, uint64, error) { return s.Message(s.Context(), sender, id) },
		func() (store.Message, uint64, error) { return s.MessageByID(s.Context(), recipient, id) },
	} {
		m, entry, err := get()
		if err != nil || entry != 1 {
			s.Errorf("message: entry %d, %v, want 1", entry, err)
		}
		s.same("message", m, *w.Message)
	}
	if _, _, err := s.MessageByID(s.Context(), sender, id); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("another agency's message: %v, want ErrNotFound", err)
	}
	e, err := s.Entry(s.Context(), 1)
	if err != nil {
		s.Fatal(err)
	}
	want := w.Entries[0]
	want.Batch = 3
	s.same("entry", e, want)
	mail, err := s.MailOf(s.Context(), sender, id)
	if err != nil || len(mail) != 1 {
		s.Fatalf("MailOf = %d items, %v", len(mail), err)
	}
	m := w.Mail[0]
	m.Seq, m.Version, m.Entry = 1, 1, 1
	s.same("mail", mail[0], m)
	notices, err := s.Mailbox(s.Context(), sender, []gateway.Role{other}, now, 10)
	if err != nil || len(notices) != 1 || string(notices[0].Notice) != "CANARY notice" {
		s.Errorf("notice: %d items, %v", len(notices), err)
	}
	list, err := s.Statements(s.Context(), "person:x")
	if err != nil {
		s.Fatal(err)
	}
	s.same("statements", list, []store.Statement{st})
	states, err := s.States(s.Context(), []string{"none", "person:x"})
	if err != nil {
		s.Fatal(err)
	}
	s.same("states", states, []store.State{{Name: "none"}, w.Set[0]})
	h, err := s.Head(s.Context())
	if err != nil || h.Size != 4 || !h.Time.Equal(now) {
		s.Errorf("head %+v, %v", h, err)
	}
}

// rolledBack holds that a batch whose tree does not grow leaves nothing.
func rolledBack(s *suite) {
	broken := errors.New("broken")
	id := s.id()
	w := s.submit(id)
	w.Replay, w.ReplayUntil = "once", now.Add(time.Hour)
	w.Set = []store.State{{Name: "a", Version: 1}}
	for _, grow := range []store.Grow{
		func(store.Head, [][64]byte, store.TileReader) (store.Growth, error) { return store.Growth{}, broken },
		func(h store.Head, l [][64]byte, tiles store.TileReader) (store.Growth, error) {
			g, err := Grow(h, l, tiles)
			g.Head.Size++ // not the size that the leaves make
			return g, err
		},
	} {
		if r, err := s.Commit(s.Context(), []store.Write{w}, grow); err == nil {
			s.Errorf("Commit = %+v, want an error", r)
		}
		if _, _, err := s.Message(s.Context(), sender, id); !errors.Is(err, store.ErrNotFound) {
			s.Errorf("message after rollback: %v, want ErrNotFound", err)
		}
		if s.size() != 0 || len(s.items(now, 10, role)) != 0 {
			s.Errorf("entries or mail after rollback")
		}
	}
	s.must(w) // nothing of it is in the way
}

// leftOutWhole spoils one thing in a good write and holds that nothing of it
// is there, while its neighbours in the batch are.
func leftOutWhole(s *suite) {
	known := s.id()
	s.must(s.submit(known), store.Write{
		Replay: "used", ReplayUntil: now.Add(time.Hour), Set: []store.State{{Name: "a", Version: 1}}, Entries: []store.Entry{s.entry("incident")},
	})
	item := s.items(now, 1, role)[0]
	stated := store.Statement{State: "a", Issuer: sender, ID: s.id(), Type: kind}
	s.must(store.Write{Statements: []store.Statement{stated}, Entries: []store.Entry{s.entry(store.KindAdmitted)}})
	stale := item
	stale.Version++
	for _, row := range []struct {
		name  string
		spoil func(*store.Write)
		want  error
	}{
		{"state moved", func(w *store.Write) { w.Expect = []store.State{{Name: "a", Version: 2}} }, store.ErrMoved},
		{"state never written", func(w *store.Write) { w.Expect = []store.State{{Name: "b", Version: 1}} }, store.ErrMoved},
		{"version skipped", func(w *store.Write) { w.Set = []store.State{{Name: "a", Version: 3}} }, store.ErrMoved},
		{"version not raised", func(w *store.Write) { w.Set = []store.State{{Name: "a", Version: 1}} }, store.ErrMoved},
		{"one of two moved", func(w *store.Write) {
			w.Expect = []store.State{{Name: "a", Version: 1}, {Name: "c", Version: 1}}
		}, store.ErrMoved},
		{"replayed", func(w *store.Write) { w.Replay = "used" }, store.ErrReplayed},
		{"duplicate", func(w *store.Write) { w.Message.ID = known; w.Mail = nil }, store.ErrDuplicate},
		{"statement twice", func(w *store.Write) { w.Statements = []store.Statement{stated} }, store.ErrDuplicate},
		{"item moved", func(w *store.Write) { w.Change = []store.MailChange{{Mail: stale}} }, store.ErrMoved},
		{"no such item", func(w *store.Write) { w.Change = []store.MailChange{{Mail: store.Mail{Seq: 999}}} }, store.ErrMoved},
	} {
		s.Run(row.name, func(t *testing.T) {
			before := s.size()
			id := s.id()
			w := s.submit(id)
			w.Replay, w.ReplayUntil = "fresh "+row.name, now.Add(time.Hour)
			w.Set = []store.State{{Name: "fresh " + row.name, Version: 1}}
			row.spoil(&w)
			a, b := s.id(), s.id()
			results := s.commit(s.submit(a), w, s.submit(b))
			if !errors.Is(results[1].Err, row.want) || results[0].Err != nil || results[2].Err != nil {
				t.Fatalf("results %v, %v, %v, want only the second to be %v", results[0].Err, results[1].Err, results[2].Err, row.want)
			}
			if results[2].Index != before+1 || s.size() != before+2 {
				t.Errorf("third write at %d of %d, want %d of %d", results[2].Index, s.size(), before+1, before+2)
			}
			if _, _, err := s.Message(t.Context(), sender, id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("message of the write left out: %v", err)
			}
			states, err := s.States(t.Context(), []string{"fresh " + row.name})
			if err != nil || states[0].Version != 0 {
				t.Errorf("state of the write left out: version %d, %v", states[0].Version, err)
			}
			s.must(store.Write{Replay: "fresh " + row.name, ReplayUntil: now}) // not used up
		})
	}
	s.commit(store.Write{}) // and the store goes on
}

// order holds that a write sees the ones before it in the batch.
func order(s *suite) {
	id := s.id()
	r := s.commit(
		store.Write{Set: []store.State{{Name: "a", Version: 1}}},
		store.Write{Expect: []store.State{{Name: "a", Version: 0}}, Entries: []store.Entry{s.entry("release")}},
		store.Write{Expect: []store.State{{Name: "a", Version: 1}}, Set: []store.State{{Name: "a", Version: 2}}},
		store.Write{Replay: "r", ReplayUntil: now}, store.Write{Replay: "r", ReplayUntil: now},
		s.submit(id), s.submit(id),
	)
	for i, want := range []error{nil, store.ErrMoved, nil, nil, store.ErrReplayed, nil, store.ErrDuplicate} {
		if !errors.Is(r[i].Err, want) {
			s.Errorf("write %d: %v, want %v", i, r[i].Err, want)
		}
	}
	if r[6].Existing == nil || r[6].Entry != r[5].Index {
		s.Errorf("duplicate within the batch: entry %d, want %d", r[6].Entry, r[5].Index)
	}
}

func duplicate(s *suite) {
	id := s.id()
	w := s.submit(id)
	first := s.must(store.Write{Entries: []store.Entry{s.entry("incident")}}, w)
	// Whatever moved since, the same message is known again.
	w.Replay = "r"
	s.must(store.Write{Replay: "r", ReplayUntil: now, Set: []store.State{{Name: "a", Version: 1}}})
	w.Expect = []store.State{{Name: "a"}}
	r := s.refused(w, store.ErrDuplicate)
	if r.Existing == nil || r.Existing.Digest != w.Message.Digest || r.Existing.Body != nil || r.Entry != first[1].Index {
		s.Errorf("result %+v", r)
	}
	// Another agency may use the same identifier; only then MessageByID must not choose.
	other := s.submit(id)
	other.Message.Issuer, other.Mail[0].Issuer = "kriminalvarden", "kriminalvarden"
	s.must(other)
	if _, _, err := s.MessageByID(s.Context(), recipient, id); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("MessageByID of two = %v, want ErrNotFound", err)
	}
}

func replay(s *suite) {
	w := store.Write{Replay: "r", ReplayUntil: now.Add(time.Minute)}
	s.must(w)
	s.refused(w, store.ErrReplayed)
	if _, err := s.Purge(s.Context(), now.Add(time.Minute), nil); err != nil {
		s.Fatal(err)
	}
	s.refused(w, store.ErrReplayed) // kept to its time
	n, err := s.Purge(s.Context(), now.Add(2*time.Minute), nil)
	if err != nil || n != 0 { // it is no message
		s.Errorf("Purge = %d, %v, want 0", n, err)
	}
	s.must(w)
}

func versions(s *suite) {
	set := func(v int64) store.Write {
		return store.Write{Expect: []store.State{{Name: "a", Version: v - 1}}, Set: []store.State{{Name: "a", Version: v, MAC: []byte{byte(v)}}}}
	}
	for v := int64(1); v < 4; v++ {
		s.must(set(v))
		s.refused(set(v), store.ErrMoved)
		s.refused(set(v+2), store.ErrMoved)
	}
	states, err := s.States(s.Context(), []string{"a"})
	if err != nil {
		s.Fatal(err)
	}
	s.same("state", states, []store.State{{Name: "a", Version: 3, MAC: []byte{3}}})
}

func invalid(s *suite) {
	for name, spoil := range map[string]func(*store.Write){
		"message without entry": func(w *store.Write) { w.Entries, w.Mail = nil, nil },
		"mail without entry":    func(w *store.Write) { w.Entries, w.Message = nil, nil },
		"statement without entry": func(w *store.Write) {
			w.Message, w.Mail, w.Entries, w.Statements = nil, nil, nil, []store.Statement{{ID: "x"}}
		},
		"state without name": func(w *store.Write) { w.Set = []store.State{{Version: 1}} },
		"state set twice": func(w *store.Write) {
			w.Set = []store.State{{Name: "a", Version: 1}, {Name: "a", Version: 1}}
		},
		"rows in reserved space": func(w *store.Write) { w.Reserved = true },
		"a version in reserved space": func(w *store.Write) {
			w.Message, w.Mail, w.Reserved, w.Set = nil, nil, true, []store.State{{Name: "a", Version: 1}}
		},
		"document without state": func(w *store.Write) { w.Documents = []store.Document{{Name: "a", Version: 1}} },
		"document of another version": func(w *store.Write) {
			w.Set, w.Documents = []store.State{{Name: "a", Version: 1}}, []store.Document{{Name: "a", Version: 2}}
		},
		"name with a NUL":     func(w *store.Write) { w.Expect = []store.State{{Name: "a\x00"}} },
		"text not UTF-8":      func(w *store.Write) { w.Message.Subject = "\xff" },
		"mail to nobody":      func(w *store.Write) { w.Mail[0].Agency = "" },
		"mail to no function": func(w *store.Write) { w.Mail[0].Role = "" },
		"mail handed at once": func(w *store.Write) { w.Mail[0].State = store.Handed },
		"mail of nothing":     func(w *store.Write) { w.Mail[0].Message = "" },
		"item changed twice": func(w *store.Write) {
			w.Change = []store.MailChange{{Mail: store.Mail{Seq: 1}}, {Mail: store.Mail{Seq: 1}}}
		},
	} {
		w := s.submit(s.id())
		spoil(&w)
		if r := s.commit(w)[0]; !errors.Is(r.Err, store.ErrInvalid) {
			s.Errorf("%s: %v, want ErrInvalid", name, r.Err)
		}
	}
	if s.size() != 0 {
		s.Errorf("size %d, want 0", s.size())
	}
}

// concurrent lets many callers send the same messages: each is taken once.
func concurrent(s *suite) {
	const callers, messages = 8, 25
	ids := make([]gateway.MessageID, messages)
	writes := make([][]store.Write, callers)
	for i := range ids {
		ids[i] = s.id()
	}
	for c := range writes {
		for _, id := range ids {
			writes[c] = append(writes[c], s.submit(id))
		}
	}
	var mu sync.Mutex
	var indexes []uint64
	var wg sync.WaitGroup
	for _, list := range writes {
		wg.Go(func() {
			for batch := range slices.Chunk(list, 4) {
				results, err := s.Commit(context.Background(), batch, Grow)
				if err != nil {
					s.Errorf("Commit: %v", err)
					return
				}
				mu.Lock()
				for _, r := range results {
					if r.Err == nil {
						indexes = append(indexes, r.Index)
					} else if !errors.Is(r.Err, store.ErrDuplicate) {
						s.Errorf("write: %v", r.Err)
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(indexes)
	if len(indexes) != messages || len(slices.Compact(indexes)) != messages || s.size() != messages {
		s.Errorf("%d accepted, size %d, want %d", len(indexes), s.size(), messages)
	}
	if n := len(s.items(now, 1000, role)); n != messages {
		s.Errorf("%d items in the mailbox, want %d", n, messages)
	}
}

// hungUp holds that a caller who has gone writes nothing, and one who goes
// during the commit leaves it whole.
func hungUp(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	results, err := s.Commit(ctx, []store.Write{s.submit(s.id())}, func(h store.Head, l [][64]byte, tiles store.TileReader) (store.Growth, error) {
		cancel()
		return Grow(h, l, tiles)
	})
	if err != nil || results[0].Err != nil || s.size() != 1 {
		s.Errorf("Commit = %v, size %d, want a whole commit", err, s.size())
	}
	if _, err := s.Commit(ctx, []store.Write{s.submit(s.id())}, Grow); !errors.Is(err, context.Canceled) || s.size() != 1 {
		s.Errorf("Commit = %v, size %d, want nothing written", err, s.size())
	}
}

// big commits more rows than one statement holds, with large bodies.
func big(s *suite) {
	var batch []store.Write
	for range 150 {
		w := s.submit(s.id())
		w.Message.Body = append(make([]byte, 20_000), fmt.Sprintf("CANARY %d", s.n)...)
		batch = append(batch, w)
	}
	for i, r := range s.must(batch...) {
		if r.Index != uint64(i) {
			s.Fatalf("write %d at index %d", i, r.Index)
		}
	}
	for i, w := range batch {
		m, entry, err := s.Message(s.Context(), sender, w.Message.ID)
		if err != nil || entry != uint64(i) || string(m.Body) != string(w.Message.Body) {
			s.Fatalf("message %d: entry %d, %d bytes, %v", i, entry, len(m.Body), err)
		}
	}
}
