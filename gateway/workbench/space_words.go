package workbench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"sluss/gateway"
)

// phrases are the words of a pack's tables for people.
type phrases struct {
	facts map[string]struct{ SV, EN string }
	roles map[gateway.Role]struct{ SV string }
	types map[gateway.MessageType]struct{ code, sv, en string }
}

// newPhrases reads the words from the tables. What is missing is called by its
// code.
func newPhrases(p *Pack) *phrases {
	out := &phrases{types: map[gateway.MessageType]struct{ code, sv, en string }{}}
	read := func(name string, into any) {
		raw, err := fs.ReadFile(p.Snapshot.FS(), "data/"+name+".json")
		var file map[string]json.RawMessage
		if err == nil && json.Unmarshal(raw, &file) == nil {
			_ = json.Unmarshal(file[name], into) // without words a thing is called by its code
		}
	}
	read("facts", &out.facts)
	read("roles", &out.roles)
	for _, t := range p.Catalogue.Types() {
		en, sv, _ := strings.Cut(t.Title, " / ")
		out.types[t.Name] = struct{ code, sv, en string }{t.Code, cmp.Or(sv, en), en}
	}
	return out
}

// role names a role at its kind of agency.
func (w *phrases) role(lang string, r gateway.Role, k gateway.Kind) string {
	if sv := w.roles[r].SV; lang == "sv" && sv != "" {
		return fmt.Sprintf("%s (%s, %s)", sv, r, k)
	}
	return fmt.Sprintf("%s (%s)", r, k)
}

// message names a message type.
func (w *phrases) message(lang string, t gateway.MessageType) string {
	m := w.types[t]
	if lang == "sv" {
		return fmt.Sprintf("%s %s", m.code, m.sv)
	}
	return fmt.Sprintf("%s %s", m.code, m.en)
}

// fact says that a member of the input has a value.
func (w *phrases) fact(lang, path string, v any) string {
	if same := map[any][2]string{true: {"Samma myndighet.", "The same agency."}, false: {"En annan myndighet.", "Another agency."}}; path == "same_agency" {
		return Language(lang).pick(same[v][0], same[v][1])
	}
	f, ok := w.facts[strings.TrimPrefix(path, "facts.")]
	if !ok || !strings.HasPrefix(path, "facts.") {
		return fmt.Sprintf("%s = %v", path, v)
	}
	sentence := f.EN
	if lang == "sv" {
		sentence = f.SV
	}
	if v == true {
		return sentence
	}
	return Language(lang).pick("Inte: ", "Not: ") + sentence
}

// sentence says who gets what from whom, on which basis and under which facts.
func (g *group) sentence(lang string, a assignment, r *row, said []int) string {
	in, f := g.input(a), g.plan.Fields[r.field]
	form := "%s receives %q (class %s) from %s in %s, purpose %s, on %s (%s, %s)."
	title, carried, under := r.by.Titles.EN, " It leaves with another field (carrier rule).", " Facts: "
	if lang == "sv" {
		form = "%s får %q (klass %s) från %s i %s, ändamål %s, på grunden %s (%s, %s)."
		title, carried, under = r.by.Titles.SV, " Uppgiften följer med en annan (följeuppgift).", " Sakförhållanden: "
	}
	w := g.words
	out := fmt.Sprintf(form, w.role(lang, in.Actor.Role, in.Actor.Kind), f.Name, f.Effective, w.role(lang, in.Discloser.Role, in.Discloser.Kind),
		w.message(lang, in.Type), in.Purpose, r.by.Basis, title, r.by.Statute)
	if r.carried {
		out += carried
	}
	said = slices.Concat([]int{g.index["facts.protected"]}, said)
	slices.Sort(said)
	var list []string
	for _, i := range slices.Compact(said) {
		if a[i] != unbound {
			list = append(list, w.fact(lang, g.vars[i].path, g.vars[i].domain[a[i]]))
		}
	}
	if in.SameAgency {
		list = append(list, w.fact(lang, "same_agency", true))
	}
	return out + under + strings.Join(list, " ")
}
