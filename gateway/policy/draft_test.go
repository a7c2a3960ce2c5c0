package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway/policy"
)

// TestExamine finds everything that is wrong with a draft at once, with its
// line and the name that was probably meant.
func TestExamine(t *testing.T) {
	if found := policy.Examine(tree(t)).Findings; len(found) > 0 {
		t.Fatalf("the built-in policy: %v", found)
	}
	const file = "provisions/test.rego"
	at := func(line int, code, subject, place, near string) policy.Finding {
		return policy.Finding{File: file, Line: line, Code: code, Subject: subject, Place: place, Near: near}
	}
	add := func(lines ...string) func(string) string {
		return func(s string) string {
			return strings.Replace(s, "\tinput.facts.on_record\n", "\t"+strings.Join(lines, "\n\t")+"\n", 1)
		}
	}
	replace := func(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }
	tests := []struct {
		name  string
		spoil func(string) string
		want  []policy.Finding
	}{
		{"nothing", func(s string) string { return s }, nil},
		{"several", replace(`"PROTECTION"`, `"audti"`, "input.facts.on_record", "input.facts.on_recrod", "[CAS]", "[CASE]", "[phone]", "[phon]", "26:1", "26:11"), []policy.Finding{
			at(3, "unknown-name", "26:11", "opens", "26:1"),
			at(3, "unknown-name", "CASE", "reach.classes", "CAS"),
			at(3, "unknown-name", "phon", "reach.fields", "phone"),
			at(9, "unknown-literal", "audti", "input.purpose", "AUDIT"),
			at(10, "unknown-member", "input.facts.on_recrod", "", "input.facts.on_record"),
		}},
		{"misspelt METADATA", replace("reach", "raech"), []policy.Finding{
			at(3, "bad-metadata", `METADATA of a grant TEST-1: json: unknown field "raech"`, "", "reach"),
		}},
		{"no METADATA", replace("# METADATA", "# metadata"), []policy.Finding{at(8, "no-metadata", "grant", "", "")}},
		{"assignment", add("x := 1", "x == 1"), []policy.Finding{
			at(10, "outside-body", "x := 1", "", ""), at(11, "outside-body", "x == 1", "", ""),
		}},
		{"with", add("input.bulk with input.bulk as true"), []policy.Finding{at(10, "outside-body", "input.bulk with input.bulk as true", "", "")}},
		{"comprehension", add("[y | some y in input.named][0]"), []policy.Finding{at(10, "outside-body", "[y | some y in input.named][0]", "", "")}},
		{"every", add("every y in input.named { y == \"phone\" }"), []policy.Finding{
			at(10, "outside-body", `every y in input.named { y == "phone" }`, "", ""),
		}},
		{"builtin", add("count(input.named) == 1"), []policy.Finding{at(10, "outside-body", "count(input.named) == 1", "", "")}},
		{"builtin as a condition", add(`startswith(input.purpose, "P")`), []policy.Finding{at(10, "outside-builtin", `startswith(input.purpose, "P")`, "", "")}},
		{"another set", add(`grant["OSL-12-2"]`), []policy.Finding{at(10, "outside-body", `grant["OSL-12-2"]`, "", "")}},
		{"other data", add(`data.flows.MUN`), []policy.Finding{at(10, "outside-body", "data.flows.MUN", "", "")}},
		{"value", func(s string) string { return s + "\nlevel := 3 if input.bulk\n" }, []policy.Finding{at(14, "outside-head", "level := 3 if input.bulk", "", "")}},
		{"default", func(s string) string { return s + "\ndefault open := true\n" }, []policy.Finding{at(14, "outside-head", "default", "", "")}},
		{"else", func(s string) string { return s + "\nopen if input.bulk\n\nelse if input.acute\n" }, []policy.Finding{at(14, "outside-head", "open if input.bulk", "", "")}},
		{"other set by hand", func(s string) string { return s + "\ngrant contains \"OSL-12-2\"\n" }, []policy.Finding{
			at(14, "no-metadata", "grant", "", ""), at(14, "outside-head", `grant contains "OSL-12-2"`, "", ""),
		}},
		{"import", func(s string) string {
			return strings.Replace(s, "package provisions\n", "package provisions\nimport data.flows\n", 1)
		}, []policy.Finding{at(2, "outside-head", "import", "", "")}},
		{"recursion", func(s string) string { return s + "\na if b\n\nb if a\n" }, []policy.Finding{
			at(14, "compiler", "rule data.provisions.a is recursive: data.provisions.a -> data.provisions.b -> data.provisions.a", "", ""),
			at(16, "compiler", "rule data.provisions.b is recursive: data.provisions.b -> data.provisions.a -> data.provisions.b", "", ""),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := tree(t)
			files[file] = &fstest.MapFile{Data: []byte(tt.spoil(provision))}
			found := policy.Examine(files).Findings
			if diff := cmp.Diff(tt.want, found); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if _, err := policy.Read(t.Context(), files, digest); (err != nil) != (len(tt.want) > 0) || err != nil && !errors.Is(err, policy.ErrProvision) {
				t.Errorf("a gateway says %v", err)
			}
		})
	}
}

