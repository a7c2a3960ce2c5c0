package envelope

import (
	"encoding/json"

	"sluss/gateway"
)

// Draft is a message before it is sealed and signed.
type Draft struct {
	Claims
	Gate
	Values map[gateway.Field]json.RawMessage
}

// FieldSpec is what the catalogue says of a field that the sender's kind may
// hold; see package catalogue.
type FieldSpec struct {
	Name   gateway.Field
	Sealed bool
	Size   int  // x-sealed-size: bytes of the inner disclosure, padding included
	Cells  bool // an array of {id, n?, …} where each n is a disclosure of its own
}

// Recipient is one encryption key of the recipient agency with the fields that
// the roles behind it may get (domain.md 16.3).
type Recipient struct {
	Key    PublicKey
	Fields []gateway.Field
}

// Seal seals, disguises and signs a message: every sealed field of the spec is
// there, null if d has no value for it; a clear field without a value gets a
// decoy; the keys bundle is as long for every recipient. A value for a field
// that the spec lacks is ErrUnknown, one that does not fit its size ErrTooLong.
func Seal(d Draft, spec []FieldSpec, to []Recipient, s *Signer) ([]byte, error) {
	return nil, nil
}

// CiphertextSize returns how many bytes of ciphertext a field has whose inner
// disclosure is padded to size bytes: the plaintext is its base64url text.
func CiphertextSize(size int) int { return (size*8 + 5) / 6 }

// BundleSize returns how many bytes the plaintext, and so the ciphertext, of
// each key bundle of a message with these fields has.
func BundleSize(spec []FieldSpec) int {
	n := len("{}")
	for _, f := range spec {
		if f.Sealed {
			n += len(f.Name) + len(`"":"",`) + 43
		}
	}
	return n
}
