package exchange_test

import (
	"errors"
	"strings"
	"testing"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

const (
	newTown      gateway.AgencyID = "municipality:1480"
	newTownAlias gateway.AgencyID = "municipality:A7"
)

// moved is a person whom a town has left for another, which has an alias.
type moved struct {
	*matter
	now *member
}

func newMoved(t *testing.T) *moved {
	b := newBench(t)
	m := &matter{bench: b, town: b.member(town, "exit"), police: b.member(police, "exit"), security: b.member(police, "security"),
		person: gateway.NewRef(), ref: gateway.NewRef()}
	w := &moved{m, b.member(newTown, "exit")}
	m.agree(w.record([]gateway.AgencyID{town}))
	m.state(w.now, socialWorker, "exit.person_attributes", map[gateway.Field]any{"adult": true, "protection_marking": "none", "place_hidden": false, "in_sis_care": false})
	m.state(m.police, coordinator, "exit.person_attributes", map[gateway.Field]any{"elevated_threat": false})
	m.state(m.security, bodyguard, "exit.person_attributes", map[gateway.Field]any{"psw": false})
	return w
}

// record states the case, with the municipalities that the person has left.
func (w *moved) record(previous []gateway.AgencyID) client.Receipt {
	w.t.Helper()
	return w.state(w.now, socialWorker, "exit.case_state", map[gateway.Field]any{"state": "open", "parties": []gateway.AgencyID{town, newTown, police},
		"responsible_municipality": newTown, "previous_municipalities": previous})
}

// transfer tells the old town under a name of the new one how the relocation went.
func (w *moved) transfer(as gateway.AgencyID, marking string) (client.Receipt, error) {
	w.t.Helper()
	token, err := w.now.Seal(w.t.Context(), client.Draft{As: as, Type: "exit.relocation", From: socialWorker, To: town, ToRoles: []gateway.Role{socialWorker},
		Purpose: "RELOCATION", Case: w.ref, Subject: w.person, BasisClaimed: []gateway.Basis{"SoL-29-12"}, Fields: []string{"default"}, Marking: marking,
		Values: values(w.t, map[gateway.Field]any{"relocation_id": gateway.NewRef(), "transfer_status": "completed", "reason_code": "threat_network",
			"from_municipality": "0180", "to_municipality": "1480", "needs_summary": "CANARY", "payer_municipality": "1480", "no_trace_instructions": "CANARY"})})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.now.Send(w.t.Context(), token)
}

// told returns the notices about a message in the mailboxes of the new town, in
// words.
func (w *moved) told(id gateway.MessageID) (out []string) {
	w.t.Helper()
	b, err := w.now.Poll(w.t.Context(), socialWorker, client.PollOptions{NoWait: true})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range b.Notices {
		if n.Event.Message == id {
			out = append(out, string(n.Event.Type)+" "+string(n.Event.Claims))
		}
	}
	return out
}

// TestAliasRequired: the old town is told under an alias how the relocation went.
// Under the real name it is held back, once with an entry and a word to the
// sender, none to the recipient, until the name would tell nothing any more.
func TestAliasRequired(t *testing.T) {
	w := newMoved(t)
	real, err := w.transfer("", "none")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if b := w.poll(); len(b.Messages)+len(b.Notices) != 0 {
			t.Fatalf("%d messages and %d notices for the old town, want none", len(b.Messages), len(b.Notices))
		}
	}
	if n := w.kinds()[disclosure.Withheld]; n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
	if got := w.told(real.ID); len(got) != 1 || got[0] != `delivery-failed {"code":"alias-required"}` {
		t.Errorf("the sender is told %q", got)
	}
	official := client.Official{Role: socialWorker, User: gateway.NewRef(), Unit: "u", Purpose: "RELOCATION", Type: "exit.relocation", Subject: w.person,
		Fields: []string{"default"}, Reason: &envelope.Reason{Code: "coordination", Length: 40}}
	_, err = w.town.Read(t.Context(), real.ID, official)
	_, other := w.town.Read(t.Context(), "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057", official)
	if err == nil || other == nil || err.Error() != other.Error() {
		t.Errorf("an official is told %v, of a message that is not there %v", err, other)
	}

	if _, err := w.transfer(newTownAlias, "none"); err != nil {
		t.Fatal(err)
	}
	b := w.poll()
	if len(b.Messages) != 1 || b.Messages[0].Claims().Issuer != newTownAlias {
		t.Fatalf("%d messages under the alias, want 1", len(b.Messages))
	}
	if err := w.town.Ack(t.Context(), socialWorker, b.Messages[0]); err != nil {
		t.Fatal(err)
	}
	w.holds()
}

// TestAliasNotRequired: who is within the circle may know the name.
func TestAliasNotRequired(t *testing.T) {
	w := newMoved(t)
	sent, err := w.transfer("", "none")
	if err != nil {
		t.Fatal(err)
	}
	w.poll()
	w.state(w.now, socialWorker, "exit.case_state", map[gateway.Field]any{"state": "open", "parties": []gateway.AgencyID{town, newTown, police},
		"responsible_municipality": newTown, "previous_municipalities": []gateway.AgencyID{town}, "receiving_municipality": town})
	w.pass(2 * 60e9)
	b := w.poll()
	if len(b.Messages) != 1 || b.Messages[0].Claims().Issuer != newTown {
		t.Errorf("%d messages for a municipality that is to receive the person, want 1", len(b.Messages))
	}
	if got := w.told(sent.ID); len(got) != 1 || got[0] != `delivery-failed {"code":"alias-required"}` {
		t.Errorf("the sender is told %q; no task was opened that could end", got)
	}
}

