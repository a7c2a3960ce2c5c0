package workbench

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"sluss/gateway"
)

// changes gathers what was found in single contexts.
type changes struct {
	words [2]*phrases
	met   map[string]map[string][]any // by parties: values of protected and same_agency
	found map[string]*gathered
}

// gathered is one change for a recipient and a kind of discloser.
type gathered struct {
	pointChange
	typ      gateway.MessageType
	to       gateway.Role
	kind     gateway.Kind
	parties  string
	from     map[gateway.Role]bool
	purposes map[gateway.Purpose]bool
	terms    []term
}

func newChanges(a, b *Space) *changes {
	return &changes{[2]*phrases{a.words, b.words}, map[string]map[string][]any{}, map[string]*gathered{}}
}

// add adds what is different in one context.
func (c *changes) add(one, two side, found []pointChange) {
	s := one
	if s.group == nil {
		s = two
	}
	in := s.input(s.at)
	parties := fmt.Sprint(in.Type, in.Actor, in.Discloser.Kind, in.Purpose, in.Discloser.Role, in.Acute)
	if c.met[parties] == nil {
		c.met[parties] = map[string][]any{}
	}
	here := term{"facts.protected": in.Facts.Protected, "same_agency": in.SameAgency}
	for path, v := range here {
		if !slices.Contains(c.met[parties][path], v) {
			c.met[parties][path] = append(c.met[parties][path], v)
		}
	}
	for _, f := range found {
		key := parties + f.same()
		g := c.found[key]
		if g == nil {
			g = &gathered{pointChange: f, typ: in.Type, to: in.Actor.Role, kind: in.Actor.Kind, parties: parties,
				from: map[gateway.Role]bool{in.Discloser.Role: true}, purposes: map[gateway.Purpose]bool{in.Purpose: true}}
			c.found[key] = g
		}
		for _, t := range f.terms {
			t = maps.Clone(t)
			maps.Copy(t, here)
			g.terms = append(g.terms, t)
		}
	}
}

// list puts what was gathered into as few changes as say it: fields, senders,
// purposes and kinds that share all the rest stand together.
func (c *changes) list() []AccessChange {
	var out []AccessChange
	for _, key := range slices.Sorted(maps.Keys(c.found)) {
		g := c.found[key]
		o := g.option
		ch := AccessChange{Kind: g.pointChange.kind, Wider: g.wider, Type: g.typ, Fields: []gateway.Field{g.field}, To: g.to, Kinds: []gateway.Kind{g.kind},
			From: slices.Sorted(maps.Keys(g.from)), Purposes: slices.Sorted(maps.Keys(g.purposes)), Level: ByDefault, ByName: o.byName,
			Carried: o.carried, Basis: o.basis, Statute: o.by.Statute, Titles: o.by.Titles,
			When: c.words[1].conditions(merge(g.terms, c.met[g.parties]))}
		if o.decision {
			ch.Level = ByDecision
		} else if o.byName {
			ch.Level = ByName
		}
		out = append(out, ch)
	}
	out = together(out, func(c *AccessChange) *[]gateway.Field { return &c.Fields })
	out = together(out, func(c *AccessChange) *[]gateway.Role { return &c.From })
	out = together(out, func(c *AccessChange) *[]gateway.Purpose { return &c.Purposes })
	out = together(out, func(c *AccessChange) *[]gateway.Kind { return &c.Kinds })
	slices.SortStableFunc(out, func(x, y AccessChange) int {
		order := []ChangeKind{Opened, BasisChanged, Closed}
		return cmp.Or(slices.Index(order, x.Kind)-slices.Index(order, y.Kind), cmp.Compare(x.Type, y.Type), cmp.Compare(x.To, y.To))
	})
	for i := range out {
		out[i].SV, out[i].EN = c.sentence(out[i], Swedish), c.sentence(out[i], English)
		out[i].partiesSV, out[i].partiesEN = c.words[1].parties(out[i], Swedish), c.words[1].parties(out[i], English)
	}
	return out
}

