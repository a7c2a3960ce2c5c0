package policy

import (
	"slices"
	"sync"

	"sluss/gateway"
)

// planKey is all that a field's standing depends on before a request's facts,
// consents and decisions are looked at.
type planKey struct {
	Type      gateway.MessageType
	Discloser gateway.Kind
	Actor     gateway.Kind
	Role      gateway.Role
	Leg       int
	Own       bool // discloser and actor are the same agency
	Protected bool
}

// plan is a message type's fields as one role gets them from one kind of
// agency over one leg: the tables, joined once.
type plan struct {
	fields    []fieldPlan
	authority bool // the actor's kind is an authority
	inFlow    map[gateway.Basis]bool
	excluded  map[gateway.Basis]bool
}

// fieldPlan is a field under a plan.
type fieldPlan struct {
	*field
	effective    gateway.Class // CON counts as PAD for a protected person
	held         bool
	public       bool // a rule of chapter 18 covers it
	cell         string
	named        bool // its cell asks for name and reason
	decided      bool // its cell asks for a recorded decision
	admitted     bool // its cell and the leg admit it
	consents     []gateway.Class
	restrictions []int // places in the register of those whose reach it is in, by step
	candidates   []candidate
	emergency    []candidate
	overreach    map[gateway.Basis]gateway.Reason // bases in the flow that do not open a rule that covers it
}

// candidate is a provision that would open every rule that covers a field and
// has it in reach: steps 1 to 3 of domain, Section 16.4.
type candidate struct {
	*Provision
	grant   int   // place in the register
	byHand  []int // those that turn it to a person, by place in the register
	manual  bool  // its way, or the flow's column
	decided bool  // a decision of its own kind must be in force
}

// planner joins the tables of a snapshot.
type planner struct {
	*tables
	*register
	constants constants
}

// plans are the plans that a request can fall under. Each is made when it is
// first asked for: a snapshot has thousands, of which a gateway uses dozens.
type plans struct {
	planner
	made sync.Map // planKey → *plan
}

// of returns the plan of a key, nil for one that no request can fall under.
func (p *plans) of(key planKey) *plan {
	if made, ok := p.made.Load(key); ok {
		return made.(*plan)
	}
	m, legs := p.Types[key.Type], p.Routes[key.Type]
	if m == nil || key.Leg < 0 || key.Leg >= len(legs) || !p.carries(&legs[key.Leg], key) {
		return nil
	}
	// Of two that are made at once the first is kept; they are equal.
	made, _ := p.made.LoadOrStore(key, p.plan(key, m, &legs[key.Leg]))
	return made.(*plan)
}

// carries reports whether a leg leads from such a discloser to such an actor.
func (b planner) carries(l *leg, key planKey) bool {
	return slices.Contains(l.Recipients, key.Role) && slices.Contains(b.kindsOf(key.Role), key.Actor) &&
		slices.ContainsFunc(l.Senders, func(r gateway.Role) bool { return slices.Contains(b.kindsOf(r), key.Discloser) })
}

// kindsOf lists the kinds of agency that have a role; one of "*" is of every
// kind.
func (b planner) kindsOf(r gateway.Role) []gateway.Kind {
	switch k := b.Roles[r].Kind; k {
	case "*":
		var all []gateway.Kind
		for k := range b.Kinds {
			all = append(all, k)
		}
		return all
	case "", "-":
		return nil
	default:
		return []gateway.Kind{k}
	}
}

func (b planner) plan(key planKey, m *messageType, l *leg) *plan {
	flow := b.Flows[key.Discloser][key.Actor]
	p := &plan{authority: b.Kinds[key.Actor].Authority, inFlow: map[gateway.Basis]bool{}, excluded: map[gateway.Basis]bool{}}
	for _, column := range [][]gateway.Basis{flow.Automatic, flow.Decision, flow.Manual} {
		for _, basis := range column {
			p.inFlow[basis] = true
		}
	}
	for _, basis := range flow.Excluded {
		p.excluded[basis] = true
	}
	for i := range m.Fields {
		p.fields = append(p.fields, b.field(key, &m.Fields[i], l, flow, p.authority))
	}
	return p
}

