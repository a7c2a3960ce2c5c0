package policy_test

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/facts/fixtures"
	"sluss/gateway/policy"
	"sluss/policies"
)

// digest stands for the snapshot that the built-in policy would be.
var digest = gateway.DigestOf([]byte("built-in policy"))

func read(t testing.TB) *policy.Policy {
	t.Helper()
	p, err := policy.Read(t.Context(), policies.FS, digest)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func builtIn(t testing.TB) (*policy.Policy, *facts.Tables) {
	t.Helper()
	p := read(t)
	tab, err := facts.ReadTables(policies.FS, p.Needs())
	if err != nil {
		t.Fatal(err)
	}
	return p, tab
}

func golden(t testing.TB) (*fixtures.World, []fixtures.Case) {
	t.Helper()
	return worked(t, "golden")
}

// worked reads one set of worked cases.
func worked(t testing.TB, set string) (*fixtures.World, []fixtures.Case) {
	t.Helper()
	read := func(name string) []byte {
		raw, err := os.ReadFile("../../policies/cases/" + set + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	w, err := fixtures.ReadWorld(read("fixtures.json"))
	if err != nil {
		t.Fatal(err)
	}
	cases, err := fixtures.ReadCases(read("cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	return w, cases
}

// got is a decision in the form in which the cases expect it.
func got(d policy.Decision) fixtures.Expect {
	e := fixtures.Expect{Outcome: d.Outcome(), Reason: d.Reason(), Suppressed: d.SuppressedCells()}
	if !d.Outcome().Releases() {
		return e
	}
	e.Withheld, e.Basis = map[gateway.Field]gateway.Reason{}, map[gateway.Field]gateway.Basis{}
	for _, a := range d.Allowed() {
		e.Allowed = append(e.Allowed, a.Field)
		e.Basis[a.Field] = a.Basis
	}
	for _, w := range d.Withheld() {
		e.Withheld[w.Field] = w.Reason
	}
	return e
}

// input is what the policy looks at in a case.
func input(t testing.TB, p *policy.Policy, w *fixtures.World, c fixtures.Case, tab *facts.Tables) facts.Input {
	t.Helper()
	in, released, err := w.Input(c, tab)
	if err != nil {
		t.Fatal(err)
	}
	if c.Request.Type == "exit.followup_report" {
		in.Table = p.Guard(c.Request.Values, slices.Collect(maps.Values(released)))
	}
	return in
}

// byName compares lists of fields whatever their order.
var byName = cmpopts.SortSlices(func(a, b gateway.Field) bool { return a < b })

// TestGolden asks every worked case. Outcome, reason, fields, bases and cells
// must be met exactly; the obligations listed must be among those returned.
func TestGolden(t *testing.T) {
	p, tab := builtIn(t)
	for _, set := range []string{"golden", "own"} {
		w, cases := worked(t, set)
		if len(cases) == 0 {
			t.Errorf("no %s cases", set)
		}
		for _, c := range cases {
			t.Run(c.ID, func(t *testing.T) { meets(t, p, c, input(t, p, w, c, tab)) })
		}
	}
}

func meets(t *testing.T, p *policy.Policy, c fixtures.Case, in facts.Input) {
	t.Helper()
	d, err := p.DecideInput(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := c.Expect
	for _, o := range append(want.Obligations, "log") {
		if !slices.Contains(d.Obligations(), o) {
			t.Errorf("%s: obligations %v lack %q", c.Title, d.Obligations(), o)
		}
	}
	want.Obligations = nil
	if diff := cmp.Diff(want, got(d), byName, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", c.Title, diff)
	}
}

// TestNothingAboutThePerson: the first eight stages answer alike whoever the
// question is about (domain, Section 16.2), so that not even a withdrawn
// consent shows in what they ask for. From the ninth on the sender is told.
func TestNothingAboutThePerson(t *testing.T) {
	p, tab := builtIn(t)
	w, cases := golden(t)
	i := slices.IndexFunc(cases, func(c fixtures.Case) bool { return c.ID == "G38" })
	for name, tt := range map[string]struct {
		spoil func(*facts.Input)
		want  bool
	}{
		"log":      {func(in *facts.Input) { in.Facts.LogAvailable = false }, false},
		"type":     {func(in *facts.Input) { in.Type = "exit.gossip" }, false},
		"session":  {func(in *facts.Input) { in.Actor.Kind = gateway.Police }, false},
		"bulk":     {func(in *facts.Input) { in.Bulk = true }, false},
		"route":    {func(in *facts.Input) { in.Type = "exit.transition" }, false},
		"purpose":  {func(in *facts.Input) { in.Purpose = "CRIME_PREVENTION" }, false},
		"conflict": {func(in *facts.Input) { in.Facts.ConflictOfInterest = true }, true},
		"closed":   {func(in *facts.Input) { in.Facts.CaseOpen = false }, true},
		"fields":   {func(*facts.Input) {}, true},
	} {
		in := input(t, p, w, cases[i], tab)
		tt.spoil(&in)
		d, err := p.DecideInput(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if d.Outcome() != gateway.Deny || slices.Contains(d.Obligations(), "recall_notice") != tt.want {
			t.Errorf("%s: %s %s with %v", name, d.Outcome(), d.Reason(), d.Obligations())
		}
	}
}
