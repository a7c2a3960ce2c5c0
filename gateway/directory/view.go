package directory

import (
	"cmp"
	"slices"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// For returns the part of the directory that caller may see, as a file that
// [ParseView] reads: of the gateways their keys; of the agencies and aliases it
// has routes to, and of its own aliases, the control, message and seal keys; of
// itself all keys and systems. Whose an alias is stands in no answer, not even
// by the order of the statements; nor do the systems and access keys of others,
// which tell how an agency works.
func (d *Directory) For(caller gateway.AgencyID, routes []gateway.AgencyID) []byte {
	known := map[gateway.AgencyID]bool{}
	for _, agency := range routes {
		known[agency] = true
	}
	for alias, it := range d.aliases {
		known[alias] = known[alias] || it.agency == caller
	}
	var seen []*item
	for i := range d.items {
		if it := &d.items[i]; it.visible(caller, known) {
			seen = append(seen, it)
		}
	}
	slices.SortFunc(seen, func(a, b *item) int {
		return cmp.Or(cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.name, b.name))
	})
	entries := make([]Entry, len(seen))
	for i, it := range seen {
		entries[i] = it.entry
	}
	return Encode(entries)
}

func (it *item) visible(caller gateway.AgencyID, known map[gateway.AgencyID]bool) bool {
	switch {
	case it.Statement.Alias != "":
		return false
	case it.agency == "": // a gateway
		return true
	case it.agency == caller:
		return true
	case !known[it.agency] || it.Key == nil:
		return false
	}
	use := it.Key.Use
	return use == envelope.UseControl || use == envelope.UseMessage || use == envelope.UseSeal
}
