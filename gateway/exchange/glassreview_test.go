package exchange_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"sluss/certs/dev"
	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/exchange"
	"sluss/gateway/keys"
	"sluss/gateway/relay"
)

// TestReviewOutcome: what does not end a review of break-glass.
func TestReviewOutcome(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	r := must(t, first(m.police.Request(t.Context(), town, m.glass())), nil)
	legal := m.member(police, "review")
	batch := must(t, first(legal.Poll(t.Context(), legalOfficer, client.PollOptions{NoWait: true})), nil)
	i := slices.IndexFunc(batch.Notices, func(n client.Notice) bool { return n.Type == envelope.ReviewRequested })
	if i < 0 {
		t.Fatal("no review")
	}
	signer := func(agency string) *envelope.Signer {
		return must(t, first(envelope.NewSigner(first(keys.LoadEC("file:"+m.file("agencies/"+agency+"/review/message.key"))))), nil)
	}
	good := envelope.Event{Issuer: police.URN(), Audience: "urn:sluss:gateway:dev", ID: must(t, first(relay.NewMessageID()), nil), IssuedAt: m.now(), Message: r.ID,
		Type: envelope.EmergencyReviewed, Claims: json.RawMessage(`{"outcome":"justified","reviewed_by":"AAAAAAAAAAAAAAAAAAAAAA"}`)}
	end := func(e envelope.Event, by string) gateway.Code {
		t.Helper()
		token := must(t, first(envelope.SignEvent(e, signer(by))), nil)
		_, err := m.x.Poll(t.Context(), legal.peer, exchange.PollRequest{Role: legalOfficer, ReturnImmediately: true,
			Ack: []string{string(batch.Notices[i].ID)}, Received: map[string]string{string(batch.Notices[i].ID): token}})
		if r, ok := errors.AsType[*gateway.Refusal](err); ok {
			return r.Code
		}
		return code(err)
	}
	for name, spoil := range map[string]func(*envelope.Event){
		"of another request":   func(e *envelope.Event) { e.Message = good.ID },
		"for another audience": func(e *envelope.Event) { e.Audience = town.URN() },
		"another event":        func(e *envelope.Event) { e.Type = envelope.MessageReceived },
		"no finding": func(e *envelope.Event) {
			e.Claims = json.RawMessage(`{"outcome":"fine","reviewed_by":"AAAAAAAAAAAAAAAAAAAAAA"}`)
		},
		"by a name": func(e *envelope.Event) { e.Claims = json.RawMessage(`{"outcome":"justified","reviewed_by":"CANARY"}`) },
	} {
		e := good
		spoil(&e)
		if got := end(e, "police"); got != gateway.CodeMalformedRequest {
			t.Errorf("%s: got %q, want %s", name, got, gateway.CodeMalformedRequest)
		}
	}
	if got := end(good, dev.Folder(town)); got != gateway.CodeMalformedRequest {
		t.Errorf("signed by another agency: got %q", got)
	}
	if got := end(good, "police"); got != "" || m.kinds()[disclosure.Reviewed] != 1 {
		t.Errorf("the good one: got %q, %v", got, m.kinds())
	}
	m.holds()
}

// TestReviewDue: 24 hours, or the next working day at the same hour.
func TestReviewDue(t *testing.T) {
	for from, want := range map[string]string{
		"2026-03-03T10:00:00Z": "2026-03-04T10:00:00Z", // Tuesday
		"2026-03-06T10:00:00Z": "2026-03-09T10:00:00Z", // Friday
		"2026-04-02T10:00:00Z": "2026-04-07T10:00:00Z", // Maundy Thursday
		"2026-05-13T10:00:00Z": "2026-05-15T10:00:00Z", // before Ascension Day
		"2026-12-23T10:00:00Z": "2026-12-28T10:00:00Z", // before Christmas
		"2027-06-24T10:00:00Z": "2027-06-28T10:00:00Z", // before Midsummer's Eve
		"2026-03-27T10:00:00Z": "2026-03-30T09:00:00Z", // the same hour, across the start of summer time
	} {
		at := must(t, first(time.Parse(time.RFC3339, from)), nil)
		if got := exchange.ReviewDue(at, 24*time.Hour).UTC().Format(time.RFC3339); got != want {
			t.Errorf("due of %s: %s, want %s", from, got, want)
		}
	}
}
