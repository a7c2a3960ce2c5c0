package workbench

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// conditions looks at the conditions of one rule together.
type conditions struct {
	*linter
	file    string
	kinds   map[string]string   // role → kind of agency
	allowed map[string][]string // member → values that the conditions so far leave it
	said    map[string]bool
}

func (c *conditions) rule(r *ast.Rule) {
	for _, e := range r.Body {
		if e.Generated || len(r.Body) == 1 && c.literal(r, e) {
			continue
		}
		text := e.String()
		if c.said[text] {
			c.find(e, Constant)
		}
		c.said[text] = true
		if e.Negated {
			c.negation(e)
		}
		c.condition(e)
	}
	for _, party := range []string{"input.actor", "input.discloser"} {
		roles, kinds := c.allowed[party+".role"], c.allowed[party+".kind"]
		if len(roles) > 0 && len(kinds) > 0 && !slices.ContainsFunc(roles, func(r string) bool {
			return c.kinds[r] == "*" || slices.Contains(kinds, c.kinds[r])
		}) {
			c.add(c.file, r.Location.Row, Impossible, party+".role, "+party+".kind", "")
		}
	}
}

// literal reports whether a rule's only condition is the literal that it may
// be: false in a provision that holds nowhere, true in a document.
func (c *conditions) literal(r *ast.Rule, e *ast.Expr) bool {
	t, ok := e.Terms.(*ast.Term)
	if !ok || e.Negated {
		return false
	}
	if r.Head.Name == "never" {
		return t.Equal(ast.BooleanTerm(false))
	}
	return t.Equal(ast.BooleanTerm(true)) && (r.Head.Name == "decision" || r.Head.Name == "constants")
}

func (c *conditions) find(e *ast.Expr, code string) {
	text, _, _ := strings.Cut(string(e.Location.Text), "\n")
	c.add(c.file, e.Location.Row, code, text, "")
}

// condition notes what a condition leaves of what it is about.
func (c *conditions) condition(e *ast.Expr) {
	switch t := e.Terms.(type) {
	case *ast.Term:
		if b, ok := t.Value.(ast.Boolean); ok {
			c.find(e, map[bool]string{true: Constant, false: Impossible}[bool(b) != e.Negated])
			return
		}
		c.leave(e, t.String(), []string{"true"}, e.Negated)
	case []*ast.Term:
		switch op := t[0].String(); {
		case len(t) != 3:
		case op == "equal" || op == "neq":
			c.compare(e, t[1], t[2], e.Negated != (op == "neq"))
		case op == "internal.member_2":
			if values, ok := scalars(t[2]); ok {
				c.leave(e, t[1].String(), values, e.Negated)
			}
		default:
			c.leave(e, e.Operator().String()+"("+t[1].String()+","+t[2].String()+")", []string{"true"}, e.Negated)
		}
	}
}

// compare notes a comparison, whichever side the literal is on.
func (c *conditions) compare(e *ast.Expr, a, b *ast.Term, unequal bool) {
	left, leftLiteral := scalars(ast.ArrayTerm(a))
	right, rightLiteral := scalars(ast.ArrayTerm(b))
	switch {
	case a.Equal(b), leftLiteral && rightLiteral:
		c.find(e, map[bool]string{true: Constant, false: Impossible}[a.Equal(b) != unequal])
	case rightLiteral:
		c.leave(e, a.String(), right, unequal)
	case leftLiteral:
		c.leave(e, b.String(), left, unequal)
	}
}

// leave notes that a member is one of values, or none of them.
func (c *conditions) leave(e *ast.Expr, member string, values []string, none bool) {
	before, known := c.allowed[member]
	is := func(v string) bool { return slices.Contains(values, v) != none }
	if !known {
		switch {
		case !none:
			c.allowed[member] = values
		case slices.Equal(values, []string{"true"}):
			c.allowed[member] = []string{"false"}
		}
		if len(values) == 0 {
			c.find(e, map[bool]string{true: Constant, false: Impossible}[none])
		}
		return
	}
	var after []string
	for _, v := range before {
		if is(v) {
			after = append(after, v)
		}
	}
	switch {
	case len(after) == 0 && len(before) > 0:
		c.find(e, Impossible)
	case len(after) == len(before) && !c.narrowsNothing(e):
		c.find(e, Constant)
	}
	c.allowed[member] = after
}

// narrowsNothing reports whether a condition was found already: said twice.
func (c *conditions) narrowsNothing(e *ast.Expr) bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool {
		return f.File == c.file && f.Line == e.Location.Row && f.Code == Constant
	})
}

// scalars returns the literals of a list or set as they are written, without
// quotes, and whether it holds nothing else.
func scalars(t *ast.Term) ([]string, bool) {
	var out []string
	ok := true
	each := func(v *ast.Term) {
		switch x := v.Value.(type) {
		case ast.String:
			out = append(out, string(x))
		case ast.Boolean, ast.Number, ast.Null:
			out = append(out, v.String())
		default:
			ok = false
		}
	}
	switch l := t.Value.(type) {
	case *ast.Array:
		l.Foreach(each)
	case ast.Set:
		l.Foreach(each)
	default:
		return nil, false
	}
	return out, ok
}

// negation holds "not" to what always has a value: behind it, what has none
// counts as false in one place and stops the rule in another.
func (c *conditions) negation(e *ast.Expr) {
	t, ok := e.Terms.([]*ast.Term)
	if !ok {
		if single, ok := e.Terms.(*ast.Term); ok && slices.ContainsFunc(steps(single), undefinable) {
			c.find(e, NotUndefined)
		}
		return
	}
	if slices.ContainsFunc(t[1:], undefinable) {
		c.find(e, NotUndefined)
	}
}

// steps returns the terms within a reference, by which it looks up.
func steps(t *ast.Term) []*ast.Term {
	if r, ok := t.Value.(ast.Ref); ok {
		return r[1:]
	}
	return nil
}

// undefinable reports whether a term may have no value: a look-up in a table
// or in one of the members that hold what there is to say and nothing else.
func undefinable(t *ast.Term) bool {
	r, ok := t.Value.(ast.Ref)
	if !ok {
		return false
	}
	if !r[0].Equal(ast.InputRootDocument) || len(r) > 3 {
		return true
	}
	top, ok := r[1].Value.(ast.String)
	return !ok || slices.Contains([]string{"consent", "decision", "field_release", "about"}, string(top)) && len(r) > 2 ||
		slices.ContainsFunc(r[1:], func(s *ast.Term) bool { _, ok := s.Value.(ast.String); return !ok })
}
