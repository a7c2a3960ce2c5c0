package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// DefaultSet in a list of fields stands for the default set of the type.
const DefaultSet = "default"

// maxBundles is to how many keys a message may be sealed: a recipient agency
// has a key or two for each group of roles.
const maxBundles = 16

// Conforming is a message that is as its type demands. Only
// [Catalogue.Conform] fills it.
type Conforming struct {
	message envelope.Message
	t       *Type
}

// IsZero reports whether no step has filled c.
func (c Conforming) IsZero() bool { return c.t == nil }

// Message returns the message.
func (c Conforming) Message() envelope.Message { return c.message }

// Type returns its type.
func (c Conforming) Type() *Type { return c.t }

// Conform holds a verified message to its type and to the tables. It looks at
// nothing about the person and answers with a [gateway.Refusal] with a code of
// step 3; the first thing that does not hold is the one reported.
func (c *Catalogue) Conform(m envelope.Message) (Conforming, error) {
	if m.IsZero() {
		return Conforming{}, fmt.Errorf("conforming: %w", envelope.ErrZero)
	}
	claims := m.Claims()
	t, ok := c.Type(claims.Type, claims.Version)
	if !ok {
		return Conforming{}, refuse(gateway.CodeUnknownType, "no such message type and version")
	}
	x := check{
		c: c, t: t, m: m, claims: claims, gate: m.Gate(), kind: claims.Issuer.Kind(),
		fields: m.Fields(), given: make([]*envelope.MessageField, len(t.Fields)),
	}
	for _, step := range []func(*check) error{
		(*check).route, (*check).header, (*check).names, (*check).sealing, (*check).presence,
		(*check).bundles, (*check).values,
	} {
		if err := step(&x); err != nil {
			return Conforming{}, err
		}
	}
	return Conforming{m, t}, nil
}

// check is one message on its way through the checks.
type check struct {
	c      *Catalogue
	t      *Type
	m      envelope.Message
	claims envelope.Claims
	gate   envelope.Gate
	kind   gateway.Kind // of the sender
	fields []envelope.MessageField
	spec   []envelope.FieldSpec
	given  []*envelope.MessageField // by place in the type's table; nil if absent
}

// refuse returns a refusal whose words are fixed or taken from the catalogue.
func refuse(code gateway.Code, detail string) error { return gateway.Refuse(code, detail, nil) }

// refuseField names a field of the catalogue in the refusal.
func refuseField(code gateway.Code, f gateway.Field, detail string) error {
	return gateway.Refuse(code, fmt.Sprintf("%s: %s", f, detail), nil)
}

// route checks that the sender's role may send the type to each of the roles
// addressed, and that the roles are of the agencies' kinds.
func (x *check) route() error {
	if !x.role(x.claims.FromRole).Of(x.kind) {
		return refuse(gateway.CodeRoute, "from_role is not a role of the sender's kind of agency")
	}
	if _, err := gateway.ParseID(x.claims.Audience); err == nil {
		trip := Trip{Type: x.t.Name, Sender: x.claims.FromRole, Recipient: Register}
		if _, ok := x.c.Leg(trip); !ok || len(x.claims.ToRoles) != 1 || x.claims.ToRoles[0] != Register {
			return refuse(gateway.CodeRoute, "the sender's role states nothing of this type to the register")
		}
		return nil
	}
	to := x.claims.Recipient()
	for _, r := range x.claims.ToRoles { // never empty, each role once: envelope.Open
		if !x.role(r).Of(to.Kind()) {
			return refuse(gateway.CodeRoute, "to_roles are not roles of the recipient's kind of agency")
		}
		trip := Trip{x.t.Name, x.claims.FromRole, r, to == x.claims.Issuer, x.gate.Urgency == Acute}
		if _, ok := x.c.Leg(trip); !ok {
			return refuse(gateway.CodeRoute, "no route for this type between these roles")
		}
	}
	return nil
}

func (x *check) role(r gateway.Role) Role { return x.c.tables.Roles[r] }

// header checks what accompanies the fields against the tables.
func (x *check) header() error {
	tables := &x.c.tables
	if _, ok := tables.Purposes[x.claims.Purpose]; !ok {
		return refuse(gateway.CodeSchema, "purpose is not in the register")
	}
	if _, ok := tables.Markings[x.gate.Marking]; !ok {
		return refuse(gateway.CodeSchema, "marking is not in the register")
	}
	if r := x.gate.Reason; r != nil {
		if _, ok := tables.Reasons[r.Code]; !ok {
			return refuse(gateway.CodeSchema, "reason code is not in the register")
		}
	}
	switch named := x.claims.Subject != ""; {
	case x.t.Subject == SubjectRequired && !named:
		return refuse(gateway.CodeMissingField, "sub_ref: a message of this type is about a person")
	case x.t.Subject == SubjectNone && named:
		return refuse(gateway.CodeUnknownField, "sub_ref: a message of this type is about nobody")
	}
	return nil
}

