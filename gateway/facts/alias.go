package facts

import (
	"slices"

	"sluss/gateway"
)

// Locates reports that the real name of the discloser would tell where the
// person is. That is the name of a municipality, unless it is known to be one that
// the person has left and nothing else; of a region and of a provider, who are
// near the persons they care for. Agencies of the whole country are everywhere.
func (k Known) Locates() bool { return k.locates }

func (p Person) locatedBy(discloser gateway.AgencyID) bool {
	switch discloser.Kind() {
	case gateway.Region, gateway.Provider:
		return true
	case gateway.Municipality:
		c := p.Case
		here := discloser == c.Responsible || discloser == c.Receiving || discloser == c.AcuteStay ||
			slices.ContainsFunc(c.Claims, func(cl Claim) bool { return cl.Municipality == discloser })
		return here || !slices.Contains(c.Previous, discloser)
	}
	return false
}

// Aliases says who acts under which name; package directory has it.
type Aliases interface {
	// Principal returns the agency that acts, or once acted, under a name: an
	// alias's owner, and otherwise the name itself.
	Principal(name gateway.AgencyID) gateway.AgencyID
	// Digest changes with the answers.
	Digest() gateway.Digest
}

func (r *Register) aliases() (Aliases, gateway.Digest) {
	if r.cfg.Aliases == nil {
		return nil, gateway.Digest{}
	}
	a := r.cfg.Aliases()
	if a == nil {
		return nil, gateway.Digest{}
	}
	return a, a.Digest()
}

// owner returns the agency that a consent names, perhaps by an alias: a consent to
// an alias is one to who acts under it, also where that is the stater, and an
// exclusion of either name excludes both.
func (l *ledger) owner(name gateway.AgencyID) gateway.AgencyID {
	if l.aliases == nil {
		return name
	}
	return l.aliases.Principal(name)
}

func (l *ledger) owners(names []gateway.AgencyID) []gateway.AgencyID {
	out := make([]gateway.AgencyID, len(names))
	for i, n := range names {
		out[i] = l.owner(n)
	}
	return out
}
