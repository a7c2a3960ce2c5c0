// Package gateway is the vocabulary of Sluss: the names, identifiers and
// refusals that every step of an exchange uses. It imports the standard
// library only, so that anything may import it.
//
// The words are those of the standards and statutes that define them: agency,
// role, purpose, legal basis and data class (domain tables in policies/data),
// message id and subject reference (RFC 7519, Sections 4.1.7 and 4.1.2),
// thumbprint (RFC 7638), outcome, obligation (NIST SP 800-162).
//
// Parsing is strict: a value of [AgencyID], [MessageID] or [Ref] that came
// from outside has exactly one spelling. What the names mean for a disclosure
// is not decided here but by the provisions in policies/.
//
// # The path of a message
//
// Each step is a package, and each step's result can be made only by that
// step: ingress → authn → envelope → catalogue → exchange (submit) and
// authn → facts → policy → redact → disclosure → receipt → ingress (release).
package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Errors that the parsers of this package report; test with errors.Is.
var (
	ErrAgency    = errors.New("gateway: malformed agency identifier")
	ErrMessageID = errors.New("gateway: malformed message identifier")
	ErrRef       = errors.New("gateway: malformed reference")
	ErrDigest    = errors.New("gateway: malformed digest")
)

// Kind is the kind of an agency: it fixes which secrecy rule covers what the
// agency holds and which roles its users may have.
type Kind string

// The kinds of agency.
const (
	Police       Kind = "POL"
	Prison       Kind = "KV"
	Institution  Kind = "SIS"
	Municipality Kind = "MUN"
	Region       Kind = "REG"
	Provider     Kind = "PRV"
	ContactPoint Kind = "NCP"
	WelfareBoard Kind = "SOC"
	Government   Kind = "GOV"
	Self         Kind = "SELF"
	Guardian     Kind = "GRD"
)

// kinds maps the first part of an agency identifier to its kind, and whether
// identifiers of that kind carry a code.
var kinds = map[string]struct {
	kind  Kind
	coded bool
}{
	"police":                 {Police, false},
	"kriminalvarden":         {Prison, false},
	"sis":                    {Institution, false},
	"municipality":           {Municipality, true},
	"region":                 {Region, true},
	"provider":               {Provider, true},
	"national_contact_point": {ContactPoint, false},
	"socialstyrelsen":        {WelfareBoard, false},
	"government":             {Government, false},
	"self":                   {Self, false},
	"guardian":               {Guardian, false},
}

// agencyURN and gatewayURN are the namespaces of party identities in messages.
const (
	agencyURN  = "urn:sluss:agency:"
	gatewayURN = "urn:sluss:gateway:"
)

