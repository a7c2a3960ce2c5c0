package workbench

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
	"sluss/policies"
)

// NeverReport says which never-rules hold of a law, over all that can be asked.
type NeverReport struct {
	Rules []NeverResult `json:"rules"`
	// Dropped are the never-rules built in that the pack's own lack: who
	// changes the law does not also decide what may never happen.
	Dropped []string `json:"dropped,omitempty"`
	Covered Coverage `json:"covered"`
	Inputs  string   `json:"inputs"` // that the combinations stand for, as a power of ten
	Seconds float64  `json:"seconds"`
}

// NeverResult is what became of one never-rule.
type NeverResult struct {
	ID      string        `json:"id"`
	Statute string        `json:"statute"`
	Titles  policy.Titles `json:"titles"`
	Proven  bool          `json:"proven"`
	// Releases is how many ways for a field to leave the rule was held against.
	Releases int `json:"releases"`
	// Breaches is how many of these break it; Counter is a question that does,
	// asked of the gateway's own code.
	Breaches int             `json:"breaches,omitempty"`
	Counter  *Counterexample `json:"counterexample,omitempty"`

	// BuiltIn says that the pack's own rule of this id holds, but not the one
	// built in, of which the rest then speaks.
	BuiltIn bool `json:"built_in,omitempty"`

	rule *policy.Rule
}

// Counterexample is a question whose answer breaks a never-rule.
type Counterexample struct {
	Input     facts.Input   `json:"input"`
	Field     gateway.Field `json:"field"`
	Basis     gateway.Basis `json:"basis"`
	Confirmed bool          `json:"confirmed"` // the gateway's own code gives that answer
	SV        string        `json:"sv"`
	EN        string        `json:"en"`
}

// Failed returns how many never-rules are not proven.
func (r NeverReport) Failed() int {
	n := len(r.Dropped)
	for _, rule := range r.Rules {
		if !rule.Proven {
			n++
		}
	}
	return n
}

// Never proves the never-rules of a pack over every reachable input: those in
// its directory never/, and those built in. A rule that does not hold comes with
// a counterexample. Under one id both must hold: a draft cannot make weaker what
// must never happen.
func Never(ctx context.Context, pack *Pack) (NeverReport, error) {
	s, err := NewSpace(ctx, pack)
	if err != nil {
		return NeverReport{}, err
	}
	return s.Never(ctx)
}

// Never proves the never-rules of the pack that the space is of.
func (s *Space) Never(ctx context.Context) (NeverReport, error) {
	start := time.Now()
	rules, err := s.policy.Nevers(ctx, neverTree(s.pack))
	if err != nil {
		return NeverReport{}, fmt.Errorf("%w: %w", ErrPack, err)
	}
	builtIn, err := s.policy.Nevers(ctx, policies.FS)
	if err != nil {
		return NeverReport{}, fmt.Errorf("%w: the never-rules built in do not fit its tables: %w", ErrPack, err)
	}
	report := NeverReport{Dropped: dropped(builtIn, rules)}
	if report.Rules, err = s.proveAll(ctx, rules); err != nil {
		return NeverReport{}, err
	}
	if !sameNevers(neverTree(s.pack), policies.FS) {
		asBuilt, err := s.proveAll(ctx, builtIn)
		if err != nil {
			return NeverReport{}, err
		}
		report.Rules = stricter(report.Rules, asBuilt)
	}
	report.Covered, report.Inputs = s.Covered, s.Inputs()
	report.Seconds = (s.took + time.Since(start)).Seconds()
	return report, nil
}

// broken returns the never-rules built in that do not hold.
func (s *Space) broken(ctx context.Context) ([]NeverResult, error) {
	rules, err := s.policy.Nevers(ctx, policies.FS)
	if err != nil {
		return nil, fmt.Errorf("%w: the never-rules built in do not fit its tables: %w", ErrPack, err)
	}
	all, err := s.proveAll(ctx, rules)
	return slices.DeleteFunc(all, func(r NeverResult) bool { return r.Proven }), err
}

