package gatewaytest_test

import (
	"slices"
	"testing"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
)

const (
	townLeft    gateway.AgencyID = "municipality:0180"
	townMovedTo gateway.AgencyID = "municipality:1480"
	itsAlias    gateway.AgencyID = "municipality:A7"

	municipalOfficer gateway.Role = "municipality.social_worker"
	closeProtection  gateway.Role = "police.personal_security_officer"
)

// locating are the fields of exit.relocation that tell where somebody is.
var locating = []gateway.Field{"from_municipality", "to_municipality", "move_date", "new_address", "new_phone", "school_placement", "care_unit_new",
	"payer_municipality"}

// relocation is a person who moves from one municipality to another.
type relocation struct {
	*testing.T
	w       *gatewaytest.World
	story   *gatewaytest.Forger
	person  gateway.Ref
	consent gateway.Ref
}

// says states something and must be taken in.
func (r *relocation) says(who party, role gateway.Role, typ gateway.MessageType, v map[gateway.Field]any) client.Receipt {
	r.Helper()
	receipt, err := r.story.Says(r.Context(), who.agency, who.system, role, typ, v)
	if err != nil {
		r.Fatalf("%s states %s: %v", who.agency, typ, err)
	}
	return receipt
}

// caseLedBy is the case as one of the municipalities states it.
func caseLedBy(responsible gateway.AgencyID) map[gateway.Field]any {
	return map[gateway.Field]any{"state": "open", "parties": []gateway.AgencyID{townLeft, townMovedTo, "police"}, "responsible_municipality": responsible}
}

// sends has somebody tell a municipality's social workers of the relocation.
func (r *relocation) sends(who party, as gateway.AgencyID, from gateway.Role, to gateway.AgencyID, basis gateway.Basis) {
	r.Helper()
	c := r.client(who)
	v := map[gateway.Field]any{"relocation_id": gateway.NewRef(), "transfer_status": "completed", "reason_code": "threat_network",
		"to_municipality": "1480", "move_date": "2026-11-01", "new_address": "CANARY", "new_phone": "CANARY", "no_trace_instructions": "CANARY"}
	if who.agency != "police" {
		v["from_municipality"], v["payer_municipality"], v["needs_summary"] = "0180", "1480", "CANARY"
	}
	values := map[gateway.Field]gateway.Payload{}
	for f, x := range v {
		p, err := client.Value(x)
		if err != nil {
			r.Fatal(err)
		}
		values[f] = p
	}
	token, err := c.Seal(r.Context(), client.Draft{As: as, Type: "exit.relocation", From: from, To: to, ToRoles: []gateway.Role{municipalOfficer},
		Purpose: "RELOCATION", Case: gateway.NewRef(), Subject: r.person, BasisClaimed: []gateway.Basis{basis},
		Fields: []string{"default", "to_municipality", "move_date", "new_address", "new_phone"},
		Reason: &envelope.Reason{Code: "housing", Length: 40}, Values: values})
	if err == nil {
		_, err = c.Send(r.Context(), token)
	}
	if err != nil {
		r.Fatalf("%s tells %s: %v", who.agency, to, err)
	}
}

func (r *relocation) client(p party) *client.Client {
	r.Helper()
	c, err := r.w.Client(r.Context(), p.agency, p.system)
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// gets polls for a municipality's social workers and returns the releases,
// acknowledged.
func (r *relocation) gets(p party) []client.Message {
	r.Helper()
	c := r.client(p)
	b, err := c.Poll(r.Context(), municipalOfficer, client.PollOptions{NoWait: true})
	if err != nil || len(b.Refused) > 0 {
		r.Fatal(err, b.Refused)
	}
	for _, m := range b.Messages {
		if err := c.Ack(r.Context(), municipalOfficer, m); err != nil {
			r.Fatal(err)
		}
	}
	return b.Messages
}

// places returns which locating fields a release has, in the binding or as
// values.
func places(m client.Message) []gateway.Field {
	var out []gateway.Field
	for _, f := range locating {
		_, allowed := m.Release().Allowed[f]
		_, given := m.Value(f)
		if allowed || given {
			out = append(out, f)
		}
	}
	return out
}

// TestRelocation: a person moves from one municipality to another, over real
// sockets. While the old one is responsible it may know where; afterwards it gets
// nothing that locates, whatever a consent says, and the new one does; the new
// one writes to it under an alias.
func TestRelocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	f, err := gatewaytest.NewForger(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	r := &relocation{T: t, w: w, story: f, person: f.Person(), consent: gateway.NewRef()}
	consent := f.Consent(r.consent, []gateway.AgencyID{"police"}, townLeft, "CAS", "RSK", "CON", "PAD", "SOC")
	consent["recipients"] = []map[string]any{{"agency": townLeft}, {"agency": townMovedTo}}
	consent["purposes"] = []gateway.Purpose{"RELOCATION"}
	given := r.says(townExit, municipalOfficer, "exit.consent", consent)
	r.says(policeExit, "police.exit_coordinator_regional", "exit.countersignature", map[gateway.Field]any{"statement": given.ID, "digest": given.Digest})

	tell := func() (old, now []client.Message) {
		t.Helper()
		for _, to := range []gateway.AgencyID{townLeft, townMovedTo} {
			r.sends(policeSecurity, "", closeProtection, to, "OSL-12-2")
		}
		return r.gets(townExit), r.gets(neighbour)
	}
	expect := func(when string, got []client.Message, want ...gateway.Field) {
		t.Helper()
		if len(got) != 1 {
			t.Fatalf("%s: %d messages, want 1", when, len(got))
		}
		if p := places(got[0]); !slices.Equal(p, want) {
			t.Errorf("%s: locating fields %v, want %v", when, p, want)
		}
		if _, ok := got[0].Value("no_trace_instructions"); !ok {
			t.Errorf("%s: it has nothing else either", when)
		}
	}
	place := []gateway.Field{"to_municipality", "move_date", "new_address", "new_phone"}
	old, now := tell()
	expect("before, the old municipality", old, place...)
	expect("before, the new municipality", now)

	r.says(townExit, municipalOfficer, "exit.case_state", caseLedBy(townMovedTo))
	r.says(neighbour, municipalOfficer, "exit.case_state", caseLedBy(townMovedTo))
	old, now = tell()
	expect("after, the old municipality", old)
	expect("after, the new municipality", now, place...)
	for _, f := range place {
		if reason := old[0].Release().Withheld[f]; reason != "NO-BASIS" {
			t.Errorf("the old municipality is told %s of %s: the reason tells of a hidden place", reason, f)
		}
	}

	r.sends(neighbour, itsAlias, municipalOfficer, townLeft, "SoL-29-12")
	old = r.gets(townExit)
	if len(old) != 1 || old[0].Claims().Issuer != itsAlias || len(places(old[0])) != 0 {
		t.Errorf("under the alias the old municipality gets %d messages", len(old))
	}
	r.sends(neighbour, "", municipalOfficer, townLeft, "SoL-29-12")
	if old = r.gets(townExit); len(old) != 0 {
		t.Errorf("under the real name the old municipality gets %d messages", len(old))
	}
	(&stage{World: w}).verified(t)
}
