package exchange

import (
	"context"
	"slices"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/catalogue"
)

// Directory returns the statements about the agencies that the peer may send to
// or receive from, as they were signed.
func (x *Exchange) Directory(_ context.Context, p authn.Peer) ([]byte, error) {
	r, err := x.InForce()
	if err != nil {
		return nil, err
	}
	now := x.cfg.Now()
	if err := r.standing(p, "", now); err != nil {
		return nil, err
	}
	reached := reach(r.Catalogue, p.Agency().Kind())
	var routes []gateway.AgencyID
	for _, a := range r.Directory.Agencies() {
		if reached[a.Kind()] {
			routes = append(routes, a)
			routes = append(routes, r.Directory.Aliases(a, now)...)
		}
	}
	// In one order whoever owns what, so that an alias does not stand beside its
	// owner.
	slices.Sort(routes)
	return r.Directory.For(p.Agency(), routes), nil
}

// reach returns the kinds of agency that a kind has a route to or from.
func reach(c *catalogue.Catalogue, kind gateway.Kind) map[gateway.Kind]bool {
	roles := c.Tables().Roles
	of := func(r gateway.Role, k gateway.Kind) bool { return roles[r].Kind == k }
	out := map[gateway.Kind]bool{}
	for _, t := range c.Types() {
		for _, leg := range c.Legs(t.Name) {
			sends := slices.ContainsFunc(leg.Senders, func(r gateway.Role) bool { return of(r, kind) })
			receives := slices.ContainsFunc(leg.Recipients, func(r gateway.Role) bool { return of(r, kind) })
			for _, r := range leg.Recipients {
				out[roles[r].Kind] = out[roles[r].Kind] || sends
			}
			for _, r := range leg.Senders {
				out[roles[r].Kind] = out[roles[r].Kind] || receives
			}
		}
	}
	return out
}

// Snapshot returns the policy snapshot in force, without its provisions but
// with the approvals that stand behind its digest.
func (x *Exchange) Snapshot(context.Context) ([]byte, error) {
	r, err := x.InForce()
	if err != nil {
		return nil, err
	}
	return r.published, nil
}
