package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/open-policy-agent/opa/v1/rego"

	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// goldenInputs is what the policy looks at in every worked case, by its id.
func goldenInputs(t *testing.T, p *policy.Policy, tab *facts.Tables) map[string]facts.Input {
	t.Helper()
	w, cases := golden(t)
	out := map[string]facts.Input{}
	for _, c := range cases {
		out[c.ID] = input(t, p, w, c, tab)
	}
	if len(out) < 60 {
		t.Fatalf("there are %d worked cases", len(out))
	}
	return out
}

// held lists the provisions that hold by their set, in the form of the document
// "decision".
func held(p *policy.Policy, verdict map[string][]bool) map[string][]string {
	out, at := map[string][]string{}, map[string]int{}
	for set := range verdict {
		out[set] = []string{}
	}
	for _, pr := range p.Provisions() {
		if holds, ok := verdict[pr.Set]; ok {
			if holds[at[pr.Set]] {
				out[pr.Set] = append(out[pr.Set], pr.ID)
			}
			at[pr.Set]++
		}
	}
	return out
}

// TestStockOPA evaluates the entry point as "opa eval -d policies/data -d
// policies/provisions -d policies/reference -i input.json
// data.provisions.decision" does, with nothing of the gateway's, on every
// worked case: the same provisions hold.
func TestStockOPA(t *testing.T) {
	p, tab := builtIn(t)
	q, err := rego.New(
		rego.Query("data.provisions.decision"),
		rego.Load([]string{"../../policies/data", "../../policies/provisions", "../../policies/reference"}, loader.Filter(nil)),
	).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	some := 0
	for id, in := range goldenInputs(t, p, tab) {
		var v any
		through(t, in, &v)
		res, err := q.Eval(t.Context(), rego.EvalInput(v))
		if err != nil || len(res) != 1 {
			t.Fatalf("%s: %d results, %v", id, len(res), err)
		}
		got := map[string][]string{}
		through(t, res[0].Expressions[0].Value, &got)
		for _, ids := range got {
			slices.Sort(ids)
			some += len(ids)
		}
		_, fresh, _, err := p.Verdicts(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, held(p, fresh)); diff != "" {
			t.Errorf("%s (-opa +gateway):\n%s", id, diff)
		}
	}
	if some < 500 {
		t.Errorf("%d provisions held in all cases together", some)
	}
}

// TestReferenceOnWorkedCases asks the join in Rego every worked case: the whole
// answer is the gateway's.
func TestReferenceOnWorkedCases(t *testing.T) {
	p, tab := builtIn(t)
	decide := reference(t, p)
	for id, in := range goldenInputs(t, p, tab) {
		d, err := p.DecideInput(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decide(in), answerOf(d), sets); diff != "" {
			t.Errorf("%s (-reference +join):\n%s", id, diff)
		}
	}
}

// TestIndexOnAndOff asks every worked case and a few thousand drawn questions
// with the engine's rule index on and off. An index that drops a restriction
// has happened (OPA 1.21.0 to 1.22.0).
func TestIndexOnAndOff(t *testing.T) {
	p, tab := builtIn(t)
	questions := goldenInputs(t, p, tab)
	s := newSpace(t, p, 11)
	for range 2500 {
		in := s.question()
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		questions["drawn "+strings.TrimSpace(string(raw))] = in
	}
	for name, in := range questions {
		_, on, off, err := p.Verdicts(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(on, off); diff != "" {
			t.Errorf("%s (-on +off):\n%s", name, diff)
		}
	}
}
