package envelope

import (
	"fmt"
	"slices"
	"time"

	"sluss/gateway"
)

// Party is a kind of party in [Table].
type Party string

// The kinds of party.
const (
	Agency    Party = "agency"
	Gateway   Party = "gateway"
	Registrar Party = "registrar"
	Officer   Party = "officer"
	Anyone    Party = "anyone" // no aud: whoever reads it
)

// Profile is one kind of token: its typ is signed with keys of one use, by one
// kind of party, for one kind of party, and goes to one place (RFC 8725,
// Section 3.11).
type Profile struct {
	Type     string
	Use      Use
	Issuer   Party
	Audience Party
	Endpoint string
}

var table = []Profile{
	{TypMessage, UseMessage, Agency, Agency, "POST /v1/messages"},
	{TypMessage, UseMessage, Agency, Gateway, "POST /v1/messages"}, // control messages
	{TypKeyBinding, UseRelease, Gateway, Agency, "after the last ~ of a release"},
	{TypAccess, UseAccess, Agency, Gateway, "header Access-Request"},
	{TypEvent, UseMessage, Agency, Agency, "POST /v1/poll, request"},
	{TypEvent, UseMessage, Agency, Gateway, "POST /v1/poll, request"},
	{TypEvent, UseRelease, Gateway, Agency, "POST /v1/poll, response"},
	{TypStatement, UseControl, Agency, Anyone, "the directory"},
	{TypStatement, UseControl, Gateway, Anyone, "the directory"},
	{TypCountersignature, UseRegistrar, Registrar, Anyone, "the directory"},
	{TypApproval, UseOfficer, Officer, Gateway, "the policy snapshot"},
}

// Table returns the closed table of what is signed. Whoever verifies a token of
// an agency or a gateway takes the use of its key from here, never from the
// token.
func Table() []Profile { return slices.Clone(table) }

// verifyWith verifies typ, kid and signature with the key that the issuer had
// at a time for the use that the table gives.
func (t *jws) verifyWith(keys Keys, typ, iss, aud string, at time.Time) error {
	if t.header.Type != typ {
		return fmt.Errorf("%w: want %s", ErrType, typ)
	}
	row := slices.IndexFunc(table, func(p Profile) bool {
		return p.Type == typ && p.Issuer == kindOf(iss) && p.Audience == kindOf(aud)
	})
	if row < 0 {
		return fmt.Errorf("%w: no such token of this issuer for this audience", ErrAudience)
	}
	key, err := keys.Key(iss, t.header.KeyID, table[row].Use, at)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	return t.verifyAs(typ, key)
}

// kindOf tells agencies from gateways by their URN.
func kindOf(urn string) Party {
	if _, err := gateway.ParseAgencyURN(urn); err == nil {
		return Agency
	}
	if _, err := gateway.ParseID(urn); err == nil {
		return Gateway
	}
	return ""
}
