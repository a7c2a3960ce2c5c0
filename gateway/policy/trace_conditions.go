package policy

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"sluss/gateway/facts"
)

// Condition is one line of a provision, and whether it holds for an input.
type Condition struct {
	Text   string // as it stands in the provision
	Holds  bool
	Not    bool     // behind "not"
	Member string   // of the input, "facts.under_18", if the line is about one
	Values []string // that the member is compared with
	Equal  bool     // the member must be one of Values; else none of them
	// Any lists, for a named condition, the ways in which it can hold; each
	// way is a list of conditions that must all hold.
	Any [][]Condition
}

// Conditions takes provisions apart: it says of each line whether it holds.
// Only [Policy.Conditions] makes one. It may be used at once.
type Conditions struct {
	policy   *Policy
	compiler *ast.Compiler
	store    map[string]any
	rules    map[string][]*ast.Rule // as written, by name
	byID     map[string]*ast.Rule
}

// Conditions reads the provisions of the tree that p was read from once more,
// as they are written.
func (p *Policy) Conditions(tree fs.FS) (*Conditions, error) {
	written, err := parseModules(tree)
	if err != nil {
		return nil, err
	}
	again, err := parseModules(tree)
	if err != nil {
		return nil, err
	}
	compiler, err := compileModules(again)
	if err != nil {
		return nil, err
	}
	c := &Conditions{policy: p, compiler: compiler, store: map[string]any{"catalogue": p.tables.Catalogue},
		rules: map[string][]*ast.Rule{}, byID: map[string]*ast.Rule{}}
	for _, m := range written {
		for _, r := range m.Rules {
			name := r.Head.Name.String()
			c.rules[name] = append(c.rules[name], r)
			for _, a := range r.Annotations {
				if id, ok := a.Custom["id"].(string); ok {
					c.byID[id] = r
				}
			}
		}
	}
	return c, nil
}

// Of returns the conditions of the provision with an id, each with whether it
// holds for the input. What is not a provision of the tree is [ErrProvision].
func (c *Conditions) Of(ctx context.Context, id string, in facts.Input) ([]Condition, error) {
	r := c.byID[id]
	if r == nil {
		return nil, fmt.Errorf("%w: there is none with the id %q", ErrProvision, id)
	}
	return c.body(ctx, r, &in, 0)
}

// deepest is how far named conditions are followed.
const deepest = 4

// body takes a rule's body apart. Lines that share a variable mean something
// together only: they are one condition.
func (c *Conditions) body(ctx context.Context, r *ast.Rule, in *facts.Input, depth int) ([]Condition, error) {
	var out []Condition
	if len(r.Head.Args) > 0 || slices.ContainsFunc(r.Body, func(e *ast.Expr) bool { return e.IsSome() }) {
		if len(r.Head.Args) > 0 {
			return nil, nil // means nothing without its argument
		}
		holds, err := c.holds(ctx, r.Body, in)
		return []Condition{{Text: lines(r.Body), Holds: holds}}, err
	}
	for _, e := range r.Body {
		one, err := c.condition(ctx, e, in, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func lines(b ast.Body) string {
	text := make([]string, len(b))
	for i, e := range b {
		text[i] = written(e)
	}
	return strings.Join(text, "; ")
}

// written returns an expression as it stands in its file.
func written(e *ast.Expr) string {
	if e.Location != nil && len(e.Location.Text) > 0 {
		return strings.Join(strings.Fields(string(e.Location.Text)), " ")
	}
	return e.String()
}

func (c *Conditions) condition(ctx context.Context, e *ast.Expr, in *facts.Input, depth int) (Condition, error) {
	holds, err := c.holds(ctx, ast.NewBody(e), in)
	out := Condition{Text: written(e), Holds: holds, Not: e.Negated}
	if err != nil {
		return out, err
	}
	switch t := e.Terms.(type) {
	case *ast.Term:
		if name, ok := t.Value.(ast.Var); ok && depth < deepest {
			out.Any, err = c.named(ctx, string(name), in, depth+1)
			return out, err
		}
		out.Member = inputMember(t)
	case []*ast.Term:
		out.compare(e)
	}
	return out, err
}

// named follows a named condition.
func (c *Conditions) named(ctx context.Context, name string, in *facts.Input, depth int) ([][]Condition, error) {
	var out [][]Condition
	for _, r := range c.rules[name] {
		way, err := c.body(ctx, r, in, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, way)
	}
	return out, nil
}

// compare reads a comparison of a member of the input with words.
func (out *Condition) compare(e *ast.Expr) {
	operands := e.Operands()
	if len(operands) != 2 {
		return
	}
	for i, t := range operands {
		if member := inputMember(t); member != "" {
			out.Member = member
			ast.WalkTerms(operands[1-i], func(w *ast.Term) bool {
				switch v := w.Value.(type) {
				case ast.String:
					out.Values = append(out.Values, string(v))
				case ast.Boolean:
					out.Values = append(out.Values, v.String())
				}
				return false
			})
		}
	}
	out.Equal = e.Operator().String() != "neq"
}

// inputMember returns "facts.under_18" for input.facts.under_18, "" for anything
// else.
func inputMember(t *ast.Term) string {
	r, ok := t.Value.(ast.Ref)
	if !ok || !r.HasPrefix(ast.InputRootRef) {
		return ""
	}
	var parts []string
	for _, p := range r[1:] {
		s, ok := p.Value.(ast.String)
		if !ok {
			return ""
		}
		parts = append(parts, string(s))
	}
	return strings.Join(parts, ".")
}

// holds evaluates some lines for an input.
func (c *Conditions) holds(ctx context.Context, b ast.Body, in *facts.Input) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, evaluationTime)
	defer cancel()
	res, err := rego.New(
		rego.ParsedQuery(b.Copy()),
		rego.Package(root),
		rego.Compiler(c.compiler),
		rego.Capabilities(capabilities()),
		rego.Store(inmem.NewFromObjectWithOpts(c.store, inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))),
		rego.StrictBuiltinErrors(true),
		rego.ParsedInput(c.policy.engine.input.value(in)),
	).Eval(ctx)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrEvaluation, err)
	}
	return len(res) > 0 && !slices.ContainsFunc(res[0].Expressions, func(v *rego.ExpressionValue) bool { return v.Value == false }), nil
}