// names checks that everything named is in the type, held by the sender's kind
// and not forbidden.
func (x *check) names() error {
	if err := x.namedFields(); err != nil {
		return err
	}
	for name := range x.gate.About {
		if _, ok := x.t.Field(name); !ok {
			return refuse(gateway.CodeUnknownField, "about names a field that the type does not have")
		}
	}
	for i := range x.fields {
		mf := &x.fields[i]
		f, ok := x.t.Field(mf.Name)
		switch {
		case !ok:
			return refuse(gateway.CodeUnknownField, "data holds a field that the type does not have")
		case f.Forbidden:
			return refuseField(gateway.CodeForbiddenField, f.Name, "may never be sent")
		case !f.HeldBy(x.kind):
			return refuseField(gateway.CodeForbiddenField, f.Name, "not held by the sender's kind of agency")
		case x.t.NamedOnly && !slices.Contains(x.gate.Fields, string(f.Name)):
			return refuseField(gateway.CodeUnknownField, f.Name, "was not named")
		}
		x.given[f.Number-1] = mf
	}
	return nil
}

// namedFields checks the list of fields put forward.
func (x *check) namedFields() error {
	if len(x.gate.Fields) == 0 {
		return refuse(gateway.CodeMissingField, "fields: nothing is put forward")
	}
	for _, name := range x.gate.Fields { // each name once: envelope.Open
		f, ok := x.t.Field(gateway.Field(name))
		switch {
		case name == DefaultSet && x.t.NamedOnly:
			return refuse(gateway.CodeUnknownField, "fields: must be named in this type")
		case name == DefaultSet:
		case !ok:
			return refuse(gateway.CodeUnknownField, "fields: names a field that the type does not have")
		case f.Forbidden:
			return refuseField(gateway.CodeForbiddenField, f.Name, "may never be sent")
		}
	}
	return nil
}

// sealing checks that exactly the fields that must be sealed are, in the size
// that the catalogue gives them.
func (x *check) sealing() error {
	for i, mf := range x.given {
		if mf == nil {
			continue
		}
		f, name := &x.t.Fields[i], mf.Name
		switch {
		case f.Sealed && !mf.Sealed:
			return refuseField(gateway.CodeNotSealed, name, "must be sealed")
		case !f.Sealed && mf.Sealed:
			return refuseField(gateway.CodeSealing, name, "must be clear")
		case f.Sealed && mf.CiphertextSize != envelope.CiphertextSize(f.Size):
			return refuseField(gateway.CodeSealing, name, "ciphertext is not of the fixed size")
		case !f.Cells && len(mf.Cells) > 0:
			return refuseField(gateway.CodeSealing, name, "holds disclosures of its own")
		}
	}
	return nil
}

// presence checks that everything is there that must be: every sealed field
// that the sender's kind may hold, with or without a value, and the clear ones
// that it must supply. Names that are missing are made up for by decoys.
func (x *check) presence() error {
	x.spec = x.t.spec(x.kind, x.gate.Fields)
	for _, s := range x.spec {
		f, _ := x.t.Field(s.Name)
		if x.given[f.Number-1] == nil && (s.Sealed || f.Required(x.kind)) {
			return refuseField(gateway.CodeMissingField, s.Name, "is missing")
		}
	}
	if x.m.Digests() != len(x.spec) {
		return refuse(gateway.CodeSealing, "data has not the fixed number of digests")
	}
	return nil
}

// bundles checks the form of the key bundles; their content is for the
// recipient.
func (x *check) bundles() error {
	bundles := x.m.Bundles()
	sealed := slices.ContainsFunc(x.spec, func(s envelope.FieldSpec) bool { return s.Sealed })
	if len(bundles) > maxBundles || sealed != (len(bundles) > 0) {
		return refuse(gateway.CodeSealing, "keys has too many or too few members")
	}
	size := envelope.BundleSize(x.spec)
	for _, b := range bundles {
		if b.Size != size {
			return refuse(gateway.CodeSealing, "keys has a member that is not of the fixed size")
		}
	}
	return nil
}

// values holds the clear values to their schemas.
func (x *check) values() error {
	for i := range x.t.Fields {
		f := &x.t.Fields[i]
		mf := x.given[i]
		if mf == nil || mf.Sealed {
			continue
		}
		if err := f.Validate(mf.Value); err != nil {
			return gateway.Refuse(gateway.CodeSchema, fmt.Sprintf("%s: does not fit its schema", f.Name), err)
		}
		if f.Cells && numbers(mf.Value) != len(mf.Cells) {
			return refuseField(gateway.CodeSealing, f.Name, "each n is a disclosure of its own")
		}
	}
	return nil
}

// numbers counts the elements of a table that have a number.
func numbers(table json.RawMessage) int {
	var cells []struct {
		N *json.Number `json:"n"`
	}
	if json.Unmarshal(table, &cells) != nil {
		return -1
	}
	n := 0
	for _, c := range cells {
		if c.N != nil {
			n++
		}
	}
	return n
}