var code = regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`)

// AgencyID names an agency, or an agency's registered alias, as the domain
// tables do: "police", "municipality:0180". The zero value names nobody.
type AgencyID string

// ParseAgency reads an agency identifier. Anything but a known kind with the
// code that kind asks for is [ErrAgency].
func ParseAgency(s string) (AgencyID, error) {
	prefix, c, coded := strings.Cut(s, ":")
	k, ok := kinds[prefix]
	if !ok || k.coded != coded || coded && !code.MatchString(c) {
		return "", fmt.Errorf("%w: %d bytes", ErrAgency, len(s))
	}
	return AgencyID(s), nil
}

// ParseAgencyURN reads the form that agencies have in messages:
// urn:sluss:agency:municipality:0180.
func ParseAgencyURN(s string) (AgencyID, error) {
	id, ok := strings.CutPrefix(s, agencyURN)
	if !ok {
		return "", fmt.Errorf("%w: not an agency URN", ErrAgency)
	}
	return ParseAgency(id)
}

// URN returns the agency as it is written in messages.
func (a AgencyID) URN() string { return agencyURN + string(a) }

// Kind returns the agency's kind, or "" when a was not parsed.
func (a AgencyID) Kind() Kind {
	prefix, _, _ := strings.Cut(string(a), ":")
	return kinds[prefix].kind
}

// ID is the identity of one gateway in messages: urn:sluss:gateway:<name>.
type ID string

// ParseID reads a gateway identity.
func ParseID(s string) (ID, error) {
	name, ok := strings.CutPrefix(s, gatewayURN)
	if !ok || !code.MatchString(name) {
		return "", fmt.Errorf("gateway: malformed gateway identity")
	}
	return ID(s), nil
}

// Names of the domain tables. They are opaque strings here; package catalogue
// knows which exist.
type (
	// Role is a role that a user or a system acts in, "municipality.social_worker".
	Role string
	// Purpose is what a disclosure is for, "PROTECTION".
	Purpose string
	// MessageType names a message type, "exit.threat_assessment".
	MessageType string
	// Field names a field of a message type, "risk_level".
	Field string
	// Class is a data class, "RSK"; with a sub-class, "HLT.functional".
	Class string
	// Basis is the code of a legal basis, "OSL-12-2".
	Basis string
	// Rule is a secrecy rule that covers a field, "26:1".
	Rule string
	// Reason is why something was withheld or refused by policy, "BLK-PUB".
	Reason string
	// Obligation is what must follow a decision, "show_validity".
	Obligation string
)

// Outcome is the result of one decision.
type Outcome string

// The outcomes of a decision.
const (
	Permit     Outcome = "PERMIT"      // everything asked for is released
	Partial    Outcome = "PARTIAL"     // something is released, something is not
	Review     Outcome = "REVIEW"      // nothing is released until a person at the discloser decides
	Deny       Outcome = "DENY"        // nothing is released
	NoRecord   Outcome = "NO_RECORD"   // answered as about an unknown person
	BreakGlass Outcome = "BREAK_GLASS" // released for an immediate danger to life
)

// Releases reports whether an answer with this outcome carries data.
func (o Outcome) Releases() bool { return o == Permit || o == Partial || o == BreakGlass }

// Initiative says who started a disclosure.
type Initiative string

// The initiatives.
const (
	ByActor     Initiative = "actor"     // the recipient asked
	ByDiscloser Initiative = "discloser" // the message was sent unasked
)

// Ref is an opaque reference to a person, a case, a user, a consent or a
// decision: 128 random bits in 22 canonical base64url characters, never
// derived from what it refers to.
type Ref string

// NewRef returns a fresh reference from the system's random source.
func NewRef() Ref {
	var b [16]byte
	rand.Read(b[:])
	return Ref(base64.RawURLEncoding.EncodeToString(b[:]))
}

// ParseRef reads a reference; a second spelling of the same bits is refused.
func ParseRef(s string) (Ref, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 16 || len(s) != 22 {
		return "", fmt.Errorf("%w: %d bytes", ErrRef, len(s))
	}
	return Ref(s), nil
}

// MessageID is the "jti" of a message, an access request or a statement:
// a version 7 UUID as a URN (RFC 9562, Section 5.7) in lower case.
type MessageID string

var uuidURN = regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// ParseMessageID reads a message identifier.
func ParseMessageID(s string) (MessageID, error) {
	if !uuidURN.MatchString(s) {
		return "", fmt.Errorf("%w: %d bytes", ErrMessageID, len(s))
	}
	return MessageID(s), nil
}

// Digest is a SHA-256 digest. Its text form is canonical base64url.
type Digest [sha256.Size]byte

// DigestOf returns the SHA-256 digest of b.
func DigestOf(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads the 43 canonical base64url characters of a digest.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(d) || len(s) != 43 {
		return d, fmt.Errorf("%w: %d bytes", ErrDigest, len(s))
	}
	return Digest(b), nil
}

// String returns the digest in canonical base64url.
func (d Digest) String() string { return base64.RawURLEncoding.EncodeToString(d[:]) }

// IsZero reports whether d was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDigest(string(b))
	return err
}
