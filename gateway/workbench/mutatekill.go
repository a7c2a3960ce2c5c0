package workbench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/facts/fixtures"
	"sluss/gateway/policy"
)

// mutator holds a pack and what may notice that it was changed.
type mutator struct {
	*Pack
	provisions []string // the files of provisions, without tests
	text       map[string][]byte
	modules    map[string]*ast.Module // parsed, tests too; never compiled themselves
	sets       []mutantCases
	cases      []expected
	holds      func(grant string, t policy.Trip) bool
	standings  map[string]gateway.Digest
}

// mutantCases is one directory of worked cases.
type mutantCases struct {
	name  string
	world *fixtures.World
	cases []fixtures.Case
}

func newMutator(ctx context.Context, p *Pack) (*mutator, error) {
	m := &mutator{Pack: p, text: map[string][]byte{}, modules: map[string]*ast.Module{}}
	names, err := fs.Glob(p.tree, "provisions/*.rego")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMutation, err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(p.tree, name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMutation, err)
		}
		if m.modules[name], err = parse(name, raw); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMutation, err)
		}
		if m.text[name] = raw; !strings.HasSuffix(name, "_test.rego") {
			m.provisions = append(m.provisions, name)
		}
	}
	if m.sets, err = readMutantCases(p.tree); err != nil {
		return nil, err
	}
	if m.cases, err = m.inputs(p.Policy, p.Tables); err != nil {
		return nil, err
	}
	m.holds = m.mayHold()
	m.standings = p.Policy.Standings(func(policy.Trip) bool { return true }, m.holds)
	return m, m.sound(ctx)
}

