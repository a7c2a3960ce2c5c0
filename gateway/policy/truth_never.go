package policy

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"sluss/gateway"
)

// setBreach is the set that never-rules add to (policies/never): what must not
// happen whatever anybody asks, consents to or decides.
const setBreach = "breach"

// releaseMembers are what a never-rule may look at besides the members of the
// input: the field that leaves and the basis it leaves on.
var releaseMembers = []string{
	"field.name", "field.class", "field.effective", "field.subclass", "field.rules", "field.locating", "field.public",
	"field.forbidden", "basis.code", "basis.way", "basis.consent", "basis.in_flow", "basis.opens_every_rule",
	"decided", "by_name", "carried",
}

// Nevers returns the never-rules of a tree, never/*.rego, ready to be asked
// about one release: each a [Rule] of the set "breach", in the language of
// provisions and with METADATA like theirs. Errors are [ErrProvision].
func (p *Policy) Nevers(ctx context.Context, tree fs.FS) ([]*Rule, error) {
	parse := func() (map[string]*ast.Module, error) { return p.parseNevers(tree) }
	members := append(inputPaths(), releaseMembers...)
	members = slices.DeleteFunc(members, func(m string) bool { return m == "named" || m == "default" || m == "reason" })
	rules, err := readRules(ctx, parse, []string{setBreach}, members, p.tables.Catalogue)
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(rules); i++ {
		if rules[i].ID == rules[i-1].ID {
			return nil, fmt.Errorf("%w: id %q is used twice", ErrProvision, rules[i].ID)
		}
	}
	return rules, nil
}

// parseNevers parses the files of never-rules and holds them to the fragment
// and the registers that provisions are held to.
func (p *Policy) parseNevers(tree fs.FS) (map[string]*ast.Module, error) {
	names, err := fs.Glob(tree, "never/*.rego")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProvision, err)
	}
	modules := map[string]*ast.Module{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		raw, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProvision, err)
		}
		if len(raw) > maxModule {
			return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrProvision, path.Base(name), maxModule)
		}
		m, err := ast.ParseModuleWithOpts(name, string(raw), ast.ParserOptions{
			Capabilities: capabilities(), ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProvision, err)
		}
		if got := m.Package.Path.String(); got != "data.never" {
			return nil, fmt.Errorf("%w: %s is of package %s, not never", ErrProvision, path.Base(name), got)
		}
		modules[name] = m
	}
	if len(modules) == 0 {
		return nil, fmt.Errorf("%w: no never-rules", ErrProvision)
	}
	return modules, refused(p.neverFindings(modules))
}

// neverFindings finds what stands in never-rules that provisions could not say.
func (p *Policy) neverFindings(modules map[string]*ast.Module) []Finding {
	x := fragments{helpers: map[ast.Var]bool{}}
	l := linter{members: allMembers(), literals: p.neverLiterals()}
	for _, m := range releaseMembers {
		l.members["input."+m] = true
		top, _, _ := strings.Cut(m, ".")
		l.members["input."+top] = true
	}
	for _, m := range modules {
		for _, r := range m.Rules {
			if r.Head.Name != setBreach {
				x.helpers[r.Head.Name] = true
			}
		}
	}
	for name, m := range modules {
		x.file, l.file = name, name
		for _, r := range m.Rules {
			x.never(r)
		}
		ast.WalkExprs(m, func(e *ast.Expr) bool { l.expression(e); return false })
		ast.WalkRefs(m, func(r ast.Ref) bool { l.reference(r); return false })
	}
	return append(x.findings, l.findings...)
}

// never checks one rule of a file of never-rules: the head by itself, the body
// as that of a provision.
func (x *fragments) never(r *ast.Rule) {
	if r.Head.Name != setBreach {
		x.rule(r)
		return
	}
	c := *r
	c.Head = r.Head.Copy()
	c.Head.Name, c.Head.Reference = setStop, ast.Ref{ast.VarTerm(setStop)}
	x.rule(&c)
}

// neverLiterals lists what members may be compared with in never-rules.
func (p *Policy) neverLiterals() map[string]map[string]bool {
	all := p.tables.literals()
	bases, ways := map[string]bool{}, map[string]bool{}
	for b := range p.register.byBasis {
		bases[string(b)] = true
	}
	for _, w := range []Way{Automatic, Decided, Manual, Never, Emergency} {
		ways[string(w)] = true
	}
	fields, subclasses := map[string]bool{}, map[string]bool{}
	for _, t := range p.tables.Types {
		for _, f := range t.Fields {
			fields[string(f.Name)], subclasses[f.Subclass] = true, true
		}
	}
	all["input.field.class"], all["input.field.effective"] = keys(p.tables.Classes), keys(p.tables.Classes)
	all["input.field.rules"], all["input.field.name"], all["input.field.subclass"] = keys(p.tables.Rules), fields, subclasses
	all["input.basis.code"], all["input.basis.way"] = bases, ways
	return all
}

// InFlow reports whether a flow lists a basis from one kind of agency to
// another, other than as excluded.
func (p *Policy) InFlow(from, to gateway.Kind, b gateway.Basis) bool {
	f := p.tables.Flows[from][to]
	return slices.Contains(f.Automatic, b) || slices.Contains(f.Decision, b) || slices.Contains(f.Manual, b)
}
