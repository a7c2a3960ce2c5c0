package workbench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"

	"sluss/gateway/facts"
)

// RuleCoverage says which rules were used by tests and cases together. Provisions
// that hold nowhere (the set "never") are not counted.
type RuleCoverage struct {
	Rules      int       `json:"rules"`
	Used       int       `json:"used"`
	Percent    float64   `json:"percent"`
	NotCovered []Missing `json:"not_covered,omitempty"` // lines
}

// Missing is a line that nothing reached.
type Missing struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

// testTime bounds one Rego test.
const testTime = 30 * time.Second

// cover runs the pack's own tests, if asked, and, if asked, says which rules
// they and the cases used.
func (t *Trial) cover(ctx context.Context, p *Pack, asked []facts.Input, own bool, o TryOptions) error {
	c := &coverer{tree: p.tree, used: cover.New()}
	if err := c.read(); err != nil {
		return err
	}
	if own {
		results, err := c.runTests(ctx, o.Only)
		if err != nil {
			return err
		}
		t.Tests = results
	}
	if !o.Coverage {
		return nil
	}
	if err := c.evaluate(ctx, asked); err != nil {
		return err
	}
	t.Coverage = c.report()
	return nil
}

// coverer runs the provisions as stock OPA does, with a tracer: all of
// policies/data as data, the input as JSON.
type coverer struct {
	tree    fs.FS
	text    map[string][]string // file → lines
	modules map[string]*ast.Module
	tests   map[string]*ast.Module // with those of modules
	store   storage.Store
	used    *cover.Cover
}

// read reads provisions, tests and tables.
func (c *coverer) read() error {
	c.text, c.modules, c.tests = map[string][]string{}, map[string]*ast.Module{}, map[string]*ast.Module{}
	names, err := regoFiles(c.tree)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPack, err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(c.tree, name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrPack, err)
		}
		m, err := ast.ParseModuleWithOpts(name, string(raw), ast.ParserOptions{
			ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: offline(),
		})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrPack, err)
		}
		c.text[name], c.tests[name] = strings.Split(string(raw), "\n"), m
		if strings.HasPrefix(name, "provisions/") && !strings.HasSuffix(name, "_test.rego") {
			c.modules[name] = m
		}
	}
	tables, err := fs.Glob(c.tree, "data/*.json")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPack, err)
	}
	data := map[string]any{}
	for _, name := range tables {
		raw, err := fs.ReadFile(c.tree, name)
		if err == nil {
			err = json.Unmarshal(raw, &data) // one object under one key each
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrPack, name, err)
		}
	}
	c.store = inmem.NewFromObject(data)
	return nil
}

// regoFiles lists the provisions, what must never happen, and their tests.
func regoFiles(tree fs.FS) ([]string, error) {
	names, err := fs.Glob(tree, "provisions/*.rego")
	if err != nil {
		return nil, err
	}
	never, err := fs.Glob(tree, "never/*.rego")
	return append(names, never...), err
}

// offline is the language of tests: everything but what reads a clock, the
// network, the machine or randomness.
func offline() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.AllowNet = []string{}
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool {
		return b.IsNondeterministic() || strings.HasPrefix(b.Name, "net.") || b.Name == "opa.runtime"
	})
	return c
}

// runTests runs the Rego tests whose name fits, and those that fail once more
// to see where.
func (c *coverer) runTests(ctx context.Context, only *regexp.Regexp) ([]TestResult, error) {
	ran, err := c.run(ctx, func(name, _ string) bool { return only == nil || only.MatchString(name) }, false)
	if err != nil {
		return nil, err
	}
	failed := map[string]bool{}
	for _, r := range ran {
		failed[r.Location.String()] = r.Fail
	}
	stopped := map[string]*ast.Location{}
	if slices.ContainsFunc(ran, func(r *tester.Result) bool { return r.Fail }) {
		again, err := c.run(ctx, func(_, at string) bool { return failed[at] }, true)
		if err != nil {
			return nil, err
		}
		for _, r := range again {
			stopped[r.Location.String()] = stoppedAt(r)
		}
	}
	var out []TestResult
	for _, r := range ran {
		t := TestResult{Name: r.Name, At: fmt.Sprintf("%s:%d", r.Location.File, r.Location.Row), Passed: r.Pass()}
		at := stopped[r.Location.String()]
		switch {
		case r.Error != nil:
			t.Error = r.Error.Error()
		case r.Skip:
			t.Error = "skipped"
		case at != nil:
			t.Error = fmt.Sprintf("%s:%d does not hold: %s", at.File, at.Row, at.Text)
		}
		out = append(out, t)
	}
	return out, nil
}