// TestAliasStated: what the sender says is marked is refused at once under its
// real name, to who is never within the circle that may know; nothing is looked
// up for it.
func TestAliasStated(t *testing.T) {
	w := newMoved(t)
	nobody := gateway.NewRef() // on record nowhere
	send := func(as, to gateway.AgencyID, role gateway.Role, marking string) error {
		t.Helper()
		token, err := w.now.Seal(t.Context(), client.Draft{As: as, Type: "exit.joint_plan", From: "municipality.exit_team_lead", To: to, ToRoles: []gateway.Role{role},
			Purpose: "EXIT_SUPPORT", Case: w.ref, Subject: nobody, BasisClaimed: []gateway.Basis{"OSL-12-2"}, Fields: []string{"default"}, Marking: marking,
			Values: values(t, map[gateway.Field]any{"plan_id": gateway.NewRef(), "version": 1, "status": "active", "lead_agency": newTown,
				"goals": []string{"CANARY"}, "next_review_date": day(10), "measures": []any{}, "crisis_contacts": []any{}})})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.now.Send(t.Context(), token)
		return err
	}
	for _, tt := range []struct {
		name    string
		as, to  gateway.AgencyID
		role    gateway.Role
		marking string
		want    gateway.Code
	}{
		{"marked", "", "kriminalvarden", "kriminalvarden.probation_officer", "skyddad_folkbokforing", gateway.CodeAliasRequired},
		{"marked, under an alias", newTownAlias, "kriminalvarden", "kriminalvarden.probation_officer", "skyddad_folkbokforing", ""},
		{"not marked", "", "kriminalvarden", "kriminalvarden.probation_officer", "none", ""},
		{"to the police", "", police, coordinator, "skyddad_folkbokforing", ""},
		{"to a municipality, which the release knows more of", "", town, socialWorker, "skyddad_folkbokforing", ""},
	} {
		err := send(tt.as, tt.to, tt.role, tt.marking)
		problem, _ := errors.AsType[*client.Problem](err)
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (problem == nil || problem.Code != tt.want):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestStatementUnderAlias: an agency does not confirm as itself what it has said
// as its alias.
func TestStatementUnderAlias(t *testing.T) {
	w := newMoved(t)
	token, err := w.now.State(t.Context(), client.Draft{As: newTownAlias, Type: "exit.person_attributes", From: socialWorker, Purpose: "EXIT_SUPPORT",
		Case: w.ref, Subject: w.person, Values: values(t, map[gateway.Field]any{"adult": true, "seq": 100})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.now.Send(t.Context(), token); err == nil || !strings.Contains(err.Error(), string(gateway.CodeIssuer)) {
		t.Errorf("a statement under an alias: %v", err)
	}
}

// TestConsentNamesAlias: a consent that names an alias is one to who acts under
// it, and who is excluded under its alias is excluded.
func TestConsentNamesAlias(t *testing.T) {
	for _, tt := range []struct {
		name     string
		named    gateway.AgencyID
		excluded gateway.AgencyID
		want     int
	}{
		{"real name", newTown, "", 1}, {"alias", newTownAlias, "", 1},
		{"somebody else", town, "", 0}, {"excluded by its alias", newTown, newTownAlias, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newMoved(t)
			w.consent = gateway.NewRef()
			consent := map[gateway.Field]any{
				"consent_id": w.consent, "given_by": "subject", "disclosers": []any{map[string]any{"agency": police}}, "recipients": []any{map[string]any{"agency": tt.named}},
				"classes": []string{"CAS", "RSK"}, "purposes": []string{"PROTECTION"}, "valid_from": day(-10), "valid_to": day(100), "form": "written",
				"info_text_version": "2026-01", "recorded_by": gateway.NewRef(), "evidence_hash": gateway.DigestOf(nil)}
			if tt.excluded != "" {
				consent["exclusions"] = []gateway.AgencyID{tt.excluded}
			}
			if stated := w.state(w.now, socialWorker, "exit.consent", consent); tt.named != town {
				w.agree(stated) // it would open data to who states it, also under another name
			}
			token, err := w.police.Seal(t.Context(), client.Draft{Type: "exit.threat_assessment", From: coordinator, To: newTown, ToRoles: []gateway.Role{socialWorker},
				Purpose: "PROTECTION", Case: w.ref, Subject: w.person, BasisClaimed: []gateway.Basis{"OSL-12-2"}, Fields: []string{"default"},
				Values: values(t, map[gateway.Field]any{"assessment_id": gateway.NewRef(), "assessed_at": day(-1), "valid_until": day(30), "method": "mixed", "risk_level": 3,
					"protection_recommendation": "advice", "safety_instructions": "CANARY", "contact_officer": map[string]any{"role": "CANARY", "phone": "CANARY"}})})
			if err != nil {
				t.Fatal(err)
			}
			w.send(token)
			b, err := w.now.Poll(t.Context(), socialWorker, client.PollOptions{NoWait: true})
			if err != nil || len(b.Messages) != tt.want {
				t.Errorf("%d messages, %v, want %d", len(b.Messages), err, tt.want)
			}
		})
	}
}
