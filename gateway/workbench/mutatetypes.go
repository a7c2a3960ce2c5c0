package workbench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// originMutants drops each secrecy rule that covers a field besides that of
// the agency's kind, and each mark that a field locates.
func (m *mutator) originMutants() ([]*Mutant, error) {
	names, err := fs.Glob(m.tree, "message_types/*.schema.json")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMutation, err)
	}
	var out []*Mutant
	for _, file := range names {
		some, err := m.typeMutants(file)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

func (m *mutator) typeMutants(file string) ([]*Mutant, error) {
	raw, err := fs.ReadFile(m.tree, file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMutation, err)
	}
	m.text[file] = raw
	var schema struct {
		Control    bool                      `json:"x-control"`
		Properties map[string]map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMutation, file, err)
	}
	var out []*Mutant
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		origin, _ := schema.Properties[name]["x-origin"].(map[string]any)
		for _, kind := range slices.Sorted(maps.Keys(origin)) {
			rules, _ := origin[kind].([]any)
			for i := 1; i < len(rules); i++ {
				out = append(out, m.originMutant(file, name, kind, rules[i].(string)))
			}
		}
	}
	return out, nil
}

// originMutant drops one rule. The order of fields is that of the log, so only
// this one list is written anew.
func (m *mutator) originMutant(file, field, kind, rule string) *Mutant {
	change := fmt.Sprintf("%s: %s no longer covered by %s", field, kind, rule)
	text := m.dropRule(file, field, kind, rule)
	return &Mutant{ID: fmt.Sprintf("%s: %s: %s", Tables, file, change), Family: Tables, File: file,
		Line: m.lineOf(file, []string{"properties", field}), Change: change, text: text,
		touches: ofType(strings.TrimSuffix(path.Base(file), ".schema.json"))}
}

// dropRule cuts one rule out of the list of a field and a kind; where the text
// does not stand as expected nothing is cut, and the mutant survives, to be seen.
func (m *mutator) dropRule(file, field, kind, rule string) []byte {
	text := m.text[file]
	at := 0
	for _, mark := range []string{`"properties"`, `"` + field + `": {`, `"x-origin"`, `"` + kind + `"`, `, "` + rule + `"`} {
		i := bytes.Index(text[at:], []byte(mark))
		if i < 0 {
			return text
		}
		at += i
	}
	return slices.Concat(text[:at], text[at+len(`, "`+rule+`"`):])
}
