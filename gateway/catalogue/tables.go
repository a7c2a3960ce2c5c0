package catalogue

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

// Tables are the domain tables that the steps of an exchange look things up
// in. Every look-up is one map access.
type Tables struct {
	Kinds      map[gateway.Kind]Kind
	Roles      map[gateway.Role]Role
	Purposes   map[gateway.Purpose]Purpose
	Classes    map[gateway.Class]Class
	Subclasses map[string]Subclass
	Rules      map[gateway.Rule]Rule
	Reasons    map[string]string // reason code of a request → its Swedish word
	Markings   map[string]Marking
	Ceilings   Ceilings
}

// Kind is a kind of agency (domain, section 6).
type Kind struct {
	Prefix    string        `json:"prefix"`
	Origin    *gateway.Rule `json:"origin"` // the secrecy rule of what it holds; nil if none
	Authority bool          `json:"authority"`
}

// Role is what a user acts in (domain, section 6).
type Role struct {
	Number    string            `json:"n"`
	Swedish   string            `json:"sv"`
	Kind      gateway.Kind      `json:"kind"` // AnyKind: of any agency; "": of none
	Purposes  []gateway.Purpose `json:"purposes"`
	Decides   bool              `json:"decides"`   // may record decisions
	Emergency bool              `json:"emergency"` // may break glass
	System    bool              `json:"system"`    // no person acts in it
	Note      string            `json:"note"`
}

// AnyKind is the kind of a role that users of every agency may have.
const AnyKind gateway.Kind = "*"

// Of reports whether a user at an agency of the kind may act in the role.
func (r Role) Of(k gateway.Kind) bool {
	return k != "" && !r.System && (r.Kind == k || r.Kind == AnyKind)
}

// Purpose is what a disclosure may be for (domain, section 8).
type Purpose struct {
	Means       string `json:"means"`
	Consentable bool   `json:"consentable"` // a consent may name it
}

// Class is a data class (domain, section 7).
type Class struct {
	Number      int    `json:"n"`
	Name        string `json:"name"`
	Holds       string `json:"holds"`
	Secrecy     string `json:"secrecy"`
	Consentable bool   `json:"consentable"`
	// ProtectedAs is the class that a field counts as when its person is
	// protected, "" for its own.
	ProtectedAs gateway.Class `json:"protected_as"`
	Locates     bool          `json:"locates"` // every field of it tells where a person is
	Note        string        `json:"note"`
}

// Subclass narrows a class (domain, section 7).
type Subclass struct {
	Of    gateway.Class `json:"of"` // "": of any class
	Means string        `json:"means"`
}

// Rule is a secrecy rule that may cover a field (domain, section 4).
type Rule struct {
	HoldsFor       string `json:"holds_for"`
	Protects       string `json:"protects"`
	Test           string `json:"test"`
	Years          *int   `json:"years"`
	PublicInterest bool   `json:"public_interest"` // chapter 18: consent never opens it
}

// Marking is a protection marking (domain, section 4).
type Marking struct {
	Strictness int    `json:"n"`
	Swedish    string `json:"sv"`
	Protects   bool   `json:"protects"`
}

// Cell is the most that a role may get of a class (domain, section 14).
type Cell string

// Never admits nothing; it stands where the table has no cell.
const Never Cell = "D"

// CellRule says what a cell can ever admit. What it takes besides, a name and a
// reason or a recorded decision, is for the policy.
type CellRule struct {
	Means      string   `json:"means"`
	Admits     Admits   `json:"admits"`
	Subclasses []string `json:"subclasses"` // with AdmitsSubclass
}

// Admits is the part of a class that a cell admits.
type Admits string

// What cells admit.
const (
	AdmitsAny      Admits = "any"
	AdmitsSubclass Admits = "subclass" // fields of the listed sub-classes
	AdmitsOwn      Admits = "own"      // what the recipient's own agency discloses
	AdmitsNone     Admits = "none"
)

// Ceilings is the table of cells.
type Ceilings struct {
	Cells      map[Cell]CellRule                       `json:"cells"`
	Exceptions []Exception                             `json:"exceptions"`
	Matrix     map[gateway.Role]map[gateway.Class]Cell `json:"matrix"`
}

// Exception replaces a cell in every message but the listed ones.
type Exception struct {
	Role           gateway.Role          `json:"role"`
	Class          gateway.Class         `json:"class"`
	Cell           Cell                  `json:"cell"`
	ExceptMessages []gateway.MessageType `json:"except_messages"`
}

// Of returns the cell of a role and class in a type. What is not in the table
// is [Never].
func (c *Ceilings) Of(r gateway.Role, class gateway.Class, in gateway.MessageType) Cell {
	for _, e := range c.Exceptions {
		if e.Role == r && e.Class == class && !slices.Contains(e.ExceptMessages, in) {
			return e.Cell
		}
	}
	if cell, ok := c.Matrix[r][class]; ok {
		return cell
	}
	return Never
}

