package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"

	"sluss/gateway"
)

// Register is the pseudo role that takes statements for the gateway's own
// registers. Messages to it have the gateway as audience.
const Register gateway.Role = "gateway.register"

// SeqField is the field of every statement that rises with each statement
// about the same thing.
const SeqField gateway.Field = "seq"

// Leg is one way that messages of a type may take (domain, section 15.4). The
// first leg that fits is used.
type Leg struct {
	Senders        []gateway.Role  `json:"senders"`
	Recipients     []gateway.Role  `json:"recipients"`
	Urgency        string          `json:"urgency"`         // "acute": fits urgent messages only
	SameAgency     bool            `json:"same_agency"`     // fits only inside one agency
	OnlyClasses    []gateway.Class `json:"only_classes"`    // nil: all
	WithoutClasses []gateway.Class `json:"without_classes"` //
	OnlyFields     []gateway.Field `json:"only_fields"`     // nil: all
}

// Acute is the urgency that opens the legs marked with it.
const Acute = "acute"

// legKey is what a leg is looked up by.
type legKey struct {
	name              gateway.MessageType
	sender, recipient gateway.Role
}

// Trip is who sends a message of which type to whom.
type Trip struct {
	Type       gateway.MessageType
	Sender     gateway.Role
	Recipient  gateway.Role
	SameAgency bool // sender and recipient are the same agency
	Acute      bool
}

// Legs returns the legs of a type in order; the caller must not change them.
func (c *Catalogue) Legs(name gateway.MessageType) []*Leg { return c.routes[name] }

// Leg returns the first leg that fits the trip.
func (c *Catalogue) Leg(t Trip) (*Leg, bool) {
	for _, leg := range c.legs[legKey{t.Type, t.Sender, t.Recipient}] {
		if leg.SameAgency && !t.SameAgency || leg.Urgency == Acute && !t.Acute {
			continue
		}
		return leg, true
	}
	return nil, false
}

// Admits reports whether the leg carries the field. A class limit looks at the
// class in the field table, whoever the field is about.
func (l *Leg) Admits(f *Field) bool {
	return (l.OnlyClasses == nil || slices.Contains(l.OnlyClasses, f.Class)) &&
		!slices.Contains(l.WithoutClasses, f.Class) &&
		(l.OnlyFields == nil || slices.Contains(l.OnlyFields, f.Name))
}

// loadRoutes reads the legs of every type. Each type has at least one, and a
// leg names only roles, classes and fields that exist.
func (c *Catalogue) loadRoutes(raw json.RawMessage) error {
	var routes map[gateway.MessageType][]*Leg
	if err := decodeStrict(raw, &routes); err != nil {
		return fmt.Errorf("%w: routes: %w", ErrTable, err)
	}
	c.routes = routes
	for name, legs := range routes {
		t, ok := c.newest[name]
		if !ok {
			return fmt.Errorf("%w: routes of unknown type %s", ErrTable, name)
		}
		for i, leg := range legs {
			if err := c.checkLeg(t, leg); err != nil {
				return fmt.Errorf("%w: route %d of %s: %w", ErrTable, i+1, name, err)
			}
			for _, s := range leg.Senders {
				for _, r := range leg.Recipients {
					key := legKey{name, s, r}
					c.legs[key] = append(c.legs[key], leg)
				}
			}
		}
	}
	for name := range c.newest {
		if len(routes[name]) == 0 {
			return fmt.Errorf("%w: type %s has no route", ErrTable, name)
		}
	}
	return nil
}

func (c *Catalogue) checkLeg(t *Type, leg *Leg) error {
	for _, r := range slices.Concat(leg.Senders, leg.Recipients) {
		if _, ok := c.tables.Roles[r]; !ok {
			return fmt.Errorf("unknown role %s", r)
		}
	}
	for _, class := range slices.Concat(leg.OnlyClasses, leg.WithoutClasses) {
		if _, ok := c.tables.Classes[class]; !ok {
			return fmt.Errorf("unknown class %s", class)
		}
	}
	for _, name := range leg.OnlyFields {
		if _, ok := t.Field(name); !ok {
			return fmt.Errorf("unknown field %s", name)
		}
	}
	if leg.Urgency != "" && leg.Urgency != Acute {
		return fmt.Errorf("unknown urgency")
	}
	if slices.Contains(leg.Recipients, Register) {
		if len(leg.Recipients) > 1 {
			return fmt.Errorf("the register is a recipient of its own")
		}
		return c.markStatement(t)
	}
	return nil
}

// markStatement notes that a type goes to the register: every version has the
// sequence number by which an old statement is told from a new one. It is no
// field of the case: agencies that get a consent record get it without.
func (c *Catalogue) markStatement(newest *Type) error {
	for _, t := range c.types {
		if t.Name != newest.Name {
			continue
		}
		f, ok := t.Field(SeqField)
		if !ok || !f.Register || !f.required {
			return fmt.Errorf("statements need a required %s of the register", SeqField)
		}
		t.Statement = true
	}
	return nil
}

// checkTypes holds the types to each other: in the messages, and in what is
// asked for by name, a field name means one thing and has one class.
func (c *Catalogue) checkTypes() error {
	seen := make(map[gateway.Field]*Field)
	for _, t := range c.Types() {
		if t.Control && !t.NamedOnly {
			continue
		}
		for i := range t.Fields {
			f := &t.Fields[i]
			if old := seen[f.Name]; old != nil && (old.Class != f.Class || old.Subclass != f.Subclass) {
				return fmt.Errorf("%w: %s has another class in %s", ErrType, f.Name, t.Name)
			}
			seen[f.Name] = f
		}
	}
	return nil
}
