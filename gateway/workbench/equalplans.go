package workbench

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"encoding/json"

	"github.com/open-policy-agent/opa/v1/rego"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// equalizer is the work on one comparison.
type equalizer struct {
	*Pack
	ref    *reference
	o      EqualOptions
	out    *Equality
	routed []routed
}

// routed is one way of a message type from a role at an agency of one kind to
// a role at one of another, as a request that takes it.
type routed struct {
	in   facts.Input
	plan *policy.Plan
}

// route is one leg as the comparison reads it.
type route struct {
	Senders    []gateway.Role `json:"senders"`
	Recipients []gateway.Role `json:"recipients"`
}

// routes lists every way of every type. Urgency and agencies choose the leg.
func (e *equalizer) routes() error {
	var file struct {
		Routes map[gateway.MessageType][]route `json:"routes"`
	}
	raw, err := fs.ReadFile(e.tree, "data/routes.json")
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnequal, err)
	}
	seen := map[string]bool{}
	for _, typ := range slices.Sorted(maps.Keys(file.Routes)) {
		for _, leg := range file.Routes[typ] {
			for _, from := range leg.Senders {
				for _, to := range leg.Recipients {
					e.between(typ, from, to, seen)
				}
			}
		}
	}
	return nil
}

// between adds the ways of a type from one role to another.
func (e *equalizer) between(typ gateway.MessageType, from, to gateway.Role, seen map[string]bool) {
	for _, discloser := range e.Policy.KindsOf(from) {
		for _, actor := range e.Policy.KindsOf(to) {
			for k := range 8 {
				in := facts.Input{Type: typ, Initiative: gateway.ByDiscloser, Acute: k&1 > 0, SameAgency: k&2 > 0 && discloser == actor,
					Discloser: facts.Party{Kind: discloser, Role: from}, Actor: facts.Party{Kind: actor, Role: to}}
				in.Facts.Protected = k&4 > 0
				plan := e.Policy.PlanOf(&in)
				if plan == nil {
					continue
				}
				key := fmt.Sprint(in.Type, in.Discloser.Kind, in.Actor, plan.Leg, in.SameAgency, in.Facts.Protected)
				if !seen[key] {
					seen[key] = true
					e.routed = append(e.routed, routed{in, plan})
				}
			}
		}
	}
}

// parts names what a field's standing is made of in a plan. Each part is read by
// both joins from the same few tables, and from nothing else of the plan.
func (r *routed) parts() []string {
	in, out := &r.in, []string{}
	flow := fmt.Sprint("flow ", in.Discloser.Kind, in.Actor.Kind)
	for _, f := range r.plan.Fields {
		field := fmt.Sprint(in.Type, f.Name)
		out = append(out,
			fmt.Sprint("reach ", field, in.Facts.Protected),
			fmt.Sprint("origin ", field, in.Discloser.Kind),
			fmt.Sprint("cell ", in.Actor.Role, f.Effective, f.Subclass, in.Type, in.SameAgency),
			fmt.Sprint("leg ", field, r.plan.Leg),
			fmt.Sprint(flow, f.Name, f.Effective, f.Rules))
	}
	return out
}

// stood is how a field stands by the reference.
type stood struct {
	Effective    gateway.Class `json:"effective"`
	Locating     bool          `json:"locating"`
	Held         bool          `json:"held"`
	Public       bool          `json:"public"`
	Letter       string        `json:"letter"`
	Admitted     bool          `json:"admitted"`
	Restrictions []string      `json:"restrictions"`
	Tried        []string      `json:"tried"`
	ByHand       []string      `json:"by_hand"`
	Decided      []string      `json:"decided"`
}

