package workbench_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"sluss/gateway/workbench"
)

var mutants = flag.Int("mutants", 15, "how many mutants of each family TestMutants tries; 0 for all")

// TestMutants changes the law in small ways: its own tests must notice. The
// sample is the same as long as the law is; -mutants 0 and "gatewayctl policy
// mutate" try all.
func TestMutants(t *testing.T) {
	p, err := workbench.Open(t.Context(), "../../policies")
	if err != nil {
		t.Fatal(err)
	}
	m, err := workbench.Mutate(t.Context(), p, workbench.MutateOptions{Sample: *mutants, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range workbench.Families {
		c := m.Families[f]
		t.Logf("%s: %.1f %% noticed, %+v", f, 100*c.Share(), c)
		if c.Share() < workbench.Floors[f] || c.Killed == 0 {
			t.Errorf("%s: %.1f %% of the mutants are noticed, want %.0f %%", f, 100*c.Share(), 100*workbench.Floors[f])
		}
	}
	for _, s := range m.Survivors {
		t.Logf("survived: %s:%d: %s (%s)", s.File, s.Line, s.ID, s.Reason)
	}
	for _, id := range m.Stale {
		t.Errorf("%s is explained in mutants.json, and does not survive", id)
	}
}

// tree is the pack on disk, changed; a nil text removes a file.
func tree(t *testing.T, change map[string]string) fstest.MapFS {
	t.Helper()
	disk, out := os.DirFS("../../policies"), fstest.MapFS{}
	err := fs.WalkDir(disk, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(disk, name)
		out[name] = &fstest.MapFile{Data: raw}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range change {
		if delete(out, name); text != "" {
			out[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return out
}

// TestMutantsAreSeen takes tests away: what they noticed survives.
func TestMutantsAreSeen(t *testing.T) {
	without := tree(t, map[string]string{"provisions/stages_test.rego": "package provisions_test\n\nasking_guardian := also(guardian, also({\"maturity\": \"joint\"}, facts({\"guardian_listed\": true, \"under_18\": true})))\n",
		"cases/law/cases.json": "[]",
		"mutants.json":         `{"accepted": {"conditions: STAGE-01-LOG: not input.facts.log_available": "because", "conditions: NOTHING: x": "because"}}`})
	p, err := workbench.Read(t.Context(), without)
	if err != nil {
		t.Fatal(err)
	}
	m, err := workbench.Mutate(t.Context(), p, workbench.MutateOptions{Families: []workbench.Family{workbench.Conditions}, Sample: 40, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	survived := 0
	for _, s := range m.Survivors {
		if strings.HasSuffix(s.File, "stages.rego") && s.Line > 0 {
			survived++
		}
	}
	if survived < 2 {
		t.Errorf("%d conditions of the stages survive without their tests: %+v", survived, m.Families)
	}
}

// TestMutateRefuses is about packs that cannot be judged.
func TestMutateRefuses(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"a test that fails":      {"provisions/decision_test.rego": "package provisions_test\n\ntest_no if 1 == 2\n"},
		"no cases":               {"cases/golden/cases.json": "[]", "cases/law/cases.json": "[]", "cases/own/cases.json": "[]"},
		"a case that fails":      {"cases/law/cases.json": `[{"id": "X", "at": "2026-06-01T10:00:00+02:00", "expect": {"outcome": "PERMIT"}}]`},
		"an empty explanation":   {"mutants.json": `{"accepted": {"x": ""}}`},
		"an explanation of what": {"mutants.json": `[]`},
	} {
		p, err := workbench.Read(t.Context(), tree(t, change))
		if err != nil {
			t.Fatal(err)
		}
		if m, err := workbench.Mutate(t.Context(), p, workbench.MutateOptions{Sample: 1}); !errors.Is(err, workbench.ErrMutation) {
			t.Errorf("%s: %+v, %v; want ErrMutation", name, m, err)
		}
	}
}
