package envelope

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Issuance says how [Issue] makes an SD-JWT.
type Issuance struct {
	Signer *Signer // required
	Type   string  // typ; "" leaves it out
	// KeyID is the kid; "" leaves it out. The message profile uses the
	// thumbprint.
	KeyID string
	// Disclose lists the places that become disclosures: members or array
	// elements. A place below another makes a disclosure within a disclosure.
	Disclose []string
	// Decoys adds random digests to the object or array at a place.
	Decoys map[string]int
}

// Issue signs claims, a JSON object, as an SD-JWT (RFC 9901, Section 4). A place
// that the claims do not have is ErrUnknown.
func Issue(claims []byte, with Issuance) (*SDJWT, error) {
	if with.Signer == nil {
		return nil, fmt.Errorf("%w: signer", ErrZero)
	}
	v, err := parseJSON(claims)
	if err != nil {
		return nil, err
	}
	b := builder{disclose: make(map[string]bool), decoys: with.Decoys}
	for _, p := range with.Disclose {
		if b.disclose[p] || p == "/_sd_alg" {
			return nil, fmt.Errorf("%w: place to disclose", ErrMalformed)
		}
		b.disclose[p] = true
	}
	if v.kind != '{' || v.index("_sd_alg") >= 0 {
		return nil, fmt.Errorf("%w: claims are not a plain object", ErrMalformed)
	}
	payload, err := b.build(v, "")
	if err != nil {
		return nil, err
	}
	if b.found != len(with.Disclose)+len(with.Decoys) {
		return nil, fmt.Errorf("%w: place to disclose or disguise", ErrUnknown)
	}
	payload.names = append(payload.names, "_sd_alg")
	payload.elems = append(payload.elems, text("sha-256"))
	jwt, err := with.Signer.sign(with.Type, with.KeyID, payload.appendJSON(nil))
	if err != nil {
		return nil, err
	}
	return Parse(jwt + "~" + strings.Join(b.texts, ""))
}

// builder turns places into disclosures.
type builder struct {
	disclose map[string]bool
	decoys   map[string]int
	texts    []string // each with its "~"
	found    int
}

func (b *builder) build(v *value, at string) (*value, error) {
	out := &value{kind: v.kind, text: v.text}
	var digests []string
	for i, e := range v.elems {
		name, here := "", at+"/"+strconv.Itoa(i)
		if v.kind == '{' {
			name = v.names[i]
			here = at + pointer(name)
		}
		if name == "_sd" || name == "..." {
			return nil, fmt.Errorf("%w: reserved name", ErrMalformed)
		}
		e, err := b.build(e, here)
		if err != nil {
			return nil, err
		}
		switch {
		case !b.disclose[here]:
			out.add(name, e)
		case v.kind == '{':
			digests = append(digests, b.add(disclosureText(text(name), e)))
		default:
			out.add("", withheld(b.add(disclosureText(e))))
		}
	}
	b.disguise(out, &digests, at)
	if len(digests) > 0 {
		out.add("_sd", texts(digests))
	}
	return out, nil
}

// disguise adds the decoys for a place (RFC 9901, Section 4.2.5).
func (b *builder) disguise(out *value, digests *[]string, at string) {
	n, ok := b.decoys[at]
	if !ok || out.kind != '{' && out.kind != '[' {
		return
	}
	b.found++
	for range n {
		if out.kind == '{' {
			*digests = append(*digests, decoy())
		} else {
			out.add("", withheld(decoy()))
		}
	}
}

// add keeps a disclosure and returns its digest.
func (b *builder) add(text string) string {
	b.found++
	b.texts = append(b.texts, text+"~")
	return digestOf(text)
}

// texts returns digests sorted, so that their order tells nothing (RFC 9901,
// Section 4.2.4.1).
func texts(digests []string) *value {
	slices.Sort(digests)
	v := &value{kind: '['}
	for _, d := range digests {
		v.elems = append(v.elems, text(d))
	}
	return v
}

func withheld(digest string) *value {
	return &value{kind: '{', names: []string{"..."}, elems: []*value{text(digest)}}
}

// disclosureText returns a disclosure with a fresh salt.
func disclosureText(rest ...*value) string {
	v := &value{kind: '[', elems: append([]*value{text(salt())}, rest...)}
	return b64(v.appendJSON(nil))
}

// salt returns 128 random bits (RFC 9901, Section 9.3).
func salt() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return b64(b[:])
}

// decoy returns a digest that nothing has.
func decoy() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return digestOf(string(b[:]))
}
