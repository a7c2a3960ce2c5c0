package envelope

import (
	"fmt"
	"iter"
	"strconv"
	"time"

	"sluss/gateway"
)

// object reads the members of a JSON object once each. The first thing that
// does not fit is kept in err and the rest reads as zero values, so that a
// format can be read top to bottom; done reports it, and any member not read.
type object struct {
	v    *value
	at   string // for errors: which object
	read int
	err  error
}

func (v *value) object(at string) *object {
	o := &object{v: v, at: at}
	if v == nil || v.kind != '{' {
		o.v = &value{kind: '{'}
		o.fail("", "is not an object")
	}
	return o
}

func (o *object) fail(name, what string) {
	if o.err == nil {
		if name != "" {
			name = "." + name
		}
		o.err = fmt.Errorf("%w: %s%s %s", ErrMalformed, o.at, name, what)
	}
}

// done reports the first error, or a member that nobody asked for.
func (o *object) done() error {
	if o.err == nil && o.read != len(o.v.names) {
		o.fail("", "has a member that is not on the list")
	}
	return o.err
}

// each goes through all members of an object that is a map. A name in it may be
// anything: it must be checked before it is put into an error.
func (o *object) each() iter.Seq2[string, *value] {
	o.read = len(o.v.names)
	return func(yield func(string, *value) bool) {
		for i, name := range o.v.names {
			if !yield(name, o.v.elems[i]) {
				return
			}
		}
	}
}

// opt returns a member or nil; get requires it.
func (o *object) opt(name string) *value {
	v := o.v.member(name)
	if v != nil {
		o.read++
	}
	return v
}

func (o *object) get(name string) *value {
	v := o.opt(name)
	if v == nil {
		o.fail(name, "is missing")
		return &value{}
	}
	return v
}

func (o *object) str(name string) string { return o.string(name, o.get(name)) }

// optString returns "" for a member that is not there, and refuses an empty one.
func (o *object) optString(name string) string {
	v := o.opt(name)
	if v == nil {
		return ""
	}
	return o.string(name, v)
}

func (o *object) string(name string, v *value) string {
	if v.kind != '"' || v.text == "" {
		o.fail(name, "is not a string")
		return ""
	}
	return v.text
}

func (o *object) word(name string) string { return o.isWord(name, o.get(name)) }

func (o *object) isWord(name string, v *value) string {
	s := o.string(name, v)
	if !word.matches(s) {
		o.fail(name, "is not a name")
	}
	return s
}

// parseWord is word as a parser.
func parseWord(s string) (string, error) {
	if !word.matches(s) {
		return "", ErrMalformed
	}
	return s, nil
}

func (o *object) boolean(name string) bool {
	v := o.get(name)
	if v.kind != 't' && v.kind != 'f' {
		o.fail(name, "is not a boolean")
	}
	return v.kind == 't'
}

// maxInteger is the end of year 9999 in seconds, and far below 2^53.
const maxInteger = 253402300799

func (o *object) integer(name string) int64 {
	v := o.get(name)
	n, err := strconv.ParseInt(v.text, 10, 64)
	if v.kind != '0' || err != nil || n < 0 || n > maxInteger || strconv.FormatInt(n, 10) != v.text {
		o.fail(name, "is not an integer in range")
		return 0
	}
	return n
}

func (o *object) time(name string) time.Time { return time.Unix(o.integer(name), 0).UTC() }

// words reads a list of names without repetition.
func (o *object) words(name string) []string { return o.matching(name, &word) }

// matching reads a list of strings of one form without repetition.
func (o *object) matching(name string, f *form) []string {
	return o.isList(name, o.get(name), f)
}

func (o *object) isList(name string, v *value, f *form) []string {
	if v.kind != '[' {
		o.fail(name, "is not an array")
		return nil
	}
	list, seen := make([]string, 0, len(v.elems)), make(map[string]bool, len(v.elems))
	for _, e := range v.elems {
		if e.kind != '"' || !f.matches(e.text) || seen[e.text] {
			o.fail(name, "is not a list of different names")
			return nil
		}
		seen[e.text] = true
		list = append(list, e.text)
	}
	return list
}

func (o *object) object(name string) *object { return o.child(name, o.get(name)) }

// child reads v, a member of o. Its errors must be handed up with join.
func (o *object) child(name string, v *value) *object { return v.object(o.at + "." + name) }

// join finishes a child of o.
func (o *object) join(c *object) {
	if err := c.done(); err != nil && o.err == nil {
		o.err = err
	}
}

func (o *object) null(name string) bool {
	v := o.v.member(name)
	if v == nil || v.kind != 'n' {
		return false
	}
	o.read++
	return true
}

// parsed applies one of the parsers of package gateway to a string member.
func parsed[T any](o *object, name string, parse func(string) (T, error)) T {
	t, err := parse(o.str(name))
	if err != nil {
		o.fail(name, "has the wrong form")
	}
	return t
}

// parsedOrNull is parsed, with nil for null.
func parsedOrNull[T any](o *object, name string, parse func(string) (T, error)) *T {
	if o.null(name) {
		return nil
	}
	t := parsed(o, name, parse)
	return &t
}

// typed turns a list of strings into one of names.
func typed[T ~string](list []string) []T {
	out := make([]T, len(list))
	for i, s := range list {
		out[i] = T(s)
	}
	return out
}

// party accepts the URN of an agency or of a gateway.
func party(s string) (string, error) {
	if _, err := gateway.ParseAgencyURN(s); err == nil {
		return s, nil
	}
	_, err := gateway.ParseID(s)
	return s, err
}
