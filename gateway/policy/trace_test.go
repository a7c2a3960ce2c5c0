package policy_test

import (
	"slices"
	"testing"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
	"sluss/policies"
)

// TestTrace holds the trace of every golden case to its decision: what is
// released has a basis that opened it, a field that no basis opened has none,
// and a stage that ended the decision is the first that holds.
func TestTrace(t *testing.T) {
	p, tab := builtIn(t)
	w, cases := golden(t)
	for _, c := range cases {
		in, _, err := w.Input(c, tab)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := p.Trace(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		d := tr.Decision
		if got := len(tr.Stops) > 0; got != (d.Stage() != "") || got && tr.Stops[0].ID != d.Stage() {
			t.Errorf("%s: stage %q, traced %d", c.ID, d.Stage(), len(tr.Stops))
		}
		reasons := map[gateway.Field]gateway.Reason{}
		for _, w := range d.Withheld() {
			reasons[w.Field] = w.Reason
		}
		for _, f := range tr.Fields {
			basis, released := d.Allows(f.Name)
			if released != (f.By != nil) || released && f.By.Basis != basis || f.Reason != reasons[f.Name] {
				t.Errorf("%s: %s is traced as %v %q, decided %q %q", c.ID, f.Name, f.By != nil, f.Reason, basis, reasons[f.Name])
			}
			opens := slices.ContainsFunc(f.Tried, func(a policy.Attempt) bool { return a.Response == policy.Opens })
			if f.Reason == policy.NoBasis && opens {
				t.Errorf("%s: %s has no basis, and one opens it", c.ID, f.Name)
			}
		}
	}
}

// TestConditions takes provisions apart and holds what it finds to whether they
// hold: a provision holds exactly when all its conditions do.
func TestConditions(t *testing.T) {
	p, tab := builtIn(t)
	parts, err := p.Conditions(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	w, cases := golden(t)
	for _, c := range cases[:4] {
		in, _, err := w.Input(c, tab)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := p.Trace(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, pr := range p.Provisions() {
			if pr.Set != "stop" {
				continue
			}
			conditions, err := parts.Of(t.Context(), pr.ID, in)
			if err != nil || len(conditions) == 0 {
				t.Fatalf("%s: %d conditions, %v", pr.ID, len(conditions), err)
			}
			all := !slices.ContainsFunc(conditions, func(c policy.Condition) bool { return !c.Holds })
			if stops := slices.Contains(tr.Stops, pr); all != stops {
				t.Errorf("%s: %s stops %v, its conditions say %v", c.ID, pr.ID, stops, all)
			}
		}
	}
	if _, err := parts.Of(t.Context(), "OSL-99", facts.Input{}); err == nil {
		t.Error("a provision that is not there has conditions")
	}
}

// TestConditionWords reads one line of each form.
func TestConditionWords(t *testing.T) {
	p, _ := builtIn(t)
	parts, err := p.Conditions(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	in := facts.Input{Initiative: gateway.ByDiscloser}
	in.Actor.Kind = "GRD"
	conditions, err := parts.Of(t.Context(), "STAGE-13-MATURITY", in)
	if err != nil || len(conditions) != 2 {
		t.Fatalf("%d conditions, %v", len(conditions), err)
	}
	kind, may := conditions[0], conditions[1]
	if !kind.Holds || kind.Member != "actor.kind" || !kind.Equal || !slices.Equal(kind.Values, []string{"GRD"}) {
		t.Errorf("the first is %+v", kind)
	}
	if !may.Holds || !may.Not || len(may.Any) != 1 || len(may.Any[0]) != 6 {
		t.Fatalf("the second is %+v", may)
	}
	if age := may.Any[0][2]; age.Holds || age.Member != "facts.under_18" || age.Not {
		t.Errorf("the age is %+v", age)
	}
	if hidden := may.Any[0][5]; !hidden.Holds || hidden.Member != "facts.place_hidden" || !hidden.Not {
		t.Errorf("the hidden place is %+v", hidden)
	}
}
