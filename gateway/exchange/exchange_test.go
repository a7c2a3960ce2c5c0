package exchange_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/relay"
	"sluss/gateway/store/storetest"
)

// matter is one person's case with a consent in force.
type matter struct {
	*bench
	town, police, security *member
	person, ref, consent   gateway.Ref
	seq                    int
	user                   gateway.Ref      // who asked first
	asked                  gateway.AgencyID // whom a confirmation asks
}

func values(t testing.TB, in map[gateway.Field]any) map[gateway.Field]gateway.Payload {
	t.Helper()
	out := map[gateway.Field]gateway.Payload{}
	for f, v := range in {
		out[f] = must(t, first(client.Value(v)), nil)
	}
	return out
}

func newMatter(t testing.TB) *matter {
	b := newBench(t)
	m := &matter{bench: b, town: b.member(town, "exit"), police: b.member(police, "exit"), security: b.member(police, "security"),
		person: gateway.NewRef(), ref: gateway.NewRef(), consent: gateway.NewRef()}
	opened := m.state(m.town, socialWorker, "exit.case_state", map[gateway.Field]any{
		"state": "open", "parties": []gateway.AgencyID{town, police}, "responsible_municipality": town})
	m.agree(opened)
	m.state(m.town, socialWorker, "exit.person_attributes", map[gateway.Field]any{"adult": true, "protection_marking": "none", "place_hidden": false, "in_sis_care": false})
	m.state(m.police, coordinator, "exit.person_attributes", map[gateway.Field]any{"elevated_threat": false})
	m.state(m.security, bodyguard, "exit.person_attributes", map[gateway.Field]any{"psw": false})
	m.agree(m.state(m.town, socialWorker, "exit.consent", map[gateway.Field]any{
		"consent_id": m.consent, "given_by": "subject", "disclosers": []any{map[string]any{"agency": police}}, "recipients": []any{map[string]any{"agency": town}},
		"classes": []string{"CAS", "RSK"}, "purposes": []string{"PROTECTION"}, "valid_from": day(-10), "valid_to": day(100), "form": "written",
		"info_text_version": "2026-01", "recorded_by": gateway.NewRef(), "evidence_hash": gateway.DigestOf(nil)}))
	return m
}

func day(n int) string { return time.Now().AddDate(0, 0, n).Format(time.DateOnly) }

func (m *matter) state(from *member, role gateway.Role, typ gateway.MessageType, v map[gateway.Field]any) client.Receipt {
	m.t.Helper()
	m.seq++
	v["seq"] = m.seq
	token, err := from.State(m.t.Context(), client.Draft{Type: typ, From: role, Purpose: "EXIT_SUPPORT", Case: m.ref, Subject: m.person, Values: values(m.t, v)})
	if err != nil {
		m.t.Fatal(err)
	}
	return must(m.t, first(from.Send(m.t.Context(), token)), nil)
}

func (m *matter) agree(r client.Receipt) {
	m.t.Helper()
	m.state(m.police, coordinator, "exit.countersignature", map[gateway.Field]any{"statement": r.ID, "digest": r.Digest})
}

func (m *matter) withdraw() {
	m.t.Helper()
	m.state(m.town, socialWorker, "exit.consent_withdrawal", map[gateway.Field]any{"consent_id": m.consent, "withdrawn": true})
}

// assessment seals a threat assessment to the social worker.
func (m *matter) assessment() []byte {
	m.t.Helper()
	token, err := m.police.Seal(m.t.Context(), client.Draft{Type: "exit.threat_assessment", From: coordinator, To: town, ToRoles: []gateway.Role{socialWorker},
		Purpose: "PROTECTION", Case: m.ref, Subject: m.person, BasisClaimed: []gateway.Basis{"OSL-12-2"}, Fields: []string{"default"},
		Values: values(m.t, map[gateway.Field]any{
			"assessment_id": gateway.NewRef(), "assessed_at": day(-1), "valid_until": day(30), "method": "mixed", "risk_level": 3,
			"protection_recommendation": "advice", "safety_instructions": "CANARY", "threat_source_summary": "CANARY",
			"contact_officer": map[string]any{"role": "CANARY", "phone": "CANARY"}})})
	return must(m.t, token, err)
}

