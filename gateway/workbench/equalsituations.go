package workbench

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// joining is a request with what holds in it.
type joining struct {
	in   facts.Input
	held map[string][]string
	plan *policy.Plan
}

// situations searches requests for situations that neither join was asked for
// yet, and compares both joins on each that has one.
func (e *equalizer) situations(ctx context.Context) error {
	kinds := e.kindsOfPlans()
	law := e.law()
	fields, messages := map[string]bool{}, map[string]bool{}
	total := e.o.Variants * len(kinds)
	for k := range e.o.Variants {
		for n, r := range kinds {
			if e.o.Inputs > 0 && e.out.Inputs >= e.o.Inputs || len(e.out.Differences) > 0 {
				break
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			j := law.joining(r, rand.New(rand.NewPCG(e.o.Seed+uint64(k), uint64(n))), k)
			if err := e.one(ctx, law, j, fields, messages); err != nil {
				return err
			}
			if e.out.Searched++; e.o.Progress != nil {
				e.o.Progress(e.out.Searched, total)
			}
		}
	}
	e.out.Situations, e.out.Messages = len(fields), len(messages)
	return nil
}

// one joins a request in Go, and by the reference too if anything in it is new.
func (e *equalizer) one(ctx context.Context, law *lawBook, j joining, fields, messages map[string]bool) error {
	d, err := e.Policy.Join(j.in, j.held)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnequal, err)
	}
	fresh := false
	for _, s := range law.fields(j) {
		fresh, fields[s] = fresh || !fields[s], true
	}
	s := law.message(j, d)
	if fresh, messages[s] = fresh || !messages[s], true; !fresh {
		return nil
	}
	e.out.Inputs++
	e.out.LastNew = e.out.Searched
	theirs, err := e.ref.ask(ctx, j.in, j.held)
	if err != nil {
		return err
	}
	if ours := answerOf(d); !ours.equal(theirs) {
		e.differ("%s from %v to %v:\n join      %+v\n reference %+v\n held %v\n input %+v", j.in.Type, j.in.Discloser, j.in.Actor, ours, theirs, j.held, j.in)
	}
	return nil
}

// kindsOfPlans picks plans that together have a field of each kind that a
// situation can distinguish.
func (e *equalizer) kindsOfPlans() []*routed {
	seen := map[string]bool{}
	var out []*routed
	for i := range e.routed {
		r := &e.routed[i]
		_, authority := r.plan.Excluded()
		fresh := false
		for k, s := range r.plan.Standings() {
			f := r.plan.Fields[k]
			kind := fmt.Sprint(r.plan.NamedOnly, authority, f.Held, f.Forbidden, f.Public, f.Cell, f.Admitted, f.Class == f.Effective,
				s.Restrictions, len(s.Tried), len(s.Emergency) > 0, s.ByHand, s.Decided, len(s.Unopened) > 0)
			fresh = fresh || !seen[kind]
			seen[kind] = true
		}
		if fresh {
			out = append(out, r)
		}
	}
	return out
}

// lawBook is what the search knows of the provisions.
type lawBook struct {
	sets      map[string][]*policy.Provision
	byID      map[string]*policy.Provision
	bases     []gateway.Basis
	authority map[gateway.Basis]bool // bases that reach authorities only
	lifted    []string               // cells that break-glass lifts
}

func (e *equalizer) law() *lawBook {
	l := &lawBook{sets: map[string][]*policy.Provision{}, byID: map[string]*policy.Provision{}, authority: map[gateway.Basis]bool{}}
	for _, p := range e.Policy.Provisions() {
		l.sets[p.Set], l.byID[p.ID] = append(l.sets[p.Set], p), p
		if p.Set == "grant" || p.Set == "never" {
			l.bases = append(l.bases, p.Basis)
			l.authority[p.Basis] = l.authority[p.Basis] || p.AuthorityOnly
		}
		if p.Change == policy.Break {
			l.lifted = p.LiftsCells
		}
	}
	slices.Sort(l.bases)
	l.bases = slices.Compact(l.bases)
	return l
}

