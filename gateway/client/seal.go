package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/envelope"
)

// Draft is a message as the agency's system has it. Type, From, Purpose, Case
// and Values are required, To and ToRoles in a message to an agency, Subject
// where the type is about a person; the zero value of any other field means its
// default.
type Draft struct {
	Type    gateway.MessageType
	Version int // Default: the newest.

	As      gateway.AgencyID // sender; default the agency itself, else an alias of it
	From    gateway.Role     // in which it is sent
	To      gateway.AgencyID // the one recipient, or its alias
	ToRoles []gateway.Role   // who there may read it
	ReplyTo gateway.MessageID

	Purpose gateway.Purpose
	Case    gateway.Ref
	Subject gateway.Ref

	// Values are JSON by field; see [Value]. A field that is not there, or is
	// null, is sent as having no value.
	Values map[gateway.Field]gateway.Payload

	// What only the gateway sees. Fields are the names put forward; default is
	// the default set, and in a type whose fields must be named the fields
	// that have a value.
	Fields        []string
	Reason        *envelope.Reason
	BasisClaimed  []gateway.Basis
	ConsentRef    *gateway.Ref
	AssessmentRef *gateway.Ref
	Marking       string // Default "none".
	Child         bool
	Urgency       string // Default "normal".
	About         map[gateway.Field][]gateway.Ref

	Life time.Duration // until the message expires. Default and most: 30 days.
}

// Value returns v as JSON for [Draft.Values].
func Value(v any) (gateway.Payload, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return gateway.Payload{}, fmt.Errorf("%w: a value is not JSON", ErrDraft)
	}
	return gateway.NewPayload(raw), nil
}

// FieldError says which field of a [Draft] breaks which rule of the catalogue. It
// is an [ErrDraft] and holds no value.
type FieldError struct {
	Field gateway.Field
	Rule  string
}

// Error implements error.
func (e *FieldError) Error() string {
	return fmt.Sprintf("%s: field %s: %s", ErrDraft.Error(), e.Field, e.Rule)
}

// Unwrap returns [ErrDraft].
func (e *FieldError) Unwrap() error { return ErrDraft }

// Seal makes the message that [Client.Send] takes. What is sealed, and in which
// size, comes from the approved snapshot; the keys from the countersigned
// directory; each key gets the field keys that an addressed role behind it may
// open at all and no others. What the gateway would refuse for its form is
// refused here, as [ErrDraft], with the field and the rule.
func (c *Client) Seal(ctx context.Context, d Draft) ([]byte, error) {
	return c.seal(ctx, d, false)
}

// State makes a statement to the gateway's register: as Seal, but To and
// ToRoles are left out, and what is to be sealed is sealed to the own agency's
// keys, for the gateway is not to read it. The field "seq" must rise with each
// statement about the same thing.
func (c *Client) State(ctx context.Context, d Draft) ([]byte, error) {
	if d.To != "" || len(d.ToRoles) > 0 {
		return nil, fmt.Errorf("%w: a statement goes to the register; leave To and ToRoles out", ErrDraft)
	}
	d.ToRoles = []gateway.Role{catalogue.Register}
	return c.seal(ctx, d, true)
}

func (c *Client) seal(ctx context.Context, d Draft, statement bool) ([]byte, error) {
	w, err := c.ready(ctx)
	if err != nil {
		return nil, err
	}
	s := sealing{c: c, w: w, statement: statement, Draft: d}
	for _, step := range []func(*sealing) error{(*sealing).fill, (*sealing).route, (*sealing).accompanied,
		(*sealing).named, (*sealing).valued, (*sealing).recipients} {
		if err := step(&s); err != nil {
			return nil, err
		}
	}
	signer, err := c.signer(w, envelope.UseMessage, s.As, s.From)
	if err != nil {
		return nil, err
	}
	draft, err := s.draft()
	if err != nil {
		return nil, err
	}
	raw, err := envelope.Seal(draft, s.spec, s.to, signer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDraft, err)
	}
	// The same checks that the gateway will make: what passes here passes there.
	m, err := envelope.Open(raw, w.directory, draft.IssuedAt)
	if err == nil {
		_, err = w.catalogue.Conform(m)
	}
	if r, ok := errors.AsType[*gateway.Refusal](err); ok {
		return nil, fmt.Errorf("%w: the gateway would refuse it: %s: %s", ErrDraft, r.Code, r.Detail)
	}
	return raw, err
}

// sealing is a draft on its way through the checks.
type sealing struct {
	c         *Client
	w         *world
	statement bool
	Draft

	t    *catalogue.Type
	kind gateway.Kind // of the sender
	spec []envelope.FieldSpec
	to   []envelope.Recipient
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDraft, fmt.Sprintf(format, args...))
}

