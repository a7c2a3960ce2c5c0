package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluss/gateway"
)

const (
	draft2020 = "https://json-schema.org/draft/2020-12/schema"
	schemaURN = "urn:sluss:schema:"
)

var (
	typeName  = regexp.MustCompile(`^exit\.[a-z_]{2,48}$`)
	fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]{1,63}$`)
	typeCode  = regexp.MustCompile(`^[MC][0-9]{2}$`)
)

// sizes are what a sealed field may be padded to, so that a length tells
// little.
var sizes = []int{64, 256, 1024, 4096}

// parseType reads one message type. The errors name what is wrong in the
// schema.
func parseType(raw []byte, tables *Tables) (*Type, error) {
	if !utf8.Valid(raw) {
		return nil, fmt.Errorf("not UTF-8")
	}
	ms, err := members(raw)
	if err != nil {
		return nil, err
	}
	t := &Type{index: make(map[gateway.Field]int)}
	doc := typeDoc{t: t, tables: tables}
	for _, m := range ms {
		if err := doc.member(m); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if err := doc.check(); err != nil {
		return nil, err
	}
	t.makeSpecs()
	return t, doc.compile(raw)
}

// typeDoc is a schema while it is read.
type typeDoc struct {
	t        *Type
	tables   *Tables
	dialect  string
	id       string
	kind     string
	closed   bool
	required []gateway.Field
}

// member reads one member of the schema document. JSON names are compared
// exactly, which encoding/json does not do.
func (d *typeDoc) member(m member) error {
	switch m.name {
	case "$schema":
		return decodeStrict(m.value, &d.dialect)
	case "$id":
		return decodeStrict(m.value, &d.id)
	case "title":
		return decodeStrict(m.value, &d.t.Title)
	case "description":
		return decodeStrict(m.value, new(string))
	case "type":
		return decodeStrict(m.value, &d.kind)
	case "x-code":
		return decodeStrict(m.value, &d.t.Code)
	case "x-message-type":
		return decodeStrict(m.value, &d.t.Name)
	case "x-version":
		return decodeStrict(m.value, &d.t.Version)
	case "x-control":
		return decodeStrict(m.value, &d.t.Control)
	case "x-named-only":
		return decodeStrict(m.value, &d.t.NamedOnly)
	case "x-officials":
		return decodeStrict(m.value, &d.t.Officials)
	case "x-subject":
		return decodeStrict(m.value, &d.t.Subject)
	case "required":
		return decodeStrict(m.value, &d.required)
	case "additionalProperties":
		d.closed = string(m.value) == "false"
		return nil
	case "properties":
		return d.properties(m.value)
	}
	return fmt.Errorf("unknown member")
}

func (d *typeDoc) properties(raw json.RawMessage) error {
	ms, err := members(raw)
	if err != nil {
		return err
	}
	for i, m := range ms {
		f, err := parseField(m, d.tables)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		f.Number = i + 1
		d.t.index[f.Name] = i
		d.t.Fields = append(d.t.Fields, f)
	}
	return nil
}

func (d *typeDoc) check() error {
	t := d.t
	switch {
	case d.dialect != draft2020:
		return fmt.Errorf("$schema is not draft 2020-12")
	case !typeName.MatchString(string(t.Name)) || t.Version < 1 || !typeCode.MatchString(t.Code):
		return fmt.Errorf("x-message-type, x-version or x-code")
	case d.id != fmt.Sprintf("%s%s:%d", schemaURN, t.Name, t.Version):
		return fmt.Errorf("$id is not of the type and version")
	case t.Title == "" || d.kind != "object" || !d.closed || len(t.Fields) == 0:
		return fmt.Errorf("title, type, additionalProperties or properties")
	case !slices.Contains([]Subject{SubjectRequired, SubjectOptional, SubjectNone}, t.Subject):
		return fmt.Errorf("x-subject")
	}
	for _, name := range d.required {
		f, ok := t.Field(name)
		if !ok || f.Forbidden || f.required || f.requiredOf != nil {
			return fmt.Errorf("required: %s", name)
		}
		f.required = true
	}
	return nil
}

// compile makes the validators. Nothing is fetched: a schema that refers to
// another one does not get this far, and the loader refuses.
func (d *typeDoc) compile(raw []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	if err := c.AddResource(d.id, doc); err != nil {
		return fmt.Errorf("compiling the schema: %w", err)
	}
	for i := range d.t.Fields {
		f := &d.t.Fields[i]
		if f.schema, err = c.Compile(d.id + "#/properties/" + string(f.Name)); err != nil {
			return fmt.Errorf("compiling %s: %w", f.Name, err)
		}
	}
	return nil
}

// noLoader refuses to load anything.
type noLoader struct{}

// Load implements jsonschema.URLLoader.
func (noLoader) Load(string) (any, error) { return nil, fmt.Errorf("schemas are not fetched") }

// parseField reads one property with its annotations.
func parseField(m member, tables *Tables) (Field, error) {
	f := Field{Name: gateway.Field(m.name)}
	if !fieldName.MatchString(m.name) {
		return f, fmt.Errorf("name")
	}
	ms, err := members(m.value)
	if err != nil {
		return f, err
	}
	var shape []member
	var sealed *bool
	for _, m := range ms {
		if !strings.HasPrefix(m.name, "x-") {
			shape = append(shape, m)
			continue
		}
		if err := f.annotation(m, &sealed); err != nil {
			return f, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if sealed == nil {
		return f, fmt.Errorf("x-sealed is missing")
	}
	f.Sealed = *sealed
	f.Shape = object(shape)
	if err := f.checkAnnotations(tables); err != nil {
		return f, err
	}
	return f, f.checkShape(shape)
}

func (f *Field) annotation(m member, sealed **bool) error {
	switch m.name {
	case "x-class":
		return decodeStrict(m.value, &f.Class)
	case "x-subclass":
		return decodeStrict(m.value, &f.Subclass)
	case "x-sealed":
		return decodeStrict(m.value, sealed)
	case "x-sealed-size":
		return decodeStrict(m.value, &f.Size)
	case "x-origin":
		return decodeStrict(m.value, &f.Origin)
	case "x-locating":
		return decodeStrict(m.value, &f.Locating)
	case "x-forbidden":
		return decodeStrict(m.value, &f.Forbidden)
	case "x-cells":
		return decodeStrict(m.value, &f.Cells)
	case "x-register":
		return decodeStrict(m.value, &f.Register)
	case "x-required-of":
		var kinds []gateway.Kind
		f.requiredOf = make(map[gateway.Kind]bool)
		err := decodeStrict(m.value, &kinds)
		for _, k := range kinds {
			f.requiredOf[k] = true
		}
		return err
	}
	return fmt.Errorf("unknown annotation")
}

func (f *Field) checkAnnotations(tables *Tables) error {
	sub, okSub := tables.Subclasses[f.Subclass]
	class, okClass := tables.Classes[f.Class]
	switch {
	case !okClass:
		return fmt.Errorf("x-class: no such class")
	case f.Subclass != "" && (!okSub || sub.Of != "" && sub.Of != f.Class):
		return fmt.Errorf("x-subclass: no such sub-class of the class")
	case f.Sealed && !slices.Contains(sizes, f.Size), !f.Sealed && f.Size != 0:
		return fmt.Errorf("x-sealed-size: one of %v for a sealed field, none for a clear one", sizes)
	case class.Locates && !f.Locating:
		return fmt.Errorf("x-locating: every field of the class locates")
	case f.Cells && f.Sealed:
		return fmt.Errorf("x-cells: of a sealed field")
	case f.Register && f.Sealed:
		return fmt.Errorf("x-register: of a sealed field")
	case len(f.Origin) == 0:
		return fmt.Errorf("x-origin: nobody holds it")
	}
	for k, rules := range f.Origin {
		kind, ok := tables.Kinds[k]
		if !ok || kind.Origin != nil && !slices.Contains(rules, *kind.Origin) {
			return fmt.Errorf("x-origin: %s is no kind or lacks its own rule", k)
		}
		for _, r := range rules {
			if _, ok := tables.Rules[r]; !ok {
				return fmt.Errorf("x-origin: no rule %s", r)
			}
		}
	}
	for k := range f.requiredOf {
		if !f.HeldBy(k) || f.Forbidden {
			return fmt.Errorf("x-required-of: %s does not hold it", k)
		}
	}
	return nil
}

// object puts members together again.
func object(ms []member) json.RawMessage {
	var b bytes.Buffer
	for i, m := range ms {
		b.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(&b, "%q:%s", m.name, m.value)
	}
	if len(ms) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes()
}
