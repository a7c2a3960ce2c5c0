package workbench

import (
	"context"
	"reflect"
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// Reaches reports whether the space holds that an input may release a field on
// a basis. It holds more than is released: whatever the gateway releases, the
// space must know.
func (s *Space) Reaches(in facts.Input, field gateway.Field, basis gateway.Basis) bool {
	a := s.assign(in)
	if a == nil {
		return false
	}
	for range 2 {
		if g := s.at[s.context(a)]; g != nil {
			n := g.encode(a, g.facts)
			return slices.ContainsFunc(g.rows, func(r *row) bool {
				return r.when[n] && r.by.Basis == basis && g.plan.Fields[r.field].Name == field
			})
		}
		s.bind(a, "default", true)
	}
	return false
}

// assign writes an input as an assignment, nil if a value is in no domain.
func (s *Space) assign(in facts.Input) assignment {
	a := s.newAssignment()
	given := inputValues(in)
	given["reason"] = true
	for path, v := range given {
		if i, ok := s.index[path]; ok {
			at := slices.Index(s.vars[i].domain, v)
			if at < 0 {
				return nil
			}
			a[i] = uint8(at)
		}
	}
	return a
}

// trial is one way to ask for a field.
type trial struct {
	named []gateway.Field
	full  bool // everything is in force, not only what the field needs
	extra []*row
}

// witness returns an input that releases a row's field on its basis, decided
// by the gateway's own code with its own engine, in a context of the group and
// under given facts. It asks for as little as it can.
func (g *group) witness(ctx context.Context, at assignment, r *row) (facts.Input, bool) {
	end := g.pass(at)
	if end == nil {
		return facts.Input{}, false
	}
	f := g.plan.Fields[r.field].Name
	var named []gateway.Field
	if slices.Contains(g.named, f) {
		named = []gateway.Field{f}
	}
	trials := []trial{{}, {named: named}}
	n := g.encode(end, g.facts)
	for _, o := range g.rows {
		if o.when[n] && o.field != r.field && slices.Contains(g.named, g.plan.Fields[o.field].Name) {
			both := append([]gateway.Field{g.plan.Fields[o.field].Name}, named...)
			slices.Sort(both)
			trials = append(trials, trial{named: both, extra: []*row{o}})
		}
	}
	trials = append(trials, trial{named: g.named, full: true})
	for _, t := range trials {
		for _, byDefault := range []bool{true, false} {
			in := g.asking(end, r, t)
			in.Default = byDefault
			d, err := g.policy.DecideInput(ctx, in)
			if err != nil {
				continue
			}
			if b, ok := d.Allows(f); ok && b == r.by.Basis {
				return in, true
			}
		}
	}
	return facts.Input{}, false
}

// asking writes a trial as an input.
func (g *group) asking(end assignment, r *row, t trial) facts.Input {
	in := g.input(end)
	in.Named, in.Reason = append([]gateway.Field{}, t.named...), len(t.named) > 0
	in.Consent = map[gateway.Class]facts.Standing{}
	in.Decision, in.FieldRelease = map[gateway.Basis]map[gateway.Field]facts.Standing{}, map[gateway.Basis]map[gateway.Field]facts.Standing{}
	in.About = map[gateway.Field]bool{}
	for _, o := range append([]*row{r}, t.extra...) {
		g.standFor(&in, o, t.full)
	}
	slices.Sort(in.Claimed)
	in.Claimed = slices.Compact(in.Claimed)
	return in
}

// standFor makes stand what a row rests on.
func (g *group) standFor(in *facts.Input, r *row, full bool) {
	if r.by.ClaimNeeded && r.by.Way != policy.Emergency {
		in.Claimed = append(in.Claimed, r.by.Basis)
	}
	for i, f := range g.plan.Fields {
		if i != r.field && !full || r.carried && !full {
			continue
		}
		if r.by.Consent {
			in.Consent[f.Effective] = facts.InForce
		}
		if !r.decision && !full {
			continue
		}
		for _, m := range []map[gateway.Basis]map[gateway.Field]facts.Standing{in.Decision, in.FieldRelease} {
			if m[r.by.Basis] == nil {
				m[r.by.Basis] = map[gateway.Field]facts.Standing{}
			}
			m[r.by.Basis][f.Name] = facts.InForce
		}
	}
}

// inputValues lists the members of an input that have one value, by path.
func inputValues(in facts.Input) map[string]any {
	out := map[string]any{"actor.kind": string(in.Actor.Kind), "actor.role": string(in.Actor.Role),
		"discloser.kind": string(in.Discloser.Kind), "discloser.role": string(in.Discloser.Role),
		"same_agency": in.SameAgency, "purpose": string(in.Purpose), "type": string(in.Type), "default": in.Default,
		"reason": in.Reason, "bulk": in.Bulk, "acute": in.Acute, "maturity": in.Maturity}
	for top, v := range map[string]reflect.Value{"facts.": reflect.ValueOf(in.Facts), "values.": reflect.ValueOf(in.Values), "table.": reflect.ValueOf(in.Table)} {
		for f, member := range v.Fields() {
			switch f.Type.Kind() {
			case reflect.Bool:
				out[top+f.Tag.Get("json")] = member.Bool()
			case reflect.String:
				out[top+f.Tag.Get("json")] = member.String()
			}
		}
	}
	return out
}
