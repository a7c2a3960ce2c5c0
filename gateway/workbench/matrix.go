package workbench

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/policy"
)

// Level is the least that is asked for a field to leave.
type Level string

// The levels, from the least to the most; the first three are those of the
// ceilings' cells A, C and R.
const (
	ByDefault  Level = "default"  // part of the default set
	ByName     Level = "by_name"  // named, with a reason
	ByDecision Level = "decision" // a recorded decision names it
	ByHand     Level = "by_hand"  // a person looks at it each time
	Nothing    Level = "never"
)

var levels = []Level{ByDefault, ByName, ByDecision, ByHand, Nothing}

// Letter returns the level as a matrix shows it.
func (l Level) Letter() string {
	return map[Level]string{ByDefault: "A", ByName: "C", ByDecision: "R", ByHand: "H", Nothing: "–"}[l]
}

// Matrix says what each role can at most get of message types, by the law.
type Matrix struct {
	Snapshot string        `json:"snapshot"`
	Tables   []MatrixTable `json:"tables"`
	Seconds  float64       `json:"seconds"`
}

// MatrixTable is one message type for one purpose.
type MatrixTable struct {
	Type    gateway.MessageType `json:"type"`
	Code    string              `json:"code"`
	SV      string              `json:"sv"`
	EN      string              `json:"en"`
	Purpose gateway.Purpose     `json:"purpose"`
	Fields  []MatrixField       `json:"fields"`
	Rows    []MatrixRow         `json:"rows"` // of roles that some route leads to for the purpose
}

// MatrixField is a column.
type MatrixField struct {
	Name  gateway.Field `json:"name"`
	Class gateway.Class `json:"class"`
}

// MatrixRow is a role at a kind of agency.
type MatrixRow struct {
	Role  gateway.Role   `json:"role"`
	SV    string         `json:"sv"`
	Kind  gateway.Kind   `json:"kind"`
	From  []gateway.Kind `json:"from"` // kinds of agency that it may come from
	Cells []MatrixCell   `json:"cells"`
}

// MatrixCell is what a role can at most get of a field.
type MatrixCell struct {
	Level   Level          `json:"level"`
	Depends bool           `json:"depends"` // on facts, however it is asked for at that level
	Options []MatrixOption `json:"options,omitempty"`
}

// MatrixOption is one way for a field to leave.
type MatrixOption struct {
	Level   Level          `json:"level"`
	ByName  bool           `json:"by_name"`
	Basis   gateway.Basis  `json:"basis"`
	Statute string         `json:"statute"`
	Titles  policy.Titles  `json:"titles"`
	Consent bool           `json:"consent"`
	Carried bool           `json:"carried"` // only with another field (carrier rule)
	From    []gateway.Kind `json:"from"`
	When    []Condition    `json:"when"` // any of them suffices

	terms map[gateway.Kind][]term
}

// MatrixFilter says which part of the matrix is wanted; zero is all of it.
type MatrixFilter struct {
	Type    gateway.MessageType
	Purpose gateway.Purpose
	From    string // a role or a kind of agency
}

// NewMatrix finds what each role can at most get.
func NewMatrix(ctx context.Context, pack *Pack, f MatrixFilter) (Matrix, error) {
	s, err := NewSpace(ctx, pack)
	if err != nil {
		return Matrix{}, err
	}
	return s.Matrix(ctx, f)
}

// Matrix finds what each role can at most get.
func (s *Space) Matrix(ctx context.Context, f MatrixFilter) (Matrix, error) {
	start := time.Now()
	b := matrixBuilder{Space: s, filter: f, rows: map[matrixKey]*matrixRow{}}
	for _, g := range s.groups {
		if err := ctx.Err(); err != nil {
			return Matrix{}, err
		}
		b.group(g)
	}
	m := Matrix{Snapshot: s.pack.Snapshot.Digest().String(), Tables: b.tables()}
	if len(m.Tables) == 0 {
		return Matrix{}, fmt.Errorf("%w: no route leads anywhere for type %q, purpose %q, from %q", ErrPack, f.Type, f.Purpose, f.From)
	}
	m.Seconds = (s.took + time.Since(start)).Seconds()
	return m, nil
}

type matrixKey struct {
	typ     gateway.MessageType
	purpose gateway.Purpose
	role    gateway.Role
	kind    gateway.Kind
}

type matrixRow struct {
	from    map[gateway.Kind]map[string][]any // which values of protected and same_agency there are
	fields  []policy.PlannedField
	options []map[string]*MatrixOption
}

type matrixBuilder struct {
	*Space
	filter MatrixFilter
	rows   map[matrixKey]*matrixRow
}

// group adds what a group releases to the rows of its contexts.
func (b *matrixBuilder) group(g *group) {
	done := map[matrixKey]bool{}
	var found []groupOption
	for _, at := range g.contexts {
		in := g.input(at)
		key := matrixKey{in.Type, in.Purpose, in.Actor.Role, in.Actor.Kind}
		if f := b.filter; done[key] || f.Type != "" && f.Type != in.Type || f.Purpose != "" && f.Purpose != in.Purpose ||
			f.From != "" && f.From != string(in.Discloser.Kind) && f.From != string(in.Discloser.Role) {
			continue
		}
		done[key] = true
		if found == nil {
			found = g.options()
		}
		r := b.row(key, g)
		r.meet(in.Discloser.Kind, "facts.protected", in.Facts.Protected)
		r.meet(in.Discloser.Kind, "same_agency", in.SameAgency)
		for _, o := range found {
			r.add(o, in.Discloser.Kind, term{"facts.protected": in.Facts.Protected, "same_agency": in.SameAgency})
		}
	}
}

