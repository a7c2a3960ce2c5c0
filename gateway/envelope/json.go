package envelope

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// value is one JSON value, parsed so that nothing is lost or guessed: names
// in order, numbers as written (RFC 8259, I-JSON's rules on names and Unicode,
// RFC 7493, Section 2).
type value struct {
	kind  byte // { [ " 0 t f n
	text  string
	names []string // of an object, with elems in parallel
	elems []*value
}

// parseJSON reads exactly one JSON value of at most MaxDepth levels.
func parseJSON(raw []byte) (*value, error) { return parseText(string(raw), &nursery{}) }

// parseText is parseJSON of a text, whose values come out of n.
func parseText(text string, n *nursery) (*value, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	p := parser{s: text, nursery: n}
	v, err := p.value(1)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i != len(p.s) {
		return nil, p.fail("text after the value")
	}
	return v, nil
}

type parser struct {
	s string
	i int
	*nursery
}

func (p *parser) fail(what string) error {
	return fmt.Errorf("%w: JSON at byte %d: %s", ErrMalformed, p.i, what)
}

func (p *parser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\n' || p.s[p.i] == '\r') {
		p.i++
	}
}

// next skips space and returns the next byte without taking it, or 0.
func (p *parser) next() byte {
	p.space()
	if p.i == len(p.s) {
		return 0
	}
	return p.s[p.i]
}

func (p *parser) value(depth int) (*value, error) {
	if depth > MaxDepth {
		return nil, p.fail("too deep")
	}
	switch c := p.next(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.string()
		return p.leaf('"', s), err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if len(p.s)-p.i >= len(word) && p.s[p.i:p.i+len(word)] == word {
			p.i += len(word)
			return p.leaf(word[0], word), nil
		}
	}
	return nil, p.fail("no value")
}

func (p *parser) object(depth int) (*value, error) {
	p.i++
	if p.next() == '}' {
		p.i++
		return p.leaf('{', ""), nil
	}
	from := p.begin()
	var seen map[string]bool
	for {
		if p.next() != '"' {
			return nil, p.fail("no member name")
		}
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		var again bool
		if seen, again = repeats(p.openNames[from.names:], seen, name); again {
			return nil, p.fail("duplicate name")
		}
		if p.next() != ':' {
			return nil, p.fail("no colon")
		}
		p.i++
		p.openNames = append(p.openNames, name)
		e, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		p.openElems = append(p.openElems, e)
		if more, err := p.more('}'); err != nil {
			return nil, err
		} else if !more {
			return p.end('{', from), nil
		}
	}
}

// repeats reports whether name is one of names. Names too many to be searched
// for each new one are kept in what it returns, to be handed in again.
func repeats(names []string, seen map[string]bool, name string) (map[string]bool, bool) {
	const few = 32
	if len(names) < few {
		return nil, slices.Contains(names, name)
	}
	if seen == nil {
		seen = make(map[string]bool, 2*few)
		for _, n := range names {
			seen[n] = true
		}
	}
	again := seen[name]
	seen[name] = true
	return seen, again
}

func (p *parser) array(depth int) (*value, error) {
	p.i++
	if p.next() == ']' {
		p.i++
		return p.leaf('[', ""), nil
	}
	from := p.begin()
	for {
		e, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		p.openElems = append(p.openElems, e)
		if more, err := p.more(']'); err != nil {
			return nil, err
		} else if !more {
			return p.end('[', from), nil
		}
	}
}

// more takes a comma, or the closing byte.
func (p *parser) more(closing byte) (bool, error) {
	switch p.next() {
	case ',':
		p.i++
		return true, nil
	case closing:
		p.i++
		return false, nil
	}
	return false, p.fail("neither comma nor end")
}

func (p *parser) number() (*value, error) {
	start := p.i
	if p.s[p.i] == '-' {
		p.i++
	}
	switch n := p.digits(); {
	case n == 0:
		return nil, p.fail("number without digits")
	case n > 1 && p.s[p.i-n] == '0':
		return nil, p.fail("leading zero")
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		if p.digits() == 0 {
			return nil, p.fail("fraction without digits")
		}
	}
	if p.i < len(p.s) && (p.s[p.i] == 'e' || p.s[p.i] == 'E') {
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if p.digits() == 0 {
			return nil, p.fail("exponent without digits")
		}
	}
	// What no IEEE 754 double holds is read differently by every parser (RFC 7493,
	// Section 2.2); most numbers are too short to be such.
	if text := p.s[start:p.i]; len(text) > 300 || strings.ContainsAny(text, "eE") {
		if f, err := strconv.ParseFloat(text, 64); err != nil || math.IsInf(f, 0) {
			return nil, p.fail("number beyond a double")
		}
	}
	return p.leaf('0', p.s[start:p.i]), nil
}

func (p *parser) digits() int {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i - start
}

func (p *parser) string() (string, error) {
	p.i++
	start := p.i
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return p.s[start : p.i-1], nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", p.fail("control character")
		}
	}
	return "", p.fail("string without end")
}

// escaped goes on with a string that has an escape at p.i.
func (p *parser) escaped(start int) (string, error) {
	b := []byte(p.s[start:p.i])
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return string(b), nil
		case c < 0x20:
			return "", p.fail("control character")
		case c != '\\':
			b = append(b, c)
			p.i++
		default:
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		}
	}
	return "", p.fail("string without end")
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (p *parser) escape() (rune, error) {
	if p.i+1 >= len(p.s) {
		return 0, p.fail("string without end")
	}
	c := p.s[p.i+1]
	if r, ok := escapes[c]; ok {
		p.i += 2
		return r, nil
	}
	r, err := p.unit()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	low, err := p.unit()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, p.fail("lone surrogate")
	}
	return r, nil
}

// unit reads \uXXXX.
func (p *parser) unit() (rune, error) {
	if len(p.s)-p.i < 6 || p.s[p.i] != '\\' || p.s[p.i+1] != 'u' {
		return 0, p.fail("bad escape")
	}
	n, err := strconv.ParseUint(p.s[p.i+2:p.i+6], 16, 32)
	if err != nil {
		return 0, p.fail("bad escape")
	}
	p.i += 6
	return rune(n), nil
}

// index returns the place of a member, or -1.
func (v *value) index(name string) int {
	if v == nil || v.kind != '{' {
		return -1
	}
	for i, n := range v.names {
		if n == name {
			return i
		}
	}
	return -1
}

// member returns a member's value, or nil.
func (v *value) member(name string) *value {
	if i := v.index(name); i >= 0 {
		return v.elems[i]
	}
	return nil
}

// appendJSON writes v without white space.
func (v *value) appendJSON(b []byte) []byte {
	switch v.kind {
	case '{':
		b = append(b, '{')
		for i, e := range v.elems {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, v.names[i]), ':')
			b = e.appendJSON(b)
		}
		return append(b, '}')
	case '[':
		b = append(b, '[')
		for i, e := range v.elems {
			if i > 0 {
				b = append(b, ',')
			}
			b = e.appendJSON(b)
		}
		return append(b, ']')
	case '"':
		return appendString(b, v.text)
	}
	return append(b, v.text...)
}

// appendString writes s as a JSON string, as it is where nothing in it must be
// escaped.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			return appendEscaped(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendEscaped leaves the escapes to encoding/json, which does not fail on a
// string.
func appendEscaped(b []byte, s string) []byte {
	var w bytes.Buffer
	e := json.NewEncoder(&w)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return append(b, `""`...)
	}
	return append(b, bytes.TrimSuffix(w.Bytes(), []byte("\n"))...)
}
