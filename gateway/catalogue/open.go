package catalogue

import (
	"slices"

	"sluss/gateway"
)

// MayOpen returns the sealed fields of a type that a recipient's role may open
// at all, in table order: held by the sender's kind, never forbidden, carried by
// the leg and within the ceiling (domain, section 16.3, steps 1–3 and 7; the link
// between two identities has a ceiling of its own). Field keys go to the role's
// decryption key for these and no others. For a person whom the sender knows to
// be protected, contact details count as protected address. A trip without a
// leg opens nothing.
func (c *Catalogue) MayOpen(t *Type, trip Trip, sender gateway.Kind, protected bool) []gateway.Field {
	trip.Type = t.Name
	leg, ok := c.Leg(trip)
	if !ok {
		return nil
	}
	var fields []gateway.Field
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Sealed && f.HeldBy(sender) && !f.Forbidden && leg.Admits(f) && c.ceilingAdmits(f, trip, protected) {
			fields = append(fields, f.Name)
		}
	}
	return fields
}

// ceilingAdmits reports whether the recipient's role may get the field in some
// case.
func (c *Catalogue) ceilingAdmits(f *Field, trip Trip, protected bool) bool {
	class := f.Class
	if as := c.tables.Classes[class].ProtectedAs; protected && as != "" {
		class = as
	}
	ceilings := &c.tables.Ceilings
	switch rule := ceilings.Cells[ceilings.Of(trip.Recipient, class, trip.Type)]; rule.Admits {
	case AdmitsAny:
		return true
	case AdmitsSubclass:
		return slices.Contains(rule.Subclasses, f.Subclass)
	case AdmitsOwn:
		return trip.SameAgency
	}
	return false
}
