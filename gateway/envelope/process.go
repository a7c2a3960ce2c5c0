package envelope

import (
	"fmt"
	"strconv"
	"strings"
)

// disclosure is one disclosure: [salt, name, value], or [salt, value] for an
// array element (RFC 9901, Section 4.2).
type disclosure struct {
	text    string
	digest  string
	salt    string
	name    string
	element bool
	value   *value
	// Filled in by process.
	parent  *disclosure
	pointer string
	filled  *value // value, processed
}

func parseDisclosure(text string) (*disclosure, error) {
	plain, err := unb64(text)
	if err != nil {
		return nil, err
	}
	return readDisclosure(text, digestOf(text), string(plain), &nursery{})
}

// readDisclosure is parseDisclosure of a text that decodes to plain.
func readDisclosure(text, digest, plain string, n *nursery) (*disclosure, error) {
	v, err := parseText(plain, n)
	if err != nil {
		return nil, err
	}
	parts := len(v.elems)
	if v.kind != '[' || parts != 2 && parts != 3 || v.elems[0].kind != '"' || parts == 3 && v.elems[1].kind != '"' {
		return nil, fmt.Errorf("%w: not a disclosure", ErrMalformed)
	}
	d := &disclosure{text: text, digest: digest, salt: v.elems[0].text, element: parts == 2, value: v.elems[parts-1]}
	if parts == 3 {
		d.name = v.elems[1].text
	}
	if d.name == "_sd" || d.name == "..." {
		return nil, fmt.Errorf("%w: disclosure of a reserved name", ErrMalformed)
	}
	return d, nil
}

// within reports whether d or anything it lies in is in the set.
func (d *disclosure) within(set map[*disclosure]bool) bool {
	for ; d != nil; d = d.parent {
		if set[d] {
			return true
		}
	}
	return false
}

// process replaces digests by what is disclosed (RFC 9901, Section 7.1, step 3).
func process(claims *value, disclosures []*disclosure) (*value, error) {
	p := processor{byDigest: make(map[string]*disclosure, len(disclosures)), seen: make(map[string]bool, len(disclosures))}
	for _, d := range disclosures {
		if p.byDigest[d.digest] != nil {
			return nil, fmt.Errorf("%w: a disclosure twice", ErrMalformed)
		}
		p.byDigest[d.digest] = d
	}
	if i := claims.index("_sd_alg"); i >= 0 && (claims.elems[i].kind != '"' || claims.elems[i].text != "sha-256") {
		return nil, fmt.Errorf("%w: _sd_alg is not sha-256", ErrMalformed)
	}
	out, err := p.value(claims, 1, nil)
	if err != nil {
		return nil, err
	}
	if p.used != len(disclosures) {
		return nil, fmt.Errorf("%w: a disclosure that nothing refers to", ErrMalformed)
	}
	return out, nil
}

type processor struct {
	byDigest map[string]*disclosure
	seen     map[string]bool
	used     int
	path     []byte // JSON pointer of the value being processed
}

// value processes v, which lies depth deep within parent.
func (p *processor) value(v *value, depth int, parent *disclosure) (*value, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: too deep with its disclosures", ErrMalformed)
	}
	switch v.kind {
	case '{':
		return p.object(v, depth, parent)
	case '[':
		return p.array(v, depth, parent)
	}
	return v, nil
}

func (p *processor) object(v *value, depth int, parent *disclosure) (*value, error) {
	out := &value{kind: '{', names: make([]string, 0, len(v.names)), elems: make([]*value, 0, len(v.elems))}
	var digests *value
	for i, name := range v.names {
		switch {
		case name == "_sd":
			digests = v.elems[i]
			continue
		case name == "...":
			return nil, fmt.Errorf("%w: array digest outside an array", ErrMalformed)
		case name == "_sd_alg" && depth == 1:
			continue
		}
		up := p.down(name)
		e, err := p.value(v.elems[i], depth+1, parent)
		p.path = p.path[:up]
		if err != nil {
			return nil, err
		}
		out.names, out.elems = append(out.names, name), append(out.elems, e)
	}
	if digests == nil {
		return out, nil
	}
	return out, p.disclose(out, digests, depth, parent)
}

