package workbench

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// conditionOf writes what a fact of a decision must be.
func conditionOf(c facts.Condition) string {
	switch {
	case c.Equals != nil:
		return fmt.Sprintf("= %v", *c.Equals)
	case len(c.OneOf) > 0:
		return "∈ {" + strings.Join(c.OneOf, ", ") + "}"
	case c.AtLeast != nil:
		return fmt.Sprintf("≥ %d", *c.AtLeast)
	}
	return "≠ ∅"
}

// rulesChapter lists the secrecy rules and what opens each.
func (g *guide) rulesChapter() Chapter {
	c := Chapter{ID: "rules", Title: g.l.pick("Sekretessreglerna", "The secrecy rules"),
		Intro: g.l.pick("Samtycke öppnar aldrig en regel till skydd för ett allmänt intresse (18 kap. OSL).", "Consent never opens a rule that protects a public interest (OSL ch. 18).")}
	table := g.Catalogue.Tables().Rules
	for _, name := range slices.Sorted(maps.Keys(table)) {
		r := table[name]
		var by []gateway.Basis
		for _, p := range g.Policy.Provisions() {
			if p.Set == "grant" && slices.Contains(p.Opens, name) && !slices.Contains(by, p.Basis) {
				by = append(by, p.Basis)
			}
		}
		c.Sections = append(c.Sections, Section{ID: anchor("rule", string(name)), Title: rule(name), Lines: []Line{
			g.line("Gäller för", "Holds for", r.HoldsFor), g.line("Skyddar", "Protects", r.Protects), g.line("Skaderekvisit", "Test", r.Test),
			g.line("Allmänt intresse", "Public interest", g.yes(r.PublicInterest)), {g.l.pick("Öppnas av", "Opened by"), g.basisRefs(by)},
		}})
	}
	return c
}

