package envelope

import (
	"crypto/ecdsa"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"sluss/gateway"
)

// Decrypter opens what was sealed to its key.
type Decrypter struct {
	key    *ecdsa.PrivateKey
	public PublicKey
}

// NewDecrypter wraps a private key; one that is not EC P-256 is ErrMalformed.
func NewDecrypter(key *ecdsa.PrivateKey) (*Decrypter, error) {
	if key == nil {
		return nil, fmt.Errorf("%w: decryption key", ErrZero)
	}
	public, err := NewPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	return &Decrypter{key, public}, nil
}

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
// values but named unusable, in order. The only error is ErrZero.
func (r Received) Unseal(with []*Decrypter) (map[gateway.Field]Value, []gateway.Field, error) {
	if r.IsZero() {
		return nil, nil, fmt.Errorf("%w: release", ErrZero)
	}
	keys := r.fieldKeys(with)
	values := make(map[gateway.Field]Value, len(r.fields))
	var unusable []gateway.Field
	for _, f := range r.fields {
		if !f.Sealed {
			values[f.Name] = Value{JSON: gateway.NewPayload(f.Value)}
			continue
		}
		v, err := f.unseal(keys[f.Name])
		if err != nil {
			unusable = append(unusable, f.Name)
			continue
		}
		values[f.Name] = v
	}
	return values, unusable, nil
}

// fieldKeys opens the bundles that are for the decrypters. A field may have
// several keys if the sender erred; the inner digest decides which fits.
func (r Received) fieldKeys(with []*Decrypter) map[gateway.Field][][]byte {
	keys := make(map[gateway.Field][][]byte)
	for _, b := range r.keys {
		for _, d := range with {
			if d == nil || d.public.kid != b.KeyID {
				continue
			}
			for name, key := range openBundle(b.jwe, d.key) {
				keys[name] = append(keys[name], key)
			}
		}
	}
	return keys
}

// openBundle returns no keys for a bundle that does not open.
func openBundle(jwe string, key *ecdsa.PrivateKey) map[gateway.Field][]byte {
	plain, err := decrypt(jwe, jose.ECDH_ES, key)
	if err != nil {
		return nil
	}
	v, err := parseJSON(plain)
	if err != nil {
		return nil
	}
	o := v.object("field keys")
	keys := make(map[gateway.Field][]byte, len(v.names))
	for name, v := range o.each() {
		k, err := unb64(v.text)
		if v.kind != '"' || err != nil || len(k) != 32 || !fieldName.matches(name) {
			return nil
		}
		keys[gateway.Field(name)] = k
	}
	if o.done() != nil {
		return nil
	}
	return keys
}

// unseal opens a sealed field with the first key that yields the disclosure
// its digest commits to.
func (f field) unseal(keys [][]byte) (Value, error) {
	for _, key := range keys {
		plain, err := decrypt(f.jwe, jose.DIRECT, key)
		if err != nil || digestOf(string(plain)) != f.inner {
			continue
		}
		d, err := parseDisclosure(string(plain))
		if err != nil || d.element || d.name != "value" || !isSalt(d.salt) || digested(d.value) {
			continue
		}
		return Value{JSON: gateway.NewPayload(d.value.appendJSON(nil)), Disclosure: d.text}, nil
	}
	return Value{}, fmt.Errorf("%w: field %s", ErrNoKey, f.Name)
}

// decrypt opens a compact JWE whose header has been checked by readFieldJWE or
// readBundleJWE.
func decrypt(jwe string, alg jose.KeyAlgorithm, key any) ([]byte, error) {
	o, err := jose.ParseEncryptedCompact(jwe, []jose.KeyAlgorithm{alg}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, err
	}
	return o.Decrypt(key)
}
