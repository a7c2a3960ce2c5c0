package exchange_test

import (
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// TestNothingNewIsNotTold: that the person withdraws a consent between others is
// nothing that the recipient of a withheld message hears of.
func TestNothingNewIsNotTold(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	m.withdraw()
	m.consent = gateway.NewRef()
	m.state(m.town, socialWorker, "exit.consent", map[gateway.Field]any{
		"consent_id": m.consent, "given_by": "subject", "disclosers": []any{map[string]any{"agency": police}}, "recipients": []any{map[string]any{"agency": "kriminalvarden"}},
		"classes": []string{"CAS"}, "purposes": []string{"PROTECTION"}, "valid_from": day(-10), "valid_to": day(100), "form": "written",
		"info_text_version": "2026-01", "recorded_by": gateway.NewRef(), "evidence_hash": gateway.DigestOf(nil)})
	m.pass(time.Minute)
	for _, basis := range []gateway.Basis{"OSL-12-2", "OSL-10-27"} {
		m.send(m.claiming(socialWorker, basis))
	}
	m.poll()
	if got := tasks(t, m.town, socialWorker, envelope.ReleaseRefused); len(got) != 2 {
		t.Fatalf("%d refusals, want 2", len(got))
	}
	if got := tasks(t, m.police, national, envelope.ReviewRequested); len(got) != 1 {
		t.Fatalf("%d tasks, want 1", len(got))
	}
	m.withdraw()
	m.poll()
	if got := tasks(t, m.town, socialWorker, envelope.ReleaseRefused); len(got) != 0 {
		t.Errorf("%d refusals after others' consent was withdrawn, want none: %v", len(got), got)
	}
	if got := tasks(t, m.police, national, envelope.ReviewRequested); len(got) != 0 {
		t.Errorf("%d tasks after others' consent was withdrawn, want none: %v", len(got), got)
	}
	m.holds()
}
