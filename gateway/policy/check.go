package policy

import (
	"fmt"
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
	k := newNames(t)
	for _, provisions := range r.sets {
		for _, p := range provisions {
			if err := k.provision(p, r, c); err != nil {
				return err
			}
		}
	}
	for from, row := range t.Flows {
		for to, f := range row {
			for _, basis := range slices.Concat(f.Automatic, f.Decision, f.Manual, f.Excluded) {
				if len(r.byBasis[basis]) == 0 {
					return fmt.Errorf("%w: flow %s to %s: no provision %q", ErrTable, from, to, basis)
				}
			}
		}
	}
	return k.agree(t, c)
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

func (k names) provision(p *Provision, r *register, c constants) error {
	bad := func(what any) error {
		return fmt.Errorf("%w: %s names %q, which no table has", ErrProvision, p.ID, what)
	}
	for _, class := range slices.Concat(p.Reach.Classes, p.Reach.DecisionClasses, p.Reach.ExceptClasses) {
		if _, ok := k.Classes[class]; !ok {
			return bad(class)
		}
	}
	for _, f := range slices.Concat(p.Reach.Fields, p.Reach.ExceptFields) {
		if !k.fields[f] {
			return bad(f)
		}
	}
	for _, rule := range p.Opens {
		if _, ok := k.Rules[rule]; !ok {
			return bad(rule)
		}
	}
	for _, basis := range p.Bases {
		if len(r.byBasis[basis]) == 0 {
			return bad(basis)
		}
	}
	for _, cell := range slices.Concat(p.LiftsCells, p.ExceptCells) {
		if _, ok := c.Cells[cell]; !ok {
			return bad(cell)
		}
	}
	if _, ok := k.Classes[p.Class]; p.Class != "" && !ok {
		return bad(p.Class)
	}
	if p.Set == setRestriction && !slices.Contains(c.DenyOrder, gateway.Reason(p.Code)) {
		return bad(p.Code)
	}
	return nil
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
