package exchange_test

import (
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/store/storetest"
)

// TestEveryCallFails lets each call to the store fail in turn, through a whole
// exchange with a statement, a message, its release and its acknowledgement: not
// written, rolled back, and written but reported failed. What a client was not
// told of it asks again. Nothing unlogged is released or queued, what is
// acknowledged is there, and in the end every message has come once.
func TestEveryCallFails(t *testing.T) {
	m := newMatter(t)
	for _, fault := range []storetest.Fault{storetest.Before, storetest.Inside, storetest.After} {
		fired := true
		calls := 0
		for ; fired; calls++ {
			token, statement := m.assessment(), m.threat()
			before := len(m.store.Calls())
			m.store.Break("", fault, calls)
			m.exchanged(fault, calls, token, statement)
			fired = len(m.store.Calls())-before > calls
			m.store.Break("", storetest.None, 0)
			m.holds()
			if t.Failed() {
				t.Fatalf("%v, at call %d", fault, calls)
			}
		}
		if calls < 15 {
			t.Errorf("%v: an exchange makes %d calls", fault, calls)
		}
	}
}

// threat seals a statement of the police that changes nothing.
func (m *matter) threat() []byte {
	m.t.Helper()
	m.seq++
	token, err := m.police.State(m.t.Context(), client.Draft{Type: "exit.person_attributes", From: coordinator, Purpose: "EXIT_SUPPORT", Case: m.ref,
		Subject: m.person, Values: values(m.t, map[gateway.Field]any{"elevated_threat": false, "seq": m.seq})})
	return must(m.t, token, err)
}

// exchanged carries an exchange out, with each step again until it has gone well.
func (m *matter) exchanged(fault storetest.Fault, calls int, token, statement []byte) {
	t, ctx := m.t, m.t.Context()
	t.Helper()
	again := func(what string, step func() error) {
		t.Helper()
		err := step()
		for range 2 {
			if err != nil {
				err = step()
			}
		}
		if err != nil {
			t.Fatalf("%v at call %d: %s: %v", fault, calls, what, err)
		}
	}
	var told client.Receipt
	again("stating", func() error { _, err := m.police.Send(ctx, statement); return err })
	again("sending", func() (err error) { told, err = m.police.Send(ctx, token); return err })
	var got []client.Message
	for range 4 {
		batch, _ := m.town.Poll(ctx, socialWorker, client.PollOptions{NoWait: true})
		for _, refused := range batch.Refused {
			t.Errorf("refused: %v", refused.Err)
		}
		for _, one := range batch.Messages {
			if !m.logged(one.Delivery()) {
				t.Errorf("delivery %s is not in the log", one.Delivery())
			}
		}
		if got = append(got, batch.Messages...); len(got) > 0 {
			break
		}
		m.pass(2 * time.Minute)
	}
	if len(got) != 1 || got[0].Claims().ID != told.ID {
		t.Fatalf("%v at call %d: %d messages came, want the one that was acknowledged", fault, calls, len(got))
	}
	again("acknowledging", func() error { return m.town.Ack(ctx, socialWorker, got[0]) })
	m.pass(2 * time.Minute)
	again("polling", func() error {
		batch, err := m.town.Poll(ctx, socialWorker, client.PollOptions{NoWait: true})
		if len(batch.Messages)+len(batch.Refused) > 0 {
			t.Errorf("%v at call %d: came again after it was acknowledged", fault, calls)
		}
		return err
	})
	again("hearing", func() error {
		batch, err := m.police.Poll(ctx, coordinator, client.PollOptions{NoWait: true})
		if err != nil {
			return err
		}
		var done []client.Item
		for _, n := range batch.Notices {
			done = append(done, n)
		}
		return m.police.Ack(ctx, coordinator, done...)
	})
}

// logged reports whether there is an entry of a release.
func (m *matter) logged(delivery string) bool {
	head := must(m.t, first(m.store.Store.Head(m.t.Context())), nil)
	for i := range head.Size {
		e := must(m.t, first(m.store.Store.Entry(m.t.Context(), head.Size-1-i)), nil)
		if e1, err := disclosure.ParseE1(e.E1); err == nil && e1.Kind == disclosure.Release && e1.Delivery == delivery {
			return true
		}
	}
	return false
}
