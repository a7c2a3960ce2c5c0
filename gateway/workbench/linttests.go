package workbench

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"sluss/gateway/policy"
)

// tests looks at the tests beside the provisions: each provision is named by
// one, and each file has a file of tests.
func (l *linter) tests() error {
	files, err := fs.Glob(l.tree, "provisions/*_test.rego")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPack, err)
	}
	named := map[string]bool{}
	for _, name := range files {
		raw, err := fs.ReadFile(l.tree, name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrPack, err)
		}
		m, err := ast.ParseModuleWithOpts(name, string(raw), ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			l.add(name, 0, policy.Syntax, strings.ReplaceAll(err.Error(), "\n", " "), "")
			continue
		}
		ast.WalkTerms(m, func(t *ast.Term) bool {
			if s, ok := t.Value.(ast.String); ok {
				named[string(s)] = true
			}
			return false
		})
		if err := l.format(name); err != nil {
			return err
		}
	}
	for r, p := range l.Provisions {
		if !named[p.ID] && p.Set != "never" {
			l.add(r.Location.File, r.Location.Row, Untested, p.ID, "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Modules)) {
		if test := strings.TrimSuffix(name, ".rego") + "_test.rego"; !slices.Contains(files, test) {
			l.warn(name, 0, NoTestFile, test, "")
		}
	}
	return nil
}
