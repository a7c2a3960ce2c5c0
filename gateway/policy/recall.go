package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"sluss/gateway/facts"
)

// recall remembers whether each provision held, by the members of the input
// that the provision reads. A question that was never asked is answered from
// memory when everything that a provision reads of it was asked before, in
// whatever other company: most provisions read the type, a role and a fact or
// two, so there is little that is new.
//
// That is sound because a provision depends on nothing but what its rule and
// the rules it rests on refer to: in the fragment of the language that
// provisions are written in, nothing reads a clock, the network or randomness,
// nothing is replaced (with), and the decision is the sets as they stand. What
// they refer to is taken from the compiled rules; a reference whose steps are
// not all constant counts as one to all that it may reach. The memory belongs to
// one compiled policy and ends with it.
type recall struct {
	written []writeKey // the members that provisions read, each once
	groups  []*readers
	start   map[string]int // set → place of its first provision in a flat verdict
	size    int
}

// readers are the provisions that read the same members.
type readers struct {
	paths  []string
	reads  []int // places in written
	places []int // of the provisions, in a flat verdict
	memo   memo
}

// newRecall finds what each provision of the register reads.
func newRecall(c *ast.Compiler, r *register) (*recall, error) {
	all := &recall{start: map[string]int{}}
	for _, set := range evaluated {
		all.start[set] = all.size
		all.size += len(r.sets[set])
	}
	paths, groups := map[string]int{}, map[string]*readers{}
	found := 0
	annotations := c.GetAnnotationSet()
	for _, m := range c.Modules {
		for _, rule := range m.Rules {
			set := rule.Head.Name.String()
			if !slices.Contains(evaluated, set) {
				continue
			}
			id, _ := annotations.GetRuleScope(rule)[0].Custom["id"].(string) // readProvisions has seen that there is one
			place, ok := r.index[set][id]
			if !ok {
				return nil, fmt.Errorf("%w: %s: not in the register", ErrProvision, rule.Location)
			}
			g, err := all.readers(slices.Sorted(maps.Keys(readsOf(c, rule))), paths, groups)
			if err != nil {
				return nil, err
			}
			g.places = append(g.places, all.start[set]+place)
			found++
		}
	}
	if found != all.size {
		return nil, fmt.Errorf("%w: %d rules for %d provisions", ErrProvision, found, all.size)
	}
	return all, nil
}

// readers returns the group of those that read the given members.
func (r *recall) readers(reads []string, paths map[string]int, groups map[string]*readers) (*readers, error) {
	name := strings.Join(reads, " ")
	if groups[name] != nil {
		return groups[name], nil
	}
	g := &readers{paths: reads}
	for _, path := range reads {
		if _, ok := paths[path]; !ok {
			write, err := writerOf(path)
			if err != nil {
				return nil, err
			}
			paths[path] = len(r.written)
			r.written = append(r.written, write)
		}
		g.reads = append(g.reads, paths[path])
	}
	groups[name] = g
	r.groups = append(r.groups, g)
	return g, nil
}

// readsOf returns what a rule reads of the input, through whatever other rules:
// "type", "facts.psw".
func readsOf(c *ast.Compiler, rule *ast.Rule) map[string]bool {
	reads, seen := map[string]bool{}, map[*ast.Rule]bool{}
	var walk func(*ast.Rule)
	walk = func(rule *ast.Rule) {
		if seen[rule] {
			return
		}
		seen[rule] = true
		ast.WalkRefs(rule, func(r ast.Ref) bool {
			if r[0].Equal(ast.InputRootDocument) {
				reads[inputPath(r)] = true
			}
			return false // what stands within the reference is read as well
		})
		for on := range c.Graph.Dependencies(rule) {
			walk(on.(*ast.Rule))
		}
	}
	walk(rule)
	return reads
}

// inputPath returns the constant beginning of a reference into the input, of
// two steps at most.
func inputPath(r ast.Ref) string {
	var steps []string
	for _, t := range r[1:] {
		s, ok := t.Value.(ast.String)
		if !ok || len(steps) == 2 {
			break
		}
		steps = append(steps, string(s))
	}
	return strings.Join(steps, ".")
}

// question is an input as written for the keys: each member that is read, and
// where it ends.
type question struct {
	bytes []byte
	ends  []int
}

func (r *recall) question(in *facts.Input) question {
	q := question{make([]byte, 0, 384), make([]int, len(r.written))}
	for i, write := range r.written {
		q.bytes = write(q.bytes, in)
		q.ends[i] = len(q.bytes)
	}
	return q
}

// key appends what one group reads. Each member says itself where it ends, so
// that two questions have the same key only if they are the same to the group.
func (q question) key(key []byte, reads []int) []byte {
	for _, i := range reads {
		from := 0
		if i > 0 {
			from = q.ends[i-1]
		}
		key = append(key, q.bytes[from:q.ends[i]]...)
	}
	return key
}

// get returns the verdict on a question, or false if a provision was never
// asked on what it reads of it.
func (r *recall) get(q question) (verdict, bool) {
	flat, key := make([]bool, r.size), make([]byte, 0, 128)
	for _, g := range r.groups {
		key = q.key(key[:0], g.reads)
		held, ok := g.memo.get(key)
		if !ok {
			return nil, false
		}
		for i, place := range g.places {
			flat[place] = held[i]
		}
	}
	v := make(verdict, len(evaluated))
	for i, set := range evaluated {
		end := r.size
		if i+1 < len(evaluated) {
			end = r.start[evaluated[i+1]]
		}
		v[set] = flat[r.start[set]:end:end]
	}
	return v, true
}

// put remembers a verdict.
func (r *recall) put(q question, v verdict) {
	flat := make([]bool, 0, r.size)
	for _, set := range evaluated {
		flat = append(flat, v[set]...)
	}
	for _, g := range r.groups {
		held := make([]bool, len(g.places))
		for i, place := range g.places {
			held[i] = flat[place]
		}
		g.memo.put(q.key(nil, g.reads), held)
	}
}
