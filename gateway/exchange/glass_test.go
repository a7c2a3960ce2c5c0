package exchange_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/exchange"
)

// code returns the stable code of a refusal, "" for none.
func code(err error) gateway.Code {
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return p.Code
	}
	if err != nil {
		return gateway.Code(err.Error())
	}
	return ""
}

// glass is how the regional coordinator of the police asks a municipality by
// break-glass.
func (m *matter) glass() client.Official {
	return client.Official{Role: coordinator, User: gateway.NewRef(), Unit: "u1", Purpose: "EMERGENCY", Type: "exit.emergency_access", Subject: m.person,
		Fields: []string{"risk_level", "safety_note"}, Reason: &envelope.Reason{Code: "immediate_danger", Length: 60},
		Emergency: &envelope.Emergency{ThreatToLife: true, DiaryNo: "5000-K1/26", Reauthenticated: true, RequestedAt: m.now()}}
}

// second is the confirmation of a request by another user.
func second(o client.Official, of client.Receipt) client.Official {
	e := *o.Emergency
	e.Confirms = of.ID
	o.Emergency, o.User = &e, gateway.NewRef()
	return o
}

// hear polls a mailbox for its notices and acknowledges them.
func hear(m *member, role gateway.Role) []client.Notice {
	m.b.t.Helper()
	b, err := m.Poll(m.b.t.Context(), role, client.PollOptions{NoWait: true})
	if err != nil {
		m.b.t.Fatal(err)
	}
	var items []client.Item
	for _, n := range b.Notices {
		if t, _, err := n.Task(); err == nil && t.IsGlassReview() {
			if err := m.Ack(m.b.t.Context(), role, n); !errors.Is(err, client.ErrReview) {
				m.b.t.Errorf("a review ends without its outcome: %v", err)
			}
			_, err := m.b.x.Poll(m.b.t.Context(), m.peer, exchange.PollRequest{Role: role, ReturnImmediately: true, Ack: []string{string(n.ID)}})
			if r, ok := errors.AsType[*gateway.Refusal](err); !ok || r.Code != gateway.CodeMalformedRequest {
				m.b.t.Errorf("the gateway takes a review without its outcome: %v", err)
			}
			items = append(items, client.Reviewed{Notice: n, Role: role, By: gateway.NewRef(), Outcome: "not_justified"})
			continue
		}
		items = append(items, n)
	}
	if len(items) > 0 {
		if err := m.Ack(m.b.t.Context(), role, items...); err != nil {
			m.b.t.Fatal(err)
		}
	}
	return b.Notices
}

// answerGlass has the municipality answer a request for break-glass.
func (m *matter) answerGlass(r client.Receipt) gateway.MessageID {
	m.t.Helper()
	token, err := m.town.Seal(m.t.Context(), client.Draft{Type: "exit.emergency_access", From: socialWorker, To: police, ToRoles: []gateway.Role{coordinator},
		ReplyTo: r.ID, Purpose: "EMERGENCY", Case: m.ref, Subject: m.person, Fields: []string{"risk_level", "safety_note"},
		Reason: &envelope.Reason{Code: "immediate_danger", Length: 60},
		Values: values(m.t, map[gateway.Field]any{"risk_level": 4, "safety_note": "CANARY"})})
	if err != nil {
		m.t.Fatal(err)
	}
	return must(m.t, first(m.town.Send(m.t.Context(), token)), nil).ID
}

// given polls for the coordinator and returns the releases.
func (m *matter) given() []client.Message {
	m.t.Helper()
	b, err := m.police.Poll(m.t.Context(), coordinator, client.PollOptions{NoWait: true})
	if err == nil && len(b.Refused) > 0 {
		err = b.Refused[0].Err
	}
	return must(m.t, b, err).Messages
}

// TestBreakGlassWindow: access ends fifteen minutes after the gateway took the
// request in, sixty if a second person has confirmed it, whatever time the
// request says itself.
func TestBreakGlassWindow(t *testing.T) {
	for name, row := range map[string]struct {
		says    time.Duration // what the request says of its own time
		confirm bool
		pass    time.Duration
		want    int
	}{
		"at once":                         {0, false, 0, 1},
		"unconfirmed, 14 minutes":         {0, false, 14 * time.Minute, 1},
		"unconfirmed, 15 minutes":         {0, false, 15 * time.Minute, 0},
		"says that it is of an hour ago":  {-time.Hour, false, 0, 1},
		"says that it is of a later hour": {time.Hour, false, 15 * time.Minute, 0},
		"confirmed, 59 minutes":           {0, true, 59 * time.Minute, 1},
		"confirmed, 60 minutes":           {0, true, 60 * time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMatter(t)
			ask := m.glass()
			ask.Emergency.RequestedAt = m.now().Add(row.says)
			r := must(t, first(m.police.Request(t.Context(), town, ask)), nil)
			if row.confirm {
				m.pass(10 * time.Minute)
				row.pass -= 10 * time.Minute
				if _, err := m.police.Request(t.Context(), town, second(ask, r)); err != nil {
					t.Fatal(err)
				}
			}
			m.answerGlass(r)
			m.pass(row.pass)
			got := m.given()
			if len(got) != row.want {
				t.Fatalf("%d releases, want %d", len(got), row.want)
			}
			if row.want == 1 {
				m.oneGlassRelease(got[0], row.confirm)
			}
			m.holds()
		})
	}
}