func (m *matter) poll() client.Batch {
	m.t.Helper()
	batch, err := m.town.Poll(m.t.Context(), socialWorker, client.PollOptions{NoWait: true})
	if err == nil && len(batch.Refused) > 0 {
		err = batch.Refused[0].Err
	}
	return must(m.t, batch, err)
}

func (m *matter) send(token []byte) client.Receipt {
	m.t.Helper()
	return must(m.t, first(m.police.Send(m.t.Context(), token)), nil)
}

// TestExchange is one whole exchange, and what the same bytes, other bytes and
// an unacknowledged hand-out get.
func TestExchange(t *testing.T) {
	m := newMatter(t)
	token := m.assessment()
	receipt := m.send(token)
	if again := m.send(token); !cmp.Equal(again, receipt) {
		t.Errorf("the same bytes got another receipt: %s", cmp.Diff(receipt, again))
	}
	batch := m.poll()
	if len(batch.Messages) != 1 {
		t.Fatalf("%d messages, want 1", len(batch.Messages))
	}
	got := batch.Messages[0]
	if _, ok := got.Value("threat_source_summary"); ok {
		t.Error("chapter 18 was released on a consent")
	}
	if v, _ := got.Value("safety_instructions"); string(v.Bytes()) != `"CANARY"` {
		t.Errorf("safety instructions are %q", v.Bytes())
	}
	if n := len(m.poll().Messages); n != 0 {
		t.Errorf("%d messages within the lease, want 0", n)
	}
	m.pass(2 * time.Minute)
	m.town = m.again(m.town)
	second := m.poll()
	if len(second.Messages) != 1 || string(second.Messages[0].Raw()) != string(got.Raw()) || second.Messages[0].Delivery() != got.Delivery() {
		t.Error("an unacknowledged hand-out was not repeated byte for byte after its lease")
	}
	if err := m.town.Ack(t.Context(), socialWorker, second.Messages[0]); err != nil {
		t.Fatal(err)
	}
	m.pass(2 * time.Minute)
	if n := len(m.poll().Messages); n != 0 {
		t.Errorf("%d messages after the acknowledgement, want 0", n)
	}
	want := map[disclosure.Kind]int{disclosure.MessageAccepted: 1, disclosure.Release: 1, disclosure.Acknowledged: 1}
	kinds := m.kinds()
	for k, n := range want {
		if kinds[k] != n {
			t.Errorf("%d entries of kind %s, want %d", kinds[k], k, n)
		}
	}
	m.holds()
}

// again is the same system with a client that has seen nothing yet.
func (m *matter) again(old *member) *member { return m.member(old.peer.Agency(), "exit") }

// TestWithdrawalStopsHandOut: what was handed out and not acknowledged is not
// handed out again once the consent is withdrawn.
func TestWithdrawalStopsHandOut(t *testing.T) {
	m := newMatter(t)
	m.send(m.assessment())
	if n := len(m.poll().Messages); n != 1 {
		t.Fatalf("%d messages, want 1", n)
	}
	m.withdraw()
	m.pass(2 * time.Minute)
	batch := m.poll()
	if len(batch.Messages) != 0 {
		t.Error("released again after the withdrawal")
	}
	again := m.poll()
	if len(again.Notices) != 1 || again.Notices[0].Type != envelope.ReleaseRefused {
		t.Errorf("notices %v, want that the release was refused", again.Notices)
	}
	if got := m.kinds()[disclosure.Withheld]; got != 1 {
		t.Errorf("%d entries of the refusal, want 1: it is decided once, however often it is polled", got)
	}
	m.holds()
}

