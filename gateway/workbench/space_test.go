package workbench_test

import (
	"context"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/facts"
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

var questions = flag.Int("questions", 5_000, "how many questions TestSpaceIsSound asks")

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
	for range *questions {
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
	if released < *questions/2 || len(bases) < 25 {
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
	for range 2_000 {
		in, f, b, ok := s.Witness(t.Context(), r)
		if !ok {
			raw, _ := json.Marshal(in)
			t.Fatalf("nothing releases %s on %s:\n%s", f, b, raw)
		}
	}
}

func testContext() context.Context { return context.Background() }

// TestSameAgency holds the one exclusion that the space uses.
func TestSameAgency(t *testing.T) {
	p := lawAsItStands(t)
	agency := func(name string) gateway.AgencyID {
		id, err := gateway.ParseAgency(name)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	agencies := []string{"police", "kriminalvarden", "sis", "municipality:0180", "municipality:1480", "region:01", "socialstyrelsen"}
	for _, a := range agencies {
		for _, b := range agencies {
			in := facts.Derive(facts.World{}, facts.Question{Actor: facts.Actor{Agency: agency(a)}, Discloser: facts.Discloser{Agency: agency(b)}}, p.Tables, time.Now())
			if in.SameAgency && in.Actor.Kind != in.Discloser.Kind {
				t.Errorf("%s and %s are one agency of two kinds", a, b)
			}
		}
	}
}
