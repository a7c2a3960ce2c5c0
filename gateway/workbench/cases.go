package workbench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"sluss/gateway/facts"
	"sluss/gateway/facts/fixtures"
)

// ErrNothing says that no case or test was there to be tried, or none that fits.
var ErrNothing = errors.New("workbench: no case or test fits")

// Trial is the result of trying a pack on worked cases and its own tests.
type Trial struct {
	Passed   int           `json:"passed"`
	Failed   int           `json:"failed"`
	Cases    []CaseResult  `json:"cases,omitempty"`
	Tests    []TestResult  `json:"tests,omitempty"`
	Coverage *RuleCoverage `json:"coverage,omitempty"`
}

// CaseResult says whether the pack gives the right answer to one case.
type CaseResult struct {
	Set        string     `json:"set"` // the directory of the case
	ID         string     `json:"id"`
	Title      string     `json:"title"`
	Passed     bool       `json:"passed"`
	Error      string     `json:"error,omitempty"` // it cannot be read or decided
	Mismatches []Mismatch `json:"mismatches,omitempty"`
}

// Mismatch is one part of an answer that is not the right one: the outcome,
// its reason, a field, the cells, the obligations.
type Mismatch struct {
	What     string `json:"what"`
	Expected string `json:"expected"`
	Got      string `json:"got"`
}

// TestResult is the result of one of the pack's own Rego tests.
type TestResult struct {
	Name   string `json:"name"`
	At     string `json:"at"` // file:line
	Passed bool   `json:"passed"`
	Error  string `json:"error,omitempty"`
}

// TryOptions say what a pack is tried on.
type TryOptions struct {
	Cases    []string       // directories of cases; none: the pack's own tests and cases
	Only     *regexp.Regexp // ids of cases and names of tests; nil: all
	Coverage bool           // also say which rules were used; always with all of the pack's own
}

// Try tries a pack on worked cases and, if no cases are given, on its own Rego
// tests and all that is in its cases/. What is asked of a case goes through the
// code that decides in a gateway. The result is in the order in which the cases
// stand. Cases that cannot be found are [ErrPack], none that fit [ErrNothing].
func Try(ctx context.Context, p *Pack, o TryOptions) (*Trial, error) {
	sets, err := caseSets(p, o.Cases)
	if err != nil {
		return nil, err
	}
	t := &Trial{}
	var asked []facts.Input
	for _, s := range sets {
		results, inputs, err := s.try(ctx, p, o.Only)
		if err != nil {
			return nil, err
		}
		t.Cases, asked = append(t.Cases, results...), append(asked, inputs...)
	}
	own := len(o.Cases) == 0
	o.Coverage = o.Coverage || own && o.Only == nil
	if own || o.Coverage {
		if err := t.cover(ctx, p, asked, own, o); err != nil {
			return nil, err
		}
	}
	for _, c := range t.Cases {
		t.count(c.Passed)
	}
	for _, r := range t.Tests {
		t.count(r.Passed)
	}
	if t.Passed+t.Failed == 0 {
		return nil, ErrNothing
	}
	return t, nil
}

func (t *Trial) count(passed bool) {
	if passed {
		t.Passed++
	} else {
		t.Failed++
	}
}

// caseSets reads the directories of cases: those given, or the pack's own.
func caseSets(p *Pack, dirs []string) ([]*caseSet, error) {
	var sets []*caseSet
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPack, err)
		}
		s, err := readCases(root.FS(), ".", filepath.ToSlash(dir))
		if err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
	if len(dirs) > 0 {
		return sets, nil
	}
	list, err := entries(p.tree, "cases")
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if !e.IsDir() {
			continue
		}
		name := path.Join("cases", e.Name())
		s, err := readCases(p.tree, name, name)
		if err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
	return sets, nil
}

// try asks the cases of a set, several at once, and returns what was asked of
// the policy as well.
func (s *caseSet) try(ctx context.Context, p *Pack, only *regexp.Regexp) ([]CaseResult, []facts.Input, error) {
	cases := slices.DeleteFunc(slices.Clone(s.cases), func(c readCase) bool { return only != nil && !only.MatchString(c.ID) })
	results, inputs := make([]CaseResult, len(cases)), make([]*facts.Input, len(cases))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range cases {
		g.Go(func() error {
			results[i], inputs[i] = s.ask(ctx, p, c)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	var asked []facts.Input
	for _, in := range inputs {
		if in != nil {
			asked = append(asked, *in)
		}
	}
	return results, asked, nil
}

// ask asks one case and compares the answer with the right one.
func (s *caseSet) ask(ctx context.Context, p *Pack, c readCase) (CaseResult, *facts.Input) {
	r := CaseResult{Set: s.name, ID: c.ID, Title: c.Title}
	if c.err != nil {
		r.Error = c.err.Error()
		return r, nil
	}
	in, err := InputOf(p, s.world, c.Case)
	if err != nil {
		r.Error = err.Error()
		return r, nil
	}
	d, err := p.Policy.DecideInput(ctx, in)
	if err != nil {
		r.Error = fmt.Sprintf("case %s: %v", c.ID, err)
		return r, nil
	}
	r.Mismatches = mismatches(c.Expect, d)
	r.Passed = len(r.Mismatches) == 0
	return r, &in
}

// InputOf returns what the policy looks at in a case, as a gateway would see
// it: the facts, and what the small-cell guard says of a table.
func InputOf(p *Pack, w *fixtures.World, c fixtures.Case) (facts.Input, error) {
	in, released, err := w.Input(c, p.Tables)
	if err != nil {
		return facts.Input{}, err
	}
	if in.Type == "exit.followup_report" {
		in.Table = p.Policy.Guard(c.Request.Values, slices.Collect(maps.Values(released)))
	}
	return in, nil
}
