package envelope

import (
	"time"

	"sluss/gateway"
)

// The "typ" of what persons sign: a registrar for a directory statement, a
// legal officer for a policy snapshot.
const (
	TypCountersignature = "countersignature+jwt"
	TypApproval         = "policy-approval+jwt"
)

// Countersignature is a registrar's word for a statement: the digest is over
// the statement's JWS as it stands.
type Countersignature struct {
	Digest   gateway.Digest
	IssuedAt time.Time
}

type countersignatureClaims struct {
	Digest   gateway.Digest `json:"digest"`
	IssuedAt int64          `json:"iat"`
}

// SignCountersignature signs c with a registrar key.
func SignCountersignature(c Countersignature, s *Signer) (string, error) {
	return signChecked(TypCountersignature, countersignatureClaims{c.Digest, c.IssuedAt.Unix()}, s, readCountersignature)
}

// VerifyCountersignature verifies a countersignature with a pinned key.
func VerifyCountersignature(raw string, registrar PublicKey) (Countersignature, error) {
	return verifyRead(raw, TypCountersignature, registrar, readCountersignature)
}

func readCountersignature(o *object) Countersignature {
	return Countersignature{parsed(o, "digest", gateway.ParseDigest), o.time("iat")}
}

// Approval is a legal officer's word that a gateway is to run a policy
// snapshot, or, with WithholdAll, to release nothing.
type Approval struct {
	Gateway     gateway.ID     // aud
	Snapshot    gateway.Digest // zero (null) with WithholdAll
	Previous    gateway.Digest // the snapshot it replaces; zero (null) for the first
	Seq         int64
	NotBefore   time.Time
	Expires     time.Time
	WithholdAll bool
}

type approvalClaims struct {
	Gateway     gateway.ID      `json:"aud"`
	Snapshot    *gateway.Digest `json:"snapshot"`
	Previous    *gateway.Digest `json:"previous"`
	Seq         int64           `json:"seq"`
	NotBefore   int64           `json:"nbf"`
	Expires     int64           `json:"exp"`
	WithholdAll bool            `json:"withhold_all"`
}

// SignApproval signs a with an officer's key. Two officers sign equal claims,
// so there is nothing in them that tells the officers apart.
func SignApproval(a Approval, s *Signer) (string, error) {
	c := approvalClaims{
		Gateway: a.Gateway, Seq: a.Seq, NotBefore: a.NotBefore.Unix(), Expires: a.Expires.Unix(), WithholdAll: a.WithholdAll,
	}
	if !a.Snapshot.IsZero() {
		c.Snapshot = &a.Snapshot
	}
	if !a.Previous.IsZero() {
		c.Previous = &a.Previous
	}
	return signChecked(TypApproval, c, s, readApproval)
}

// VerifyApproval verifies an approval with a pinned key. Times and sequence are
// for whoever activates the snapshot to judge.
func VerifyApproval(raw string, officer PublicKey) (Approval, error) {
	return verifyRead(raw, TypApproval, officer, readApproval)
}

func readApproval(o *object) Approval {
	a := Approval{
		Gateway:     parsed(o, "aud", gateway.ParseID),
		Snapshot:    zero(parsedOrNull(o, "snapshot", gateway.ParseDigest)),
		Previous:    zero(parsedOrNull(o, "previous", gateway.ParseDigest)),
		Seq:         o.integer("seq"),
		NotBefore:   o.time("nbf"),
		Expires:     o.time("exp"),
		WithholdAll: o.boolean("withhold_all"),
	}
	if a.Snapshot.IsZero() != a.WithholdAll {
		o.fail("snapshot", "does not fit withhold_all")
	}
	if !a.Expires.After(a.NotBefore) {
		o.fail("exp", "is not after nbf")
	}
	return a
}