// TestExamineTables finds what flows and constants name that nobody wrote.
func TestExamineTables(t *testing.T) {
	tests := []struct{ name, file, old, new, want string }{
		{"flow", "data/flows.json", `"OSL-12-2"`, `"OSL-12-22"`, `data/flows.json:0: no-provision "OSL-12-22" in flow POL to MUN; did you mean OSL-10-22?`},
		{"table", "data/kinds.json", "{", "", `data/:0: bad-table "kinds: invalid character ':' after top-level value"`},
		{"constants", "provisions/decision.rego", `"deny_order"`, `"order_of_denial"`,
			`provisions/decision.rego:16: bad-constants "constants: json: unknown field \"order_of_denial\""`},
	}
	for _, tt := range tests {
		files := tree(t)
		raw := strings.Replace(string(files[tt.file].Data), tt.old, tt.new, 1)
		files[tt.file] = &fstest.MapFile{Data: []byte(raw)}
		found := policy.Examine(files).Findings
		if len(found) != 1 || found[0].String() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, found, tt.want)
		}
	}
}

// TestHostile reads drafts that take a parser, compiler or evaluator minutes
// or gigabytes if they get that far. None does.
func TestHostile(t *testing.T) {
	doubling := "x0 := 1\n"
	for i := range 24 {
		doubling += fmt.Sprintf("x%d := [x%d, x%d]\n", i+1, i, i)
	}
	functions := "f0(a) if a == \"x\"\n"
	for i := range 24 {
		functions += fmt.Sprintf("f%d(a) if f%d(a)\nf%d(a) if {\n\tf%d(a)\n\tinput.bulk\n}\n", i+1, i, i+1, i)
	}
	bomb := "# METADATA\n# custom:\n#   a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += fmt.Sprintf("#   %c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ","))
	}
	tests := []struct{ name, text string }{
		{"comprehensions in comprehensions", "p := " + strings.Repeat("[x | x := ", 30) + "1" + strings.Repeat("]", 30)},
		{"calls in calls", "p if " + strings.Repeat("f(", 200) + "1" + strings.Repeat(")", 200)},
		{"references in references", "p if " + strings.Repeat("input[", 200) + "1" + strings.Repeat("]", 200)},
		{"brackets", "p := " + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000)},
		{"else", "p if q " + strings.Repeat("else := 1 if q ", 20_000)},
		{"doubling", doubling},
		{"doubled constants", doubling + "constants := x24"},
		{"doubling functions", functions},
		{"loops in loops", "p if {\n" + strings.Repeat("\tsome x in input.named\n", 4) + "\tx == \"phone\"\n}"},
		{"huge number", "p := 1e999999999"},
		{"long number", "p if input.bulk == " + strings.Repeat("9", 100_000)},
		{"rules", strings.Repeat("p if q\n", 50_000)},
		{"aliases", bomb + "p if true\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := tree(t)
			files["provisions/test.rego"] = &fstest.MapFile{Data: []byte("package provisions\n\n" + tt.text)}
			if _, err := policy.Read(t.Context(), files, digest); !errors.Is(err, policy.ErrProvision) {
				t.Errorf("got %v, want %v", err, policy.ErrProvision)
			}
		})
	}
	many := tree(t)
	for i := range 10 {
		many[fmt.Sprintf("provisions/large%d.rego", i)] = &fstest.MapFile{Data: []byte("package provisions\n\n" + strings.Repeat("# x\n", 60_000))}
	}
	if found := policy.Examine(many).Findings; len(found) != 1 || found[0].Code != policy.TooLarge {
		t.Errorf("ten large files: %v", found)
	}
}
