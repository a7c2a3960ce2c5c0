package envelope

import (
	"time"

	"sluss/gateway"
)

// The "typ" of what builds trust: directory statements, their
// countersignatures, approvals of policy snapshots.
const (
	TypStatement        = "directory-statement+jwt"
	TypCountersignature = "countersignature+jwt"
	TypApproval         = "policy-approval+jwt"
)

// Status of what a directory statement is about.
type Status string

// The statuses.
const (
	Active      Status = "active"
	Retired     Status = "retired"     // no longer used; what it signed stands
	Compromised Status = "compromised" // nothing of it stands
)

// Statement is what an agency, or a gateway, says of itself in the directory:
// exactly one of Key, System and Alias.
type Statement struct {
	Issuer    string    // iss: URN of an agency or a gateway
	Seq       int64     // rises with each statement about the same thing
	IssuedAt  time.Time // iat
	NotBefore time.Time // nbf
	Expires   time.Time // exp
	Status    Status
	Since     time.Time // when the status began
	Key       *KeyItem
	System    *SystemItem
	Alias     gateway.AgencyID
}

// KeyItem gives a key one use, for the roles that it may assert or open.
type KeyItem struct {
	Use   Use
	Key   PublicKey
	Roles []gateway.Role // empty: no role needed for the use
}

// SystemItem registers a system by the URI of its certificate.
type SystemItem struct {
	URI   string
	Roles []gateway.Role
}

// SignStatement signs st with a control key of its issuer; the statement of
// the first control key is signed by itself.
func SignStatement(st Statement, s *Signer) (string, error) { return "", nil }

// VerifyStatement verifies a statement with key. Times and sequence are the
// directory's to judge.
func VerifyStatement(raw string, key PublicKey) (Statement, error) { return Statement{}, nil }

// PeekStatement reads a statement whose key is not known yet. It is not to be
// trusted: a first control key is found this way, then verified by itself.
func PeekStatement(raw string) (Statement, Header, error) { return Statement{}, Header{}, nil }

// Countersignature is a registrar's word for a statement: the digest is over
// the statement's JWS as it stands.
type Countersignature struct {
	Digest   gateway.Digest
	IssuedAt time.Time
}

// SignCountersignature signs c with a registrar key.
func SignCountersignature(c Countersignature, s *Signer) (string, error) { return "", nil }

// VerifyCountersignature verifies a countersignature with a pinned key.
func VerifyCountersignature(raw string, registrar PublicKey) (Countersignature, error) {
	return Countersignature{}, nil
}

// Approval is a legal officer's word that a gateway is to run a policy snapshot.
type Approval struct {
	Gateway     gateway.ID     // aud
	Snapshot    gateway.Digest // zero (null) with WithholdAll
	Previous    gateway.Digest // the snapshot it replaces; zero (null) for the first
	Seq         int64
	NotBefore   time.Time
	Expires     time.Time
	WithholdAll bool
}

// SignApproval signs a with an officer's key. Two officers sign equal claims.
func SignApproval(a Approval, s *Signer) (string, error) { return "", nil }

// VerifyApproval verifies an approval with a pinned key.
func VerifyApproval(raw string, officer PublicKey) (Approval, error) { return Approval{}, nil }
