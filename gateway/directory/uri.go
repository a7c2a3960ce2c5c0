package directory

import (
	"fmt"
	"regexp"
	"strings"

	"sluss/gateway"
)

// SystemURI is the SPIFFE ID of a system, the only subject alternative name in
// its certificate (SPIFFE X509-SVID, Section 2; RFC 5280, Section 4.2.1.6):
// spiffe://<domain>/agency/<kind>[/<code>]/system/<name>.
type SystemURI struct {
	Domain string           // trust domain
	Agency gateway.AgencyID // "municipality:0180" is /agency/municipality/0180
	Name   string           // of the system within the agency
}

const (
	spiffe       = "spiffe://"
	maxSystemURI = 512
)

var (
	domainPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?$`)
	namePattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// ParseSystemURI reads a SPIFFE ID. There is one spelling: no port, no user, no
// query, no fragment, no escape, no empty or dotted segment.
func ParseSystemURI(s string) (SystemURI, error) {
	rest, ok := strings.CutPrefix(s, spiffe)
	if !ok || len(s) > maxSystemURI {
		return SystemURI{}, fmt.Errorf("%w: not a SPIFFE ID", ErrMalformed)
	}
	parts := strings.Split(rest, "/")
	n := len(parts)
	if n != 5 && n != 6 || parts[1] != "agency" || parts[n-2] != "system" {
		return SystemURI{}, fmt.Errorf("%w: not the SPIFFE ID of a system", ErrMalformed)
	}
	agency, err := gateway.ParseAgency(strings.Join(parts[2:n-2], ":"))
	if err != nil || !domainPattern.MatchString(parts[0]) || !namePattern.MatchString(parts[n-1]) ||
		strings.Contains(strings.Join(parts[2:n-2], ""), ":") {
		return SystemURI{}, fmt.Errorf("%w: not the SPIFFE ID of a system", ErrMalformed)
	}
	return SystemURI{Domain: parts[0], Agency: agency, Name: parts[n-1]}, nil
}

// String returns the SPIFFE ID.
func (u SystemURI) String() string {
	return spiffe + u.Domain + "/agency/" + strings.Replace(string(u.Agency), ":", "/", 1) + "/system/" + u.Name
}
