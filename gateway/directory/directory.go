// Package directory is who is who: which agencies take part, which systems
// they have, which keys, for which use and which roles, and since when.
//
// A directory is a file of statements. A statement is a JWS (RFC 7515) in which
// an agency says one thing about itself: this key is mine for this use and
// these roles, this system is mine (RFC 5280 certificate by its SPIFFE ID),
// this is a name I also sign under (an alias). It is signed by a control key of
// the agency and countersigned by two registrars, two persons whose keys every
// party has pinned out of band, so that neither the gateway, nor an agency, nor
// one registrar can put a key into anybody's name. A gateway states its release
// keys in the same way.
//
// # What is refused
//
// A file is taken whole or not at all, and the reason is told: a statement
// without a control key of its issuer behind it; fewer than two registrars, or
// one of them twice; a sequence number that falls, or other words under the
// same number; a statement that is no longer there; a key that has another use
// or another holder, now or before, because one thumbprint is one agency and
// one use; a key that comes back after it was retired; a system outside its
// agency; a role that may not share a key. What has expired stays where it is
// and resolves to nothing, so that one agency's forgetting cannot stop the
// others.
//
// # Aliases
//
// An agency that must not be recognised signs under an alias, which is an
// agency identifier of its own with its own control key, so that its statements
// do not lead back. Only the alias statement says whose it is, and
// [Directory.For] gives that to nobody.
//
// The package does not judge certificates (package authn), does not say what a
// role may see (package policy), and holds no private key (package keys).
package directory

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// Errors of [Parse]; test with errors.Is. Each names the statement it is about
// by its place in the file.
var (
	ErrMalformed     = errors.New("directory: malformed")
	ErrStatement     = errors.New("directory: statement is not signed by a control key of its issuer")
	ErrCountersigned = errors.New("directory: statement is not countersigned by two registrars")
	ErrSequence      = errors.New("directory: statement is older than the one known, or other words under its number")
	ErrDropped       = errors.New("directory: statement known before is missing")
	ErrExpired       = errors.New("directory: new statement has expired")
	ErrReused        = errors.New("directory: key or name stands in the directory already")
	ErrFinal         = errors.New("directory: key comes back after it was retired or compromised")
	ErrRoles         = errors.New("directory: roles do not fit the use")
	ErrIssuer        = errors.New("directory: issuer may not state this")
)

// ErrNoKey says that no key was registered for what was asked.
var ErrNoKey = errors.New("directory: no such key of this issuer for this use at this time")

// Directory is one state of the directory. It never changes and may be used by
// several goroutines at once. Only [Parse] and [ParseView] make one.
type Directory struct {
	digest  gateway.Digest
	items   []item // in the order of the file
	keys    map[string]*item
	systems map[string]*item
	aliases map[gateway.AgencyID]*item
	seen    map[string]mark
	proved  map[gateway.Digest]*item // by what the entry is made of
	pins    string                   // the registrars they were proved with
}

// System is a registered system.
type System struct {
	URI       string
	Agency    gateway.AgencyID
	Roles     []gateway.Role // that the system may act in
	Status    envelope.Status
	NotBefore time.Time
	Expires   time.Time
}

// Active reports whether the system may connect at the given time.
func (s System) Active(at time.Time) bool {
	return s.Status == envelope.Active && !at.Before(s.NotBefore) && at.Before(s.Expires)
}

// SealKey is a key that field keys are encrypted to, with the roles whose
// officials can open what is.
type SealKey struct {
	Key   envelope.PublicKey
	Roles []gateway.Role
}

// Digest returns the SHA-256 digest of the file.
func (d *Directory) Digest() gateway.Digest { return d.digest }

