package envelope

import (
	"time"

	"sluss/gateway"
)

// TypKeyBinding is the "typ" of a key binding JWT (RFC 9901, Section 4.3).
const TypKeyBinding = "kb+jwt"

// Filtered is a message with all disclosures but the permitted ones dropped.
// Only [Message.Filter] fills it.
type Filtered struct {
	token      []byte
	claims     Claims
	given      []gateway.Field
	sealed     map[gateway.Field]bool
	suppressed []string
}

// IsZero reports whether no step has filled f.
func (f Filtered) IsZero() bool { return f.token == nil }

// Token returns the SD-JWT, which ends with "~".
func (f Filtered) Token() []byte { return f.token }

// SDHash returns the digest over the token that the key binding names
// (RFC 9901, Section 4.3.1).
func (f Filtered) SDHash() string { return gateway.DigestOf(f.token).String() }

// Claims returns the message's claims.
func (f Filtered) Claims() Claims { return f.claims }

// Given returns the fields that are disclosed, in the message's order.
func (f Filtered) Given() []gateway.Field { return f.given }

// KeyBinding is what the gateway signs over a filtered message.
type KeyBinding struct {
	IssuedAt time.Time
	Audience gateway.AgencyID // the recipient
	Nonce    string           // the delivery id
	Release  Release
}

// Release is what the gateway says of a release: the claim "release".
type Release struct {
	Leaf            []byte // of the disclosure entry, 64 bytes
	Snapshot        gateway.Digest
	Role            gateway.Role
	Purpose         gateway.Purpose
	Request         *gateway.Digest // of the access request; nil when collected from a mailbox
	Allowed         map[gateway.Field]gateway.Basis
	Withheld        map[gateway.Field]gateway.Reason // the shown reason
	SuppressedCells []string
	Obligations     []gateway.Obligation
}

// Filter returns m with the disclosures of the fields in keep and no others:
// not the gate, not what lies below another field. The numbers of the
// suppressed cells (M12, by id) go as well. A field that m does not hold may
// stand in keep; a cell that it does not have is ErrUnknown.
func (m Message) Filter(keep map[gateway.Field]bool, suppressed []string) (Filtered, error) {
	return Filtered{}, nil
}

// Bind signs a filtered message for its recipient and returns the release.
// What is given must be allowed, and nothing both allowed and withheld:
// otherwise ErrRelease. The same arguments give the same bytes.
func Bind(f Filtered, b KeyBinding, s *Signer) ([]byte, error) {
	return nil, nil
}