// proveAll holds rules against everything that leaves.
func (s *Space) proveAll(ctx context.Context, rules []*policy.Rule) ([]NeverResult, error) {
	var out []NeverResult
	for _, r := range rules {
		n := &never{Space: s, rule: r, memo: map[string]*table{}, result: NeverResult{ID: r.ID, Statute: r.Statute, Titles: r.Titles, rule: r}}
		if err := n.prove(ctx); err != nil {
			return nil, err
		}
		out = append(out, n.result)
	}
	return out, nil
}

// dropped lists the never-rules built in that are not among others.
func dropped(builtIn, rules []*policy.Rule) []string {
	var out []string
	for _, b := range builtIn {
		if !slices.ContainsFunc(rules, func(r *policy.Rule) bool { return r.ID == b.ID }) {
			out = append(out, b.ID)
		}
	}
	return out
}

// stricter puts what became of a rule as built in, where that does not hold, in
// the place of what became of the rule of the same id that does.
func stricter(own, asBuilt []NeverResult) []NeverResult {
	for _, b := range asBuilt {
		i := slices.IndexFunc(own, func(r NeverResult) bool { return r.ID == b.ID })
		if i >= 0 && own[i].Proven && !b.Proven {
			own[i], own[i].BuiltIn = b, true
		}
	}
	return own
}

// sameNevers reports whether two trees hold the same files of never-rules.
func sameNevers(a, b fs.FS) bool {
	one, two := neverFiles(a), neverFiles(b)
	return one != nil && two != nil && maps.EqualFunc(one, two, bytes.Equal)
}

// neverFiles reads the never-rules of a tree, nil if one cannot be read.
func neverFiles(tree fs.FS) map[string][]byte {
	names, err := fs.Glob(tree, "never/*.rego")
	if err != nil {
		return nil
	}
	out := map[string][]byte{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		if out[name], err = fs.ReadFile(tree, name); err != nil {
			return nil
		}
	}
	return out
}

// neverTree returns where the never-rules of a pack stand.
func neverTree(p *Pack) fs.FS {
	if names, err := fs.Glob(p.tree, "never/*.rego"); err == nil && len(names) > 0 {
		return p.tree
	}
	return policies.FS
}

// never proves one rule.
type never struct {
	*Space
	rule   *policy.Rule
	fixed  []string // members that a row and its context fix
	free   []int    // facts
	memo   map[string]*table
	result NeverResult
}

// prove holds the rule against every row of every group. What the rule reads
// of a row fixes over which facts it still depends; where it can break for
// some, those facts are looked for among the ones under which the row leaves.
func (n *never) prove(ctx context.Context) error {
	for _, path := range n.rule.Reads() {
		if i, ok := n.index[path]; ok && !slices.Contains(n.asked, i) {
			n.free = append(n.free, i)
		} else if path == "initiative" {
			n.free = append(n.free, n.place(path))
		} else {
			n.fixed = append(n.fixed, path)
		}
	}
	slices.Sort(n.free)
	for _, g := range n.groups {
		for _, at := range n.contextsOf(g) {
			for _, r := range g.rows {
				if err := n.row(ctx, g, at, r); err != nil {
					return err
				}
			}
		}
	}
	n.result.Proven = n.result.Breaches == 0
	return nil
}

// contextsOf returns the contexts of a group that the rule can tell apart.
func (n *never) contextsOf(g *group) []assignment {
	seen := map[string]bool{}
	var out []assignment
	for _, at := range g.contexts {
		var key []byte
		for _, path := range n.fixed {
			if i, ok := n.index[path]; ok {
				key = append(key, at[i])
			}
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, at)
		}
	}
	return out
}

// row looks for facts under which a row leaves and the rule breaks.
func (n *never) row(ctx context.Context, g *group, at assignment, r *row) error {
	n.result.Releases++
	t, err := n.table(ctx, g, at, r)
	if err != nil || t.never() {
		return err
	}
	for _, c := range slices.Sorted(maps.Keys(r.when)) { // the same counterexample each time
		a := slices.Clone(at)
		g.decode(a, g.facts, c)
		breaking := n.breaking(g, t, a)
		if breaking == nil {
			continue
		}
		n.result.Breaches++
		if n.result.Counter == nil || !n.result.Counter.Confirmed {
			n.result.Counter = n.counterexample(ctx, g, breaking, r)
		}
		return nil
	}
	return nil
}

