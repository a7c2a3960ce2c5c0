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

// Remember remembers an empty verdict under a key.
func (p *Policy) Remember(key string) {
	if _, ok := p.engine.memo.get([]byte(key)); !ok {
		p.engine.memo.put([]byte(key), verdict{})
	}
}

// Remembers reports whether a key is remembered.
func (p *Policy) Remembers(key string) bool {
	_, ok := p.engine.memo.get([]byte(key))
	return ok
}

// Remembered returns how many verdicts are remembered.
func (p *Policy) Remembered() int {
	p.engine.memo.mu.Lock()
	defer p.engine.memo.mu.Unlock()
	return len(p.engine.memo.young) + len(p.engine.memo.old)
}

// Planned reports whether there is a plan for a role of an agency of one kind
// that gets a type from another over a leg, and how many plans were made.
func (p *Policy) Planned(typ gateway.MessageType, from, to gateway.Kind, role gateway.Role, leg int) (ok bool, made int) {
	ok = p.plans.of(planKey{Type: typ, Discloser: from, Actor: to, Role: role, Leg: leg}) != nil
	p.plans.made.Range(func(any, any) bool { made++; return true })
	return ok, made
}
