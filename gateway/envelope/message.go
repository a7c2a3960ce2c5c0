package envelope

import (
	"encoding/json"
	"time"

	"sluss/gateway"
)

// TypMessage is the "typ" of a message.
const TypMessage = "case-message+sd-jwt"

// Claims are the claims of a message that are always disclosed.
type Claims struct {
	Issuer   gateway.AgencyID    // iss: the sender, or its registered alias
	Audience string              // aud: URN of the one recipient agency, or of the gateway for a control message
	ID       gateway.MessageID   // jti
	IssuedAt time.Time           // iat
	Expires  time.Time           // exp: the end of the message's life
	Case     gateway.Ref         // txn
	Subject  gateway.Ref         // sub_ref; "" (null) where a message is about nobody
	Type     gateway.MessageType // schema.type
	Version  int                 // schema.version
	Purpose  gateway.Purpose
	FromRole gateway.Role
	ToRoles  []gateway.Role
	ReplyTo  gateway.MessageID // "" if none
	Gateway  gateway.ID        // cnf.kid: who may filter and release
}

// Recipient returns the recipient agency, or "" for a control message.
func (c Claims) Recipient() gateway.AgencyID {
	id, err := gateway.ParseAgencyURN(c.Audience)
	if err != nil {
		return ""
	}
	return id
}

// Reason is why a disclosure is asked for or made: the length stands for a
// text that travels sealed.
type Reason struct {
	Code   string `json:"code"`
	Length int    `json:"length"`
}

// Gate is what a message shows to the gateway alone. Every member is its own
// disclosure, all are there at submit and none in a release.
type Gate struct {
	Fields        []string // names asked for or put forward; "default" stands for the default set
	Reason        *Reason
	BasisClaimed  []gateway.Basis
	ConsentRef    *gateway.Ref
	AssessmentRef *gateway.Ref
	Marking       string // protection marking, "none"
	Child         bool
	Urgency       string // "normal" or "acute"
	About         map[gateway.Field][]gateway.Ref
}

// MessageField is one field that a message holds.
type MessageField struct {
	Name   gateway.Field
	Sealed bool
	// Value is the clear value, JSON, disclosures below it filled in; nil if
	// sealed.
	Value json.RawMessage
	// Cells are the ids of the elements whose "n" is a disclosure of its own
	// and lies beside the token (M12), in order.
	Cells []string
	// CiphertextSize is the length in bytes of what is sealed; compare
	// [CiphertextSize].
	CiphertextSize int
}

// Bundle is one JWE of field keys.
type Bundle struct {
	KeyID string // thumbprint of the encryption key
	Size  int    // bytes of ciphertext; compare [BundleSize]
}

// Message is a message whose signature, form and times have been verified.
// Only [Open] and [Reopen] fill it. It may be used at once and is never
// changed.
type Message struct {
	raw     []byte
	digest  gateway.Digest // of raw
	token   *SDJWT
	claims  Claims
	gate    Gate
	fields  []field
	bundles []bundle
	digests int
}

// bundle is one JWE of "keys" as it stands in the message.
type bundle struct {
	Bundle
	jwe string
}

// field is a field with the disclosures it consists of.
type field struct {
	MessageField
	outer *disclosure
	cells []*disclosure // in parallel with Cells
	jwe   string        // sealed
	inner string        // sealed: digest of the inner disclosure
}

// IsZero reports whether no step has filled m.
func (m Message) IsZero() bool { return m.token == nil }

// Claims returns what is always disclosed. The caller must not change its
// list.
func (m Message) Claims() Claims { return m.claims }

// Gate returns what only the gateway sees.
func (m Message) Gate() Gate { return m.gate }

// KeyID returns the thumbprint of the key that signed m.
func (m Message) KeyID() string {
	if m.IsZero() {
		return ""
	}
	return m.token.jws.header.KeyID
}

// Raw returns the bytes as sent; the caller must not change them.
func (m Message) Raw() []byte { return m.raw }

// Digest is over the bytes as sent.
func (m Message) Digest() gateway.Digest { return m.digest }

// Fields returns the fields that m holds, in the order of their disclosures.
func (m Message) Fields() []MessageField { return messageFields(m.fields) }

func messageFields(fields []field) []MessageField {
	list := make([]MessageField, len(fields))
	for i, f := range fields {
		list[i] = f.MessageField
	}
	return list
}

// Digests returns how many digests "data" has, decoys included: as many as the
// type has fields that the sender's kind may hold.
func (m Message) Digests() int { return m.digests }

// Bundles returns the key bundles.
func (m Message) Bundles() []Bundle {
	list := make([]Bundle, len(m.bundles))
	for i, b := range m.bundles {
		list[i] = b.Bundle
	}
	return list
}

// SealKeys returns the thumbprints of the keys that m is sealed to.
func (m Message) SealKeys() []string {
	list := make([]string, len(m.bundles))
	for i, b := range m.bundles {
		list[i] = b.KeyID
	}
	return list
}
