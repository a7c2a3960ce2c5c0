package policy

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// Variant returns the policy that p would be with other tables, read from
// tree, and with the METADATA of one provision changed; id "" changes none. The
// rules themselves stay, and with them every verdict that p remembers, so that
// a workbench can try hundreds of changes to the tables in seconds. What the
// gateway would refuse is refused: [ErrTable], [ErrProvision]. Tables that the
// rules read (data.catalogue) cannot be changed this way.
func (p *Policy) Variant(tree fs.FS, id string, change func(*Provision)) (*Policy, error) {
	t, err := readTables(tree)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(t.Catalogue, p.tables.Catalogue) {
		return nil, fmt.Errorf("%w: the provisions read the catalogue", ErrTable)
	}
	return p.variant(t, id, change)
}

// VariantOf is [Policy.Variant] with the tables that p has.
func (p *Policy) VariantOf(id string, change func(*Provision)) (*Policy, error) {
	return p.variant(p.tables, id, change)
}

func (p *Policy) variant(t *tables, id string, change func(*Provision)) (*Policy, error) {
	var all []*Provision
	for _, set := range p.register.sets {
		for _, provision := range set {
			if provision.ID == id {
				c, err := provision.clone()
				if err != nil {
					return nil, err
				}
				change(c)
				if missing := c.missing(); missing != "" {
					return nil, fmt.Errorf("%w: %s %q has no %s", ErrProvision, c.Set, c.ID, missing)
				}
				provision = c
			}
			all = append(all, provision)
		}
	}
	r, err := newRegister(all)
	if err != nil {
		return nil, err
	}
	if err := checkReferences(t, r, p.constants); err != nil {
		return nil, err
	}
	return &Policy{p.digest, t, p.constants, r, p.engine, &plans{planner: planner{t, r, p.constants}}}, nil
}

// clone copies a provision with all it points to.
func (p *Provision) clone() (*Provision, error) {
	raw, err := json.Marshal(p)
	c := &Provision{Set: p.Set, Description: p.Description}
	if err == nil {
		err = json.Unmarshal(raw, c)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: copying %s: %w", ErrProvision, p.ID, err)
	}
	return c, nil
}

// Trip is a message type on its way from an agency of one kind to a role at an
// agency of another, or of the same.
type Trip struct {
	Type             gateway.MessageType
	Discloser, Actor gateway.Kind
	Role             gateway.Role
	Own              bool // the same agency
}

// Standings returns for every plan that a request can fall under, and whose
// trip is wanted, a digest of all that the join reads of it and of the METADATA
// behind it. Two policies of the same rules, constants, adjustments and
// obligations whose standings are equal decide every input alike. A basis
// whose rule can hold in no request of a trip is left out: holds says so.
func (p *Policy) Standings(wanted func(Trip) bool, holds func(grant string, t Trip) bool) map[string]gateway.Digest {
	out := map[string]gateway.Digest{}
	for _, key := range p.plans.keys() {
		trip := Trip{key.Type, key.Discloser, key.Actor, key.Role, key.Own}
		if !wanted(trip) {
			continue
		}
		var b strings.Builder
		made := p.plans.plan(key, p.tables.Types[key.Type], &p.tables.Routes[key.Type][key.Leg])
		p.standing(&b, key, made, func(c candidate) bool { return holds(c.ID, trip) })
		out[fmt.Sprint(key)] = gateway.Digest(sha256.Sum256([]byte(b.String())))
	}
	return out
}

// keys lists every key that a request can fall under.
func (p *plans) keys() []planKey {
	var keys []planKey
	for typ, legs := range p.Routes {
		for i := range legs {
			for _, role := range legs[i].Recipients {
				for _, actor := range p.kindsOf(role) {
					for discloser := range p.Kinds {
						key := planKey{Type: typ, Discloser: discloser, Actor: actor, Role: role, Leg: i}
						if p.Types[typ] == nil || !p.carries(&legs[i], key) {
							continue
						}
						for _, own := range []bool{false, true} {
							if own && actor != discloser {
								continue
							}
							key.Own, key.Protected = own, false
							keys = append(keys, key)
							key.Protected = true
							keys = append(keys, key)
						}
					}
				}
			}
		}
	}
	return keys
}

