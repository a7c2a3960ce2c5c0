package envelope

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
)

// PublicKey is an EC P-256 public key with its thumbprint: the only kind of
// key there is here, for ES256 (RFC 7518, Section 3.4) or for ECDH-ES
// (Section 4.6) according to its [Use]. The zero value is no key and verifies
// nothing.
type PublicKey struct {
	key *ecdsa.PublicKey
	kid string
}

// NewPublicKey wraps k. Another curve than P-256, or a point that is not on it,
// is ErrMalformed.
func NewPublicKey(k *ecdsa.PublicKey) (PublicKey, error) {
	if k == nil || k.Curve != elliptic.P256() {
		return PublicKey{}, fmt.Errorf("%w: key is not EC P-256", ErrMalformed)
	}
	point, err := k.Bytes()
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: key is not a point of P-256", ErrMalformed)
	}
	return newPublicKey(point)
}

// newPublicKey reads an uncompressed point: 4, X, Y.
func newPublicKey(point []byte) (PublicKey, error) {
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: key is not a point of P-256", ErrMalformed)
	}
	x, y := b64(point[1:33]), b64(point[33:])
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + x + `","y":"` + y + `"}`))
	return PublicKey{key: key, kid: b64(sum[:])}, nil
}

// ParseJWK reads a public key in the form of RFC 7517. Besides kty, crv, x and
// y it may have kid (which must be the thumbprint), use and alg; private
// parameters, certificates and anything else are refused.
func ParseJWK(raw []byte) (PublicKey, error) {
	v, err := parseJSON(raw)
	if err != nil {
		return PublicKey{}, err
	}
	return publicKey(v)
}

func publicKey(v *value) (PublicKey, error) {
	o := v.object("jwk")
	k, err := point(o)
	if err != nil {
		return PublicKey{}, err
	}
	kid, use, alg := o.optString("kid"), o.optString("use"), o.optString("alg")
	if err := o.done(); err != nil {
		return PublicKey{}, err
	}
	switch {
	case kid != "" && kid != k.kid:
		return PublicKey{}, fmt.Errorf("%w: kid is not the thumbprint", ErrMalformed)
	case use == "" && alg == "", use != "enc" && alg == "ES256", use != "enc" && alg == "":
	case use != "sig" && alg == "ECDH-ES", use == "enc" && alg == "":
	default:
		return PublicKey{}, fmt.Errorf("%w: use and alg of the key", ErrMalformed)
	}
	return k, nil
}

// point takes the members of RFC 7518, Section 6.2.1 from o.
func point(o *object) (PublicKey, error) {
	kty, crv, xs, ys := o.str("kty"), o.str("crv"), o.str("x"), o.str("y")
	if o.err != nil {
		return PublicKey{}, o.err
	}
	x, errX := unb64(xs)
	y, errY := unb64(ys)
	if kty != "EC" || crv != "P-256" || errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
		return PublicKey{}, fmt.Errorf("%w: key is not EC P-256", ErrMalformed)
	}
	return newPublicKey(append(append([]byte{4}, x...), y...))
}

// IsZero reports whether k is no key.
func (k PublicKey) IsZero() bool { return k.key == nil }

// Thumbprint returns the RFC 7638 thumbprint in base64url, 43 characters: the
// key's "kid" everywhere. It is "" for no key.
func (k PublicKey) Thumbprint() string { return k.kid }

// Equal reports whether k and other are the same key.
func (k PublicKey) Equal(other PublicKey) bool { return !k.IsZero() && k.kid == other.kid }

// ECDSA returns the key for other packages of crypto, or nil.
func (k PublicKey) ECDSA() *ecdsa.PublicKey { return k.key }

// MarshalJSON returns the key as a JWK with exactly kty, crv, x, y, in the
// order that the thumbprint is taken over.
func (k PublicKey) MarshalJSON() ([]byte, error) {
	if k.IsZero() {
		return nil, fmt.Errorf("%w: marshalling no key", ErrZero)
	}
	p, err := k.key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("marshalling a key: %w", err)
	}
	return []byte(`{"crv":"P-256","kty":"EC","x":"` + b64(p[1:33]) + `","y":"` + b64(p[33:]) + `"}`), nil
}

// UnmarshalJSON implements json.Unmarshaler by [ParseJWK].
func (k *PublicKey) UnmarshalJSON(raw []byte) (err error) {
	*k, err = ParseJWK(raw)
	return err
}
