package workbench

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

func compareMutants(a, b Mutant) int {
	return cmp.Or(slices.Index(Families, a.Family)-slices.Index(Families, b.Family), strings.Compare(a.File, b.File),
		a.Line-b.Line, strings.Compare(a.ID, b.ID))
}

// conditions makes a mutant of every expression of every body: in its place
// stands "true", so that each line keeps its number.
func (m *mutator) conditions() ([]*Mutant, error) {
	var out []*Mutant
	for _, file := range m.provisions {
		for _, r := range m.modules[file].Rules {
			for ; r != nil; r = r.Else {
				for _, e := range r.Body {
					if !written(m.text[file], e) {
						continue
					}
					mutant, err := m.without(Conditions, file, r, e.Location, "true")
					if err != nil {
						return nil, err
					}
					out = append(out, mutant)
				}
			}
		}
	}
	return numbered(out), nil
}

// rules makes a mutant of every rule with a body: it never holds.
func (m *mutator) rules() ([]*Mutant, error) {
	var out []*Mutant
	for _, file := range m.provisions {
		for _, r := range m.modules[file].Rules {
			if len(r.Body) == 0 || !written(m.text[file], r.Body[0]) || string(r.Body[0].Location.Text) == "false" {
				continue
			}
			mutant, err := m.without(Rules, file, r, r.Body[0].Location, "false")
			if err != nil {
				return nil, err
			}
			text, _, _ := strings.Cut(strings.TrimSpace(string(r.Location.Text)), "\n")
			mutant.Line, mutant.Change = r.Location.Row, strings.TrimSuffix(text, " if {")
			mutant.ID = fmt.Sprintf("%s: %s: %s", Rules, m.owner(r), mutant.Change)
			out = append(out, mutant)
		}
	}
	return numbered(out), nil
}

// written reports whether an expression stands in the text of its file, and is
// not the one that the parser gives a rule without a body.
func written(text []byte, e *ast.Expr) bool {
	if t, ok := e.Terms.(*ast.Term); ok && t.Value.Compare(ast.Boolean(true)) == 0 || e.Generated || e.Location == nil {
		return false
	}
	at := e.Location
	end := at.Offset + len(at.Text)
	return end <= len(text) && len(at.Text) > 0 && bytes.Equal(text[at.Offset:end], at.Text)
}

// without replaces an expression. A negation stands before the location of
// what it negates in no version of the parser that is known; it is looked for.
func (m *mutator) without(f Family, file string, r *ast.Rule, at *ast.Location, instead string) (*Mutant, error) {
	text := m.text[file]
	end := at.Offset + len(at.Text)
	changed := slices.Concat(text[:at.Offset], []byte(instead), text[end:])
	if bytes.HasSuffix(bytes.TrimRight(text[:at.Offset], " \t"), []byte("not")) {
		return nil, fmt.Errorf("%w: %s:%d: a negation stands apart from what it negates", ErrMutation, file, at.Row)
	}
	return &Mutant{
		ID:     fmt.Sprintf("%s: %s: %s", f, m.owner(r), at.Text),
		Family: f, File: path.Join(file), Line: at.Row, Change: string(at.Text), text: changed,
	}, nil
}

// owner names a rule: the id of its provision, or the name of a helper.
func (m *mutator) owner(r *ast.Rule) string {
	for _, a := range r.Annotations {
		if id, ok := a.Custom["id"].(string); ok {
			return id
		}
	}
	return r.Head.Ref().String()
}

// numbered tells mutants with one id apart.
func numbered(all []*Mutant) []*Mutant {
	seen := map[string]int{}
	for _, m := range all {
		seen[m.ID]++
		if n := seen[m.ID]; n > 1 {
			m.ID = fmt.Sprintf("%s (%d)", m.ID, n)
		}
	}
	return all
}
