package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway/facts"
	"sluss/policies"
)

// perRule bounds how many combinations of what one rule reads are tried.
const perRule = 24

// TestIndexOfEveryRule gives each provision the combinations of what it reads,
// in even steps through all there are, with the engine's rule index on and off.
// It stands beside TestEngineAgreesWithItself, whose questions are drawn.
func TestIndexOfEveryRule(t *testing.T) {
	p := read(t)
	rules, err := p.Rules(t.Context(), policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	s := newSpace(t, p, 9)
	asked, held := 0, 0
	for _, r := range rules {
		reads := slices.DeleteFunc(slices.Clone(r.Reads()), func(path string) bool { return path == "named" || strings.HasPrefix(path, "table.blanked") })
		all := 1
		domains := make([][]any, len(reads))
		for i, path := range reads {
			domains[i] = domain(p.Literals("input." + path))
			all *= len(domains[i])
		}
		for k := range min(all, perRule) {
			in := s.question()
			at := k
			if all > perRule {
				at = k * (all / perRule)
			}
			in = combined(t, in, reads, domains, at)
			_, fresh, unindexed, err := p.Verdicts(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fresh, unindexed); diff != "" {
				t.Fatalf("%s: rule index (-on +off):\n%s\n%+v", r.ID, diff, in)
			}
			for _, set := range fresh {
				for _, h := range set {
					if h {
						held++
					}
				}
			}
			asked++
		}
	}
	if asked < 500 || held < asked {
		t.Errorf("%d questions, %d provisions held: too few to say anything", asked, held)
	}
}

// domain is the values of a member: its words and one that is none of them, or
// both truths.
func domain(words []string) []any {
	if len(words) == 0 {
		return []any{true, false}
	}
	out := []any{"unheard-of"}
	for _, w := range words {
		out = append(out, w)
	}
	return out
}

// combined sets members of an input to the n-th combination of their values.
func combined(t *testing.T, in facts.Input, paths []string, domains [][]any, n int) facts.Input {
	t.Helper()
	var doc map[string]any
	through(t, in, &doc)
	for i, path := range paths {
		v := domains[i][n%len(domains[i])]
		n /= len(domains[i])
		top, inner, nested := strings.Cut(path, ".")
		if nested {
			doc[top].(map[string]any)[inner] = v
		} else {
			doc[top] = v
		}
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var out facts.Input
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%v: %v", paths, err)
	}
	return out
}
