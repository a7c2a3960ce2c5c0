package workbench

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/policy"
)

// ChangeKind says what a change does.
type ChangeKind string

// The kinds of change.
const (
	Opened       ChangeKind = "opened"        // leaves where it did not, or where more was asked for
	Closed       ChangeKind = "closed"        // the reverse
	BasisChanged ChangeKind = "basis_changed" // leaves in both, on other bases
)

// AccessDiff is what one state of the law lets happen and another does not.
type AccessDiff struct {
	A       string         `json:"a"` // snapshots
	B       string         `json:"b"`
	Changes []AccessChange `json:"changes"`
	Asks    []AskChange    `json:"asks"`
	// Broken are the never-rules built in that do not hold of B.
	Broken  []NeverResult `json:"broken"`
	Seconds float64       `json:"seconds"`
}

// Opens reports whether something can leave by B that could not by A, or may.
func (d AccessDiff) Opens() bool {
	return slices.ContainsFunc(d.Asks, func(a AskChange) bool { return a.Wider }) ||
		slices.ContainsFunc(d.Changes, func(c AccessChange) bool { return c.Kind == Opened || c.Wider })
}

// AccessChange is one thing that is different: who, what, from whom, under which
// facts.
type AccessChange struct {
	Kind     ChangeKind          `json:"kind"`
	Wider    bool                `json:"wider,omitempty"` // of a basis: it came, and did not go
	Type     gateway.MessageType `json:"type"`
	Fields   []gateway.Field     `json:"fields"`
	To       gateway.Role        `json:"to"`
	Kinds    []gateway.Kind      `json:"to_kinds"`
	From     []gateway.Role      `json:"from"`
	Purposes []gateway.Purpose   `json:"purposes"`
	Level    Level               `json:"level"`
	ByName   bool                `json:"by_name"`
	Carried  bool                `json:"carried,omitempty"`
	Basis    gateway.Basis       `json:"basis"`
	Statute  string              `json:"statute"`
	Titles   policy.Titles       `json:"titles"`
	When     []Condition         `json:"when"` // any of them suffices
	SV       string              `json:"sv"`
	EN       string              `json:"en"`

	partiesSV, partiesEN string
}

// Diff compares what two packs release, over all that either can be asked.
func Diff(ctx context.Context, a, b *Pack) (AccessDiff, error) {
	start := time.Now()
	if a.Snapshot.Digest() == b.Snapshot.Digest() {
		return newDiff(a, b), nil
	}
	sa, err := NewSpace(ctx, a)
	if err != nil {
		return AccessDiff{}, fmt.Errorf("the first pack: %w", err)
	}
	sb, err := NewSpace(ctx, b)
	if err != nil {
		return AccessDiff{}, fmt.Errorf("the second pack: %w", err)
	}
	d, err := sa.Diff(ctx, sb)
	if err != nil {
		return AccessDiff{}, err
	}
	d.Broken, err = sb.broken(ctx)
	d.Seconds = time.Since(start).Seconds()
	return d, err
}

func newDiff(a, b *Pack) AccessDiff {
	return AccessDiff{A: a.Snapshot.Digest().String(), B: b.Snapshot.Digest().String(), Changes: []AccessChange{}, Asks: []AskChange{},
		Broken: []NeverResult{}}
}

// Diff compares what the law of s releases with what that of b does.
func (s *Space) Diff(ctx context.Context, b *Space) (AccessDiff, error) {
	d := newDiff(s.pack, b.pack)
	sides := [2]map[string]sideList{s.sides(), b.sides()}
	labels := slices.AppendSeq(slices.Collect(maps.Keys(sides[0])), maps.Keys(sides[1]))
	slices.Sort(labels)
	known, all := map[[2]*group][]pointChange{}, newChanges(s, b)
	for _, label := range slices.Compact(labels) {
		if err := ctx.Err(); err != nil {
			return d, err
		}
		for _, asked := range asking(sides[0][label], sides[1][label]) {
			one, two := sides[0][label].asked(asked), sides[1][label].asked(asked)
			pair := [2]*group{one.group, two.group}
			found, ok := known[pair]
			if !ok {
				var err error
				if found, err = comparePair(pair); err != nil {
					return d, err
				}
				known[pair] = found
			}
			all.add(one, two, found)
		}
	}
	d.Changes, d.Asks = all.list(), asks(s, b)
	return d, nil
}

// side is a context of one of the two.
type side struct {
	*group
	at  assignment
	how how
}

// how says in which way a request asks. A space leaves out the ways in which
// nothing more can leave than in another, as long as no rule looks at them.
type how struct{ byDefault, reason bool }

// sideList is the contexts that differ only in how is asked.
type sideList []side

