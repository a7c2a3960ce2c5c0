package storetest

import (
	"errors"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

// handOut follows one item from waiting to done.
func handOut(s *suite) {
	s.must(s.submit(s.id()))
	item := s.items(now, 10, role)[0]

	bare := s.handing(item, "d0", now.Add(time.Minute))
	bare.Entries = nil
	s.refused(bare, store.ErrInvalid) // no entry, no data

	w := s.handing(item, "d1", now.Add(time.Minute))
	r := s.must(w)[0]
	s.refused(w, store.ErrMoved) // another poll was first
	got, err := s.MailByDelivery(s.Context(), recipient, []string{"d1", "none"})
	if err != nil || len(got) != 1 {
		s.Fatalf("MailByDelivery = %d items, %v", len(got), err)
	}
	want := w.Change[0].Mail
	want.Version, want.Entry = 2, r.Index
	s.same("handed item", got[0], want)
	if list, err := s.MailByDelivery(s.Context(), sender, []string{"d1"}); err != nil || len(list) != 0 {
		s.Errorf("another agency sees the delivery: %d, %v", len(list), err)
	}

	again := got[0]
	again.Lease = now.Add(2 * time.Minute)
	s.must(store.Write{Change: []store.MailChange{{Mail: again}}}) // the same, longer
	again.Version++
	forged := again
	forged.Token = gateway.DigestOf([]byte("other"))
	s.refused(store.Write{Change: []store.MailChange{{Mail: forged}}}, store.ErrInvalid)
	forged = again
	forged.Delivery = "d9"
	s.refused(store.Write{Change: []store.MailChange{{Mail: forged}}}, store.ErrInvalid)

	r2 := s.must(s.handing(again, "d2", now.Add(3*time.Minute)))[0]
	if list, err := s.MailByDelivery(s.Context(), recipient, []string{"d1"}); err != nil || len(list) != 0 {
		s.Errorf("the old delivery still counts: %d, %v", len(list), err)
	}
	got, err = s.MailByDelivery(s.Context(), recipient, []string{"d2"})
	if err != nil || len(got) != 1 || got[0].Entry != r2.Index {
		s.Fatalf("second delivery: %+v, %v", got, err)
	}
	s.must(s.changing(got[0], store.Done))
	if list := s.items(now.Add(24*time.Hour), 10, role); len(list) != 0 {
		s.Errorf("a done item is listed")
	}
	done, err := s.MailByDelivery(s.Context(), recipient, []string{"d2"})
	if err != nil || len(done) != 1 || done[0].State != store.Done || done[0].Entry != r2.Index {
		s.Errorf("done item: %+v, %v", done, err)
	}
}

func mailbox(s *suite) {
	for range 4 {
		s.must(s.submit(s.id()))
	}
	elsewhere := s.submit(s.id())
	elsewhere.Mail[0].Role = other
	s.must(elsewhere)
	seqs := func(at time.Time, limit int, roles ...gateway.Role) (out []int64) {
		for _, m := range s.items(at, limit, roles...) {
			out = append(out, m.Seq)
		}
		return out
	}
	s.same("oldest first", seqs(now, 10, role), []int64{1, 2, 3, 4})
	s.same("limit", seqs(now, 2, role), []int64{1, 2})
	s.same("both functions", seqs(now, 10, other, role), []int64{1, 2, 3, 4, 5})
	s.same("no function", seqs(now, 10), []int64(nil))
	s.same("a function without mail", seqs(now, 10, "municipality.none"), []int64(nil))

	items := s.items(now, 10, role)
	s.must(s.handing(items[0], "d1", now.Add(time.Minute)))
	held := items[1]
	held.State, held.Hold, held.Lease = store.Held, []byte("looked"), now.Add(30*time.Second)
	s.must(store.Write{Change: []store.MailChange{{Mail: held}}})
	s.same("leased and held", seqs(now, 10, role), []int64{3, 4})
	s.same("held comes again", seqs(now.Add(30*time.Second), 10, role), []int64{3, 4, 2})
	s.same("lease ended", seqs(now.Add(time.Minute), 10, role), []int64{3, 4, 2, 1})
	s.same("what waits is not barred", seqs(now.Add(time.Minute), 2, role), []int64{3, 4})
	if got := s.items(now.Add(time.Minute), 10, role)[2]; string(got.Hold) != "looked" || got.Version != 2 {
		s.Errorf("held item %+v", got)
	}
}

func quota(s *suite) {
	s.limits = Limits{Mailbox: 3, Sender: 5}
	s.reopen()
	one := s.submit(s.id())
	s.must(one, s.submit(s.id()))
	results := s.commit(s.submit(s.id()), s.submit(s.id())) // the limit falls within a batch
	if results[0].Err != nil || !errors.Is(results[1].Err, store.ErrQuota) {
		s.Errorf("results %v, %v, want the second over quota", results[0].Err, results[1].Err)
	}
	s.reopen() // counted, not remembered
	s.refused(s.submit(s.id()), store.ErrQuota)
	s.refused(one, store.ErrDuplicate) // what is known is known, full or not
	notice := store.Write{Entries: []store.Entry{s.entry("acknowledged")}, Mail: []store.Mail{{
		Agency: recipient, Role: role, Notice: []byte("CANARY"), NoticeID: "n", Expires: now.Add(time.Hour), State: store.Waiting,
	}}}
	s.must(notice) // notices always pass

	item := s.items(now, 1, role)[0]
	s.must(s.handing(item, "d", now.Add(time.Minute)))
	s.refused(s.submit(s.id()), store.ErrQuota)
	got, err := s.MailByDelivery(s.Context(), recipient, []string{"d"})
	if err != nil {
		s.Fatal(err)
	}
	s.must(s.changing(got[0], store.Done))
	s.must(s.submit(s.id())) // there is room again

	for range 2 { // the sender's own limit, in another mailbox
		w := s.submit(s.id())
		w.Mail[0].Role = other
		r := s.commit(w)[0]
		if s.size() > 20 {
			s.Fatalf("sender is never over quota: %v", r.Err)
		}
	}
	w := s.submit(s.id())
	w.Mail[0].Role = other
	s.refused(w, store.ErrQuota)
	if n, err := s.Purge(s.Context(), now, nil); err != nil || n == 0 {
		s.Errorf("Purge = %d, %v", n, err)
	}
	s.must(w)
}

func expiry(s *suite) {
	for i := range 3 {
		w := s.submit(s.id())
		w.Mail[0].Expires = now.Add(time.Duration(3-i) * time.Minute)
		s.must(w)
	}
	items := s.items(now, 10, role)
	s.must(s.handing(items[1], "d", now.Add(time.Hour)))
	list, err := s.Expired(s.Context(), now.Add(2*time.Minute), 10)
	if err != nil || len(list) != 2 || list[0].Seq != 3 || list[1].Seq != 2 {
		s.Fatalf("Expired = %+v, %v, want items 3 and 2", list, err)
	}
	s.must(s.changing(list[0], store.Expired))
	list, err = s.Expired(s.Context(), now.Add(time.Hour), 1)
	if err != nil || len(list) != 1 || list[0].Seq != 2 {
		s.Errorf("Expired = %+v, %v, want item 2", list, err)
	}
}

func purge(s *suite) {
	body := func(id gateway.MessageID) bool {
		m, _, err := s.Message(s.Context(), sender, id)
		if err != nil {
			s.Fatalf("Message: %v", err)
		}
		return m.Key != ""
	}
	run := func(at time.Time, keep ...gateway.MessageType) int {
		n, err := s.Purge(s.Context(), at, keep)
		if err != nil {
			s.Fatalf("Purge: %v", err)
		}
		return n
	}
	acked, open := s.id(), s.id()
	both := s.submit(acked)
	both.Mail = append(both.Mail, both.Mail[0])
	both.Mail[1].Role = other
	s.must(both, s.submit(open))
	if run(now) != 0 {
		s.Errorf("purged what is wanted")
	}
	for i, r := range []gateway.Role{role, other} {
		item := s.items(now, 1, r)[0]
		d := string(r)
		s.must(s.handing(item, d, now.Add(time.Minute)))
		got, err := s.MailByDelivery(s.Context(), recipient, []string{d})
		if err != nil || len(got) != 1 {
			s.Fatal(got, err)
		}
		s.must(s.changing(got[0], store.Done))
		if i == 0 && (run(now) != 0 || !body(acked)) {
			s.Errorf("purged although a function has not fetched it")
		}
	}
	if run(now, kind) != 0 || !body(acked) {
		s.Errorf("purged although its type is kept")
	}
	if run(now) != 1 || body(acked) || !body(open) {
		s.Errorf("want the acknowledged body gone, the other there")
	}
	s.refused(both, store.ErrDuplicate) // still known
	if run(now.Add(time.Hour), kind) != 1 || body(open) {
		s.Errorf("want the expired body gone, kept type or not")
	}
	s.sound()
	late := now.Add(60 * 24 * time.Hour)
	run(late)
	if _, _, err := s.Message(s.Context(), sender, acked); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("row of a message long expired: %v", err)
	}
	if _, _, err := s.Message(s.Context(), sender, open); err != nil {
		s.Errorf("row of a message with an open item: %v", err)
	}
}
