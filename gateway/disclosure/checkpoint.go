package disclosure

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"sluss/gateway"
)

// algEd25519 is the signature type of a plain Ed25519 note signature
// (c2sp.org/signed-note).
const algEd25519 = 1

// noteSigner signs notes with an Ed25519 key that may lie elsewhere.
type noteSigner struct {
	name string
	hash uint32
	key  crypto.Signer
}

func newSigner(name string, key crypto.Signer) (note.Signer, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("configuring log: checkpoint key is %T, want Ed25519", key.Public())
	}
	return noteSigner{name, keyHash(name, pub), key}, nil
}

func keyHash(name string, pub ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write(append([]byte{algEd25519}, pub...))
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func (s noteSigner) Name() string    { return s.name }
func (s noteSigner) KeyHash() uint32 { return s.hash }
func (s noteSigner) Sign(msg []byte) ([]byte, error) {
	return s.key.Sign(rand.Reader, msg, crypto.Hash(0))
}

// NewVerifier returns the verifier of checkpoints of the log origin under key.
func NewVerifier(origin string, key ed25519.PublicKey) (note.Verifier, error) {
	vkey, err := VerifierKey(origin, key)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(vkey)
}

// VerifierKey returns the text form of a checkpoint key, as auditors and
// witnesses configure it (c2sp.org/signed-note): "<origin>+<hash>+<key>".
func VerifierKey(origin string, key ed25519.PublicKey) (string, error) {
	vkey, err := note.NewEd25519VerifierKey(origin, key)
	if err != nil {
		return "", fmt.Errorf("naming checkpoint key: %w", err)
	}
	return vkey, nil
}

func signCheckpoint(s note.Signer, size uint64, root gateway.Digest) ([]byte, error) {
	text := log.Checkpoint{Origin: s.Name(), Size: size, Hash: root[:]}.Marshal()
	cp, err := note.Sign(&note.Note{Text: string(text)}, s)
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint: %w", err)
	}
	return cp, nil
}

// Policy says whose checkpoints are believed.
type Policy struct {
	Log note.Verifier
	// Quorum is asked whether enough witnesses have cosigned; nil asks for
	// none. Group in formats/witness, read from a c2sp.org/tlog-policy file,
	// satisfies it.
	Quorum interface{ Satisfied(checkpoint []byte) bool }
}

// Tip is what a verified checkpoint says.
type Tip struct {
	Size uint64
	Root gateway.Digest
}

// OpenCheckpoint verifies a checkpoint under p, or reports [ErrProof].
func OpenCheckpoint(checkpoint []byte, p Policy) (Tip, error) {
	if p.Log == nil {
		return Tip{}, fmt.Errorf("%w: no key to verify with", ErrProof)
	}
	n, err := note.Open(checkpoint, note.VerifierList(p.Log))
	if err != nil {
		return Tip{}, fmt.Errorf("%w: checkpoint: %w", ErrProof, err)
	}
	var cp log.Checkpoint
	rest, err := cp.Unmarshal([]byte(n.Text))
	if err != nil {
		return Tip{}, fmt.Errorf("%w: checkpoint: %w", ErrProof, err)
	}
	// One spelling, no extension lines: we write none.
	if cp.Origin != p.Log.Name() || len(cp.Hash) != sha256.Size || len(rest) != 0 || string(cp.Marshal()) != n.Text || cp.Size > 1<<62 {
		return Tip{}, fmt.Errorf("%w: checkpoint is not of this log", ErrProof)
	}
	for _, sig := range slices.Concat(n.Sigs, n.UnverifiedSigs) {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return Tip{}, fmt.Errorf("%w: checkpoint: signature has a second spelling", ErrProof)
		}
	}
	if p.Quorum != nil && !p.Quorum.Satisfied(checkpoint) {
		return Tip{}, fmt.Errorf("%w: not enough witnesses", ErrProof)
	}
	return Tip{cp.Size, gateway.Digest(cp.Hash)}, nil
}
