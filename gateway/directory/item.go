package directory

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// item is a statement that was verified.
type item struct {
	envelope.Statement
	entry  Entry
	agency gateway.AgencyID // the issuer, "" when it is a gateway
	name   string           // what the statement is about; unique in a directory
	signer string           // kid of the key that signed it
	last   time.Time        // of its countersignatures
	digest gateway.Digest   // of the JWS, what the registrars countersigned
	proved bool             // its signatures were verified before
}

// stands reports whether what is stated holds at the given time.
func (it *item) stands(at time.Time) bool {
	if at.Before(it.NotBefore) || !at.Before(it.Expires) {
		return false
	}
	return it.Status == envelope.Active || it.Status == envelope.Retired && at.Before(it.Since)
}

// holder says who has what is stated, and a key for which use: it never changes.
func (it *item) holder() string {
	if it.Key != nil {
		return it.Issuer + " " + string(it.Key.Use)
	}
	return it.Issuer
}

// loneRole shares no key and no system with another role: who protects a
// threatened person may not be reachable through a colleague's system.
const loneRole gateway.Role = "police.personal_security_officer"

var rolePattern = regexp.MustCompile(`^[a-z]+\.[a-z_]{1,48}$`)

// uses says for each kind of issuer which keys it may state, and whether they
// are bound to roles.
var uses = map[envelope.Use]struct{ agency, gateway, roles bool }{
	envelope.UseMessage: {agency: true, roles: true},
	envelope.UseAccess:  {agency: true, roles: true},
	envelope.UseSeal:    {agency: true, roles: true},
	envelope.UseControl: {agency: true, gateway: true},
	envelope.UseRelease: {gateway: true},
}

// newItem checks what a statement says on its own and names it.
func newItem(st envelope.Statement, e Entry) (item, error) {
	it := item{Statement: st, entry: e, digest: gateway.DigestOf([]byte(e.Statement))}
	if _, err := gateway.ParseID(st.Issuer); err != nil {
		if it.agency, err = gateway.ParseAgencyURN(st.Issuer); err != nil {
			return item{}, fmt.Errorf("%w: neither an agency nor a gateway", ErrIssuer)
		}
	}
	if st.Seq < 1 || !st.NotBefore.Before(st.Expires) || st.Since.IsZero() ||
		st.Status != envelope.Active && st.Status != envelope.Retired && st.Status != envelope.Compromised {
		return item{}, fmt.Errorf("%w: sequence, times or status", ErrMalformed)
	}
	var err error
	switch {
	case st.Key != nil && st.System == nil && st.Alias == "":
		it.name, err = it.keyName()
	case st.Key == nil && st.System != nil && st.Alias == "":
		it.name, err = it.systemName()
	case st.Key == nil && st.System == nil && st.Alias != "":
		it.name, err = it.aliasName()
	default:
		err = fmt.Errorf("%w: not exactly one of key, system and alias", ErrMalformed)
	}
	return it, err
}

func (it *item) keyName() (string, error) {
	use, ok := uses[it.Key.Use]
	if !ok || it.agency == "" && !use.gateway || it.agency != "" && !use.agency || it.Key.Key.IsZero() {
		return "", fmt.Errorf("%w: key for use %q", ErrIssuer, it.Key.Use)
	}
	if !use.roles && len(it.Key.Roles) > 0 {
		return "", fmt.Errorf("%w: use %s has none", ErrRoles, it.Key.Use)
	}
	if use.roles {
		if err := checkRoles(it.Key.Roles); err != nil {
			return "", err
		}
	}
	return "key:" + it.Key.Key.Thumbprint(), nil
}

func (it *item) systemName() (string, error) {
	uri, err := ParseSystemURI(it.System.URI)
	if err != nil {
		return "", err
	}
	if it.agency == "" || uri.Agency != it.agency {
		return "", fmt.Errorf("%w: system of another agency", ErrIssuer)
	}
	return "system:" + it.System.URI, checkRoles(it.System.Roles)
}

func (it *item) aliasName() (string, error) {
	alias, err := gateway.ParseAgency(string(it.Alias))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if alias.Kind() != it.agency.Kind() {
		return "", fmt.Errorf("%w: alias of another kind", ErrIssuer)
	}
	return "alias:" + string(alias), nil
}

func checkRoles(roles []gateway.Role) error {
	if len(roles) == 0 {
		return fmt.Errorf("%w: none given", ErrRoles)
	}
	for _, role := range roles { // each once: package envelope has seen to it
		if !rolePattern.MatchString(string(role)) {
			return fmt.Errorf("%w: malformed", ErrRoles)
		}
	}
	if len(roles) > 1 && slices.Contains(roles, loneRole) {
		return fmt.Errorf("%w: %s shares nothing with another role", ErrRoles, loneRole)
	}
	return nil
}
