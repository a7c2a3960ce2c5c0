package policy

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The list of named fields is the one member of the input that has as many
// values as there are sets of fields. A rule may therefore look at it in two
// ways only, for which single fields stand for all sets: one by one at the top
// of a stage's body, and whether there is any at all.

// namesOneByOne reports whether a rule begins one by one: "some name in
// input.named". What holds for one of the fields named then holds for the list.
func namesOneByOne(r *ast.Rule) (bool, error) {
	n := 0
	for _, e := range r.Body {
		if !e.Negated && isOneByOne(e) {
			n++
		}
	}
	if n > 1 {
		return false, fmt.Errorf("%w: %s: the fields named are compared with each other", ErrProvision, r.Location)
	}
	return n == 1, nil
}

func isOneByOne(e *ast.Expr) bool {
	some, ok := e.Terms.(*ast.SomeDecl)
	if !ok || len(some.Symbols) != 1 {
		return false
	}
	call, ok := some.Symbols[0].Value.(ast.Call)
	return ok && len(call) == 3 && isNamed(call[2])
}

func isNamed(t *ast.Term) bool { return pathOf(t) == "input.named" }

// checkNamed refuses any other look at the fields named.
func checkNamed(m *ast.Module, at map[string]*Provision) error {
	looks, known := 0, 0
	ast.WalkRefs(m, func(r ast.Ref) bool {
		if p := pathOf(ast.NewTerm(r)); p == "input.named" || p == "input.named[]" {
			looks++
		}
		return false
	})
	for _, r := range m.Rules {
		for _, e := range r.Body {
			if at[r.Location.String()] != nil && !e.Negated && isOneByOne(e) {
				known++
			}
		}
	}
	ast.WalkExprs(m, func(e *ast.Expr) bool {
		if t, ok := e.Terms.(*ast.Term); ok && t.Equal(anyNamed) {
			known++
		}
		return false
	})
	if looks != known {
		return fmt.Errorf("%w: %s looks at the fields named in a way of which no truth table can be made",
			ErrProvision, m.Package.Location)
	}
	return nil
}

var anyNamed = ast.MustParseTerm("input.named[0]")
