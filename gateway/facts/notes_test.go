package facts_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/store"
)

// noted takes a note in.
func (b *book) noted(n facts.Note) {
	b.t.Helper()
	b.n++
	n.ID, n.At = gateway.MessageID(fmt.Sprintf("urn:uuid:01890a5d-ac96-774b-bcce-%012x", b.n)), b.now
	if n.Kind != facts.NoteRead {
		n.Opened = b.now
	}
	if n.Kind == facts.NoteEmergency {
		n.Request = n.ID
	}
	a, err := b.reg.Note(b.t.Context(), n)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write(a)
}

// reading is that a user has read about the person in a role.
func reading(role gateway.Role) facts.Note {
	return facts.Note{Kind: facts.NoteRead, Agency: townA, Role: role, User: user, Subject: person, Type: "exit.threat_assessment"}
}

// TestNotes: what the gateway noted is recalled, and where it does not fit what
// is stored nothing is known.
func TestNotes(t *testing.T) {
	b := goodBook(t)
	q := goodQuestion()
	ask := func() (facts.Known, error) { return b.reg.Of(t.Context(), q, b.now) }
	b.noted(reading(q.Actor.Role))
	if k, err := ask(); err != nil || !k.Read() || k.Input().Facts.ConflictOfInterest {
		t.Errorf("read in this role: %v, %v, conflict %v", err, k.Read(), k.Input().Facts.ConflictOfInterest)
	}
	b.noted(reading("municipality.exit_team_lead"))
	if k, err := ask(); err != nil || !k.Input().Facts.ConflictOfInterest {
		t.Errorf("read in another role: %v, no conflict of interest", err)
	}
	state := "read:" + string(townA) + ":" + string(user) + ":" + string(person)
	for name, alter := range map[string]func(st *store.State, kept []store.Statement) []store.Statement{
		"a note removed": func(_ *store.State, kept []store.Statement) []store.Statement { return kept[:1] },
		"a version put back": func(st *store.State, kept []store.Statement) []store.Statement {
			st.Version--
			return kept
		},
		"a note altered": func(_ *store.State, kept []store.Statement) []store.Statement {
			kept[0].Body[0] ^= 1
			return kept
		},
		"another MAC": func(st *store.State, kept []store.Statement) []store.Statement {
			st.MAC[0] ^= 1
			return kept
		},
		"another user's": func(_ *store.State, kept []store.Statement) []store.Statement {
			kept[1].State = "read:" + string(townA) + ":" + string(ref(20)) + ":" + string(person)
			return kept
		},
	} {
		cold := openAgain(t, b)
		st := cold.rows.states[state]
		st.MAC = append([]byte{}, st.MAC...)
		kept := append([]store.Statement{}, cold.rows.statements[state]...)
		for i := range kept {
			kept[i].Body = append([]byte{}, kept[i].Body...)
		}
		kept = alter(&st, kept)
		cold.rows.states[state], cold.rows.statements[state] = st, kept
		k, err := cold.reg.Of(t.Context(), q, b.now)
		if name == "another user's" { // the digest covers the note, and its ciphertext the row
			if err == nil {
				t.Errorf("%s: known", name)
			}
			continue
		}
		if !errors.Is(err, facts.ErrTampered) && name != "a note altered" || err == nil || !k.IsZero() {
			t.Errorf("%s: got %v, want %v", name, err, facts.ErrTampered)
		}
	}
}

// TestEmergencies: who is barred by a request that nobody confirmed, also
// across midnight.
func TestEmergencies(t *testing.T) {
	b := openAt(t, time.Date(2026, 3, 3, 23, 50, 0, 0, time.UTC))
	glass := facts.Note{Kind: facts.NoteEmergency, Agency: police, Role: coord, User: user, Subject: person, Type: "exit.emergency_access"}
	b.noted(glass)
	first := gateway.MessageID(fmt.Sprintf("urn:uuid:01890a5d-ac96-774b-bcce-%012x", b.n))
	opened := b.now
	for _, tt := range []struct {
		name          string
		after         time.Duration
		agency        gateway.AgencyID
		user, subject gateway.Ref
		bars, chains  bool
	}{
		{"the user", time.Minute, police, user, ref(21), true, false},
		{"the user, after midnight", 20 * time.Minute, police, user, ref(21), true, false},
		{"the user about the person", time.Minute, police, user, person, true, true},
		{"another about the person", 23*time.Hour + 59*time.Minute, police, ref(22), person, false, true},
		{"a day later", 24 * time.Hour, police, user, person, false, false},
		{"another about another", time.Minute, police, ref(22), ref(21), false, false},
		{"another agency", time.Minute, townA, user, person, false, false},
	} {
		e, err := b.reg.Emergencies(t.Context(), tt.agency, opened.Add(tt.after))
		bars, chains := e.Bars(tt.user, opened.Add(tt.after)), e.Chains(tt.subject, opened.Add(tt.after))
		if err != nil || bars != tt.bars || chains != tt.chains || len(e.Versions()) != 2 {
			t.Errorf("%s: %v, bars %v, want %v; chains %v, want %v", tt.name, err, bars, tt.bars, chains, tt.chains)
		}
	}
	e, err := b.reg.Emergencies(t.Context(), police, opened.Add(20*time.Minute))
	if _, open := e.First(first); err != nil || !open {
		t.Errorf("after midnight the request is not found: %v", err)
	}
	glass.Kind, glass.User, glass.Request = facts.NoteConfirmed, ref(22), first
	b.noted(glass)
	e, err = b.reg.Emergencies(t.Context(), police, opened.Add(20*time.Minute))
	if _, open := e.First(first); err != nil || open || e.Bars(user, opened.Add(20*time.Minute)) || e.Chains(person, opened.Add(20*time.Minute)) {
		t.Errorf("confirmed: %v, still open %v", err, open)
	}
}

// openAgain is a register over a copy of what b has stored, with nothing in
// memory.
func openAgain(t testing.TB, b *book) *book {
	t.Helper()
	again := open(t)
	for name, st := range b.rows.states {
		again.rows.states[name] = st
	}
	for name, list := range b.rows.statements {
		again.rows.statements[name] = list
	}
	return again
}

// openAt is an empty register at a moment.
func openAt(t testing.TB, now time.Time) *book {
	t.Helper()
	b := open(t)
	b.now = now
	return b
}