// fill fills in the defaults and finds the type.
func (s *sealing) fill() error {
	var ok bool
	if s.Version == 0 {
		s.t, ok = s.w.catalogue.Newest(s.Type)
	} else {
		s.t, ok = s.w.catalogue.Type(s.Type, s.Version)
	}
	if !ok {
		return wrong("the approved catalogue has no type %q version %d", s.Type, s.Version)
	}
	s.Version, s.As = s.t.Version, cmp.Or(s.As, s.c.cfg.Agency)
	s.kind = s.As.Kind()
	s.Marking, s.Urgency = cmp.Or(s.Marking, "none"), cmp.Or(s.Urgency, "normal")
	s.Life = cmp.Or(s.Life, envelope.MaxLife)
	if s.Life < 0 || s.Life > envelope.MaxLife {
		return wrong("Life must be at most %v", envelope.MaxLife)
	}
	if len(s.Fields) == 0 && !s.t.NamedOnly {
		s.Fields = []string{catalogue.DefaultSet}
	}
	if len(s.Fields) == 0 {
		for i := range s.t.Fields {
			if v := s.Values[s.t.Fields[i].Name]; !none(v) {
				s.Fields = append(s.Fields, string(s.t.Fields[i].Name))
			}
		}
	}
	return nil
}

// none reports whether there is no value.
func none(v gateway.Payload) bool {
	return v.Len() == 0 || strings.TrimSpace(string(v.Bytes())) == "null"
}

// route checks who sends to whom.
func (s *sealing) route() error {
	roles := s.w.catalogue.Tables().Roles
	if role, ok := roles[s.From]; !ok || !role.Of(s.kind) {
		return wrong("From: %q is not a role of an agency of kind %s", s.From, s.kind)
	}
	if !s.statement {
		if _, err := gateway.ParseAgency(string(s.To)); err != nil || len(s.ToRoles) == 0 {
			return wrong("To must be an agency and ToRoles at least one of its roles")
		}
	}
	for i, r := range s.ToRoles {
		if !s.statement && (!roles[r].Of(s.To.Kind()) || slices.Contains(s.ToRoles[:i], r)) {
			return wrong("ToRoles: %q is not a role of an agency of kind %s, or there twice", r, s.To.Kind())
		}
		if _, ok := s.w.catalogue.Leg(s.trip(r)); !ok {
			return wrong("no route: %s goes not from %s to %s with urgency %s", s.Type, s.From, r, s.Urgency)
		}
	}
	return nil
}

func (s *sealing) trip(to gateway.Role) catalogue.Trip {
	return catalogue.Trip{Type: s.Type, Sender: s.From, Recipient: to, SameAgency: s.To == s.As, Acute: s.Urgency == catalogue.Acute}
}

// accompanied checks what goes with the fields.
func (s *sealing) accompanied() error {
	tables := s.w.catalogue.Tables()
	if _, ok := tables.Purposes[s.Purpose]; !ok {
		return wrong("Purpose: %q is not in the register", s.Purpose)
	}
	if _, err := gateway.ParseRef(string(s.Case)); err != nil {
		return wrong("Case must be an opaque reference; gateway.NewRef makes one")
	}
	if _, err := gateway.ParseRef(string(s.Subject)); s.Subject != "" && err != nil {
		return wrong("Subject must be an opaque reference, never a personal number")
	}
	switch {
	case s.t.Subject == catalogue.SubjectRequired && s.Subject == "":
		return wrong("Subject: a message of type %s is about a person", s.Type)
	case s.t.Subject == catalogue.SubjectNone && s.Subject != "":
		return wrong("Subject: a message of type %s is about nobody", s.Type)
	}
	if _, ok := tables.Markings[s.Marking]; !ok {
		return wrong("Marking: %q is not in the register", s.Marking)
	}
	if s.Urgency != "normal" && s.Urgency != catalogue.Acute {
		return wrong("Urgency is normal or acute")
	}
	if s.Reason != nil {
		if _, ok := tables.Reasons[s.Reason.Code]; !ok || s.Reason.Length < 0 {
			return wrong("Reason: code %q is not in the register, or the length below 0", s.Reason.Code)
		}
	}
	return nil
}

