package workbench

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// ErrSpace says that the law is written in a way of which not every input can
// be looked at: then nothing is proven of it.
var ErrSpace = errors.New("workbench: the space of inputs cannot be covered")

// Space is every input that the law can be asked about, factored so that each
// can be looked at: what is released, to whom, on which basis, under which
// facts. See [Soundness] for what is factored and why nothing is lost. A Space
// never changes once made; only its memory does, so it is used by one
// goroutine at a time.
type Space struct {
	Covered Coverage

	pack    *Pack
	policy  *policy.Policy
	vars    []variable
	index   map[string]int
	asked   []int // the variables that fix a context, in the order they are bound
	rules   []*ruled
	tables  *intern
	passing []assignment // contexts that no stage stops by what is fixed
	groups  []*group
	at      map[string]*group // by context
	words   *phrases
	took    time.Duration
}

// variable is a member of the input with all the values that a rule can tell
// apart: those that a table has, and one that no table has.
type variable struct {
	path   string
	domain []any // strings or booleans
}

// assignment gives variables values, by their place; unbound where it does not.
type assignment []uint8

const unbound = 255

// contextPaths are the members that are fixed first. What follows them depends
// on a few facts only.
var contextPaths = []string{"type", "discloser.role", "actor.role", "same_agency", "acute", "discloser.kind", "actor.kind",
	"purpose", "bulk", "default", "reason", "facts.protected"}

// other is a value that no table has. The language compares and looks up, it
// takes no string apart, so that one such value stands for all of them.
const other = "not registered"

// NewSpace covers the inputs of a pack.
func NewSpace(ctx context.Context, pack *Pack) (*Space, error) {
	start := time.Now()
	rules, err := pack.Policy.Rules(ctx, pack.Snapshot.FS())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpace, err)
	}
	s := &Space{pack: pack, policy: pack.Policy, index: map[string]int{}, tables: newIntern(), at: map[string]*group{},
		words: newPhrases(pack)}
	s.variables()
	for _, r := range rules {
		if r.Set != "obligation" {
			s.rules = append(s.rules, s.ruled(r))
		}
	}
	if err := s.cover(ctx); err != nil {
		return nil, err
	}
	s.took = time.Since(start)
	return s, nil
}

// With returns the space of a policy whose rules are those of s, with other
// tables or METADATA behind them ([policy.Policy.Variant]).
func (s *Space) With(ctx context.Context, p *policy.Policy) (*Space, error) {
	start := time.Now()
	pack := *s.pack
	pack.Policy = p
	out := &Space{pack: &pack, policy: p, vars: s.vars, index: s.index, asked: s.asked, rules: s.rules, tables: s.tables, passing: s.passing,
		at: map[string]*group{}, words: s.words}
	out.Covered.Evaluations, out.Covered.Stopped = s.Covered.Evaluations, s.Covered.Stopped
	err := out.cover(ctx)
	out.took = time.Since(start)
	return out, err
}

// variables lists the members of the input with their values.
func (s *Space) variables() {
	c := s.pack.Catalogue
	roles, kinds := []any{other}, []any{"", other}
	for _, r := range s.policy.Roles() {
		roles = append(roles, string(r))
	}
	for _, k := range s.policy.Kinds() {
		kinds = append(kinds, string(k))
	}
	types, purposes := []any{other}, []any{other}
	for _, t := range c.Types() {
		types = append(types, string(t.Name))
	}
	for _, p := range s.policy.Purposes() {
		purposes = append(purposes, string(p))
	}
	both := []any{false, true}
	for i, path := range contextPaths {
		domain := both
		switch path {
		case "type":
			domain = types
		case "purpose":
			domain = purposes
		case "discloser.role", "actor.role":
			domain = roles
		case "discloser.kind", "actor.kind":
			domain = kinds
		}
		s.add(path, domain)
		s.asked = append(s.asked, i)
	}
	s.add("maturity", []any{"joint", "guardian_alone", "child_alone", "none", "not_asked", other})
	for f := range reflect.TypeFor[facts.Values]().Fields() {
		name := f.Tag.Get("json")
		s.add("values."+name, values(s.policy.Literals("input.values."+name)))
	}
	for f := range reflect.TypeFor[facts.Table]().Fields() {
		if f.Type.Kind() == reflect.Bool {
			s.add("table."+f.Tag.Get("json"), both)
		}
	}
	for f := range reflect.TypeFor[facts.Facts]().Fields() {
		if path := "facts." + f.Tag.Get("json"); path != "facts.protected" {
			s.add(path, both)
		}
	}
}