// provisions makes sections of the provisions of some sets.
func (g *guide) provisions(less func(a, b *policy.Provision) int, sets ...string) []Section {
	var list []*policy.Provision
	for _, p := range g.Policy.Provisions() {
		if slices.Contains(sets, p.Set) {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, less)
	var out []Section
	for _, p := range list {
		s := Section{ID: anchor("provision", p.ID), Title: p.ID + ": " + g.l.pick(p.Titles.SV, p.Titles.EN), Lines: []Line{
			g.line("Lagrum", "Statute", p.Statute), g.line("Innebär", "Means", g.l.pick(p.SV.Description, p.Description))}}
		if p.Outcome != "" {
			s.Lines = append(s.Lines, g.line("Annars", "Otherwise", g.words.coded("outcomes", string(p.Outcome), g.l)))
		}
		if p.Code != "" {
			s.Lines = append(s.Lines, Line{g.l.pick("Kod", "Code"), g.refs("reason", p.Code)})
		}
		if p.Set == "by_hand" {
			s.Lines = append(s.Lines, Line{g.l.pick("Grund", "Basis"), g.basisRefs([]gateway.Basis{p.Basis})})
		}
		if p.Set == "restriction" || p.Set == "by_hand" {
			s.Lines = append(s.Lines, g.line("Når", "Reach", g.reach(p.Reach)))
		}
		out = append(out, s)
	}
	return out
}

func (g *guide) stages() Chapter {
	return Chapter{ID: "stages", Title: g.l.pick("Stegen före uppgifterna", "The stages before the fields"),
		Intro: g.l.pick("I denna ordning; det första som slår till avgör. Stegen 1–8 ser ingenting om personen, så svaret är detsamma vare sig personen finns eller inte.",
			"In this order; the first that applies ends the decision. Stages 1–8 look at nothing about the person, so the answer is the same whether or not the person is on record."),
		Sections: g.provisions(func(a, b *policy.Provision) int { return cmp.Or(a.Stage-b.Stage, a.Order-b.Order) }, "stop")}
}

func (g *guide) limits() Chapter {
	return Chapter{ID: "restrictions", Title: g.l.pick("Spärrar, prövning för hand och justeringar", "Blockers, decisions by hand, adjustments"),
		Intro: g.l.pick("En spärr håller tillbaka en uppgift vilken grund som än åberopas.", "A blocker withholds a field whatever basis is claimed."),
		Sections: g.provisions(func(a, b *policy.Provision) int {
			return cmp.Or(cmp.Compare(b.Set, a.Set), a.Step-b.Step, a.Order-b.Order)
		}, "restriction", "by_hand", "adjustment")}
}

// glossaryTable is a table of codes with what they mean.
func (g *guide) glossaryTable(group, ids string) Table {
	t := Table{Head: []string{g.l.pick("Kod", "Code"), g.l.pick("Betyder", "Means")}}
	for _, code := range slices.Sorted(maps.Keys(g.words.Words[group])) {
		t.Rows = append(t.Rows, [][]Span{{{Text: code, Ref: "#" + anchor(ids, code)}}, text(g.words.word(group, code, g.l))})
	}
	return t
}

func (g *guide) reasons() Chapter {
	return Chapter{ID: "reasons", Title: g.l.pick("Utfall och skäl", "Outcomes and reasons"),
		Sections: []Section{
			{ID: "outcomes", Title: g.l.pick("Utfall", "Outcomes"), Tables: []Table{g.glossaryTable("outcomes", "outcome")}},
			{ID: "reason-codes", Title: g.l.pick("Skäl", "Reasons"), Tables: []Table{g.glossaryTable("reasons", "reason")}},
		}}
}

func (g *guide) obligations() Chapter {
	c := Chapter{ID: "obligations", Title: g.l.pick("Vad som följer på ett beslut", "Obligations")}
	t := Table{Head: []string{g.l.pick("Kod", "Code"), g.l.pick("Betyder", "Means"), g.l.pick("När", "When"), g.l.pick("Stöd", "Statute")}}
	for _, p := range g.Policy.Provisions() {
		if p.Set == "obligation" {
			t.Rows = append(t.Rows, [][]Span{text(p.Code), text(g.words.word("obligations", p.Code, g.l)), text(g.l.pick(p.SV.Description, p.Description)), text(p.Statute)})
		}
	}
	c.Sections = []Section{{ID: "obligation-codes", Title: g.l.pick("Koder", "Codes"), Tables: []Table{t}}}
	return c
}

// types lists every message type with its fields.
func (g *guide) types() Chapter {
	c := Chapter{ID: "types", Title: g.l.pick("Meddelandetyperna och deras fält", "Message types with their fields")}
	types := slices.Clone(g.Catalogue.Types())
	slices.SortStableFunc(types, func(a, b *catalogue.Type) int { return cmp.Compare(typeOrder(a.Code), typeOrder(b.Code)) })
	for _, m := range types {
		s := Section{ID: anchor("type", string(m.Name)), Title: m.Code + " " + string(m.Name) + ": " + g.title(m.Title)}
		if len(c.Sections) > 0 && c.Sections[len(c.Sections)-1].ID == s.ID {
			s.ID += fmt.Sprintf("-v%d", m.Version) // an older and a newer version
		}
		for i, leg := range g.Catalogue.Legs(m.Name) {
			from, to := g.refs("role", codes(leg.Senders)...), g.refs("role", codes(leg.Recipients)...)
			s.Lines = append(s.Lines, Line{fmt.Sprintf(g.l.pick("Väg %d", "Route %d"), i+1), slices.Concat(from, text(" → "), to, g.legLimits(leg))})
		}
		t := Table{Head: []string{g.l.pick("Fält", "Field"), g.l.pick("Klass", "Class"), g.l.pick("Förseglat", "Sealed"), g.l.pick("Röjer plats", "Tells a place"),
			g.l.pick("Vem har det, och vad skyddar det", "Who holds it, and what covers it")}}
		for _, f := range m.Fields {
			class := g.words.coded("classes", string(f.Class), g.l)
			if f.Subclass != "" {
				class += ", " + f.Subclass
			}
			name := string(f.Name)
			if f.Forbidden {
				name += g.l.pick(" (får aldrig skickas)", " (may never be sent)")
			}
			t.Rows = append(t.Rows, [][]Span{text(name), text(class), text(g.yes(f.Sealed)), text(g.yes(f.Locating)), text(g.origin(f.Origin))})
		}
		s.Tables = []Table{t}
		c.Sections = append(c.Sections, s)
	}
	return c
}

// title is the half of a title "English / Svenska" that is in the guide's language.
func (g *guide) title(s string) string {
	en, sv, both := strings.Cut(s, " / ")
	if !both {
		return s
	}
	return g.l.pick(sv, en)
}

// typeOrder sorts the messages M01, M02, … before the control messages C01, ….
func typeOrder(code string) string {
	if strings.HasPrefix(code, "M") {
		return "0" + code
	}
	return "1" + code
}

// legLimits says what a route does not carry, and when it is open at all.
func (g *guide) legLimits(leg *catalogue.Leg) []Span {
	var limits []string
	add := func(holds bool, sv, en string, list []string) {
		if holds {
			limits = append(limits, strings.TrimSpace(g.l.pick(sv, en)+" "+strings.Join(list, ", ")))
		}
	}
	add(leg.Urgency == catalogue.Acute, "bara akut", "acute only", nil)
	add(leg.SameAgency, "bara inom den egna myndigheten", "own agency only", nil)
	add(leg.OnlyClasses != nil, "bara klasserna", "only classes", codes(leg.OnlyClasses))
	add(len(leg.WithoutClasses) > 0, "utan klasserna", "without classes", codes(leg.WithoutClasses))
	add(leg.OnlyFields != nil, "bara fälten", "only fields", codes(leg.OnlyFields))
	if limits == nil {
		return nil
	}
	return text(" (" + strings.Join(limits, "; ") + ")")
}

func (g *guide) origin(o map[gateway.Kind][]gateway.Rule) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(o)) {
		covered := rules(o[k])
		if covered == "" {
			covered = "–"
		}
		out = append(out, string(k)+": "+covered)
	}
	return strings.Join(out, "; ")
}

// facts lists what the law may look at.
func (g *guide) facts() Chapter {
	t := Table{Head: []string{g.l.pick("Namn", "Name"), g.l.pick("Betyder", "Means"), g.l.pick("Där ingen sagt något gäller", "Taken where nobody has stated it")}}
	for _, name := range slices.Sorted(maps.Keys(g.words.Facts)) {
		t.Rows = append(t.Rows, [][]Span{text(name), text(g.words.fact(name, true, g.l)), text(g.yes(g.words.Facts[name].Unknown))})
	}
	return Chapter{ID: "facts", Title: g.l.pick("Sakförhållandena: det enda om en person som lagen får se", "The facts: all that the law may see of a person"),
		Sections: []Section{{ID: "fact-names", Title: g.l.pick("Namn", "Names"), Tables: []Table{t}}}}
}
