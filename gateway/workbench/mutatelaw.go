package workbench

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"sluss/gateway"
	"sluss/gateway/policy"
)

// metadata makes mutants of what METADATA blocks say.
func (m *mutator) metadata() ([]*Mutant, error) {
	var out []*Mutant
	where := m.places()
	for _, p := range m.Policy.Provisions() {
		file, line := where[p.ID].file, where[p.ID].line
		tried, err := m.touchedBy(p)
		if err != nil {
			return nil, err
		}
		add := func(change string, needs bool, alter func(*policy.Provision)) {
			touches := tried
			if strings.HasPrefix(change, "authority_only") {
				touches = everywhere // a private recipient who claims it is told so
			}
			out = append(out, &Mutant{ID: fmt.Sprintf("%s: %s: %s", Metadata, p.ID, change), Family: Metadata, File: file, Line: line,
				Change: change, id: p.ID, alter: alter, needs: needs, touches: touches})
		}
		if p.Set == "grant" {
			grantMutants(p, add)
		}
		reachMutants(p, add)
		adjustmentMutants(p, add)
		whenMutants(p, add)
	}
	return numbered(out), nil
}

// touchedBy says where METADATA of a provision makes a difference: nil for
// adjustments and obligations, which no plan of a field shows.
func (m *mutator) touchedBy(p *policy.Provision) (func(policy.Trip) bool, error) {
	switch p.Set {
	case "grant":
		if slices.ContainsFunc(m.Policy.Provisions(), func(a *policy.Provision) bool { return slices.Contains(a.Bases, p.Basis) }) {
			return everywhere, nil
		}
		return m.inFlows(p.Basis)
	case "restriction", "by_hand":
		return everywhere, nil
	}
	return nil, nil
}

// everywhere is for what may make a difference in any request.
func everywhere(policy.Trip) bool { return true }

// inFlows says in which trips a basis is tried.
func (m *mutator) inFlows(basis gateway.Basis) (func(policy.Trip) bool, error) {
	_, root, err := m.table("flows")
	if err != nil {
		return nil, err
	}
	flows, tried := root["flows"].(map[string]any), map[[2]gateway.Kind]bool{}
	for from, row := range flows {
		for to, f := range row.(map[string]any) {
			for _, column := range columns {
				list, _ := f.(map[string]any)[column].([]any)
				tried[[2]gateway.Kind{gateway.Kind(from), gateway.Kind(to)}] = tried[[2]gateway.Kind{gateway.Kind(from), gateway.Kind(to)}] || slices.Contains(list, any(string(basis)))
			}
		}
	}
	return func(t policy.Trip) bool { return tried[[2]gateway.Kind{t.Discloser, t.Actor}] }, nil
}

// adder takes one mutant of a provision.
type adder func(change string, needs bool, alter func(*policy.Provision))

func grantMutants(p *policy.Provision, add adder) {
	for _, rule := range p.Opens {
		add(fmt.Sprintf("opens %s dropped", rule), false, func(p *policy.Provision) { p.Opens = lacking(p.Opens, rule) })
	}
	flip := map[bool]string{true: "dropped", false: "added"}
	add("authority_only "+flip[p.AuthorityOnly], false, func(p *policy.Provision) { p.AuthorityOnly = !p.AuthorityOnly })
	add("claim_needed "+flip[p.ClaimNeeded], true, func(p *policy.Provision) { p.ClaimNeeded = !p.ClaimNeeded })
	if p.Consent {
		add("consent dropped", false, func(p *policy.Provision) { p.Consent = false })
	}
	if p.ThirdParty != "" {
		add("third_party dropped", false, func(p *policy.Provision) { p.ThirdParty = "" })
	}
	if p.Overreach != "" {
		add("overreach dropped", false, func(p *policy.Provision) { p.Overreach = "" })
	}
	if p.Decision == nil {
		return
	}
	if p.Way == policy.Decided {
		add("way automatic instead of decision", true, func(p *policy.Provision) { p.Way = policy.Automatic })
	}
	if p.Decision.Ground != "" {
		add("decision.ground dropped", true, func(p *policy.Provision) { p.Decision.Ground = "" })
	}
	for _, fact := range slices.Sorted(maps.Keys(p.Decision.Facts)) {
		add(fmt.Sprintf("decision.facts %s dropped", fact), true, func(p *policy.Provision) { delete(p.Decision.Facts, fact) })
	}
}

