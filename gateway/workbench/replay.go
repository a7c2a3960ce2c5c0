package workbench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// ErrReplay says that a past decision cannot be taken again.
var ErrReplay = errors.New("workbench: past decision")

// Past is one decision that was taken, as the disclosure log holds it.
type Past struct {
	Index    uint64         // of the entry, or the line
	Snapshot gateway.Digest // the law that decided; zero if nobody says
	Input    []byte         // the closed input, JSON
	Answer   *Answered      // what was decided; nil if nobody says
}

// Answered is what a decision said: all that the log holds of it.
type Answered struct {
	Outcome     gateway.Outcome                  `json:"outcome"`
	Reason      gateway.Reason                   `json:"reason,omitempty"`
	Allowed     map[gateway.Field]gateway.Basis  `json:"allowed,omitempty"`
	Withheld    map[gateway.Field]gateway.Reason `json:"withheld,omitempty"` // true reasons
	Suppressed  []string                         `json:"suppressed_cells,omitempty"`
	Obligations []gateway.Obligation             `json:"obligations,omitempty"`
}

// answered puts a decision into the form of the log.
func answered(d policy.Decision) Answered {
	a := Answered{Outcome: d.Outcome(), Reason: d.Reason(), Suppressed: d.SuppressedCells(), Obligations: d.Obligations(),
		Allowed: map[gateway.Field]gateway.Basis{}, Withheld: map[gateway.Field]gateway.Reason{}}
	for _, f := range d.Allowed() {
		a.Allowed[f.Field] = f.Basis
	}
	for _, f := range d.Withheld() {
		a.Withheld[f.Field] = f.Reason
	}
	return a
}

// Difference is what a draft changes in one decision.
type Difference struct {
	Before gateway.Outcome                     `json:"before"`
	After  gateway.Outcome                     `json:"after"`
	Opened map[gateway.Field]gateway.Basis     `json:"opened,omitempty"`
	Closed map[gateway.Field]gateway.Reason    `json:"closed,omitempty"`
	Basis  map[gateway.Field][2]gateway.Basis  `json:"basis,omitempty"`
	Reason map[gateway.Field][2]gateway.Reason `json:"reason,omitempty"`
	Cells  []string                            `json:"cells_opened,omitempty"`
	Hidden []string                            `json:"cells_closed,omitempty"`
	Duties map[string][]gateway.Obligation     `json:"obligations,omitempty"` // added, dropped
}

// none reports whether nothing differs.
func (d Difference) none() bool {
	return d.Before == d.After && len(d.Opened)+len(d.Closed)+len(d.Basis)+len(d.Reason)+len(d.Cells)+len(d.Hidden)+len(d.Duties) == 0
}

// compare compares an answer with the one before it.
func compare(before, after Answered) Difference {
	d := Difference{Before: before.Outcome, After: after.Outcome}
	for f, b := range after.Allowed {
		switch was, ok := before.Allowed[f]; {
		case !ok:
			d.Opened = put(d.Opened, f, b)
		case was != b:
			d.Basis = put(d.Basis, f, [2]gateway.Basis{was, b})
		}
	}
	for f := range before.Allowed {
		if _, ok := after.Allowed[f]; !ok {
			d.Closed = put(d.Closed, f, cmp.Or(after.Withheld[f], after.Reason))
		}
	}
	for f, r := range after.Withheld {
		if was, ok := before.Withheld[f]; ok && was != r {
			d.Reason = put(d.Reason, f, [2]gateway.Reason{was, r})
		}
	}
	if before.Reason != after.Reason {
		d.Reason = put(d.Reason, "", [2]gateway.Reason{before.Reason, after.Reason})
	}
	if before.Outcome.Releases() && after.Outcome.Releases() {
		d.Cells, d.Hidden = without(before.Suppressed, after.Suppressed), without(after.Suppressed, before.Suppressed)
	}
	if more := without(after.Obligations, before.Obligations); len(more) > 0 {
		d.Duties = put(d.Duties, "added", more)
	}
	if less := without(before.Obligations, after.Obligations); len(less) > 0 {
		d.Duties = put(d.Duties, "dropped", less)
	}
	return d
}

// without returns what is in a and not in b.
func without[E comparable](a, b []E) []E {
	var out []E
	for _, e := range a {
		if !slices.Contains(b, e) {
			out = append(out, e)
		}
	}
	return out
}

// ReplayGroup is decisions alike that a draft changes in the same way.
type ReplayGroup struct {
	Count     int                 `json:"count"`  // decisions
	Inputs    int                 `json:"inputs"` // different inputs among them
	First     uint64              `json:"first"`  // entry or line of the first one
	Actor     gateway.Role        `json:"actor"`
	Discloser gateway.Role        `json:"discloser"`
	Type      gateway.MessageType `json:"type"`
	Purpose   gateway.Purpose     `json:"purpose"`
	Difference
}

// Replayed is what a draft would have made of past decisions.
type Replayed struct {
	Decisions int `json:"decisions"`
	Inputs    int `json:"inputs"` // different ones
	Same      int `json:"same"`
	// Decisions in which something differs; one can be among several of these.
	Opened         int `json:"opened"`
	Closed         int `json:"closed"`
	BasisChanged   int `json:"basis_changed"`
	OutcomeChanged int `json:"outcome_changed"`
	OnlyReasons    int `json:"only_reasons"` // only reasons or obligations differ
	// Decisions that were taken by the very law that is replayed: each must come
	// out as it did.
	Reproduced    int           `json:"reproduced"`
	NotReproduced int           `json:"not_reproduced"`
	Groups        []ReplayGroup `json:"groups"` // the changes, the most frequent first
}

