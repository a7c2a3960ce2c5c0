package policy_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"sluss/gateway"
	"sluss/gateway/policy"
	"sluss/policies"
)

// TestRulesAgreeWithTheEngine evaluates each provision alone and all of them
// together on the same questions.
func TestRulesAgreeWithTheEngine(t *testing.T) {
	p := read(t)
	rules, err := p.Rules(t.Context(), policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]map[string]int{}
	for _, pr := range p.Provisions() {
		if place[pr.Set] == nil {
			place[pr.Set] = map[string]int{}
		}
		place[pr.Set][pr.ID] = len(place[pr.Set])
	}
	s := newSpace(t, p, 7)
	held := 0
	for range 150 {
		in := s.question()
		_, all, _, err := p.Verdicts(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		through(t, in, &doc)
		for _, r := range rules {
			got, err := r.Holds(t.Context(), func(path string) any { return member(doc, path) })
			if err != nil {
				t.Fatal(err)
			}
			if want := all[r.Set][place[r.Set][r.ID]]; got != want {
				t.Fatalf("%s: alone %t, together %t, for %+v", r.ID, got, want, in)
			}
			if got {
				held++
			}
		}
	}
	if held < 1000 {
		t.Errorf("%d rules held: too few to say anything", held)
	}
}

// member returns what a rule may be given of an input.
func member(doc map[string]any, path string) any {
	top, inner, nested := strings.Cut(path, ".")
	v := doc[top]
	if nested {
		v = v.(map[string]any)[inner]
	}
	if list, ok := v.([]any); ok || path == "named" {
		names := []string{}
		for _, e := range list {
			names = append(names, e.(string))
		}
		return names
	}
	return v
}

// TestRulesRefuse holds that what no truth table can be made of is an error and
// not a table that is wrong.
func TestRulesRefuse(t *testing.T) {
	const metadata = "package provisions\n\n# METADATA\n# description: d\n# custom: {id: NEW, statute: s, titles: {sv: t, en: t}, stage: 1, step: 1, code: BLK-LOC, outcome: DENY, sv: {description: d}}\n"
	tests := []struct{ name, rule string }{
		{"consents", `stop contains rego.metadata.rule().custom.id if input.consent.PAD == "in_force"`},
		{"cells", `stop contains rego.metadata.rule().custom.id if input.table.blanked[0]`},
		{"two fields named", `stop contains rego.metadata.rule().custom.id if {
			some a in input.named
			some b in input.named
			a != b
		}`},
		{"a field named, not", `stop contains rego.metadata.rule().custom.id if not "phone" in input.named`},
		{"the first field named", `stop contains rego.metadata.rule().custom.id if input.named[0] == "phone"`},
		{"a restriction that looks at names", `restriction contains rego.metadata.rule().custom.id if input.named[0]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for _, dir := range []string{"data", "provisions", "message_types"} {
				maps.Copy(tree, files(t, dir))
			}
			tree["provisions/new.rego"] = &fstest.MapFile{Data: []byte(metadata + tt.rule)}
			p, err := policy.Read(t.Context(), tree, gateway.Digest{1})
			if err == nil {
				_, err = p.Rules(t.Context(), tree)
			}
			if !errors.Is(err, policy.ErrProvision) {
				t.Errorf("got %v, want ErrProvision", err)
			}
		})
	}
}

func files(t *testing.T, dir string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	entries, err := policies.FS.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		raw, err := policies.FS.ReadFile(dir + "/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		out[dir+"/"+e.Name()] = &fstest.MapFile{Data: raw}
	}
	return out
}