func (b planner) field(key planKey, f *field, l *leg, flow flow, authority bool) fieldPlan {
	rules, held := f.Origin[key.Discloser]
	fp := fieldPlan{field: f, effective: f.Class, held: held, overreach: map[gateway.Basis]gateway.Reason{}}
	if other := b.constants.ProtectedClass[f.Class]; key.Protected && other != "" {
		fp.effective = other
	}
	locating := f.Locating || fp.effective == b.constants.LocatingClass
	fp.public = slices.ContainsFunc(rules, func(r gateway.Rule) bool { return b.Rules[r].PublicInterest })
	fp.cell = b.cell(key.Role, fp.effective, key.Type)
	cell := b.constants.Cells[fp.cell]
	fp.named, fp.decided = cell.Named, cell.Decision
	fp.admitted = cell.admits(f.Subclass, key.Own) && l.admits(f)
	if b.Classes[fp.effective].Consentable {
		fp.consents = append(fp.consents, fp.effective)
		if f.Subclass != "" {
			fp.consents = append(fp.consents, fp.effective+"."+gateway.Class(f.Subclass))
		}
	}
	for i, r := range b.sets[setRestriction] {
		if r.Reach.covers(f.Name, fp.effective, locating) {
			fp.restrictions = append(fp.restrictions, i)
		}
	}
	slices.SortStableFunc(fp.restrictions, func(x, y int) int {
		return b.sets[setRestriction][x].Step - b.sets[setRestriction][y].Step
	})
	for manual, column := range [][]gateway.Basis{flow.Automatic, flow.Decision, flow.Manual} {
		for _, basis := range column {
			fp.candidates = append(fp.candidates, b.candidates(basis, &fp, rules, locating, authority, manual == 2)...)
			fp.noteOverreach(b.byBasis[basis], rules)
		}
	}
	fp.emergency = b.emergencyCandidates(&fp, rules, flow, locating, authority)
	return fp
}

// candidates returns the provisions of a basis that may open a field.
func (b planner) candidates(basis gateway.Basis, f *fieldPlan, rules []gateway.Rule, locating, authority, manual bool) []candidate {
	var out []candidate
	for _, p := range b.byBasis[basis] {
		if p.Set != setGrant || p.Way == Never || p.AuthorityOnly && !authority ||
			!opensAll(p, rules) || !p.Reach.covers(f.Name, f.effective, locating) {
			continue
		}
		c := candidate{Provision: p, grant: b.index[setGrant][p.ID], manual: manual || p.Way == Manual,
			decided: p.Way == Decided || slices.Contains(p.Reach.DecisionClasses, f.effective)}
		for i, h := range b.sets[setByHand] {
			if h.Basis == basis && h.Reach.covers(f.Name, f.effective, locating) {
				c.byHand = append(c.byHand, i)
			}
		}
		out = append(out, c)
	}
	return out
}

// emergencyCandidates returns what break-glass rests on: the automatic bases
// that its adjustment lists, and the basis that holds in an emergency only.
func (b planner) emergencyCandidates(f *fieldPlan, rules []gateway.Rule, flow flow, locating, authority bool) []candidate {
	var out []candidate
	for _, a := range b.sets[setAdjustment] {
		for _, basis := range a.Bases {
			for _, c := range b.candidates(basis, f, rules, locating, authority, false) {
				if c.Way == Emergency || c.Way == Automatic && !c.decided && slices.Contains(flow.Automatic, basis) {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// noteOverreach keeps which basis is claimed in vain for a field because it
// does not open what covers it.
func (f *fieldPlan) noteOverreach(provisions []*Provision, rules []gateway.Rule) {
	for _, p := range provisions {
		if p.Overreach != "" && !opensAll(p, rules) {
			f.overreach[p.Basis] = p.Overreach
		}
	}
}

// opensAll reports whether a basis opens every rule that covers a field: the
// strictest rule decides (OSL 7:3).
func opensAll(p *Provision, rules []gateway.Rule) bool {
	for _, r := range rules {
		if !slices.Contains(p.Opens, r) {
			return false
		}
	}
	return true
}
