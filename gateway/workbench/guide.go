package workbench

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/policy"
)

// Guide is the law of a pack as a document for people. All of it comes from
// METADATA and tables; nothing is written by hand.
type Guide struct {
	Title    string
	Snapshot string
	Engine   string
	Language Language
	Chapters []Chapter
}

// Chapter is one part of a guide.
type Chapter struct {
	ID, Title string
	Intro     string
	Sections  []Section
}

// Section is one subject: a role, a basis, a message type.
type Section struct {
	ID, Title string
	Lines     []Line
	Tables    []Table
}

// Line is a term and what is to be said of it.
type Line struct {
	Term string
	Text []Span
}

// Span is a piece of text, with the section that it refers to, if any.
type Span struct{ Text, Ref string }

// Table is a table of a guide.
type Table struct {
	Head []string
	Rows [][][]Span
}

// guide makes a guide.
type guide struct {
	*Pack
	words glossary
	l     Language
	flows map[gateway.Kind]map[gateway.Kind]flowRow
	bases map[gateway.Basis]bool
}

// flowRow is what may open secrecy from one kind of agency to another.
type flowRow struct {
	Automatic, Decision, Manual, Excluded []gateway.Basis
	Note                                  string
}

// Guide puts the law of the pack into a document.
func (p *Pack) Guide(l Language) (Guide, error) {
	g := guide{Pack: p, words: p.glossary(), l: l, bases: map[gateway.Basis]bool{}}
	if err := p.table("flows", &g.flows); err != nil {
		return Guide{}, fmt.Errorf("%w: %w", ErrPack, err)
	}
	for _, pr := range p.Policy.Provisions() {
		if pr.Set == "grant" || pr.Set == "never" {
			g.bases[pr.Basis] = true
		}
	}
	out := Guide{Title: l.pick("Vad gatewayen släpper igenom", "What the gateway lets through"), Snapshot: p.Snapshot.Digest().String(),
		Engine: p.Snapshot.Engine(), Language: l}
	out.Chapters = []Chapter{g.roles(), g.flowChapter(), g.basisChapter(), g.rulesChapter(), g.stages(), g.limits(), g.reasons(), g.obligations(), g.types(), g.facts()}
	return out, nil
}

func text(s string) []Span { return []Span{{Text: s}} }

func (g *guide) line(sv, en, s string) Line { return Line{g.l.pick(sv, en), text(s)} }

func (g *guide) yes(b bool) string {
	if b {
		return g.l.pick("ja", "yes")
	}
	return g.l.pick("nej", "no")
}

// anchor makes the id of a section.
func anchor(group, code string) string {
	return group + "-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, code)
}

// join refers to several sections.
func (g *guide) refs(group string, codes ...string) []Span {
	var out []Span
	for i, c := range codes {
		if i > 0 {
			out = append(out, Span{Text: ", "})
		}
		out = append(out, Span{c, anchor(group, c)})
	}
	return out
}

