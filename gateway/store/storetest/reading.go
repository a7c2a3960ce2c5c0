package storetest

import (
	"errors"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

func tiles(s *suite) {
	grow := func(grown ...store.Tile) store.Grow {
		return func(h store.Head, l [][64]byte, tiles store.TileReader) (store.Growth, error) {
			g, err := Grow(h, l, nil)
			g.Tiles = grown
			return g, err
		}
	}
	commit := func(g store.Grow) {
		s.Helper()
		if _, err := s.Commit(s.Context(), []store.Write{{Entries: []store.Entry{s.entry("incident")}}}, g); err != nil {
			s.Fatal(err)
		}
	}
	a := store.Tile{Level: 0, Index: 0, Hashes: make([]byte, 32)}
	b := store.Tile{Level: 5, Index: 1 << 40, Hashes: make([]byte, 256*32)}
	commit(grow(a, b))
	wider := store.Tile{Level: 0, Index: 0, Hashes: make([]byte, 64)}
	commit(grow(wider))
	// The transaction reads what stands before it, and goes on without it when
	// it is not there.
	commit(func(h store.Head, l [][64]byte, tiles store.TileReader) (store.Growth, error) {
		got, err := tiles([]store.Tile{{Level: 5, Index: 1 << 40}, {}})
		if err != nil {
			return store.Growth{}, err
		}
		s.same("tiles in the transaction", got, []store.Tile{b, wider})
		if _, err := tiles([]store.Tile{{Level: 1}}); !errors.Is(err, store.ErrNotFound) {
			s.Errorf("missing tile in the transaction: %v, want ErrNotFound", err)
		}
		g, err := Grow(h, l, tiles)
		g.Tiles = nil
		return g, err
	})
	got, err := s.Tiles(s.Context(), []store.Tile{{Level: 5, Index: 1 << 40}, {}})
	if err != nil {
		s.Fatal(err)
	}
	s.same("tiles", got, []store.Tile{b, wider})
	if _, err := s.Tiles(s.Context(), []store.Tile{{}, {Level: 1}}); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("missing tile: %v, want ErrNotFound", err)
	}
	if got, err := s.Tiles(s.Context(), nil); err != nil || len(got) != 0 {
		s.Errorf("no tiles: %v, %v", got, err)
	}
}

// texts that no database holds are found nowhere, and disturb nothing else.
func texts(s *suite) {
	const odd = "\x00\xff"
	if _, _, err := s.Message(s.Context(), sender, odd); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("Message = %v, want ErrNotFound", err)
	}
	w := s.submit(s.id())
	w.Set = []store.State{{Name: "a", Version: 1}}
	s.must(w)
	s.must(s.handing(s.items(now, 1, role)[0], "d", now.Add(time.Minute)))
	if got, err := s.MailByDelivery(s.Context(), recipient, []string{odd, "d"}); err != nil || len(got) != 1 {
		s.Errorf("MailByDelivery = %d, %v, want 1", len(got), err)
	}
	if got, err := s.States(s.Context(), []string{odd, "a"}); err != nil || got[0].Version != 0 || got[1].Version != 1 {
		s.Errorf("States = %+v, %v", got, err)
	}
	if got := s.items(now.Add(time.Hour), 9, odd, role); len(got) != 1 {
		s.Errorf("Mailbox = %d items, want 1", len(got))
	}
}

func ranges(s *suite) {
	var want []store.Entry
	for range 10 {
		e := s.entry("incident")
		r := s.must(store.Write{Entries: []store.Entry{e}})
		e.Batch = r[0].Index + 1
		want = append(want, e)
	}
	got, err := s.Entries(s.Context(), 3, 4)
	if err != nil {
		s.Fatal(err)
	}
	s.same("entries", got, want[3:7])
	if got, err := s.Entries(s.Context(), 10, 4); err != nil || len(got) != 0 {
		s.Errorf("entries past the end: %d, %v", len(got), err)
	}
	leaves, err := s.Leaves(s.Context(), 8, 10)
	if err != nil || len(leaves) != 2 || leaves[1] != want[9].Leaf {
		s.Errorf("leaves: %d, %v", len(leaves), err)
	}
	if _, err := s.Leaves(s.Context(), 8, 11); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("leaves past the end: %v, want ErrNotFound", err)
	}
}

func search(s *suite) {
	searcher, ok := s.Store.(store.Searcher)
	if !ok {
		s.Fatal("store does not search")
	}
	for i := range 6 {
		e := s.entry([]string{"release", "withheld"}[i%2])
		e.Time = now.Add(time.Duration(i-6) * time.Minute)
		if i == 5 {
			e.Time = now // the head's time is that of the latest entry
		}
		if i >= 4 {
			e.Subject, e.Case, e.Discloser, e.Recipient = "other", "", "sis", ""
		}
		s.must(store.Write{Entries: []store.Entry{e}})
	}
	for name, row := range map[string]struct {
		q    store.Query
		want []uint64
	}{
		"subject":    {store.Query{Subject: "AAAAAAAAAAAAAAAAAAAAAA"}, []uint64{3, 2, 1, 0}},
		"case":       {store.Query{Case: "BBBBBBBBBBBBBBBBBBBBBA"}, []uint64{3, 2, 1, 0}},
		"discloser":  {store.Query{Discloser: "sis"}, []uint64{5, 4}},
		"recipient":  {store.Query{Recipient: recipient, Kind: "withheld"}, []uint64{3, 1}},
		"period":     {store.Query{From: now.Add(-5 * time.Minute), To: now.Add(-3 * time.Minute)}, []uint64{2, 1}},
		"next page":  {store.Query{Discloser: sender, Before: 3}, []uint64{2, 1, 0}},
		"limit":      {store.Query{Discloser: sender, Limit: 2}, []uint64{3, 2}},
		"nothing":    {store.Query{Subject: "nobody"}, nil},
		"both sides": {store.Query{Discloser: sender, Recipient: recipient, Subject: "other"}, nil},
	} {
		s.Run(name, func(t *testing.T) {
			if row.q.Limit == 0 {
				row.q.Limit = 100
			}
			found, err := searcher.Search(t.Context(), row.q)
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for _, e := range found {
				got = append(got, e.Index)
			}
			s.same("indexes", got, row.want)
		})
	}
	if _, err := searcher.Search(s.Context(), store.Query{Kind: "release", Limit: 1}); !errors.Is(err, store.ErrInvalid) {
		s.Errorf("a search for everything: %v, want ErrInvalid", err)
	}
}