func (s *Space) add(path string, domain []any) {
	s.index[path] = len(s.vars)
	s.vars = append(s.vars, variable{path, domain})
}

// place returns the variable of a member. Who took the initiative is said
// twice in the input; an input that says it differently is refused.
func (s *Space) place(path string) int {
	if path == "initiative" {
		path = "facts.asked"
	}
	return s.index[path]
}

func (s *Space) newAssignment() assignment {
	a := make(assignment, len(s.vars))
	for i := range a {
		a[i] = unbound
	}
	return a
}

// value returns the value of a member; what is not bound is false or the first.
func (s *Space) value(a assignment, path string) any {
	i := s.place(path)
	v := s.vars[i].domain[0]
	if a[i] != unbound {
		v = s.vars[i].domain[a[i]]
	}
	if path == "initiative" {
		if v == true {
			return string(gateway.ByActor)
		}
		return string(gateway.ByDiscloser)
	}
	return v
}

// bind sets a member to a value of its domain.
func (s *Space) bind(a assignment, path string, v any) {
	i := s.place(path)
	a[i] = uint8(slices.Index(s.vars[i].domain, v))
}

// input writes an assignment as an input without claims, consents or decisions.
func (s *Space) input(a assignment) facts.Input {
	str := func(path string) string { v, _ := s.value(a, path).(string); return v }
	flag := func(path string) bool { v, _ := s.value(a, path).(bool); return v }
	in := facts.Input{
		Actor:      facts.Party{Kind: gateway.Kind(str("actor.kind")), Role: gateway.Role(str("actor.role"))},
		Discloser:  facts.Party{Kind: gateway.Kind(str("discloser.kind")), Role: gateway.Role(str("discloser.role"))},
		SameAgency: flag("same_agency"), Purpose: gateway.Purpose(str("purpose")), Type: gateway.MessageType(str("type")),
		Initiative: gateway.Initiative(str("initiative")), Default: flag("default"), Reason: flag("reason"),
		Bulk: flag("bulk"), Acute: flag("acute"), Maturity: str("maturity"),
		Claimed: []gateway.Basis{}, Named: []gateway.Field{}, Table: facts.Table{Blanked: []string{}},
	}
	members := func(top string, v reflect.Value) {
		for f, member := range v.Fields() {
			switch f.Type.Kind() {
			case reflect.Bool:
				member.SetBool(flag(top + f.Tag.Get("json")))
			case reflect.String:
				member.SetString(str(top + f.Tag.Get("json")))
			}
		}
	}
	members("facts.", reflect.ValueOf(&in.Facts).Elem())
	members("values.", reflect.ValueOf(&in.Values).Elem())
	members("table.", reflect.ValueOf(&in.Table).Elem())
	return in
}

// written writes the bound part of an assignment for an error.
func (s *Space) written(a assignment) string {
	var out []string
	for i, v := range a {
		if v != unbound {
			out = append(out, fmt.Sprintf("%s=%v", s.vars[i].path, s.vars[i].domain[v]))
		}
	}
	return strings.Join(out, " ")
}

// values are the values of an unsealed field: none, one that no schema has,
// those of its list.
func values(words []string) []any {
	out := []any{"", other}
	for _, w := range words {
		out = append(out, w)
	}
	return out
}