// ReplayOptions configure a replay.
type ReplayOptions struct {
	// Base decides what nobody says how it was decided. Without it such a
	// decision is an error.
	Base *Pack
	// Progress is told how many decisions were read.
	Progress func(read int)
}

// distinct are past decisions with the same input, law and answer.
type distinct struct {
	first Past
	count int
	in    facts.Input
	diff  Difference
	same  bool // taken by the law that is replayed
}

// Replay takes past decisions again under a draft, each different input once,
// and compares. What cannot be read or decided is [ErrReplay] and ends it:
// nothing is left out.
func (p *Pack) Replay(ctx context.Context, past iter.Seq2[Past, error], o ReplayOptions) (Replayed, error) {
	var list []*distinct
	groups := map[string]*distinct{}
	r := Replayed{Groups: []ReplayGroup{}}
	for one, err := range past {
		if err != nil {
			return r, err
		}
		if r.Decisions++; o.Progress != nil && r.Decisions%1000 == 0 {
			o.Progress(r.Decisions)
		}
		key, err := keyOf(one)
		if err != nil {
			return r, err
		}
		g := groups[key]
		if g == nil {
			g = &distinct{first: one, same: one.Snapshot == p.Snapshot.Digest()}
			groups[key], list = g, append(list, g)
		}
		g.count++
	}
	if err := p.decideAll(ctx, list, o.Base); err != nil {
		return r, err
	}
	inputs := map[string]bool{}
	for _, g := range list {
		inputs[string(g.first.Input)] = true
		r.add(g)
	}
	r.Inputs = len(inputs)
	slices.SortStableFunc(r.Groups, func(a, b ReplayGroup) int { return b.Count - a.Count })
	return r, nil
}

// keyOf tells decisions apart by all that is known of them but their place.
func keyOf(p Past) (string, error) {
	answer, err := json.Marshal(p.Answer)
	if err != nil {
		return "", fmt.Errorf("%w %d: %w", ErrReplay, p.Index, err)
	}
	var b strings.Builder
	b.Write(p.Snapshot[:])
	b.Write(p.Input)
	b.WriteByte(0)
	b.Write(answer)
	return b.String(), nil
}

// decideAll decides every different decision, on all processors.
func (p *Pack) decideAll(ctx context.Context, list []*distinct, base *Pack) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(list) && ctx.Err() == nil; i += workers {
				if err := p.again(ctx, list[i], base); err != nil {
					cancel(fmt.Errorf("%w %d: %w", ErrReplay, list[i].first.Index, err))
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// again takes one decision again.
func (p *Pack) again(ctx context.Context, g *distinct, base *Pack) error {
	d := json.NewDecoder(bytes.NewReader(g.first.Input))
	d.DisallowUnknownFields()
	if err := d.Decode(&g.in); err != nil {
		return fmt.Errorf("reading its input: %w", err)
	}
	before := g.first.Answer
	if before == nil {
		if base == nil {
			return errors.New("nobody says how it was decided")
		}
		decided, err := base.Policy.DecideInput(ctx, g.in)
		if err != nil {
			return err
		}
		a := answered(decided)
		before = &a
	}
	decided, err := p.Policy.DecideInput(ctx, g.in)
	if err != nil {
		return err
	}
	g.diff = compare(*before, answered(decided))
	return nil
}

// add counts decisions and puts those that change into their group.
func (r *Replayed) add(g *distinct) {
	d := g.diff
	if g.same && d.none() {
		r.Reproduced += g.count
	} else if g.same {
		r.NotReproduced += g.count
	}
	if d.none() {
		r.Same += g.count
		return
	}
	count := func(n *int, so bool) bool {
		if so {
			*n += g.count
		}
		return so
	}
	opened, closed := count(&r.Opened, len(d.Opened)+len(d.Cells) > 0), count(&r.Closed, len(d.Closed)+len(d.Hidden) > 0)
	basis, outcome := count(&r.BasisChanged, len(d.Basis) > 0), count(&r.OutcomeChanged, d.Before != d.After)
	count(&r.OnlyReasons, !opened && !closed && !basis && !outcome)
	in := g.in
	for i := range r.Groups {
		x := &r.Groups[i]
		if x.Actor == in.Actor.Role && x.Discloser == in.Discloser.Role && x.Type == in.Type && x.Purpose == in.Purpose && x.Difference.equal(d) {
			x.Count, x.Inputs = x.Count+g.count, x.Inputs+1
			return
		}
	}
	r.Groups = append(r.Groups, ReplayGroup{g.count, 1, g.first.Index, in.Actor.Role, in.Discloser.Role, in.Type, in.Purpose, d})
}

func (d Difference) equal(o Difference) bool {
	return d.Before == o.Before && d.After == o.After && maps.Equal(d.Opened, o.Opened) && maps.Equal(d.Closed, o.Closed) &&
		maps.Equal(d.Basis, o.Basis) && maps.Equal(d.Reason, o.Reason) && slices.Equal(d.Cells, o.Cells) && slices.Equal(d.Hidden, o.Hidden) &&
		maps.EqualFunc(d.Duties, o.Duties, slices.Equal[[]gateway.Obligation])
}