func reachMutants(p *policy.Provision, add adder) {
	for _, c := range p.Reach.Classes {
		add(fmt.Sprintf("reach.classes %s dropped", c), false, func(p *policy.Provision) { p.Reach.Classes = lacking(p.Reach.Classes, c) })
	}
	for _, f := range p.Reach.Fields {
		add(fmt.Sprintf("reach.fields %s dropped", f), false, func(p *policy.Provision) { p.Reach.Fields = lacking(p.Reach.Fields, f) })
	}
	for _, c := range p.Reach.DecisionClasses {
		add(fmt.Sprintf("reach.decision_classes %s without a decision", c), false, func(p *policy.Provision) {
			p.Reach.DecisionClasses, p.Reach.Classes = lacking(p.Reach.DecisionClasses, c), append(p.Reach.Classes, c)
		})
	}
	for _, c := range p.Reach.ExceptClasses {
		add(fmt.Sprintf("reach.except_classes %s dropped", c), false, func(p *policy.Provision) {
			p.Reach.ExceptClasses = lacking(p.Reach.ExceptClasses, c)
		})
	}
	for _, f := range p.Reach.ExceptFields {
		add(fmt.Sprintf("reach.except_fields %s dropped", f), false, func(p *policy.Provision) {
			p.Reach.ExceptFields = lacking(p.Reach.ExceptFields, f)
		})
	}
	if p.Reach.Locating {
		add("reach.locating dropped", false, func(p *policy.Provision) { p.Reach.Locating = false })
	}
}

func adjustmentMutants(p *policy.Provision, add adder) {
	for _, b := range p.Bases {
		add(fmt.Sprintf("bases %s of the adjustment dropped", b), false, func(p *policy.Provision) { p.Bases = lacking(p.Bases, b) })
	}
	for _, c := range p.LiftsCells {
		add(fmt.Sprintf("lifts_cells %s of the adjustment dropped", c), false, func(p *policy.Provision) { p.LiftsCells = lacking(p.LiftsCells, c) })
	}
	for _, c := range p.ExceptCells {
		add(fmt.Sprintf("except_cells %s of the adjustment dropped", c), false, func(p *policy.Provision) { p.ExceptCells = lacking(p.ExceptCells, c) })
	}
	for _, r := range p.Reasons {
		add(fmt.Sprintf("reasons %s of the adjustment dropped", r), false, func(p *policy.Provision) { p.Reasons = lacking(p.Reasons, r) })
	}
}

// whenMutants drops one limit of an obligation, so that it follows more
// results than the law says, or one of several results.
func whenMutants(p *policy.Provision, add adder) {
	for i, w := range p.When {
		drop := func(what string, alter func(*policy.When)) {
			add(fmt.Sprintf("when[%d].%s of the obligation dropped", i, what), false, func(p *policy.Provision) { alter(&p.When[i]) })
		}
		for _, o := range w.Outcomes {
			drop(fmt.Sprintf("outcomes %s", o), func(w *policy.When) { w.Outcomes = lacking(w.Outcomes, o) })
		}
		for _, r := range w.Reasons {
			drop(fmt.Sprintf("reasons %s", r), func(w *policy.When) { w.Reasons = lacking(w.Reasons, r) })
		}
		for _, r := range w.ExceptReasons {
			drop(fmt.Sprintf("except_reasons %s", r), func(w *policy.When) { w.ExceptReasons = lacking(w.ExceptReasons, r) })
		}
		for _, c := range w.ReleasedClasses {
			drop(fmt.Sprintf("released_classes %s", c), func(w *policy.When) { w.ReleasedClasses = lacking(w.ReleasedClasses, c) })
		}
		for _, b := range w.ReleasedBases {
			drop(fmt.Sprintf("released_bases %s", b), func(w *policy.When) { w.ReleasedBases = lacking(w.ReleasedBases, b) })
		}
		if len(w.Stages) > 0 {
			drop("stages", func(w *policy.When) { w.Stages = nil })
		}
		if w.ByFields {
			drop("by_fields", func(w *policy.When) { w.ByFields = false })
		}
		if w.NamedCouldOpen {
			drop("named_could_open", func(w *policy.When) { w.NamedCouldOpen = false })
		}
	}
}