// asking lists the ways of asking that either of two looks at, each once.
func asking(lists ...sideList) []how {
	var out []how
	for _, s := range slices.Concat(lists...) {
		if !slices.Contains(out, s.how) {
			out = append(out, s.how)
		}
	}
	return out
}

// asked returns the context of a way of asking, or of the one that it was left
// out for.
func (l sideList) asked(h how) side {
	for _, stands := range []how{h, {true, h.reason}, {h.byDefault, true}, {true, true}} {
		if i := slices.IndexFunc(l, func(s side) bool { return s.how == stands }); i >= 0 {
			return l[i]
		}
	}
	return side{}
}

// sides lists the contexts of a space by what they say, whatever numbers their
// values have in it.
func (s *Space) sides() map[string]sideList {
	out := map[string]sideList{}
	for _, g := range s.groups {
		for _, at := range g.contexts {
			label := ""
			for _, i := range s.asked {
				if path := s.vars[i].path; path != "default" && path != "reason" {
					label += fmt.Sprint(s.value(at, path), "\x00")
				}
			}
			out[label] = append(out[label], side{g, at, how{s.value(at, "default") == true, s.value(at, "reason") == true}})
		}
	}
	return out
}

// option is a way for a field to leave, as the two are compared by.
type option struct {
	basis                              gateway.Basis
	decision, byName, carried, consent bool
	by                                 *policy.Provision
}

// covers reports whether whoever has what p asks for also gets it by o.
func (o option) covers(p option) bool {
	less := func(a, b bool) bool { return !a || b }
	return o.basis == p.basis && o.consent == p.consent && less(o.decision, p.decision) && less(o.byName, p.byName) && less(o.carried, p.carried)
}

func covered(p option, by []option) bool {
	return slices.ContainsFunc(by, func(o option) bool { return o.covers(p) })
}

// pointChange is a change of one field in a pair of groups.
type pointChange struct {
	kind   ChangeKind
	wider  bool
	field  gateway.Field
	option option
	terms  []term
}

// same tells changes apart that differ by more than facts.
func (c pointChange) same() string {
	o := c.option
	return fmt.Sprint(c.kind, c.wider, c.field, o.basis, o.decision, o.byName, o.carried, o.consent)
}

// comparePair finds what is different between two groups, of which one may be nil.
func comparePair(pair [2]*group) ([]pointChange, error) {
	if pair[0] != nil && pair[1] != nil && pair[0].fingerprint() == pair[1].fingerprint() {
		return nil, nil
	}
	points, err := common(pair)
	if err != nil {
		return nil, err
	}
	changes := map[string]pointChange{}
	at := map[string]map[int]bool{}
	for n, p := range points {
		before, after := pair[0].optionsAt(p), pair[1].optionsAt(p)
		for _, f := range union(before, after) {
			for _, c := range changed(pair, f, before[f], after[f]) {
				key := c.same()
				if at[key] == nil {
					changes[key], at[key] = c, map[int]bool{}
				}
				at[key][n] = true
			}
		}
	}
	var out []pointChange
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		c := changes[key]
		c.terms = minimal(points, func(n int) bool { return at[key][n] })
		out = append(out, c)
	}
	return out, nil
}

// changed compares the ways in which one field leaves at one point.
func changed(pair [2]*group, f gateway.Field, before, after []option) []pointChange {
	var out []pointChange
	note := func(o option, here, there []option, came bool) {
		if covered(o, there) {
			return
		}
		c := pointChange{kind: Opened, field: f, option: o}
		sameBasis := slices.ContainsFunc(there, func(p option) bool { return p.basis == o.basis })
		switch {
		case len(there) > 0 && !sameBasis:
			c.kind, c.wider = BasisChanged, came
		case !came:
			c.kind = Closed
		}
		out = append(out, c)
	}
	for _, o := range after {
		note(o, after, before, true)
	}
	for _, o := range before {
		note(o, before, after, false)
	}
	if len(out) == 0 && len(after) > 0 && pair[0] != nil && pair[1] != nil {
		was, is := pair[0].tried(before), pair[1].tried(after)
		for i := range min(len(was), len(is)) {
			if was[i].basis != is[i].basis { // is tried before what was tried first
				return []pointChange{{kind: BasisChanged, field: f, option: is[i]}}
			}
		}
	}
	return out
}

// tried puts options into the order in which the flow tries their bases.
func (g *group) tried(options []option) []option {
	return slices.SortedStableFunc(slices.Values(options), func(x, y option) int {
		return slices.Index(g.plan.Bases, x.basis) - slices.Index(g.plan.Bases, y.basis)
	})
}

func union(a, b map[gateway.Field][]option) []gateway.Field {
	var out []gateway.Field
	for _, m := range []map[gateway.Field][]option{a, b} {
		for f := range m {
			out = append(out, f)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
