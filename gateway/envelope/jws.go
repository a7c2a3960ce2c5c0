package envelope

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Header is what a token says about itself before its key is known: parsed
// strictly, trusted by nobody.
type Header struct {
	Type   string // typ
	KeyID  string // kid
	Issuer string // iss of the payload, "" if it has none
}

// Signer signs with ES256. A Signer over an *ecdsa.PrivateKey is
// deterministic (RFC 6979): the same claims give the same bytes, so that a
// redelivery is byte-identical. It may be used at once as far as the key may.
type Signer struct {
	key    crypto.Signer
	public PublicKey
	rand   io.Reader // nil: deterministic
}

// NewSigner wraps a key. A key that is not EC P-256 is ErrMalformed.
func NewSigner(key crypto.Signer) (*Signer, error) {
	if key == nil {
		return nil, fmt.Errorf("%w: signer", ErrZero)
	}
	ec, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: signer is not EC P-256", ErrMalformed)
	}
	public, err := NewPublicKey(ec)
	if err != nil {
		return nil, err
	}
	s := &Signer{key: key, public: public, rand: rand.Reader}
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		s.rand = nil
	}
	return s, nil
}

// Public returns the key that verifies what s signs.
func (s *Signer) Public() PublicKey { return s.public }

// opaque gives go-jose the key without its own header parameters.
type opaque struct {
	signer *Signer
	kid    string
}

// Public implements jose.OpaqueSigner; go-jose writes only the kid.
func (o opaque) Public() *jose.JSONWebKey {
	return &jose.JSONWebKey{Key: o.signer.public.key, KeyID: o.kid}
}

// Algs implements jose.OpaqueSigner.
func (o opaque) Algs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.ES256} }

// SignPayload implements jose.OpaqueSigner: R and S side by side, as RFC 7518,
// Section 3.4 has them, out of the ASN.1 form of crypto.Signer.
func (o opaque) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	sum := sha256.Sum256(payload)
	der, err := o.signer.key.Sign(o.signer.rand, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	var sig struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &sig)
	if err != nil || len(rest) > 0 || sig.R.Sign() <= 0 || sig.S.Sign() <= 0 || sig.R.BitLen() > 256 || sig.S.BitLen() > 256 {
		return nil, fmt.Errorf("%w: signature of the signer", ErrMalformed)
	}
	out := make([]byte, 64)
	sig.R.FillBytes(out[:32])
	sig.S.FillBytes(out[32:])
	return out, nil
}

// SignJWT signs claims, a JSON object as []byte or json.RawMessage or a value
// that marshals to one, under the header {alg, kid, typ}.
func SignJWT(typ string, claims any, s *Signer) (string, error) {
	if s == nil {
		return "", fmt.Errorf("%w: signer", ErrZero)
	}
	return s.sign(typ, s.public.kid, claims)
}

// sign leaves out a typ or kid that is "".
func (s *Signer) sign(typ, kid string, claims any) (string, error) {
	payload, err := payloadOf(claims)
	if err != nil {
		return "", err
	}
	return s.signPayload(typ, kid, payload)
}

// signPayload signs a payload that has been parsed.
func (s *Signer) signPayload(typ, kid string, payload []byte) (string, error) {
	opts := &jose.SignerOptions{}
	if typ != "" {
		opts.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: opaque{s, kid}}, opts)
	if err != nil {
		return "", fmt.Errorf("preparing to sign: %w", err)
	}
	sig, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	raw, err := sig.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("serializing a JWS: %w", err)
	}
	return raw, nil
}

// payloadOf returns claims as strict JSON: what we would refuse to read we do
// not sign.
func payloadOf(claims any) ([]byte, error) {
	payload, ok := claims.([]byte)
	if !ok {
		var err error
		if payload, err = json.Marshal(claims); err != nil {
			return nil, fmt.Errorf("%w: claims do not marshal", ErrMalformed)
		}
	}
	v, err := parseJSON(payload)
	if err != nil {
		return nil, err
	}
	if v.kind != '{' {
		return nil, fmt.Errorf("%w: claims are not an object", ErrMalformed)
	}
	return payload, nil
}

