// Package policy is the step of a release that decides: which fields of a
// message an official or a system may have, each on a legal basis, and why the
// others are withheld.
//
// The law stands in policies/, not here. A provision is one Rego rule that
// adds its id to a set (grant, stop, restriction, obligation …) when its
// conditions hold; the METADATA block above it is the only home of its
// statute, titles, the secrecy rules it opens and the fields it reaches. The
// engine (Open Policy Agent, as a library) evaluates the sets once per
// decision over a closed input ([facts.Input]), or remembers of each provision
// what it said to all that it reads of the input: no clock, no network, no
// personal data. This package joins them with the tables of the snapshot into
// one answer per field (domain, Sections 16.2 to 16.5): bases are tried in the
// order of the flow between the two agencies, and the first that opens every
// rule covering a field is the one recorded.
//
// Whatever goes wrong releases nothing: a name that no table knows, a set that
// is missing, an engine that errs or runs out of time, a released field without
// a registered basis are errors or a DENY. A [Decision] can be filled by this
// package only, keeps the input it was taken on and the digest of the policy
// that took it, so that it can be taken again years later.
//
// The package does not say where facts come from (package facts), what of a
// message is then left (package redact) or that the decision is written down
// first (package disclosure).
package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/facts"
	"sluss/gateway/snapshot"
)

// Errors of this package; test with errors.Is. None of them releases anything.
var (
	ErrTable      = errors.New("policy: malformed table")
	ErrProvision  = errors.New("policy: provision refused")
	ErrInput      = errors.New("policy: malformed input")
	ErrEvaluation = errors.New("policy: evaluation gave no decision")
)

// evaluationTime bounds one evaluation. The provisions of an approved snapshot
// take a fraction of a millisecond.
const evaluationTime = 2 * time.Second

// Policy is the policy of one snapshot, compiled. It never changes and may be
// used by any number of goroutines at once.
type Policy struct {
	digest    gateway.Digest
	tables    *tables
	constants constants
	register  *register
	engine    *engine
	plans     *plans
}

// Compile compiles the policy of a snapshot whose message types and tables a
// catalogue was loaded from, which is how they are known to hold.
func Compile(s snapshot.Snapshot, c *catalogue.Catalogue) (*Policy, error) {
	if s.Digest().IsZero() || c == nil || c.Snapshot() != s.Digest() {
		return nil, fmt.Errorf("%w: catalogue and provisions are not of one snapshot", ErrTable)
	}
	return Read(context.Background(), s.FS(), s.Digest())
}

// Read compiles the policy of a tree like policies/: provisions, data and
// message types, which nobody has checked otherwise. The digest is that of the
// snapshot which the tree is. Errors are [ErrTable] and [ErrProvision].
func Read(ctx context.Context, tree fs.FS, digest gateway.Digest) (*Policy, error) {
	t, err := readTables(tree)
	if err != nil {
		return nil, err
	}
	parsed, err := parseModules(tree)
	if err != nil {
		return nil, err
	}
	if err := checkLanguage(parsed, t); err != nil {
		return nil, err
	}
	modules, err := compileModules(parsed)
	if err != nil {
		return nil, err
	}
	r, err := readProvisions(modules)
	if err != nil {
		return nil, err
	}
	raw, err := readConstants(ctx, modules)
	if err != nil {
		return nil, err
	}
	c, err := parseConstants(raw)
	if err != nil {
		return nil, err
	}
	if err := checkReferences(t, r, c); err != nil {
		return nil, err
	}
	e, err := newEngine(ctx, modules, r, t.Catalogue)
	if err != nil {
		return nil, err
	}
	return &Policy{digest, t, c, r, e, &plans{planner: planner{t, r, c}}}, nil
}

// Digest returns the digest of the snapshot.
func (p *Policy) Digest() gateway.Digest { return p.digest }

// Provisions returns every provision, by set and id. The caller must not
// change them.
func (p *Policy) Provisions() []*Provision {
	var out []*Provision
	for _, set := range append([]string{setNever}, evaluated...) {
		out = append(out, p.register.sets[set]...)
	}
	return out
}

