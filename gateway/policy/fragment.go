package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// fragment holds provisions to the part of the language that they are written
// in: a rule adds the id of its METADATA to a set, or is a named condition; its
// body is a conjunction of members of the input, comparisons of them with
// literals, look-ups in data.catalogue, "some … in" one of these, named
// conditions, and "not" one of these. In this fragment every provision can be
// shown as a sentence and tried on all that could be asked of it, and compiling
// and evaluating it takes no longer than reading it.
func fragment(modules map[string]*ast.Module) []Finding {
	x := fragments{helpers: map[ast.Var]bool{}}
	for _, m := range modules {
		for _, r := range m.Rules {
			if name := r.Head.Name; !provisionSet(name.String()) && name != ruleDecision && name != ruleConstants {
				x.helpers[name] = true
			}
		}
	}
	for name, m := range modules {
		x.file = name
		for _, i := range m.Imports {
			x.refuse(OutsideHead, i.Location)
		}
		for _, r := range m.Rules {
			x.rule(r)
		}
	}
	return x.findings
}

type fragments struct {
	file     string
	helpers  map[ast.Var]bool
	locals   map[ast.Var]bool // of the rule: its arguments and what "some" names
	findings []Finding
}

// refuse adds a finding about what stands at a place, as it is written there.
func (x *fragments) refuse(code string, at *ast.Location) {
	subject, _, _ := strings.Cut(string(at.Text), "\n")
	if len(subject) > 120 {
		subject = subject[:120] + "…"
	}
	x.findings = append(x.findings, Finding{File: x.file, Line: at.Row, Code: code, Subject: strings.ToValidUTF8(subject, "")})
}

func (x *fragments) rule(r *ast.Rule) {
	if !x.head(r) {
		x.refuse(OutsideHead, r.Location)
		return
	}
	x.locals = map[ast.Var]bool{}
	for _, a := range r.Head.Args {
		x.locals[a.Value.(ast.Var)] = true
	}
	for _, e := range r.Body {
		if some, ok := e.Terms.(*ast.SomeDecl); ok {
			x.some(some)
		}
	}
	for _, e := range r.Body {
		x.expression(e)
	}
}

// head reports whether a rule is a provision, a named condition, the decision
// or the constants.
func (x *fragments) head(r *ast.Rule) bool {
	h := r.Head
	if r.Default || r.Else != nil || len(h.Reference) != 1 {
		return false
	}
	switch name := h.Name.String(); {
	case provisionSet(name):
		return len(h.Args) == 0 && h.Value == nil && h.Key != nil && h.Key.String() == "rego.metadata.rule().custom.id"
	case name == ruleDecision:
		return h.Key == nil && always(r) && setsByName(h.Value)
	case name == ruleConstants:
		return h.Key == nil && always(r) && h.Value != nil && h.Value.IsGround() && !computes(h.Value)
	}
	return h.Key == nil && h.Value != nil && h.Value.Equal(ast.BooleanTerm(true)) &&
		!slices.ContainsFunc(h.Args, func(a *ast.Term) bool { _, ok := a.Value.(ast.Var); return !ok })
}

// always reports whether a rule has no condition.
func always(r *ast.Rule) bool {
	return len(r.Head.Args) == 0 && len(r.Body) == 1 && isTerm(r.Body[0], ast.BooleanTerm(true))
}

func isTerm(e *ast.Expr, t *ast.Term) bool {
	is, ok := e.Terms.(*ast.Term)
	return ok && is.Equal(t)
}

// setsByName reports whether a term is an object of provision sets, each under
// its own name.
func setsByName(t *ast.Term) bool {
	o, ok := t.Value.(ast.Object)
	if !ok || o.Len() != len(evaluated) {
		return false
	}
	for _, set := range evaluated {
		if v := o.Get(ast.StringTerm(set)); v == nil || !v.Equal(ast.VarTerm(set)) {
			return false
		}
	}
	return true
}