// VerifyJWT verifies a JWT of the given typ with key, whose thumbprint its kid
// must be, and returns the payload: strict JSON, an object, its meaning not
// looked at. The errors are ErrTooLarge, ErrMalformed, ErrHeader, ErrType,
// ErrKey and ErrSignature.
func VerifyJWT(raw, typ string, key PublicKey) ([]byte, error) {
	t, err := parseJWS(raw)
	if err != nil {
		return nil, err
	}
	if err := t.verifyAs(typ, key); err != nil {
		return nil, err
	}
	return t.payload, nil
}

// PeekJWT reads the header and the issuer of a token of this package's form,
// so that the key can be looked up.
func PeekJWT(raw string) (Header, error) {
	t, err := parseJWS(raw)
	if err != nil {
		return Header{}, err
	}
	return t.header, nil
}

// jws is a compact JWS whose form has been checked and whose signature has not.
type jws struct {
	raw     string
	header  Header
	payload []byte
	claims  *value // the payload, parsed
}

// parseJWS checks the form: RFC 7515, Section 7.1, every segment canonical,
// the header alg, typ, kid and nothing else.
func parseJWS(raw string) (*jws, error) { return readJWS(raw, &nursery{}) }

// readJWS is parseJWS with values out of n.
func readJWS(raw string, n *nursery) (*jws, error) {
	if len(raw) > MaxToken {
		return nil, fmt.Errorf("%w: %d bytes of JWS", ErrTooLarge, len(raw))
	}
	h, rest, ok := strings.Cut(raw, ".")
	p, s, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.Contains(s, ".") {
		return nil, fmt.Errorf("%w: not a compact JWS", ErrMalformed)
	}
	protected, err := unb64(h)
	if err != nil {
		return nil, err
	}
	t := &jws{raw: raw}
	if t.payload, err = unb64(p); err != nil {
		return nil, err
	}
	if err := t.readHeader(string(protected), n); err != nil {
		return nil, err
	}
	if sig, err := unb64(s); err != nil || len(sig) != 64 {
		return nil, fmt.Errorf("%w: not an ES256 signature", ErrSignature)
	}
	if t.claims, err = parseText(string(t.payload), n); err != nil {
		return nil, err
	}
	if t.claims.kind != '{' {
		return nil, fmt.Errorf("%w: payload is not an object", ErrMalformed)
	}
	if iss := t.claims.member("iss"); iss != nil && iss.kind == '"' {
		t.header.Issuer = iss.text
	}
	return t, nil
}

func (t *jws) readHeader(protected string, n *nursery) error {
	v, err := parseText(protected, n)
	if err != nil {
		return err
	}
	for _, name := range v.names {
		if name != "alg" && name != "typ" && name != "kid" {
			return fmt.Errorf("%w: %s", ErrHeader, known(name))
		}
	}
	o := v.object("header")
	alg := o.str("alg")
	t.header.Type, t.header.KeyID = o.optString("typ"), o.optString("kid")
	if err := o.done(); err != nil {
		return err
	}
	if alg != string(jose.ES256) {
		return fmt.Errorf("%w: alg is not ES256", ErrSignature)
	}
	return nil
}

// known names a header parameter in an error if a standard registers it;
// anything else could be a value.
func known(name string) string {
	switch name {
	case "crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "cty", "url", "nonce", "enc", "epk", "apu", "apv", "p2s", "p2c", "iv", "tag", "trust_chain":
		return name
	}
	return "a parameter not registered"
}

// verifyAs checks typ, kid and signature.
func (t *jws) verifyAs(typ string, key PublicKey) error {
	if t.header.Type != typ || typ == "" {
		return fmt.Errorf("%w: want %s", ErrType, typ)
	}
	if t.header.KeyID != key.kid || key.IsZero() {
		return fmt.Errorf("%w: kid is not the key's thumbprint", ErrKey)
	}
	return t.verify(key)
}

func (t *jws) verify(key PublicKey) error {
	if key.IsZero() {
		return fmt.Errorf("%w: no key", ErrKey)
	}
	sig, err := jose.ParseSignedCompact(t.raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return fmt.Errorf("%w: not a JWS", ErrMalformed)
	}
	if _, err := sig.Verify(key.key); err != nil {
		return ErrSignature
	}
	return nil
}
