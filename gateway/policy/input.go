package policy

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/open-policy-agent/opa/v1/ast"

	"sluss/gateway/facts"
)

// inputWriter writes a [facts.Input] as the engine's "input" document without
// a detour over JSON. Members that no provision reads are left out: what is
// not there cannot cost and cannot be read by accident.
type inputWriter struct{ members []member }

// member writes one member of the input: as a term for the engine, and as
// bytes of the key that a verdict is remembered by.
type member struct {
	name  *ast.Term
	value func(*facts.Input) ast.Value
	key   func([]byte, *facts.Input) []byte
}

// newInputWriter finds which members of the input the provisions read. A
// provision that reads the input as a whole, by a computed name or by a name
// that facts.Input does not have is an error.
func newInputWriter(c *ast.Compiler) (*inputWriter, error) {
	all, read := map[string]bool{}, map[string]bool{}
	for _, m := range members() {
		all[m.text()] = true
	}
	var bad error
	for _, m := range c.Modules {
		ast.WalkRefs(m, func(r ast.Ref) bool {
			if !r[0].Equal(ast.InputRootDocument) {
				return false
			}
			var name ast.String
			if len(r) > 1 {
				name, _ = r[1].Value.(ast.String)
			}
			if !all[string(name)] {
				bad = fmt.Errorf("%w: %s: %v is not a member of the input", ErrProvision, r[0].Location, r)
			}
			read[string(name)] = true
			return false
		})
	}
	if bad != nil {
		return nil, bad
	}
	w := &inputWriter{}
	for _, m := range members() {
		if read[m.text()] {
			w.members = append(w.members, m)
		}
	}
	return w, nil
}

// value returns the input document.
func (w *inputWriter) value(in *facts.Input) ast.Value {
	terms := make([][2]*ast.Term, len(w.members))
	for i, m := range w.members {
		terms[i] = [2]*ast.Term{m.name, ast.NewTerm(m.value(in))}
	}
	return ast.NewObject(terms...)
}

// key returns the same bytes for two inputs exactly when their documents are
// the same.
func (w *inputWriter) key(in *facts.Input) []byte {
	key := make([]byte, 0, 384)
	for _, m := range w.members {
		key = m.key(key, in)
	}
	return key
}

// members returns a writer for every member of facts.Input, by its JSON name.
func members() []member {
	type in = *facts.Input
	return []member{
		party("actor", func(i in) facts.Party { return i.Actor }),
		party("discloser", func(i in) facts.Party { return i.Discloser }),
		flag("same_agency", func(i in) bool { return i.SameAgency }),
		word("purpose", func(i in) string { return string(i.Purpose) }),
		word("type", func(i in) string { return string(i.Type) }),
		word("initiative", func(i in) string { return string(i.Initiative) }),
		whole("claimed", func(i in) any { return i.Claimed }),
		flag("default", func(i in) bool { return i.Default }),
		whole("named", func(i in) any { return i.Named }),
		flag("reason", func(i in) bool { return i.Reason }),
		flag("bulk", func(i in) bool { return i.Bulk }),
		flag("acute", func(i in) bool { return i.Acute }),
		whole("values", func(i in) any { return i.Values }),
		flags("facts", func(i in) facts.Facts { return i.Facts }),
		word("maturity", func(i in) string { return i.Maturity }),
		whole("consent", func(i in) any { return i.Consent }),
		whole("decision", func(i in) any { return i.Decision }),
		whole("field_release", func(i in) any { return i.FieldRelease }),
		whole("about", func(i in) any { return i.About }),
		whole("table", func(i in) any { return i.Table }),
	}
}

func (m member) text() string { return string(m.name.Value.(ast.String)) }

func appendWord(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}

func appendFlag(key []byte, b bool) []byte {
	if b {
		return append(key, 1)
	}
	return append(key, 0)
}

func word(name string, get func(*facts.Input) string) member {
	return member{ast.StringTerm(name),
		func(in *facts.Input) ast.Value { return ast.String(get(in)) },
		func(key []byte, in *facts.Input) []byte { return appendWord(key, get(in)) }}
}

func flag(name string, get func(*facts.Input) bool) member {
	return member{ast.StringTerm(name),
		func(in *facts.Input) ast.Value { return ast.Boolean(get(in)) },
		func(key []byte, in *facts.Input) []byte { return appendFlag(key, get(in)) }}
}

func party(name string, get func(*facts.Input) facts.Party) member {
	kind, role := ast.StringTerm("kind"), ast.StringTerm("role")
	return member{ast.StringTerm(name),
		func(in *facts.Input) ast.Value {
			p := get(in)
			return ast.NewObject([2]*ast.Term{kind, ast.StringTerm(string(p.Kind))}, [2]*ast.Term{role, ast.StringTerm(string(p.Role))})
		},
		func(key []byte, in *facts.Input) []byte {
			p := get(in)
			return appendWord(appendWord(key, string(p.Kind)), string(p.Role))
		}}
}

// flags writes a struct of booleans, every one of them.
func flags(name string, get func(*facts.Input) facts.Facts) member {
	var names []*ast.Term
	for f := range reflect.TypeFor[facts.Facts]().Fields() {
		names = append(names, ast.StringTerm(f.Tag.Get("json")))
	}
	return member{ast.StringTerm(name),
		func(in *facts.Input) ast.Value {
			v := reflect.ValueOf(get(in))
			terms := make([][2]*ast.Term, len(names))
			for i, name := range names {
				terms[i] = [2]*ast.Term{name, ast.InternedTerm(v.Field(i).Bool())}
			}
			return ast.NewObject(terms...)
		},
		func(key []byte, in *facts.Input) []byte {
			v := reflect.ValueOf(get(in))
			for i := range names {
				key = appendFlag(key, v.Field(i).Bool())
			}
			return key
		}}
}

// whole writes a member over its JSON form, in which the keys of maps are
// sorted.
func whole(name string, get func(*facts.Input) any) member {
	written := func(in *facts.Input) []byte {
		raw, err := json.Marshal(get(in))
		if err != nil {
			return []byte("null") // lists, maps and structs of strings and booleans always marshal
		}
		return raw
	}
	return member{ast.StringTerm(name),
		func(in *facts.Input) ast.Value {
			v, err := ast.ValueFromReader(bytes.NewReader(written(in)))
			if err != nil {
				return ast.Null{}
			}
			return v
		},
		func(key []byte, in *facts.Input) []byte { return appendWord(key, string(written(in))) }}
}
