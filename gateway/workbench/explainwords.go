package workbench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sluss/gateway"
	"sluss/gateway/policy"
)

// ParseLanguage reads a language.
func ParseLanguage(s string) (Language, error) {
	if l := Language(s); l == Swedish || l == English {
		return l, nil
	}
	return "", fmt.Errorf("language is sv or en, not %q", s)
}

// pick returns the words of one language.
func (l Language) pick(sv, en string) string {
	if l == Swedish {
		return sv
	}
	return en
}

// said is what a thing is called in both languages.
type said struct {
	SV string `json:"sv"`
	EN string `json:"en"`
}

func (l Language) of(s said) string { return l.pick(s.SV, s.EN) }

// glossary is what a pack calls things: data/words.json, data/facts.json and
// data/roles.json. What it has no word for is called by its code.
type glossary struct {
	Words map[string]map[string]said
	Facts map[string]struct {
		said
		Source  string `json:"source"`
		Unknown bool   `json:"unknown"`
	}
	Roles map[gateway.Role]struct {
		SV string `json:"sv"`
	}
}

// glossary reads the words of a pack. One that lacks the tables has no words.
func (p *Pack) glossary() glossary {
	var g glossary
	for name, into := range map[string]any{"words": &g.Words, "facts": &g.Facts, "roles": &g.Roles} {
		_ = p.table(name, into) // a pack from before there were words is explained by codes
	}
	return g
}

// table reads one file of data/.
func (p *Pack) table(name string, into any) error {
	f, err := p.Snapshot.FS().Open("data/" + name + ".json")
	if err != nil {
		return err
	}
	defer f.Close()
	var file map[string]json.RawMessage
	if err := json.NewDecoder(f).Decode(&file); err != nil {
		return err
	}
	return json.Unmarshal(file[name], into)
}

// word returns what a code of a group is called.
func (g glossary) word(group, code string, l Language) string {
	return cmp.Or(l.of(g.Words[group][code]), code)
}

// coded returns the code with what it means, "MUN (kommun)".
func (g glossary) coded(group, code string, l Language) string {
	if w := l.of(g.Words[group][code]); w != "" {
		return code + " (" + w + ")"
	}
	return code
}

// role returns what a role is called.
func (g glossary) role(r gateway.Role, l Language) string {
	if sv := g.Roles[r].SV; l == Swedish && sv != "" {
		return sv + " (" + string(r) + ")"
	}
	return string(r)
}

// fact puts a fact, or that it does not hold, into a sentence.
func (g glossary) fact(name string, holds bool, l Language) string {
	sentence := cmp.Or(strings.TrimSuffix(l.of(g.Facts[name].said), "."), name)
	if holds {
		return sentence
	}
	return l.pick("det är inte så att: ", "it is not so that: ") + lower(sentence)
}

// lower makes the first letter small, unless the word is an abbreviation.
func lower(s string) string {
	if len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	r := []rune(s)
	if len(r) > 0 {
		r[0] = []rune(strings.ToLower(string(r[0])))[0]
	}
	return string(r)
}

// condition puts one line of a provision into words.
func (g glossary) condition(c policy.Condition, l Language) string {
	if name, ok := strings.CutPrefix(c.Member, "facts."); ok && len(c.Values) == 0 {
		return g.fact(name, !c.Not, l)
	}
	if c.Member != "" && len(c.Values) > 0 {
		return g.member(c.Member, l) + " " + map[bool]string{true: l.pick("är", "is"), false: l.pick("är inte", "is not")}[c.Equal != c.Not] + " " +
			g.values(c.Member, c.Values, l)
	}
	if c.Member != "" && c.Member != g.member(c.Member, l) {
		return map[bool]string{true: l.pick("det är inte så att: ", "it is not so that: ")}[c.Not] + g.member(c.Member, l)
	}
	if len(c.Any) > 0 {
		return g.named(c, l)
	}
	return cmp.Or(l.of(lookedUp[c.Text]), c.Text)
}

// lookedUp puts conditions that look something up in the catalogue into words,
// by their text; one that is not here is shown as it is written.
var lookedUp = map[string]said{
	"data.catalogue.purposes[input.purpose].consentable":                 {"ändamålet är ett som ett samtycke får nämna", "the purpose is one that a consent may name"},
	"not data.catalogue.roles[input.actor.role].purposes[input.purpose]": {"ändamålet hör inte till mottagarens roll", "the purpose is not in the recipient's role"},
	"belongs(input.actor)":     {"mottagarens roll finns vid dess slag av myndighet", "the recipient's role is one of its kind of agency"},
	"belongs(input.discloser)": {"den utlämnandes roll finns vid dess slag av myndighet", "the discloser's role is one of its kind of agency"},
}

// named puts a named condition into words by what it is made of.
func (g glossary) named(c policy.Condition, l Language) string {
	var ways []string
	for _, way := range c.Any {
		var parts []string
		for _, one := range way {
			parts = append(parts, g.condition(one, l))
		}
		ways = append(ways, strings.Join(parts, l.pick(" och ", " and ")))
	}
	text := strings.Join(ways, l.pick("; eller ", "; or "))
	if text == "" {
		return c.Text
	}
	if c.Not {
		return l.pick("det är inte så att: ", "it is not so that: ") + lower(text)
	}
	return text
}

// member names a member of the input.
func (g glossary) member(m string, l Language) string {
	names := map[string]said{
		"actor.kind": {"mottagaren", "the recipient"}, "actor.role": {"mottagarens roll", "the recipient's role"},
		"discloser.kind": {"den utlämnande", "the discloser"}, "discloser.role": {"den utlämnandes roll", "the discloser's role"},
		"purpose": {"ändamålet", "the purpose"}, "type": {"meddelandetypen", "the message type"}, "maturity": {"mognadsbeslutet", "the maturity decision"},
		"table.checked":          {"tabellen är prövad mot små tal", "the table has been checked for small cells"},
		"table.refused":          {"tabellen skulle röja enskilda", "the table would point at somebody"},
		"table.money_shown":      {"beloppen visar inte vad en enda fått", "the sums do not show what one payee was paid"},
		"same_agency":            {"det är samma myndighet", "it is the same agency"},
		"default":                {"standarduppsättningen begärs", "the default set is asked for"},
		"bulk":                   {"det är ett massuttag", "it is a request in bulk"},
		"acute":                  {"det är akut", "it is acute"},
		"reason":                 {"ett skäl anges", "a reason is given"},
		"initiative":             {"initiativet", "the initiative"},
		"values.request_kind":    {"begärans slag", "the kind of request"},
		"values.report_kind":     {"rapportens slag", "the kind of report"},
		"values.transfer_status": {"överlämnandets läge", "the status of the transfer"},
	}
	return cmp.Or(l.of(names[m]), m)
}

func (g glossary) values(member string, values []string, l Language) string {
	group := map[string]string{"actor.kind": "kinds", "discloser.kind": "kinds", "purpose": "purposes"}[member]
	out := make([]string, len(values))
	for i, v := range slices.Sorted(slices.Values(values)) {
		switch {
		case group != "":
			out[i] = g.coded(group, v, l)
		case strings.HasSuffix(member, ".role"):
			out[i] = g.role(gateway.Role(v), l)
		default:
			out[i] = v
		}
	}
	return strings.Join(out, l.pick(" eller ", " or "))
}