// TestNowMeansCommit: a withdrawal that is answered after a release was decided
// and before it is committed stops that release.
func TestNowMeansCommit(t *testing.T) {
	m := newMatter(t)
	m.send(m.assessment())
	m.between = m.withdraw
	if n := len(m.poll().Messages); n != 0 {
		t.Errorf("%d messages released on a consent that was withdrawn before the commit, want 0", n)
	}
	if m.between != nil {
		t.Fatal("the withdrawal did not come in between")
	}
	kinds := m.kinds()
	if kinds[disclosure.Release] != 0 || kinds[disclosure.Withheld] != 1 {
		t.Errorf("entries %v, want no release and one refusal", kinds)
	}
	m.holds()
}

// TestOfficialReads: an official reads one message with a request that is used
// once; whoever it is not for is answered as if there were none, and each
// answer has its entry.
func TestOfficialReads(t *testing.T) {
	m := newMatter(t)
	receipt := m.send(m.assessment())
	user := gateway.NewRef()
	ask := client.Official{Role: socialWorker, User: user, Unit: "u1", Purpose: "PROTECTION", Type: "exit.threat_assessment", Subject: m.person,
		Fields: []string{"default"}, BasisClaimed: []gateway.Basis{"OSL-12-2"}}
	refused := func(name string, id gateway.MessageID, ask client.Official) {
		t.Helper()
		before := m.kinds()[disclosure.Withheld]
		_, err := m.town.Read(t.Context(), id, ask)
		if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != gateway.CodeNoRecord {
			t.Errorf("%s: %v, want %s", name, err, gateway.CodeNoRecord)
		}
		if got := m.kinds()[disclosure.Withheld] - before; got != 1 {
			t.Errorf("%s: %d entries, want 1", name, got)
		}
	}
	refused("not assigned to the matter", receipt.ID, ask)
	m.state(m.town, socialWorker, "exit.user_assignment", map[gateway.Field]any{"user": user, "assigned": true, "coi": false, "read_elsewhere": false})
	got, err := m.town.Read(t.Context(), receipt.ID, ask)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := got.Value("safety_instructions"); string(v.Bytes()) != `"CANARY"` {
		t.Errorf("safety instructions are %q", v.Bytes())
	}
	unknown := must(t, first(relay.NewMessageID()), nil)
	refused("no such message", unknown, ask)
	other := ask
	other.Subject = gateway.NewRef()
	refused("another person", receipt.ID, other)
	other = ask
	other.Purpose = "EXIT_SUPPORT"
	refused("another purpose", receipt.ID, other)
	m.holds()
}

// TestFaults holds the two promises under a store that fails: no release
// without an entry, nothing acknowledged that is not there.
func TestFaults(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.Before, storetest.Inside, storetest.After} {
		t.Run(fault.String(), func(t *testing.T) {
			m := newMatter(t)
			token := m.assessment()
			m.store.Break("Commit", fault, 0)
			_, err := m.police.Send(t.Context(), token)
			if p, ok := errors.AsType[*client.Problem](err); !ok {
				t.Fatalf("Send = %v, want a problem", err)
			} else if fault == storetest.After && p.Code != gateway.CodeUnavailable {
				t.Errorf("code %q, want %q", p.Code, gateway.CodeUnavailable)
			}
			m.send(token) // again, until it is known to be there
			before := m.kinds()[disclosure.Release]
			m.store.Break("Commit", fault, 0)
			batch, err := m.town.Poll(t.Context(), socialWorker, client.PollOptions{NoWait: true})
			if len(batch.Messages) > 0 {
				t.Fatalf("released although the commit failed (%v)", err)
			}
			if err == nil {
				t.Error("a poll that failed to commit says nothing of it")
			}
			written := m.kinds()[disclosure.Release] - before
			if want := map[storetest.Fault]int{storetest.After: 1}[fault]; written != want {
				t.Errorf("%d releases in the log, want %d", written, want)
			}
			m.pass(2 * time.Minute)
			if n := len(m.poll().Messages); n != 1 {
				t.Errorf("%d messages after the fault has gone, want 1", n)
			}
			m.holds()
		})
	}
}

