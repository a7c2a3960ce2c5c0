package facts

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"sluss/gateway"
)

// Tables is what a policy snapshot lays down about facts: which classes and
// purposes a consent may name, who decides, which decision each basis needs,
// who may state what. Nothing of it stands in Go. An entry that is missing
// opens nothing. Tables are not changed once they are in use; [ReadTables]
// makes them.
type Tables struct {
	Classes  []gateway.Class          // that a consent may name, "HLT.functional" among them
	Purposes map[gateway.Purpose]bool // that a consent may name
	Reasons  map[string]bool          // reason codes
	Roles    map[gateway.Role]Role
	Kinds    map[gateway.Kind]bool                                   // kinds of agency → whether they are authorities
	Fields   map[gateway.MessageType]map[gateway.Field]gateway.Class // "CON"; of sub-class functional "HLT.functional"
	Bases    map[gateway.Basis]Need
	Staters  Staters
	Limits   Limits
}

// Role is what facts must know of a role.
type Role struct {
	Kind    gateway.Kind `json:"kind"` // of its agency, or [AnyKind]
	Decides bool         `json:"decides"`
}

// AnyKind is the kind of a role that belongs to every agency.
const AnyKind gateway.Kind = "*"

// Limits are the ages and periods that facts are measured by: limits.json.
type Limits struct {
	Consent struct {
		MaxMonths   int `json:"max_months"`
		MinAgeAlone int `json:"min_age_alone"`
	} `json:"consent"`
	Decision struct {
		GroundMonths int `json:"ground_months"`
	} `json:"decision"`
	Age struct {
		ChildUnder int `json:"child_under"`
		YoungUnder int `json:"young_under"`
	} `json:"age"`
	BreakGlass struct {
		Minutes            int `json:"minutes"`
		UnconfirmedMinutes int `json:"unconfirmed_minutes"`
		MinReasonLength    int `json:"min_reason_length"`
		BarredHours        int `json:"barred_hours"` // after a request that nobody confirms
		ReviewHours        int `json:"review_hours"`
	} `json:"break_glass"`
}

// Need is what a basis asks of the recorded decision it rests on: the member
// "decision" of its provision.
type Need struct {
	Kind   string               `json:"kind"` // "" when the basis needs no decision of its own
	Ground Ground               `json:"ground"`
	Facts  map[string]Condition `json:"facts"`
}

// Ground says whether a basis needs a numbered or dated ground.
type Ground string

// The conditions on a ground (domain, Section 11).
const (
	NoGround Ground = ""
	Numbered Ground = "numbered" // 1 to 4, of which 2 to 4 go out of date
	Fresh    Ground = "fresh"    // any, not out of date
)

// Condition is what a fact of a decision must be; exactly one member is set.
// The zero Condition never holds.
type Condition struct {
	Equals  *bool    `json:"equals"`
	OneOf   []string `json:"one_of"`
	AtLeast *int64   `json:"at_least"`
	Present bool     `json:"present"`
}

// holds reports whether a fact, nil when it is missing, is as it must be.
func (c Condition) holds(fact any) bool {
	switch f := fact.(type) {
	case bool:
		return c.Equals != nil && *c.Equals == f
	case string:
		return c.Present && f != "" || slices.Contains(c.OneOf, f)
	case int64:
		return c.AtLeast != nil && f >= *c.AtLeast
	}
	return false
}

