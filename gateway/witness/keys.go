package witness

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	cosig "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Keys are the keys of a witness: an Ed25519 and an ML-DSA-44 key under one
// name, in the text forms of c2sp.org/signed-note.
type Keys struct {
	secret   [2]string
	verifier [2]string
}

// NewKeys makes the keys of a witness. The name should be a URL without its
// scheme; it need not lead anywhere.
func NewKeys(name string) (k Keys, err error) {
	var plain string
	if k.secret[0], plain, err = note.GenerateKey(rand.Reader, name); err == nil {
		k.verifier[0], err = cosig.VKeyToCosignatureV1(plain)
	}
	if err == nil {
		k.secret[1], k.verifier[1], err = cosig.GenerateMLDSAKey(name)
	}
	if err != nil || len(name) > 255 { // c2sp.org/tlog-cosignature, cosigner_name
		return Keys{}, errors.Join(fmt.Errorf("%w: %q cannot name a key", ErrConfig, name), err)
	}
	return k, nil
}

// ParseKeys reads what [Keys.Secret] returns.
func ParseKeys(secret []byte) (Keys, error) {
	lines := strings.Split(string(secret), "\n")
	if len(lines) != 5 || lines[4] != "" {
		return Keys{}, fmt.Errorf("%w: not the keys of a witness", ErrConfig)
	}
	k := Keys{secret: [2]string{lines[0], lines[1]}, verifier: [2]string{lines[2], lines[3]}}
	signers, err := k.Signers()
	if err != nil {
		return Keys{}, err
	}
	for i, s := range signers {
		v, err := cosig.NewVerifierForCosignatureV1(k.verifier[i])
		if err != nil || v.Name() != s.Name() || v.KeyHash() != s.KeyHash() || v.Name() != signers[0].Name() {
			return Keys{}, fmt.Errorf("%w: the keys of a witness do not belong together", ErrConfig)
		}
	}
	return k, nil
}

// Secret returns the keys as they are kept. Nobody else may have them.
func (k Keys) Secret() []byte {
	return []byte(strings.Join([]string{k.secret[0], k.secret[1], k.verifier[0], k.verifier[1]}, "\n") + "\n")
}

// Verifiers returns the verifier keys, as logs and auditors configure them.
func (k Keys) Verifiers() (ed25519, mldsa44 string) { return k.verifier[0], k.verifier[1] }

// Signers returns what makes the cosignatures: Ed25519, then ML-DSA-44.
func (k Keys) Signers() ([]note.Signer, error) {
	ed, err := cosig.NewSignerForCosignatureV1(k.secret[0])
	if err != nil {
		return nil, fmt.Errorf("%w: Ed25519 key: %w", ErrConfig, err)
	}
	ml, err := cosig.NewMLDSASigner(k.secret[1])
	if err != nil {
		return nil, fmt.Errorf("%w: ML-DSA-44 key: %w", ErrConfig, err)
	}
	return []note.Signer{ed, ml}, nil
}