// Needs says what each legal basis asks of the recorded decision it rests on,
// which is what package facts must know to say how a decision stands.
func (p *Policy) Needs() map[gateway.Basis]facts.Need {
	out := map[gateway.Basis]facts.Need{}
	for _, g := range p.register.sets[setGrant] {
		need := facts.Need{}
		if g.Decision != nil {
			need = facts.Need{Kind: g.Decision.Kind, Facts: g.Decision.Facts, Ground: g.Decision.Ground}
		}
		if old, ok := out[g.Basis]; !ok || old.Kind == "" {
			out[g.Basis] = need
		}
	}
	return out
}

// Decide decides on what is known of one question. Whatever cannot be decided
// is an error, and nothing may then be released.
func (p *Policy) Decide(ctx context.Context, k facts.Known) (Decision, error) {
	if k.IsZero() {
		return Decision{}, fmt.Errorf("%w: nothing was asked", ErrInput)
	}
	return p.DecideInput(ctx, k.Input())
}

// DecideInput decides on an input: the same decision, whenever it is taken.
// The caller must not change what in points to while it runs. Errors are
// [ErrInput] and [ErrEvaluation]; with an error the Decision is zero.
func (p *Policy) DecideInput(ctx context.Context, in facts.Input) (Decision, error) {
	if err := checkInput(&in); err != nil {
		return Decision{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, evaluationTime)
	defer cancel()
	v, err := p.engine.ask(ctx, &in)
	if err != nil {
		return Decision{}, err
	}
	if err := ctx.Err(); err != nil {
		return Decision{}, fmt.Errorf("%w: %w", ErrEvaluation, err)
	}
	return p.joined(&in, v)
}

// joined joins a verdict with the tables.
func (p *Policy) joined(in *facts.Input, v verdict) (Decision, error) {
	d := Decision{snapshot: p.digest, input: cloneInput(*in)}
	j := &join{Policy: p, in: in, v: v}
	if stop := j.firstStop(); stop != nil {
		j.stopped(&d, stop)
		return p.checked(d)
	}
	if j.plan = p.planOf(in); j.plan == nil {
		return Decision{}, fmt.Errorf("%w: no plan for a route that the provisions let pass", ErrEvaluation)
	}
	for _, a := range j.holding(setAdjustment) {
		if a.Change == Break {
			j.glass = a
		}
	}
	j.decide(p.tables.Types[in.Type].NamedOnly)
	j.finish(&d)
	return p.checked(d)
}

// planOf finds the plan of the first leg that fits.
func (p *Policy) planOf(in *facts.Input) *plan {
	for i, l := range p.tables.Routes[in.Type] {
		if slices.Contains(l.Senders, in.Discloser.Role) && slices.Contains(l.Recipients, in.Actor.Role) &&
			(l.Urgency == "" || in.Acute) && (!l.SameAgency || in.SameAgency) {
			return p.plans.of(planKey{in.Type, in.Discloser.Kind, in.Actor.Kind, in.Actor.Role, i, in.SameAgency, in.Facts.Protected})
		}
	}
	return nil
}

// checked looks at a decision once more before it leaves: nothing is released
// without a registered basis, and nothing at all unless the outcome releases.
func (p *Policy) checked(d Decision) (Decision, error) {
	for _, r := range d.released {
		if r.by == nil || r.by.Basis == "" || r.by.Way == Never || p.register.index[setGrant][r.by.ID] >= len(p.register.sets[setGrant]) ||
			p.register.sets[setGrant][p.register.index[setGrant][r.by.ID]] != r.by {
			return Decision{}, fmt.Errorf("%w: a field without a registered basis", ErrEvaluation)
		}
	}
	withheldWithout := slices.ContainsFunc(d.withheld, func(w Withheld) bool { return w.Reason == "" || w.Shown == "" })
	if d.outcome == "" || d.outcome.Releases() != (len(d.released) > 0) || d.outcome.Releases() != (d.reason == "") || withheldWithout {
		return Decision{}, fmt.Errorf("%w: outcome %q does not fit its fields", ErrEvaluation, d.outcome)
	}
	return d, nil
}
