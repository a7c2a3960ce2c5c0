package workbench_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"sluss/gateway/workbench"
)

var variants = flag.Int("variants", 2, "how many requests of each kind of plan TestJoinsAreEqual looks through")

// TestJoinsAreEqual compares the join that decides with the one written for
// reading, over all that a join can distinguish. -variants 100 looks longer.
func TestJoinsAreEqual(t *testing.T) {
	p, err := workbench.Open(t.Context(), "../../policies")
	if err != nil {
		t.Fatal(err)
	}
	e, err := workbench.Equal(t.Context(), p, workbench.EqualOptions{Variants: *variants})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range e.Differences {
		t.Error(d)
	}
	t.Logf("standings of %d fields in %d plans with all %d parts; %d situations of a field and %d of a message in %d requests",
		e.Standings, e.Plans, e.Parts, e.Situations, e.Messages, e.Inputs)
	if e.Standings < 5000 || e.Situations < 1000 || e.Messages < 100 {
		t.Errorf("too little was compared: %+v", *e)
	}
}

// TestUnequalJoins changes one word of the reference: it shows.
func TestUnequalJoins(t *testing.T) {
	raw, err := os.ReadFile("../../policies/reference/join.rego")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"not class in object.get(leg, \"without_classes\", [])", "not class in object.get(leg, \"with_classes\", [])"},
		{"listed(p, name) if name in p.reach.fields", "listed(p, name) if name in p.reach.except_fields"},
		{"} else := {\"reason\": \"NOT-NAMED\"} if {\n\tnot named_as_needed(name)", "} else := {\"reason\": \"NOT-NAMED\"} if {\n\tnot asked(name)"},
	} {
		if !strings.Contains(string(raw), change[0]) {
			t.Fatalf("the reference does not say %q", change[0])
		}
		p, err := workbench.Read(t.Context(), tree(t, map[string]string{"reference/join.rego": strings.Replace(string(raw), change[0], change[1], 1)}))
		if err != nil {
			t.Fatal(err)
		}
		e, err := workbench.Equal(t.Context(), p, workbench.EqualOptions{Variants: 1, Plans: 40})
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Differences) == 0 {
			t.Errorf("%q became %q, and nothing differs", change[0], change[1])
		}
	}
}
