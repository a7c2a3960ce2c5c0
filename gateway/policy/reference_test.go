package policy_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
	"sluss/policies"
)

// answer is a decision in the form of policies/reference.
type answer struct {
	Outcome     gateway.Outcome                  `json:"outcome"`
	Reason      gateway.Reason                   `json:"reason"`
	Allowed     map[gateway.Field]gateway.Basis  `json:"allowed"`
	Withheld    map[gateway.Field]gateway.Reason `json:"withheld"`
	Suppressed  []string                         `json:"suppressed"`
	Obligations []gateway.Obligation             `json:"obligations"`
}

func answerOf(d policy.Decision) answer {
	a := answer{Outcome: d.Outcome(), Reason: d.Reason(), Suppressed: d.SuppressedCells(), Obligations: d.Obligations(),
		Allowed: map[gateway.Field]gateway.Basis{}, Withheld: map[gateway.Field]gateway.Reason{}}
	for _, f := range d.Allowed() {
		a.Allowed[f.Field] = f.Basis
	}
	for _, f := range d.Withheld() {
		a.Withheld[f.Field] = f.Reason
	}
	return a
}

// reference returns what decides by policies/reference.
func reference(t *testing.T, p *policy.Policy) func(facts.Input) answer {
	t.Helper()
	options := []func(*rego.Rego){rego.Query("x := data.reference.decision"), rego.Store(inmem.NewFromObject(document(t, p)))}
	for _, pattern := range []string{"provisions/*.rego", "reference/*.rego"} {
		names, err := filepath.Glob("../../policies/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(name, "_test.rego") {
				options = append(options, rego.Module(name, string(raw)))
			}
		}
	}
	q, err := rego.New(options...).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(in facts.Input) answer { return ask(t, t.Context(), q, in) }
}

func ask(t *testing.T, ctx context.Context, q rego.PreparedEvalQuery, in facts.Input) (a answer) {
	t.Helper()
	var v any
	through(t, in, &v)
	res, err := q.Eval(ctx, rego.EvalInput(v))
	if err != nil || len(res) != 1 {
		t.Fatalf("reference: %d results, %v, for %+v", len(res), err, in)
	}
	through(t, res[0].Bindings["x"], &a)
	return a
}

// through converts by way of JSON.
func through(t *testing.T, from, to any) {
	t.Helper()
	raw, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// document is the tables and the register of provisions.
func document(t *testing.T, p *policy.Policy) map[string]any {
	t.Helper()
	names, err := fs.Glob(policies.FS, "data/*.json")
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{}
	for _, name := range names {
		raw, err := fs.ReadFile(policies.FS, name)
		if err == nil {
			err = json.Unmarshal(raw, &doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	register := map[string]any{"grant": map[string]any{}, "never": map[string]any{}}
	for _, pr := range p.Provisions() {
		var v any
		through(t, pr, &v)
		if register[pr.Set] == nil {
			register[pr.Set] = map[string]any{}
		}
		register[pr.Set].(map[string]any)[pr.ID] = listed(v)
	}
	doc["register"] = register
	return doc
}

// listed writes lists that are not given as empty.
func listed(v any) any {
	switch v := v.(type) {
	case nil:
		return []any{}
	case map[string]any:
		for k, e := range v {
			v[k] = listed(e)
		}
	case []any:
		for i, e := range v {
			v[i] = listed(e)
		}
	}
	return v
}

var sets = cmp.Options{cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b gateway.Obligation) bool { return a < b })}

// TestReference asks the join in Go and the join in Rego the same questions.
func TestReference(t *testing.T) {
	p := read(t)
	decide := reference(t, p)
	s := newSpace(t, p, 4)
	for i := range 600 {
		in := s.question()
		d, err := p.DecideInput(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decide(in), answerOf(d), sets); diff != "" {
			raw, _ := json.Marshal(in)
			t.Fatalf("question %d (-reference +join):\n%s\n%s", i, diff, raw)
		}
	}
}
