package policy

import (
	"context"
	"fmt"
	"io/fs"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"sluss/gateway/facts"
)

// builtins is the allow-list of the language. A provision is a conjunction of
// comparisons with registered literals, facts and named helpers; nothing that
// reads a clock, the network or randomness, or that can run long, is in it.
var builtins = []string{
	"eq", "equal", "neq", "assign", "internal.member_2", "rego.metadata.rule",
}

// features is the allow-list of language features.
var features = []string{"rego_v1", "keywords_in_refs"}

// The documents that the gateway asks for.
const (
	root           = "provisions"
	queryDecision  = "data.provisions.decision"
	queryConstants = "data.provisions.constants"
)

// engine holds the compiled provisions, prepared once. It may be used by any
// number of goroutines at once.
type engine struct {
	decision rego.PreparedEvalQuery
	input    *inputWriter
	register *register
	recall   *recall
}

// capabilities returns the language that provisions may be written in.
func capabilities() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion()
	c := &ast.Capabilities{Features: features, AllowNet: []string{}}
	for _, b := range all.Builtins {
		if slices.Contains(builtins, b.Name) {
			c.Builtins = append(c.Builtins, b)
		}
	}
	return c
}

// parseModules parses the provisions of a tree. Tests (*_test.rego) are no part
// of a policy.
func parseModules(tree fs.FS) (map[string]*ast.Module, error) {
	modules, findings := parseAll(tree)
	return modules, refused(findings)
}

// compileModules compiles provisions, strictly. It changes the modules.
func compileModules(modules map[string]*ast.Module) (*ast.Compiler, error) {
	c := newCompiler()
	if c.Compile(modules); c.Failed() {
		return nil, fmt.Errorf("%w: %w", ErrProvision, c.Errors)
	}
	return c, nil
}

func newCompiler() *ast.Compiler {
	return ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true).WithDefaultRegoVersion(ast.RegoV1)
}

// readProvisions collects the METADATA of every rule that adds to a set. Rules
// of the compiled modules are asked, because those of the parsed ones are not
// what the annotations are kept by.
func readProvisions(c *ast.Compiler) (*register, error) {
	var all []*Provision
	annotations := c.GetAnnotationSet()
	for _, m := range c.Modules {
		for _, r := range m.Rules {
			name := r.Head.Name.String()
			if !provisionSet(name) {
				continue
			}
			found := annotations.GetRuleScope(r)
			if len(found) != 1 || found[0].Custom == nil {
				return nil, fmt.Errorf("%w: %s: a %s without METADATA", ErrProvision, r.Location, name)
			}
			p, err := parseProvision(name, found[0].Description, found[0].Custom)
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
	}
	return newRegister(all)
}

// newEngine prepares the decision query over the catalogue.
func newEngine(ctx context.Context, c *ast.Compiler, r *register, catalogue map[string]any) (*engine, error) {
	in, err := newInputWriter(c)
	if err != nil {
		return nil, err
	}
	q, err := rego.New(
		rego.Query("x := "+queryDecision),
		rego.Compiler(c),
		rego.Capabilities(capabilities()),
		rego.Store(inmem.NewFromObjectWithOpts(map[string]any{"catalogue": catalogue},
			inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))),
		rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.Value, nil }),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProvision, err)
	}
	memory, err := newRecall(c, r)
	if err != nil {
		return nil, err
	}
	return &engine{q, in, r, memory}, nil
}

// readConstants evaluates the document of constants, which depends on nothing.
func readConstants(ctx context.Context, c *ast.Compiler) (any, error) {
	res, err := rego.New(rego.Query("x := "+queryConstants), rego.Compiler(c), rego.Capabilities(capabilities()),
		rego.StrictBuiltinErrors(true)).Eval(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProvision, err)
	}
	if len(res) != 1 {
		return nil, fmt.Errorf("%w: no constants", ErrProvision)
	}
	return res[0].Bindings["x"], nil
}

// verdict is which provisions hold in one request, by the place they have in
// the register.
type verdict map[string][]bool

// holds reports whether the i-th provision of a set holds.
func (v verdict) holds(set string, i int) bool { return v[set][i] }

// ask says which provisions hold, from memory if what each of them reads was
// asked before. An error is never remembered.
func (e *engine) ask(ctx context.Context, in *facts.Input) (verdict, error) {
	q := e.recall.question(in)
	if v, ok := e.recall.get(q); ok {
		return v, nil
	}
	v, err := e.evaluate(ctx, in)
	if err == nil {
		e.recall.put(q, v)
	}
	return v, err
}

// evaluate evaluates the provisions. Anything but one complete document of
// known provisions is an error.
func (e *engine) evaluate(ctx context.Context, in *facts.Input, options ...rego.EvalOption) (verdict, error) {
	res, err := e.decision.Eval(ctx, append(options, rego.EvalParsedInput(e.input.value(in)))...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvaluation, err)
	}
	if len(res) != 1 {
		return nil, fmt.Errorf("%w: undefined", ErrEvaluation)
	}
	doc, ok := res[0].Bindings["x"].(ast.Object)
	if !ok || doc.Len() != len(evaluated) {
		return nil, fmt.Errorf("%w: not a document of sets", ErrEvaluation)
	}
	v := make(verdict, len(evaluated))
	for _, set := range evaluated {
		if v[set], err = e.members(doc, set); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// members marks the provisions that one set of the document holds.
func (e *engine) members(doc ast.Object, set string) ([]bool, error) {
	t := doc.Get(ast.InternedTerm(set))
	if t == nil {
		return nil, fmt.Errorf("%w: no set %q", ErrEvaluation, set)
	}
	s, ok := t.Value.(ast.Set)
	if !ok {
		return nil, fmt.Errorf("%w: %q is no set", ErrEvaluation, set)
	}
	out := make([]bool, len(e.register.sets[set]))
	for _, member := range s.Slice() {
		id, ok := member.Value.(ast.String)
		i, known := e.register.index[set][string(id)]
		if !ok || !known {
			return nil, fmt.Errorf("%w: %q holds a provision that is not registered", ErrEvaluation, set)
		}
		out[i] = true
	}
	return out, nil
}
