package workbench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"sluss/gateway/policy"
)

// wider is the next wider cell of the ceilings (domain, Section 14).
var wider = map[string]string{"D": "O", "O": "R", "R": "C", "C": "A", "S": "A", "P": "A"}

// columns are those of a flow that open something, in the order of trying.
var columns = []string{"automatic", "decision", "manual"}

// tables makes mutants of the tables.
func (m *mutator) tables() ([]*Mutant, error) {
	var out []*Mutant
	for _, make := range []func() ([]*Mutant, error){m.ceilingMutants, m.flowMutants, m.routeMutants, m.classMutants, m.originMutants} {
		some, err := make()
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return numbered(out), nil
}

// tableMutant writes a table that was changed.
func (m *mutator) tableMutant(file, change string, root any, touches func(policy.Trip) bool, anchors ...string) (*Mutant, error) {
	raw, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMutation, file, err)
	}
	return &Mutant{ID: fmt.Sprintf("%s: %s: %s", Tables, strings.TrimSuffix(file[strings.Index(file, "/")+1:], ".json"), change),
		Family: Tables, File: file, Line: m.lineOf(file, anchors), Change: change, text: raw, touches: touches}, nil
}

func toRole(role string) func(policy.Trip) bool {
	return func(t policy.Trip) bool { return string(t.Role) == role }
}

func between(from, to string) func(policy.Trip) bool {
	return func(t policy.Trip) bool { return string(t.Discloser) == from && string(t.Actor) == to }
}

func ofType(typ string) func(policy.Trip) bool {
	return func(t policy.Trip) bool { return string(t.Type) == typ }
}

// lineOf finds the line on which the last anchor first stands after those
// before it.
func (m *mutator) lineOf(file string, anchors []string) int {
	raw := m.text[file]
	at := 0
	for _, a := range anchors {
		if i := bytes.Index(raw[at:], []byte(`"`+a+`"`)); i >= 0 {
			at += i
		}
	}
	return 1 + bytes.Count(raw[:at], []byte("\n"))
}

// table reads a table anew, to be changed.
func (m *mutator) table(name string) (file string, root map[string]any, err error) {
	file = "data/" + name + ".json"
	raw, err := fs.ReadFile(m.tree, file)
	if err == nil {
		err = json.Unmarshal(raw, &root)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%w: %s: %w", ErrMutation, file, err)
	}
	m.text[file] = raw
	return file, root, nil
}

// ceilingMutants makes each cell one step wider.
func (m *mutator) ceilingMutants() ([]*Mutant, error) {
	file, root, err := m.table("ceilings")
	if err != nil {
		return nil, err
	}
	var out []*Mutant
	ceilings := root["ceilings"].(map[string]any)
	matrix := ceilings["matrix"].(map[string]any)
	for _, role := range slices.Sorted(maps.Keys(matrix)) {
		row := matrix[role].(map[string]any)
		for _, class := range slices.Sorted(maps.Keys(row)) {
			cell := row[class].(string)
			if wider[cell] == "" {
				continue
			}
			row[class] = wider[cell]
			mutant, err := m.tableMutant(file, fmt.Sprintf("%s, %s: %s instead of %s", role, class, wider[cell], cell), root, toRole(role), "matrix", role, class)
			if row[class] = cell; err != nil {
				return nil, err
			}
			out = append(out, mutant)
		}
	}
	for i, e := range ceilings["exceptions"].([]any) {
		all := ceilings["exceptions"].([]any)
		ceilings["exceptions"] = slices.Delete(slices.Clone(all), i, i+1)
		mutant, err := m.tableMutant(file, fmt.Sprintf("exception for %v, %v dropped", e.(map[string]any)["role"], e.(map[string]any)["class"]), root, everywhere, "exceptions")
		if ceilings["exceptions"] = all; err != nil {
			return nil, err
		}
		out = append(out, mutant)
	}
	return out, nil
}

// flowMutants drops each basis of each flow, and lets in what law excludes.
func (m *mutator) flowMutants() ([]*Mutant, error) {
	file, root, err := m.table("flows")
	if err != nil {
		return nil, err
	}
	var out []*Mutant
	flows := root["flows"].(map[string]any)
	for _, from := range slices.Sorted(maps.Keys(flows)) {
		row := flows[from].(map[string]any)
		for _, to := range slices.Sorted(maps.Keys(row)) {
			flow := row[to].(map[string]any)
			change := func(what, column string, list []any) error {
				was := flow[column]
				flow[column] = list
				mutant, err := m.tableMutant(file, fmt.Sprintf("%s to %s: %s", from, to, what), root, between(from, to), from, to)
				flow[column] = was
				out = append(out, mutant)
				return err
			}
			for _, column := range append(slices.Clone(columns), "excluded") {
				list, _ := flow[column].([]any)
				for i, basis := range list {
					if err := change(fmt.Sprintf("%v dropped from %s", basis, column), column, slices.Delete(slices.Clone(list), i, i+1)); err != nil {
						return nil, err
					}
					if column != "excluded" {
						continue
					}
					open, _ := flow["decision"].([]any)
					if err := change(fmt.Sprintf("%v added to decision", basis), "decision", append(slices.Clone(open), basis)); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return out, nil
}

// routeMutants drops what limits a leg in classes and fields. Urgency and
// agencies of a leg are conditions of stage 5, which the Rego tests see.
func (m *mutator) routeMutants() ([]*Mutant, error) {
	file, root, err := m.table("routes")
	if err != nil {
		return nil, err
	}
	var out []*Mutant
	routes := root["routes"].(map[string]any)
	for _, typ := range slices.Sorted(maps.Keys(routes)) {
		for i, l := range routes[typ].([]any) {
			leg := l.(map[string]any)
			for _, limit := range []string{"only_classes", "without_classes", "only_fields"} {
				was, ok := leg[limit]
				if !ok {
					continue
				}
				delete(leg, limit)
				mutant, err := m.tableMutant(file, fmt.Sprintf("%s, leg %d: %s dropped", typ, i+1, limit), root, ofType(typ), typ, limit)
				if leg[limit] = was; err != nil {
					return nil, err
				}
				out = append(out, mutant)
			}
		}
	}
	return out, nil
}

// classMutants flips which classes a consent may name, and which secrecy rules
// protect a public interest.
func (m *mutator) classMutants() ([]*Mutant, error) {
	var out []*Mutant
	for table, flag := range map[string]string{"classes": "consentable", "rules": "public_interest"} {
		file, root, err := m.table(table)
		if err != nil {
			return nil, err
		}
		rows := root[table].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(rows)) {
			row := rows[name].(map[string]any)
			was := row[flag]
			is, _ := was.(bool)
			row[flag] = !is
			mutant, err := m.tableMutant(file, fmt.Sprintf("%s: %s is %t", name, flag, !is), root, everywhere, name)
			if row[flag] = was; err != nil {
				return nil, err
			}
			out = append(out, mutant)
		}
	}
	return out, nil
}
