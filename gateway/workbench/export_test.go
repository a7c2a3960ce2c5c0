package workbench

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// Random returns an input that the stages probably let pass: a context of the
// space, with every fact at random.
func (s *Space) Random(r *rand.Rand) facts.Input {
	g := s.groups[r.IntN(len(s.groups))]
	a := s.newAssignment()
	copy(a, g.contexts[r.IntN(len(g.contexts))])
	for _, i := range g.facts {
		a[i] = uint8(r.IntN(len(s.vars[i].domain)))
	}
	if end := g.pass(a); end != nil {
		a = end
	}
	for i := range a {
		if a[i] == unbound || r.IntN(60) == 0 {
			a[i] = uint8(r.IntN(len(s.vars[i].domain)))
		}
	}
	if a[s.index["actor.kind"]] != a[s.index["discloser.kind"]] {
		s.bind(a, "same_agency", false)
	}
	in := s.input(a)
	in.Consent, in.About = map[gateway.Class]facts.Standing{}, map[gateway.Field]bool{}
	in.Decision, in.FieldRelease = map[gateway.Basis]map[gateway.Field]facts.Standing{}, map[gateway.Basis]map[gateway.Field]facts.Standing{}
	standing := func() facts.Standing {
		return []facts.Standing{facts.InForce, facts.InForce, facts.OutOfDate, facts.None}[r.IntN(4)]
	}
	many := r.IntN(3)
	for _, b := range g.plan.Bases {
		if r.IntN(3) < many {
			in.Claimed = append(in.Claimed, b)
		}
		in.Decision[b], in.FieldRelease[b] = map[gateway.Field]facts.Standing{}, map[gateway.Field]facts.Standing{}
		for _, f := range g.plan.Fields {
			if r.IntN(3) == 0 {
				in.Decision[b][f.Name] = standing()
			}
			if r.IntN(2) == 0 {
				in.FieldRelease[b][f.Name] = standing()
			}
		}
	}
	in.Claimed = sortedSet(in.Claimed)
	for _, f := range g.plan.Fields {
		if r.IntN(3) == 0 {
			in.Consent[f.Effective] = standing()
		}
		if r.IntN(20) == 0 {
			in.About[f.Name] = r.IntN(2) == 0
		}
		if r.IntN(3) == 0 {
			in.Named = append(in.Named, f.Name)
		}
	}
	in.Named = sortedSet(in.Named)
	return in
}

// Witness returns an input that releases what a random row of the space says,
// and which field on which basis.
func (s *Space) Witness(ctx context.Context, r *rand.Rand) (in facts.Input, f gateway.Field, b gateway.Basis, ok bool) {
	for {
		g := s.groups[r.IntN(len(s.groups))]
		if len(g.rows) == 0 {
			continue
		}
		row := g.rows[r.IntN(len(g.rows))]
		at := g.contexts[r.IntN(len(g.contexts))]
		a := s.newAssignment()
		copy(a, at)
		for n := range row.when {
			g.decode(a, g.facts, n)
			break
		}
		in, ok = g.witness(ctx, a, row)
		if !ok {
			in = g.asking(g.pass(a), row, trial{})
		}
		return in, g.plan.Fields[row.field].Name, row.by.Basis, ok
	}
}

func sortedSet[E ~string](l []E) []E {
	slices.Sort(l)
	return slices.Compact(l)
}

// In returns the space with other files beside the law that it is of.
func (s *Space) In(tree fs.FS) *Space {
	out, pack := *s, *s.pack
	pack.tree, out.pack = tree, &pack
	return &out
}
