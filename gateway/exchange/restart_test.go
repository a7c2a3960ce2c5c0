package exchange_test

import (
	"log/slog"
	"testing"
	"time"

	"sluss/gateway/client"
	"sluss/gateway/exchange"
)

// TestLeaseOfTheDead: what a process had handed out when it ended is there for the
// next one at once, as the same delivery; what that one hands out is leased.
func TestLeaseOfTheDead(t *testing.T) {
	m := newMatter(t)
	m.send(m.assessment())
	first := m.poll()
	if len(first.Messages) != 1 || len(m.poll().Messages) != 0 {
		t.Fatalf("%d messages, and again while they are leased", len(first.Messages))
	}
	m.pass(20 * time.Second)
	m.wire(m.ring(), slog.New(slog.DiscardHandler)) // a new process on the same store
	again := m.poll()
	if len(again.Messages) != 1 || again.Messages[0].Delivery() != first.Messages[0].Delivery() {
		t.Fatalf("after the restart: %d messages, want the one that nobody acknowledged", len(again.Messages))
	}
	if n := len(m.poll().Messages); n != 0 {
		t.Errorf("%d messages beside the new process's own lease", n)
	}
	m.pass(61 * time.Second)
	if n := len(m.poll().Messages); n != 1 {
		t.Errorf("%d messages after the lease, want 1", n)
	}
}

// TestUnusableUnsigned: a recipient that cannot sign may still say that it cannot
// use a message; then the gateway tells the sender.
func TestUnusableUnsigned(t *testing.T) {
	m := newMatter(t)
	sent := m.send(m.assessment())
	delivery := m.poll().Messages[0].Delivery()
	if _, err := m.x.Poll(t.Context(), m.town.peer, exchange.PollRequest{Role: socialWorker, MaxEvents: new(int),
		SetErrs: map[string]exchange.SetErr{delivery: {Err: "invalid_key"}}}); err != nil {
		t.Fatal(err)
	}
	b, err := m.police.Poll(t.Context(), coordinator, client.PollOptions{NoWait: true})
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	for _, n := range b.Notices {
		if n.Event.Message == sent.ID && n.Event.Issuer == "urn:sluss:gateway:dev" {
			told += string(n.Event.Type) + " " + string(n.Event.Claims)
		}
	}
	if told != `delivery-failed {"code":"invalid_key"}` {
		t.Errorf("the sender is told %q", told)
	}
	m.holds()
}