// readTables reads data/*.json. Each file is one object under one key, the
// file's name, so that stock opa loads the directory without clashes.
func readTables(fsys fs.FS) (map[string]json.RawMessage, error) {
	names, err := fs.Glob(fsys, tableDir+"/*.json")
	if err != nil {
		return nil, fmt.Errorf("listing tables: %w", err)
	}
	tables := make(map[string]json.RawMessage, len(names))
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		ms, err := members(b)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrTable, name, err)
		}
		if key := strings.TrimSuffix(path.Base(name), ".json"); len(ms) != 1 || ms[0].name != key {
			return nil, fmt.Errorf("%w: %s is not one object under the key %q", ErrTable, name, key)
		}
		tables[ms[0].name] = ms[0].value
	}
	return tables, nil
}

// parseTables decodes the tables and checks that they refer to each other.
func parseTables(raw map[string]json.RawMessage) (Tables, error) {
	var t Tables
	for _, table := range []struct {
		name string
		into any
	}{
		{"kinds", &t.Kinds}, {"roles", &t.Roles}, {"purposes", &t.Purposes}, {"classes", &t.Classes},
		{"subclasses", &t.Subclasses}, {"rules", &t.Rules}, {"reason_codes", &t.Reasons},
		{"markings", &t.Markings}, {"ceilings", &t.Ceilings},
	} {
		if err := decodeStrict(raw[table.name], table.into); err != nil {
			return Tables{}, fmt.Errorf("%w: %s: %w", ErrTable, table.name, err)
		}
	}
	return t, t.check()
}

func (t *Tables) check() error {
	for id, r := range t.Roles {
		if _, ok := t.Kinds[r.Kind]; !ok && r.Kind != AnyKind && !r.System {
			return fmt.Errorf("%w: role %s is of no kind", ErrTable, id)
		}
		for _, p := range r.Purposes {
			if _, ok := t.Purposes[p]; !ok {
				return fmt.Errorf("%w: role %s acts for unknown purpose %s", ErrTable, id, p)
			}
		}
		if row := t.Ceilings.Matrix[id]; !r.System && len(row) != len(t.Classes) {
			return fmt.Errorf("%w: role %s has %d ceilings for %d classes", ErrTable, id, len(row), len(t.Classes))
		}
	}
	for k, kind := range t.Kinds {
		if kind.Origin == nil {
			continue
		}
		if _, ok := t.Rules[*kind.Origin]; !ok {
			return fmt.Errorf("%w: kind %s has unknown rule %s", ErrTable, k, *kind.Origin)
		}
	}
	for code, class := range t.Classes {
		if _, ok := t.Classes[class.ProtectedAs]; !ok && class.ProtectedAs != "" {
			return fmt.Errorf("%w: class %s counts as an unknown one", ErrTable, code)
		}
	}
	for name, s := range t.Subclasses {
		if _, ok := t.Classes[s.Of]; !ok && s.Of != "" {
			return fmt.Errorf("%w: subclass %s of unknown class", ErrTable, name)
		}
	}
	return t.Ceilings.check(t)
}

func (c *Ceilings) check(t *Tables) error {
	for cell, rule := range c.Cells {
		known := slices.Contains([]Admits{AdmitsAny, AdmitsSubclass, AdmitsOwn, AdmitsNone}, rule.Admits)
		if !known || rule.Means == "" || (rule.Admits == AdmitsSubclass) != (len(rule.Subclasses) > 0) {
			return fmt.Errorf("%w: cell %s", ErrTable, cell)
		}
		for _, name := range rule.Subclasses {
			if _, ok := t.Subclasses[name]; !ok {
				return fmt.Errorf("%w: cell %s of unknown sub-class", ErrTable, cell)
			}
		}
	}
	if c.Cells[Never].Admits != AdmitsNone {
		return fmt.Errorf("%w: cell %s must admit nothing", ErrTable, Never)
	}
	one := func(r gateway.Role, class gateway.Class, cell Cell) error {
		_, okRole := t.Roles[r]
		_, okClass := t.Classes[class]
		_, okCell := c.Cells[cell]
		if !okRole || !okClass || !okCell {
			return fmt.Errorf("%w: ceiling %s of %s, %s", ErrTable, cell, r, class)
		}
		return nil
	}
	for r, row := range c.Matrix {
		for class, cell := range row {
			if err := one(r, class, cell); err != nil {
				return err
			}
		}
	}
	for _, e := range c.Exceptions {
		if err := one(e.Role, e.Class, e.Cell); err != nil {
			return err
		}
	}
	return nil
}

// member is one member of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns the members of the one object that raw is, in order. A name
// that occurs twice is an error.
func members(raw []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, fmt.Errorf("not an object")
	}
	var list []member
	seen := make(map[string]bool)
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("reading a name: %w", err)
		}
		m := member{name: tok.(string)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("reading %q: %w", m.name, err)
		}
		if seen[m.name] {
			return nil, fmt.Errorf("%q occurs twice", m.name)
		}
		seen[m.name] = true
		list = append(list, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("reading the end of an object: %w", err)
	}
	if dec.InputOffset() != int64(len(bytes.TrimRight(raw, " \t\r\n"))) {
		return nil, fmt.Errorf("text after the object")
	}
	return list, nil
}

// decodeStrict decodes one JSON value; a member that into does not have is an
// error.
func decodeStrict(raw json.RawMessage, into any) error {
	if raw == nil {
		return fmt.Errorf("missing")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	if dec.More() {
		return fmt.Errorf("text after the value")
	}
	return nil
}
