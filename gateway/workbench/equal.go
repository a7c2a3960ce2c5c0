package workbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// ErrUnequal says that the two joins could not be compared.
var ErrUnequal = errors.New("workbench: joins cannot be compared")

// Equality is what a comparison of the join in Go with the join of
// policies/reference covered.
//
// The joins are equal on every input if they are on every factor of one,
// because each reads a request through these factors only:
//
//   - how a field stands before the request's facts: its effective class, who
//     holds it, the rules that cover it, the cell, the leg, the restrictions
//     and bases that reach it, in order. That depends on parts of the plan
//     (type, field, protected; kind of the discloser; role; leg; flow), each
//     of which is compared in full at least once: Standings.
//   - the situation of one field, given how it stands: which restriction
//     closes it, what the bases answer in order, whether it is public,
//     admitted, asked for, named with a reason, about others, claimed in vain.
//     No field's situation looks at another field, so that a message compares
//     as many situations as it has fields: Situations.
//   - the situation of the message, given its fields' answers: which stage
//     stops it, break-glass, what is carried and kept together, the set of
//     reasons and bases that result and obligations look at: Messages.
//
// Which provisions hold is given to both joins, so that what today's conditions
// never bring about together is covered as well.
type Equality struct {
	Plans      int `json:"plans"`      // whose fields' standings were compared
	Parts      int `json:"parts"`      // of plans, distinct, that occur in them: all there are
	Standings  int `json:"standings"`  // of fields, compared
	Searched   int `json:"searched"`   // inputs that were looked through for situations
	Situations int `json:"situations"` // of one field, distinct
	Messages   int `json:"messages"`   // situations of a message, distinct
	Inputs     int `json:"inputs"`     // on which both joins were run
	// LastNew is the place among those searched at which a new situation was
	// last found.
	LastNew     int      `json:"last_new"`
	Differences []string `json:"differences,omitempty"`
}

// EqualOptions says how far situations are searched for.
type EqualOptions struct {
	Variants int // of each kind of plan; default 60
	Seed     uint64
	// Plans bounds in how many plans the standings of fields are compared, and
	// Inputs on how many inputs both joins are run; 0 for no bound.
	Plans, Inputs int
	// Progress is told how far the comparison has come.
	Progress func(done, total int)
}

// reference decides by policies/reference.
type reference struct{ decide, stand rego.PreparedEvalQuery }

// Equal compares the two joins of a pack.
func Equal(ctx context.Context, p *Pack, o EqualOptions) (*Equality, error) {
	if p.tree == nil {
		return nil, fmt.Errorf("%w: a bundle holds no reference", ErrUnequal)
	}
	if o.Variants == 0 {
		o.Variants = 60
	}
	ref, err := newReference(ctx, p)
	if err != nil {
		return nil, err
	}
	e := &equalizer{Pack: p, ref: ref, out: &Equality{}, o: o}
	if err := e.plans(ctx); err != nil {
		return nil, err
	}
	if err := e.situations(ctx); err != nil {
		return nil, err
	}
	return e.out, nil
}

// holdingQuery asks the reference with what the provisions are said to hold.
const holdingQuery = `x := data.reference.decision with data.provisions.decision as input.held`

// standingModule says how the fields of a message stand in the reference when
// every basis is claimed and holds.
const standingModule = `package standing

import data.reference

held := {"stop": [], "grant": [id | some id, _ in data.register.grant], "by_hand": [], "restriction": [], "adjustment": input.glass, "obligation": []}

by_hand(t, name) if reference.decided_by_hand(t, data.register.grant[t.id], name) with data.provisions.decision as held

used(_, _) if count(input.glass) == 0

used(t, name) if {
	not by_hand(t, name)
	not reference.decided(data.register.grant[t.id], name)
}

tries := t if { t := reference.tries with data.provisions.decision as held }

tried(t, name) if reference.tried(t, data.register.grant[t.id], name) with data.provisions.decision as held

fields[name] := {
	"effective": reference.effective(name),
	"locating": count([1 | reference.locating(name)]) > 0,
	"held": count([1 | reference.rules(name)]) > 0,
	"public": count([1 | reference.public(name)]) > 0,
	"letter": concat("", [l | l := reference.letter(name)]),
	"admitted": count([1 | reference.admitted(name)]) > 0,
	"restrictions": [id | some id, p in data.register.restriction; reference.reaches(p, name)],
	"tried": [t.id | some t in tries; tried(t, name); used(t, name)],
	"by_hand": [t.id | some t in tries; by_hand(t, name)],
	"decided": [id | some id, p in data.register.grant; reference.decided(p, name)],
} if {
	some name, _ in data.catalogue.types[input.type].fields
}
`

