package policy

import (
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"sluss/gateway/facts"
)

// checkLanguage holds parsed provisions to their fragment of the language and
// to the registers.
func checkLanguage(modules map[string]*ast.Module, t *tables) error {
	return refused(slices.Concat(fragment(modules), costly(modules), languageFindings(modules, t)))
}

// languageFindings finds what the compiler does not ask: a fact, a role or a
// purpose that no table has would silently never match, and a misspelt fact
// behind "not" would always.
func languageFindings(modules map[string]*ast.Module, t *tables) []Finding {
	l := linter{members: allMembers(), literals: t.literals()}
	for name, m := range modules {
		l.file = name
		ast.WalkExprs(m, func(e *ast.Expr) bool {
			l.expression(e)
			return false
		})
		ast.WalkRefs(m, func(r ast.Ref) bool {
			l.reference(r)
			return false
		})
	}
	return l.findings
}

type linter struct {
	file     string
	members  map[string]bool            // "input.facts.on_record"
	literals map[string]map[string]bool // what a member may be compared with
	findings []Finding
}

// expression checks literals that a member of the input is compared with.
func (l *linter) expression(e *ast.Expr) {
	if !e.IsCall() || !slices.Contains([]string{"eq", "equal", "neq", opMember}, e.Operator().String()) {
		return
	}
	operands := e.Operands()
	for i := range operands {
		member := pathOf(operands[i])
		may, ok := l.literals[member]
		if !ok || len(operands) != 2 {
			continue
		}
		ast.WalkTerms(operands[1-i], func(term *ast.Term) bool {
			if s, ok := term.Value.(ast.String); ok && !may[string(s)] {
				l.findings = append(l.findings, Finding{l.file, e.Location.Row, UnknownLiteral, string(s), member, nearest(string(s), may)})
			}
			_, ref := term.Value.(ast.Ref)
			return ref
		})
	}
}

// reference checks that a member of the input exists.
func (l *linter) reference(r ast.Ref) {
	if !r[0].Equal(ast.InputRootDocument) {
		return
	}
	path := pathOf(ast.NewTerm(r))
	top, within, _ := strings.Cut(strings.TrimPrefix(path, "input."), ".")
	top = "input." + strings.TrimSuffix(top, "[]")
	if l.members[path] || l.members[top] && (within == "" || !structured(l.members, top)) {
		return
	}
	l.findings = append(l.findings, Finding{l.file, r[0].Location.Row, UnknownMember, path, "", nearest(path, l.members)})
}

// structured reports whether a member of the input has members of its own.
func structured(members map[string]bool, top string) bool {
	for m := range members {
		if strings.HasPrefix(m, top+".") {
			return true
		}
	}
	return false
}

// pathOf writes a reference with constant steps as "input.actor.role"; steps
// behind a variable are left out: "data.catalogue.types[].class".
func pathOf(t *ast.Term) string {
	r, ok := t.Value.(ast.Ref)
	if !ok {
		return ""
	}
	head, ok := r[0].Value.(ast.Var)
	if !ok {
		return ""
	}
	path := string(head)
	for _, step := range r[1:] {
		if s, ok := step.Value.(ast.String); ok {
			path += "." + string(s)
		} else {
			path += "[]"
		}
	}
	return path
}

// allMembers lists the members of the input and their members.
func allMembers() map[string]bool {
	all := inputMembers()
	for _, m := range members() {
		all["input."+m.text()] = true
	}
	return all
}

// inputMembers lists the members of the input's members.
func inputMembers() map[string]bool {
	all := map[string]bool{}
	in := reflect.TypeFor[facts.Input]()
	for f := range in.Fields() {
		if f.Type.Kind() != reflect.Struct {
			continue
		}
		for inner := range f.Type.Fields() {
			all["input."+f.Tag.Get("json")+"."+inner.Tag.Get("json")] = true
		}
	}
	return all
}

// literals lists what each member of the input may be compared with.
func (t *tables) literals() map[string]map[string]bool {
	kinds, roles, classes, types := keys(t.Kinds), keys(t.Roles), keys(t.Classes), keys(t.Types)
	purposes, _ := t.Catalogue["purposes"].(map[string]any)
	all := map[string]map[string]bool{
		"input.actor.kind": kinds, "input.discloser.kind": kinds, "input.actor.role": roles, "input.discloser.role": roles,
		"input.type": types, "input.purpose": keys(purposes),
		"input.maturity":                        {"none": true, "not_asked": true, "child_alone": true, "joint": true, "guardian_alone": true},
		"data.catalogue.types[].fields[].class": classes,
		"input.initiative":                      {"actor": true, "discloser": true},
		"data.catalogue.roles[].kind":           {"*": true},
	}
	for _, value := range []string{"transfer_status", "request_kind", "report_kind"} {
		all["input.values."+value] = map[string]bool{}
	}
	for _, m := range t.Types {
		for _, f := range m.Fields {
			if may := all["input.values."+string(f.Name)]; may != nil {
				for _, v := range f.Enum {
					if s, ok := v.(string); ok {
						may[s] = true
					}
				}
			}
		}
	}
	return all
}

func keys[K ~string, V any](m map[K]V) map[string]bool {
	out := make(map[string]bool, len(m))
	for k := range m {
		out[string(k)] = true
	}
	return out
}
