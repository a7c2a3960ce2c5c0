package workbench_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluss/gateway/policy"
	"sluss/gateway/workbench"
)

// draft copies the law as it stands and adds files to it, by their path.
func draft(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "draft")
	if err := os.CopyFS(dir, os.DirFS("../../policies")); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// stage is a provision whose body a test gives.
const stage = `package provisions

# METADATA
# description: A stage for the test.
# custom:
#   {id: STAGE-99, stage: 99, code: SESSION, outcome: DENY, statute: OSL 7 kap. 1 §, titles: {sv: Prov, en: Test}, sv: {description: Prov.}}
stop contains rego.metadata.rule().custom.id if {
BODY
}
`

const named = "package provisions_test\n\ntest_named if \"STAGE-99\" != \"\"\n"

// TestLintConditions looks at the conditions of one provision together. What is
// fine is not complained of; what is not is, once.
func TestLintConditions(t *testing.T) {
	tests := []struct {
		name string
		body []string
		want []string // codes
	}{
		{"facts", []string{`input.facts.psw`, `not input.facts.protected`}, nil},
		{"values", []string{`input.actor.kind == "PRV"`, `input.type in {"exit.contact", "exit.referral"}`, `input.purpose != "AUDIT"`}, nil},
		{"narrowing", []string{`input.type in {"exit.contact", "exit.referral"}`, `input.type != "exit.contact"`}, nil},
		{"look-up", []string{`some name in input.named`, `data.catalogue.types[input.type].fields[name].class == "PIL"`}, nil},
		{"presence behind not", []string{`not data.catalogue.purposes[input.purpose]`}, nil},
		{"membership behind not", []string{`not input.values.request_kind in {"referral", "sip"}`}, nil},
		{"helper behind not", []string{`not break_glass`}, nil},

		{"fact and its opposite", []string{`input.facts.psw`, `not input.facts.psw`}, []string{"impossible"}},
		{"two values", []string{`input.actor.kind == "PRV"`, `input.actor.kind == "POL"`}, []string{"impossible"}},
		{"value excluded", []string{`input.actor.kind == "PRV"`, `input.actor.kind != "PRV"`}, []string{"impossible"}},
		{"value not in the set", []string{`input.type in {"exit.contact", "exit.referral"}`, `input.type == "exit.consent"`}, []string{"impossible"}},
		{"empty set", []string{`input.type in []`}, []string{"impossible"}},
		{"role of another kind", []string{`input.actor.kind == "PRV"`, `input.actor.role == "police.investigator"`}, []string{"impossible"}},
		{"helper and its opposite", []string{`break_glass`, `not break_glass`}, []string{"impossible"}},
		{"literal false", []string{`false`}, []string{"impossible"}},
		{"unequal literals", []string{`"a" == "b"`}, []string{"impossible"}},

		{"said twice", []string{`input.facts.psw`, `input.bulk`, `input.facts.psw`}, []string{"constant"}},
		{"implied", []string{`input.actor.kind == "PRV"`, `input.actor.kind != "POL"`}, []string{"constant"}},
		{"literal true", []string{`true`, `input.bulk`}, []string{"constant"}},
		{"compared with itself", []string{`input.actor.kind == input.actor.kind`}, []string{"constant"}},

		{"look-up compared behind not", []string{`not data.catalogue.kinds[input.actor.kind].authority == true`}, []string{"not-undefined"}},
		{"consent compared behind not", []string{`not input.consent.CAS == "in_force"`}, []string{"not-undefined"}},
		{"look-up as an argument behind not", []string{`not belongs(data.catalogue.roles[input.actor.role])`}, []string{"not-undefined"}},
		{"look-up by a look-up behind not", []string{`not data.catalogue.kinds[data.catalogue.roles[input.actor.role].kind]`}, []string{"not-undefined"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(stage, "BODY", "\t"+strings.Join(tt.body, "\n\t"), 1)
			found, err := workbench.Lint(t.Context(), draft(t, map[string]string{
				"provisions/stage.rego": text, "provisions/stage_test.rego": named,
			}))
			if err != nil {
				t.Fatal(err)
			}
			if got := codes(found); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v: %+v", got, tt.want, found)
			}
		})
	}
}

