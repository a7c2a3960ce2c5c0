package workbench_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/facts/fixtures"
	"sluss/gateway/workbench"
)

// goldenInputs are the inputs of the golden cases, by id.
func goldenInputs(t testing.TB, p *workbench.Pack) map[string]facts.Input {
	t.Helper()
	read := func(name string) []byte {
		raw, err := os.ReadFile("../../policies/cases/golden/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	world, err := fixtures.ReadWorld(read("fixtures.json"))
	if err != nil {
		t.Fatal(err)
	}
	cases, err := fixtures.ReadCases(read("cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]facts.Input{}
	for _, c := range cases {
		if out[c.ID], err = p.CaseInput(world, c); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func builtInPack(t testing.TB) *workbench.Pack {
	t.Helper()
	p, err := workbench.Open(t.Context(), "../../policies")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestExplainGolden explains every third golden case: what is released and
// withheld is what was decided, and every withheld field has a reason in words.
func TestExplainGolden(t *testing.T) {
	p := builtInPack(t)
	inputs := goldenInputs(t, p)
	for i, id := range slices.Sorted(maps.Keys(inputs)) {
		in := inputs[id]
		if i%3 != 0 {
			continue // each looks for what is nearest of every field, thousands of decisions
		}
		d, err := p.Policy.DecideInput(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		x, err := p.Explain(t.Context(), in, workbench.ExplainOptions{Language: workbench.Swedish})
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if x.Outcome != string(d.Outcome()) || len(x.Fields) != len(d.Allowed())+len(d.Withheld()) || (len(x.Stops) > 0) != (d.Stage() != "") {
			t.Errorf("%s: explained as %s with %d fields", id, x.Outcome, len(x.Fields))
		}
		for _, f := range x.Fields {
			if _, released := d.Allows(gateway.Field(f.Field)); released != f.Released || !released && (f.Means == "" || f.Means == f.Reason) {
				t.Errorf("%s: %s is explained as %v because %s", id, f.Field, f.Released, f.Means)
			}
			for _, a := range f.Nearest {
				if a.Basis == "" || len(a.Changes) == 0 {
					t.Errorf("%s: %s would be released by %v on %q", id, f.Field, a.Changes, a.Basis)
				}
			}
		}
	}
}

// TestNearest holds what is said to be missing to what the law says is missing.
func TestNearest(t *testing.T) {
	p := builtInPack(t)
	inputs := goldenInputs(t, p)
	tests := []struct {
		name  string
		of    string
		field gateway.Field
		spoil func(*facts.Input)
		want  []string // the changes of the nearest alternative
		basis string
	}{
		{"a consent that names the class", "G01", "family_at_risk", nil,
			[]string{"name the field", "give a reason", "a consent in force naming class FAM"}, "OSL-12-2"},
		{"a consent for a protected person", "G03", "housing_address", nil,
			[]string{"name the field", "give a reason", "a consent in force naming class PAD"}, "OSL-12-2"},
		{"a decision under the general clause", "G01", "ongoing_investigation_flag", nil,
			[]string{"claim OSL-10-27 (OSL 10 kap. 27 §, General clause (generalklausulen))",
				"a recorded decision of kind balancing_obvious naming ongoing_investigation_flag (on OSL-10-27)"}, "OSL-10-27"},
		{"the consent alone", "G01", "risk_level", func(in *facts.Input) { delete(in.Consent, "RSK") },
			[]string{"a consent in force naming class RSK"}, "OSL-12-2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, ok := inputs[tt.of]
			if !ok {
				t.Fatal("no such case")
			}
			if tt.spoil != nil {
				tt.spoil(&in)
			}
			x, err := p.Explain(t.Context(), in, workbench.ExplainOptions{Language: workbench.English, Field: tt.field})
			if err != nil || len(x.Fields) != 1 || len(x.Fields[0].Nearest) == 0 {
				t.Fatalf("%+v, %v", x.Fields, err)
			}
			if got := x.Fields[0].Nearest[0]; !slices.Equal(got.Changes, tt.want) || got.Basis != tt.basis {
				t.Errorf("got %q on %s, want %q on %s", got.Changes, got.Basis, tt.want, tt.basis)
			}
		})
	}
}

// TestNearestOfAStop: what would let a stopped decision go on is found among the
// facts, one by one and in pairs.
func TestNearestOfAStop(t *testing.T) {
	p := builtInPack(t)
	in := goldenInputs(t, p)["G01"]
	in.Facts.CaseOpen, in.Facts.Assigned = false, false
	x, err := p.Explain(t.Context(), in, workbench.ExplainOptions{Language: workbench.English})
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Stops) != 2 || len(x.Stops[0].Conditions) == 0 || len(x.Change) == 0 {
		t.Fatalf("%d stops, nearest %v", len(x.Stops), x.Change)
	}
	got := strings.Join(x.Change[0].Changes, "; ")
	if !strings.Contains(got, "assigned") || !strings.Contains(got, "open") || x.Change[0].Outcome != "PARTIAL" {
		t.Errorf("nearest is %q, then %s", got, x.Change[0].Outcome)
	}
}

// TestWords: every code that a decision can hold has a word in both languages.
func TestWords(t *testing.T) {
	p := builtInPack(t)
	var words struct {
		Words map[string]map[string]struct{ SV, EN string }
	}
	readTree(t, p, "data/words.json", &words)
	for group, file := range map[string]string{"obligations": "obligations", "kinds": "kinds", "purposes": "purposes", "classes": "classes", "reasons": "blockers"} {
		var table map[string]map[string]any
		readTree(t, p, "data/"+file+".json", &table)
		for code := range table[file] {
			if w := words.Words[group][code]; w.SV == "" || w.EN == "" {
				t.Errorf("%s %s has no words", group, code)
			}
		}
	}
	var reasons struct{ Reasons map[string]map[string]any }
	readTree(t, p, "data/reasons.json", &reasons)
	for _, level := range reasons.Reasons {
		for code := range level {
			if w := words.Words["reasons"][code]; w.SV == "" || w.EN == "" {
				t.Errorf("reason %s has no words", code)
			}
		}
	}
}

// readTree reads a file of a pack.
func readTree(t *testing.T, p *workbench.Pack, name string, into any) {
	t.Helper()
	raw, err := fs.ReadFile(p.Snapshot.FS(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}