// joining makes a request of a plan: each field in a situation of its own.
func (l *lawBook) joining(r *routed, random *rand.Rand, k int) joining {
	in := r.in
	in.Initiative, in.Facts.Asked = gateway.ByActor, true
	in.Default, in.Reason = random.IntN(2) == 0 && !r.plan.NamedOnly, random.IntN(3) > 0
	in.Consent, in.About = map[gateway.Class]facts.Standing{}, map[gateway.Field]bool{}
	in.Decision, in.FieldRelease = map[gateway.Basis]map[gateway.Field]facts.Standing{}, map[gateway.Basis]map[gateway.Field]facts.Standing{}
	in.Table = facts.Table{Checked: true, Blanked: [][]string{{}, {"c1"}}[random.IntN(2)]}
	in.Claimed = l.claims(r, random)
	likely := []facts.Standing{facts.InForce, facts.OutOfDate, facts.None}[k%3]
	standing := func() facts.Standing {
		return []facts.Standing{facts.InForce, facts.OutOfDate, facts.None, likely, likely}[random.IntN(5)]
	}
	for _, b := range r.plan.Bases {
		in.Decision[b], in.FieldRelease[b] = map[gateway.Field]facts.Standing{}, map[gateway.Field]facts.Standing{}
	}
	for _, f := range r.plan.Fields {
		for _, c := range []gateway.Class{f.Effective, f.Effective + "." + gateway.Class(f.Subclass)} {
			if random.IntN(2) == 0 && !strings.HasSuffix(string(c), ".") {
				in.Consent[c] = standing()
			}
		}
		if random.IntN(3) > 0 {
			in.Named = append(in.Named, f.Name)
		}
		if random.IntN(4) == 0 {
			in.About[f.Name] = random.IntN(2) == 0
		}
		for _, b := range r.plan.Bases {
			in.Decision[b][f.Name], in.FieldRelease[b][f.Name] = standing(), standing()
		}
	}
	slices.Sort(in.Named)
	return joining{in, l.holding(r, random), r.plan}
}

