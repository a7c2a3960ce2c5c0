package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"

	"sluss/gateway"
)

// Document is what the provisions may look up: the data document "catalogue".
// Lists that are looked into are objects whose members are true. It holds no
// sizes, shapes or texts, and no field that the register alone reads.
type Document struct {
	Kinds    map[gateway.Kind]KindDocument        `json:"kinds"`
	Roles    map[gateway.Role]RoleDocument        `json:"roles"`
	Purposes map[gateway.Purpose]PurposeDocument  `json:"purposes"`
	Types    map[gateway.MessageType]TypeDocument `json:"types"`
}

// KindDocument is a kind of agency as the provisions see it.
type KindDocument struct {
	Authority bool `json:"authority"`
}

// RoleDocument is a role as the provisions see it.
type RoleDocument struct {
	Kind     gateway.Kind             `json:"kind"` // AnyKind: of any agency; "": of none
	Purposes map[gateway.Purpose]bool `json:"purposes"`
}

// PurposeDocument is a purpose as the provisions see it.
type PurposeDocument struct {
	Consentable bool `json:"consentable"`
}

// TypeDocument is one type, in its newest version, as the provisions see it.
type TypeDocument struct {
	Code      string                          `json:"code"`
	Control   bool                            `json:"control"`
	NamedOnly bool                            `json:"named_only"`
	Subject   Subject                         `json:"subject"`
	Fields    map[gateway.Field]FieldDocument `json:"fields"`
	Legs      []LegDocument                   `json:"legs"`
}

// FieldDocument is one field as the provisions see it.
type FieldDocument struct {
	Number    int                             `json:"n"` // place in the table, from 1
	Class     gateway.Class                   `json:"class"`
	Subclass  string                          `json:"subclass"`
	Locating  bool                            `json:"locating"`
	Forbidden bool                            `json:"forbidden"`
	Sealed    bool                            `json:"sealed"`
	Origin    map[gateway.Kind][]gateway.Rule `json:"origin"`
}

// LegDocument is one leg of a route as the provisions see it.
type LegDocument struct {
	Senders    map[gateway.Role]bool `json:"senders"`
	Recipients map[gateway.Role]bool `json:"recipients"`
	Acute      bool                  `json:"acute"`
	SameAgency bool                  `json:"same_agency"`
}

// Document returns what the provisions may look up.
func (c *Catalogue) Document() Document {
	d := Document{
		Kinds:    make(map[gateway.Kind]KindDocument),
		Roles:    make(map[gateway.Role]RoleDocument),
		Purposes: make(map[gateway.Purpose]PurposeDocument),
		Types:    make(map[gateway.MessageType]TypeDocument),
	}
	for k, kind := range c.tables.Kinds {
		d.Kinds[k] = KindDocument{kind.Authority}
	}
	for id, r := range c.tables.Roles {
		d.Roles[id] = RoleDocument{r.Kind, setOf(r.Purposes)}
	}
	for p, purpose := range c.tables.Purposes {
		d.Purposes[p] = PurposeDocument{purpose.Consentable}
	}
	for name, t := range c.newest {
		d.Types[name] = t.document(c.routes[name])
	}
	return d
}

func (t *Type) document(legs []*Leg) TypeDocument {
	d := TypeDocument{t.Code, t.Control, t.NamedOnly, t.Subject, make(map[gateway.Field]FieldDocument), []LegDocument{}}
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Register {
			continue
		}
		d.Fields[f.Name] = FieldDocument{f.Number, f.Class, f.Subclass, f.Locating, f.Forbidden, f.Sealed, f.Origin}
	}
	for _, l := range legs {
		d.Legs = append(d.Legs, LegDocument{setOf(l.Senders), setOf(l.Recipients), l.Urgency == Acute, l.SameAgency})
	}
	return d
}

// setOf writes a list as an object whose members are true.
func setOf[S ~string](list []S) map[S]bool {
	set := make(map[S]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}

// documentTable is the table that holds the document.
const documentTable = "catalogue"

// checkDocument compares the table with what the types say.
func (c *Catalogue) checkDocument(table json.RawMessage) error {
	want, err := json.Marshal(c.Document())
	if err != nil {
		return fmt.Errorf("encoding the catalogue: %w", err)
	}
	var got bytes.Buffer
	if table == nil || json.Compact(&got, table) != nil || !bytes.Equal(got.Bytes(), want) {
		return fmt.Errorf("%w: %s does not say what the message types say", ErrTable, documentTable)
	}
	return nil
}

// Encode returns the document as the table data/catalogue.json: stock opa
// finds it there, and [Load] refuses a snapshot in which it does not say what
// the message types say.
func (d Document) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(map[string]Document{documentTable: d}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encoding the catalogue: %w", err)
	}
	return append(b, '\n'), nil
}
