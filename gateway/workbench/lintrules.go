package workbench

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

	"sluss/gateway"
	"sluss/gateway/policy"
)

// rules looks at what the parsed rules say.
func (l *linter) rules() error {
	kinds, err := l.roleKinds()
	if err != nil {
		return nil // the finding is in the draft's: a table cannot be read
	}
	for _, name := range slices.Sorted(maps.Keys(l.Modules)) {
		for _, r := range l.Modules[name].Rules {
			c := conditions{linter: l, file: name, kinds: kinds, allowed: map[string][]string{}, said: map[string]bool{}}
			c.rule(r)
		}
		if err := l.format(name); err != nil {
			return err
		}
	}
	l.unusedHelpers()
	l.duplicates()
	l.withoutFlow()
	return nil
}

// roleKinds says which kind of agency each role belongs to.
func (l *linter) roleKinds() (map[string]string, error) {
	var roles struct {
		Roles map[string]struct{ Kind string }
	}
	raw, err := fs.ReadFile(l.tree, "data/roles.json")
	if err == nil {
		err = json.Unmarshal(raw, &roles)
	}
	kinds := map[string]string{}
	for name, r := range roles.Roles {
		kinds[name] = r.Kind
	}
	return kinds, err
}

// format holds a file to the form that opa fmt gives it.
func (l *linter) format(name string) error {
	raw, err := fs.ReadFile(l.tree, name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPack, err)
	}
	want, err := format.SourceWithOpts(name, raw, format.Opts{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil // it does not parse: a finding of its own
	}
	is, should := strings.Split(string(raw), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(is), len(should)) {
		if is[i] != should[i] {
			l.add(name, i+1, Format, strings.TrimSpace(is[i]), "")
			return nil
		}
	}
	if len(is) != len(should) {
		l.add(name, min(len(is), len(should)), Format, "", "")
	}
	return nil
}

// unusedHelpers finds named conditions that no provision leads to.
func (l *linter) unusedHelpers() {
	uses := map[string]map[string]bool{} // rule name → names it uses
	type rule struct {
		file string
		line int
	}
	stands := map[string]rule{}
	reached := map[string]bool{}
	var next []string
	for _, name := range slices.Sorted(maps.Keys(l.Modules)) {
		for _, r := range l.Modules[name].Rules {
			head := r.Head.Name.String()
			if uses[head] == nil {
				uses[head], stands[head] = map[string]bool{}, rule{name, r.Location.Row}
			}
			ast.WalkTerms(r.Body, func(t *ast.Term) bool {
				if v, ok := t.Value.(ast.Var); ok {
					uses[head][string(v)] = true
				}
				return false
			})
			if r.Head.Key != nil || head == "decision" || head == "constants" {
				next = append(next, head)
			}
		}
	}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		if reached[name] || uses[name] == nil {
			continue
		}
		reached[name] = true
		next = append(next, slices.Sorted(maps.Keys(uses[name]))...)
	}
	for head, at := range stands {
		if !reached[head] {
			l.add(at.file, at.line, UnusedHelper, head, "")
		}
	}
}

// duplicates finds rules that say what another rule says.
func (l *linter) duplicates() {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(l.Modules)) {
		for _, r := range l.Modules[name].Rules {
			body := make([]string, len(r.Body))
			for i, e := range r.Body {
				body[i] = e.String()
			}
			slices.Sort(body)
			key := fmt.Sprint(r.Head.Name, r.Head.Args, slices.Compact(body))
			subject := r.Head.Name.String()
			if r.Head.Key != nil {
				p := l.Provisions[r]
				if p == nil {
					continue
				}
				key, subject = key+effect(*p), p.ID
			} else if len(r.Body) == 0 {
				continue
			}
			at := fmt.Sprintf("%s:%d", name, r.Location.Row)
			if other, ok := seen[key]; ok {
				l.add(name, r.Location.Row, Duplicate, subject, other)
				continue
			}
			seen[key] = at
		}
	}
}

// effect writes what a provision does when it holds, without what people call
// it.
func effect(p policy.Provision) string {
	if string(p.Basis) == p.ID && p.Way == "" {
		p.Basis = ""
	}
	p.ID, p.Statute, p.Titles, p.Lawyer, p.SV = "", "", policy.Titles{}, "", policy.Swedish{}
	raw, err := json.Marshal(p)
	if err != nil {
		return err.Error() // a struct of strings, lists and booleans always marshals
	}
	return string(raw)
}

// withoutFlow finds bases that no flow and no adjustment names, and points
// that a lawyer has yet to confirm.
func (l *linter) withoutFlow() {
	named := map[gateway.Basis]bool{}
	var flows struct {
		Flows map[gateway.Kind]map[gateway.Kind]struct{ Automatic, Decision, Manual, Excluded []gateway.Basis }
	}
	if raw, err := fs.ReadFile(l.tree, "data/flows.json"); err == nil {
		if err := json.Unmarshal(raw, &flows); err != nil {
			return // a finding of its own
		}
	}
	for _, row := range flows.Flows {
		for _, f := range row {
			for _, b := range slices.Concat(f.Automatic, f.Decision, f.Manual, f.Excluded) {
				named[b] = true
			}
		}
	}
	for _, p := range l.Provisions {
		for _, b := range p.Bases {
			named[b] = true
		}
	}
	for r, p := range l.Provisions {
		file, line := r.Location.File, r.Location.Row
		switch {
		case p.Set != "grant" || named[p.Basis]:
		case p.Way == policy.Manual: // nobody whom it concerns is connected yet
			l.warn(file, line, NoFlow, string(p.Basis), "")
		default:
			l.add(file, line, NoFlow, string(p.Basis), "")
		}
		if p.Lawyer != "" {
			l.warn(file, line, NotConfirmed, p.Lawyer, p.ID)
			l.findings[len(l.findings)-1].SubjectSV = p.SV.Lawyer
		}
	}
}
