package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
)

// draftFile is a message to be sealed, as the commands read it: the names are
// those of the envelope.
type draftFile struct {
	Type          gateway.MessageType               `json:"type"`
	Version       int                               `json:"version"`
	Issuer        gateway.AgencyID                  `json:"iss"`
	Audience      gateway.AgencyID                  `json:"aud"`
	FromRole      gateway.Role                      `json:"from_role"`
	ToRoles       []gateway.Role                    `json:"to_roles"`
	ReplyTo       gateway.MessageID                 `json:"reply_to"`
	Purpose       gateway.Purpose                   `json:"purpose"`
	Case          gateway.Ref                       `json:"txn"`
	Subject       gateway.Ref                       `json:"sub_ref"`
	Data          map[gateway.Field]json.RawMessage `json:"data"`
	Fields        []string                          `json:"fields"`
	Reason        *envelope.Reason                  `json:"reason"`
	BasisClaimed  []gateway.Basis                   `json:"basis_claimed"`
	ConsentRef    *gateway.Ref                      `json:"consent_ref"`
	AssessmentRef *gateway.Ref                      `json:"assessment_ref"`
	Marking       string                            `json:"marking"`
	Child         bool                              `json:"child"`
	Urgency       string                            `json:"urgency"`
	About         map[gateway.Field][]gateway.Ref   `json:"about"`
	Days          int                               `json:"days"`
}

// parseDraft reads a draft. Its errors never hold a value.
func parseDraft(raw []byte) (client.Draft, error) {
	var f draftFile
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return client.Draft{}, fmt.Errorf("draft: member %s is not of its kind; see gatewayctl message seal -h", t.Field)
		}
		if s, ok := errors.AsType[*json.SyntaxError](err); ok {
			return client.Draft{}, fmt.Errorf("draft: not JSON at byte %d", s.Offset)
		}
		return client.Draft{}, fmt.Errorf("draft: %w; see gatewayctl message seal -h", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return client.Draft{}, errors.New("draft: text after the object")
	}
	draft := client.Draft{
		Type: f.Type, Version: f.Version, As: f.Issuer, From: f.FromRole, To: f.Audience, ToRoles: f.ToRoles, ReplyTo: f.ReplyTo,
		Purpose: f.Purpose, Case: f.Case, Subject: f.Subject, Fields: f.Fields, Reason: f.Reason, BasisClaimed: f.BasisClaimed,
		ConsentRef: f.ConsentRef, AssessmentRef: f.AssessmentRef, Marking: f.Marking, Child: f.Child, Urgency: f.Urgency,
		About: f.About, Life: time.Duration(f.Days) * 24 * time.Hour, Values: make(map[gateway.Field]gateway.Payload, len(f.Data)),
	}
	for name, value := range f.Data {
		draft.Values[name] = gateway.NewPayload(value)
	}
	return draft, nil
}

// opened is a message as the commands print it: for the agency's own system,
// and the one place where values are printed.
type opened struct {
	Delivery   string                            `json:"delivery"`
	ID         gateway.MessageID                 `json:"jti"`
	From       gateway.AgencyID                  `json:"iss"`
	FromRole   gateway.Role                      `json:"from_role"`
	Type       gateway.MessageType               `json:"type"`
	Version    int                               `json:"version"`
	Purpose    gateway.Purpose                   `json:"purpose"`
	Case       gateway.Ref                       `json:"txn"`
	Subject    gateway.Ref                       `json:"sub_ref,omitempty"`
	ReplyTo    gateway.MessageID                 `json:"reply_to,omitempty"`
	IssuedAt   time.Time                         `json:"iat"`
	Expires    time.Time                         `json:"exp"`
	Data       map[gateway.Field]json.RawMessage `json:"data"`
	Allowed    map[gateway.Field]gateway.Basis   `json:"allowed"`
	Withheld   map[gateway.Field]gateway.Reason  `json:"withheld"`
	Suppressed []string                          `json:"suppressed_cells,omitempty"`
	Unusable   []gateway.Field                   `json:"unusable,omitempty"`
	Duties     []gateway.Obligation              `json:"obligations,omitempty"`
	Entry      uint64                            `json:"entry"`
}

func openedOf(m client.Message) opened {
	c, rel := m.Claims(), m.Release()
	o := opened{
		Delivery: m.Delivery(), ID: c.ID, From: c.Issuer, FromRole: c.FromRole, Type: c.Type, Version: c.Version, Purpose: rel.Purpose,
		Case: c.Case, Subject: c.Subject, ReplyTo: c.ReplyTo, IssuedAt: c.IssuedAt.UTC(), Expires: c.Expires.UTC(),
		Data: map[gateway.Field]json.RawMessage{}, Allowed: rel.Allowed, Withheld: rel.Withheld, Suppressed: rel.SuppressedCells,
		Unusable: m.Unusable(), Duties: rel.Obligations, Entry: m.Receipt().Entry,
	}
	for _, name := range m.Fields() {
		v, _ := m.Value(name)
		o.Data[name] = v.Bytes()
	}
	return o
}

// print writes a message for a person.
func (o opened) print(w io.Writer) {
	fmt.Fprintf(w, "%s\n  %s version %d from %s (%s), for %s, entry %d\n", o.ID, o.Type, o.Version, o.From, o.FromRole, o.Purpose, o.Entry)
	for _, name := range sorted(o.Data) {
		fmt.Fprintf(w, "  %-28s %s   [%s]\n", name, o.Data[name], o.Allowed[name])
	}
	for _, name := range sorted(o.Withheld) {
		fmt.Fprintf(w, "  %-28s withheld   [%s]\n", name, o.Withheld[name])
	}
	for _, name := range o.Unusable {
		fmt.Fprintf(w, "  %-28s unusable: it does not open, or is not what the catalogue says\n", name)
	}
	for _, duty := range o.Duties {
		fmt.Fprintf(w, "  obligation: %s\n", duty)
	}
}
