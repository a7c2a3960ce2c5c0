package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"sluss/gateway/facts"
)

// inputWriter writes a [facts.Input] as the engine's "input" document without
// a detour over JSON. Members that no provision reads are left out: what is
// not there cannot cost and cannot be read by accident.
type inputWriter struct {
	members []member
	facts   [][2]*ast.Term // names of the facts, in the order of facts.Facts
}

// member writes one member of the input.
type member struct {
	key   *ast.Term
	value func(*facts.Input) ast.Value
}

// newInputWriter finds which members of the input the provisions read. A
// provision that reads the input as a whole, by a computed name or by a name
// that facts.Input does not have is an error.
func newInputWriter(c *ast.Compiler) (*inputWriter, error) {
	w := &inputWriter{}
	all := w.writers()
	read := map[string]bool{}
	var bad error
	for _, m := range c.Modules {
		ast.WalkRefs(m, func(r ast.Ref) bool {
			if !r[0].Equal(ast.InputRootDocument) {
				return false
			}
			name, ok := ast.String(""), len(r) > 1
			if ok {
				name, ok = r[1].Value.(ast.String)
			}
			if _, known := all[string(name)]; !ok || !known {
				bad = fmt.Errorf("%w: %s: %v is not a member of the input", ErrProvision, r[0].Location, r)
			}
			read[string(name)] = true
			return false
		})
		ast.WalkTerms(m, func(t *ast.Term) bool {
			if v, ok := t.Value.(ast.Var); ok && v.Equal(ast.InputRootDocument.Value) {
				bad = fmt.Errorf("%w: %s: the input is used as a whole", ErrProvision, t.Location)
			}
			_, isRef := t.Value.(ast.Ref)
			return isRef
		})
	}
	if bad != nil {
		return nil, bad
	}
	for name, value := range all {
		if read[name] {
			w.members = append(w.members, member{ast.StringTerm(name), value})
		}
	}
	slices.SortFunc(w.members, func(a, b member) int { return a.key.Value.Compare(b.key.Value) })
	return w, nil
}

// value returns the input document.
func (w *inputWriter) value(in *facts.Input) ast.Value {
	terms := make([][2]*ast.Term, len(w.members))
	for i, m := range w.members {
		terms[i] = [2]*ast.Term{m.key, ast.NewTerm(m.value(in))}
	}
	return ast.NewObject(terms...)
}

// writers returns a writer for every member of facts.Input, by its JSON name.
func (w *inputWriter) writers() map[string]func(*facts.Input) ast.Value {
	kind, role := ast.StringTerm("kind"), ast.StringTerm("role")
	party := func(p facts.Party) ast.Value {
		return ast.NewObject([2]*ast.Term{kind, text(p.Kind)}, [2]*ast.Term{role, text(p.Role)})
	}
	flags := reflect.TypeFor[facts.Facts]()
	for f := range flags.Fields() {
		w.facts = append(w.facts, [2]*ast.Term{ast.StringTerm(f.Tag.Get("json"))})
	}
	return map[string]func(*facts.Input) ast.Value{
		"actor":       func(in *facts.Input) ast.Value { return party(in.Actor) },
		"discloser":   func(in *facts.Input) ast.Value { return party(in.Discloser) },
		"same_agency": func(in *facts.Input) ast.Value { return ast.Boolean(in.SameAgency) },
		"purpose":     func(in *facts.Input) ast.Value { return ast.String(in.Purpose) },
		"type":        func(in *facts.Input) ast.Value { return ast.String(in.Type) },
		"initiative":  func(in *facts.Input) ast.Value { return ast.String(in.Initiative) },
		"claimed":     func(in *facts.Input) ast.Value { return list(in.Claimed) },
		"default":     func(in *facts.Input) ast.Value { return ast.Boolean(in.Default) },
		"named":       func(in *facts.Input) ast.Value { return list(in.Named) },
		"reason":      func(in *facts.Input) ast.Value { return ast.Boolean(in.Reason) },
		"bulk":        func(in *facts.Input) ast.Value { return ast.Boolean(in.Bulk) },
		"acute":       func(in *facts.Input) ast.Value { return ast.Boolean(in.Acute) },
		"values":      func(in *facts.Input) ast.Value { return valuesOf(in.Values) },
		"facts":       func(in *facts.Input) ast.Value { return w.flags(in.Facts) },
		"maturity":    func(in *facts.Input) ast.Value { return ast.String(in.Maturity) },
		"consent":     func(in *facts.Input) ast.Value { return tree(in.Consent) },
		"decision":    func(in *facts.Input) ast.Value { return tree(in.Decision) },
		"field_release": func(in *facts.Input) ast.Value {
			return tree(in.FieldRelease)
		},
		"about": func(in *facts.Input) ast.Value { return tree(in.About) },
		"table": func(in *facts.Input) ast.Value { return tableOf(in.Table) },
	}
}

// flags writes the facts, every one of them.
func (w *inputWriter) flags(f facts.Facts) ast.Value {
	v := reflect.ValueOf(f)
	terms := make([][2]*ast.Term, len(w.facts))
	for i, name := range w.facts {
		terms[i] = [2]*ast.Term{name[0], ast.InternedTerm(v.Field(i).Bool())}
	}
	return ast.NewObject(terms...)
}

func valuesOf(v facts.Values) ast.Value {
	return ast.NewObject(
		[2]*ast.Term{ast.InternedTerm("transfer_status"), text(v.TransferStatus)},
		[2]*ast.Term{ast.InternedTerm("request_kind"), text(v.RequestKind)},
		[2]*ast.Term{ast.InternedTerm("report_kind"), text(v.ReportKind)})
}

func tableOf(t facts.Table) ast.Value {
	return ast.NewObject(
		[2]*ast.Term{ast.InternedTerm("checked"), ast.InternedTerm(t.Checked)},
		[2]*ast.Term{ast.InternedTerm("refused"), ast.InternedTerm(t.Refused)},
		[2]*ast.Term{ast.InternedTerm("money_shown"), ast.InternedTerm(t.MoneyShown)})
}

func text[S ~string](s S) *ast.Term { return ast.InternedTerm(string(s)) }

func list[S ~string](l []S) ast.Value {
	terms := make([]*ast.Term, len(l))
	for i, s := range l {
		terms[i] = text(s)
	}
	return ast.NewArray(terms...)
}

// tree writes a member that is large and seldom read over its JSON form.
func tree(v any) ast.Value {
	raw, err := json.Marshal(v)
	if err != nil {
		return ast.Null{} // maps of strings always marshal
	}
	value, err := ast.ValueFromReader(bytes.NewReader(raw))
	if err != nil {
		return ast.Null{}
	}
	return value
}
