package exchange_test

import (
	"slices"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
	"sluss/gateway/exchange"
)

// TestBreakGlassConfirmerWithInterest: break-glass does not pass a conflict of
// interest, so who has one confirms nothing, and nobody hears that it was
// confirmed; another still can.
func TestBreakGlassConfirmerWithInterest(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	ask := m.glass()
	r := must(t, first(m.police.Request(t.Context(), town, ask)), nil)
	related := second(ask, r)
	m.state(m.police, coordinator, "exit.user_assignment", map[gateway.Field]any{"user": related.User, "assigned": true, "coi": true, "read_elsewhere": false})
	if _, err := m.police.Request(t.Context(), town, related); err != nil {
		t.Errorf("confirming: %v; it is answered like any other", err)
	}
	for _, n := range hear(m.member(police, "review"), "agency.log_auditor") {
		if task, _, err := n.Task(); err != nil || task.Stage != "requested" {
			t.Errorf("told of %q, %v", task.Stage, err)
		}
	}
	if _, err := m.police.Request(t.Context(), town, second(ask, r)); err != nil {
		t.Errorf("another confirms: %v", err)
	}
	m.holds()

	m = newMatter(t)
	ask = m.glass()
	r = must(t, first(m.police.Request(t.Context(), town, ask)), nil)
	related = second(ask, r)
	m.state(m.police, coordinator, "exit.user_assignment", map[gateway.Field]any{"user": related.User, "assigned": true, "coi": true, "read_elsewhere": false})
	must(t, first(m.police.Request(t.Context(), town, related)), nil)
	m.answerGlass(r)
	m.pass(15 * time.Minute)
	if n := len(m.given()); n != 0 {
		t.Errorf("%d releases after fifteen minutes, want 0", n)
	}
}

// TestReviewNotRefused: a review of break-glass does not end because its agency
// says that it cannot read it.
func TestReviewNotRefused(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	must(t, first(m.police.Request(t.Context(), town, m.glass())), nil)
	legal := m.member(police, "review")
	reviews := func() (out []client.Notice) {
		batch := must(t, first(legal.Poll(t.Context(), legalOfficer, client.PollOptions{NoWait: true})), nil)
		return slices.DeleteFunc(batch.Notices, func(n client.Notice) bool { return n.Type != envelope.ReviewRequested })
	}
	got := reviews()
	if len(got) != 1 {
		t.Fatalf("%d reviews, want 1", len(got))
	}
	_, err := m.x.Poll(t.Context(), legal.peer, exchange.PollRequest{Role: legalOfficer, ReturnImmediately: true,
		SetErrs: map[string]exchange.SetErr{string(got[0].ID): {Err: "invalid_request"}}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(reviews()); n != 1 {
		t.Errorf("%d reviews after it was reported unusable, want 1", n)
	}
	m.holds()
}
