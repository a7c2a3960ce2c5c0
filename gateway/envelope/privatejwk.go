package envelope

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
)

// ParsePrivateJWK reads an EC P-256 private key in the form of RFC 7517 and RFC
// 7518, Section 6.2.2: kty, crv, x, y and d, where d must be the key of x and y.
// Other members, such as kid, use and alg, are not looked at: whoever holds the
// private key says what it is for. Anything else is ErrMalformed, and no error
// holds any of it.
func ParsePrivateJWK(raw []byte) (*ecdsa.PrivateKey, error) {
	v, err := parseJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: not a JWK", ErrMalformed)
	}
	o := v.object("jwk")
	public, err := point(o)
	if err != nil {
		return nil, err
	}
	d, err := unb64(o.str("d"))
	if err != nil || o.err != nil || len(d) != 32 {
		return nil, fmt.Errorf("%w: private key is not EC P-256", ErrMalformed)
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		return nil, fmt.Errorf("%w: private key is not in the range of P-256", ErrMalformed)
	}
	if !key.PublicKey.Equal(public.key) {
		return nil, fmt.Errorf("%w: d is not the private key of x and y", ErrMalformed)
	}
	return key, nil
}

// SelectJWK reads the key that signed a token with the given kid ("" if it has
// none) from a JWK or a JWK Set (RFC 7517, Section 5). Unlike [ParseJWK] it is for
// keys of others: their kid may be any text, members that are not known are
// passed over, and so are entries of a set that are not EC P-256 keys for ES256
// signatures. A JWK alone is the key whatever its kid. In a set there must be
// exactly one key with the token's kid (or thumbprint), or, where the token or
// the only key has no kid, exactly one key at all; otherwise ErrKey.
func SelectJWK(raw []byte, kid string) (PublicKey, error) {
	v, err := parseJSON(bytes.TrimSpace(raw))
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: not a JWK or JWK Set", ErrMalformed)
	}
	set := v.member("keys")
	if set == nil {
		key, _, err := foreignKey(v)
		return key, err
	}
	var all, named []PublicKey
	nameless := 0
	for _, e := range set.elems {
		key, name, err := foreignKey(e)
		if err != nil {
			continue
		}
		all = append(all, key)
		if name == "" {
			nameless++
		}
		if kid != "" && (name == kid || key.kid == kid) {
			named = append(named, key)
		}
	}
	switch {
	case len(named) == 1:
		return named[0], nil
	case len(named) == 0 && len(all) == 1 && (kid == "" || nameless == 1):
		return all[0], nil
	}
	return PublicKey{}, fmt.Errorf("%w: not exactly one of the set's %d ES256 keys has the token's kid", ErrKey, len(all))
}

// foreignKey reads a public key whose kid is its holder's own, and which may be
// used to verify signatures (RFC 7517, Sections 4.2 to 4.5).
func foreignKey(v *value) (PublicKey, string, error) {
	o := v.object("jwk")
	key, err := point(o)
	if err != nil {
		return PublicKey{}, "", err
	}
	kid, use, alg := o.optString("kid"), o.optString("use"), o.optString("alg")
	if o.err != nil {
		return PublicKey{}, "", o.err
	}
	if use != "" && use != "sig" || alg != "" && alg != "ES256" {
		return PublicKey{}, "", fmt.Errorf("%w: key is not for ES256 signatures", ErrMalformed)
	}
	if ops := o.opt("key_ops"); ops != nil {
		for _, op := range ops.elems {
			if op.kind == '"' && (op.text == "verify" || op.text == "sign") {
				return key, kid, nil
			}
		}
		return PublicKey{}, "", fmt.Errorf("%w: key is not for signatures", ErrMalformed)
	}
	return key, kid, nil
}
