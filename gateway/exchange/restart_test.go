package exchange_test

import (
	"testing"

	"sluss/gateway/client"
	"sluss/gateway/exchange"
)

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