// plans compares standings over plans that together have every part.
func (e *equalizer) plans(ctx context.Context) error {
	if err := e.routes(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range e.routed {
		r := &e.routed[i]
		fresh := false
		for _, part := range r.parts() {
			fresh = fresh || !seen[part]
			seen[part] = true
		}
		if !fresh || e.o.Plans > 0 && e.out.Plans >= e.o.Plans || len(e.out.Differences) > 0 {
			continue
		}
		if err := e.standings(ctx, r); err != nil {
			return err
		}
	}
	e.out.Parts = len(seen)
	return nil
}

// standings compares how the fields of one plan stand, ordinarily and in
// break-glass.
func (e *equalizer) standings(ctx context.Context, r *routed) error {
	e.out.Plans++
	ours := r.plan.Standings()
	for _, glass := range [][]string{{}, e.breaking()} {
		theirs, err := e.stand(ctx, r.in, glass)
		if err != nil {
			return err
		}
		if len(theirs) != len(r.plan.Fields) {
			e.differ("%s: %d fields, the reference has %d", r.in.Type, len(r.plan.Fields), len(theirs))
		}
		for i, f := range r.plan.Fields {
			e.out.Standings++
			if what := unequal(f, ours[i], theirs[f.Name], len(glass) > 0); what != "" {
				e.differ("%s.%s from %v to %v (leg %d, own %t, protected %t, glass %t): %s", r.in.Type, f.Name, r.in.Discloser, r.in.Actor,
					r.plan.Leg+1, r.in.SameAgency, r.in.Facts.Protected, len(glass) > 0, what)
			}
		}
	}
	return nil
}

// unequal names what the two say differently of a field, "" if nothing.
func unequal(f policy.PlannedField, ours policy.FieldStanding, theirs stood, glass bool) string {
	tried := ours.Tried
	if glass {
		tried = ours.Emergency
	}
	restrictions := slices.Sorted(slices.Values(ours.Restrictions))
	marked := func(mark map[string]bool, list []string) bool {
		return glass || !slices.ContainsFunc(ours.Tried, func(id string) bool { return mark[id] != slices.Contains(list, id) })
	}
	switch {
	case f.Effective != theirs.Effective || f.Locating != theirs.Locating:
		return "what it is"
	case f.Held != theirs.Held || f.Public != theirs.Public:
		return "what covers it"
	case f.Cell != theirs.Letter || f.Admitted != theirs.Admitted:
		return "ceiling and leg"
	case !slices.Equal(restrictions, slices.Sorted(slices.Values(theirs.Restrictions))):
		return "restrictions"
	case !slices.Equal(tried, theirs.Tried):
		return fmt.Sprintf("bases tried: %v, the reference %v", tried, theirs.Tried)
	case !marked(ours.ByHand, theirs.ByHand):
		return "what a person decides"
	case !marked(ours.Decided, theirs.Decided):
		return "what rests on a decision"
	}
	return ""
}

// breaking lists the adjustments of break-glass.
func (e *equalizer) breaking() []string {
	var out []string
	for _, p := range e.Policy.Provisions() {
		if p.Change == policy.Break {
			out = append(out, p.ID)
		}
	}
	return out
}

// stand asks the reference how fields stand when every basis is claimed.
func (e *equalizer) stand(ctx context.Context, in facts.Input, glass []string) (map[gateway.Field]stood, error) {
	for _, p := range e.Policy.Provisions() {
		in.Claimed = append(in.Claimed, p.Basis)
	}
	v, err := through[map[string]any](in)
	if err != nil {
		return nil, err
	}
	v["glass"] = glass
	res, err := e.ref.stand.Eval(ctx, rego.EvalInput(v))
	if err != nil || len(res) != 1 {
		return nil, fmt.Errorf("%w: the reference gave %d standings: %w", ErrUnequal, len(res), err)
	}
	return through[map[gateway.Field]stood](res[0].Bindings["x"])
}

// differ notes a difference; of many the first ones.
func (e *equalizer) differ(format string, args ...any) {
	if len(e.out.Differences) < 20 {
		e.out.Differences = append(e.out.Differences, fmt.Sprintf(format, args...))
	}
}