func codes[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// basisRefs refers to bases; one that no provision gives has no section.
func (g *guide) basisRefs(list []gateway.Basis) []Span {
	out := g.refs("basis", codes(list)...)
	for i := range out {
		if !g.bases[gateway.Basis(out[i].Text)] {
			out[i].Ref = ""
		}
	}
	return out
}

// roles says of each role what it may ever get, and on what.
func (g *guide) roles() Chapter {
	c := Chapter{ID: "roles", Title: g.l.pick("Rollerna: vad får jag som mest, och på vilken grund?", "By role: what may I ever get, on what?"),
		Intro: g.l.pick("Taket säger vad en roll som mest kan få av en uppgiftsklass. Det ger ingenting av sig självt: en grund behövs också.",
			"A ceiling says the most that a role may get of a class. It gives nothing by itself: a basis is needed too.")}
	tables := g.Catalogue.Tables()
	names := slices.SortedFunc(maps.Keys(tables.Roles), func(a, b gateway.Role) int {
		return cmp.Or(cmp.Compare(order(tables.Roles[a].Number), order(tables.Roles[b].Number)), cmp.Compare(a, b))
	})
	for _, name := range names {
		c.Sections = append(c.Sections, g.role(name, tables.Roles[name]))
	}
	return c
}

// order sorts "2" before "10", and "s1" after both.
func order(n string) string { return fmt.Sprintf("%d %3s", len(strings.TrimLeft(n, "0123456789")), n) }

func (g *guide) role(name gateway.Role, r catalogue.Role) Section {
	s := Section{ID: anchor("role", string(name)), Title: g.words.role(name, g.l)}
	purposes := make([]string, len(r.Purposes))
	for i, p := range r.Purposes {
		purposes[i] = g.words.coded("purposes", string(p), g.l)
	}
	s.Lines = []Line{
		g.line("Hör till", "Belongs to", g.words.word("kinds", string(r.Kind), g.l)),
		g.line("Ändamål", "Purposes", strings.Join(purposes, "; ")),
		g.line("Får fatta beslut", "May record decisions", g.yes(r.Decides)),
		g.line("Får bryta glaset i nöd", "May break glass", g.yes(r.Emergency)),
	}
	if never := g.classes(name, "D"); never != "" {
		s.Lines = append(s.Lines, g.line("Får aldrig", "Never gets", never))
	}
	for _, e := range g.Catalogue.Tables().Ceilings.Exceptions {
		if e.Role == name {
			s.Lines = append(s.Lines, g.line("Undantag", "Exception", fmt.Sprintf("%s: %s (%s %s)", e.Class, g.words.word("cells", string(e.Cell), g.l),
				g.l.pick("utom i", "except in"), strings.Join(codes(e.ExceptMessages), ", "))))
		}
	}
	ceiling := Table{Head: []string{g.l.pick("Som mest", "At most"), g.l.pick("Uppgiftsklasser", "Classes")}}
	for _, cell := range []string{"A", "S", "P", "O", "C", "R"} {
		if list := g.classes(name, cell); list != "" {
			ceiling.Rows = append(ceiling.Rows, [][]Span{text(cell + ": " + g.words.word("cells", cell, g.l)), text(list)})
		}
	}
	s.Tables = []Table{ceiling, g.incoming(name, r)}
	return s
}

// classes lists the classes of which a role has a cell.
func (g *guide) classes(r gateway.Role, cell string) string {
	tables := g.Catalogue.Tables()
	var out []string
	for _, class := range slices.SortedFunc(maps.Keys(tables.Classes), func(a, b gateway.Class) int { return tables.Classes[a].Number - tables.Classes[b].Number }) {
		if string(tables.Ceilings.Matrix[r][class]) == cell {
			out = append(out, g.words.coded("classes", string(class), g.l))
		}
	}
	return strings.Join(out, ", ")
}

// incoming lists what may be sent to a role, by whom, and the bases between the
// two kinds of agency.
func (g *guide) incoming(name gateway.Role, r catalogue.Role) Table {
	t := Table{Head: []string{g.l.pick("Meddelande", "Message"), g.l.pick("Från", "From"), g.l.pick("Grunder, i den ordning de prövas", "Bases, in the order in which they are tried")}}
	for _, m := range g.Catalogue.Types() {
		senders := map[gateway.Kind]bool{}
		for _, leg := range g.Catalogue.Legs(m.Name) {
			if !slices.Contains(leg.Recipients, name) {
				continue
			}
			for _, s := range leg.Senders {
				senders[g.Catalogue.Tables().Roles[s].Kind] = true
			}
		}
		for _, from := range slices.Sorted(maps.Keys(senders)) {
			f := g.flows[from][r.Kind]
			bases := slices.Concat(f.Automatic, f.Decision, f.Manual)
			row := g.basisRefs(bases)
			if len(bases) == 0 {
				row = text("–")
			}
			t.Rows = append(t.Rows, [][]Span{{{m.Code + " " + string(m.Name), anchor("type", string(m.Name))}}, text(g.words.word("kinds", string(from), g.l)), row})
		}
	}
	return t
}

// flowChapter lists for each pair of kinds of agency what may open secrecy.
func (g *guide) flowChapter() Chapter {
	c := Chapter{ID: "flows", Title: g.l.pick("Flödena: vad som kan öppna sekretess mellan två slags myndigheter", "By flow: what may open secrecy from one kind of agency to another"),
		Intro: g.l.pick("Grunderna prövas i den ordning de står. Den första som öppnar en uppgift är den som antecknas. Det som inte står här finns inte.",
			"Bases are tried in the order in which they stand. The first that opens a field is the one recorded. What is not listed is not available.")}
	for _, from := range slices.Sorted(maps.Keys(g.flows)) {
		s := Section{ID: anchor("flow", string(from)), Title: g.l.pick("Från ", "From ") + g.words.word("kinds", string(from), g.l)}
		t := Table{Head: []string{g.l.pick("Till", "To"), g.words.word("ways", "automatic", g.l), g.words.word("ways", "decision", g.l), g.words.word("ways", "manual", g.l), g.l.pick("uteslutna", "excluded")}}
		for _, to := range slices.Sorted(maps.Keys(g.flows[from])) {
			f := g.flows[from][to]
			t.Rows = append(t.Rows, [][]Span{text(g.words.word("kinds", string(to), g.l)), g.basisRefs(f.Automatic), g.basisRefs(f.Decision), g.basisRefs(f.Manual), g.basisRefs(f.Excluded)})
		}
		s.Tables = []Table{t}
		c.Sections = append(c.Sections, s)
	}
	return c
}

// basisChapter has a section for each legal basis.
func (g *guide) basisChapter() Chapter {
	c := Chapter{ID: "bases", Title: g.l.pick("Grunderna", "The legal bases"),
		Intro: g.l.pick("En bestämmelse per avsnitt: lagrum, prövning, på vilket sätt den öppnar, vilken sekretess, vilka uppgifter, och vad ett beslut ska innehålla.",
			"One provision per section: statute, test, way, which secrecy it opens, which fields it reaches, and what a decision must state.")}
	seen := map[string]bool{}
	for _, p := range g.Policy.Provisions() {
		if p.Set != "grant" && p.Set != "never" {
			continue
		}
		s := g.basis(p)
		if seen[s.ID] { // a second provision of the same basis
			s.ID = anchor("basis", p.ID)
		}
		seen[s.ID] = true
		c.Sections = append(c.Sections, s)
	}
	slices.SortStableFunc(c.Sections, func(a, b Section) int { return cmp.Compare(a.ID, b.ID) })
	return c
}

func (g *guide) basis(p *policy.Provision) Section {
	s := Section{ID: anchor("basis", string(p.Basis)), Title: p.ID + ": " + g.l.pick(p.Titles.SV, p.Titles.EN)}
	s.Lines = []Line{
		g.line("Lagrum", "Statute", p.Statute),
		g.line("Prövning", "Test", g.l.pick(p.SV.Description, p.Description)),
		g.line("Öppnar", "Way", g.words.word("ways", string(p.Way), g.l)),
		g.line("Måste åberopas", "Must be claimed", g.yes(p.ClaimNeeded)),
		g.line("Bara mot myndigheter", "Authorities only", g.yes(p.AuthorityOnly)),
		{g.l.pick("Öppnar sekretessen i", "Opens"), g.opens(p.Opens)},
		g.line("Når", "Reach", g.reach(p.Reach)),
	}
	if p.Decision != nil {
		s.Lines = append(s.Lines, g.line("Beslutet ska ange", "A decision must state", g.recorded(p.Decision)))
	}
	var flows []string
	for _, from := range slices.Sorted(maps.Keys(g.flows)) {
		for _, to := range slices.Sorted(maps.Keys(g.flows[from])) {
			f := g.flows[from][to]
			if slices.Contains(slices.Concat(f.Automatic, f.Decision, f.Manual), p.Basis) {
				flows = append(flows, string(from)+" → "+string(to))
			}
		}
	}
	s.Lines = append(s.Lines, g.line("Används i flödena", "Used in the flows", cmp.Or(strings.Join(flows, ", "), "–")))
	if p.Lawyer != "" {
		s.Lines = append(s.Lines, g.line("En jurist måste bekräfta", "A lawyer must confirm", g.l.pick(p.SV.Lawyer, p.Lawyer)))
	}
	return s
}

// opens refers to the secrecy rules that a basis opens.
func (g *guide) opens(list []gateway.Rule) []Span {
	if len(list) == 0 {
		return text(g.l.pick("ingenting", "nothing"))
	}
	return g.refs("rule", codes(list)...)
}

// recorded says what a recorded decision must hold.
func (g *guide) recorded(r *policy.Recorded) string {
	parts := []string{g.l.pick("slag ", "kind ") + cmp.Or(r.Kind, policy.FieldRelease)}
	if r.Ground != "" {
		parts = append(parts, g.l.pick("underlag ", "ground ")+string(r.Ground))
	}
	for _, f := range slices.Sorted(maps.Keys(r.Facts)) {
		parts = append(parts, fmt.Sprintf("%s %s", f, conditionOf(r.Facts[f])))
	}
	return strings.Join(parts, "; ")
}

// reach says which fields a provision is about.
func (g *guide) reach(r policy.Reach) string {
	var parts []string
	add := func(sv, en string, list []string) {
		if len(list) > 0 {
			parts = append(parts, g.l.pick(sv, en)+" "+strings.Join(list, ", "))
		}
	}
	add("klasserna", "classes", codes(r.Classes))
	add("fälten", "fields", codes(r.Fields))
	add("med beslut klasserna", "with a decision classes", codes(r.DecisionClasses))
	if len(parts) == 0 && !r.Locating {
		parts = append(parts, g.l.pick("alla uppgifter", "every field"))
	}
	if r.Locating {
		parts = append(parts, g.l.pick("uppgifter som röjer en plats", "fields that tell a place"))
	}
	add("aldrig klasserna", "never classes", codes(r.ExceptClasses))
	add("aldrig fälten", "never fields", codes(r.ExceptFields))
	return strings.Join(parts, "; ")
}
