package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluss/gateway/facts"
)

// report is the table of an exit.followup_report, as far as the small-cell
// guard reads it (domain, Section 17).
type report struct {
	Period         string       `json:"period"`
	GeographyLevel string       `json:"geography_level"`
	Dimensions     []string     `json:"dimensions"`
	Cells          []tableCell  `json:"cells"`
	AmountBasis    *amountBasis `json:"amount_basis"`
}

// tableCell is one cell of a table. N is nil where the cell is blanked already.
type tableCell struct {
	ID      string            `json:"id"`
	Dims    map[string]string `json:"dims"`
	Covers  []string          `json:"covers"`   // the municipalities counted
	TotalOf []string          `json:"total_of"` // the cells it sums
	N       *count            `json:"n"`
}

// AmountBasis says what sums of money are made of.
type amountBasis struct {
	Cases        count   `json:"cases"`
	Payees       count   `json:"payees"`
	LargestShare float64 `json:"largest_share"`
}

// cellLimits are the thresholds of the guard: policies/data/limits.json.
type cellLimits struct {
	MaxDimensions        int     `json:"max_dimensions"`
	MinCell              int64   `json:"min_cell"`
	MinMunicipalityTotal int64   `json:"min_municipality_total"`
	DifferenceBelow      int64   `json:"difference_below"`
	MinCases             int64   `json:"min_cases"`
	MinPayees            int64   `json:"min_payees"`
	MaxShare             float64 `json:"max_share"`
}

// Guard says what may be shown of a report, given the reports released
// earlier. A table that cannot be read is refused as a whole.
func (p *Policy) Guard(report json.RawMessage, earlier []json.RawMessage) facts.Table {
	refused := facts.Table{Checked: true, Refused: true}
	r, err := readReport(report)
	if err != nil {
		return refused
	}
	g := guard{limits: p.tables.Limits.SmallCells, report: r, blanked: map[string]bool{}}
	if g.tooFine() {
		return refused
	}
	g.blank()
	for _, raw := range earlier {
		e, err := readReport(raw)
		if err != nil || g.differs(e) {
			return refused
		}
	}
	t := facts.Table{Checked: true, MoneyShown: g.moneyShown(), Blanked: []string{}}
	for _, c := range r.Cells {
		if g.blanked[c.ID] && c.N != nil { // what the sender left out needs no blanking
			t.Blanked = append(t.Blanked, c.ID)
		}
	}
	return t
}

// readReport reads a table and refuses one that does not hang together.
func readReport(raw json.RawMessage) (*report, error) {
	var r report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("%w: table: %w", ErrInput, err)
	}
	ids := map[string]bool{}
	for _, c := range r.Cells {
		if c.ID == "" || ids[c.ID] || c.N != nil && *c.N < 0 {
			return nil, fmt.Errorf("%w: table: cell without an id of its own or a count", ErrInput)
		}
		ids[c.ID] = true
	}
	for _, c := range r.Cells {
		seen := map[string]bool{c.ID: true}
		for _, part := range c.TotalOf {
			if !ids[part] || seen[part] {
				return nil, fmt.Errorf("%w: table: a total of cells that are not there, or of one twice", ErrInput)
			}
			seen[part] = true
		}
	}
	return &r, nil
}

// guard is the work on one table.
type guard struct {
	limits  cellLimits
	report  *report
	blanked map[string]bool
}

// tooFine is rule 1.
func (g *guard) tooFine() bool {
	return len(g.report.Dimensions) > g.limits.MaxDimensions || slices.ContainsFunc(g.report.Cells, func(c tableCell) bool {
		return len(c.Dims) > g.limits.MaxDimensions
	})
}

// blank applies rules 2 to 4 until nothing more is blanked: a total that the
// last rule takes away no longer carries its municipality.
func (g *guard) blank() {
	for _, c := range g.report.Cells {
		g.blanked[c.ID] = c.N == nil || *c.N > 0 && int64(*c.N) < g.limits.MinCell || *c.N == 0 && g.absenceTells(c)
	}
	for before := -1; before != g.count(); {
		before = g.count()
		g.blankMunicipalities()
		g.blankComplements()
	}
}

