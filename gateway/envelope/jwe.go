package envelope

import (
	"fmt"
	"strings"

	"sluss/gateway"
)

// The "typ" of what is sealed. Neither stands alone: both lie in a message
// that a sender has signed.
const (
	typField  = "sealed-disclosure+jwe"
	typBundle = "field-keys+jwe"
)

// jweParts takes a compact JWE apart without decrypting anything (RFC 7516,
// Section 7.1): direct encryption, so no encrypted key; A256GCM, so 12 bytes
// of nonce and 16 of tag. It returns the header and the ciphertext's length.
func jweParts(jwe string, n *nursery) (*value, int, error) {
	parts := strings.SplitN(jwe, ".", 6)
	if len(parts) != 5 || parts[1] != "" {
		return nil, 0, fmt.Errorf("%w: not a compact JWE without encrypted key", ErrSealing)
	}
	nonce, ok := canonical(parts[2])
	size, ok2 := canonical(parts[3])
	tag, ok3 := canonical(parts[4])
	if !ok || !ok2 || !ok3 || nonce != 12 || tag != 16 {
		return nil, 0, fmt.Errorf("%w: not A256GCM", ErrSealing)
	}
	protected, err := unb64(parts[0])
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrSealing, err)
	}
	header, err := parseText(string(protected), n)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrSealing, err)
	}
	return header, size, nil
}

// fieldSubject is what the JWE of a field is about.
func fieldSubject(c Claims, name gateway.Field) string {
	return string(c.ID) + "#" + pointer("data", string(name))
}

// readFieldJWE holds the header of a sealed field against the message that it
// lies in: without that, an agency could pass off another's sealed field.
func readFieldJWE(jwe string, c Claims, name gateway.Field, n *nursery) (int, error) {
	header, size, err := jweParts(jwe, n)
	if err != nil {
		return 0, err
	}
	o := header.object("jwe header")
	o.exactly("alg", "dir")
	o.exactly("enc", "A256GCM")
	o.exactly("typ", typField)
	o.exactly("iss", c.Issuer.URN())
	o.exactly("sub", fieldSubject(c, name))
	return size, o.sealing()
}

// readBundles reads "keys": thumbprint → JWE of field keys.
func readBundles(keys *value, c Claims) ([]bundle, error) {
	o, n := keys.object("keys"), &nursery{}
	var list []bundle
	for kid, v := range o.each() {
		if v.kind != '"' || !isDigest(kid) {
			return nil, fmt.Errorf("%w: keys", ErrSealing)
		}
		size, err := readBundleJWE(v.text, kid, c, n)
		if err != nil {
			return nil, err
		}
		list = append(list, bundle{Bundle{kid, size}, v.text})
	}
	return list, o.sealing()
}

func readBundleJWE(jwe, kid string, c Claims, n *nursery) (int, error) {
	header, size, err := jweParts(jwe, n)
	if err != nil {
		return 0, err
	}
	o := header.object("jwe header")
	o.exactly("alg", "ECDH-ES")
	o.exactly("enc", "A256GCM")
	o.exactly("typ", typBundle)
	o.exactly("kid", kid)
	o.exactly("iss", c.Issuer.URN())
	o.exactly("aud", c.Audience)
	o.exactly("sub", string(c.ID))
	// The point is the recipient's to check; to the gateway it means nothing.
	epk := o.object("epk")
	epk.exactly("kty", "EC")
	epk.exactly("crv", "P-256")
	if !isDigest(epk.str("x")) || !isDigest(epk.str("y")) { // 32 bytes, like a digest
		epk.fail("", "is no point")
	}
	o.join(epk)
	return size, o.sealing()
}

// exactly requires a member to have one value.
func (o *object) exactly(name, want string) {
	if got := o.str(name); got != want {
		o.fail(name, "is not what the message says")
	}
}

// sealing is done, as an error about sealing.
func (o *object) sealing() error {
	if err := o.done(); err != nil {
		return fmt.Errorf("%w: %w", ErrSealing, err)
	}
	return nil
}
