package policy

import (
	"maps"
	"slices"

	"sluss/gateway"
)

// Roles lists the roles of the snapshot's tables, sorted.
func (p *Policy) Roles() []gateway.Role { return slices.Sorted(maps.Keys(p.tables.Roles)) }

// Kinds lists the kinds of agency, sorted.
func (p *Policy) Kinds() []gateway.Kind { return slices.Sorted(maps.Keys(p.tables.Kinds)) }

// KindsOf lists the kinds of agency that have a role, sorted.
func (p *Policy) KindsOf(r gateway.Role) []gateway.Kind {
	return slices.Sorted(slices.Values(p.plans.kindsOf(r)))
}

// Purposes lists the purposes that the provisions know, sorted.
func (p *Policy) Purposes() []gateway.Purpose {
	purposes, _ := p.tables.Catalogue["purposes"].(map[string]any)
	var out []gateway.Purpose
	for _, name := range slices.Sorted(maps.Keys(purposes)) {
		out = append(out, gateway.Purpose(name))
	}
	return out
}

// Literals lists the words that a provision may compare a member of the input
// with ("input.values.transfer_status"), sorted.
func (p *Policy) Literals(member string) []string {
	return slices.Sorted(maps.Keys(p.tables.literals()[member]))
}

// Classes lists the data classes, sorted.
func (p *Policy) Classes() []gateway.Class { return slices.Sorted(maps.Keys(p.tables.Classes)) }