// breaking completes an assignment so that the rule breaks and the stages let
// it pass, or returns nil.
func (n *never) breaking(g *group, t *table, a assignment) assignment {
	var open []int
	for _, i := range t.vars {
		if a[i] == unbound {
			open = append(open, i)
		}
	}
	for c := range n.combinations(open) {
		b := slices.Clone(a)
		n.decode(b, open, c)
		if n.look(t, b) && g.pass(b) != nil {
			return b
		}
	}
	return nil
}

// table returns over which facts the rule breaks for a row in a context.
func (n *never) table(ctx context.Context, g *group, at assignment, r *row) (*table, error) {
	given := func(path string) any {
		if _, ok := n.index[path]; ok {
			return n.value(at, path)
		}
		return g.release(at, r, path)
	}
	var key []byte
	for _, path := range n.fixed {
		key = fmt.Append(key, given(path), "\x00")
	}
	if t := n.memo[string(key)]; t != nil {
		return t, nil
	}
	if n.combinations(n.free) > maxFacts {
		return nil, fmt.Errorf("%w: %s reads %d facts", ErrSpace, n.rule.ID, len(n.free))
	}
	holds := make([]bool, n.combinations(n.free))
	a := slices.Clone(at)
	for c := range holds {
		n.decode(a, n.free, c)
		var err error
		holds[c], err = n.rule.Holds(ctx, func(path string) any {
			if _, ok := n.index[path]; ok || path == "initiative" {
				return n.value(a, path)
			}
			return given(path)
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSpace, err)
		}
	}
	n.Covered.Evaluations += len(holds)
	t := n.tables.of(n.Space, n.free, holds)
	n.memo[string(key)] = t
	return t, nil
}

// release returns a member of a release that is none of the input.
func (g *group) release(at assignment, r *row, path string) any {
	f := &g.plan.Fields[r.field]
	switch path {
	case "field.name":
		return string(f.Name)
	case "field.class":
		return string(f.Class)
	case "field.effective":
		return string(f.Effective)
	case "field.subclass":
		return f.Subclass
	case "field.rules":
		return words(f.Rules)
	case "field.locating":
		return f.Locating
	case "field.public":
		return f.Public
	case "field.forbidden":
		return f.Forbidden
	case "basis.code":
		return string(r.by.Basis)
	case "basis.way":
		return string(r.by.Way)
	case "basis.consent":
		return r.by.Consent
	case "basis.in_flow":
		from, to := g.value(at, "discloser.kind").(string), g.value(at, "actor.kind").(string)
		return g.policy.InFlow(gateway.Kind(from), gateway.Kind(to), r.by.Basis)
	case "basis.opens_every_rule":
		return !slices.ContainsFunc(f.Rules, func(rule gateway.Rule) bool { return !slices.Contains(r.by.Opens, rule) })
	case "decided":
		return r.decision
	case "by_name":
		return f.Named && !r.lifted || g.plan.NamedOnly
	case "carried":
		return r.carried
	}
	return nil
}

func words[E ~string](l []E) []string {
	out := make([]string, len(l))
	for i, e := range l {
		out[i] = string(e)
	}
	return out
}

// counterexample asks the gateway's own code the question that breaks the rule.
func (n *never) counterexample(ctx context.Context, g *group, a assignment, r *row) *Counterexample {
	in, ok := g.witness(ctx, a, r)
	c := &Counterexample{Input: in, Field: g.plan.Fields[r.field].Name, Basis: r.by.Basis, Confirmed: ok}
	if !ok {
		c.Input = g.asking(g.pass(a), r, trial{})
	}
	said := slices.Concat(g.facts, n.free)
	c.SV, c.EN = g.sentence("sv", a, r, said), g.sentence("en", a, r, said)
	return c
}
