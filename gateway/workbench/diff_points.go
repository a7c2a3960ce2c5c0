package workbench

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluss/gateway"
)

// fingerprint says all that a group releases and under which facts, so that
// equal ones need no closer look.
func (g *group) fingerprint() string {
	if g.print != "" {
		return g.print
	}
	var lines []string
	for _, r := range g.rows {
		f := g.plan.Fields[r.field]
		set := make([]byte, 0, len(g.reached))
		for _, n := range g.reached {
			set = append(set, "01"[b2i(r.when[n])])
		}
		lines = append(lines, fmt.Sprint(f.Name, r.by.ID, r.by.Basis, r.carried, r.decision, r.lifted, f.Named, g.plan.NamedOnly, string(set)))
	}
	for _, t := range g.stops {
		lines = append(lines, g.tableText(t))
	}
	slices.Sort(lines)
	lines = append(lines, fmt.Sprint(g.plan.Bases, g.paths(g.facts), g.reached))
	g.print = strings.Join(lines, "\n")
	return g.print
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *Space) paths(vars []int) []string {
	out := make([]string, len(vars))
	for k, i := range vars {
		out[k] = s.vars[i].path
	}
	return out
}

func (s *Space) tableText(t *table) string { return fmt.Sprint(s.paths(t.vars), t.holds) }

// common returns the points at which two groups are compared: all combinations
// of the facts that the answers of either depend on, or a stage that only one
// of them has.
func common(pair [2]*group) ([]term, error) {
	domains := map[string][]any{}
	stages := map[string]int{}
	for _, g := range pair {
		if g != nil {
			for _, t := range g.stops {
				stages[g.tableText(t)]++
			}
		}
	}
	for _, g := range pair {
		if g == nil {
			continue
		}
		vars := slices.Clone(g.facts)
		for _, t := range g.stops {
			if stages[g.tableText(t)] < 2 && pair[0] != nil && pair[1] != nil {
				vars = append(vars, t.vars...)
			}
		}
		for _, i := range vars {
			for _, v := range g.vars[i].domain {
				if path := g.vars[i].path; !slices.Contains(domains[path], v) {
					domains[path] = append(domains[path], v)
				}
			}
		}
	}
	return product(domains)
}

// product returns all combinations of values.
func product(domains map[string][]any) ([]term, error) {
	points := []term{{}}
	for _, path := range slices.Sorted(maps.Keys(domains)) {
		values := domains[path]
		if len(points)*len(values) > maxFacts {
			return nil, fmt.Errorf("%w: the two differ in too many stages at once to be compared", ErrSpace)
		}
		next := make([]term, 0, len(points)*len(values))
		for _, p := range points {
			for _, v := range values {
				q := make(term, len(p)+1)
				for k, w := range p {
					q[k] = w
				}
				q[path] = v
				next = append(next, q)
			}
		}
		points = next
	}
	return points, nil
}

// optionsAt lists how each field leaves at a point, nil where nothing does.
func (g *group) optionsAt(p term) map[gateway.Field][]option {
	if g == nil {
		return nil
	}
	a := slices.Clone(g.at)
	for path, v := range p {
		i := g.place(path)
		at := slices.Index(g.vars[i].domain, v)
		if at < 0 {
			return nil
		}
		a[i] = uint8(at)
	}
	if g.pass(a) == nil {
		return nil
	}
	n := g.encode(a, g.facts)
	out := map[gateway.Field][]option{}
	for _, r := range g.rows {
		if r.when[n] {
			f := g.plan.Fields[r.field]
			out[f.Name] = append(out[f.Name], option{basis: r.by.Basis, decision: r.decision, byName: f.Named && !r.lifted || g.plan.NamedOnly,
				carried: r.carried, consent: r.by.Consent, by: r.by})
		}
	}
	return out
}
