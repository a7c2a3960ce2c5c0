package policy

import (
	"context"

	"github.com/open-policy-agent/opa/v1/rego"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// Verdicts evaluates an input from memory, afresh and with the engine's rule
// index switched off.
func (p *Policy) Verdicts(ctx context.Context, in facts.Input) (remembered, fresh, unindexed map[string][]bool, err error) {
	r, err := p.engine.ask(ctx, &in)
	if err != nil {
		return nil, nil, nil, err
	}
	f, err := p.engine.evaluate(ctx, &in)
	if err != nil {
		return nil, nil, nil, err
	}
	u, err := p.engine.evaluate(ctx, &in, rego.EvalRuleIndexing(false))
	return r, f, u, err
}

// MemoSize is how much a generation of the memory holds.
const MemoSize = memoSize

// Remember remembers nothing under a key of the first group.
func (p *Policy) Remember(key string) {
	if _, ok := p.memo().get([]byte(key)); !ok {
		p.memo().put([]byte(key), nil)
	}
}

func (p *Policy) memo() *memo { return &p.engine.recall.groups[0].memo }

// Reads returns, for every provision, what its verdict is remembered by.
func (p *Policy) Reads() map[string][]string {
	out := map[string][]string{}
	r := p.engine.recall
	for _, g := range r.groups {
		for _, place := range g.places {
			for _, set := range evaluated {
				if i := place - r.start[set]; i >= 0 && i < len(p.register.sets[set]) {
					out[set+" "+p.register.sets[set][i].ID] = g.paths
				}
			}
		}
	}
	return out
}

// Foreseen reports whether every provision was asked before on what it reads.
func (p *Policy) Foreseen(in facts.Input) bool {
	_, ok := p.engine.recall.get(p.engine.recall.question(&in))
	return ok
}

// Remembers reports whether a key is remembered.
func (p *Policy) Remembers(key string) bool {
	_, ok := p.memo().get([]byte(key))
	return ok
}

// Remembered returns how many verdicts are remembered.
func (p *Policy) Remembered() int {
	p.memo().mu.Lock()
	defer p.memo().mu.Unlock()
	return len(p.memo().young) + len(p.memo().old)
}

// Planned reports whether there is a plan for a role of an agency of one kind
// that gets a type from another over a leg, and how many plans were made.
func (p *Policy) Planned(typ gateway.MessageType, from, to gateway.Kind, role gateway.Role, leg int) (ok bool, made int) {
	ok = p.plans.of(planKey{Type: typ, Discloser: from, Actor: to, Role: role, Leg: leg}) != nil
	p.plans.made.Range(func(any, any) bool { made++; return true })
	return ok, made
}
