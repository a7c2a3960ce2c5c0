package workbench_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway/workbench"
	"sluss/policies"
)

// question is a case with the right answer. Each test of reading spoils or
// changes one thing.
const question = `{
  "id": "Q1", "title": "A stranger asks for what there is not", "at": "2026-06-01T10:00:00+02:00",
  "actor": {"user": "u1", "role": "municipality.mayor", "agency": "municipality:Z", "assigned": true, "coi": false},
  "discloser": {"agency": "police", "role": "police.exit_coordinator_regional"},
  "request": {"message_type": "exit.threat_assessment", "subject": "A1", "purpose": "PROTECTION", "fields": "default",
    "initiative": "actor", "basis_claimed": ["OSL-12-2"]},
  "expect": {"outcome": "DENY", "reason": "UNKNOWN"},
  "why": "", "source": []
}`

// casesIn writes a directory of cases in the world of the worked cases.
func casesIn(t *testing.T, cases string) string {
	t.Helper()
	dir := t.TempDir()
	world, err := os.ReadFile("../../policies/cases/golden/fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"fixtures.json": world, "cases.json": []byte(cases)} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func asItStands(t *testing.T) *workbench.Pack {
	t.Helper()
	p, err := workbench.Read(t.Context(), policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReadCases takes whatever a case may say and refuses the rest, one case at
// a time and by its name.
func TestReadCases(t *testing.T) {
	p := asItStands(t)
	tests := []struct {
		name, old, new string
		says           string // of the error; "" for a case that passes
	}{
		{"nothing", "", "", ""},
		{"agency that is not there", "municipality:Z", "moon:17", ""},
		{"subject null", `"A1"`, "null", ""},
		{"subject that is not there", `"A1"`, `"NOBODY"`, ""},
		{"field that is no field", `"default"`, `["shoe_size"]`, ""},
		{"fields null", `"fields": "default",`, `"fields": null,`, ""},
		{"type that is none", `exit.threat_assessment`, `exit.gossip`, ""},
		{"purpose that is none", `PROTECTION`, `CURIOSITY`, ""},
		{"basis that is none", `["OSL-12-2"]`, `["OSL-99"]`, ""},
		{"same basis twice", `["OSL-12-2"]`, `["OSL-12-2", "OSL-12-2"]`, ""},
		{"no bases", `, "basis_claimed": ["OSL-12-2"]`, ``, ""},
		{"reason with a fraction", `"fields"`, `"reason": {"code": "other", "length": 4.0e1}, "fields"`, ""},
		{"world as it is", `"expect"`, `"facts": null, "expect"`, ""},
		{"world without the person", `"expect"`, `"facts": {"subjects": {"A1": null}}, "expect"`, ""},
		{"world with fractions", `"expect"`, `"facts": {"assessments": {"X": {"ground": 2.0}}}, "expect"`, ""},
		{"members that may be absent", `"expect"`, `"facts": {}, "expect"`, ""},
		{"values null", `"initiative"`, `"values": null, "about": null, "emergency": null, "queued_at": null, "initiative"`, ""},
		{"expectations null", `"reason": "UNKNOWN"}`, `"reason": "UNKNOWN", "allowed": null, "withheld": null, "basis": null}`, ""},

		{"misspelt member", `"actor"`, `"actr"`, `case Q1: fixtures: malformed case: reading the cases: json: unknown field "actr"`},
		{"misspelt expectation", `"reason": "UNKNOWN"`, `"raeson": "UNKNOWN"`, `case Q1: `},
		{"time that is none", `2026-06-01T10`, `2026-06-31T25`, `case Q1: `},
		{"misspelt fact", `"expect"`, `"facts": {"subjects": {"A1": {"psww": true}}}, "expect"`, `case Q1: `},
		{"initiative of nobody", `"initiative": "actor"`, `"initiative": "nobody"`, `case Q1: `},
		{"no id", `"id": "Q1"`, `"id": ""`, `case number 1: `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(question, tt.old, tt.new, 1)
			if tt.old != "" && text == question {
				t.Fatalf("the case does not hold %s", tt.old)
			}
			tried, err := workbench.Try(t.Context(), p, workbench.TryOptions{Cases: []string{casesIn(t, "["+text+"]")}})
			if err != nil {
				t.Fatal(err)
			}
			c := tried.Cases[0]
			if c.Passed != (tt.says == "") || !strings.HasPrefix(c.Error, tt.says) || tt.says == "" && c.Error != "" {
				t.Errorf("got %+v, want an error that begins with %q", c, tt.says)
			}
			if tried.Passed+tried.Failed != 1 || (tried.Passed == 1) != (tt.says == "") {
				t.Errorf("%d passed, %d failed", tried.Passed, tried.Failed)
			}
		})
	}
}

// TestTryRefuses: cases that cannot be found or told apart.
func TestTryRefuses(t *testing.T) {
	p := asItStands(t)
	tests := []struct {
		name, cases string
		want        error
	}{
		{"no list", `{}`, workbench.ErrPack},
		{"two values", `[] []`, workbench.ErrPack},
		{"no JSON", `[`, workbench.ErrPack},
		{"none", `[]`, workbench.ErrNothing},
	}
	for _, tt := range tests {
		if _, err := workbench.Try(t.Context(), p, workbench.TryOptions{Cases: []string{casesIn(t, tt.cases)}}); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := workbench.Try(t.Context(), p, workbench.TryOptions{Cases: []string{t.TempDir()}}); !errors.Is(err, workbench.ErrPack) {
		t.Errorf("empty directory: %v", err)
	}
	tried, err := workbench.Try(t.Context(), p, workbench.TryOptions{Cases: []string{casesIn(t, "["+question+","+question+"]")}})
	if err != nil || tried.Passed != 1 || tried.Failed != 1 || !strings.Contains(tried.Cases[1].Error, "used by an earlier case") {
		t.Errorf("same id twice: %+v, %v", tried, err)
	}
}

// TestTryTellsWhatDiffers spoils one part of the right answers of the worked
// cases at a time: that part is told, and no other.
func TestTryTellsWhatDiffers(t *testing.T) {
	raw, err := os.ReadFile("../../policies/cases/golden/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, id string
		spoil    func(expect map[string]any)
		want     []workbench.Mismatch
	}{
		{"nothing", "G01", func(map[string]any) {}, nil},
		{"order of fields", "G01", func(e map[string]any) {
			l := e["allowed"].([]any)
			l[0], l[1] = l[1], l[0]
		}, nil},
		{"outcome", "G01", func(e map[string]any) { e["outcome"] = "PERMIT" }, []workbench.Mismatch{{What: "outcome", Expected: "PERMIT", Got: "PARTIAL"}}},
		{"reason", "G70", func(e map[string]any) { e["reason"] = "SESSION" }, []workbench.Mismatch{{What: "reason", Expected: "SESSION", Got: "UNKNOWN"}}},
		{"basis", "G01", func(e map[string]any) { e["basis"].(map[string]any)["method"] = "PL-6" },
			[]workbench.Mismatch{{What: "method", Expected: "allowed on PL-6", Got: "allowed on OSL-12-2"}}},
		{"reason of a field", "G01", func(e map[string]any) { e["withheld"].(map[string]any)["threat_actors"] = "CEILING" },
			[]workbench.Mismatch{{What: "threat_actors", Expected: "withheld (CEILING)", Got: "withheld (BLK-PUB)"}}},
		{"field left out", "G01", func(e map[string]any) { delete(e["withheld"].(map[string]any), "threat_actors") },
			[]workbench.Mismatch{{What: "threat_actors", Expected: "not mentioned", Got: "withheld (BLK-PUB)"}}},
		{"field that there is not", "G01", func(e map[string]any) { e["withheld"].(map[string]any)["shoe_size"] = "NO-BASIS" },
			[]workbench.Mismatch{{What: "shoe_size", Expected: "withheld (NO-BASIS)", Got: "not mentioned"}}},
		{"obligation", "G01", func(e map[string]any) { e["obligations"] = []string{"show_validity", "recall"} },
			[]workbench.Mismatch{{What: "obligations", Expected: "among them recall", Got: "log, show_validity"}}},
		{"cells", "G01", func(e map[string]any) { e["suppressed_cells"] = []string{"c1"} },
			[]workbench.Mismatch{{What: "suppressed_cells", Expected: "c1", Got: "nothing"}}},
	}
	p := asItStands(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var cases []map[string]any
			if err := json.Unmarshal(raw, &cases); err != nil {
				t.Fatal(err)
			}
			for _, c := range cases {
				if c["id"] == tt.id {
					tt.spoil(c["expect"].(map[string]any))
				}
			}
			changed, err := json.Marshal(cases)
			if err != nil {
				t.Fatal(err)
			}
			tried, err := workbench.Try(t.Context(), p, workbench.TryOptions{
				Cases: []string{casesIn(t, string(changed))}, Only: regexp.MustCompile("^" + tt.id + "$"),
			})
			if err != nil || len(tried.Cases) != 1 {
				t.Fatalf("%+v, %v", tried, err)
			}
			if diff := cmp.Diff(tt.want, tried.Cases[0].Mismatches); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