func (b *matrixBuilder) row(key matrixKey, g *group) *matrixRow {
	if b.rows[key] == nil {
		b.rows[key] = &matrixRow{from: map[gateway.Kind]map[string][]any{}, fields: g.plan.Fields,
			options: make([]map[string]*MatrixOption, len(g.plan.Fields))}
	}
	return b.rows[key]
}

func (r *matrixRow) meet(from gateway.Kind, path string, v any) {
	if r.from[from] == nil {
		r.from[from] = map[string][]any{}
	}
	if !slices.Contains(r.from[from][path], v) {
		r.from[from][path] = append(r.from[from][path], v)
	}
}

// groupOption is a way for a field to leave in a group, and under which facts.
type groupOption struct {
	field int
	MatrixOption
	terms []term
}

// options lists the ways in which fields leave in a group.
func (g *group) options() []groupOption {
	var out []groupOption
	points := g.points()
	when := func(set map[int]bool) []term {
		return minimal(points, func(n int) bool { return set[g.reached[n]] })
	}
	for _, r := range g.rows {
		f := &g.plan.Fields[r.field]
		o := MatrixOption{Level: ByDefault, ByName: f.Named && !r.lifted || g.plan.NamedOnly, Basis: r.by.Basis, Statute: r.by.Statute,
			Titles: r.by.Titles, Consent: r.by.Consent, Carried: r.carried}
		if r.decision {
			o.Level = ByDecision
		} else if o.ByName {
			o.Level = ByName
		}
		out = append(out, groupOption{r.field, o, when(r.when)})
	}
	for h, set := range g.byHand {
		o := MatrixOption{Level: ByHand, ByName: g.plan.Fields[h.field].Named, Basis: h.basis}
		for _, p := range g.policy.Provisions() {
			if p.Set == "grant" && p.Basis == h.basis {
				o.Statute, o.Titles = p.Statute, p.Titles
				break
			}
		}
		out = append(out, groupOption{h.field, o, when(set)})
	}
	return out
}

func (r *matrixRow) add(o groupOption, from gateway.Kind, context term) {
	if r.options[o.field] == nil {
		r.options[o.field] = map[string]*MatrixOption{}
	}
	key := fmt.Sprint(o.Level, o.ByName, o.Basis, o.Statute, o.Carried)
	have := r.options[o.field][key]
	if have == nil {
		c := o.MatrixOption
		c.terms = map[gateway.Kind][]term{}
		have = &c
		r.options[o.field][key] = have
	}
	for _, t := range o.terms {
		t = maps.Clone(t)
		maps.Copy(t, context)
		have.terms[from] = append(have.terms[from], t)
	}
}

// tables puts the rows into tables, in the order of the types' codes.
func (b *matrixBuilder) tables() []MatrixTable {
	var out []MatrixTable
	keys := slices.SortedFunc(maps.Keys(b.rows), func(x, y matrixKey) int {
		return cmp.Or(cmp.Compare(b.words.types[x.typ].code, b.words.types[y.typ].code), cmp.Compare(x.purpose, y.purpose),
			cmp.Compare(x.kind, y.kind), cmp.Compare(x.role, y.role))
	})
	for _, key := range keys {
		r := b.rows[key]
		if n := len(out); n == 0 || out[n-1].Type != key.typ || out[n-1].Purpose != key.purpose {
			w := b.words.types[key.typ]
			t := MatrixTable{Type: key.typ, Code: w.code, SV: w.sv, EN: w.en, Purpose: key.purpose}
			for _, f := range r.fields {
				t.Fields = append(t.Fields, MatrixField{f.Name, f.Class})
			}
			out = append(out, t)
		}
		row := MatrixRow{Role: key.role, SV: b.words.roles[key.role].SV, Kind: key.kind, From: slices.Sorted(maps.Keys(r.from))}
		for i := range r.fields {
			row.Cells = append(row.Cells, b.cell(r, i))
		}
		out[len(out)-1].Rows = append(out[len(out)-1].Rows, row)
	}
	return out
}

// cell orders the ways in which one field leaves to one role.
func (b *matrixBuilder) cell(r *matrixRow, field int) MatrixCell {
	c := MatrixCell{Level: Nothing}
	for _, key := range slices.Sorted(maps.Keys(r.options[field])) {
		c.Options = append(c.Options, b.byKind(r.options[field][key], r)...)
	}
	slices.SortStableFunc(c.Options, func(x, y MatrixOption) int {
		return slices.Index(levels, x.Level) - slices.Index(levels, y.Level)
	})
	if len(c.Options) > 0 {
		c.Level = c.Options[0].Level
	}
	c.Depends = len(c.Options) > 0 && !slices.ContainsFunc(c.Options, func(o MatrixOption) bool {
		return o.Level == c.Level && slices.ContainsFunc(o.When, func(w Condition) bool { return len(w.Facts) == 0 })
	})
	return c
}

// byKind makes one option for the kinds of agency from which a field leaves
// under the same facts.
func (b *matrixBuilder) byKind(o *MatrixOption, r *matrixRow) []MatrixOption {
	var out []MatrixOption
	place := map[string]int{}
	for _, from := range slices.Sorted(maps.Keys(o.terms)) {
		when := b.words.conditions(merge(o.terms[from], r.from[from]))
		key := fmt.Sprint(when)
		i, ok := place[key]
		if !ok {
			i = len(out)
			place[key] = i
			c := *o
			c.When = when
			out = append(out, c)
		}
		out[i].From = append(out[i].From, from)
	}
	return out
}
