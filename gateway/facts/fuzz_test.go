package facts_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// statementTypes are those that state something.
var statementTypes = []gateway.MessageType{"exit.assessment_decision", "exit.assignment", "exit.case_closure", "exit.case_state", "exit.consent",
	"exit.consent_withdrawal", "exit.countersignature", "exit.person_attributes", "exit.provider_vetting", "exit.user_assignment"}

// TestStatementTypes holds that list equal to the table's.
func TestStatementTypes(t *testing.T) {
	if want := slices.Sorted(maps.Keys(tables(t).Staters)); !slices.Equal(statementTypes, want) {
		t.Errorf("got %q, want %q", statementTypes, want)
	}
}

func seeds(f *testing.F) {
	for i := range statementTypes {
		for _, fields := range []string{
			caseWith(nil), caseWith(map[string]any{"responsible_municipality": townB, "claim_source": "case"}), attributes, consentWith(nil),
			decisionWith(map[string]any{"decided_by": by(decider, worker, townB)}), assignmentWith(nil), userWith(nil), vettingWith(nil),
			`{"child_investigations": ["municipality:1480"]}`, guardiansAre(guard, true, ""),
			`{"consent_id": "AAAAAAAAAAAAAAAAAAAAIA", "withdrawn": true}`, `{"closed_at": "2026-06-01"}`, `{"seq": 7, "seq": 8}`, `{"Seq": 1}`, `{}`,
		} {
			f.Add(byte(i), []byte(fields))
		}
	}
}

// fuzzed is a statement by B, which has nothing to do with the person.
func fuzzed(typ byte, raw []byte) (facts.Statement, bool) {
	s := facts.Statement{Issuer: townB, Role: worker, ID: "urn:uuid:01890a5d-ac96-774b-bcce-dddddddddddd",
		Type: statementTypes[int(typ)%len(statementTypes)], Subject: person, Issued: noon, Admitted: noon}
	if s.Type == "exit.provider_vetting" {
		s.Subject = ""
	}
	if json.Unmarshal(raw, &s.Fields) != nil || s.Fields == nil {
		return s, false
	}
	if _, ok := s.Fields["seq"]; !ok {
		s.Fields["seq"] = json.RawMessage("5")
	}
	return s, true
}

// FuzzRead holds the parser to its promise: it takes a statement or reports
// ErrStatement, whatever the bytes, and takes what it wrote itself.
func FuzzRead(f *testing.F) {
	seeds(f)
	tab := tables(f)
	f.Fuzz(func(t *testing.T, typ byte, raw []byte) {
		s, ok := fuzzed(typ, raw)
		if !ok {
			return
		}
		err := s.Read(tab)
		if err != nil && !errors.Is(err, facts.ErrStatement) {
			t.Fatalf("got %v", err)
		}
		plain, merr := json.Marshal(s)
		if merr != nil {
			if err == nil {
				t.Fatalf("read what cannot be kept: %v", merr)
			}
			return
		}
		var again facts.Statement
		if uerr := json.Unmarshal(plain, &again); uerr != nil || (again.Read(tab) == nil) != (err == nil) {
			t.Fatalf("read again: %v, first %v", uerr, err)
		}
	})
}

// FuzzStranger holds the register to its promise: whatever a municipality that
// has nothing to do with a person states, it opens nothing of others to itself.
func FuzzStranger(f *testing.F) {
	seeds(f)
	b := goodBook(f)
	f.Fuzz(func(t *testing.T, typ byte, raw []byte) {
		s, ok := fuzzed(typ, raw)
		if !ok {
			return
		}
		b.t = t
		states, statements := maps.Clone(b.rows.states), maps.Clone(b.rows.statements)
		defer func() { b.rows.states, b.rows.statements = states, statements }()
		if err := b.take(s); err != nil {
			if _, ok := errors.AsType[*gateway.Refusal](err); !ok {
				t.Fatalf("neither taken nor refused: %v", err)
			}
			return
		}
		in := b.of(func(q *facts.Question) { q.Actor.Agency = townB; q.Claimed = []gateway.Basis{"OSL-10-27", "OSL-10-2"} })
		if in.Facts.MayKnow || in.Facts.ActorResponsible || in.Facts.ActorReceiving || in.Facts.ActorPrevious || in.Facts.ActorInvestigates ||
			len(in.Decision)+len(in.FieldRelease) != 0 || slices.Contains(slices.Collect(maps.Values(in.Consent)), facts.InForce) {
			t.Errorf("opened: %+v, %v, %v", in.Facts, in.Consent, in.Decision)
		}
	})
}