// named checks the names in Fields and About.
func (s *sealing) named() error {
	if len(s.Fields) == 0 {
		return wrong("Fields: the fields of %s must be named, and none is", s.Type)
	}
	for i, name := range s.Fields {
		if name == catalogue.DefaultSet && !s.t.NamedOnly {
			continue
		}
		f, ok := s.t.Field(gateway.Field(name))
		switch {
		case !ok:
			return &FieldError{gateway.Field(name), fmt.Sprintf("%s version %d has no such field", s.Type, s.Version)}
		case f.Forbidden:
			return &FieldError{f.Name, "may never be sent"}
		case slices.Contains(s.Fields[:i], name):
			return &FieldError{f.Name, "is named twice"}
		}
	}
	for name := range s.About {
		if _, ok := s.t.Field(name); !ok {
			return &FieldError{name, "stands in About, and the type has no such field"}
		}
	}
	return nil
}

// valued holds every value to its field.
func (s *sealing) valued() error {
	s.spec = s.t.EncodeSpec(s.kind, s.Fields)
	for name, v := range s.Values {
		f, ok := s.t.Field(name)
		switch {
		case !ok:
			return &FieldError{name, fmt.Sprintf("%s version %d has no such field", s.Type, s.Version)}
		case f.Forbidden:
			return &FieldError{name, "may never be sent"}
		case !f.HeldBy(s.kind):
			return &FieldError{name, fmt.Sprintf("agencies of kind %s do not hold it", s.kind)}
		case none(v):
			continue
		case !slices.ContainsFunc(s.spec, func(spec envelope.FieldSpec) bool { return spec.Name == name }):
			return &FieldError{name, "has a value and is not named in Fields"}
		}
		if err := f.Validate(v.Bytes()); err != nil {
			return &FieldError{name, err.Error()}
		}
	}
	for _, spec := range s.spec {
		if f, _ := s.t.Field(spec.Name); f.Required(s.kind) && none(s.Values[spec.Name]) {
			return &FieldError{spec.Name, "is required"}
		}
	}
	return nil
}

// recipients finds the keys to seal to, and what may go to each.
func (s *sealing) recipients() error {
	if !slices.ContainsFunc(s.spec, func(f envelope.FieldSpec) bool { return f.Sealed }) {
		return nil
	}
	// The register opens nothing: what it is not to read is sealed for whoever
	// at the own agency acts in the stating role.
	to, readers := s.To, s.ToRoles
	if s.statement {
		to, readers = s.As, []gateway.Role{s.From}
	}
	reached := map[gateway.Role]bool{}
	for _, key := range s.w.directory.SealKeys(to, s.c.cfg.Now()) {
		var fields []gateway.Field
		var addressed bool
		for _, r := range readers {
			if slices.Contains(key.Roles, r) {
				addressed, reached[r] = true, true
				fields = append(fields, s.opens(r)...)
			}
		}
		if addressed {
			slices.Sort(fields)
			s.to = append(s.to, envelope.Recipient{Key: key.Key, Fields: slices.Compact(fields)})
		}
	}
	for _, r := range readers {
		if !reached[r] {
			return wrong("%s has no decryption key for role %s in the directory", to, r)
		}
	}
	return nil
}

// opens returns the sealed fields whose keys a role may have.
func (s *sealing) opens(r gateway.Role) []gateway.Field {
	if !s.statement {
		protected := s.w.catalogue.Tables().Markings[s.Marking].Protects
		return s.w.catalogue.MayOpen(s.t, s.trip(r), s.kind, protected)
	}
	var fields []gateway.Field
	for _, f := range s.spec {
		if f.Sealed {
			fields = append(fields, f.Name)
		}
	}
	return fields
}

// draft is the message for the envelope.
func (s *sealing) draft() (envelope.Draft, error) {
	id, err := newID()
	if err != nil {
		return envelope.Draft{}, err
	}
	now := s.c.cfg.Now().Truncate(time.Second)
	audience := s.To.URN()
	if s.statement {
		audience = string(s.c.cfg.Gateway)
	}
	values := make(map[gateway.Field]json.RawMessage, len(s.Values))
	for name, v := range s.Values {
		if !none(v) {
			values[name] = v.Bytes()
		}
	}
	return envelope.Draft{
		Claims: envelope.Claims{
			Issuer: s.As, Audience: audience, ID: id, IssuedAt: now, Expires: now.Add(s.Life),
			Case: s.Case, Subject: s.Subject, Type: s.Type, Version: s.Version, Purpose: s.Purpose,
			FromRole: s.From, ToRoles: s.ToRoles, ReplyTo: s.ReplyTo, Gateway: s.c.cfg.Gateway,
		},
		Gate: envelope.Gate{
			Fields: s.Fields, Reason: s.Reason, BasisClaimed: s.BasisClaimed, ConsentRef: s.ConsentRef,
			AssessmentRef: s.AssessmentRef, Marking: s.Marking, Child: s.Child, Urgency: s.Urgency, About: s.About,
		},
		Values: values,
	}, nil
}
