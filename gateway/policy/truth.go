package policy

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/dependencies"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// Rule is one provision that can be evaluated alone, by the engine that
// decides. It reads only a few members of the input, so that all that can be
// asked of it can be asked: its truth table is what it means. A Rule never
// changes and may be used by any number of goroutines at once.
type Rule struct {
	*Provision
	reads  []string
	each   bool // stops if it would stop for one of the fields named alone
	layout []group
	query  rego.PreparedEvalQuery
}

// group is a member of the input with the members of it that a rule reads;
// none for a member without members.
type group struct {
	top    *ast.Term
	path   string
	within []*ast.Term
	paths  []string
}

// Reads lists the members of the input that the rule reads, through whatever
// helper rules, as "actor.kind" or "type", sorted.
func (r *Rule) Reads() []string { return r.reads }

// EachNamed reports whether the rule looks at the fields named one by one and
// holds when it holds for one of them.
func (r *Rule) EachNamed() bool { return r.each }

// Holds evaluates the rule on an input whose members are given by their path:
// a string, a boolean or a list of strings. Only members in [Rule.Reads] are
// asked for.
func (r *Rule) Holds(ctx context.Context, given func(path string) any) (bool, error) {
	terms := make([][2]*ast.Term, len(r.layout))
	for i, g := range r.layout {
		terms[i][0] = g.top
		if g.within == nil {
			terms[i][1] = term(given(g.path))
			continue
		}
		inner := make([][2]*ast.Term, len(g.within))
		for k := range g.within {
			inner[k] = [2]*ast.Term{g.within[k], term(given(g.paths[k]))}
		}
		terms[i][1] = ast.ObjectTerm(inner...)
	}
	res, err := r.query.Eval(ctx, rego.EvalParsedInput(ast.NewObject(terms...)))
	if err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrEvaluation, r.ID, err)
	}
	return len(res) > 0, nil
}

func term(v any) *ast.Term {
	switch v := v.(type) {
	case bool:
		return ast.InternedTerm(v)
	case string:
		return ast.InternedTerm(v)
	case []string:
		list := make([]*ast.Term, len(v))
		for i, s := range v {
			list[i] = ast.StringTerm(s)
		}
		return ast.ArrayTerm(list...)
	}
	return ast.NullTerm()
}

// Rules returns every provision of a snapshot's tree that holds or does not,
// ready to be evaluated alone. The tree must be the one that p was read from.
// A provision whose truth no table can hold is an error ([ErrProvision]): one
// that reads a member of the input as a whole, or the named fields otherwise
// than one by one ("some name in input.named", in a stage) or as "any at all"
// ("input.named[0]").
func (p *Policy) Rules(ctx context.Context, tree fs.FS) ([]*Rule, error) {
	parse := func() (map[string]*ast.Module, error) { return parseModules(tree) }
	rules, err := readRules(ctx, parse, evaluated, inputPaths(), p.tables.Catalogue)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if i, ok := p.register.index[r.Set][r.ID]; !ok || i >= len(p.register.sets[r.Set]) {
			return nil, fmt.Errorf("%w: %s is not of this policy", ErrProvision, r.ID)
		}
	}
	return rules, nil
}

// inputPaths lists the members of the input that a truth table can have: all
// but those that say how something stands for each basis, class or field.
func inputPaths() []string {
	paths := []string{"same_agency", "purpose", "type", "initiative", "default", "named", "reason", "bulk", "acute", "maturity"}
	for member := range inputMembers() {
		if member != "input.table.blanked" {
			paths = append(paths, strings.TrimPrefix(member, "input."))
		}
	}
	slices.Sort(paths)
	return paths
}