func parse(name string, raw []byte) (*ast.Module, error) {
	return ast.ParseModuleWithOpts(name, string(raw), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
}

// sound reports a pack whose tests fail as it stands: they would kill anything.
func (m *mutator) sound(ctx context.Context) error {
	failed, ran, err := m.regoTests(ctx, "", nil)
	switch {
	case err != nil:
		return err
	case failed != "":
		return fmt.Errorf("%w: %s fails as the pack stands", ErrMutation, failed)
	case ran == 0 || len(m.cases) == 0:
		return fmt.Errorf("%w: the pack has no Rego tests or no cases", ErrMutation)
	}
	failed, err = m.caseFails(ctx, m.Policy, m.cases)
	if err == nil && failed != "" {
		err = fmt.Errorf("%w: case %s fails as the pack stands", ErrMutation, failed)
	}
	return err
}

// one finds out what becomes of a mutant, cheap ways first.
func (m *mutator) one(ctx context.Context, mutant *Mutant) (err error) {
	switch {
	case mutant.text == nil:
		err = m.oneVariant(ctx, mutant, func() (*policy.Policy, error) { return m.Policy.VariantOf(mutant.id, mutant.alter) })
	case strings.HasSuffix(mutant.File, ".rego"):
		err = m.oneRule(ctx, mutant)
	default:
		tree := overlay{m.tree, mutant.File, mutant.text}
		err = m.oneVariant(ctx, mutant, func() (*policy.Policy, error) { return m.Policy.Variant(tree, "", nil) })
	}
	return err
}

// oneRule tries a mutant of a rule.
func (m *mutator) oneRule(ctx context.Context, mutant *Mutant) error {
	changed, err := policy.Read(ctx, overlay{m.tree, mutant.File, mutant.text}, m.Snapshot.Digest())
	if errors.Is(err, policy.ErrProvision) || errors.Is(err, policy.ErrTable) {
		mutant.Fate, mutant.By = Refused, "compile"
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	failed, _, err := m.regoTests(ctx, mutant.File, mutant.text)
	if err != nil {
		return err
	}
	if failed == "" {
		if failed, err = m.caseFails(ctx, changed, m.cases); err != nil {
			return err
		}
	}
	mutant.fate(failed)
	return nil
}

func (m *Mutant) fate(failed string) {
	if m.Fate, m.By = Survived, failed; failed != "" {
		m.Fate = Killed
	}
}

// oneVariant tries a mutant of METADATA or of a table, which no Rego test sees.
func (m *mutator) oneVariant(ctx context.Context, mutant *Mutant, variant func() (*policy.Policy, error)) error {
	changed, err := variant()
	if errors.Is(err, policy.ErrProvision) || errors.Is(err, policy.ErrTable) {
		mutant.Fate, mutant.By = Refused, "compile"
		return nil
	}
	if err != nil {
		return err
	}
	cases := m.cases
	if mutant.needs {
		tables, err := facts.ReadTables(m.tree, changed.Needs())
		if err == nil {
			cases, err = m.inputs(changed, tables)
		}
		if err != nil {
			return err
		}
	}
	failed, err := m.caseFails(ctx, changed, cases)
	if err != nil {
		return err
	}
	if mutant.fate(failed); failed == "" && mutant.touches != nil && m.alike(changed, mutant.touches) {
		mutant.Fate = Equivalent
	}
	return nil
}

// alike reports whether a policy decides as the pack does in every request of
// the trips that a mutant can touch.
func (m *mutator) alike(changed *policy.Policy, touches func(policy.Trip) bool) bool {
	for key, digest := range changed.Standings(touches, m.holds) {
		if m.standings[key] != digest {
			return false
		}
	}
	return true
}

// regoTests runs the Rego tests with one file changed, those beside it first,
// and returns the first that fails and how many ran.
func (m *mutator) regoTests(ctx context.Context, file string, text []byte) (failed string, ran int, err error) {
	modules := make(map[string]*ast.Module, len(m.modules))
	for name, parsed := range m.modules {
		modules[name] = parsed.Copy()
	}
	if text != nil {
		if modules[file], err = parse(file, text); err != nil {
			return "", 0, fmt.Errorf("%w: %w", ErrMutation, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	results, err := tester.NewRunner().SetStore(inmem.New()).SetModules(modules).SetTimeout(time.Minute).RunTests(ctx, nil)
	if err != nil {
		return "the Rego tests do not compile with it", 0, ctx.Err()
	}
	for r := range results {
		if ran++; !r.Pass() && failed == "" && ctx.Err() == nil {
			failed = r.Name
			cancel() // the others need not run
		}
	}
	if failed == "" && ctx.Err() != nil {
		return "", ran, fmt.Errorf("%w: %w", ErrMutation, context.Cause(ctx))
	}
	return failed, ran, nil
}

// readMutantCases reads every directory of cases/.
func readMutantCases(tree fs.FS) ([]mutantCases, error) {
	names, err := fs.Glob(tree, "cases/*/cases.json")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMutation, err)
	}
	var out []mutantCases
	for _, name := range names {
		s := mutantCases{name: path.Base(path.Dir(name))}
		raw, err := fs.ReadFile(tree, name)
		if err == nil {
			s.cases, err = fixtures.ReadCases(raw)
		}
		if err == nil {
			raw, err = fs.ReadFile(tree, path.Join(path.Dir(name), "fixtures.json"))
		}
		if err == nil {
			s.world, err = fixtures.ReadWorld(raw)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrMutation, name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// inputs makes of every case what the policy looks at.
func (m *mutator) inputs(p *policy.Policy, tables *facts.Tables) ([]expected, error) {
	var out []expected
	for _, s := range m.sets {
		for _, c := range s.cases {
			in, released, err := s.world.Input(c, tables)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrMutation, err)
			}
			if len(c.Request.Values) > 0 && c.Request.Type == "exit.followup_report" {
				in.Table = p.Guard(c.Request.Values, slices.Collect(maps.Values(released)))
			}
			out = append(out, expected{s.name + "/" + c.ID, in, c.Expect})
		}
	}
	return out, nil
}

// mutantAnswer is what a case expects.
type mutantAnswer = fixtures.Expect

// caseFails returns the first case that a policy answers otherwise.
func (m *mutator) caseFails(ctx context.Context, p *policy.Policy, cases []expected) (string, error) {
	for _, c := range cases {
		d, err := p.DecideInput(ctx, c.in)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err != nil || !meets(d, c.want) {
			return c.name, nil
		}
	}
	return "", nil
}

// meets reports whether a decision is the one that a case expects: exactly. A
// case that lists the obligation to log, which there always is, lists them
// all; another one those it is about.
func meets(d policy.Decision, want mutantAnswer) bool {
	if slices.Contains(want.Obligations, "log") && len(want.Obligations) != len(d.Obligations()) {
		return false
	}
	if d.Outcome() != want.Outcome || d.Reason() != want.Reason || !slices.Equal(d.SuppressedCells(), want.Suppressed) {
		return false
	}
	for _, o := range want.Obligations {
		if !slices.Contains(d.Obligations(), o) {
			return false
		}
	}
	if !d.Outcome().Releases() {
		return true
	}
	basis, withheld := map[gateway.Field]gateway.Basis{}, map[gateway.Field]gateway.Reason{}
	for _, a := range d.Allowed() {
		basis[a.Field] = a.Basis
	}
	for _, w := range d.Withheld() {
		withheld[w.Field] = w.Reason
	}
	return maps.Equal(basis, want.Basis) && maps.Equal(withheld, want.Withheld)
}
