package catalogue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// Subject says whether messages of a type are about a person.
type Subject string

// The values of x-subject.
const (
	SubjectRequired Subject = "required"
	SubjectOptional Subject = "optional"
	SubjectNone     Subject = "none"
)

// Type is one version of a message type. The caller must not change it.
type Type struct {
	Name      gateway.MessageType
	Version   int
	Code      string // of the domain's tables, "M04"
	Title     string // English / Swedish
	Control   bool
	NamedOnly bool    // fields must be named; "default" is not allowed
	Subject   Subject // whether it is about a person
	Statement bool    // goes to the gateway's register (for exit.consent: as well)
	Officials bool    // named officials read it, so it stays at the gateway until it expires
	Fields    []Field // in table order

	index map[gateway.Field]int
	specs map[gateway.Kind][]envelope.FieldSpec
}

// Field is one field of a message type. The caller must not change it.
type Field struct {
	Name      gateway.Field
	Number    int // place in the table, from 1
	Class     gateway.Class
	Subclass  string
	Sealed    bool
	Size      int                             // of the sealed inner disclosure; 0 if clear
	Origin    map[gateway.Kind][]gateway.Rule // who holds it → the secrecy rules that cover it there
	Locating  bool                            // tells where the person is
	Forbidden bool                            // may never be sent
	Cells     bool                            // each element's "n" is a disclosure of its own
	Register  bool                            // read by the register alone: no decision is about it, no release holds it
	Shape     json.RawMessage                 // its JSON Schema, without annotations

	required   bool // of every sender
	requiredOf map[gateway.Kind]bool
	schema     *jsonschema.Schema
}

// Field returns a field by name.
func (t *Type) Field(name gateway.Field) (*Field, bool) {
	i, ok := t.index[name]
	if !ok {
		return nil, false
	}
	return &t.Fields[i], true
}

// Names returns the names of the fields that decisions are about, in table
// order: all but those that the register alone reads.
func (t *Type) Names() []gateway.Field {
	names := make([]gateway.Field, 0, len(t.Fields))
	for i := range t.Fields {
		if f := &t.Fields[i]; !f.Register {
			names = append(names, f.Name)
		}
	}
	return names
}

// EncodeSpec returns what a sender of the kind puts into a message: the fields
// that it may hold, in table order. In a type whose fields must be named,
// those of them that stand in named.
func (t *Type) EncodeSpec(k gateway.Kind, named []string) []envelope.FieldSpec {
	return slices.Clone(t.spec(k, named))
}

// spec is EncodeSpec without the copy.
func (t *Type) spec(k gateway.Kind, named []string) []envelope.FieldSpec {
	if !t.NamedOnly {
		return t.specs[k]
	}
	var spec []envelope.FieldSpec
	for _, s := range t.specs[k] {
		if slices.Contains(named, string(s.Name)) {
			spec = append(spec, s)
		}
	}
	return spec
}

// makeSpecs fills specs: what each kind that holds anything may send.
func (t *Type) makeSpecs() {
	t.specs = make(map[gateway.Kind][]envelope.FieldSpec)
	for i := range t.Fields {
		f := &t.Fields[i]
		for k := range f.Origin {
			if !f.Forbidden {
				t.specs[k] = append(t.specs[k], envelope.FieldSpec{Name: f.Name, Sealed: f.Sealed, Size: f.Size, Cells: f.Cells})
			}
		}
	}
}

// fileStem returns the name of the file that holds the type: its name, from
// version 2 on with the version.
func (t *Type) fileStem() string {
	if t.Version == 1 {
		return string(t.Name)
	}
	return fmt.Sprintf("%s.%d", t.Name, t.Version)
}

// HeldBy reports whether agencies of the kind may disclose the field.
func (f *Field) HeldBy(k gateway.Kind) bool {
	_, ok := f.Origin[k]
	return ok
}

// Required reports whether a sender of the kind must supply a value.
func (f *Field) Required(k gateway.Kind) bool { return f.required || f.requiredOf[k] }

// Validate holds a value to the field's schema. A value that does not fit is
// [ErrValue]; the error says where and by which keyword, never the value.
func (f *Field) Validate(value json.RawMessage) error {
	if f.Forbidden || f.schema == nil {
		return fmt.Errorf("%w: %s may never be sent", ErrValue, f.Name)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return fmt.Errorf("%w: %s is not JSON", ErrValue, f.Name)
	}
	if !plain(v) {
		return fmt.Errorf("%w: %s, number not in its plain form", ErrValue, f.Name)
	}
	err = f.schema.Validate(v)
	if err == nil {
		return nil
	}
	keyword := "schema"
	if v, ok := err.(*jsonschema.ValidationError); ok {
		keyword = leafKeyword(v)
	}
	return fmt.Errorf("%w: %s, keyword %s", ErrValue, f.Name, keyword)
}

// plainNumber is the one spelling of a number: no exponent, no zeros that say
// nothing, and few enough digits that any reader holds it exactly. The schema
// library would work for long on 1e1000000.
var plainNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,15}|-?(0|[1-9][0-9]{0,11})\.[0-9]{0,3}[1-9])$`)

// plain reports whether every number in v has its one spelling.
func plain(v any) bool {
	switch v := v.(type) {
	case json.Number:
		return plainNumber.MatchString(v.String())
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !plain(e) })
	case map[string]any:
		for _, e := range v {
			if !plain(e) {
				return false
			}
		}
	}
	return true
}

// leafKeyword returns the keyword of the first innermost violation. It comes
// from the schema, so it can be shown.
func leafKeyword(err *jsonschema.ValidationError) string {
	for len(err.Causes) > 0 {
		err = err.Causes[0]
	}
	if _, ok := err.ErrorKind.(*kind.FalseSchema); ok {
		return "false"
	}
	return strings.Join(err.ErrorKind.KeywordPath(), "/")
}

func sortedTypes(types map[typeKey]*Type) []*Type {
	return slices.SortedFunc(maps.Values(types), func(a, b *Type) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
}