// readRules makes rules of their own of those that add to one of the sets.
// parse is called twice, because compiling changes modules.
func readRules(ctx context.Context, parse func() (map[string]*ast.Module, error), sets, members []string, catalogue map[string]any) ([]*Rule, error) {
	modules, err := parse()
	if err != nil {
		return nil, err
	}
	compiled, err := compileModules(modules)
	if err != nil {
		return nil, err
	}
	at := map[string]*Provision{}
	for _, m := range compiled.Modules {
		for _, r := range m.Rules {
			if name := r.Head.Name.String(); slices.Contains(sets, name) {
				p, err := provisionOf(compiled, r, name)
				if err != nil {
					return nil, err
				}
				at[r.Location.String()] = p
			}
		}
	}
	if modules, err = parse(); err != nil {
		return nil, err
	}
	rules, err := single(modules, at)
	if err != nil {
		return nil, err
	}
	c, err := compileModules(modules)
	if err != nil {
		return nil, err
	}
	for i, r := range rules {
		if err := r.prepare(ctx, c, ast.Var(ruleName(i)), members, catalogue); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(rules, func(a, b *Rule) int { return strings.Compare(a.Set+a.ID, b.Set+b.ID) })
	return rules, nil
}

// provisionOf reads the METADATA of a compiled rule.
func provisionOf(c *ast.Compiler, r *ast.Rule, set string) (*Provision, error) {
	found := c.GetAnnotationSet().GetRuleScope(r)
	if len(found) != 1 || found[0].Custom == nil {
		return nil, fmt.Errorf("%w: %s: a %s without METADATA", ErrProvision, r.Location, set)
	}
	return parseProvision(set, found[0].Description, found[0].Custom)
}

func ruleName(i int) string { return fmt.Sprintf("rule_%d", i) }

// single gives each provision's rule a name of its own in place of the set
// that it adds to, and keeps its body as it stands.
func single(modules map[string]*ast.Module, at map[string]*Provision) ([]*Rule, error) {
	var rules []*Rule
	for _, m := range modules {
		m.Annotations = nil
		m.Rules = slices.DeleteFunc(m.Rules, func(r *ast.Rule) bool { return r.Head.Name == "decision" || r.Head.Name == "constants" })
		for _, r := range m.Rules {
			p := at[r.Location.String()]
			r.Annotations = nil
			if p == nil {
				continue
			}
			each, err := namesOneByOne(r)
			if err != nil {
				return nil, err
			}
			head := ast.RefHead(ast.Ref{ast.VarTerm(ruleName(len(rules)))})
			head.Location, head.Value = r.Head.Location, ast.BooleanTerm(true)
			r.Head = head
			rules = append(rules, &Rule{Provision: p, each: each})
		}
		if err := checkNamed(m, at); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// prepare finds what a rule reads and prepares the question whether it holds.
func (r *Rule) prepare(ctx context.Context, c *ast.Compiler, name ast.Var, members []string, catalogue map[string]any) error {
	pkg := c.Modules[slices.Sorted(maps.Keys(c.Modules))[0]].Package.Path
	ref := pkg.Append(ast.StringTerm(string(name)))
	bases, err := dependencies.Base(c, ref)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrProvision, r.ID, err)
	}
	for _, b := range bases {
		if err := r.read(b, members); err != nil {
			return err
		}
	}
	slices.Sort(r.reads)
	r.reads = slices.Compact(r.reads)
	r.arrange()
	if slices.Contains(r.reads, "named") && r.Set != setStop {
		return fmt.Errorf("%w: %s looks at the fields named, which only a stage may", ErrProvision, r.ID)
	}
	r.query, err = rego.New(rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(ref)))), rego.Compiler(c),
		rego.Capabilities(capabilities()), rego.StrictBuiltinErrors(true),
		rego.Store(inmem.NewFromObjectWithOpts(map[string]any{"catalogue": catalogue},
			inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))),
	).PrepareForEval(ctx)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrProvision, r.ID, err)
	}
	return nil
}

// read notes a member of the input that a rule reads; of a member that is
// passed on whole, all its members.
func (r *Rule) read(ref ast.Ref, members []string) error {
	if !ref[0].Equal(ast.InputRootDocument) {
		return nil
	}
	path := strings.TrimPrefix(strings.TrimSuffix(strings.TrimRight(pathOf(ast.NewTerm(ref)), "[]"), "."), "input.")
	if strings.HasPrefix(path, "named") {
		path = "named"
	}
	if slices.Contains(members, path) {
		r.reads = append(r.reads, path)
		return nil
	}
	whole := false
	for _, m := range members {
		if strings.HasPrefix(m, path+".") {
			r.reads, whole = append(r.reads, m), true
		}
	}
	if !whole {
		return fmt.Errorf("%w: %s reads %s, of which no truth table can be made", ErrProvision, r.ID, ref)
	}
	return nil
}

// arrange lays out the input document of a rule.
func (r *Rule) arrange() {
	for _, path := range r.reads {
		top, inner, nested := strings.Cut(path, ".")
		i := slices.IndexFunc(r.layout, func(g group) bool { return g.path == top })
		if i < 0 {
			i = len(r.layout)
			r.layout = append(r.layout, group{top: ast.StringTerm(top), path: top})
		}
		if nested {
			g := &r.layout[i]
			g.within, g.paths = append(g.within, ast.StringTerm(inner)), append(g.paths, path)
		}
	}
}
