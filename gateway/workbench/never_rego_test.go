package workbench_test

import (
	"os"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestNeverRules runs the Rego tests beside the never-rules, and asks that
// every line of a rule was evaluated by one of them.
func TestNeverRules(t *testing.T) {
	modules := map[string]*ast.Module{}
	for _, name := range []string{"never/never.rego", "never/never_test.rego"} {
		raw, err := os.ReadFile("../../policies/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if modules[name], err = ast.ParseModuleWithOpts(name, string(raw), ast.ParserOptions{ProcessAnnotation: true}); err != nil {
			t.Fatal(err)
		}
	}
	traced := cover.New()
	results, err := tester.NewRunner().SetStore(inmem.New()).SetModules(modules).SetCoverageQueryTracer(traced).RunTests(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for r := range results {
		ran++
		if !r.Pass() {
			t.Errorf("%s: %v", r.Name, r.Error)
		}
	}
	if ran < 15 {
		t.Errorf("%d tests ran", ran)
	}
	for name, file := range traced.Report(modules).Files {
		for _, r := range file.NotCovered {
			if !strings.HasSuffix(name, "_test.rego") {
				t.Errorf("%s:%d: no test reaches this", name, r.Start.Row)
			}
		}
	}
}
