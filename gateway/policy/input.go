package policy

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"sluss/gateway/facts"
)

// inputWriter writes a [facts.Input] as the engine's "input" document without
// a detour over JSON. Members that no provision reads are left out: what is
// not there cannot cost and cannot be read by accident.
type inputWriter struct{ members []member }

// member writes one member of the input: as a term for the engine, and as
// bytes of the keys that verdicts are remembered by.
type member struct {
	name  *ast.Term
	value func(*facts.Input) ast.Value
	key   writeKey
	// within writes one member of a structure, nil for a member that is none.
	within func(name string) writeKey
}

// writeKey appends a member of an input, so that two inputs have the same bytes
// exactly when they have the same member, and no member's bytes are the
// beginning of another value's.
type writeKey func([]byte, *facts.Input) []byte

// writerOf returns what writes the member at a path like "type" or "facts.psw".
func writerOf(path string) (writeKey, error) {
	top, inner, nested := strings.Cut(path, ".")
	for _, m := range members() {
		switch {
		case m.text() != top:
		case !nested || m.within == nil:
			return m.key, nil
		default:
			if write := m.within(inner); write != nil {
				return write, nil
			}
			return m.key, nil
		}
	}
	return nil, fmt.Errorf("%w: %q is not a member of the input", ErrProvision, path)
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

// members returns a writer for every member of facts.Input, by its JSON name.
func members() []member {
	type in = *facts.Input
	return []member{
		structure("actor", func(i in) *facts.Party { return &i.Actor }),
		structure("discloser", func(i in) *facts.Party { return &i.Discloser }),
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
		structure("values", func(i in) *facts.Values { return &i.Values }),
		structure("facts", func(i in) *facts.Facts { return &i.Facts }),
		word("maturity", func(i in) string { return i.Maturity }),
		whole("consent", func(i in) any { return i.Consent }),
		whole("decision", func(i in) any { return i.Decision }),
		whole("field_release", func(i in) any { return i.FieldRelease }),
		whole("about", func(i in) any { return i.About }),
		structure("table", func(i in) *facts.Table { return &i.Table }),
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
	return member{name: ast.StringTerm(name),
		value: func(in *facts.Input) ast.Value { return ast.String(get(in)) },
		key:   func(key []byte, in *facts.Input) []byte { return appendWord(key, get(in)) }}
}

func flag(name string, get func(*facts.Input) bool) member {
	return member{name: ast.StringTerm(name),
		value: func(in *facts.Input) ast.Value { return ast.Boolean(get(in)) },
		key:   func(key []byte, in *facts.Input) []byte { return appendFlag(key, get(in)) }}
}

// whole writes a member over its JSON form, in which the keys of maps are
// sorted.
func whole(name string, get func(*facts.Input) any) member {
	return member{name: ast.StringTerm(name),
		value: func(in *facts.Input) ast.Value { return astOf(get(in)) },
		key:   func(key []byte, in *facts.Input) []byte { return appendWord(key, string(jsonOf(get(in)))) }}
}

// structure writes a structure, every member of it.
func structure[T any](name string, get func(*facts.Input) *T) member {
	var names []*ast.Term
	index := map[string]int{}
	for f := range reflect.TypeFor[T]().Fields() {
		index[f.Tag.Get("json")] = len(names)
		names = append(names, ast.StringTerm(f.Tag.Get("json")))
	}
	return member{name: ast.StringTerm(name),
		value: func(in *facts.Input) ast.Value {
			v := reflect.ValueOf(get(in)).Elem()
			terms := make([][2]*ast.Term, len(names))
			for i, name := range names {
				terms[i] = [2]*ast.Term{name, termOf(v.Field(i))}
			}
			return ast.NewObject(terms...)
		},
		key: func(key []byte, in *facts.Input) []byte {
			v := reflect.ValueOf(get(in)).Elem()
			for i := range names {
				key = appendValue(key, v.Field(i))
			}
			return key
		},
		within: func(name string) writeKey {
			i, ok := index[name]
			if !ok {
				return nil
			}
			return func(key []byte, in *facts.Input) []byte {
				return appendValue(key, reflect.ValueOf(get(in)).Elem().Field(i))
			}
		}}
}

func termOf(v reflect.Value) *ast.Term {
	switch v.Kind() {
	case reflect.Bool:
		return ast.InternedTerm(v.Bool())
	case reflect.String:
		return ast.StringTerm(v.String())
	}
	return ast.NewTerm(astOf(v.Interface()))
}

func appendValue(key []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		return appendFlag(key, v.Bool())
	case reflect.String:
		return appendWord(key, v.String())
	}
	return appendWord(key, string(jsonOf(v.Interface())))
}

func jsonOf(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		return []byte("null") // lists, maps and structs of strings and booleans always marshal
	}
	return raw
}

func astOf(v any) ast.Value {
	out, err := ast.ValueFromReader(bytes.NewReader(jsonOf(v)))
	if err != nil {
		return ast.Null{}
	}
	return out
}
