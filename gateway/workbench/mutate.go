package workbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// ErrMutation says that a pack cannot be mutated: it has no tests, or they fail
// as it stands.
var ErrMutation = errors.New("workbench: no mutation check")

// Family is a kind of mutants, counted by itself.
type Family string

// The families. A rule's condition is the first concern: without it the rule
// speaks of more requests than the law does.
const (
	Conditions Family = "conditions" // one expression of one rule's body is dropped
	Rules      Family = "rules"      // one rule is dropped, an alternative or a whole provision
	Metadata   Family = "metadata"   // one entry of a METADATA block is dropped or flipped
	Tables     Family = "tables"     // one cell, flow, leg or class is wider or narrower
)

// Floors are the least shares of mutants of each family that the tests of a
// pack must notice. That of conditions and rules is the aim. METADATA and
// tables are told apart by worked cases only; theirs rise as cases are added.
var Floors = map[Family]float64{Conditions: 0.90, Rules: 0.90, Metadata: 0.60, Tables: 0.45}

// Families lists the families in the order in which they are reported.
var Families = []Family{Conditions, Rules, Metadata, Tables}

// Fate is what became of a mutant.
type Fate string

// The fates.
const (
	Killed     Fate = "killed"     // a test, a case or a never-rule failed
	Survived   Fate = "survived"   // nothing failed
	Refused    Fate = "refused"    // no gateway would run it: it does not compile, or names nothing
	Equivalent Fate = "equivalent" // no plan that a request can fall under differs: it decides every input alike
)

// Mutant is one small change to a pack that its tests ought to notice.
type Mutant struct {
	ID     string `json:"id"` // the same as long as the law reads the same
	Family Family `json:"family"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Change string `json:"change"` // in words: what was dropped or flipped
	Fate   Fate   `json:"fate"`
	By     string `json:"by,omitempty"`     // the first test or case that noticed
	Reason string `json:"reason,omitempty"` // why its survival is accepted

	text  []byte // of the file, changed; nil if METADATA is changed
	id    string // of the provision whose METADATA is changed
	alter func(*policy.Provision)
	needs bool // what recorded decisions must say changes
	// touches says in requests of which trips the mutant can make a difference;
	// nil if that is not in the plans of fields alone.
	touches func(policy.Trip) bool
}

// Count is what became of a family.
type Count struct {
	Killed     int `json:"killed"`
	Survived   int `json:"survived"`
	Accepted   int `json:"accepted"` // of those that survived
	Refused    int `json:"refused"`
	Equivalent int `json:"equivalent"`
}

// Share returns how many of the mutants that could be noticed were, from 0 to
// 1; with none it is 1.
func (c Count) Share() float64 {
	if c.Killed+c.Survived == 0 {
		return 1
	}
	return float64(c.Killed) / float64(c.Killed+c.Survived)
}

// Mutation is what a mutation check found.
type Mutation struct {
	Families  map[Family]Count `json:"families"`
	Survivors []Mutant         `json:"survivors"`
	// Stale are explanations of mutants that are killed now, or do not exist.
	Stale []string `json:"stale,omitempty"`
}

// MutateOptions says how much is tried.
type MutateOptions struct {
	Families []Family // empty for all
	// Sample bounds how many mutants of each family are tried, chosen by Seed; 0
	// tries all. Explanations are held to mutants that were tried only.
	Sample   int
	Seed     uint64
	Parallel int // default 2
	// Progress is called after each mutant, from one goroutine at a time.
	Progress func(done, total int)
}

// Mutate changes a pack in one small way after the other and looks whether its
// own tests notice: the Rego tests beside the provisions, the worked cases in
// cases/, the rules on what must never happen. A change that no gateway would
// run, and one that provably decides every input alike, are counted apart.
// Errors are [ErrMutation] and [ErrPack].
func Mutate(ctx context.Context, p *Pack, o MutateOptions) (*Mutation, error) {
	if p.tree == nil {
		return nil, fmt.Errorf("%w: a bundle holds no tests; give the directory", ErrMutation)
	}
	m, err := newMutator(ctx, p)
	if err != nil {
		return nil, err
	}
	accepted, err := readAccepted(p.tree)
	if err != nil {
		return nil, err
	}
	mutants, err := m.mutants(o)
	if err != nil {
		return nil, err
	}
	if err := m.try(ctx, mutants, o); err != nil {
		return nil, err
	}
	return sum(mutants, accepted, o), nil
}

// mutants lists what is tried.
func (m *mutator) mutants(o MutateOptions) ([]*Mutant, error) {
	var out []*Mutant
	for _, f := range Families {
		if len(o.Families) > 0 && !slices.Contains(o.Families, f) {
			continue
		}
		all, err := m.of(f)
		if err != nil {
			return nil, err
		}
		if o.Sample > 0 && len(all) > o.Sample {
			r := rand.New(rand.NewPCG(o.Seed, uint64(len(all))))
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			all = all[:o.Sample]
		}
		out = append(out, all...)
	}
	return out, nil
}

// of makes the mutants of a family.
func (m *mutator) of(f Family) ([]*Mutant, error) {
	switch f {
	case Conditions:
		return m.conditions()
	case Rules:
		return m.rules()
	case Metadata:
		return m.metadata()
	default:
		return m.tables()
	}
}

// try finds out what becomes of every mutant.
func (m *mutator) try(ctx context.Context, mutants []*Mutant, o MutateOptions) error {
	parallel := o.Parallel
	if parallel < 1 {
		parallel = 2
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var work sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range parallel {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(mutants) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := m.one(ctx, mutants[i]); err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				if done++; o.Progress != nil {
					o.Progress(done, len(mutants))
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return context.Cause(ctx)
}

// sum counts fates and holds the explanations to them.
func sum(mutants []*Mutant, accepted map[string]string, o MutateOptions) *Mutation {
	out := &Mutation{Families: map[Family]Count{}, Survivors: []Mutant{}}
	seen := map[string]bool{}
	for _, m := range mutants {
		c := out.Families[m.Family]
		switch m.Fate {
		case Killed:
			c.Killed++
		case Refused:
			c.Refused++
		case Equivalent:
			c.Equivalent++
		default:
			c.Survived++
			if m.Reason = accepted[m.ID]; m.Reason != "" {
				c.Accepted++
			}
			out.Survivors = append(out.Survivors, *m)
		}
		out.Families[m.Family] = c
		if accepted[m.ID] != "" {
			seen[m.ID] = true
			if m.Fate != Survived {
				out.Stale = append(out.Stale, m.ID)
			}
		}
	}
	for id := range accepted {
		if !seen[id] && o.Sample == 0 && len(o.Families) == 0 {
			out.Stale = append(out.Stale, id)
		}
	}
	slices.Sort(out.Stale)
	slices.SortFunc(out.Survivors, func(a, b Mutant) int { return compareMutants(a, b) })
	return out
}

// acceptedFile explains mutants that survive: an object from a mutant's id to
// the reason why no test can or need notice it.
const acceptedFile = "mutants.json"

func readAccepted(tree fs.FS) (map[string]string, error) {
	raw, err := fs.ReadFile(tree, acceptedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var file struct {
		Accepted map[string]string `json:"accepted"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMutation, acceptedFile, err)
	}
	for id, reason := range file.Accepted {
		if reason == "" {
			return nil, fmt.Errorf("%w: %s explains nothing about %s", ErrMutation, acceptedFile, id)
		}
	}
	return file.Accepted, nil
}

// expected is a case as the policy sees it.
type expected struct {
	name string
	in   facts.Input
	want mutantAnswer
}
