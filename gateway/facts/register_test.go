package facts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/keys"
	"sluss/gateway/store"
)

// rows is a store in memory. It keeps what it is given, and can be altered
// behind the register's back.
type rows struct {
	states     map[string]store.State
	statements map[string][]store.Statement
	fail       error
	reads      int
}

func (r *rows) States(_ context.Context, names []string) ([]store.State, error) {
	out := make([]store.State, len(names))
	for i, name := range names {
		out[i] = r.states[name]
		out[i].Name = name
	}
	return out, r.fail
}

func (r *rows) Statements(_ context.Context, state string) ([]store.Statement, error) {
	r.reads++
	return slices.Clone(r.statements[state]), r.fail
}

// book is a register over such a store, and what the tests state in it.
type book struct {
	t      testing.TB
	rows   *rows
	reg    *facts.Register
	tables *facts.Tables
	now    time.Time
	n      int
	last   facts.Statement // taken or refused last

	restored []time.Time
}

// ring is shared by the tests: each key that a ring makes is synced to disk.
var ring *keys.Ring

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "facts")
	if err == nil {
		ring, err = keys.OpenRing(dir, make([]byte, 32))
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func open(t testing.TB) *book { return openWith(t, ring) }

func openWith(t testing.TB, ring *keys.Ring) *book {
	t.Helper()
	var err error
	b := &book{t: t, rows: &rows{states: map[string]store.State{}, statements: map[string][]store.Statement{}}, tables: tables(t), now: noon}
	b.reg, err = facts.New(facts.Config{Store: b.rows, Ring: ring, Tables: func() *facts.Tables { return b.tables }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// say states something about the person and reports how it was answered.
func (b *book) say(from gateway.AgencyID, role gateway.Role, typ gateway.MessageType, fields string) error {
	b.t.Helper()
	b.n++
	s := facts.Statement{
		Issuer: from, Role: role, ID: gateway.MessageID(fmt.Sprintf("urn:uuid:01890a5d-ac96-774b-bcce-%012x", b.n)), Type: typ,
		Subject: person, Issued: b.now, Admitted: b.now, Sent: gateway.DigestOf(fmt.Append(nil, b.n)), Token: "eyJ.CANARY~",
	}
	if typ == "exit.provider_vetting" {
		s.Subject = ""
	}
	if err := json.Unmarshal([]byte(fields), &s.Fields); err != nil {
		b.t.Fatal(err)
	}
	if _, ok := s.Fields["seq"]; !ok {
		s.Fields["seq"] = json.RawMessage(fmt.Sprint(b.n))
	}
	return b.take(s)
}

func (b *book) take(s facts.Statement) error {
	b.last = s
	a, err := b.reg.Take(b.t.Context(), s)
	if err != nil {
		return err
	}
	b.write(a)
	return nil
}

// write does what the exchange does with an admission.
func (b *book) write(a facts.Admission) {
	b.t.Helper()
	name := a.Set().Name
	if b.rows.states[name].Version != a.Expect().Version || a.Set().Version != a.Expect().Version+1 {
		b.t.Fatalf("admission moves %+v to %+v", a.Expect(), a.Set())
	}
	b.rows.states[name] = a.Set()
	b.rows.statements[name] = append(b.rows.statements[name], a.Statement())
}

// must states something that has to be taken, and returns it.
func (b *book) must(from gateway.AgencyID, role gateway.Role, typ gateway.MessageType, fields string) facts.Statement {
	b.t.Helper()
	if err := b.say(from, role, typ, fields); err != nil {
		b.t.Fatalf("%s by %s: %v", typ, from, err)
	}
	return b.last
}

// agree countersigns a statement.
func (b *book) agree(from gateway.AgencyID, role gateway.Role, s facts.Statement) error {
	b.t.Helper()
	return b.say(from, role, "exit.countersignature", fmt.Sprintf(`{"statement": %q, "digest": %q}`, s.ID, s.Sent))
}

// of asks the good question.
func (b *book) of(change func(*facts.Question)) facts.Input {
	b.t.Helper()
	q := goodQuestion()
	if change != nil {
		change(&q)
	}
	k, err := b.reg.Of(b.t.Context(), q, b.now)
	if err != nil {
		b.t.Fatal(err)
	}
	return k.Input()
}

func code(err error) gateway.Code {
	if r, ok := errors.AsType[*gateway.Refusal](err); ok {
		return r.Code
	}
	if err != nil {
		return gateway.Code("error: " + err.Error())
	}
	return ""
}

// The statements that make the good world.
const (
	attributes = `{"adult": true, "protection_marking": "none", "place_hidden": false, "in_sis_care": false}`
)

func consentWith(change map[string]any) string {
	return with(map[string]any{
		"consent_id": ref(8), "given_by": "subject", "disclosers": []any{map[string]any{"agency": police}, map[string]any{"agency": region}},
		"recipients": []any{map[string]any{"agency": townA, "roles": []any{worker}}, map[string]any{"agency": police}},
		"classes":    []any{"RSK", "ID"}, "purposes": []any{"PROTECTION"}, "valid_from": "2026-01-01", "valid_to": "2026-06-30",
		"form": "written", "info_text_version": "2026-01", "recorded_by": decider, "evidence_hash": gateway.DigestOf(nil),
	}, change)
}

func decisionWith(change map[string]any) string {
	return with(map[string]any{
		"assessment_id": ref(9), "basis": "OSL-10-27", "kind": "balancing_obvious", "outcome": "release",
		"recipient": map[string]any{"agency": townA}, "purpose": "PROTECTION", "fields": []any{"no_go_areas"},
		"valid_from": "2026-05-20", "valid_to": "2026-06-30",
		"decided_by": map[string]any{"user": decider, "role": coord, "agency": police},
	}, change)
}

func caseWith(change map[string]any) string {
	return with(map[string]any{"state": "open", "parties": []any{police, townA, region}, "responsible_municipality": townA}, change)
}

// with returns good, changed; nil removes.
func with(good, change map[string]any) string {
	maps.Copy(good, change)
	maps.DeleteFunc(good, func(_ string, v any) bool { return v == nil })
	raw, err := json.Marshal(good)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// goodBook states a case in A that another party has agreed to, and what A and
// the police say about the person.
func goodBook(t testing.TB) *book {
	t.Helper()
	return open(t).good()
}

func (b *book) good() *book {
	b.t.Helper()
	s := b.must(townA, worker, "exit.case_state", caseWith(nil))
	if err := b.agree(police, coord, s); err != nil {
		b.t.Fatal(err)
	}
	b.must(townA, worker, "exit.person_attributes", attributes)
	b.must(police, security, "exit.person_attributes", `{"psw": false, "elevated_threat": false}`)
	b.must(townA, worker, "exit.user_assignment", userWith(nil))
	return b
}

func TestOf(t *testing.T) {
	b := goodBook(t)
	s := b.must(townA, worker, "exit.consent", consentWith(nil))
	if err := b.agree(police, coord, s); err != nil {
		t.Fatal(err)
	}
	b.must(police, coord, "exit.assessment_decision", decisionWith(nil))
	k, err := b.reg.Of(t.Context(), goodQuestion(), noon)
	if err != nil || k.IsZero() {
		t.Fatal(err)
	}
	in := k.Input()
	want := facts.Facts{LogAvailable: true, AgenciesKnown: true, SubjectNamed: true, Asked: true, Assigned: true, OnRecord: true,
		MayKnow: true, CaseOpen: true, ActorResponsible: true, AssessmentValid: true}
	if in.Facts != want {
		t.Errorf("got %+v\nwant %+v", in.Facts, want)
	}
	if in.Consent["RSK"] != facts.InForce || in.Decision["OSL-10-27"]["no_go_areas"] != facts.InForce {
		t.Errorf("got consent %s, decision %v", in.Consent["RSK"], in.Decision)
	}
	var names []string
	for _, v := range k.Versions() {
		names = append(names, fmt.Sprintf("%s@%d", v.Name, v.Version))
	}
	if want := []string{"person:" + string(person) + "@7", "user:" + string(townA) + ":" + string(user) + "@1",
		"read:" + string(townA) + ":" + string(user) + ":" + string(person) + "@0"}; !slices.Equal(names, want) {
		t.Errorf("got versions %q, want %q", names, want)
	}
	if !(facts.Known{}).IsZero() || !(facts.Admission{}).IsZero() {
		t.Error("the zero values are not zero")
	}
}

func TestNew(t *testing.T) {
	good := facts.Config{Store: &rows{}, Ring: ring, Tables: func() *facts.Tables { return nil }}
	if _, err := facts.New(good); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*facts.Config){
		"store":  func(c *facts.Config) { c.Store = nil },
		"ring":   func(c *facts.Config) { c.Ring = nil },
		"tables": func(c *facts.Config) { c.Tables = nil },
	} {
		c := good
		spoil(&c)
		if _, err := facts.New(c); err == nil {
			t.Errorf("without %s: got no error", name)
		}
	}
}

// TestOfOthers reads what is stated about those whom a field is also about, and
// rests on their states too.
func TestOfOthers(t *testing.T) {
	b := goodBook(t)
	q := goodQuestion()
	q.Subject = other
	q.About = map[gateway.Field][]gateway.Ref{"risk_level": {person}, "method": {ref(20)}}
	for _, want := range []bool{false, true} {
		k, err := b.reg.Of(t.Context(), q, b.now)
		if err != nil {
			t.Fatal(err)
		}
		if about := k.Input().About; about["risk_level"] != want || about["method"] {
			t.Errorf("got %v, want %v for risk_level", about, want)
		}
		if len(k.Versions()) != 5 { // the person, the user, what the user has read, and two others
			t.Errorf("got %d versions", len(k.Versions()))
		}
		b.must(portal, "subject.self", "exit.consent", consentWith(nil))
	}
}

// TestUnknownPerson: nothing is stated, and a later statement will be noticed.
func TestUnknownPerson(t *testing.T) {
	b := open(t)
	k, err := b.reg.Of(t.Context(), goodQuestion(), noon)
	if err != nil {
		t.Fatal(err)
	}
	f := k.Input().Facts
	if f.OnRecord || f.CaseOpen || f.MayKnow || f.Assigned || !f.Protected || !f.PersonalSecurity {
		t.Errorf("got %+v", f)
	}
	if v := k.Versions(); len(v) != 3 || v[0].Version != 0 || v[1].Version != 0 || v[2].Version != 0 {
		t.Errorf("got versions %+v", v)
	}
}

// TestTampered alters what is stored in one way per row. Each time nothing is
// known any more, warm or cold.
func TestTampered(t *testing.T) {
	name := "person:" + string(person)
	another, err := keys.OpenRing(t.TempDir(), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	old := openWith(t, another).good()
	tests := []struct {
		name  string
		alter func(b *book)
	}{
		{"a version lowered", func(b *book) { s := b.rows.states[name]; s.Version--; b.rows.states[name] = s }},
		{"a digest altered", func(b *book) { s := b.rows.states[name]; s.Digest[0]++; b.rows.states[name] = s }},
		{"a MAC altered", func(b *book) {
			s := b.rows.states[name]
			s.MAC = slices.Clone(s.MAC)
			s.MAC[0]++
			b.rows.states[name] = s
		}},
		{"no MAC", func(b *book) { s := b.rows.states[name]; s.MAC = nil; b.rows.states[name] = s }},
		{"another person's row", func(b *book) { b.rows.states[name] = b.rows.states["user:"+string(townA)+":"+string(user)] }},
		{"another gateway's row", func(b *book) {
			b.rows.states[name], b.rows.statements[name] = old.rows.states[name], old.rows.statements[name]
		}},
		{"a negative version", func(b *book) { s := b.rows.states[name]; s.Version = -1; b.rows.states[name] = s }},
	}
	for _, tt := range tests {
		b := goodBook(t)
		b.of(nil)
		tt.alter(b)
		if k, err := b.reg.Of(t.Context(), goodQuestion(), noon); !errors.Is(err, facts.ErrTampered) || !k.IsZero() {
			t.Errorf("%s: got %v, want ErrTampered", tt.name, err)
		}
		if err := b.say(townA, worker, "exit.person_attributes", attributes); !errors.Is(err, facts.ErrTampered) {
			t.Errorf("%s: admitting got %v, want ErrTampered", tt.name, err)
		}
	}
}

// TestTamperedStatements alters the statements below an honest row.
func TestTamperedStatements(t *testing.T) {
	name := "person:" + string(person)
	tests := []struct {
		name  string
		alter func([]store.Statement) []store.Statement
	}{
		{"one removed", func(s []store.Statement) []store.Statement { return s[:len(s)-1] }},
		{"one twice", func(s []store.Statement) []store.Statement { s[1] = s[0]; return s }},
		{"two exchanged", func(s []store.Statement) []store.Statement { s[0], s[1] = s[1], s[0]; return s }},
		{"a body altered", func(s []store.Statement) []store.Statement {
			s[0].Body = slices.Clone(s[0].Body)
			s[0].Body[0]++
			return s
		}},
		{"a body of another", func(s []store.Statement) []store.Statement { s[0].Body, s[0].Key = s[2].Body, s[2].Key; return s }},
		{"a digest altered", func(s []store.Statement) []store.Statement { s[0].Digest[0]++; return s }},
		{"another issuer", func(s []store.Statement) []store.Statement { s[0].Issuer = townB; return s }},
		{"another fact", func(s []store.Statement) []store.Statement { s[0].Fact = "attributes"; return s }},
		{"another number", func(s []store.Statement) []store.Statement { s[0].Seq++; return s }},
		{"another type", func(s []store.Statement) []store.Statement { s[0].Type = "exit.case_closure"; return s }},
	}
	for _, tt := range tests {
		b := goodBook(t)
		b.rows.statements[name] = tt.alter(slices.Clone(b.rows.statements[name]))
		if k, err := b.reg.Of(t.Context(), goodQuestion(), noon); err == nil || !k.IsZero() {
			t.Errorf("%s: got an answer", tt.name)
		}
	}
}

// TestOvertaken: a statement that comes in between the reading of the row and of
// the statements is the next version's.
func TestOvertaken(t *testing.T) {
	b := goodBook(t)
	name := "person:" + string(person)
	row := b.rows.states[name]
	b.must(townA, worker, "exit.person_attributes", `{"place_hidden": true}`)
	b.rows.states[name] = row
	if in := b.of(nil); in.Facts.PlaceHidden || !in.Facts.OnRecord {
		t.Errorf("got %+v", in.Facts)
	}
}

func TestStoreFails(t *testing.T) {
	b := goodBook(t)
	b.rows.fail = context.DeadlineExceeded
	if k, err := b.reg.Of(t.Context(), goodQuestion(), noon); !errors.Is(err, context.DeadlineExceeded) || !k.IsZero() {
		t.Errorf("got %v", err)
	}
	if err := b.say(townA, worker, "exit.person_attributes", attributes); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestRemembered: what was read is read again when the version moves or another
// policy is active, and not else.
func TestRemembered(t *testing.T) {
	b := goodBook(t)
	b.of(nil)
	b.rows.reads = 0
	b.of(nil)
	if b.rows.reads != 0 {
		t.Errorf("read %d times though nothing moved", b.rows.reads)
	}
	b.must(townA, worker, "exit.person_attributes", `{"place_hidden": true}`)
	if !b.of(nil).Facts.PlaceHidden {
		t.Error("the new statement was not seen")
	}
	b.tables = tables(t)
	b.rows.reads = 0
	if b.of(nil); b.rows.reads != 2 {
		t.Errorf("read %d times under another policy, want person and user", b.rows.reads)
	}
}

func TestMarkingLooser(t *testing.T) {
	b := goodBook(t)
	b.must(townA, worker, "exit.person_attributes", `{"protection_marking": "skyddad_folkbokforing"}`)
	for marking, want := range map[facts.Marking]bool{"none": true, "sekretessmarkering": true, "skyddad_folkbokforing": false, "fingerade": false, "": false, "new": true} {
		q := goodQuestion()
		q.Marking = marking
		k, err := b.reg.Of(t.Context(), q, noon)
		if err != nil || k.MarkingLooser() != want || !k.Input().Facts.Protected {
			t.Errorf("message marked %q: looser is %v, %v", marking, k.MarkingLooser(), err)
		}
	}
}