// TestDuplicateIdentifier: other bytes under a jti are refused.
func TestDuplicateIdentifier(t *testing.T) {
	m := newMatter(t)
	raw := m.assessment()
	m.send(raw)
	// The same claims sealed again are other bytes: drop one disclosure and the
	// signature still holds, so only the memory of the jti can tell.
	cut := raw[:len(raw)-1]
	for cut[len(cut)-1] != '~' {
		cut = cut[:len(cut)-1]
	}
	_, err := m.police.Send(t.Context(), cut)
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.Code != gateway.CodeDuplicate {
		t.Errorf("Send = %v, want a refusal", err)
	}
}

// TestLateRecipient: a hand-out whose answer was lost is made anew once it is too
// old to be received for the first time.
func TestLateRecipient(t *testing.T) {
	m := newMatter(t)
	m.send(m.assessment())
	lost := m.poll() // as if the connection had died
	m.pass(10 * time.Minute)
	m.town = m.again(m.town)
	batch := m.poll()
	if len(batch.Messages) != 1 || batch.Messages[0].Delivery() == lost.Messages[0].Delivery() {
		t.Fatalf("%d messages after ten minutes, want the message under a new delivery id", len(batch.Messages))
	}
	if err := m.town.Ack(t.Context(), socialWorker, batch.Messages[0]); err != nil {
		t.Fatal(err)
	}
	if got := m.kinds()[disclosure.Release]; got != 2 {
		t.Errorf("%d releases in the log, want 2: each hand-out has its own", got)
	}
	m.holds()
}

