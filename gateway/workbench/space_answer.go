package workbench

import (
	"slices"

	"sluss/gateway"
	"sluss/gateway/policy"
)

// answers asks the join, under one verdict, for every basis of the flow, and
// then applies what the fields mean as a whole.
func (g *group) answers(v policy.Verdict) []found {
	var all []found
	bare := map[gateway.Basis][]policy.Answer{}
	for _, basis := range g.plan.Bases {
		for _, st := range g.requests(basis) {
			in := g.request(st)
			g.Covered.Joins++
			for i, a := range g.plan.Answers(&in, v) {
				if a.By != nil {
					all = add(all, found{row: row{field: i, by: a.By, decision: a.Decision, lifted: a.Lifted}})
				}
				if a.Reason == policy.ByHand && g.plan.Fields[i].Admitted {
					all = add(all, found{row: row{field: i}, hand: basis})
				}
			}
		}
		in := g.request(standings{basis: basis})
		bare[basis] = g.plan.Answers(&in, v)
	}
	for _, rule := range g.plan.Adjustments(policy.Carry, v) {
		all = g.carry(rule, all, bare)
	}
	for _, rule := range g.plan.Adjustments(policy.Keep, v) {
		if !slices.ContainsFunc(all, func(f found) bool { return f.by != nil && g.plan.Fields[f.field].Class == rule.Class }) {
			all = slices.DeleteFunc(all, func(f found) bool { return f.by != nil })
		}
	}
	in := g.base
	return slices.DeleteFunc(all, func(f found) bool { return f.by != nil && g.plan.Guard(f.field, &in, v) != "" })
}

func add(all []found, f found) []found {
	if slices.ContainsFunc(all, func(o found) bool {
		return o.field == f.field && o.by == f.by && o.decision == f.decision && o.hand == f.hand && o.carried == f.carried
	}) {
		return all
	}
	return append(all, f)
}

// carry adds what leaves by the carrier rule: a field that nothing opens by
// itself, on the basis of any one field of another class, since a request can
// name just those two.
func (g *group) carry(rule *policy.Provision, all []found, bare map[gateway.Basis][]policy.Answer) []found {
	for _, other := range slices.Clone(all) {
		if other.by == nil || g.plan.Fields[other.field].Class == rule.Class {
			continue
		}
		for i, f := range g.plan.Fields {
			a := bare[other.by.Basis][i]
			mayName := slices.Contains(g.named, f.Name)
			if a.By == nil && g.plan.MayCarry(rule, other.by, i, a.Reason) && (mayName || !f.Named && g.value(g.at, "default") == true) {
				all = add(all, found{row: row{field: i, by: other.by, carried: true}})
			}
		}
	}
	return all
}