// computes reports whether a term is more than a literal.
func computes(t *ast.Term) bool {
	found := false
	ast.WalkTerms(t, func(t *ast.Term) bool {
		switch t.Value.(type) {
		case ast.Var, ast.Ref, ast.Call, *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.TemplateString:
			found = true
		}
		return found
	})
	return found
}

// some notes the variable of "some x in …".
func (x *fragments) some(d *ast.SomeDecl) {
	if len(d.Symbols) != 1 {
		return
	}
	if c, ok := d.Symbols[0].Value.(ast.Call); ok && len(c) == 3 && c[0].String() == opMember {
		if v, ok := c[1].Value.(ast.Var); ok {
			x.locals[v] = true
		}
	}
}

const opMember = "internal.member_2"

// expression checks one condition.
func (x *fragments) expression(e *ast.Expr) {
	ok := len(e.With) == 0
	switch t := e.Terms.(type) {
	case *ast.Term:
		ok = ok && x.condition(t)
	case *ast.SomeDecl:
		c, call := t.Symbols[0].Value.(ast.Call)
		ok = ok && !e.Negated && len(t.Symbols) == 1 && call && len(c) == 3 && c[0].String() == opMember && x.isLocal(c[1]) && x.lookup(c[2])
	case []*ast.Term:
		if x.builtin(t[0]) {
			x.refuse(OutsideBuiltin, e.Location)
			return
		}
		ok = ok && x.call(t)
	default:
		ok = false
	}
	if !ok {
		x.refuse(OutsideBody, e.Location)
	}
}

// builtin reports whether an operator is neither a helper nor a comparison.
func (x *fragments) builtin(operator *ast.Term) bool {
	name := operator.String()
	return !slices.Contains([]string{"equal", "neq", opMember, "eq", "assign"}, name) && !x.helpers[ast.Var(name)]
}

// call checks a comparison, a membership or a named condition with arguments.
func (x *fragments) call(t []*ast.Term) bool {
	switch operands := t[1:]; t[0].String() {
	case "equal", "neq":
		return len(operands) == 2 && x.operand(operands[0]) && x.operand(operands[1])
	case opMember:
		return len(operands) == 2 && x.operand(operands[0]) && (literals(operands[1]) || x.lookup(operands[1]))
	case "eq", "assign":
		return false
	default:
		return !slices.ContainsFunc(operands, func(a *ast.Term) bool { return !x.operand(a) })
	}
}

// literals reports whether a term is a list or set of literals.
func literals(t *ast.Term) bool {
	switch t.Value.(type) {
	case *ast.Array, ast.Set:
		return t.IsGround() && !computes(t)
	}
	return false
}

// operand reports whether a term is a literal or looks something up.
func (x *fragments) operand(t *ast.Term) bool {
	switch t.Value.(type) {
	case ast.String, ast.Boolean, ast.Number, ast.Null:
		return true
	}
	return x.isLocal(t) || x.lookup(t)
}

func (x *fragments) isLocal(t *ast.Term) bool {
	v, ok := t.Value.(ast.Var)
	return ok && x.locals[v]
}

// condition reports whether a term alone is a condition.
func (x *fragments) condition(t *ast.Term) bool {
	if v, ok := t.Value.(ast.Var); ok {
		return x.helpers[v]
	}
	_, literal := t.Value.(ast.Boolean)
	return literal || x.lookup(t)
}

// lookup reports whether a term leads from the input, the catalogue or a local
// name to one value by literals and further such terms.
func (x *fragments) lookup(t *ast.Term) bool {
	r, ok := t.Value.(ast.Ref)
	if !ok || len(r) < 2 {
		return false
	}
	switch {
	case r[0].Equal(ast.InputRootDocument), x.isLocal(r[0]):
	case r[0].Equal(ast.DefaultRootDocument) && r[1].Equal(ast.StringTerm("catalogue")):
	default:
		return false
	}
	for _, step := range r[1:] {
		switch step.Value.(type) {
		case ast.String, ast.Number:
		default:
			if !x.isLocal(step) && !x.lookup(step) {
				return false
			}
		}
	}
	return true
}