// claims picks what is claimed: nothing, all, the flow, what is excluded.
func (l *lawBook) claims(r *routed, random *rand.Rand) []gateway.Basis {
	excluded, _ := r.plan.Excluded()
	var out []gateway.Basis
	switch random.IntN(6) {
	case 0:
	case 1:
		out = slices.Clone(l.bases)
	case 2:
		out = slices.Clone(r.plan.Bases)
	case 3:
		out = slices.Clone(excluded)
	default:
		for _, b := range slices.Concat(r.plan.Bases, excluded) {
			if random.IntN(2) == 0 {
				out = append(out, b)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// holding picks which provisions hold, whether or not their conditions allow
// them together.
func (l *lawBook) holding(r *routed, random *rand.Rand) map[string][]string {
	held := map[string][]string{"stop": {}, "grant": {}, "by_hand": {}, "restriction": {}, "adjustment": {}, "obligation": {}}
	odds := map[string]int{"stop": 0, "grant": []int{50, 100, 100}[random.IntN(3)], "by_hand": []int{0, 0, 50}[random.IntN(3)],
		"restriction": []int{0, 0, 15, 60}[random.IntN(4)], "adjustment": 40, "obligation": []int{100, 60}[random.IntN(2)]}
	if random.IntN(40) == 0 {
		odds["stop"] = 10
	}
	for _, set := range []string{"stop", "grant", "by_hand", "restriction", "adjustment", "obligation"} {
		for _, p := range l.sets[set] {
			if random.IntN(100) < odds[set] && (p.Change != policy.Break || random.IntN(3) == 0) {
				held[set] = append(held[set], p.ID)
			}
		}
	}
	return held
}

// fields names the situation of each field of a request that is decided.
func (l *lawBook) fields(j joining) []string {
	var out []string
	glass := slices.ContainsFunc(j.held["adjustment"], func(id string) bool { return l.byID[id].Change == policy.Break })
	excluded, authority := j.plan.Excluded()
	private := !authority && slices.ContainsFunc(j.in.Claimed, func(b gateway.Basis) bool { return l.authority[b] })
	vain := slices.ContainsFunc(j.in.Claimed, func(b gateway.Basis) bool { return slices.Contains(excluded, b) })
	for i, s := range j.plan.Standings() {
		f := j.plan.Fields[i]
		named := slices.Contains(j.in.Named, f.Name)
		if j.plan.NamedOnly && !named {
			continue
		}
		about, declared := j.in.About[f.Name]
		lifted := glass && slices.Contains(l.lifted, f.Cell)
		overreach := slices.ContainsFunc(j.in.Claimed, func(b gateway.Basis) bool { return slices.Contains(s.Unopened, b) })
		out = append(out, fmt.Sprint(f.Held, f.Forbidden, l.steps(s, j.held["restriction"]), " ", l.said(j, f, s, glass, lifted), " ", declared, about,
			f.Public, f.Admitted, f.Named && !lifted, named, j.in.Default, j.in.Reason, private, vain || overreach, authority))
	}
	return out
}

// steps names the steps at which restrictions close a field, the first of
// each kind.
func (l *lawBook) steps(s policy.FieldStanding, held []string) string {
	first := map[string]string{}
	for _, id := range s.Restrictions {
		if !slices.Contains(held, id) {
			continue
		}
		step := l.byID[id].Step
		part := "after"
		if step < 6 {
			part = "before"
		} else if step < 9 {
			part = "unopened"
		}
		if first[part] == "" {
			first[part] = id
		}
	}
	if first["before"] != "" {
		return first["before"]
	}
	return first["unopened"] + "/" + first["after"]
}

// said names what the bases answer for a field, in order, up to the first that
// opens it. It is the third reading of section 16.4, for naming only.
func (l *lawBook) said(j joining, f policy.PlannedField, s policy.FieldStanding, glass, lifted bool) string {
	ids := s.Tried
	if glass {
		ids = s.Emergency
	}
	said := map[string]bool{}
	var order []string
	for _, id := range ids {
		p := l.byID[id]
		claimed := slices.Contains(j.in.Claimed, p.Basis)
		if !slices.Contains(j.held["grant"], id) || p.ClaimNeeded && !claimed && !glass {
			continue
		}
		a := l.answer(j, p, f, s, glass, lifted)
		if a == "opens" {
			return fmt.Sprintf("opens third=%t way=%s after=%d", p.ThirdParty != "", p.Way, len(order))
		}
		if !said[a] && a != "no" {
			order = append(order, fmt.Sprint(a, claimed))
		}
		said[a] = true
	}
	slices.Sort(order)
	return strings.Join(order, "+")
}

func (l *lawBook) answer(j joining, p *policy.Provision, f policy.PlannedField, s policy.FieldStanding, glass, lifted bool) string {
	hand := s.ByHand[p.ID] || slices.ContainsFunc(j.held["by_hand"], func(id string) bool { return l.byID[id].Basis == p.Basis })
	words := map[facts.Standing]string{facts.InForce: "opens", facts.OutOfDate: "stale", facts.None: "none", "": "none"}
	switch {
	case hand:
		return "hand"
	case p.Consent:
		best := cmp.Or(j.in.Consent[f.Effective], facts.None)
		if f.Subclass != "" && best != facts.InForce {
			best = cmp.Or(j.in.Consent[f.Effective+"."+gateway.Class(f.Subclass)], best)
		}
		if best != facts.InForce {
			return "consent " + string(best)
		}
	case s.Decided[p.ID]:
		if w := words[j.in.Decision[p.Basis][f.Name]]; w != "opens" {
			return "own " + w
		}
		return "opens"
	}
	if f.Decided && !lifted {
		if w := words[j.in.FieldRelease[p.Basis][f.Name]]; w != "opens" {
			return "release " + w
		}
	}
	return "opens"
}

// message names the situation of a request as a whole: what its answer tells
// of it, which adjustments hold, and what could still be opened.
func (l *lawBook) message(j joining, d policy.Decision) string {
	reasons := map[gateway.Reason]bool{}
	for _, w := range d.Withheld() {
		reasons[w.Reason] = true
	}
	var rank []string
	for _, r := range []gateway.Reason{d.Reason(), "BLK-STALE", "MANUAL", "NO-DECISION", "BLK-PUB"} {
		rank = append(rank, fmt.Sprint(r, reasons[r]))
	}
	adjusted := []string{}
	for _, id := range j.held["adjustment"] {
		adjusted = append(adjusted, string(l.byID[id].Change))
		if l.byID[id].Change == policy.Carry && len(d.Allowed()) > 0 {
			adjusted = append(adjusted, l.carried(l.byID[id], j, d)...)
		}
	}
	follows := "" // which obligations arise, where all are there to arise
	if len(j.held["obligation"]) == len(l.sets["obligation"]) {
		follows = fmt.Sprint(d.Obligations())
	}
	return fmt.Sprint(d.Outcome(), d.Stage() != "", rank, adjusted, len(d.Allowed()) > 0, len(d.SuppressedCells()), follows)
}

// carried names the situations of the fields that the carrier rule is about.
func (l *lawBook) carried(rule *policy.Provision, j joining, d policy.Decision) []string {
	seen := map[string]bool{}
	for _, f := range j.plan.Fields {
		if f.Class != rule.Class {
			continue
		}
		basis, ok := d.Allows(f.Name)
		why := slices.IndexFunc(d.Withheld(), func(w policy.Withheld) bool {
			return w.Field == f.Name && slices.Contains(rule.Reasons, w.Reason)
		})
		about, declared := j.in.About[f.Name]
		seen[fmt.Sprint("carry ", slices.Contains(rule.ExceptCells, f.Cell), f.Admitted, ok && basis != "", why >= 0, declared && !about)] = true
	}
	return slices.Sorted(maps.Keys(seen))
}