// stoppedAt returns the last condition of a test's own that did not hold, nil
// if none is known.
func stoppedAt(r *tester.Result) *ast.Location {
	var at *ast.Location
	for _, e := range r.Trace {
		if e.Op == topdown.FailOp && e.Location != nil && e.Location.File == r.Location.File {
			at = e.Location
		}
	}
	return at
}

// run runs the tests that fit, in the order of their files.
func (c *coverer) run(ctx context.Context, fits func(name, at string) bool, traced bool) ([]*tester.Result, error) {
	modules := map[string]*ast.Module{}
	for name, m := range c.tests {
		m = m.Copy()
		m.Rules = slices.DeleteFunc(m.Rules, func(r *ast.Rule) bool {
			name := r.Head.Name.String()
			return strings.HasPrefix(name, tester.TestPrefix) && !fits(name, r.Location.String())
		})
		modules[name] = m
	}
	compiler := ast.NewCompiler().WithCapabilities(offline()).WithDefaultRegoVersion(ast.RegoV1)
	runner := tester.NewRunner().SetCompiler(compiler).SetStore(c.store).SetModules(modules).SetTimeout(testTime)
	if traced {
		runner = runner.EnableTracing(true)
	} else {
		runner = runner.SetCoverageQueryTracer(c.used)
	}
	results, err := runner.RunTests(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: its tests: %w", ErrPack, err)
	}
	var out []*tester.Result
	for r := range results {
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b *tester.Result) int {
		return cmp.Or(strings.Compare(a.Location.File, b.Location.File), a.Location.Row-b.Location.Row)
	})
	return out, nil
}

// evaluate asks for the decision on each different input.
func (c *coverer) evaluate(ctx context.Context, asked []facts.Input) error {
	if len(asked) == 0 {
		return nil
	}
	options := []func(*rego.Rego){rego.Query("data.provisions.decision"), rego.Store(c.store), rego.Capabilities(offline())}
	for _, m := range c.modules {
		options = append(options, rego.ParsedModule(m.Copy()))
	}
	query, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPack, err)
	}
	seen := map[string]bool{}
	for _, in := range asked {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		if seen[string(raw)] {
			continue
		}
		seen[string(raw)] = true
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		if _, err := query.Eval(ctx, rego.EvalInput(v), rego.EvalQueryTracer(c.used)); err != nil {
			return fmt.Errorf("evaluating the provisions: %w", err)
		}
	}
	return nil
}

// report says which rules were used and which lines were not.
func (c *coverer) report() *RuleCoverage {
	report := c.used.Report(c.modules)
	out := &RuleCoverage{}
	for _, name := range slices.Sorted(maps.Keys(c.modules)) {
		idle := map[int]bool{} // lines of rules that hold nowhere
		for _, r := range c.modules[name].Rules {
			if r.Head.Name == "never" {
				for row := r.Location.Row; row <= r.Location.Row+strings.Count(string(r.Location.Text), "\n"); row++ {
					idle[row] = true
				}
				continue
			}
			out.Rules++
			if report.IsCovered(name, r.Head.Location.Row) {
				out.Used++
			}
		}
		file := report.Files[name]
		if file == nil {
			continue
		}
		for _, r := range file.NotCovered {
			if row := r.Start.Row; !idle[row] && !slices.ContainsFunc(out.NotCovered, func(m Missing) bool { return m.File == name && m.Line == row }) {
				out.NotCovered = append(out.NotCovered, Missing{name, row, strings.TrimSpace(c.text[name][row-1])})
			}
		}
	}
	if out.Rules > 0 {
		out.Percent = 100 * float64(out.Used) / float64(out.Rules)
	}
	return out
}
