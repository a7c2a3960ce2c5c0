package workbench_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"testing"

	"sluss/gateway/workbench"
	"sluss/policies"
)

// space is the space of the law as it stands, made once for all tests.
var space = sync.OnceValues(func() (*workbench.Space, error) {
	ctx := testContext()
	p, err := workbench.Read(ctx, policies.FS)
	if err != nil {
		return nil, err
	}
	return workbench.NewSpace(ctx, p)
})

// TestSpaceIsSound asks the gateway's own code at random: whatever it releases,
// the space knows.
func TestSpaceIsSound(t *testing.T) {
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	p, err := workbench.Read(t.Context(), policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	released, bases := 0, map[any]bool{}
	for range 30_000 {
		in := s.Random(r)
		d, err := p.Policy.DecideInput(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range d.Allowed() {
			released++
			bases[a.Basis] = true
			if !s.Reaches(in, a.Field, a.Basis) {
				raw, _ := json.Marshal(in)
				t.Fatalf("%s is released on %s, which the space does not know:\n%s", a.Field, a.Basis, raw)
			}
		}
	}
	t.Log(released, len(bases), s.Covered)
	if released < 10_000 || len(bases) < 25 {
		t.Errorf("%d releases on %d bases: too few to say anything", released, len(bases))
	}
}

// TestSpaceIsReal wants for what the space says a question that has just that
// answer from the gateway.
func TestSpaceIsReal(t *testing.T) {
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 3_000 {
		in, f, b, ok := s.Witness(t.Context(), r)
		if !ok {
			raw, _ := json.Marshal(in)
			t.Fatalf("nothing releases %s on %s:\n%s", f, b, raw)
		}
	}
}

func testContext() context.Context { return context.Background() }
