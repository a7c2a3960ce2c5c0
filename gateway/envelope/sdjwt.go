package envelope

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// SDJWT is a parsed SD-JWT (RFC 9901), with or without a key binding JWT. Its
// form has been checked, its signatures have not; [SDJWT.Verify] does that. It
// is never changed.
type SDJWT struct {
	jws         *jws
	disclosures []*disclosure
	bound       string // all up to and with the last "~": what sd_hash covers
	binding     *jws   // nil if none
	processed   *value
}

// Disclosure is one disclosure of an SD-JWT.
type Disclosure struct {
	Pointer string // where its value stands in the processed payload (RFC 6901)
	Digest  string
	Text    string // as sent
}

// Parse checks the form of an SD-JWT: the size limits, the JWS, each
// disclosure, and by the steps of RFC 9901, Section 7.1, that they fit
// together. The errors are ErrTooLarge, ErrMalformed, ErrHeader and, for
// another algorithm, ErrSignature.
func Parse(raw string) (*SDJWT, error) {
	if len(raw) > MaxToken {
		return nil, fmt.Errorf("%w: %d bytes of SD-JWT", ErrTooLarge, len(raw))
	}
	if n := strings.Count(raw, "~"); n > MaxDisclosures+1 {
		return nil, fmt.Errorf("%w: %d disclosures", ErrTooLarge, n-1)
	}
	last := strings.LastIndexByte(raw, '~')
	if last < 0 {
		return nil, fmt.Errorf("%w: no tilde", ErrMalformed)
	}
	t := &SDJWT{bound: raw[:last+1]}
	issued, list, _ := strings.Cut(raw[:last+1], "~")
	n := &nursery{}
	var err error
	if t.jws, err = readJWS(issued, n); err != nil {
		return nil, err
	}
	if t.disclosures, err = parseDisclosures(list, n); err != nil {
		return nil, err
	}
	if kb := raw[last+1:]; kb != "" {
		if t.binding, err = readJWS(kb, n); err != nil {
			return nil, fmt.Errorf("after the last tilde: %w", err)
		}
	}
	if t.processed, err = process(t.jws.claims, t.disclosures); err != nil {
		return nil, err
	}
	return t, nil
}

// parseDisclosures reads disclosures, each with a tilde behind it. They are
// decoded into one text, of which the values are parts.
func parseDisclosures(list string, n *nursery) ([]*disclosure, error) {
	if list == "" {
		return nil, nil
	}
	plain := make([]byte, 0, strict.DecodedLen(len(list)))
	texts := make([]string, 0, strings.Count(list, "~"))
	ends := make([]int, 0, cap(texts))
	for text := range strings.SplitSeq(strings.TrimSuffix(list, "~"), "~") {
		var err error
		if plain, err = appendUnb64(plain, text); err != nil {
			return nil, err
		}
		texts, ends = append(texts, text), append(ends, len(plain))
	}
	all, from := string(plain), 0
	out := make([]*disclosure, len(texts))
	var sent []byte
	for i, text := range texts {
		sent = append(sent[:0], text...)
		var err error
		if out[i], err = readDisclosure(text, digestOf(sent), all[from:ends[i]], n); err != nil {
			return nil, err
		}
		from = ends[i]
	}
	return out, nil
}

// Header returns what the issuer-signed JWT says of itself.
func (t *SDJWT) Header() Header { return t.jws.header }

// Payload returns the payload as signed, digests and all.
func (t *SDJWT) Payload() []byte { return t.jws.payload }

// Processed returns the processed payload (RFC 9901, Section 7.1): digests
// replaced by what is disclosed, or gone.
func (t *SDJWT) Processed() []byte { return t.processed.appendJSON(nil) }

// Disclosures returns the disclosures in the order sent.
func (t *SDJWT) Disclosures() []Disclosure {
	list := make([]Disclosure, len(t.disclosures))
	for i, d := range t.disclosures {
		list[i] = Disclosure{d.pointer, d.digest, d.text}
	}
	return list
}

// SDHash returns the digest that a key binding JWT must name (RFC 9901,
// Section 4.3.1).
func (t *SDJWT) SDHash() string { return digestOf(t.bound) }

// KeyBinding returns the payload of the key binding JWT, nil if there is none.
func (t *SDJWT) KeyBinding() []byte {
	if t.binding == nil {
		return nil
	}
	return t.binding.payload
}

// String returns the token.
func (t *SDJWT) String() string {
	if t.binding == nil {
		return t.bound
	}
	return t.bound + t.binding.raw
}

// Drop returns t without the disclosures at the given places of the processed
// payload, those below them, and the key binding. A place that is no
// disclosure's is ErrUnknown.
func (t *SDJWT) Drop(pointers ...string) (*SDJWT, error) {
	gone := make(map[*disclosure]bool)
	for _, p := range pointers {
		d := t.at(p)
		if d == nil {
			return nil, fmt.Errorf("%w: nothing disclosed at a pointer", ErrUnknown)
		}
		gone[d] = true
	}
	var b strings.Builder
	b.WriteString(t.jws.raw + "~")
	for _, d := range t.disclosures {
		if !d.within(gone) {
			b.WriteString(d.text + "~")
		}
	}
	return Parse(b.String())
}