// ReadTables reads the tables of a snapshot's tree (data/*.json and
// message_types/*.schema.json). bases are what its provisions say, which only
// package policy can read.
func ReadTables(fsys fs.FS, bases map[gateway.Basis]Need) (*Tables, error) {
	t := &Tables{
		Purposes: map[gateway.Purpose]bool{},
		Reasons:  map[string]bool{},
		Kinds:    map[gateway.Kind]bool{},
		Bases:    bases,
	}
	for _, read := range []func(fs.FS) error{t.readNames, t.readRoles, t.readFields, t.readLimits, t.readStaters} {
		if err := read(fsys); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// table reads data/<name>.json: one object under its own name. Members that
// facts have no use for are other packages' to check.
func table[T any](fsys fs.FS, name string) (T, error) {
	var doc map[string]T
	raw, err := fs.ReadFile(fsys, "data/"+name+".json")
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		return doc[name], fmt.Errorf("facts: reading table %s: %w", name, err)
	}
	if _, ok := doc[name]; !ok {
		return doc[name], fmt.Errorf("facts: table %s lacks its object", name)
	}
	return doc[name], nil
}

type consentable struct {
	Consentable bool `json:"consentable"`
}

func (t *Tables) readNames(fsys fs.FS) error {
	classes, err := table[map[gateway.Class]consentable](fsys, "classes")
	if err != nil {
		return err
	}
	for c, v := range classes {
		if v.Consentable {
			t.Classes = append(t.Classes, c)
		}
		if v.Consentable && c == "HLT" {
			t.Classes = append(t.Classes, functional)
		}
	}
	slices.Sort(t.Classes)
	purposes, err := table[map[gateway.Purpose]consentable](fsys, "purposes")
	if err != nil {
		return err
	}
	for p, v := range purposes {
		t.Purposes[p] = v.Consentable
	}
	reasons, err := table[map[string]any](fsys, "reason_codes")
	for r := range reasons {
		t.Reasons[r] = true
	}
	return err
}

func (t *Tables) readRoles(fsys fs.FS) error {
	kinds, err := table[map[gateway.Kind]struct {
		Authority bool `json:"authority"`
	}](fsys, "kinds")
	if err != nil {
		return err
	}
	for k, v := range kinds {
		t.Kinds[k] = v.Authority
	}
	t.Roles, err = table[map[gateway.Role]Role](fsys, "roles")
	return err
}

// readFields reads the class of every field.
func (t *Tables) readFields(fsys fs.FS) error {
	names, err := fs.Glob(fsys, "message_types/*.schema.json")
	if err != nil {
		return err
	}
	t.Fields = make(map[gateway.MessageType]map[gateway.Field]gateway.Class, len(names))
	for _, name := range names {
		var schema struct {
			Type       gateway.MessageType `json:"x-message-type"`
			Properties map[gateway.Field]struct {
				Class    gateway.Class `json:"x-class"`
				Subclass string        `json:"x-subclass"`
			} `json:"properties"`
		}
		raw, err := fs.ReadFile(fsys, name)
		if err == nil {
			err = json.Unmarshal(raw, &schema)
		}
		if err != nil {
			return fmt.Errorf("facts: reading %s: %w", name, err)
		}
		fields := make(map[gateway.Field]gateway.Class, len(schema.Properties))
		for f, p := range schema.Properties {
			if fields[f] = p.Class; p.Class == "HLT" && p.Subclass == "functional" {
				fields[f] = functional
			}
		}
		t.Fields[schema.Type] = fields
	}
	return nil
}

func (t *Tables) readLimits(fsys fs.FS) error {
	l, err := table[Limits](fsys, "limits")
	t.Limits = l
	if err != nil {
		return err
	}
	for _, n := range []int{l.Consent.MaxMonths, l.Consent.MinAgeAlone, l.Decision.GroundMonths, l.Age.ChildUnder,
		l.Age.YoungUnder, l.BreakGlass.Minutes, l.BreakGlass.UnconfirmedMinutes, l.BreakGlass.MinReasonLength,
		l.BreakGlass.BarredHours, l.BreakGlass.ReviewHours} {
		if n <= 0 {
			return fmt.Errorf("facts: table limits lacks a limit")
		}
	}
	return nil
}

// belongs reports whether a role is one of an agency's.
func (t *Tables) belongs(r gateway.Role, at gateway.AgencyID) bool {
	role, ok := t.Roles[r]
	return ok && at.Kind() != "" && (role.Kind == AnyKind || role.Kind == at.Kind())
}

// decides reports whether a role may record decisions at an agency.
func (t *Tables) decides(r gateway.Role, at gateway.AgencyID) bool {
	return t.belongs(r, at) && t.Roles[r].Decides
}

// authority reports whether an agency is one.
func (t *Tables) authority(a gateway.AgencyID) bool { return t.Kinds[a.Kind()] }
