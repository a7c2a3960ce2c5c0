package exchange_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluss/certs/dev"
	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/directory"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/exchange"
)

// register puts a directory in force that lacks the statements with all of the
// given words.
func (b *bench) register(without ...string) {
	b.t.Helper()
	var pins dev.Pins
	if err := json.Unmarshal(first(os.ReadFile(b.file("gateway/pins.json"))), &pins); err != nil {
		b.t.Fatal(err)
	}
	all := first(directory.Decode(first(os.ReadFile(b.file("directory.json")))))
	left := all[:0]
	for _, e := range all {
		_, payload, _ := strings.Cut(e.Statement, ".")
		payload, _, _ = strings.Cut(payload, ".")
		claims := string(first(base64.RawURLEncoding.DecodeString(payload)))
		if len(without) == 0 || slices.ContainsFunc(without, func(word string) bool { return !strings.Contains(claims, word) }) {
			left = append(left, e)
		}
	}
	raw := directory.Encode(left)
	d, _, err := directory.Parse(raw, pins.Registrars, nil, time.Now())
	if err == nil {
		err = b.x.Register(b.t.Context(), d, raw, nil)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// at has do done when the exchange asks for the time for the n-th time from now
// on, and reports whether it came to that.
func (b *bench) at(n int64, do func()) (done func() bool) {
	var asked atomic.Int64
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = func() {
		if asked.Add(1) == n {
			do()
		}
	}
	return func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.asked = nil
		return asked.Load() >= n
	}
}

// last returns the number of the last entry of a kind.
func (b *bench) last(kind disclosure.Kind) (at int64) {
	b.t.Helper()
	at = -1
	for from := uint64(0); ; {
		entries := first(b.store.Store.Entries(b.t.Context(), from, 512))
		for i, e := range entries {
			if disclosure.Kind(e.Kind) == kind {
				at = int64(from) + int64(i)
			}
		}
		if len(entries) == 0 {
			return at
		}
		from += uint64(len(entries))
	}
}

// TestRevokedAtAnyMoment: nothing is released, and no request taken in, after
// the directory has revoked the system, however far the exchange had come when it
// did.
func TestRevokedAtAnyMoment(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	uri := m.town.peer.URI()
	for name, step := range map[string]struct {
		kind disclosure.Kind
		run  func()
	}{
		"poll": {disclosure.Release, func() {
			m.x.Poll(t.Context(), m.town.peer, exchange.PollRequest{Role: socialWorker, ReturnImmediately: true})
		}},
		"request": {disclosure.RequestReceived, func() {
			m.town.Request(t.Context(), police, client.Official{Role: socialWorker, User: gateway.NewRef(), Unit: "u1", Purpose: "PROTECTION",
				Type: "exit.info_request", Subject: m.person, Fields: []string{"risk_level"}, BasisClaimed: []gateway.Basis{"OSL-12-2"},
				Reason: &envelope.Reason{Code: "safety_planning", Length: 40}})
		}},
	} {
		for n := int64(1); ; n++ {
			m.send(m.assessment())
			before := m.last(step.kind)
			done := m.at(n, func() { m.register(uri) })
			step.run()
			if !done() {
				if m.last(step.kind) == before {
					t.Errorf("%s: comes to nothing where nobody is revoked", name)
				}
				break
			}
			if released, revoked := m.last(step.kind), m.last(disclosure.DirectoryChanged); released > revoked {
				t.Errorf("%s: entry %d after the system was revoked at %d, the time having been asked %d times", name, released, revoked, n)
			}
			m.register()
		}
	}
}

// TestReceiptForGood: a message that was taken in has its receipt, also when it
// would not be taken in any more.
func TestReceiptForGood(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	token, late := m.assessment(), m.assessment()
	first, err := m.police.Send(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	m.register(`"`+town.URN()+`"`, string(envelope.UseSeal), string(socialWorker))
	if _, err := m.police.Send(t.Context(), late); code(err) != gateway.CodeSealing {
		t.Errorf("a new message under a key that is gone: %v, want %s", err, gateway.CodeSealing)
	}
	again, err := m.police.Send(t.Context(), token)
	if err != nil || again.Entry != first.Entry {
		t.Errorf("the same bytes again: %v, entry %d, want %d", err, again.Entry, first.Entry)
	}
}
