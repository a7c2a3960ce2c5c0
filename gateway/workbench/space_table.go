package workbench

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"sluss/gateway"
	"sluss/gateway/policy"
)

// table is the truth table of one rule in one context: over which facts it
// still depends, and for which of their values it holds.
type table struct {
	id    int
	vars  []int  // ascending
	holds []bool // by mixed radix over vars, the first varying fastest
}

// always and never report whether a table depends on nothing.
func (t *table) always() bool { return len(t.vars) == 0 && t.holds[0] }
func (t *table) never() bool  { return len(t.vars) == 0 && !t.holds[0] }

// ruled is a rule with the truth tables found so far, by the values of the
// context that it reads. A table is made when a context first asks for it, by
// evaluating the rule for every combination of the rest: so every context that
// was looked at has been looked at in full.
type ruled struct {
	*policy.Rule
	fixed, free []int
	named       bool
	memo        map[string]*table
}

func (s *Space) ruled(r *policy.Rule) *ruled {
	out := &ruled{Rule: r, memo: map[string]*table{}}
	for _, path := range r.Reads() {
		switch i := s.place(path); {
		case path == "named":
			out.named = true
		case slices.Contains(s.asked, i):
			out.fixed = append(out.fixed, i)
		default:
			out.free = append(out.free, i)
		}
	}
	for _, l := range [][]int{out.fixed, out.free} {
		slices.Sort(l)
	}
	out.fixed, out.free = slices.Compact(out.fixed), slices.Compact(out.free)
	return out
}

// table returns what a rule comes down to in a context, with the fields named
// in it.
func (s *Space) table(ctx context.Context, r *ruled, a assignment, named []gateway.Field) (*table, error) {
	key := make([]byte, 0, 32)
	for _, i := range r.fixed {
		key = append(key, a[i])
	}
	var names []string
	if r.named {
		for _, f := range named {
			names = append(names, string(f))
			key = append(key, f...)
			key = append(key, 0)
		}
	}
	if t := r.memo[string(key)]; t != nil {
		return t, nil
	}
	if s.combinations(r.free) > maxFacts {
		return nil, fmt.Errorf("%w: %s reads %d facts", ErrSpace, r.ID, len(r.free))
	}
	holds := make([]bool, s.combinations(r.free))
	b := slices.Clone(a)
	for n := range holds {
		s.decode(b, r.free, n)
		var err error
		holds[n], err = r.Holds(ctx, func(path string) any {
			if path == "named" {
				return names
			}
			return s.value(b, path)
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSpace, err)
		}
	}
	s.Covered.Evaluations += len(holds)
	t := s.tables.of(s, r.free, holds)
	r.memo[string(key)] = t
	return t, nil
}

// combinations returns how many there are of the values of variables.
func (s *Space) combinations(vars []int) int {
	n := 1
	for _, i := range vars {
		n *= len(s.vars[i].domain)
	}
	return n
}

// decode sets variables to the n-th combination of their values.
func (s *Space) decode(a assignment, vars []int, n int) {
	for _, i := range vars {
		size := len(s.vars[i].domain)
		a[i] = uint8(n % size)
		n /= size
	}
}

// encode is the reverse of decode.
func (s *Space) encode(a assignment, vars []int) int {
	n, base := 0, 1
	for _, i := range vars {
		n += int(a[i]) * base
		base *= len(s.vars[i].domain)
	}
	return n
}

// look reports whether a table holds for an assignment that binds its variables.
func (s *Space) look(t *table, a assignment) bool { return t.holds[s.encode(a, t.vars)] }

// intern keeps one of equal tables, so that contexts in which the law comes
// down to the same are told by comparing numbers.
type intern struct{ made map[string]*table }

func newIntern() *intern { return &intern{map[string]*table{}} }

// of returns the table with the variables dropped that make no difference.
func (n *intern) of(s *Space, vars []int, holds []bool) *table {
	vars = slices.Clone(vars)
	for k := 0; k < len(vars); {
		if slimmer, ok := s.without(vars, holds, k); ok {
			vars, holds = slices.Delete(vars, k, k+1), slimmer
		} else {
			k++
		}
	}
	var key []byte
	for _, i := range vars {
		key = binary.AppendUvarint(key, uint64(i))
	}
	key = append(key, 255)
	for _, h := range holds {
		if h {
			key = append(key, 1)
		} else {
			key = append(key, 0)
		}
	}
	if t := n.made[string(key)]; t != nil {
		return t
	}
	t := &table{len(n.made), vars, holds}
	n.made[string(key)] = t
	return t
}

// without returns a table without its k-th variable, if that makes no
// difference.
func (s *Space) without(vars []int, holds []bool, k int) ([]bool, bool) {
	below := s.combinations(vars[:k])
	size := len(s.vars[vars[k]].domain)
	out := make([]bool, len(holds)/size)
	for n := range holds {
		low, v, high := n%below, n/below%size, n/below/size
		at := high*below + low
		if v > 0 && holds[n] != out[at] {
			return nil, false
		}
		out[at] = holds[n]
	}
	return out, true
}