// oneGlassRelease checks a release by break-glass.
func (m *matter) oneGlassRelease(got client.Message, confirmed bool) {
	m.t.Helper()
	rel := got.Release()
	if rel.Allowed["risk_level"] != "BRB-24-4" || rel.Allowed["safety_note"] != "BRB-24-4" || len(rel.Allowed) != 2 {
		m.t.Errorf("allowed %v", rel.Allowed)
	}
	for _, o := range []gateway.Obligation{"read_only_60_min", "watermark", "notify_owner_legal_dpo", "review_within_24_h"} {
		if !slices.Contains(rel.Obligations, o) {
			m.t.Errorf("obligations %v lack %s", rel.Obligations, o)
		}
	}
	if slices.Contains(rel.Obligations, "confirm_within_15_min") == confirmed {
		m.t.Errorf("obligations %v, confirmed %v", rel.Obligations, confirmed)
	}
}

// TestBreakGlassSecondPerson: who cannot confirm a request. The access then
// ends as one that nobody has confirmed.
func TestBreakGlassSecondPerson(t *testing.T) {
	for name, row := range map[string]struct {
		by    [2]string // agency and system
		spoil func(m *matter, o *client.Official)
	}{
		"the same user":       {[2]string{"police", "exit"}, func(m *matter, o *client.Official) { o.User = m.user }},
		"another agency":      {[2]string{"kriminalvarden", "exit"}, func(_ *matter, o *client.Official) { o.Role = "kriminalvarden.probation_officer" }},
		"another person":      {[2]string{"police", "exit"}, func(_ *matter, o *client.Official) { o.Subject = gateway.NewRef() }},
		"other fields":        {[2]string{"police", "exit"}, func(_ *matter, o *client.Official) { o.Fields = []string{"risk_level", "new_address"} }},
		"a role that may not": {[2]string{"police", "exit"}, func(_ *matter, o *client.Official) { o.Role = "police.exit_coordinator_national" }},
		"no re-authentication": {[2]string{"police", "exit"}, func(_ *matter, o *client.Official) {
			o.Emergency.Reauthenticated = false
		}},
		"after 15 minutes":     {[2]string{"police", "exit"}, func(m *matter, _ *client.Official) { m.pass(15 * time.Minute) }},
		"of another discloser": {[2]string{"police", "exit"}, func(m *matter, _ *client.Official) { m.asked = "kriminalvarden" }},
		"another request":      {[2]string{"police", "exit"}, func(m *matter, o *client.Official) { o.Emergency.Confirms = m.send(m.assessment()).ID }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMatter(t)
			ask := m.glass()
			m.user, m.asked = ask.User, town
			r := must(t, first(m.police.Request(t.Context(), town, ask)), nil)
			o := second(ask, r)
			row.spoil(m, &o)
			by := m.member(gateway.AgencyID(row.by[0]), row.by[1])
			if _, err := by.Request(t.Context(), m.asked, o); code(err) != gateway.CodeDenied && code(err) != gateway.CodeRoute {
				t.Errorf("confirming got %v, want %s", err, gateway.CodeDenied)
			}
			m.answerGlass(r)
			m.pass(15 * time.Minute)
			if n := len(m.given()); n != 0 {
				t.Errorf("%d releases after fifteen minutes, want 0", n)
			}
			m.holds()
		})
	}
}

