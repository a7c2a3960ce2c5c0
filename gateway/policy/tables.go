package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sluss/gateway"
)

// tables are the tables of one snapshot as the join reads them
// (policies/data/*.json and policies/message_types).
type tables struct {
	Kinds map[gateway.Kind]kindRow
	Roles map[gateway.Role]roleRow
	Rules map[gateway.Rule]struct {
		PublicInterest bool `json:"public_interest"`
	}
	Classes  map[gateway.Class]classRow
	Flows    map[gateway.Kind]map[gateway.Kind]flow
	Routes   map[gateway.MessageType][]leg
	Ceilings ceilings
	Limits   struct {
		SmallCells cellLimits `json:"small_cells"`
	}
	Types map[gateway.MessageType]*messageType
	// Catalogue is the document "data.catalogue" that provisions look things up
	// in. Package catalogue holds it to the other tables.
	Catalogue map[string]any
}

type kindRow struct {
	Authority bool `json:"authority"`
}

// roleRow is a role. A role without a kind belongs to no agency: nobody acts in it.
type roleRow struct {
	Kind gateway.Kind `json:"kind"`
}

type classRow struct {
	Consentable bool `json:"consentable"`
}

// flow lists what may open secrecy from one kind of agency to another, in the
// order in which it is tried.
type flow struct {
	Automatic []gateway.Basis `json:"automatic"`
	Decision  []gateway.Basis `json:"decision"`
	Manual    []gateway.Basis `json:"manual"`
	Excluded  []gateway.Basis `json:"excluded"`
}

// leg is one leg of a route (domain, Section 15.4).
type leg struct {
	Senders        []gateway.Role  `json:"senders"`
	Recipients     []gateway.Role  `json:"recipients"`
	Urgency        string          `json:"urgency"`
	SameAgency     bool            `json:"same_agency"`
	OnlyClasses    []gateway.Class `json:"only_classes"`
	WithoutClasses []gateway.Class `json:"without_classes"`
	OnlyFields     []gateway.Field `json:"only_fields"`
}

type ceilings struct {
	Exceptions []struct {
		Role           gateway.Role          `json:"role"`
		Class          gateway.Class         `json:"class"`
		Cell           string                `json:"cell"`
		ExceptMessages []gateway.MessageType `json:"except_messages"`
	} `json:"exceptions"`
	Matrix map[gateway.Role]map[gateway.Class]string `json:"matrix"`
}

// messageType is what the join reads of a message type's schema.
type messageType struct {
	Control   bool
	NamedOnly bool
	Fields    []field
}

// field is a field in the order of its type's table.
type field struct {
	Name      gateway.Field
	Class     gateway.Class                   `json:"x-class"`
	Subclass  string                          `json:"x-subclass"`
	Origin    map[gateway.Kind][]gateway.Rule `json:"x-origin"`
	Locating  bool                            `json:"x-locating"`
	Forbidden bool                            `json:"x-forbidden"`
	Cells     bool                            `json:"x-cells"`
	Register  bool                            `json:"x-register"`
	Enum      []any                           `json:"enum"`
}

// readTables reads the tables of a snapshot's tree.
func readTables(tree fs.FS) (*tables, error) {
	t := &tables{Types: map[gateway.MessageType]*messageType{}}
	for key, into := range map[string]any{
		"kinds": &t.Kinds, "roles": &t.Roles, "rules": &t.Rules, "classes": &t.Classes,
		"flows": &t.Flows, "routes": &t.Routes, "ceilings": &t.Ceilings, "limits": &t.Limits,
		"catalogue": &t.Catalogue,
	} {
		if err := readTable(tree, key, into); err != nil {
			return nil, err
		}
	}
	schemas, err := fs.Glob(tree, "message_types/*.schema.json")
	if err != nil || len(schemas) == 0 {
		return nil, fmt.Errorf("%w: no message types (%v)", ErrTable, err)
	}
	for _, name := range schemas {
		if err := t.readType(tree, name); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// readTable reads one file of data/: one object under its own name.
func readTable(tree fs.FS, key string, into any) error {
	raw, err := fs.ReadFile(tree, path.Join("data", key+".json"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTable, err)
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(raw, &file); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrTable, key, err)
	}
	if len(file) != 1 || file[key] == nil {
		return fmt.Errorf("%w: %s.json is not one object under %q", ErrTable, key, key)
	}
	if err := json.Unmarshal(file[key], into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrTable, key, err)
	}
	return nil
}

func (t *tables) readType(tree fs.FS, name string) error {
	raw, err := fs.ReadFile(tree, name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTable, err)
	}
	var schema struct {
		Type       gateway.MessageType `json:"x-message-type"`
		Control    *bool               `json:"x-control"`
		NamedOnly  bool                `json:"x-named-only"`
		Properties json.RawMessage     `json:"properties"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrTable, name, err)
	}
	if schema.Type == "" || schema.Control == nil || t.Types[schema.Type] != nil ||
		name != "message_types/"+string(schema.Type)+".schema.json" {
		return fmt.Errorf("%w: %s is not the schema of one message type", ErrTable, name)
	}
	fields, err := readFields(schema.Properties)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrTable, name, err)
	}
	t.Types[schema.Type] = &messageType{*schema.Control, schema.NamedOnly, fields}
	return nil
}

// readFields reads the properties of a schema in the order in which they
// stand there, which is the order of decisions and of the log. No decision is
// about what the register alone reads.
func readFields(properties json.RawMessage) ([]field, error) {
	dec := json.NewDecoder(bytes.NewReader(properties))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var fields []field
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		f := field{}
		if err := dec.Decode(&f); err != nil {
			return nil, err
		}
		f.Name = gateway.Field(name.(string)) // a key of an object is a string
		if f.Class == "" || strings.Contains(string(f.Class), ".") {
			return nil, fmt.Errorf("field %q has no class", f.Name)
		}
		if !f.Register {
			fields = append(fields, f)
		}
	}
	return fields, nil
}

// cell returns the cell of a role's ceiling for a class in a message type, or
// "" where there is none, which admits nothing.
func (t *tables) cell(r gateway.Role, c gateway.Class, m gateway.MessageType) string {
	for _, e := range t.Ceilings.Exceptions {
		if e.Role == r && e.Class == c && !slices.Contains(e.ExceptMessages, m) {
			return e.Cell
		}
	}
	return t.Ceilings.Matrix[r][c]
}

// admits reports whether a leg carries a field. A class limit looks at the
// class in the field table, not at the effective one.
func (l *leg) admits(f *field) bool {
	return (len(l.OnlyClasses) == 0 || slices.Contains(l.OnlyClasses, f.Class)) &&
		!slices.Contains(l.WithoutClasses, f.Class) &&
		(len(l.OnlyFields) == 0 || slices.Contains(l.OnlyFields, f.Name))
}
