package envelope

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

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
// the roles behind it may get (domain.md 16.3). Fields that the message does
// not hold, or not sealed, may stand in the list.
type Recipient struct {
	Key    PublicKey
	Fields []gateway.Field
}

// Seal seals, disguises and signs a message: every sealed field of the spec is
// there, null if d has no value for it; a clear field without a value gets a
// decoy; the key bundle is as long for every recipient. A value for a field
// that the spec lacks is ErrUnknown, one that does not fit its size ErrTooLong,
// anything that [Open] would not accept ErrMalformed.
func Seal(d Draft, spec []FieldSpec, to []Recipient, s *Signer) ([]byte, error) {
	sl := sealer{draft: d, spec: spec, keys: make(map[gateway.Field][]byte)}
	gate, err := sl.gate()
	if err != nil {
		return nil, err
	}
	data, err := sl.data()
	if err != nil {
		return nil, err
	}
	bundles, err := sl.bundles(to)
	if err != nil {
		return nil, err
	}
	payload := sl.claims()
	payload.add("gate", gate)
	payload.add("data", data)
	payload.add("keys", bundles)
	payload.add("_sd_alg", text("sha-256"))
	jwt, err := SignJWT(TypMessage, payload.appendJSON(nil), s)
	if err != nil {
		return nil, err
	}
	raw := []byte(jwt + "~" + strings.Join(sl.texts, ""))
	m, err := parseMessage(raw, gateway.DigestOf(raw))
	if err != nil {
		return nil, err
	}
	if err := m.claims.check(d.IssuedAt, MaxAge); err != nil {
		return nil, err
	}
	return raw, nil
}

// CiphertextSize returns how many bytes of ciphertext a field has whose inner
// disclosure is padded to size bytes: the plaintext is its base64url text.
func CiphertextSize(size int) int { return base64.RawURLEncoding.EncodedLen(size) }

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

// sealer collects what one message consists of.
type sealer struct {
	draft Draft
	spec  []FieldSpec
	texts []string // disclosures, each with its "~"
	keys  map[gateway.Field][]byte
}

func (sl *sealer) disclose(name string, v *value) *value {
	t := disclosureText(text(name), v)
	sl.texts = append(sl.texts, t+"~")
	return text(digestOf(t))
}

func (sl *sealer) claims() *value {
	c := sl.draft.Claims
	v := &value{kind: '{'}
	v.add("iss", text(c.Issuer.URN()))
	v.add("aud", text(c.Audience))
	v.add("jti", text(string(c.ID)))
	v.add("iat", integer(c.IssuedAt.Unix()))
	v.add("exp", integer(c.Expires.Unix()))
	v.add("txn", text(string(c.Case)))
	v.add("sub_ref", textOrNull(c.Subject))
	schema := &value{kind: '{'}
	schema.add("type", text(string(c.Type)))
	schema.add("version", integer(int64(c.Version)))
	v.add("schema", schema)
	v.add("purpose", text(string(c.Purpose)))
	v.add("from_role", text(string(c.FromRole)))
	v.add("to_roles", list(c.ToRoles))
	if c.ReplyTo != "" {
		v.add("reply_to", text(string(c.ReplyTo)))
	}
	cnf := &value{kind: '{'}
	cnf.add("kid", text(string(c.Gateway)))
	v.add("cnf", cnf)
	return v
}

func (sl *sealer) gate() (*value, error) {
	g := sl.draft.Gate
	about := &value{kind: '{'}
	for _, name := range slices.Sorted(maps.Keys(g.About)) {
		about.add(string(name), list(g.About[name]))
	}
	members := &value{kind: '{'}
	members.add("fields", list(g.Fields))
	members.add("reason", reasonOrNull(g.Reason))
	members.add("basis_claimed", list(g.BasisClaimed))
	members.add("consent_ref", refOrNull(g.ConsentRef))
	members.add("assessment_ref", refOrNull(g.AssessmentRef))
	members.add("marking", text(g.Marking))
	members.add("child", boolean(g.Child))
	members.add("urgency", text(g.Urgency))
	members.add("about", about)
	digests := make([]string, 0, gateMembers)
	for i, name := range members.names {
		digests = append(digests, sl.disclose(name, members.elems[i]).text)
	}
	return withDigests(digests), nil
}

func (sl *sealer) data() (*value, error) {
	given := 0
	digests := make([]string, 0, len(sl.spec))
	for _, f := range sl.spec {
		raw, ok := sl.draft.Values[f.Name]
		if ok {
			given++
		}
		v := null
		if len(raw) > 0 {
			var err error
			if v, err = parseJSON(raw); err != nil {
				return nil, fmt.Errorf("field %s: %w", f.Name, err)
			}
		}
		if v.kind == 'n' && !f.Sealed {
			digests = append(digests, decoy())
			continue
		}
		v, err := sl.field(f, v)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		digests = append(digests, sl.disclose(string(f.Name), v).text)
	}
	if given != len(sl.draft.Values) {
		return nil, fmt.Errorf("%w: a value for it", ErrUnknown)
	}
	return withDigests(digests), nil
}