func (g *guard) count() int {
	n := 0
	for _, b := range g.blanked {
		if b {
			n++
		}
	}
	return n
}

// absenceTells is the second half of rule 2.
func (g *guard) absenceTells(c tableCell) bool {
	_, environment := c.Dims["environment"]
	_, sex := c.Dims["sex"]
	_, age := c.Dims["age_band"]
	return g.report.GeographyLevel != "national" && (environment || sex || age)
}

// blankMunicipalities is rule 3: a municipality without a shown total that is
// large enough shows nothing.
func (g *guard) blankMunicipalities() {
	carried := map[string]bool{}
	for _, c := range g.report.Cells {
		if len(c.Dims) == 1 && !g.blanked[c.ID] && int64(*c.N) >= g.limits.MinMunicipalityTotal {
			carried[c.Dims["geography"]] = true
		}
	}
	for _, c := range g.report.Cells {
		if m := municipality(c); m != "" && !carried[m] {
			g.blanked[c.ID] = true
		}
	}
}

// municipality returns the one municipality that a cell counts, or "".
func municipality(c tableCell) string {
	if m := c.Dims["geography"]; strings.HasPrefix(m, "municipality:") {
		return m
	}
	if len(c.Covers) == 1 {
		return c.Covers[0]
	}
	return ""
}

// blankComplements is rule 4: a total less its shown parts must not give a
// blanked part away.
func (g *guard) blankComplements() {
	cells := map[string]tableCell{}
	for _, c := range g.report.Cells {
		cells[c.ID] = c
	}
	for again := true; again; {
		again = false
		for _, total := range g.report.Cells {
			if g.blanked[total.ID] || g.blankedParts(total) != 1 {
				continue
			}
			g.blanked[g.smallestPart(total, cells)], again = true, true
		}
	}
}

func (g *guard) blankedParts(total tableCell) int {
	n := 0
	for _, part := range total.TotalOf {
		if g.blanked[part] {
			n++
		}
	}
	return n
}

// smallestPart returns the shown part with the smallest count above zero, or
// the total where there is none.
func (g *guard) smallestPart(total tableCell, cells map[string]tableCell) string {
	smallest := total.ID
	var least count
	for _, part := range total.TotalOf {
		c := cells[part]
		if !g.blanked[part] && *c.N >= 1 && (smallest == total.ID || *c.N < least) {
			smallest, least = part, *c.N
		}
	}
	return smallest
}

// differs is rule 5: two tables of one period must not give a few people away
// by subtraction.
func (g *guard) differs(earlier *report) bool {
	if earlier.Period != g.report.Period {
		return false
	}
	for _, a := range g.report.Cells {
		for _, b := range earlier.Cells {
			if g.blanked[a.ID] || b.N == nil || !sameButGeography(a.Dims, b.Dims) ||
				!properSubset(a.Covers, b.Covers) && !properSubset(b.Covers, a.Covers) {
				continue
			}
			if d := max(*a.N-*b.N, *b.N-*a.N); d > 0 && int64(d) < g.limits.DifferenceBelow {
				return true
			}
		}
	}
	return false
}

func sameButGeography(a, b map[string]string) bool {
	a, b = maps.Clone(a), maps.Clone(b)
	delete(a, "geography")
	delete(b, "geography")
	return maps.Equal(a, b)
}

func properSubset(a, b []string) bool {
	for _, m := range a {
		if !slices.Contains(b, m) {
			return false
		}
	}
	return slices.ContainsFunc(b, func(m string) bool { return !slices.Contains(a, m) })
}

// moneyShown is rule 6. Sums of which nobody says what they are made of are
// not shown.
func (g *guard) moneyShown() bool {
	b := g.report.AmountBasis
	return b != nil && int64(b.Cases) >= g.limits.MinCases && int64(b.Payees) >= g.limits.MinPayees && b.LargestShare <= g.limits.MaxShare
}
