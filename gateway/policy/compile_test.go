package policy_test

import (
	"errors"
	"testing"
	"testing/fstest"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
	"sluss/policies"
)

// TestCompile compiles what two officers would approve, and refuses a
// catalogue that was loaded from something else.
func TestCompile(t *testing.T) {
	load := func(files fstest.MapFS) (snapshot.Snapshot, *catalogue.Catalogue) {
		var s snapshot.Snapshot
		var err error
		if files == nil {
			s, err = snapshot.Read(policies.FS, policy.Engine())
		} else {
			s, err = snapshot.Read(files, policy.Engine())
		}
		if err != nil {
			t.Fatal(err)
		}
		c, err := catalogue.Load(s)
		if err != nil {
			t.Fatal(err)
		}
		return s, c
	}
	s, c := load(nil)
	p, err := policy.Compile(s, c)
	if err != nil {
		t.Fatal(err)
	}
	if p.Digest() != s.Digest() {
		t.Errorf("digest %s, want the snapshot's, %s", p.Digest(), s.Digest())
	}
	d, err := p.DecideInput(t.Context(), good())
	if err != nil || d.Outcome() != gateway.Partial || d.Snapshot() != s.Digest() {
		t.Errorf("%s by %s, %v; want PARTIAL by the snapshot", d.Outcome(), d.Snapshot(), err)
	}
	changed := tree(t)
	changed["provisions/test.rego"] = &fstest.MapFile{Data: []byte(provision)}
	other, _ := load(changed)
	for name, try := range map[string]func() (*policy.Policy, error){
		"another snapshot": func() (*policy.Policy, error) { return policy.Compile(other, c) },
		"no snapshot":      func() (*policy.Policy, error) { return policy.Compile(snapshot.Snapshot{}, c) },
		"no catalogue":     func() (*policy.Policy, error) { return policy.Compile(s, nil) },
	} {
		if _, err := try(); !errors.Is(err, policy.ErrTable) {
			t.Errorf("%s: got %v, want %v", name, err, policy.ErrTable)
		}
	}
}