// codes lists the codes of errors.
func codes(found []workbench.Finding) []string {
	var out []string
	for _, f := range found {
		if !f.Warning {
			out = append(out, f.Code)
		}
	}
	return out
}

// TestLintRules looks at rules beside each other and beside their tests.
func TestLintRules(t *testing.T) {
	fine := strings.Replace(stage, "BODY", "\tinput.facts.psw", 1)
	again := strings.Replace(strings.Replace(fine, "package provisions\n", "", 1), "STAGE-99", "STAGE-98", 1)
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"fine", map[string]string{"provisions/s.rego": fine, "provisions/s_test.rego": named}, nil},
		{"no test", map[string]string{"provisions/s.rego": fine}, []string{"untested"}},
		{"test that is no Rego", map[string]string{"provisions/s.rego": fine, "provisions/s_test.rego": "test"}, []string{"untested", "syntax"}},
		{"twice", map[string]string{"provisions/s.rego": fine + again, "provisions/s_test.rego": named + "\ntest_too if \"STAGE-98\" != \"\"\n"}, []string{"duplicate"}},
		{"helper twice", map[string]string{"provisions/s.rego": strings.Replace(fine, "input.facts.psw", "h", 1) +
			"\nh if input.bulk\n\nh if input.bulk\n", "provisions/s_test.rego": named}, []string{"duplicate"}},
		{"unused helper", map[string]string{"provisions/s.rego": fine + "\nh if g\n\ng if input.bulk\n", "provisions/s_test.rego": named},
			[]string{"unused-helper", "unused-helper"}},
		{"format", map[string]string{"provisions/s.rego": strings.Replace(fine, "\tinput", "  input", 1), "provisions/s_test.rego": named}, []string{"format"}},
		{"format of a test", map[string]string{"provisions/s.rego": fine, "provisions/s_test.rego": named + "\n\n"}, []string{"format"}},
		{"basis in no flow", map[string]string{"provisions/s.rego": strings.NewReplacer("stop contains", "grant contains",
			"stage: 99, code: SESSION, outcome: DENY", "way: automatic, claim_needed: true, authority_only: false, opens: []").Replace(fine),
			"provisions/s_test.rego": named}, []string{"no-flow"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := workbench.Lint(t.Context(), draft(t, tt.files))
			if err != nil {
				t.Fatal(err)
			}
			if got := codes(found); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v: %+v", got, tt.want, found)
			}
		})
	}
}

// TestSentences: every code has a sentence in both languages that says what
// and, where one is near, which name was meant.
func TestSentences(t *testing.T) {
	for _, code := range []string{
		policy.TooLarge, policy.TooMany, policy.TooDeep, policy.TooCostly, policy.Syntax, policy.OtherPackage, policy.OutsideHead,
		policy.OutsideBody, policy.OutsideBuiltin, policy.UnknownMember, policy.UnknownLiteral, policy.UnknownName, policy.NoMetadata,
		policy.BadMetadata, policy.SameID, policy.NoProvision, policy.BadConstants, policy.BadTable, policy.Compiler,
		workbench.UnusedHelper, workbench.Untested, workbench.NotUndefined, workbench.Impossible, workbench.Constant, workbench.Duplicate,
		workbench.Format, workbench.NoFlow, workbench.NotConfirmed, workbench.NoTestFile, workbench.SlowPattern, workbench.NotCompatible,
	} {
		f := workbench.Finding{Finding: policy.Finding{Code: code, Subject: "SUBJECT", Place: "PLACE", Near: "NEAR"}}
		sv, en := f.Sentence(workbench.Swedish), f.Sentence(workbench.English)
		if sv == en || strings.ContainsAny(sv+en, "{}") {
			t.Errorf("%s: %q, %q", code, sv, en)
		}
		for _, s := range []string{sv, en} {
			if !strings.Contains(s, "SUBJECT") && code != policy.TooCostly || !strings.Contains(s, "NEAR") {
				t.Errorf("%s: %q does not say what", code, s)
			}
		}
	}
}