// standing writes what the join reads of a plan.
func (p *Policy) standing(b *strings.Builder, key planKey, made *plan, holds func(candidate) bool) {
	fmt.Fprintln(b, made.authority, slices.Sorted(maps.Keys(made.excluded)))
	if !made.authority {
		for _, basis := range slices.Sorted(maps.Keys(p.register.byBasis)) {
			fmt.Fprint(b, basis, p.register.basisSays(basis, func(p *Provision) bool { return p.AuthorityOnly }), " ")
		}
	}
	opening := map[string]*Provision{} // what may open a field, and so carry another
	for i := range made.fields {
		f := &made.fields[i]
		fmt.Fprintln(b, f.Name, f.held, f.Forbidden)
		if !f.held || f.Forbidden {
			continue
		}
		fmt.Fprintln(b, f.Class, f.effective, f.public, f.cell, f.named, f.decided, f.admitted, f.Cells, f.restrictions,
			slices.Sorted(maps.Keys(f.overreach)))
		p.tried(b, f, f.candidates, holds, opening)
		p.tried(b, f, f.emergency, holds, opening)
	}
	for _, id := range slices.Sorted(maps.Keys(opening)) {
		for i := range made.fields {
			if f := &made.fields[i]; f.held {
				fmt.Fprint(b, id, f.Name, opensAll(opening[id], f.Origin[key.Discloser]), " ")
			}
		}
	}
}

// tried writes what is tried for a field. The consents count where a consent is
// tried, and what a decision must say where one is needed.
func (p *Policy) tried(b *strings.Builder, f *fieldPlan, list []candidate, holds func(candidate) bool, opening map[string]*Provision) {
	for _, c := range list {
		if !holds(c) {
			continue
		}
		opening[c.ID] = c.Provision
		fmt.Fprint(b, c.ID, c.Basis, c.ClaimNeeded, c.Consent, c.ThirdParty, c.manual, c.decided, c.byHand)
		if c.Consent {
			fmt.Fprint(b, f.consents)
		}
		if c.decided && c.Decision != nil {
			fmt.Fprint(b, *c.Decision)
		}
		fmt.Fprintln(b)
	}
}

// Join decides as if exactly the provisions held that are listed, by set and
// id. A workbench compares it with the join of policies/reference over all that
// a join can distinguish, whichever conditions the provisions of today have.
func (p *Policy) Join(in facts.Input, held map[string][]string) (Decision, error) {
	if err := checkInput(&in); err != nil {
		return Decision{}, err
	}
	v := make(verdict, len(evaluated))
	for _, set := range evaluated {
		v[set] = make([]bool, len(p.register.sets[set]))
		for _, id := range held[set] {
			i, ok := p.register.index[set][id]
			if !ok {
				return Decision{}, fmt.Errorf("%w: no provision %q in %q", ErrInput, id, set)
			}
			v[set][i] = true
		}
	}
	return p.joined(&in, v)
}

// FieldStanding is what a field's plan says besides what [PlannedField] does:
// the ids of the restrictions that have it in reach, and of the provisions
// that are tried for it in order; of the latter, which a person decides and
// which rest on a decision of their own.
type FieldStanding struct {
	Restrictions, Tried, Emergency []string
	ByHand, Decided                map[string]bool
	Unopened                       []gateway.Basis // of the flow, and claimed in vain for the field
}

// Standings returns the standing of each field of a plan, in its order.
func (l *Plan) Standings() []FieldStanding {
	out := make([]FieldStanding, len(l.plan.fields))
	for i := range l.plan.fields {
		f := &l.plan.fields[i]
		s := FieldStanding{ByHand: map[string]bool{}, Decided: map[string]bool{}, Unopened: slices.Sorted(maps.Keys(f.overreach))}
		for _, r := range f.restrictions {
			s.Restrictions = append(s.Restrictions, l.policy.register.sets[setRestriction][r].ID)
		}
		if f.held {
			for _, c := range f.candidates {
				s.Tried = append(s.Tried, c.ID)
				s.ByHand[c.ID], s.Decided[c.ID] = c.manual, c.decided
			}
			for _, c := range f.emergency {
				s.Emergency = append(s.Emergency, c.ID)
			}
		}
		out[i] = s
	}
	return out
}

// Excluded returns what law excludes in the flow, and whether the recipient is
// an authority.
func (l *Plan) Excluded() (bases []gateway.Basis, authority bool) {
	return slices.Sorted(maps.Keys(l.plan.excluded)), l.plan.authority
}
