package policy_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// provisions reads policies/provisions from the disk, tests included.
func provisions(t *testing.T) map[string]*ast.Module {
	t.Helper()
	dir := os.DirFS("../../policies")
	names, err := fs.Glob(dir, "provisions/*.rego")
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]*ast.Module{}
	for _, name := range names {
		raw, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ast.ParseModuleWithOpts(name, string(raw), ast.ParserOptions{ProcessAnnotation: true})
		if err != nil {
			t.Fatal(err)
		}
		modules[name] = m
	}
	return modules
}

// TestProvisions runs the Rego tests beside the provisions, and asks that
// every line of a provision was evaluated by one of them.
func TestProvisions(t *testing.T) {
	modules := provisions(t)
	traced := cover.New()
	results, err := tester.NewRunner().SetStore(inmem.New()).SetModules(modules).SetTimeout(time.Minute).
		SetCoverageQueryTracer(traced).RunTests(t.Context(), nil)
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
	if ran < 100 {
		t.Errorf("%d tests ran", ran)
	}
	for name, file := range traced.Report(modules).Files {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		for _, r := range file.NotCovered {
			if !neverHolds(t, name, r.Start.Row) {
				t.Errorf("%s:%d: no test reaches this", name, r.Start.Row)
			}
		}
	}
}

// neverHolds reports whether a line belongs to a provision that holds nowhere.
func neverHolds(t *testing.T, name string, row int) bool {
	raw, err := os.ReadFile("../../policies/" + name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	return strings.HasPrefix(lines[row-1], "never contains") || strings.TrimSpace(lines[row-1]) == "false"
}

// TestEveryFileIsTested asks for a test beside each file.
func TestEveryFileIsTested(t *testing.T) {
	modules := provisions(t)
	for name := range modules {
		if base, ok := strings.CutSuffix(name, ".rego"); ok && !strings.HasSuffix(base, "_test") && modules[base+"_test.rego"] == nil {
			t.Errorf("%s has no test", name)
		}
	}
}
