package workbench

import (
	"maps"
	"slices"
	"strings"
)

// Condition is facts that must be so together. An empty Condition asks for
// nothing.
type Condition struct {
	Facts map[string]any `json:"facts,omitempty"` // by the member of the input
	SV    string         `json:"sv"`
	EN    string         `json:"en"`
}

// term is a conjunction of values, by variable path.
type term map[string]any

func (t term) key() string {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(t)) {
		b.WriteString(path)
		b.WriteByte('=')
		b.WriteString(literal(t[path]))
		b.WriteByte(' ')
	}
	return b.String()
}

func literal(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "true"
		}
		return "false"
	case string:
		return v
	}
	return ""
}

// minimal returns conditions, none of which can do without one of its facts,
// that together say when holds among the points that are reached.
func minimal(points []term, holds func(n int) bool) []term {
	var out []term
	for n, p := range points {
		if !holds(n) || slices.ContainsFunc(out, func(t term) bool { return within(p, t) }) {
			continue
		}
		t := maps.Clone(p)
		for _, path := range slices.Sorted(maps.Keys(p)) {
			delete(t, path)
			for m, q := range points {
				if !holds(m) && within(q, t) {
					t[path] = p[path]
					break
				}
			}
		}
		out = append(out, t)
	}
	return out
}

// within reports whether a point fulfils a term.
func within(p, t term) bool {
	for path, v := range t {
		if p[path] != v {
			return false
		}
	}
	return true
}

// points writes the combinations of facts that a group reaches.
func (g *group) points() []term {
	out := make([]term, len(g.reached))
	a := slices.Clone(g.at)
	for k, n := range g.reached {
		g.decode(a, g.facts, n)
		t := term{}
		for _, i := range g.facts {
			t[g.vars[i].path] = g.vars[i].domain[a[i]]
		}
		out[k] = t
	}
	return out
}

// merge drops from terms what makes no difference: a member for all of whose
// values, among those that there are, the same term stands.
func merge(terms []term, paths map[string][]any) []term {
	set := map[string]term{}
	for _, t := range terms {
		set[t.key()] = t
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for _, key := range slices.Sorted(maps.Keys(set)) {
			t, ok := set[key]
			if _, has := t[path]; !ok || !has {
				continue
			}
			var same []string
			for _, v := range paths[path] {
				o := maps.Clone(t)
				o[path] = v
				if _, ok := set[o.key()]; ok {
					same = append(same, o.key())
				}
			}
			if len(same) < len(paths[path]) {
				continue
			}
			for _, k := range same {
				delete(set, k)
			}
			o := maps.Clone(t)
			delete(o, path)
			set[o.key()] = o
		}
	}
	var out []term
	for _, key := range slices.Sorted(maps.Keys(set)) {
		t := set[key]
		if !slices.ContainsFunc(slices.Collect(maps.Values(set)), func(o term) bool { return len(o) < len(t) && within(t, o) }) {
			out = append(out, t)
		}
	}
	return out
}

// condition puts a term into words.
func (w *phrases) condition(t term) Condition {
	c := Condition{Facts: t}
	var sv, en []string
	for _, path := range slices.Sorted(maps.Keys(t)) {
		sv, en = append(sv, w.fact("sv", path, t[path])), append(en, w.fact("en", path, t[path]))
	}
	c.SV, c.EN = strings.Join(sv, " "), strings.Join(en, " ")
	if len(t) == 0 {
		c.SV, c.EN = "alltid", "always"
	}
	return c
}

func (w *phrases) conditions(terms []term) []Condition {
	out := make([]Condition, len(terms))
	for i, t := range terms {
		out[i] = w.condition(t)
	}
	return out
}
