package envelope

import (
	"fmt"

	"sluss/gateway"
)

// bindingClaims is the payload of a key binding JWT, in its order.
type bindingClaims struct {
	IssuedAt int64         `json:"iat"`
	Audience string        `json:"aud"`
	Nonce    string        `json:"nonce"`
	SDHash   string        `json:"sd_hash"`
	Release  releaseClaims `json:"release"`
}

type releaseClaims struct {
	Leaf        string                           `json:"leaf"`
	Snapshot    gateway.Digest                   `json:"snapshot"`
	Role        gateway.Role                     `json:"role"`
	Purpose     gateway.Purpose                  `json:"purpose"`
	Request     *gateway.Digest                  `json:"request"`
	Allowed     map[gateway.Field]gateway.Basis  `json:"allowed"`
	Withheld    map[gateway.Field]gateway.Reason `json:"withheld"`
	Suppressed  []string                         `json:"suppressed_cells,omitempty"`
	Obligations []gateway.Obligation             `json:"obligations"`
}

// claims returns b as it is signed; a nil map or list is an empty one.
func (b KeyBinding) claims(hash string) bindingClaims {
	r := b.Release
	c := releaseClaims{
		Leaf: b64(r.Leaf), Snapshot: r.Snapshot, Role: r.Role, Purpose: r.Purpose, Request: r.Request,
		Allowed: r.Allowed, Withheld: r.Withheld, Suppressed: r.SuppressedCells, Obligations: r.Obligations,
	}
	if c.Allowed == nil {
		c.Allowed = map[gateway.Field]gateway.Basis{}
	}
	if c.Withheld == nil {
		c.Withheld = map[gateway.Field]gateway.Reason{}
	}
	if c.Obligations == nil {
		c.Obligations = []gateway.Obligation{}
	}
	return bindingClaims{b.IssuedAt.Unix(), b.Audience.URN(), b.Nonce, hash, c}
}

// leafSize is the length of a leaf of the disclosure log: two digests.
const leafSize = 64

// readKeyBinding reads the payload of a key binding over a message with the
// given digest.
func readKeyBinding(payload []byte, hash string) (KeyBinding, error) {
	v, err := parseJSON(payload)
	if err != nil {
		return KeyBinding{}, fmt.Errorf("%w: %w", ErrKeyBinding, err)
	}
	o := v.object("key binding")
	b := KeyBinding{IssuedAt: o.time("iat"), Audience: parsed(o, "aud", gateway.ParseAgencyURN), Nonce: o.str("nonce")}
	if !nonce.matches(b.Nonce) {
		o.fail("nonce", "is no delivery id")
	}
	if o.str("sd_hash") != hash {
		o.fail("sd_hash", "is over another set of disclosures")
	}
	r := o.object("release")
	b.Release = readRelease(r)
	o.join(r)
	if err := o.done(); err != nil {
		return KeyBinding{}, fmt.Errorf("%w: %w", ErrKeyBinding, err)
	}
	for name := range b.Release.Allowed {
		if _, both := b.Release.Withheld[name]; both {
			return KeyBinding{}, fmt.Errorf("%w: field both allowed and withheld", ErrRelease)
		}
	}
	return b, nil
}

func readRelease(o *object) Release {
	leaf, err := unb64(o.str("leaf"))
	if err != nil || len(leaf) != leafSize {
		o.fail("leaf", "is no leaf")
	}
	r := Release{
		Leaf:        leaf,
		Snapshot:    parsed(o, "snapshot", gateway.ParseDigest),
		Role:        gateway.Role(o.word("role")),
		Purpose:     gateway.Purpose(o.word("purpose")),
		Request:     parsedOrNull(o, "request", gateway.ParseDigest),
		Allowed:     readFields[gateway.Basis](o, "allowed"),
		Withheld:    readFields[gateway.Reason](o, "withheld"),
		Obligations: typed[gateway.Obligation](o.words("obligations")),
	}
	if o.v.index("suppressed_cells") >= 0 {
		r.SuppressedCells = o.matching("suppressed_cells", &cellID)
	}
	return r
}

// readFields reads field → code.
func readFields[T ~string](o *object, name string) map[gateway.Field]T {
	c := o.object(name)
	fields := make(map[gateway.Field]T, len(c.v.names))
	for f, v := range c.each() {
		if !fieldName.matches(f) {
			c.fail("", "names no field")
			break
		}
		fields[gateway.Field(f)] = T(c.isWord(f, v))
	}
	o.join(c)
	return fields
}
