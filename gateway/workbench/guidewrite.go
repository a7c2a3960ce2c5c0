package workbench

import (
	"fmt"
	"html/template"
	"io"
	"strings"
)

// Markdown writes the guide as text that is legible as it stands.
func (g Guide) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s %s, OPA %s\n\n", g.Title, g.Language.pick("Ögonblicksbild", "Snapshot"), g.Snapshot, g.Engine)
	for _, c := range g.Chapters {
		fmt.Fprintf(&b, "- [%s](#%s)\n", c.Title, c.ID)
	}
	for _, c := range g.Chapters {
		fmt.Fprintf(&b, "\n<a id=\"%s\"></a>\n## %s\n", c.ID, c.Title)
		if c.Intro != "" {
			fmt.Fprintf(&b, "\n%s\n", c.Intro)
		}
		for _, s := range c.Sections {
			s.markdown(&b)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Section) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n<a id=\"%s\"></a>\n### %s\n\n", s.ID, s.Title)
	for _, l := range s.Lines {
		fmt.Fprintf(b, "- %s: %s\n", l.Term, markdown(l.Text))
	}
	for _, t := range s.Tables {
		if len(t.Rows) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n| %s |\n|%s\n", strings.Join(t.Head, " | "), strings.Repeat("---|", len(t.Head)))
		for _, row := range t.Rows {
			cells := make([]string, len(row))
			for i, c := range row {
				cells[i] = strings.ReplaceAll(markdown(c), "|", "\\|")
			}
			fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		}
	}
}

func markdown(spans []Span) string {
	var b strings.Builder
	for _, s := range spans {
		switch {
		case strings.HasPrefix(s.Ref, "#"):
			fmt.Fprintf(&b, "<a id=\"%s\"></a>%s", s.Ref[1:], s.Text)
		case s.Ref != "":
			fmt.Fprintf(&b, "[%s](#%s)", s.Text, s.Ref)
		default:
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// HTML writes the guide as one page that needs nothing else, to be read on a
// screen or printed.
func (g Guide) HTML(w io.Writer) error {
	if err := page.Execute(w, g); err != nil {
		return fmt.Errorf("writing the guide: %w", err)
	}
	return nil
}

// page is the guide in HTML. A reference that begins with "#" is the place itself.
var page = template.Must(template.New("guide").Funcs(template.FuncMap{
	"target": func(s Span) string { id, _ := strings.CutPrefix(s.Ref, "#"); return id },
	"place":  func(s Span) bool { return strings.HasPrefix(s.Ref, "#") },
}).Parse(`{{define "spans"}}{{range .}}{{if place .}}<span id="{{target .}}">{{.Text}}</span>{{else if .Ref}}<a href="#{{.Ref}}">{{.Text}}</a>{{else}}{{.Text}}{{end}}{{end}}{{end}}<!DOCTYPE html>
<html lang="{{.Language}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 3rem; border-bottom: 2px solid #1a1a1a; }
h3 { margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-size: 0.9rem; }
th, td { border: 1px solid #767676; padding: 0.3rem 0.5rem; text-align: left; vertical-align: top; overflow-wrap: break-word; }
th { background: #eee; }
dl { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: 0.2rem 1rem; }
dt { font-weight: 600; }
dd { margin: 0; }
a { color: #0b4a8f; }
.digest { font-family: ui-monospace, monospace; font-size: 0.85rem; overflow-wrap: anywhere; }
nav li { margin: 0.2rem 0; }
@media print { body { font-size: 10pt; margin: 0; max-width: none; } a { color: inherit; text-decoration: none; } h2 { break-before: page; } h3 { break-after: avoid; } tr { break-inside: avoid; } }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p class="digest">{{.Snapshot}}, OPA {{.Engine}}</p>
<nav><ul>
{{range .Chapters}}<li><a href="#{{.ID}}">{{.Title}}</a></li>
{{end}}</ul></nav>
<main>
{{range .Chapters}}<h2 id="{{.ID}}">{{.Title}}</h2>
{{if .Intro}}<p>{{.Intro}}</p>
{{end}}<details><summary>{{.Title}} ({{len .Sections}})</summary><ul>
{{range .Sections}}<li><a href="#{{.ID}}">{{.Title}}</a></li>
{{end}}</ul></details>
{{range .Sections}}<section>
<h3 id="{{.ID}}">{{.Title}}</h3>
{{if .Lines}}<dl>
{{range .Lines}}<dt>{{.Term}}</dt><dd>{{template "spans" .Text}}</dd>
{{end}}</dl>
{{end}}{{range .Tables}}{{if .Rows}}<table>
<thead><tr>{{range .Head}}<th scope="col">{{.}}</th>{{end}}</tr></thead>
<tbody>
{{range .Rows}}<tr>{{range .}}<td>{{template "spans" .}}</td>{{end}}</tr>
{{end}}</tbody></table>
{{end}}{{end}}</section>
{{end}}{{end}}</main>
</body>
</html>
`))
