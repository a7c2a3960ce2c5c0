package catalogue

import (
	"slices"

	"sluss/gateway"
)

// identityKeeper is the one role that may ever hold the link between two
// identities (class PIL; domain, section 16.3, step 3).
const (
	identityKeeper gateway.Role  = "police.personal_security_officer"
	identityLink   gateway.Class = "PIL"
	contact        gateway.Class = "CON"
	address        gateway.Class = "PAD"
)

// subclasses that the cells SummaryOnly and PseudonymOnly admit.
var (
	summaries  = []string{"functional", "flag", "summary"}
	pseudonyms = []string{"alias", "pseudonymous"}
)

// MayOpen returns the sealed fields of a type that a recipient's role may open
// at all, in table order: held by the sender's kind, never forbidden, within
// the ceiling and carried by the leg (domain, section 16.3, steps 1–3 and 7).
// Field keys go to the role's decryption key for these and no others. For a
// person whom the sender knows to be protected, contact details count as
// protected address. A trip without a leg opens nothing.
func (c *Catalogue) MayOpen(t *Type, trip Trip, sender gateway.Kind, protected bool) []gateway.Field {
	trip.Type = t.Name
	leg, ok := c.Leg(trip)
	if !ok {
		return nil
	}
	var fields []gateway.Field
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Sealed && f.HeldBy(sender) && !f.Forbidden && leg.Admits(f) && c.ceilingAdmits(t, f, trip, protected) {
			fields = append(fields, f.Name)
		}
	}
	return fields
}

// ceilingAdmits reports whether the recipient's role may get the field in some
// case. Cells C and R need more, which the policy sees to.
func (c *Catalogue) ceilingAdmits(t *Type, f *Field, trip Trip, protected bool) bool {
	class := f.Class
	if protected && class == contact {
		class = address
	}
	if class == identityLink && trip.Recipient != identityKeeper {
		return false
	}
	switch c.tables.Ceilings.Of(trip.Recipient, class, t.Name) {
	case Default, OnRequest, OnDecision:
		return true
	case SummaryOnly:
		return slices.Contains(summaries, f.Subclass)
	case PseudonymOnly:
		return slices.Contains(pseudonyms, f.Subclass)
	case OwnAgency:
		return trip.SameAgency
	}
	return false
}
