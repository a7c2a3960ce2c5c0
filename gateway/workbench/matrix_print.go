package workbench

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Print writes the matrix for a terminal: fields down, roles across, by letter.
func (m Matrix) Print(w io.Writer, lang Language) error {
	for _, t := range m.Tables {
		fmt.Fprintf(w, "%s %s, %s\n", t.Code, lang.pick(t.SV, t.EN), t.Purpose)
		for i, r := range t.Rows {
			fmt.Fprintf(w, "  %2d %s (%s) ← %s\n", i+1, r.Role, r.Kind, join(r.From))
		}
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprint(tw, "\t")
		for i := range t.Rows {
			fmt.Fprintf(tw, "\t%d", i+1)
		}
		fmt.Fprintln(tw)
		for k, f := range t.Fields {
			fmt.Fprintf(tw, "%s\t%s", f.Name, f.Class)
			for _, r := range t.Rows {
				fmt.Fprintf(tw, "\t%s", r.Cells[k].Mark())
			}
			fmt.Fprintln(tw, "\t"+bases(t, k))
		}
		if err := tw.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	for _, l := range levels {
		fmt.Fprintf(w, "%s  %s\n", l.Letter(), l.Words(lang))
	}
	_, err := fmt.Fprintf(w, "*  %s\n", lang.pick("beror av sakförhållanden: se --csv eller --html", "depends on facts: see --csv or --html"))
	return err
}

// bases lists the bases on which a field leaves to any role of a table.
func bases(t MatrixTable, field int) string {
	var out []string
	for _, r := range t.Rows {
		for _, o := range r.Cells[field].Options {
			if !slices.Contains(out, string(o.Basis)) {
				out = append(out, string(o.Basis))
			}
		}
	}
	return strings.Join(out, " ")
}

// Mark returns the letter of a cell, with a star where it depends on facts.
func (c MatrixCell) Mark() string {
	if c.Depends {
		return c.Level.Letter() + "*"
	}
	return c.Level.Letter()
}

// Words says what a level is.
func (l Level) Words(lang Language) string {
	switch l {
	case ByDefault:
		return lang.pick("ingår i standardurvalet", "part of the default set")
	case ByName:
		return lang.pick("bara om fältet begärs vid namn, med skäl", "only if asked for by name, with a reason")
	case ByDecision:
		return lang.pick("bara med en dokumenterad bedömning som nämner fältet", "only with a recorded decision that names the field")
	case ByHand:
		return lang.pick("prövas för hand varje gång", "decided by hand each time")
	}
	return lang.pick("aldrig", "never")
}

// Whens says under which facts an option is there, one sentence each.
func (o MatrixOption) Whens(lang Language) []string {
	var out []string
	for _, c := range o.When {
		out = append(out, lang.pick(c.SV, c.EN))
	}
	return out
}

func join[E ~string](l []E) string { return strings.Join(words(l), " ") }

// CSV writes the matrix with a line for each way for a field to leave, and one
// for each cell in which nothing does.
func (m Matrix) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	lines := [][]string{{"code", "type", "purpose", "role", "kind", "field", "class", "level", "depends", "basis", "statute",
		"title_sv", "title_en", "from", "by_name", "consent", "carried", "when_sv", "when_en"}}
	for _, t := range m.Tables {
		for _, r := range t.Rows {
			for k, cell := range r.Cells {
				head := []string{t.Code, string(t.Type), string(t.Purpose), string(r.Role), string(r.Kind),
					string(t.Fields[k].Name), string(t.Fields[k].Class)}
				for _, o := range cell.Options {
					lines = append(lines, slices.Concat(head, []string{string(o.Level), fmt.Sprint(!o.always()), string(o.Basis), o.Statute,
						o.Titles.SV, o.Titles.EN, join(o.From), fmt.Sprint(o.ByName), fmt.Sprint(o.Consent), fmt.Sprint(o.Carried),
						strings.Join(o.Whens(Swedish), " | "), strings.Join(o.Whens(English), " | ")}))
				}
				if len(cell.Options) == 0 {
					lines = append(lines, slices.Concat(head, []string{string(Nothing)}, make([]string, 11)))
				}
			}
		}
	}
	return c.WriteAll(lines)
}

func (o MatrixOption) always() bool {
	return slices.ContainsFunc(o.When, func(c Condition) bool { return len(c.Facts) == 0 })
}

//go:embed matrix.html
var matrixPage string

// HTML writes the matrix as one page without anything outside it: coloured, to
// be read and printed.
func (m Matrix) HTML(w io.Writer, lang Language) error {
	t, err := template.New("matrix").Funcs(template.FuncMap{
		"pick":   lang.pick,
		"levels": func() []Level { return levels },
		"words":  func(l Level, lang string) string { return l.Words(Language(lang)) },
		"join":   func(l any) string { return strings.Trim(fmt.Sprint(l), "[]") },
		"when":   func(o MatrixOption) string { return strings.Join(o.Whens(lang), lang.pick(" eller ", " or ")) },
		"codes":  lowestBases,
		"lang":   func() string { return string(lang) },
	}).Parse(matrixPage)
	if err != nil {
		return err
	}
	return t.Execute(w, m)
}

// lowestBases lists the bases of a cell's lowest level.
func lowestBases(c MatrixCell) []string {
	var out []string
	for _, o := range c.Options {
		if o.Level == c.Level && !slices.Contains(out, string(o.Basis)) {
			out = append(out, string(o.Basis))
		}
	}
	return out
}
