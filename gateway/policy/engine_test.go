package policy_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
	"sluss/policies"
)

// space is what random questions are made of: every name of the tables.
type space struct {
	rand     *rand.Rand
	kinds    []gateway.Kind
	roles    map[gateway.Kind][]gateway.Role
	acts     map[gateway.Role][]gateway.Purpose
	purposes []gateway.Purpose
	types    []gateway.MessageType
	fields   map[gateway.MessageType][]gateway.Field
	legs     map[gateway.MessageType][]leg
	bases    []gateway.Basis
	classes  []gateway.Class
}

type leg struct{ Senders, Recipients map[gateway.Role]bool }

func newSpace(t testing.TB, p *policy.Policy, seed uint64) *space {
	t.Helper()
	var doc struct {
		Catalogue struct {
			Kinds map[gateway.Kind]any
			Roles map[gateway.Role]struct {
				Kind     gateway.Kind
				Purposes map[gateway.Purpose]bool
			}
			Purposes map[gateway.Purpose]any
			Types    map[gateway.MessageType]struct {
				Fields map[gateway.Field]struct{ Class gateway.Class }
				Legs   []leg
			}
		}
	}
	raw, err := fs.ReadFile(policies.FS, "data/catalogue.json")
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &space{rand: rand.New(rand.NewPCG(seed, 1)), roles: map[gateway.Kind][]gateway.Role{}, acts: map[gateway.Role][]gateway.Purpose{},
		fields: map[gateway.MessageType][]gateway.Field{}, legs: map[gateway.MessageType][]leg{}}
	c := doc.Catalogue
	s.kinds, s.purposes, s.types = sortedKeys(c.Kinds), sortedKeys(c.Purposes), sortedKeys(c.Types)
	classes := map[gateway.Class]bool{"HLT.functional": true}
	for _, name := range s.types {
		s.fields[name], s.legs[name] = sortedKeys(c.Types[name].Fields), c.Types[name].Legs
		for _, f := range c.Types[name].Fields {
			classes[f.Class] = true
		}
	}
	s.classes = sortedKeys(classes)
	for _, r := range sortedKeys(c.Roles) {
		s.acts[r] = sortedKeys(c.Roles[r].Purposes)
		for _, k := range s.kinds {
			if kind := c.Roles[r].Kind; kind == k || kind == "*" {
				s.roles[k] = append(s.roles[k], r)
			}
		}
	}
	for basis := range p.Needs() {
		s.bases = append(s.bases, basis)
	}
	slices.Sort(s.bases)
	return s
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func one[E any](s *space, list []E) E { return list[s.rand.IntN(len(list))] }

// some returns a few members, sorted.
func some[E ~string](s *space, list []E, most int) []E {
	var out []E
	for range s.rand.IntN(most + 1) {
		out = append(out, one(s, list))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *space) standing() facts.Standing {
	return one(s, []facts.Standing{facts.InForce, facts.InForce, facts.OutOfDate, facts.None})
}

// standings says how decisions under some bases stand.
func (s *space) standings(fields []gateway.Field) map[gateway.Basis]map[gateway.Field]facts.Standing {
	out := map[gateway.Basis]map[gateway.Field]facts.Standing{}
	for _, b := range some(s, s.bases, 12) {
		out[b] = map[gateway.Field]facts.Standing{}
		for _, f := range some(s, fields, 8) {
			out[b][f] = s.standing()
		}
	}
	return out
}

// question returns a question. Most go over a leg of a route and pass the
// stages, so that fields are decided.
func (s *space) question() facts.Input {
	in := facts.Input{Type: one(s, s.types), Purpose: one(s, s.purposes), Initiative: gateway.ByActor,
		Claimed: some(s, s.bases, 10), Default: s.rand.IntN(3) > 0, Reason: s.rand.IntN(2) == 0,
		SameAgency: s.rand.IntN(4) == 0, Acute: s.rand.IntN(2) == 0, Bulk: s.rand.IntN(30) == 0, Maturity: "joint",
		Consent: map[gateway.Class]facts.Standing{}, About: map[gateway.Field]bool{},
		Values: facts.Values{TransferStatus: one(s, []string{"", "proposed", "accepted", "completed"}),
			RequestKind: one(s, []string{"referral", "feedback", "sip"}), ReportKind: one(s, []string{"report_19_1", "answer_20_6"})},
		Table: facts.Table{Checked: s.rand.IntN(4) > 0, MoneyShown: s.rand.IntN(2) == 0,
			Blanked: some(s, []string{"c1", "c2"}, 1)},
	}
	s.parties(&in)
	if acts := s.acts[in.Actor.Role]; len(acts) > 0 && s.rand.IntN(20) > 0 {
		in.Purpose = one(s, acts)
	}
	fields := s.fields[in.Type]
	if len(fields) > 0 {
		in.Named = some(s, fields, 4)
		for _, f := range some(s, fields, 2) {
			in.About[f] = s.rand.IntN(2) == 0
		}
		in.Decision, in.FieldRelease = s.standings(fields), s.standings(fields)
	}
	for _, c := range some(s, s.classes, 30) {
		in.Consent[c] = s.standing()
	}
	s.facts(&in)
	return in
}

// parties puts the two sides on a leg of the type's route.
func (s *space) parties(in *facts.Input) {
	side := func(roles map[gateway.Role]bool) facts.Party {
		role := one(s, sortedKeys(roles))
		for {
			if k := one(s, s.kinds); slices.Contains(s.roles[k], role) {
				return facts.Party{Kind: k, Role: role}
			}
			if role == "gateway.register" || s.rand.IntN(200) == 0 {
				return facts.Party{Kind: one(s, s.kinds), Role: role}
			}
		}
	}
	if legs := s.legs[in.Type]; len(legs) > 0 {
		l := one(s, legs)
		in.Discloser, in.Actor = side(l.Senders), side(l.Recipients)
	}
}

// facts sets every fact at random, those of the stages mostly to what passes.
func (s *space) facts(in *facts.Input) {
	v := reflect.ValueOf(&in.Facts).Elem()
	for i := range v.NumField() {
		v.Field(i).SetBool(s.rand.IntN(4) == 0)
	}
	f := &in.Facts
	for _, passes := range []*bool{&f.LogAvailable, &f.AgenciesKnown, &f.SubjectNamed, &f.Assigned, &f.OnRecord, &f.MayKnow,
		&f.CaseOpen, &f.ProviderApproved, &f.ProviderContract, &f.AssessmentValid, &f.SipConsent, &f.GuardianListed, &f.Under18,
		&f.ThreatToLife, &f.ReasonLong, &f.DiaryNumber, &f.Reauthenticated, &f.WindowOpen} {
		*passes = s.rand.IntN(40) > 0
	}
	for _, stops := range []*bool{&f.ConflictOfInterest, &f.PersonalSecurity, &f.Contested, &f.ClaimsByRegister,
		&f.GuardianBlocked, &f.PlaceHidden} {
		*stops = s.rand.IntN(40) == 0
	}
	f.Asked = s.rand.IntN(3) > 0
	if !f.Asked {
		in.Initiative = gateway.ByDiscloser
	}
}

// TestEngineAgreesWithItself asks the same with the engine's rule index off and
// from memory: an index that drops a restriction has happened.
func TestEngineAgreesWithItself(t *testing.T) {
	p := read(t)
	s := newSpace(t, p, 1)
	for range 300 {
		in := s.question()
		remembered, fresh, unindexed, err := p.Verdicts(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fresh, unindexed); diff != "" {
			t.Errorf("rule index (-on +off):\n%s", diff)
		}
		if diff := cmp.Diff(fresh, remembered); diff != "" {
			t.Errorf("memory (-fresh +remembered):\n%s", diff)
		}
	}
}

// TestMemoryTellsQuestionsApart changes each member that provisions read, one
// at a time: the answer must be that of the changed question.
func TestMemoryTellsQuestionsApart(t *testing.T) {
	p := read(t)
	s := newSpace(t, p, 2)
	for range 15 {
		in := s.question()
		if _, err := p.DecideInput(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		v := reflect.ValueOf(&in.Facts).Elem()
		for i := range v.NumField() {
			changed := in
			w := reflect.ValueOf(&changed.Facts).Elem().Field(i)
			w.SetBool(!w.Bool())
			remembered, fresh, _, err := p.Verdicts(t.Context(), changed)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fresh, remembered); diff != "" {
				t.Fatalf("after a change of %s:\n%s", v.Type().Field(i).Name, diff)
			}
		}
	}
}

// TestMemoryMixesQuestions asks questions that are made of the members of two
// others, so that what each provision reads was asked before while the question
// was not.
func TestMemoryMixesQuestions(t *testing.T) {
	p := read(t)
	s := newSpace(t, p, 4)
	foreseen := 0
	for range 60 {
		a, b := s.question(), s.question()
		b.Type, b.Actor.Role, b.Named = a.Type, a.Actor.Role, a.Named
		for _, in := range []facts.Input{a, b} {
			if _, err := p.DecideInput(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		for range 8 {
			mixed := a
			mix(s, reflect.ValueOf(&mixed).Elem(), reflect.ValueOf(b))
			if p.Foreseen(mixed) {
				foreseen++
			}
			remembered, fresh, unindexed, err := p.Verdicts(t.Context(), mixed)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fresh, remembered); diff != "" {
				t.Fatalf("memory (-fresh +remembered):\n%s", diff)
			}
			if diff := cmp.Diff(fresh, unindexed); diff != "" {
				t.Fatalf("rule index (-on +off):\n%s", diff)
			}
		}
	}
	if foreseen < 20 {
		t.Errorf("only %d questions were answered from memory: the test compares little", foreseen)
	}
}

// mix takes half of the members from another value, those of structures one by
// one.
func mix(s *space, to, from reflect.Value) {
	for i := range to.NumField() {
		switch f := to.Field(i); {
		case f.Kind() == reflect.Struct:
			mix(s, f, from.Field(i))
		case s.rand.IntN(2) == 0:
			f.Set(from.Field(i))
		}
	}
}

// TestMemoryKeepsWhatIsRead compares what a verdict is remembered by with what
// the engine's own analysis says that the provision reads.
func TestMemoryKeepsWhatIsRead(t *testing.T) {
	p := read(t)
	rules, err := p.Rules(t.Context(), policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	reads := p.Reads()
	if len(reads) != len(rules) {
		t.Errorf("%d provisions are remembered, of %d", len(reads), len(rules))
	}
	for _, r := range rules {
		kept := reads[r.Set+" "+r.ID]
		for _, path := range r.Reads() {
			top, _, _ := strings.Cut(path, ".")
			if !slices.Contains(kept, path) && !slices.Contains(kept, top) {
				t.Errorf("%s reads %s and is remembered by %v", r.ID, path, kept)
			}
		}
	}
}

// TestMemoryIsBounded remembers more than there is room for. What is asked
// again and again stays.
func TestMemoryIsBounded(t *testing.T) {
	p := read(t)
	for i := range 20_000 {
		p.Remember("often")
		p.Remember(fmt.Sprint(i))
		if n := p.Remembered(); n > 2*policy.MemoSize {
			t.Fatalf("%d verdicts are remembered", n)
		}
	}
	if !p.Remembers("often") || p.Remembers("1") {
		t.Errorf("often: %t, once and long ago: %t", p.Remembers("often"), p.Remembers("1"))
	}
}

// TestEveryAnswerIsWhole asks many questions. Whatever is asked, each field of
// the type is either released on a basis that is claimed or needs no claim, or
// withheld for a reason, and a DENY has its reason.
func TestEveryAnswerIsWhole(t *testing.T) {
	p := read(t)
	s := newSpace(t, p, 3)
	free := map[gateway.Basis]bool{} // of claim
	for _, pr := range p.Provisions() {
		free[pr.Basis] = free[pr.Basis] || pr.Basis != "" && pr.Way != "" && !pr.ClaimNeeded
	}
	released, outcomes := 0, map[gateway.Outcome]int{}
	for range 4000 {
		in := s.question()
		d, err := p.DecideInput(t.Context(), in)
		if err != nil {
			t.Fatalf("%+v: %v", in, err)
		}
		outcomes[d.Outcome()]++
		if d.Stage() != "" {
			continue
		}
		said := map[gateway.Field]int{}
		for _, a := range d.Allowed() {
			said[a.Field]++
			released++
			if !free[a.Basis] && !slices.Contains(in.Claimed, a.Basis) && d.Outcome() != gateway.BreakGlass {
				t.Fatalf("%s is released on %s, which is neither claimed nor free of claim", a.Field, a.Basis)
			}
		}
		for _, w := range d.Withheld() {
			said[w.Field]++
		}
		for field, n := range said {
			if n != 1 {
				t.Fatalf("%s is said %d times", field, n)
			}
		}
		if len(said) != len(s.fields[in.Type]) && len(said) != len(in.Named) {
			t.Fatalf("%s: %d fields are said, the type has %d and %d are named", in.Type, len(said), len(s.fields[in.Type]), len(in.Named))
		}
	}
	for _, o := range []gateway.Outcome{gateway.Permit, gateway.Partial, gateway.Review, gateway.Deny, gateway.NoRecord, gateway.BreakGlass} {
		if outcomes[o] == 0 {
			t.Errorf("no question had the outcome %s: %v", o, outcomes)
		}
	}
	if released < 1000 {
		t.Errorf("%d fields were released; the questions are too easy to refuse", released)
	}
}

// TestManyAtOnce decides the same questions from several goroutines: each gets
// the answer that one alone gets.
func TestManyAtOnce(t *testing.T) {
	p := read(t)
	s := newSpace(t, p, 5)
	var questions []facts.Input
	var want []answer
	for range 30 {
		in := s.question()
		d, err := p.DecideInput(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		questions, want = append(questions, in), append(want, answerOf(d))
	}
	shared := read(t) // remembers nothing yet
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for i, in := range questions {
				d, err := shared.DecideInput(t.Context(), in)
				if diff := cmp.Diff(want[i], answerOf(d)); err != nil || diff != "" {
					t.Errorf("question %d: %v (-alone +at once):\n%s", i, err, diff)
				}
			}
		})
	}
	work.Wait()
}
