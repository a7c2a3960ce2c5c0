package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The rules that are no provision and no helper.
const (
	ruleDecision  = "decision"
	ruleConstants = "constants"
)

// provisionSet reports whether rules of this name are provisions.
func provisionSet(name string) bool { return slices.Contains(evaluated, name) || name == setNever }

// parseAll parses the provisions of a tree, as far as they can be parsed, and
// holds them to the limits of a draft. Parsing ends soon whatever is parsed;
// compiling does not, so the limits come before it.
func parseAll(tree fs.FS) (map[string]*ast.Module, []Finding) {
	names, err := fs.Glob(tree, "provisions/*.rego")
	if err != nil {
		return nil, []Finding{{File: "provisions/", Code: Syntax, Subject: err.Error()}}
	}
	modules := map[string]*ast.Module{}
	var findings []Finding
	size, rules := 0, 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		raw, found := readModule(tree, name)
		if size += len(raw); size > maxProvisions {
			return modules, append(findings, Finding{File: name, Code: TooLarge, Subject: fmt.Sprint(size), Place: fmt.Sprint(maxProvisions)})
		}
		if found != nil {
			findings = append(findings, *found)
			continue
		}
		m, found2 := parseModule(name, string(raw))
		findings = append(findings, found2...)
		if m == nil {
			continue
		}
		if rules += len(m.Rules); rules > maxRules {
			return modules, append(findings, Finding{File: name, Code: TooMany, Subject: fmt.Sprint(rules), Place: fmt.Sprint(maxRules)})
		}
		modules[name] = m
	}
	return modules, findings
}

// readModule reads a file that is not too large.
func readModule(tree fs.FS, name string) ([]byte, *Finding) {
	at, err := fs.Stat(tree, name)
	if err == nil && at.Size() > maxModule {
		return nil, &Finding{File: name, Code: TooLarge, Subject: fmt.Sprint(at.Size()), Place: fmt.Sprint(maxModule)}
	}
	raw, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, &Finding{File: name, Code: Syntax, Subject: err.Error()}
	}
	return raw, nil
}

// parseModule parses one file. It returns no module when something in it is
// nested too deeply for a compiler.
func parseModule(name, text string) (*ast.Module, []Finding) {
	m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{
		Capabilities: capabilities(), ProcessAnnotation: true, RegoVersion: ast.RegoV1,
	})
	if err != nil {
		if errs, ok := errors.AsType[ast.Errors](err); ok {
			return nil, errorFindings(Syntax, name, errs)
		}
		return nil, []Finding{{File: name, Code: Syntax, Subject: err.Error()}}
	}
	if got := m.Package.Path.String(); got != "data."+root {
		return nil, []Finding{{File: name, Line: m.Package.Location.Row, Code: OtherPackage, Subject: got}}
	}
	var findings []Finding
	for _, r := range m.Rules {
		d := depth{}
		d.rule(r)
		if d.deepest > maxDepth {
			findings = append(findings, Finding{File: path.Clean(name), Line: r.Location.Row, Code: TooDeep,
				Subject: fmt.Sprint(d.deepest), Place: fmt.Sprint(maxDepth)})
		}
	}
	if len(findings) > 0 {
		return nil, findings
	}
	return m, nil
}

// depth measures how deep terms, comprehensions and "else" of a rule nest.
type depth struct{ now, deepest int }

func (d *depth) rule(r *ast.Rule) {
	v := ast.NewBeforeAfterVisitor(
		func(x any) bool {
			if nests(x) {
				d.now++
				d.deepest = max(d.deepest, d.now)
			}
			return false
		},
		func(x any) {
			if nests(x) {
				d.now--
			}
		})
	v.Walk(r)
}

// nests reports whether something can hold more of its kind.
func nests(x any) bool {
	switch x := x.(type) {
	case ast.Ref:
		return len(x) > 1
	case *ast.Rule, *ast.Array, ast.Object, ast.Set, ast.Call, *ast.ArrayComprehension, *ast.SetComprehension,
		*ast.ObjectComprehension, *ast.Every:
		return true
	}
	return false
}
