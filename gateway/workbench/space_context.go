package workbench

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// maxFacts bounds how many combinations of facts are looked at in one context.
const maxFacts = 1 << 16

// cover binds the context variables in every way that no stage stops, puts
// contexts in which the law comes down to the same into one group, and finds
// what each group releases.
func (s *Space) cover(ctx context.Context) error {
	c := &covering{Space: s, plans: map[string]*planned{}, byKey: map[string]*group{}, stops: make([][]*ruled, len(s.asked))}
	for _, r := range s.rules {
		if r.Set == "stop" && !r.named && len(r.fixed) > 0 {
			last := slices.Index(s.asked, r.fixed[len(r.fixed)-1])
			c.stops[last] = append(c.stops[last], r)
		}
	}
	if s.passing == nil {
		if err := c.bind(ctx, 0, s.newAssignment()); err != nil {
			return err
		}
	}
	for _, a := range s.passing {
		if err := c.arrive(ctx, a); err != nil {
			return err
		}
	}
	for _, g := range s.groups {
		if err := g.solve(ctx); err != nil {
			return err
		}
	}
	s.Covered.Groups = len(s.groups)
	return nil
}

// covering is the search through the contexts.
type covering struct {
	*Space
	stops [][]*ruled // by the place of the last context variable that they read
	plans map[string]*planned
	byKey map[string]*group
}

// planned is a plan with the rules that can change what is answered under it.
type planned struct {
	*policy.Plan
	rules []*ruled
}

// plan returns the plan of an input, nil if there is none.
func (c *covering) plan(in *facts.Input) *planned {
	key := fmt.Sprint(in.Type, in.Discloser.Kind, in.Actor, in.SameAgency, in.Facts.Protected, in.Acute, in.Discloser.Role)
	if p, ok := c.plans[key]; ok {
		return p
	}
	p := &planned{Plan: c.policy.PlanOf(in)}
	if p.Plan == nil {
		p = nil
	} else {
		for _, r := range c.rules {
			if !r.named && (r.Set == "stop" || p.Matters(r.Rule)) {
				p.rules = append(p.rules, r)
			}
		}
	}
	c.plans[key] = p
	return p
}

// bind binds the k-th context variable to each of its values.
func (c *covering) bind(ctx context.Context, k int, a assignment) error {
	if k == len(c.asked) {
		c.passing = append(c.passing, slices.Clone(a))
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	i := c.asked[k]
	defer func() { a[i] = unbound }()
	for n := range c.vars[i].domain {
		v := len(c.vars[i].domain) - 1 - n // true before false: see asksLess
		a[i] = uint8(v)
		if c.impossible(a) || c.dominated(i, v) {
			continue
		}
		stopped, err := c.stopped(ctx, k, a)
		if err != nil {
			return err
		}
		if stopped {
			c.Covered.Stopped++
			continue
		}
		if err := c.bind(ctx, k+1, a); err != nil {
			return err
		}
	}
	return nil
}

// impossible says which contexts no input can be in: an agency is of one kind,
// so that agencies of different kinds are not the same agency (facts.Derive).
func (c *covering) impossible(a assignment) bool {
	same, one, two := a[c.index["same_agency"]], a[c.index["actor.kind"]], a[c.index["discloser.kind"]]
	return same == 1 && one != unbound && two != unbound && one != two
}

// dominated reports whether what leaves with a value also leaves with another.
// A reason given only opens, as long as no rule looks at it.
func (c *covering) dominated(i, v int) bool {
	return c.vars[i].path == "reason" && v == 0 && !c.read(i, true)
}

// read reports whether a rule reads a context variable, or one that is no stage.
func (c *covering) read(i int, stages bool) bool {
	return slices.ContainsFunc(c.rules, func(r *ruled) bool { return slices.Contains(r.fixed, i) && (stages || r.Set != "stop") })
}

// stopped reports whether a stage ends every decision in a context, whatever
// the facts.
func (c *covering) stopped(ctx context.Context, k int, a assignment) (bool, error) {
	for _, r := range c.stops[k] {
		t, err := c.table(ctx, r, a, nil)
		if err != nil || t.always() {
			return err == nil, err
		}
	}
	return false, nil
}

// arrive puts a context that the stages let pass into its group.
func (c *covering) arrive(ctx context.Context, a assignment) error {
	in := c.input(a)
	plan := c.plan(&in)
	if plan == nil {
		return nil // the gateway gives an error, which releases nothing
	}
	named, passes, err := c.nameable(ctx, a, plan)
	if err != nil || !passes {
		return err
	}
	if c.asksLess(a) {
		return nil
	}
	c.Covered.Contexts++
	g := &group{Space: c.Space, plan: plan.Plan, base: in, named: named, at: slices.Clone(a)}
	sign := fmt.Append(nil, in.Type, in.Discloser.Kind, in.Actor, in.SameAgency, in.Facts.Protected, plan.Leg, in.Default, in.Reason, named)
	for _, r := range plan.rules {
		t, err := c.table(ctx, r, a, nil)
		if err != nil {
			return err
		}
		g.tables = append(g.tables, ruleTable{r, t})
		sign = binary.AppendUvarint(append(sign, ' '), uint64(t.id))
	}
	if old := c.byKey[string(sign)]; old != nil {
		g = old
	} else {
		c.byKey[string(sign)] = g
		c.groups = append(c.groups, g)
	}
	at := slices.Clone(a)
	g.contexts = append(g.contexts, at)
	c.at[c.context(at)] = g
	return nil
}

// context names the context of an assignment.
func (s *Space) context(a assignment) string {
	key := make([]byte, len(s.asked))
	for k, i := range s.asked {
		key[k] = a[i]
	}
	return string(key)
}

// asksLess reports whether the default set could be asked for as well, and is
// not: naming fields only, nothing more can leave. It holds as long as only
// stages look at whether the default set is asked for.
func (c *covering) asksLess(a assignment) bool {
	i := c.index["default"]
	if a[i] == 1 || c.read(i, false) {
		return false
	}
	more := slices.Clone(a)
	more[i] = 1
	return c.at[c.context(more)] != nil
}

// nameable returns the fields that may be named in a context, each alone and
// so all of them together, and whether the stages then let it pass.
func (c *covering) nameable(ctx context.Context, a assignment, plan *planned) ([]gateway.Field, bool, error) {
	var named []gateway.Field
	for _, f := range plan.Fields {
		ok := true
		for _, r := range c.rules {
			if !r.named || !r.EachNamed() {
				continue
			}
			t, err := c.table(ctx, r, a, []gateway.Field{f.Name})
			if err != nil {
				return nil, false, err
			}
			if len(t.vars) > 0 {
				return nil, false, fmt.Errorf("%w: %s looks at a field named and at facts (%s)", ErrSpace, r.ID, c.written(a))
			}
			ok = ok && !t.holds[0]
		}
		if ok {
			named = append(named, f.Name)
		}
	}
	slices.Sort(named)
	for _, r := range c.rules {
		if !r.named || r.EachNamed() {
			continue
		}
		some, err := c.table(ctx, r, a, named)
		if err != nil {
			return nil, false, err
		}
		none, err := c.table(ctx, r, a, nil)
		if err != nil {
			return nil, false, err
		}
		if len(some.vars)+len(none.vars) > 0 || some.always() && none.never() {
			return nil, false, fmt.Errorf("%w: %s lets a request pass because nothing is named (%s)", ErrSpace, r.ID, c.written(a))
		}
		if some.always() {
			return nil, false, nil
		}
	}
	return named, true, nil
}
