package policy_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"sluss/gateway/policy"
	"sluss/policies"
)

// tree returns the built-in policy as a tree that a test may change.
func tree(t testing.TB) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	for _, pattern := range []string{"data/*.json", "message_types/*.json", "provisions/*.rego"} {
		names, err := fs.Glob(policies.FS, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			raw, err := fs.ReadFile(policies.FS, name)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = &fstest.MapFile{Data: raw}
		}
	}
	return out
}

// provision is a good provision. Each test of the language spoils one thing.
const provision = `package provisions

# METADATA
# description: A basis for the test.
# custom:
#   {id: TEST-1, statute: OSL 10 kap. 99 §, titles: {sv: Prov, en: Test}, way: automatic, claim_needed: true,
#   opens: ["26:1"], reach: {classes: [CAS], fields: [phone]}, sv: {description: En grund för provet.}}
grant contains rego.metadata.rule().custom.id if {
	input.purpose == "PROTECTION"
	input.facts.on_record
	not input.facts.protected
}
`

// TestLanguage refuses a provision that says something that is in no table, or
// in a language that could say anything.
func TestLanguage(t *testing.T) {
	replace := func(old, new string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, new, 1) }
	}
	add := func(line string) func(string) string {
		return replace("\tinput.facts.on_record\n", "\tinput.facts.on_record\n\t"+line+"\n")
	}
	tests := []struct {
		name  string
		spoil func(string) string
		want  error
	}{
		{"nothing", func(s string) string { return s }, nil},
		{"other package", replace("package provisions", "package other"), policy.ErrProvision},
		{"syntax", replace("if {", "if {{"), policy.ErrProvision},
		{"no METADATA", replace("# METADATA", "# metadata"), policy.ErrProvision},
		{"no description", replace("# description: A basis for the test.\n", ""), policy.ErrProvision},
		{"no statute", replace("statute: OSL 10 kap. 99 §, ", ""), policy.ErrProvision},
		{"no Swedish title", replace("sv: Prov, ", ""), policy.ErrProvision},
		{"no Swedish description", replace(", sv: {description: En grund för provet.}", ""), policy.ErrProvision},
		{"a lawyer's point in English alone", replace("way: automatic,", "way: automatic, lawyer: whether,"), policy.ErrProvision},
		{"no id", replace("id: TEST-1, ", ""), policy.ErrProvision},
		{"id of another", replace("TEST-1", "OSL-12-2"), policy.ErrProvision},
		{"no way", replace("way: automatic, ", ""), policy.ErrProvision},
		{"unknown way", replace("automatic", "automatically"), policy.ErrProvision},
		{"decision without kind", replace("way: automatic", "way: decision"), policy.ErrProvision},
		{"misspelt member", replace("reach", "raech"), policy.ErrProvision},
		{"misspelt reach", replace("classes", "klasses"), policy.ErrProvision},
		{"unknown class", replace("[CAS]", "[CASE]"), policy.ErrProvision},
		{"unknown field", replace("[phone]", "[telephone]"), policy.ErrProvision},
		{"unknown secrecy rule", replace("26:1", "26:999"), policy.ErrProvision},
		{"unknown purpose", replace(`"PROTECTION"`, `"PROTECTOIN"`), policy.ErrProvision},
		{"unknown purpose in a set", replace(`== "PROTECTION"`, `in {"PROTECTION", "CURE"}`), policy.ErrProvision},
		{"unknown fact", replace("input.facts.on_record", "input.facts.onrecord"), policy.ErrProvision},
		{"unknown fact behind not", replace("input.facts.protected", "input.facts.protekted"), policy.ErrProvision},
		{"unknown role", add(`input.actor.role == "police.dog"`), policy.ErrProvision},
		{"unknown kind", add(`input.discloser.kind != "COP"`), policy.ErrProvision},
		{"unknown type", add(`input.type in {"exit.gossip"}`), policy.ErrProvision},
		{"unknown value", add(`input.values.report_kind == "rumour"`), policy.ErrProvision},
		{"unknown member of the input", add(`input.subject == "x"`), policy.ErrProvision},
		{"input as a whole", add(`x := input; x.bulk`), policy.ErrProvision},
		{"input by a computed name", add(`some k; input[k] == true`), policy.ErrProvision},
		{"something replaced", add(`input.bulk with input.bulk as true`), policy.ErrProvision},
		{"network", add(`http.send({"method": "GET", "url": "http://localhost"})`), policy.ErrProvision},
		{"clock", add(`time.now_ns() > 0`), policy.ErrProvision},
		{"randomness", add(`rand.intn("x", 2) == 1`), policy.ErrProvision},
		{"environment", add(`opa.runtime()`), policy.ErrProvision},
		{"text", add(`sprintf("%s", ["x"]) == "x"`), policy.ErrProvision},
		{"range", add(`numbers.range(1, 1000000000)[0] == 1`), policy.ErrProvision},
		{"unused variable", add(`x := 1`), policy.ErrProvision},
		{"obligation without when", func(string) string {
			return strings.Replace(strings.Replace(provision, "grant", "obligation", 1), "way: automatic", "code: log", 1)
		}, policy.ErrProvision},
		{"adjustment the join does not know", func(string) string {
			return strings.Replace(strings.Replace(provision, "grant", "adjustment", 1), "way: automatic", "change: open_all", 1)
		}, policy.ErrProvision},
		{"stage that releases", func(string) string {
			return strings.Replace(strings.Replace(provision, "grant", "stop", 1), "way: automatic", "stage: 3, code: SESSION, outcome: PERMIT", 1)
		}, policy.ErrProvision},
		{"restriction without a reason", func(string) string {
			return strings.Replace(strings.Replace(provision, "grant", "restriction", 1), "way: automatic", "step: 4", 1)
		}, policy.ErrProvision},
		{"by hand for no basis", func(string) string { return strings.Replace(provision, "grant", "by_hand", 1) }, policy.ErrProvision},
		{"too large", func(s string) string { return s + strings.Repeat("# x\n", 200_000) }, policy.ErrProvision},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := tree(t)
			files["provisions/test.rego"] = &fstest.MapFile{Data: []byte(tt.spoil(provision))}
			if _, err := policy.Read(t.Context(), files, digest); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestTables refuses tables that are not whole or name what is not there.
func TestTables(t *testing.T) {
	tests := []struct {
		name, file, old, new string
		want                 error
	}{
		{"file missing", "data/flows.json", "", "", policy.ErrTable},
		{"not JSON", "data/kinds.json", "{", "", policy.ErrTable},
		{"under another key", "data/flows.json", `"flows"`, `"flow"`, policy.ErrTable},
		{"flow with a basis that nobody wrote", "data/flows.json", `"OSL-12-2"`, `"OSL-12-22"`, policy.ErrTable},
		{"ceiling with an unknown cell", "data/ceilings.json", `"CAS": "A"`, `"CAS": "X"`, policy.ErrTable},
		{"ceiling of an unknown role", "data/ceilings.json", `"provider.manager": {`, `"provider.boss": {`, policy.ErrTable},
		{"route of an unknown role", "data/routes.json", `"provider.manager"`, `"provider.boss"`, policy.ErrTable},
		{"route of an unknown urgency", "data/routes.json", `"acute"`, `"soon"`, policy.ErrTable},
		{"no limits", "data/limits.json", `"small_cells"`, `"cells"`, policy.ErrTable},
		{"field without class", "message_types/exit.contact.schema.json", `"x-class": "CAS"`, `"x-klass": "CAS"`, policy.ErrTable},
		{"field of an unknown class", "message_types/exit.contact.schema.json", `"x-class": "CAS"`, `"x-class": "CASE"`, policy.ErrTable},
		{"field under an unknown rule", "message_types/exit.contact.schema.json", `"26:5"`, `"26:55"`, policy.ErrTable},
		{"type under another name", "message_types/exit.contact.schema.json", `"x-message-type": "exit.contact"`, `"x-message-type": "exit.call"`, policy.ErrTable},
		{"constants without order", "provisions/decision.rego", `"deny_order"`, `"order_of_denial"`, policy.ErrProvision},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := tree(t)
			raw := string(files[tt.file].Data)
			if tt.old == "" {
				delete(files, tt.file)
			} else if !strings.Contains(raw, tt.old) {
				t.Fatalf("%s does not hold %s", tt.file, tt.old)
			} else {
				files[tt.file] = &fstest.MapFile{Data: []byte(strings.Replace(raw, tt.old, tt.new, 1))}
			}
			if _, err := policy.Read(t.Context(), files, digest); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestRegister asks of the built-in provisions what a legal officer relies on:
// each has its statute and titles, and each flow's bases are among them.
func TestRegister(t *testing.T) {
	p := read(t)
	ids := map[string]bool{}
	for _, pr := range p.Provisions() {
		if ids[pr.ID] {
			t.Errorf("%s is there twice", pr.ID)
		}
		ids[pr.ID] = true
		if pr.Statute == "" || pr.Titles.SV == "" || pr.Titles.EN == "" || pr.Description == "" || pr.SV.Description == "" {
			t.Errorf("%s lacks a statute, a title or a description", pr.ID)
		}
	}
	if len(ids) < 120 {
		t.Errorf("%d provisions are registered", len(ids))
	}
	if need := p.Needs()["OSL-25-12"]; need.Kind != "need" || need.Ground != "numbered" {
		t.Errorf("OSL-25-12 needs %+v", need)
	}
	if need, ok := p.Needs()["OSL-12-2"]; !ok || need.Kind != "" {
		t.Errorf("OSL-12-2 needs %+v", need)
	}
}
