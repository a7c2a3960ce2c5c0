package workbench_test

import (
	"bytes"
	"encoding/csv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sluss/gateway"
	"sluss/gateway/workbench"
)

func cellOf(t *testing.T, m workbench.Matrix, role gateway.Role, field gateway.Field) workbench.MatrixCell {
	t.Helper()
	for _, table := range m.Tables {
		k := slices.IndexFunc(table.Fields, func(f workbench.MatrixField) bool { return f.Name == field })
		for _, r := range table.Rows {
			if r.Role == role && k >= 0 {
				return r.Cells[k]
			}
		}
	}
	t.Fatalf("no cell of %s for %s", role, field)
	return workbench.MatrixCell{}
}

// TestMatrix looks up what the domain says of threat assessments (M04).
func TestMatrix(t *testing.T) {
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Matrix(t.Context(), workbench.MatrixFilter{Type: "exit.threat_assessment", Purpose: "PROTECTION"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		role    gateway.Role
		field   gateway.Field
		level   workbench.Level
		depends bool
		bases   []gateway.Basis
	}{
		{"municipality.social_worker", "assessment_id", workbench.ByDefault, false, []gateway.Basis{"OSL-12-2", "OSL-10-27", "OSL-35-10C"}},
		{"municipality.social_worker", "risk_level", workbench.ByDefault, true, []gateway.Basis{"OSL-12-2", "OSL-10-27", "OSL-35-10C"}},
		{"municipality.social_worker", "no_go_areas", workbench.ByDecision, true, []gateway.Basis{"OSL-10-27"}},
		{"municipality.social_worker", "threat_actors", workbench.Nothing, false, nil},
		{"kriminalvarden.prison_officer", "ongoing_investigation_flag", workbench.Nothing, false, nil},
		{"police.personal_security_officer", "threat_actors", workbench.ByDefault, true, []gateway.Basis{"INTERNAL"}},
	}
	for _, tt := range tests {
		c := cellOf(t, m, tt.role, tt.field)
		var bases []gateway.Basis
		for _, o := range c.Options {
			bases = append(bases, o.Basis)
		}
		slices.Sort(bases)
		slices.Sort(tt.bases)
		if c.Level != tt.level || c.Depends != tt.depends || !slices.Equal(slices.Compact(bases), tt.bases) {
			t.Errorf("%s, %s: %s %t %v, want %s %t %v", tt.role, tt.field, c.Level, c.Depends, bases, tt.level, tt.depends, tt.bases)
		}
	}
	if _, err := s.Matrix(t.Context(), workbench.MatrixFilter{Type: "exit.threat_assessment", Purpose: "VETTING"}); err == nil {
		t.Error("a matrix of what no route leads to")
	}
}

// TestMatrixHoldsEveryRelease asks the gateway's own code at random: what it
// releases stands in the matrix of all types and purposes.
func TestMatrixHoldsEveryRelease(t *testing.T) {
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Matrix(t.Context(), workbench.MatrixFilter{})
	if err != nil {
		t.Fatal(err)
	}
	options := map[string]bool{}
	for _, table := range m.Tables {
		for _, r := range table.Rows {
			for k, c := range r.Cells {
				for _, o := range c.Options {
					for _, from := range o.From {
						options[strings.Join([]string{string(table.Type), string(table.Purpose), string(r.Role), string(r.Kind),
							string(table.Fields[k].Name), string(o.Basis), string(from)}, " ")] = true
					}
				}
			}
		}
	}
	p := lawAsItStands(t)
	r := rand.New(rand.NewPCG(5, 6))
	released := 0
	for range 4_000 {
		in := s.Random(r)
		d, err := p.Policy.DecideInput(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range d.Allowed() {
			released++
			if key := strings.Join([]string{string(in.Type), string(in.Purpose), string(in.Actor.Role), string(in.Actor.Kind),
				string(a.Field), string(a.Basis), string(in.Discloser.Kind)}, " "); !options[key] {
				t.Fatalf("%s is not in the matrix", key)
			}
		}
	}
	if released < 2_000 {
		t.Errorf("%d releases: too few to say anything", released)
	}
}

// TestMatrixForms writes the matrix in each form; all say the same.
func TestMatrixForms(t *testing.T) {
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Matrix(t.Context(), workbench.MatrixFilter{Type: "exit.relocation", Purpose: "RELOCATION", From: "MUN"})
	if err != nil {
		t.Fatal(err)
	}
	var words, page, lines bytes.Buffer
	for _, err := range []error{m.Print(&words, workbench.Swedish), m.HTML(&page, workbench.Swedish), m.CSV(&lines)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(&lines).ReadAll()
	if err != nil || len(rows) < 50 {
		t.Errorf("%d lines, %v", len(rows), err)
	}
	for _, want := range []string{"payer_municipality", "SoL-29-12", "ingår i standardurvalet"} {
		if !strings.Contains(words.String(), want) {
			t.Errorf("the terminal does not say %q:\n%s", want, words.String())
		}
	}
	for _, want := range []string{"<title>", "Överflyttning av ärende", "SoL 29 kap. 10–12 §§", "part of the default set", `class="cell never"`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, never := range []string{"<script", "http://", "https://", "ZgotmplZ", "<no value>"} {
		if strings.Contains(page.String(), never) {
			t.Errorf("the page holds %q", never)
		}
	}
}
