package workbench_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway/envelope"
	"sluss/gateway/keys"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
	"sluss/gateway/workbench"
)

// officers are two pinned legal officers, and one who is not.
type officers struct {
	workbench.Authority
	one, two, stranger *envelope.Signer
}

func newOfficers(t *testing.T) officers {
	t.Helper()
	signer := func() *envelope.Signer {
		key, err := keys.NewEC()
		if err != nil {
			t.Fatal(err)
		}
		s, err := envelope.NewSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	o := officers{one: signer(), two: signer(), stranger: signer()}
	o.Gateway = "urn:sluss:gateway:test"
	o.Officers = []envelope.PublicKey{o.one.Public(), o.two.Public()}
	return o
}

// law makes a snapshot of a few files; what they mean is of no concern here.
func law(t *testing.T, engine string, files map[string]string) snapshot.Snapshot {
	t.Helper()
	tree := fstest.MapFS{}
	for name, content := range files {
		tree[name] = &fstest.MapFile{Data: []byte(content)}
	}
	s, err := snapshot.Read(tree, engine)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	today  = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	before = map[string]string{"data/roles.json": "1", "data/limits.json": "1", "provisions/a.rego": "1"}
	after  = map[string]string{"data/roles.json": "1", "data/limits.json": "2", "provisions/b.rego": "1"}
)

// TestEnact follows a proposal from the first officer to the gateway.
func TestEnact(t *testing.T) {
	o := newOfficers(t)
	old, next := law(t, policy.Engine(), before), law(t, policy.Engine(), after)
	current := snapshot.Active{Gateway: o.Gateway, Snapshot: old.Digest(), Seq: 4, Expires: today.Add(time.Hour)}
	approval := o.Successor(current, next.Digest(), today, today.Add(time.Hour))
	first, err := o.Propose(next, approval, o.one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Ready(first, current, today); !errors.Is(err, workbench.ErrOneSign) {
		t.Errorf("with one signature: %v, want ErrOneSign", err)
	}
	raw, err := first.Encode()
	if err != nil {
		t.Fatal(err)
	}
	opened, err := o.Open(raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*envelope.Signer{"the same officer": o.one, "a stranger": o.stranger} {
		if _, err := o.Second(opened, key); !errors.Is(err, workbench.ErrTwice) && !errors.Is(err, workbench.ErrOfficer) {
			t.Errorf("the second signature by %s: %v", name, err)
		}
	}
	second, err := o.Second(opened, o.two)
	if err != nil {
		t.Fatal(err)
	}
	active, err := o.Ready(second, current, today)
	if want := (snapshot.Active{Gateway: o.Gateway, Snapshot: next.Digest(), Seq: 5, Expires: approval.Expires}); err != nil || active != want {
		t.Errorf("got %v, %v; want %v", active, err, want)
	}
	if len(opened.Signed) != 1 || len(second.Signed) != 2 {
		t.Errorf("%d and %d have signed, want 1 and 2", len(opened.Signed), len(second.Signed))
	}
	// The very same once more, after it was in force: an old approval.
	if _, err := o.Ready(second, active, today); !errors.Is(err, snapshot.ErrSequence) {
		t.Errorf("shown again: %v, want ErrSequence", err)
	}
	if _, err := o.Ready(second, current, approval.Expires); !errors.Is(err, snapshot.ErrExpired) {
		t.Errorf("after its time: %v, want ErrExpired", err)
	}
}

// TestOpenRefuses spoils a good proposal.
func TestOpenRefuses(t *testing.T) {
	o := newOfficers(t)
	old, next := law(t, policy.Engine(), before), law(t, policy.Engine(), after)
	current := snapshot.Active{Gateway: o.Gateway, Snapshot: old.Digest(), Seq: 4}
	approval := o.Successor(current, next.Digest(), today, today.Add(time.Hour))
	sign := func(a envelope.Approval, key *envelope.Signer) string {
		raw, err := envelope.SignApproval(a, key)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	later := approval
	later.Expires = later.Expires.Add(time.Hour)
	otherEngine := law(t, "v0.0.1", after)
	tests := []struct {
		name      string
		content   snapshot.Snapshot
		approvals []string
		want      error
	}{
		{"nobody", next, nil, workbench.ErrProposal},
		{"a stranger", next, []string{sign(approval, o.stranger)}, workbench.ErrOfficer},
		{"one twice", next, []string{sign(approval, o.one), sign(approval, o.one)}, workbench.ErrTwice},
		{"different times", next, []string{sign(approval, o.one), sign(later, o.two)}, workbench.ErrProposal},
		{"other content", old, []string{sign(approval, o.one), sign(approval, o.two)}, workbench.ErrOther},
		{"other engine", otherEngine, []string{sign(o.Successor(current, otherEngine.Digest(), today, today.Add(time.Hour)), o.one)}, workbench.ErrEngine},
		{"no token", next, []string{"a.b.c"}, workbench.ErrProposal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw, err := snapshot.Pack(tt.content, tt.approvals).Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := o.Open(raw); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := o.Open([]byte(strings.Repeat("{", 10))); !errors.Is(err, workbench.ErrProposal) {
		t.Errorf("no bundle: %v, want ErrProposal", err)
	}
}

// TestStop: one officer stops all release, whatever engine this program has.
func TestStop(t *testing.T) {
	o := newOfficers(t)
	old := law(t, "v0.0.1", before)
	current := snapshot.Active{Gateway: o.Gateway, Snapshot: old.Digest(), Seq: 4, Expires: today.Add(time.Hour)}
	p, err := o.Propose(old, o.Stop(current, today, today.Add(time.Hour)), o.two)
	if err != nil {
		t.Fatal(err)
	}
	active, err := o.Ready(p, current, today)
	if err != nil || !active.WithholdAll || active.Snapshot != old.Digest() || active.Seq != 5 {
		t.Errorf("got %v, %v; want all withheld under the same law", active, err)
	}
}

func TestChanges(t *testing.T) {
	got := workbench.Changes(law(t, policy.Engine(), before), law(t, policy.Engine(), after))
	want := []workbench.Change{{File: "data/limits.json", What: "changed"}, {File: "provisions/b.rego", What: "added"}, {File: "provisions/a.rego", What: "removed"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