// together joins changes that are equal but for one of their lists.
func together[E ~string](all []AccessChange, list func(*AccessChange) *[]E) []AccessChange {
	var out []AccessChange
	place := map[string]int{}
	for _, c := range all {
		rest := c
		*list(&rest) = nil
		key := fmt.Sprint(rest)
		i, ok := place[key]
		if !ok {
			place[key] = len(out)
			out = append(out, c)
			continue
		}
		l := list(&out[i])
		*l = slices.Concat(*l, *list(&c))
		slices.Sort(*l)
		*l = slices.Compact(*l)
	}
	return out
}

// sentence says a change: who, what, from whom, for what, on which basis, when.
func (c *changes) sentence(ch AccessChange, lang Language) string {
	return fmt.Sprintf("%s. %s. %s", c.words[1].parties(ch, lang), ch.what(lang), ch.when(lang))
}

// parties says of a change in which message something goes to whom, from whom
// and for what.
func (w *phrases) parties(ch AccessChange, lang Language) string {
	return fmt.Sprintf(lang.pick("%s till %s från %s, ändamål %s", "%s to %s from %s, purpose %s"), w.message(string(lang), ch.Type),
		w.roleOf(lang, ch.To, ch.Kinds), strings.Join(words(ch.From), ", "), strings.Join(words(ch.Purposes), ", "))
}

// what says which fields a change is about, on which basis and what it takes.
func (ch AccessChange) what(lang Language) string {
	level := ch.Level.Words(lang)
	if ch.Carried {
		level = lang.pick("som följeuppgift", "carried with another field")
	}
	return fmt.Sprintf("%s: %s %s (%s), %s", strings.Join(words(ch.Fields), ", "), ch.Basis, lang.pick(ch.Titles.SV, ch.Titles.EN), ch.Statute, level)
}

// when says under which facts.
func (ch AccessChange) when(lang Language) string {
	var out []string
	for _, c := range ch.When {
		out = append(out, lang.pick(c.SV, c.EN))
	}
	return lang.pick("När: ", "When: ") + strings.Join(out, lang.pick(" eller ", " or "))
}

// roleOf names a role at kinds of agency.
func (w *phrases) roleOf(lang Language, r gateway.Role, kinds []gateway.Kind) string {
	if sv := w.roles[r].SV; lang == Swedish && sv != "" {
		return fmt.Sprintf("%s (%s, %s)", sv, r, join(kinds))
	}
	return fmt.Sprintf("%s (%s)", r, join(kinds))
}

// Print writes the changes, those with the same parties and facts together, and
// how many there are.
func (d AccessDiff) Print(w io.Writer, lang Language) {
	titles := map[ChangeKind]string{Opened: lang.pick("ÖPPNAT", "OPENED"), Closed: lang.pick("STÄNGT", "CLOSED"),
		BasisChanged: lang.pick("ANNAN GRUND", "BASIS CHANGED")}
	count := map[ChangeKind]int{}
	var heads []string
	under := map[string][]string{}
	for _, c := range d.Changes {
		count[c.Kind]++
		title := titles[c.Kind]
		if c.Wider {
			title += lang.pick(" (ny)", " (new)")
		}
		head := fmt.Sprintf("%s  %s\n    %s", title, lang.pick(c.partiesSV, c.partiesEN), c.when(lang))
		if under[head] == nil {
			heads = append(heads, head)
		}
		under[head] = append(under[head], c.what(lang))
	}
	for _, head := range heads {
		fmt.Fprintf(w, "%s\n        %s\n", head, strings.Join(under[head], "\n        "))
	}
	d.printAsks(w, lang)
	d.printBroken(w, lang)
	fmt.Fprintf(w, lang.pick("%d öppnade, %d stängda, %d med annan grund; %.1f s\n", "%d opened, %d closed, %d basis changed; %.1f s\n"),
		count[Opened], count[Closed], count[BasisChanged], d.Seconds)
}