// TestWithheldBarsNothing: what may not leave keeps nothing back that may, and
// does not show.
func TestWithheldBarsNothing(t *testing.T) {
	m := newMatter(t)
	known := m.person
	m.person = gateway.NewRef() // of whom nobody has heard
	for range 3 {
		m.send(m.assessment())
	}
	m.person = known
	m.send(m.assessment())
	for range 2 {
		batch, err := m.town.Poll(t.Context(), socialWorker, client.PollOptions{NoWait: true, Max: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Messages) == 1 {
			if n := m.kinds()[disclosure.Withheld]; n != 3 {
				t.Errorf("%d entries of what was withheld, want 3", n)
			}
			if b := m.poll(); len(b.Messages)+len(b.Notices) != 0 || b.More {
				t.Errorf("%d messages, %d notices, more %v about persons not on record; want nothing", len(b.Messages), len(b.Notices), b.More)
			}
			m.holds()
			return
		}
	}
	t.Error("three messages about persons not on record keep back one that may leave")
}

// TestRequestIsNoMessage: the identifier of a request reads as that of nothing.
func TestRequestIsNoMessage(t *testing.T) {
	m := newMatter(t)
	ask := client.Official{Role: socialWorker, User: gateway.NewRef(), Unit: "u1", Purpose: "PROTECTION", Type: "exit.info_request", Subject: m.person,
		Fields: []string{"risk_level"}, BasisClaimed: []gateway.Basis{"OSL-12-2"}, Reason: &envelope.Reason{Code: "safety_planning", Length: 40}}
	asked, err := m.town.Request(t.Context(), police, ask)
	if err != nil {
		t.Fatal(err)
	}
	ask.Role, ask.Fields = coordinator, []string{"risk_level"}
	_, err = m.police.Read(t.Context(), asked.ID, ask)
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != gateway.CodeNoRecord {
		t.Errorf("reading a request as a message: %v, want %s", err, gateway.CodeNoRecord)
	}
	_, err = m.town.Request(t.Context(), "region:99", ask)
	if err == nil {
		t.Error("a request to an agency that is not registered was taken in")
	}
	m.holds()
}

// TestAnswer: an official asks another agency, the request reaches the
// discloser's mailbox, and the answer is decided as the request says.
func TestAnswer(t *testing.T) {
	m := newMatter(t)
	user := gateway.NewRef()
	m.state(m.town, socialWorker, "exit.user_assignment", map[gateway.Field]any{"user": user, "assigned": true, "coi": false, "read_elsewhere": false})
	asked, err := m.town.Request(t.Context(), police, client.Official{Role: socialWorker, User: user, Unit: "u1", Purpose: "PROTECTION",
		Type: "exit.info_request", Subject: m.person, Fields: []string{"risk_level", "threat_source_summary"}, BasisClaimed: []gateway.Basis{"OSL-12-2"},
		Reason: &envelope.Reason{Code: "safety_planning", Length: 40}})
	if err != nil {
		t.Fatal(err)
	}
	box, err := m.police.Poll(t.Context(), coordinator, client.PollOptions{NoWait: true})
	if err != nil || len(box.Notices) != 1 || box.Notices[0].Type != envelope.InfoRequested || box.Notices[0].Message != asked.ID {
		t.Fatalf("the discloser's mailbox has %v, %v; want the request", box.Notices, err)
	}
	answer := func(purpose gateway.Purpose) {
		t.Helper()
		token, err := m.police.Seal(t.Context(), client.Draft{Type: "exit.info_request", From: coordinator, To: town, ToRoles: []gateway.Role{socialWorker},
			ReplyTo: asked.ID, Purpose: purpose, Case: m.ref, Subject: m.person, BasisClaimed: []gateway.Basis{"OSL-12-2"},
			Fields: []string{"risk_level", "threat_source_summary"}, Reason: &envelope.Reason{Code: "safety_planning", Length: 40},
			Values: values(t, map[gateway.Field]any{"risk_level": 3, "threat_source_summary": "CANARY"})})
		if err != nil {
			t.Fatal(err)
		}
		m.send(token)
	}
	answer("EXIT_SUPPORT") // not what was asked for: decided as sent unasked, on which the consent says nothing
	if n := len(m.poll().Messages); n != 0 {
		t.Errorf("%d messages for another purpose than asked, want 0", n)
	}
	answer("PROTECTION")
	batch := m.poll()
	if len(batch.Messages) != 1 {
		t.Fatalf("%d answers, want 1", len(batch.Messages))
	}
	rel := batch.Messages[0].Release()
	if want := map[gateway.Field]gateway.Basis{"risk_level": "OSL-12-2"}; !cmp.Equal(rel.Allowed, want) {
		t.Errorf("allowed %v, want %v", rel.Allowed, want)
	}
	m.holds()
}

// TestAliasHasMail: what is sent to an agency's alias lies in a mailbox that the
// agency collects from, and that agency alone.
func TestAliasHasMail(t *testing.T) {
	m := newMatter(t)
	token, err := m.police.Seal(t.Context(), client.Draft{Type: "exit.threat_assessment", From: coordinator, To: "municipality:A7",
		ToRoles: []gateway.Role{socialWorker}, Purpose: "PROTECTION", Case: m.ref, Subject: m.person, BasisClaimed: []gateway.Basis{"OSL-12-2"},
		Fields: []string{"default"}, Values: values(t, map[gateway.Field]any{
			"assessment_id": gateway.NewRef(), "assessed_at": day(-1), "valid_until": day(30), "method": "mixed", "risk_level": 3,
			"protection_recommendation": "advice", "safety_instructions": "CANARY", "contact_officer": map[string]any{"role": "CANARY", "phone": "CANARY"}})})
	if err != nil {
		t.Fatal(err)
	}
	m.send(token)
	m.poll() // by another municipality
	if n := m.kinds()[disclosure.Withheld]; n != 0 {
		t.Errorf("%d decisions for an agency that does not own the alias, want 0", n)
	}
	owner := m.member("municipality:1480", "exit")
	batch, err := owner.Poll(t.Context(), socialWorker, client.PollOptions{NoWait: true})
	if err != nil {
		t.Fatal(err)
	}
	// The consent names another municipality, and the owner has nothing to do
	// with the person: it is decided, and nothing leaves.
	if n := m.kinds()[disclosure.Withheld]; n != 1 || len(batch.Messages) != 0 {
		t.Errorf("%d decisions and %d messages for the owner of the alias, want 1 and 0", n, len(batch.Messages))
	}
	m.holds()
}