// TestBreakGlassNoChain: a request that nobody confirmed bars the user from
// another, and the agency from another about the same person, for a day.
func TestBreakGlassNoChain(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	ask := m.glass()
	r := must(t, first(m.police.Request(t.Context(), town, ask)), nil)
	tests := []struct {
		name string
		ask  func() client.Official
		want gateway.Code
	}{
		{"the same user again", func() client.Official { return ask }, gateway.CodeDenied},
		{"the same user about another person", func() client.Official { o := ask; o.Subject = gateway.NewRef(); return o }, gateway.CodeDenied},
		{"another user about another person", func() client.Official { o := m.glass(); o.Subject = gateway.NewRef(); return o }, ""},
	}
	for _, pass := range []time.Duration{0, 23 * time.Hour} {
		m.pass(pass)
		for _, tt := range tests {
			if _, err := m.police.Request(t.Context(), town, tt.ask()); code(err) != tt.want {
				t.Errorf("%s, after %v: got %v, want %q", tt.name, pass, err, tt.want)
			}
		}
	}
	m.pass(time.Hour)
	again, err := m.police.Request(t.Context(), town, ask)
	if err != nil {
		t.Fatalf("a day later: %v", err)
	}
	if _, err := m.police.Request(t.Context(), town, second(ask, r)); code(err) != gateway.CodeDenied {
		t.Errorf("confirming the first a day later: %v", err)
	}
	if _, err := m.police.Request(t.Context(), town, second(ask, again)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.police.Request(t.Context(), town, second(ask, again)); code(err) != gateway.CodeDenied {
		t.Errorf("confirming twice: %v, want %s", err, gateway.CodeDenied)
	}
	if _, err := m.police.Request(t.Context(), town, ask); err != nil {
		t.Errorf("after a confirmed one: %v", err)
	}
	m.holds()
}

// TestBreakGlassColleague: after a request that nobody confirmed a colleague may
// ask about the person, but reads only when somebody confirms.
func TestBreakGlassColleague(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	must(t, first(m.police.Request(t.Context(), town, m.glass())), nil)
	m.pass(20 * time.Minute)
	ask := m.glass()
	r := must(t, first(m.police.Request(t.Context(), town, ask)), nil)
	id := m.answerGlass(r)
	read := ask
	read.Emergency = nil
	if _, err := m.police.Read(t.Context(), id, read); code(err) != gateway.CodeDenied {
		t.Errorf("unconfirmed: %v, want %s", err, gateway.CodeDenied)
	}
	must(t, first(m.police.Request(t.Context(), town, second(ask, r))), nil)
	if _, err := m.police.Read(t.Context(), id, read); err != nil {
		t.Errorf("confirmed: %v", err)
	}
	m.holds()
}

// TestBreakGlassIsTheAskers: the answer is for the user who asked, not for
// whoever else has the role, the second person included.
func TestBreakGlassIsTheAskers(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	ask := m.glass()
	r := must(t, first(m.police.Request(t.Context(), town, ask)), nil)
	confirms := second(ask, r)
	must(t, first(m.police.Request(t.Context(), town, confirms)), nil)
	id := m.answerGlass(r)
	for user, want := range map[gateway.Ref]gateway.Code{ask.User: "", confirms.User: gateway.CodeDenied, gateway.NewRef(): gateway.CodeDenied} {
		o := ask
		o.User, o.Emergency = user, nil
		if _, err := m.police.Read(t.Context(), id, o); code(err) != want {
			t.Errorf("reading got %v, want %q", err, want)
		}
	}
	m.holds()
}

// TestBreakGlassIsTold: who hears of it, at the request, the confirmation and
// each reading, and the entries.
func TestBreakGlassIsTold(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	ask := m.glass()
	r := must(t, first(m.police.Request(t.Context(), town, ask)), nil)
	must(t, first(m.police.Request(t.Context(), town, second(ask, r))), nil)
	m.answerGlass(r)
	if n := len(m.given()); n != 1 {
		t.Fatalf("%d releases, want 1", n)
	}
	for _, desk := range []struct {
		agency gateway.AgencyID
		system string
		role   gateway.Role
		task   bool
	}{
		{town, "exit", socialWorker, false}, {town, "review", "agency.legal_officer", true}, {town, "review", "agency.log_auditor", false},
		{police, "exit", coordinator, false}, {police, "review", "agency.legal_officer", true}, {police, "review", "agency.log_auditor", false},
	} {
		var stages, tasks int
		for _, n := range hear(m.member(desk.agency, desk.system), desk.role) {
			if n.Message != r.ID {
				continue
			}
			switch n.Type {
			case envelope.EmergencyAccess:
				stages++
			case envelope.ReviewRequested:
				tasks++
			}
		}
		if stages != 3 || tasks == 1 != desk.task {
			t.Errorf("%s %s heard of %d stages and has %d tasks, want 3 and a task: %v", desk.agency, desk.role, stages, tasks, desk.task)
		}
	}
	if k := m.kinds(); k[disclosure.RequestReceived] != 2 || k[disclosure.Release] != 1 || k[disclosure.Reviewed] != 2 {
		t.Errorf("entries %v, want 2 requests, 1 release and 2 reviews", k)
	}
	m.holds()
}

// TestBreakGlassUnknownPerson: a person in särskilt personsäkerhetsarbete is
// answered as one whom nobody knows, and no more comes of it for the discloser.
func TestBreakGlassUnknownPerson(t *testing.T) {
	t.Parallel()
	m := newMatter(t)
	m.state(m.security, bodyguard, "exit.person_attributes", map[gateway.Field]any{"psw": true})
	hidden, unknown := m.glass(), m.glass()
	unknown.Subject = gateway.NewRef()
	var told [2]int
	for i, ask := range []client.Official{hidden, unknown} {
		r := must(t, first(m.police.Request(t.Context(), town, ask)), nil)
		if _, err := m.police.Request(t.Context(), town, second(ask, r)); err != nil {
			t.Fatal(err)
		}
		for _, role := range []gateway.Role{coordinator, "agency.legal_officer", "agency.log_auditor"} {
			system := "review"
			if role == coordinator {
				system = "exit"
			}
			told[i] += len(hear(m.member(police, system), role))
		}
	}
	if told[0] != told[1] || told[0] == 0 {
		t.Errorf("the asking agency heard %d things of the one and %d of the other", told[0], told[1])
	}
	for _, role := range []gateway.Role{"agency.legal_officer", "agency.log_auditor"} {
		if n := len(hear(m.member(town, "review"), role)); n != 0 {
			t.Errorf("the discloser's %s heard %d things", role, n)
		}
	}
	m.holds()
}