func (sl *sealer) field(f FieldSpec, v *value) (*value, error) {
	switch {
	case f.Sealed:
		return sl.seal(f, v)
	case digested(v) || v.index("jwe") >= 0:
		return nil, fmt.Errorf("%w: reserved name", ErrMalformed)
	case f.Cells:
		return sl.cells(v)
	}
	return v, nil
}

// seal encrypts the inner disclosure of a field under a key of its own.
func (sl *sealer) seal(f FieldSpec, v *value) (*value, error) {
	inner := (&value{kind: '[', elems: []*value{text(salt()), text("value"), v}}).appendJSON(nil)
	inner, err := pad(inner, f.Size)
	if err != nil {
		return nil, err
	}
	plain := b64(inner)
	if _, err := parseDisclosure(plain); err != nil { // too deep, say: what cannot be opened is not sealed
		return nil, err
	}
	key := make([]byte, 32)
	rand.Read(key) // never fails
	sl.keys[f.Name] = key
	jwe, err := encrypt([]byte(plain), jose.Recipient{Algorithm: jose.DIRECT, Key: key}, typField, map[jose.HeaderKey]any{
		"iss": sl.draft.Issuer.URN(),
		"sub": fieldSubject(sl.draft.Claims, f.Name),
	})
	if err != nil {
		return nil, err
	}
	outer := &value{kind: '{'}
	outer.add("jwe", text(jwe))
	outer.add("_sd", &value{kind: '[', elems: []*value{text(digestOf(plain))}})
	return outer, nil
}

// pad fills JSON up to size with white space before its last byte, so that its
// length says nothing and it stays a disclosure.
func pad(raw []byte, size int) ([]byte, error) {
	n := size - len(raw)
	if n < 0 {
		return nil, fmt.Errorf("%w: %d bytes over", ErrTooLong, -n)
	}
	last := len(raw) - 1
	return slices.Concat(raw[:last], bytes.Repeat([]byte(" "), n), raw[last:]), nil
}

// cells takes the numbers out of a table: each is a disclosure, or a decoy
// where a cell has none.
func (sl *sealer) cells(v *value) (*value, error) {
	if v.kind != '[' {
		return nil, fmt.Errorf("%w: cells are not an array", ErrMalformed)
	}
	out := &value{kind: '['}
	for _, e := range v.elems {
		if e.kind != '{' {
			return nil, fmt.Errorf("%w: cell is not an object", ErrMalformed)
		}
		cell, digest := &value{kind: '{'}, decoy()
		for i, name := range e.names {
			if name == "n" {
				digest = sl.disclose(name, e.elems[i]).text
				continue
			}
			cell.add(name, e.elems[i])
		}
		cell.add("_sd", texts([]string{digest}))
		out.elems = append(out.elems, cell)
	}
	return out, nil
}

// bundles encrypts to each recipient the field keys it may have.
func (sl *sealer) bundles(to []Recipient) (*value, error) {
	v := &value{kind: '{'}
	if len(sl.keys) > 0 && len(to) == 0 {
		return nil, fmt.Errorf("%w: nobody to seal for", ErrZero)
	}
	for _, r := range to {
		if r.Key.IsZero() || v.index(r.Key.kid) >= 0 {
			return nil, fmt.Errorf("%w: recipient key missing or twice", ErrMalformed)
		}
		keys := &value{kind: '{'}
		for _, f := range sl.spec {
			if f.Sealed && slices.Contains(r.Fields, f.Name) {
				keys.add(string(f.Name), text(b64(sl.keys[f.Name])))
			}
		}
		plain, err := pad(keys.appendJSON(nil), BundleSize(sl.spec))
		if err != nil {
			return nil, err
		}
		jwe, err := encrypt(plain, jose.Recipient{Algorithm: jose.ECDH_ES, Key: r.Key.key, KeyID: r.Key.kid}, typBundle,
			map[jose.HeaderKey]any{"iss": sl.draft.Issuer.URN(), "aud": sl.draft.Audience, "sub": string(sl.draft.ID)})
		if err != nil {
			return nil, err
		}
		v.add(r.Key.kid, text(jwe))
	}
	return v, nil
}

// encrypt returns a compact JWE (RFC 7516) with A256GCM.
func encrypt(plain []byte, to jose.Recipient, typ string, header map[jose.HeaderKey]any) (string, error) {
	opts := &jose.EncrypterOptions{ExtraHeaders: header}
	e, err := jose.NewEncrypter(jose.A256GCM, to, opts.WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("preparing to seal: %w", err)
	}
	o, err := e.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	return o.CompactSerialize()
}
