package envelope

import (
	"strconv"

	"sluss/gateway"
)

// null is JSON's null.
var null = &value{kind: 'n', text: "null"}

func text(s string) *value { return &value{kind: '"', text: s} }

func integer(n int64) *value { return &value{kind: '0', text: strconv.FormatInt(n, 10)} }

func boolean(b bool) *value {
	s := strconv.FormatBool(b)
	return &value{kind: s[0], text: s}
}

func list[T ~string](items []T) *value {
	v := &value{kind: '['}
	for _, s := range items {
		v.elems = append(v.elems, text(string(s)))
	}
	return v
}

func textOrNull[T ~string](s T) *value {
	if s == "" {
		return null
	}
	return text(string(s))
}

func refOrNull(r *gateway.Ref) *value {
	if r == nil {
		return null
	}
	return text(string(*r))
}

func reasonOrNull(r *Reason) *value {
	if r == nil {
		return null
	}
	v := &value{kind: '{'}
	v.add("code", text(r.Code))
	v.add("length", integer(int64(r.Length)))
	return v
}

// withDigests returns {"_sd": [...]}.
func withDigests(digests []string) *value {
	return &value{kind: '{', names: []string{"_sd"}, elems: []*value{texts(digests)}}
}

// add appends a member to an object, or an element to an array.
func (v *value) add(name string, e *value) {
	if v.kind == '{' {
		v.names = append(v.names, name)
	}
	v.elems = append(v.elems, e)
}
