package workbench

import (
	"context"
	"fmt"
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// group is the contexts in which the law comes down to the same.
type group struct {
	*Space
	plan     *policy.Plan
	named    []gateway.Field // all that may be named
	at       assignment      // one of the contexts
	base     facts.Input     // as an input
	contexts []assignment
	tables   []ruleTable

	stops   []*table // that depend on facts
	facts   []int    // variables that the answers depend on
	reached []int    // combinations of facts that pass the stages
	rows    []*row
	byHand  map[handRow]map[int]bool
	ends    map[string]assignment // what passes the stages, by what was fixed
	print   string                // see fingerprint
}

type ruleTable struct {
	*ruled
	*table
}

// row is one way for a field to leave: on which provision, and whether only
// because another field does (carrier rule).
type row struct {
	field    int
	by       *policy.Provision
	carried  bool
	decision bool // a recorded decision that names the field
	lifted   bool
	when     map[int]bool // combinations of the group's facts
}

// handRow is a field that a person may open on a basis, by hand.
type handRow struct {
	field int
	basis gateway.Basis
}

// solve finds every row of the group, with the combinations of facts under
// which it is reached.
func (g *group) solve(ctx context.Context) error {
	g.ends, g.byHand = map[string]assignment{}, map[handRow]map[int]bool{}
	for _, t := range g.tables {
		switch {
		case t.Set == "stop" && t.always():
			return nil
		case t.Set == "stop" && !t.never():
			g.stops = append(g.stops, t.table)
		case t.Set != "stop":
			g.facts = append(g.facts, t.vars...)
		}
	}
	slices.Sort(g.facts)
	g.facts = slices.Compact(g.facts)
	total := g.combinations(g.facts)
	if total > maxFacts {
		return fmt.Errorf("%w: %d combinations of facts (%s)", ErrSpace, total, g.written(g.at))
	}
	known := map[string][]found{}
	a := slices.Clone(g.at)
	for n := range total {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.decode(a, g.facts, n)
		if g.pass(a) == nil {
			continue
		}
		g.reached = append(g.reached, n)
		v, key := g.verdict(a)
		answers, ok := known[key]
		if !ok {
			answers = g.answers(v)
			known[key] = answers
		}
		for _, f := range answers {
			g.note(f, n)
		}
	}
	g.Covered.Combinations += len(g.reached) * len(g.contexts)
	return nil
}

// found is a row or, without a provision, a field that is decided by hand.
type found struct {
	row
	hand gateway.Basis
}

func (g *group) note(f found, n int) {
	if f.hand != "" {
		k := handRow{f.field, f.hand}
		if g.byHand[k] == nil {
			g.byHand[k] = map[int]bool{}
		}
		g.byHand[k][n] = true
		return
	}
	i := slices.IndexFunc(g.rows, func(r *row) bool {
		return r.field == f.field && r.by == f.by && r.carried == f.carried && r.decision == f.decision && r.lifted == f.lifted
	})
	if i < 0 {
		i = len(g.rows)
		f.when = map[int]bool{}
		g.rows = append(g.rows, &f.row)
	}
	g.rows[i].when[n] = true
}

// verdict says which provisions hold under the facts of an assignment.
func (g *group) verdict(a assignment) (policy.Verdict, string) {
	v := g.policy.NewVerdict()
	key := make([]byte, 0, len(g.tables))
	for _, t := range g.tables {
		if t.Set == "stop" {
			continue
		}
		holds := g.look(t.table, a)
		v.Set(g.policy, t.Rule, holds)
		key = append(key, fmt.Sprint(holds)[0])
	}
	return v, string(key)
}

// pass completes an assignment so that no stage stops, or returns nil. It
// tries the values of the facts that only stages read until the stages pass.
func (g *group) pass(a assignment) assignment {
	var open []int
	key := make([]byte, 0, 32)
	for _, t := range g.stops {
		for _, i := range t.vars {
			if a[i] == unbound {
				open = append(open, i)
			} else {
				key = append(key, byte(i), a[i])
			}
		}
	}
	if end, ok := g.ends[string(key)]; ok {
		return merged(end, a)
	}
	slices.Sort(open)
	open = slices.Compact(open)
	b := slices.Clone(g.at)
	for _, t := range g.stops {
		for _, i := range t.vars {
			b[i] = a[i]
		}
	}
	if !g.complete(b, open) {
		b = nil
	}
	g.ends[string(key)] = b
	return merged(b, a)
}

// merged puts the values that a binds over an end that was found before.
func merged(end, a assignment) assignment {
	if end == nil {
		return nil
	}
	b := slices.Clone(end)
	for i, v := range a {
		if v != unbound {
			b[i] = v
		}
	}
	return b
}

func (g *group) complete(a assignment, open []int) bool {
	for _, t := range g.stops {
		if bound(a, t.vars) && g.look(t, a) {
			return false
		}
	}
	if len(open) == 0 {
		return true
	}
	i := open[0]
	for v := range g.vars[i].domain {
		a[i] = uint8(v)
		if g.complete(a, open[1:]) {
			return true
		}
	}
	a[i] = unbound
	return false
}

func bound(a assignment, vars []int) bool {
	return !slices.ContainsFunc(vars, func(i int) bool { return a[i] == unbound })
}

// standings says how everything stands that a request can rest on: it claims
// one basis only, so that what opens a field is that basis or one that nobody
// claims. Claims and decisions of different bases are independent, so every
// field that some request opens on a basis is opened by one of these.
type standings struct {
	basis                      gateway.Basis
	decision, release, consent bool
}

// requests lists the standings under which a basis is tried. One provision
// opens most when everything is in force; where a basis has several, one may
// open only what another does not.
func (g *group) requests(basis gateway.Basis) []standings {
	n := 0
	for _, p := range g.policy.Provisions() {
		if p.Set == "grant" && p.Basis == basis {
			n++
		}
	}
	if n < 2 {
		return []standings{{basis, true, true, true}}
	}
	var out []standings
	for i := range 8 {
		out = append(out, standings{basis, i&1 > 0, i&2 > 0, i&4 > 0})
	}
	return out
}

// request writes standings as an input in the group's first context, in which
// everything that may be named is named.
func (g *group) request(st standings) facts.Input {
	in := g.base
	in.Named, in.Reason = g.named, true
	in.Claimed = []gateway.Basis{st.basis}
	all := func(on bool) map[gateway.Basis]map[gateway.Field]facts.Standing {
		if !on {
			return nil
		}
		fields := map[gateway.Field]facts.Standing{}
		for _, f := range g.plan.Fields {
			fields[f.Name] = facts.InForce
		}
		return map[gateway.Basis]map[gateway.Field]facts.Standing{st.basis: fields}
	}
	in.Decision, in.FieldRelease = all(st.decision), all(st.release)
	if st.consent && g.rests(st.basis) {
		in.Consent = map[gateway.Class]facts.Standing{}
		for _, f := range g.plan.Fields {
			in.Consent[f.Effective] = facts.InForce
		}
	}
	return in
}

// rests reports whether a basis rests on consent.
func (g *group) rests(basis gateway.Basis) bool {
	return slices.ContainsFunc(g.policy.Provisions(), func(p *policy.Provision) bool {
		return p.Set == "grant" && p.Basis == basis && p.Consent
	})
}
