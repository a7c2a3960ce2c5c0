package envelope

import (
	"crypto/ecdsa"
	"time"

	"sluss/gateway"
)

// Expect is what a recipient knows before it opens a release.
type Expect struct {
	Self    gateway.AgencyID // who opens it; required
	Gateway gateway.ID       // who released it; required
	// Delivery is the delivery id under which it came; "" takes any, for a
	// caller that compares it later.
	Delivery string
}

// Received is a release whose two signatures, times and form have been
// verified. Only [OpenRelease] fills it.
type Received struct {
	raw     []byte
	claims  Claims
	binding KeyBinding
	fields  []field
	keys    []bundle
	sdHash  string
}

// bundle is one JWE of "keys" as it stands in the message.
type bundle struct {
	Bundle
	jwe string
}

// IsZero reports whether no step has filled r.
func (r Received) IsZero() bool { return r.raw == nil }

// Claims returns the sender's claims.
func (r Received) Claims() Claims { return r.claims }

// Binding returns what the gateway signed.
func (r Received) Binding() KeyBinding { return r.binding }

// Delivery returns the delivery id.
func (r Received) Delivery() string { return r.binding.Nonce }

// SDHash returns the digest of the filtered message, which the disclosure
// entry holds as well.
func (r Received) SDHash() string { return r.sdHash }

// Raw returns the bytes as received.
func (r Received) Raw() []byte { return r.raw }

// Fields returns the fields given, in the order of their disclosures.
func (r Received) Fields() []MessageField { return messageFields(r.fields) }

// OpenRelease verifies a release: the sender's key as registered when it
// signed, the gateway's release key at the key binding's iat, the message's
// times at that moment, which is at most MaxDelivery before now. To read a
// release again, give the time of first receipt as now.
func OpenRelease(raw []byte, keys Keys, want Expect, now time.Time) (Received, error) {
	return Received{}, nil
}

// Conform holds a release against the message's type: allowed and withheld
// together are exactly names (every field of the type, or every named one),
// what is given has the form of the spec (of the sender's kind), and every
// allowed sealed field of the spec is given. Otherwise ErrRelease.
func (r Received) Conform(names []gateway.Field, spec []FieldSpec) error { return nil }

// Decrypter opens what was sealed to its key.
type Decrypter struct {
	key    *ecdsa.PrivateKey
	public PublicKey
}

// NewDecrypter wraps a private key; one that is not EC P-256 is ErrMalformed.
func NewDecrypter(key *ecdsa.PrivateKey) (*Decrypter, error) { return nil, nil }

// Public returns the key that field keys are encrypted to.
func (d *Decrypter) Public() PublicKey { return d.public }

// Value is one field's value at the recipient.
type Value struct {
	JSON gateway.Payload // "null" if the sender has none
	// Disclosure is the inner disclosure of a sealed field: with it beside the
	// token, any RFC 9901 verifier accepts the value, and it proves the value
	// to a third party without any key.
	Disclosure string
}

// Unseal opens the values given: clear ones as they are, sealed ones with the
// field keys that any of the decrypters opens. A field whose key is missing,
// or whose content is not what the sender committed to, is not among the
// values but named unusable, in order.
func (r Received) Unseal(with []*Decrypter) (values map[gateway.Field]Value, unusable []gateway.Field, err error) {
	return nil, nil, nil
}