// newReference prepares the reference over the tables and the register.
func newReference(ctx context.Context, p *Pack) (*reference, error) {
	doc, err := referenceDocument(p)
	if err != nil {
		return nil, err
	}
	base := []func(*rego.Rego){rego.Store(inmem.NewFromObject(doc))}
	for _, pattern := range []string{"provisions/*.rego", "reference/*.rego"} {
		names, err := fs.Glob(p.tree, pattern)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnequal, err)
		}
		for _, name := range names {
			raw, err := fs.ReadFile(p.tree, name)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrUnequal, err)
			}
			if !strings.HasSuffix(name, "_test.rego") {
				base = append(base, rego.Module(name, string(raw)))
			}
		}
	}
	base = append(base, rego.Module("standing.rego", standingModule))
	r := &reference{}
	if r.decide, err = rego.New(append(base, rego.Query(holdingQuery))...).PrepareForEval(ctx); err == nil {
		r.stand, err = rego.New(append(base, rego.Query("x := data.standing.fields"))...).PrepareForEval(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnequal, err)
	}
	return r, nil
}

// referenceDocument is the tables and the register of provisions.
func referenceDocument(p *Pack) (map[string]any, error) {
	doc := map[string]any{}
	names, err := fs.Glob(p.tree, "data/*.json")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnequal, err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(p.tree, name)
		if err == nil {
			err = json.Unmarshal(raw, &doc)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrUnequal, name, err)
		}
	}
	register := map[string]map[string]any{"grant": {}, "never": {}}
	for _, provision := range p.Policy.Provisions() {
		v, err := through[any](provision)
		if err != nil {
			return nil, err
		}
		if register[provision.Set] == nil {
			register[provision.Set] = map[string]any{}
		}
		register[provision.Set][provision.ID] = emptied(v)
	}
	plain, err := through[any](register)
	doc["register"] = plain
	return doc, err
}

// emptied writes lists that are not given as empty.
func emptied(v any) any {
	switch v := v.(type) {
	case nil:
		return []any{}
	case map[string]any:
		for k, e := range v {
			v[k] = emptied(e)
		}
	case []any:
		for i, e := range v {
			v[i] = emptied(e)
		}
	}
	return v
}

// through converts by way of JSON.
func through[T any](from any) (to T, err error) {
	raw, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, &to)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrUnequal, err)
	}
	return to, err
}

// joinedAnswer is a decision in the form of policies/reference.
type joinedAnswer struct {
	Outcome     gateway.Outcome                  `json:"outcome"`
	Reason      gateway.Reason                   `json:"reason"`
	Allowed     map[gateway.Field]gateway.Basis  `json:"allowed"`
	Withheld    map[gateway.Field]gateway.Reason `json:"withheld"`
	Suppressed  []string                         `json:"suppressed"`
	Obligations []gateway.Obligation             `json:"obligations"`
}

func answerOf(d policy.Decision) joinedAnswer {
	a := joinedAnswer{Outcome: d.Outcome(), Reason: d.Reason(), Suppressed: d.SuppressedCells(), Obligations: d.Obligations(),
		Allowed: map[gateway.Field]gateway.Basis{}, Withheld: map[gateway.Field]gateway.Reason{}}
	for _, f := range d.Allowed() {
		a.Allowed[f.Field] = f.Basis
	}
	for _, f := range d.Withheld() {
		a.Withheld[f.Field] = f.Reason
	}
	return a
}

// equal reports whether two answers are the same.
func (a joinedAnswer) equal(b joinedAnswer) bool {
	slices.Sort(a.Obligations)
	slices.Sort(b.Obligations)
	return a.Outcome == b.Outcome && a.Reason == b.Reason && maps.Equal(a.Allowed, b.Allowed) && maps.Equal(a.Withheld, b.Withheld) &&
		slices.Equal(a.Suppressed, b.Suppressed) && slices.Equal(a.Obligations, b.Obligations)
}

// ask decides by the reference as if the provisions listed held.
func (r *reference) ask(ctx context.Context, in facts.Input, held map[string][]string) (joinedAnswer, error) {
	v, err := through[map[string]any](in)
	if err != nil {
		return joinedAnswer{}, err
	}
	sets := map[string]any{}
	for set, ids := range held {
		sets[set] = append([]string{}, ids...)
	}
	v["held"] = sets
	res, err := r.decide.Eval(ctx, rego.EvalInput(v))
	if err != nil || len(res) != 1 {
		return joinedAnswer{}, fmt.Errorf("%w: the reference gave %d decisions: %w", ErrUnequal, len(res), err)
	}
	return through[joinedAnswer](res[0].Bindings["x"])
}
