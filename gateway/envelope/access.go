package envelope

import (
	"time"

	"sluss/gateway"
)

// TypAccess is the "typ" of an access request.
const TypAccess = "access-request+jwt"

// Access is an access request: which official asks, in which role, for what
// (domain.md 15.1). It is signed with an access key of the official's system and bound
// to the client certificate of the connection (RFC 8705).
type Access struct {
	Gateway      gateway.ID        // aud
	Certificate  gateway.Digest    // cnf.x5t#S256
	ID           gateway.MessageID // jti, used once
	IssuedAt     time.Time         // iat
	Agency       gateway.AgencyID  // iss
	Role         gateway.Role
	User         gateway.Ref
	Unit         string // a code, never a name
	Purpose      gateway.Purpose
	Type         gateway.MessageType
	Subject      gateway.Ref       // "" (null) where a type is about nobody
	Discloser    gateway.AgencyID  // whom a request asks; "" when reading one message
	Message      gateway.MessageID // the message to read; "" in a request
	Fields       []string
	BasisClaimed []gateway.Basis
	Reason       *Reason
	OnScene      bool
	Emergency    *Emergency
}

// Emergency is what break-glass needs besides (domain.md, Section 18).
type Emergency struct {
	ThreatToLife    bool
	DiaryNo         string
	Reauthenticated bool
	RequestedAt     time.Time
	Operation       string            // "" if none
	Confirms        gateway.MessageID // jti of the request that this one confirms as second person; "" if none
}

// SignAccess signs a with an access key of a.Agency.
func SignAccess(a Access, s *Signer) (string, error) { return "", nil }

// OpenAccess verifies an access request with the key that it names, as
// registered at now, and its times. Errors are [gateway.Refusal]. The caller
// compares gateway, certificate and agency with its own, and uses the ID up.
func OpenAccess(raw string, keys Keys, now time.Time) (Access, error) { return Access{}, nil }
