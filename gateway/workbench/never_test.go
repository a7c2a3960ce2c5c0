package workbench_test

import (
	"bytes"
	"context"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"sluss/gateway"
	"sluss/gateway/policy"
	"sluss/gateway/workbench"
	"sluss/policies"
)

// TestNeverHolds proves the never-rules of the law as it stands.
func TestNeverHolds(t *testing.T) {
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.Never(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Rules) < 20 || report.Covered.Combinations < 10_000 {
		t.Errorf("%d rules over %+v", len(report.Rules), report.Covered)
	}
	for _, r := range report.Rules {
		if !r.Proven {
			t.Errorf("%s: %+v", r.ID, r.Counter)
		}
		if r.Releases < 1000 {
			t.Errorf("%s was held against %d releases", r.ID, r.Releases)
		}
	}
}

// edit is one change of a file of the law.
type edit struct{ file, old, new string }

// changed returns the tree of the law with a few words changed.
func changed(t *testing.T, edits ...edit) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	for _, pattern := range []string{"data/*.json", "message_types/*.json", "provisions/*.rego"} {
		names, err := fs.Glob(policies.FS, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			raw, err := policies.FS.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			tree[name] = &fstest.MapFile{Data: raw}
		}
	}
	for _, e := range edits {
		if bytes.Count(tree[e.file].Data, []byte(e.old)) != 1 {
			t.Fatalf("%s does not hold %q once", e.file, e.old)
		}
		tree[e.file].Data = bytes.Replace(tree[e.file].Data, []byte(e.old), []byte(e.new), 1)
	}
	return tree
}

// variant returns the space of the law with a few words of its tables and the
// METADATA of one provision changed; change may be nil.
func variant(t *testing.T, s *workbench.Space, edits []edit, id string, change func(*policy.Provision)) *workbench.Space {
	t.Helper()
	if change == nil {
		change = func(*policy.Provision) {}
	}
	v, err := lawAsItStands(t).Policy.Variant(changed(t, edits...), id, change)
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.With(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// breaks wants a never-rule broken, with a question that the gateway's own code
// answers so.
func breaks(t *testing.T, s *workbench.Space, rule string) {
	t.Helper()
	report, err := s.Never(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(report.Rules, func(r workbench.NeverResult) bool { return r.ID == rule })
	if i < 0 || report.Rules[i].Proven {
		t.Fatalf("%s is not broken", rule)
	}
	if c := report.Rules[i].Counter; c == nil || !c.Confirmed || c.SV == "" || c.EN == "" {
		t.Errorf("%s: no confirmed counterexample: %+v", rule, c)
	}
}

// TestNeverCatchesProvisions takes a condition away from the law. The
// never-rule that it was there for is broken.
func TestNeverCatchesProvisions(t *testing.T) {
	tests := []struct {
		rule string
		edit edit
	}{
		{"NEVER-PLACE-FORMER-MUNICIPALITY", edit{"provisions/blockers.rego", "input.actor.kind == \"MUN\"\n\tnot input.same_agency\n", "input.actor.kind == \"MUN\"\n\tinput.same_agency\n"}},
		{"NEVER-UNVETTED-PROVIDER", edit{"provisions/stages.rego", "not input.facts.provider_approved", "input.facts.provider_revoked"}},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			p, err := workbench.Read(t.Context(), changed(t, tt.edit))
			if err != nil {
				t.Fatal(err)
			}
			s, err := workbench.NewSpace(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			breaks(t, s, tt.rule)
		})
	}
}

// TestNeverCatchesTables changes a table or a METADATA block of the law.
func TestNeverCatchesTables(t *testing.T) {
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	opens := func(rules ...gateway.Rule) func(*policy.Provision) {
		return func(p *policy.Provision) { p.Opens = append(p.Opens, rules...) }
	}
	tests := []struct {
		rule   string
		id     string
		change func(*policy.Provision)
		edits  []edit
	}{
		{"NEVER-CONSENT-CHAPTER-18", "OSL-12-2", opens("18:1"), nil},
		{"NEVER-SUMS-UNSEEN", "BLK-CELL-UNSEEN", func(p *policy.Provision) { p.Reach.Fields = []gateway.Field{"amount_paid"} }, nil},
		{"NEVER-OLD-THREAT", "BLK-STALE", func(p *policy.Provision) { p.Reach.ExceptClasses = append(p.Reach.ExceptClasses, "RSK") }, nil},
		{"NEVER-CARE-BY-GENERAL-CLAUSE", "OSL-10-27", opens("25:1"), []edit{
			{"data/flows.json", `"decision": ["OSL-25-12", "OSL-25-13", "SoL-19-1", "OSL-10-2", "OSL-26-14D"]`, `"decision": ["OSL-25-12", "OSL-10-27"]`}}},
		{"NEVER-INTELLIGENCE-OUT", "", nil, []edit{
			{"data/ceilings.json", `"exceptions": [`, `"exceptions": [{"role": "municipality.social_worker", "class": "INT", "cell": "A"},`},
		}},
		{"NEVER-PLACE-BY-DEFAULT", "", nil, []edit{
			{"data/ceilings.json", `"exceptions": [`, `"exceptions": [{"role": "sis.institution_head", "class": "PAD", "cell": "A"},`},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			breaks(t, variant(t, s, tt.edits, tt.id, tt.change), tt.rule)
		})
	}
}

// TestNeverDropped holds that a draft cannot drop a never-rule unseen.
func TestNeverDropped(t *testing.T) {
	tree := changed(t)
	raw, err := policies.FS.ReadFile("never/never.rego")
	if err != nil {
		t.Fatal(err)
	}
	tree["never/never.rego"] = &fstest.MapFile{Data: bytes.Replace(raw, []byte("id: NEVER-UNLOGGED,"), []byte("id: NEVER-MIND,"), 1)}
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.In(tree).Never(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(report.Dropped, []string{"NEVER-UNLOGGED"}) || report.Failed() != 1 {
		t.Errorf("dropped %v, failed %d", report.Dropped, report.Failed())
	}
}

// TestNeverWeakened holds that a draft cannot make a never-rule weaker under its
// id: what is built in must hold as well.
func TestNeverWeakened(t *testing.T) {
	tree := changed(t)
	raw, err := policies.FS.ReadFile("never/never.rego")
	if err != nil {
		t.Fatal(err)
	}
	const before = "\tinput.basis.consent\n"
	if bytes.Count(raw, []byte(before)) == 0 {
		t.Fatalf("never.rego does not hold %q", before)
	}
	tree["never/never.rego"] = &fstest.MapFile{Data: bytes.ReplaceAll(raw, []byte(before), []byte(before+"\tnot input.basis.consent\n"))}
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	s = variant(t, s, nil, "OSL-12-2", func(p *policy.Provision) { p.Opens = append(p.Opens, "18:1") }).In(tree)
	breaks(t, s, "NEVER-CONSENT-CHAPTER-18")
	report, err := s.Never(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Rules {
		if !r.Proven && !r.BuiltIn {
			t.Errorf("%s: the draft's own rule does not hold", r.ID)
		}
	}
}

func lawAsItStands(t *testing.T) *workbench.Pack {
	t.Helper()
	p, err := workbench.Read(context.Background(), policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