// Key implements [envelope.Keys]. A retired key resolves for times before it
// was retired, a compromised one at no time.
func (d *Directory) Key(iss, kid string, use envelope.Use, at time.Time) (envelope.PublicKey, error) {
	it, ok := d.keys[kid]
	if !ok || it.Issuer != iss || it.Key.Use != use || !it.stands(at) {
		return envelope.PublicKey{}, fmt.Errorf("%w: use %s", ErrNoKey, use)
	}
	return it.Key.Key, nil
}

// MayAct reports whether the key may act in role: assert it in an access
// request or as the sender of a message, or open what is sealed for it. A key
// that is not registered may act in none.
func (d *Directory) MayAct(kid string, role gateway.Role) bool {
	it, ok := d.keys[kid]
	return ok && slices.Contains(it.Key.Roles, role)
}

// Compromised returns since when the key is known to others than its holder.
// ok is false for a key that is not compromised or not registered.
func (d *Directory) Compromised(kid string) (since time.Time, ok bool) {
	it, found := d.keys[kid]
	if !found || it.Status != envelope.Compromised {
		return time.Time{}, false
	}
	return it.Since, true
}

// System returns the system with the given SPIFFE ID, whatever its status.
func (d *Directory) System(uri string) (System, bool) {
	it, ok := d.systems[uri]
	if !ok {
		return System{}, false
	}
	return System{
		URI: uri, Agency: it.agency, Roles: slices.Clone(it.System.Roles),
		Status: it.Status, NotBefore: it.NotBefore, Expires: it.Expires,
	}, true
}

// SealKeys returns the keys that may be sealed to for the agency or alias at
// the given time, in the order of the file.
func (d *Directory) SealKeys(agency gateway.AgencyID, at time.Time) []SealKey {
	var found []SealKey
	for _, it := range d.standing(agency.URN(), envelope.UseSeal, at) {
		found = append(found, SealKey{Key: it.Key.Key, Roles: slices.Clone(it.Key.Roles)})
	}
	return found
}

// ReleaseKeys returns the keys that a gateway's releases may be signed with at
// the given time.
func (d *Directory) ReleaseKeys(id gateway.ID, at time.Time) []envelope.PublicKey {
	var found []envelope.PublicKey
	for _, it := range d.standing(string(id), envelope.UseRelease, at) {
		found = append(found, it.Key.Key)
	}
	return found
}

func (d *Directory) standing(iss string, use envelope.Use, at time.Time) []*item {
	var found []*item
	for i := range d.items {
		if it := &d.items[i]; it.Issuer == iss && it.Key != nil && it.Key.Use == use && it.stands(at) {
			found = append(found, it)
		}
	}
	return found
}

// Agencies returns every agency that has stated something, aliases left out,
// sorted.
func (d *Directory) Agencies() []gateway.AgencyID {
	found := map[gateway.AgencyID]bool{}
	for _, it := range d.items {
		if _, alias := d.aliases[it.agency]; it.agency != "" && !alias {
			found[it.agency] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Owner returns the agency that acts under the given name: the agency itself,
// or the owner of an alias that stands at the given time. ok is false for an
// alias that does not stand. The answer is for the gateway's own use: who owns
// an alias is told to nobody.
func (d *Directory) Owner(name gateway.AgencyID, at time.Time) (owner gateway.AgencyID, ok bool) {
	it, alias := d.aliases[name]
	if !alias {
		return name, name != ""
	}
	if !it.stands(at) {
		return "", false
	}
	return it.agency, true
}

// Principal returns the agency that acts, or once acted, under the given name: what
// was said of an alias holds of its owner for good. Like Owner it is for the
// gateway's own use.
func (d *Directory) Principal(name gateway.AgencyID) gateway.AgencyID {
	if it, alias := d.aliases[name]; alias {
		return it.agency
	}
	return name
}

// Aliases returns the aliases of an agency that stand at the given time, sorted.
func (d *Directory) Aliases(owner gateway.AgencyID, at time.Time) []gateway.AgencyID {
	var found []gateway.AgencyID
	for name, it := range d.aliases {
		if it.agency == owner && it.stands(at) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}