func (t *SDJWT) at(pointer string) *disclosure {
	for _, d := range t.disclosures {
		if d.pointer == pointer {
			return d
		}
	}
	return nil
}

// Rules are what a verifier asks of an SD-JWT.
type Rules struct {
	Issuer PublicKey // required
	Type   string    // typ; "" takes any, or none
	Now    time.Time // required: exp and nbf are judged at this time
	// RequireKeyBinding refuses a token without a key binding JWT. One that is
	// there is verified in any case, with Holder or the key in cnf.jwk.
	RequireKeyBinding bool
	Holder            PublicKey // for tokens whose cnf names the key otherwise
	Audience          string    // aud of the key binding; required with RequireKeyBinding
	Nonce             string    // likewise
}

// Verify verifies the issuer's signature, typ, exp and nbf, and the key
// binding (RFC 9901, Sections 7.1 and 7.3). A kid, if there is one, is not
// compared: the caller says which key it is.
func (t *SDJWT) Verify(r Rules) error {
	if r.Now.IsZero() {
		return fmt.Errorf("%w: no time to judge by", ErrZero)
	}
	if r.Type != "" && t.jws.header.Type != r.Type {
		return fmt.Errorf("%w: want %s", ErrType, r.Type)
	}
	if err := t.jws.verify(r.Issuer); err != nil {
		return err
	}
	if err := checkTimes(t.processed, r.Now); err != nil {
		return err
	}
	if t.binding == nil {
		if r.RequireKeyBinding {
			return fmt.Errorf("%w: there is none", ErrKeyBinding)
		}
		return nil
	}
	return t.verifyBinding(r)
}

// checkTimes applies exp and nbf where they are given (RFC 7519, Sections
// 4.1.4 and 4.1.5); they and iat must be integers.
func checkTimes(claims *value, now time.Time) error {
	o := &object{v: claims, at: "payload"}
	for _, name := range []string{"exp", "nbf", "iat"} {
		if claims.index(name) < 0 {
			continue
		}
		at := o.time(name)
		switch {
		case o.err != nil:
			return o.err
		case name == "exp" && !now.Before(at):
			return ErrExpired
		case name == "nbf" && now.Before(at):
			return ErrFuture
		}
	}
	return nil
}

func (t *SDJWT) verifyBinding(r Rules) error {
	if r.RequireKeyBinding && (r.Audience == "" || r.Nonce == "") {
		return fmt.Errorf("%w: audience or nonce to require", ErrZero)
	}
	key := r.Holder
	if key.IsZero() {
		var err error
		if key, err = publicKey(t.processed.member("cnf").member("jwk")); err != nil {
			return fmt.Errorf("%w: cnf.jwk: %w", ErrKeyBinding, err)
		}
	}
	if t.binding.header.Type != TypKeyBinding {
		return fmt.Errorf("%w: %w: want %s", ErrKeyBinding, ErrType, TypKeyBinding)
	}
	if err := t.binding.verify(key); err != nil {
		return fmt.Errorf("%w: %w", ErrKeyBinding, err)
	}
	o := t.binding.claims.object("key binding")
	aud, nonce, hash := o.str("aud"), o.str("nonce"), o.str("sd_hash")
	o.integer("iat")
	switch {
	case o.err != nil:
		return fmt.Errorf("%w: %w", ErrKeyBinding, o.err)
	case hash != t.SDHash():
		return fmt.Errorf("%w: sd_hash is over another set of disclosures", ErrKeyBinding)
	case r.Audience != "" && aud != r.Audience:
		return fmt.Errorf("%w: %w", ErrKeyBinding, ErrAudience)
	case r.Nonce != "" && nonce != r.Nonce:
		return fmt.Errorf("%w: another nonce", ErrKeyBinding)
	}
	return nil
}

// BindKey returns t with a key binding JWT over it: {aud, iat, nonce, sd_hash}
// and what more the claims hold, signed by the holder.
func (t *SDJWT) BindKey(aud, nonce string, at time.Time, more map[string]any, holder *Signer) (*SDJWT, error) {
	claims := map[string]any{}
	for name, v := range more {
		claims[name] = v
	}
	claims["aud"], claims["nonce"], claims["iat"], claims["sd_hash"] = aud, nonce, at.Unix(), t.SDHash()
	kb, err := SignJWT(TypKeyBinding, claims, holder)
	if err != nil {
		return nil, err
	}
	return Parse(t.bound + kb)
}

// digestOf returns the base64url SHA-256 of a text as sent.
func digestOf[T string | []byte](text T) string {
	sum := sha256.Sum256([]byte(text))
	return b64(sum[:])
}