// under counts the messages that have their body under a key, and deletes what
// entries have under it.
func under(s *suite) {
	forgetter, ok := s.Store.(store.Forgetter)
	if !ok {
		s.Fatal("the store cannot forget")
	}
	w := s.submit(s.id())
	w.Message.Key, w.Entries[0].Key = "old", "old"
	s.must(w)
	other := s.submit(s.id())
	other.Entries[0].Key = "old"
	s.must(other)
	count := func(iss gateway.AgencyID, want int) {
		s.Helper()
		if n, err := forgetter.Bodies(s.Context(), iss, "old"); err != nil || n != want {
			s.Errorf("%d messages of %s, %v, want %d", n, iss, err, want)
		}
	}
	count(sender, 1)
	count(recipient, 0)
	if n, err := forgetter.Forget(s.Context(), "old"); err != nil || n != 2 {
		s.Errorf("%d entries forgotten, %v, want 2", n, err)
	}
	count(sender, 1)
	if _, err := s.Purge(s.Context(), now.Add(2*time.Hour), nil); err != nil {
		s.Fatal(err)
	}
	count(sender, 0)
	if _, err := forgetter.Bodies(s.Context(), sender, ""); !errors.Is(err, store.ErrInvalid) {
		s.Errorf("no key named: %v, want ErrInvalid", err)
	}
}

func reopen(s *suite) {
	id := s.id()
	w := s.submit(id)
	w.Replay, w.ReplayUntil = "r", now.Add(time.Hour)
	w.Set = []store.State{{Name: "a", Version: 1}}
	s.must(w)
	before, err := s.Head(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	s.reopen()
	after, err := s.Head(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	s.same("head", after, before)
	m, _, err := s.Message(s.Context(), sender, id)
	if err != nil {
		s.Fatal(err)
	}
	s.same("message", m, *w.Message)
	s.refused(w, store.ErrDuplicate)
	s.refused(store.Write{Replay: "r"}, store.ErrReplayed)
	s.refused(store.Write{Set: []store.State{{Name: "a", Version: 1}}}, store.ErrMoved)
	s.must(s.submit(s.id()))
	if items := s.items(now, 10, role); len(items) != 2 || items[1].Seq != 2 {
		s.Errorf("items after reopening: %+v", items)
	}
	var role gateway.Role = "municipality.none"
	if items := s.items(now, 10, role); len(items) != 0 {
		s.Errorf("items of nobody: %+v", items)
	}
}

// documents stand under their state, the last one alone.
func documents(s *suite) {
	if _, err := s.Document(s.Context(), "policy"); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("no document: %v, want ErrNotFound", err)
	}
	set := func(v int64, body string) store.Write {
		return store.Write{Set: []store.State{{Name: "policy", Version: v}}, Documents: []store.Document{{Name: "policy", Version: v, Body: []byte(body)}}}
	}
	s.must(set(1, "one"), set(2, "two"))
	s.refused(set(2, "other two"), store.ErrMoved)
	s.must(set(3, "three"))
	got, err := s.Document(s.Context(), "policy")
	if err != nil {
		s.Fatal(err)
	}
	s.same("document", got, store.Document{Name: "policy", Version: 3, Body: []byte("three")})
}

// published is never taken back by a smaller checkpoint.
func published(s *suite) {
	if _, err := s.Published(s.Context()); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("nothing published: %v, want ErrNotFound", err)
	}
	for range 6 {
		s.must(s.submit(s.id()))
	}
	for _, p := range []struct {
		size       uint64
		note, want string
	}{{5, "five", "five"}, {4, "four", "five"}, {5, "five, cosigned", "five, cosigned"}, {6, "six", "six"}} {
		if err := s.Publish(s.Context(), p.size, []byte(p.note)); err != nil {
			s.Fatal(err)
		}
		if got, err := s.Published(s.Context()); err != nil || string(got) != p.want {
			s.Errorf("after %q: %q, %v, want %q", p.note, got, err, p.want)
		}
	}
}

// leases are renewed by their holder, and free when nobody renewed them. Claims
// give an item to one. What a second gateway gets is tried where there can be one.
func leases(s *suite) {
	for range 2 {
		if ok, err := s.Lease(s.Context(), "publisher", "a", now, now.Add(time.Minute)); !ok || err != nil {
			s.Errorf("Lease = %v, %v", ok, err)
		}
	}
	s.must(s.submit(s.id()), s.submit(s.id()))
	items := s.items(now, 10, role)
	for range 2 {
		got, err := s.Claim(s.Context(), "a", items, now, now.Add(time.Minute))
		if err != nil {
			s.Fatal(err)
		}
		s.same("claimed", got, items)
	}
	if got, err := s.Claim(s.Context(), "a", nil, now, now); err != nil || len(got) != 0 {
		s.Errorf("Claim of nothing = %v, %v", got, err)
	}
}
