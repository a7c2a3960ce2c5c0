package policy

import (
	"fmt"
	"maps"
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// checkInput refuses an input that package facts cannot have made.
func checkInput(in *facts.Input) error {
	for class, s := range in.Consent {
		if !known(s) {
			return fmt.Errorf("%w: standing of the consent for %q", ErrInput, class)
		}
	}
	for _, m := range []map[gateway.Basis]map[gateway.Field]facts.Standing{in.Decision, in.FieldRelease} {
		for basis, fields := range m {
			for _, s := range fields {
				if !known(s) {
					return fmt.Errorf("%w: standing of a decision under %q", ErrInput, basis)
				}
			}
		}
	}
	switch {
	case in.Initiative != gateway.ByActor && in.Initiative != gateway.ByDiscloser:
		return fmt.Errorf("%w: initiative %q", ErrInput, in.Initiative)
	case in.Facts.Asked != (in.Initiative == gateway.ByActor):
		return fmt.Errorf("%w: who took the initiative is said twice and differently", ErrInput)
	case !sortedUnique(in.Claimed) || !sortedUnique(in.Named):
		return fmt.Errorf("%w: a list is not sorted", ErrInput)
	}
	return nil
}

func known(s facts.Standing) bool {
	return s == facts.InForce || s == facts.OutOfDate || s == facts.None
}

func sortedUnique[S ~string](l []S) bool {
	for i := 1; i < len(l); i++ {
		if l[i-1] >= l[i] {
			return false
		}
	}
	return true
}

// checkReferences refuses a policy in which a provision or a table names what
// no table or provision has: such a name would silently never match.
func checkReferences(t *tables, r *register, c constants) error {
	all := unknownNames(t, r, c)
	if len(all) == 0 {
		return newNames(t).agree(t, c)
	}
	u := all[0]
	if u.by == nil {
		return fmt.Errorf("%w: %s: no provision %q", ErrTable, u.place, u.name)
	}
	return fmt.Errorf("%w: %s names %q in %s, which no table has", ErrProvision, u.by.ID, u.name, u.place)
}

// unknown is a name that a provision, or a flow where by is nil, uses and that
// nothing has.
type unknown struct {
	by          *Provision
	name, place string
	among       map[string]bool // what could be meant
}

func (u unknown) code() string {
	if u.by == nil {
		return NoProvision
	}
	return UnknownName
}

// unknownNames lists them, those of provisions first.
func unknownNames(t *tables, r *register, c constants) []unknown {
	k := newNames(t)
	bases := keys(r.byBasis)
	var out []unknown
	for _, set := range slices.Sorted(maps.Keys(r.sets)) {
		for _, p := range r.sets[set] {
			out = append(out, k.provision(p, bases, c)...)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(t.Flows)) {
		for _, to := range slices.Sorted(maps.Keys(t.Flows[from])) {
			f := t.Flows[from][to]
			for _, basis := range slices.Concat(f.Automatic, f.Decision, f.Manual, f.Excluded) {
				if !bases[string(basis)] {
					out = append(out, unknown{nil, string(basis), fmt.Sprintf("flow %s to %s", from, to), bases})
				}
			}
		}
	}
	return out
}

// names are the classes and fields that there are.
type names struct {
	*tables
	fields map[gateway.Field]bool
}

func newNames(t *tables) names {
	k := names{t, map[gateway.Field]bool{}}
	for _, m := range t.Types {
		for _, f := range m.Fields {
			k.fields[f.Name] = true
		}
	}
	return k
}

// provision lists what a provision names that nothing has.
func (k names) provision(p *Provision, bases map[string]bool, c constants) []unknown {
	var out []unknown
	fields, cells, codes := keys(k.fields), keys(c.Cells), map[string]bool{}
	for _, reason := range c.DenyOrder {
		codes[string(reason)] = true
	}
	check := func(place string, among map[string]bool, used []string) {
		for _, name := range used {
			if !among[name] {
				out = append(out, unknown{p, name, place, among})
			}
		}
	}
	check("reach.classes", keys(k.Classes), texts(p.Reach.Classes))
	check("reach.decision_classes", keys(k.Classes), texts(p.Reach.DecisionClasses))
	check("reach.except_classes", keys(k.Classes), texts(p.Reach.ExceptClasses))
	check("reach.fields", fields, texts(p.Reach.Fields))
	check("reach.except_fields", fields, texts(p.Reach.ExceptFields))
	check("opens", keys(k.Rules), texts(p.Opens))
	check("bases", bases, texts(p.Bases))
	check("lifts_cells", cells, p.LiftsCells)
	check("except_cells", cells, p.ExceptCells)
	if p.Class != "" {
		check("class", keys(k.Classes), []string{string(p.Class)})
	}
	if p.Set == setRestriction {
		check("code", codes, []string{p.Code})
	}
	if p.Set == setByHand {
		check("basis", bases, []string{string(p.Basis)})
	}
	return out
}

func texts[S ~string](l []S) []string {
	out := make([]string, len(l))
	for i, s := range l {
		out[i] = string(s)
	}
	return out
}

// tables checks that the tables agree with each other.
func (k names) agree(t *tables, c constants) error {
	if l := t.Limits.SmallCells; l.MaxDimensions < 1 || l.MinCell < 1 || l.MinMunicipalityTotal < 1 || l.DifferenceBelow < 1 ||
		l.MinCases < 1 || l.MinPayees < 1 || l.MaxShare <= 0 || l.MaxShare > 1 {
		return fmt.Errorf("%w: limits of small cells", ErrTable)
	}
	for name, m := range t.Types {
		for _, f := range m.Fields {
			if _, ok := t.Classes[f.Class]; !ok {
				return fmt.Errorf("%w: %s.%s: no class %q", ErrTable, name, f.Name, f.Class)
			}
			for _, rules := range f.Origin {
				for _, rule := range rules {
					if _, ok := t.Rules[rule]; !ok {
						return fmt.Errorf("%w: %s.%s: no secrecy rule %q", ErrTable, name, f.Name, rule)
					}
				}
			}
		}
	}
	for name, row := range t.Ceilings.Matrix {
		for class, cell := range row {
			_, role := t.Roles[name]
			if _, ok := c.Cells[cell]; !ok || !role {
				return fmt.Errorf("%w: ceiling of %s for %s", ErrTable, name, class)
			}
		}
	}
	for name, legs := range t.Routes {
		for _, l := range legs {
			if t.Types[name] == nil || l.Urgency != "" && l.Urgency != "acute" {
				return fmt.Errorf("%w: route of %s", ErrTable, name)
			}
			for _, role := range slices.Concat(l.Senders, l.Recipients) {
				if _, ok := t.Roles[role]; !ok {
					return fmt.Errorf("%w: route of %s: no role %q", ErrTable, name, role)
				}
			}
		}
	}
	return nil
}