// disclose adds to out the claims whose digests are disclosed.
func (p *processor) disclose(out, digests *value, depth int, parent *disclosure) error {
	if digests.kind != '[' {
		return fmt.Errorf("%w: _sd is not an array", ErrMalformed)
	}
	var seen map[string]bool
	for _, digest := range digests.elems {
		d, err := p.take(digest, parent)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		if d.element || d.name == "_sd_alg" && depth == 1 {
			return fmt.Errorf("%w: disclosure in the wrong place", ErrMalformed)
		}
		var again bool
		if seen, again = repeats(out.names, seen, d.name); again {
			return fmt.Errorf("%w: disclosure overwrites a claim", ErrMalformed)
		}
		if err := p.fill(d, d.name, depth+1); err != nil {
			return err
		}
		out.names, out.elems = append(out.names, d.name), append(out.elems, d.filled)
	}
	return nil
}

func (p *processor) array(v *value, depth int, parent *disclosure) (*value, error) {
	out := &value{kind: '[', elems: make([]*value, 0, len(v.elems))}
	for _, e := range v.elems {
		at := strconv.Itoa(len(out.elems))
		if e.index("...") < 0 {
			up := p.down(at)
			e, err := p.value(e, depth+1, parent)
			p.path = p.path[:up]
			if err != nil {
				return nil, err
			}
			out.elems = append(out.elems, e)
			continue
		}
		if len(e.names) != 1 {
			return nil, fmt.Errorf("%w: array digest beside other members", ErrMalformed)
		}
		d, err := p.take(e.elems[0], parent)
		if err != nil {
			return nil, err
		}
		if d == nil {
			continue
		}
		if !d.element {
			return nil, fmt.Errorf("%w: disclosure in the wrong place", ErrMalformed)
		}
		if err := p.fill(d, at, depth+1); err != nil {
			return nil, err
		}
		out.elems = append(out.elems, d.filled)
	}
	return out, nil
}

// take returns the disclosure for a digest, nil if it is withheld or a decoy.
// A digest may occur once, in the payload or in any disclosure.
func (p *processor) take(digest *value, parent *disclosure) (*disclosure, error) {
	if digest.kind != '"' || !isDigest(digest.text) {
		return nil, fmt.Errorf("%w: not a digest", ErrMalformed)
	}
	if p.seen[digest.text] {
		return nil, fmt.Errorf("%w: a digest twice", ErrMalformed)
	}
	p.seen[digest.text] = true
	d := p.byDigest[digest.text]
	if d != nil {
		d.parent = parent
		p.used++
	}
	return d, nil
}

func (p *processor) fill(d *disclosure, at string, depth int) (err error) {
	up := p.down(at)
	d.pointer = string(p.path)
	d.filled, err = p.value(d.value, depth, d)
	p.path = p.path[:up]
	return err
}

// down adds a step to the path and returns its length before.
func (p *processor) down(step string) (up int) {
	up = len(p.path)
	p.path = appendPointer(p.path, step)
	return up
}

// isDigest reports whether s is a SHA-256 digest in canonical base64url.
func isDigest(s string) bool {
	n, ok := canonical(s)
	return ok && n == 32
}

var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")

// pointer writes a JSON pointer (RFC 6901).
func pointer(path ...string) string {
	var b []byte
	for _, token := range path {
		b = appendPointer(b, token)
	}
	return string(b)
}

func appendPointer(b []byte, token string) []byte {
	if strings.ContainsAny(token, "~/") {
		token = escapePointer.Replace(token)
	}
	return append(append(b, '/'), token...)
}