func lacking[E comparable](list []E, drop E) []E {
	return slices.DeleteFunc(slices.Clone(list), func(e E) bool { return e == drop })
}

type ruleAt struct {
	file string
	line int
}

// places finds where each provision stands.
func (m *mutator) places() map[string]ruleAt {
	out := map[string]ruleAt{}
	for _, file := range m.provisions {
		for _, r := range m.modules[file].Rules {
			out[m.owner(r)] = ruleAt{file, r.Location.Row}
		}
	}
	return out
}

// mayHold says whether the rule of a legal basis can hold for a message type
// and a role, as far as its own conditions on type, purpose and agency tell;
// every other condition is taken to be met.
func (m *mutator) mayHold() func(grant string, t policy.Trip) bool {
	limits := map[string]narrowness{}
	for _, file := range m.provisions {
		for _, r := range m.modules[file].Rules {
			l := narrowness{}
			for _, e := range r.Body {
				l.read(e)
			}
			limits[m.owner(r)] = l
		}
	}
	purposes := m.purposes()
	return func(grant string, t policy.Trip) bool {
		l := limits[grant]
		return (l.types == nil || l.types[string(t.Type)]) && (!l.own || t.Own) && (l.purposes == nil ||
			slices.ContainsFunc(slices.Collect(maps.Keys(l.purposes)), func(p string) bool { return purposes[t.Role][p] }))
	}
}

// purposes lists what each role may act for.
func (m *mutator) purposes() map[gateway.Role]map[string]bool {
	var file struct {
		Catalogue struct {
			Roles map[gateway.Role]struct {
				Purposes map[string]bool `json:"purposes"`
			} `json:"roles"`
		} `json:"catalogue"`
	}
	raw, err := fs.ReadFile(m.tree, "data/catalogue.json")
	if err != nil || json.Unmarshal(raw, &file) != nil {
		return nil // the pack would not have compiled
	}
	out := map[gateway.Role]map[string]bool{}
	for name, r := range file.Catalogue.Roles {
		out[name] = r.Purposes
	}
	return out
}

// narrowness is which types and purposes a rule holds for; nil for every one.
type narrowness struct {
	types, purposes map[string]bool
	own             bool
}

// read takes in one condition: a comparison of type or purpose with literals.
func (l *narrowness) read(e *ast.Expr) {
	if e.Negated {
		return
	}
	if t, ok := e.Terms.(*ast.Term); ok {
		l.own = l.own || t.Value.String() == "input.same_agency"
		return
	}
	if !e.IsCall() || len(e.Operands()) != 2 || !slices.Contains([]string{"equal", "eq", "internal.member_2"}, e.Operator().String()) {
		return
	}
	literals := map[string]bool{}
	ast.WalkTerms(e.Operand(1), func(t *ast.Term) bool {
		if s, ok := t.Value.(ast.String); ok {
			literals[string(s)] = true
		}
		return false
	})
	switch e.Operand(0).Value.String() {
	case "input.type":
		l.types = literals
	case "input.purpose":
		l.purposes = literals
	}
}
