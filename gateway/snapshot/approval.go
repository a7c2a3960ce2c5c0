package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// Errors of approvals; test with errors.Is.
var (
	ErrApproval  = errors.New("snapshot: not an approval")
	ErrOfficers  = errors.New("snapshot: approval lacks two officers")
	ErrGateway   = errors.New("snapshot: approval is for another gateway")
	ErrNotYet    = errors.New("snapshot: approval is not yet in force")
	ErrExpired   = errors.New("snapshot: approval has expired")
	ErrSequence  = errors.New("snapshot: approval is not newer than the one in force")
	ErrPrevious  = errors.New("snapshot: approval does not follow the one in force")
	ErrUnchecked = errors.New("snapshot: approval was not verified")
)

// ApprovalType is the "typ" of an approval (RFC 8725, Section 3.11).
const ApprovalType = "policy-approval+jwt"

// An Approval says that a gateway is to run a snapshot from one time to
// another. Each officer signs the same claims.
type Approval struct {
	Gateway   gateway.ID
	Snapshot  gateway.Digest
	Previous  gateway.Digest // the snapshot in force before; zero for the first
	Seq       int64          // from 1, higher with each approval
	NotBefore time.Time      // to the second
	Expires   time.Time      // to the second; from then on nothing is released
	// WithholdAll stops every release under the snapshot in force. One officer
	// suffices to ask for it, two are needed to end it.
	WithholdAll bool

	officers string // thumbprints of those who signed; set by Verify only
}

// Officers returns the thumbprints of the keys that signed, joined by a space;
// "" when a was not verified.
func (a Approval) Officers() string { return a.officers }

// claims is the payload of an approval. Every member is always present, in
// this order.
type claims struct {
	Gateway     gateway.ID `json:"gateway"`
	Snapshot    string     `json:"snapshot"`
	Previous    *string    `json:"previous"`
	Seq         int64      `json:"seq"`
	NotBefore   int64      `json:"nbf"`
	Expires     int64      `json:"exp"`
	WithholdAll bool       `json:"withhold_all"`
}

// Approve signs a with an officer's key.
func Approve(a Approval, s *envelope.Signer) (string, error) {
	if err := a.check(); err != nil {
		return "", err
	}
	b, err := a.payload()
	if err != nil {
		return "", err
	}
	raw, err := envelope.SignJWT(ApprovalType, b, s)
	if err != nil {
		return "", fmt.Errorf("signing the approval: %w", err)
	}
	return raw, nil
}

// Verify checks that two of the officers have signed the same approval for gw
// and that it is in force at now; for an approval that only withholds, one
// officer suffices. Every approval given must verify. Which approval may follow
// which is for [Approval.Follows].
func Verify(approvals []string, officers []envelope.PublicKey, gw gateway.ID, now time.Time) (Approval, error) {
	var common Approval
	var signers []string
	for _, raw := range approvals {
		a, kid, err := verifyOne(raw, officers)
		if err != nil {
			return Approval{}, err
		}
		if slices.Contains(signers, kid) {
			return Approval{}, fmt.Errorf("%w: one of them signed twice", ErrOfficers)
		}
		if len(signers) > 0 && a != common {
			return Approval{}, fmt.Errorf("%w: they signed different claims", ErrOfficers)
		}
		common, signers = a, append(signers, kid)
	}
	if len(signers) == 0 || len(signers) == 1 && !common.WithholdAll {
		return Approval{}, fmt.Errorf("%w: %d signed", ErrOfficers, len(signers))
	}
	switch {
	case common.Gateway != gw:
		return Approval{}, ErrGateway
	case now.Before(common.NotBefore):
		return Approval{}, ErrNotYet
	case !now.Before(common.Expires):
		return Approval{}, ErrExpired
	}
	slices.Sort(signers)
	for _, kid := range signers {
		if common.officers != "" {
			common.officers += " "
		}
		common.officers += kid
	}
	return common, nil
}

// verifyOne verifies a single signature and returns what was signed and the
// thumbprint of the key.
func verifyOne(raw string, officers []envelope.PublicKey) (Approval, string, error) {
	h, err := envelope.PeekJWT(raw)
	if err != nil {
		return Approval{}, "", fmt.Errorf("%w: %w", ErrApproval, err)
	}
	i := slices.IndexFunc(officers, func(k envelope.PublicKey) bool { return k.Thumbprint() == h.KeyID })
	if i < 0 {
		return Approval{}, "", fmt.Errorf("%w: signed by none of them", ErrOfficers)
	}
	payload, err := envelope.VerifyJWT(raw, ApprovalType, officers[i])
	if err != nil {
		return Approval{}, "", fmt.Errorf("%w: %w", ErrApproval, err)
	}
	a, err := parsePayload(payload)
	return a, h.KeyID, err
}

// Follows reports whether a gateway that runs current may go over to a: the
// sequence number rises, a names current's snapshot as its predecessor, and
// withholding keeps the snapshot as it is. The zero current is a gateway that
// runs nothing yet.
func (a Approval) Follows(current Approval) error {
	if a.officers == "" || current != (Approval{}) && current.officers == "" {
		return ErrUnchecked
	}
	switch {
	case current.officers != "" && a.Gateway != current.Gateway:
		return ErrGateway
	case a.Seq <= current.Seq:
		return ErrSequence
	case a.Previous != current.Snapshot:
		return ErrPrevious
	case a.WithholdAll && a.Snapshot != current.Snapshot:
		return fmt.Errorf("%w: withholding keeps the snapshot", ErrPrevious)
	}
	return nil
}

// Supersedes reports whether a client that last saw seen may go by a. A client
// may miss approvals, so only the sequence number counts: the same approval
// again is fine, an older one or another one of the same number is not.
func (a Approval) Supersedes(seen Approval) error {
	if a.officers == "" {
		return ErrUnchecked
	}
	if seen == (Approval{}) {
		return nil
	}
	if a.Gateway != seen.Gateway {
		return ErrGateway
	}
	if b := seen; a.Seq < b.Seq || a.Seq == b.Seq && !a.equal(b) {
		return ErrSequence
	}
	return nil
}

// equal compares what was signed, not by whom.
func (a Approval) equal(b Approval) bool {
	a.officers, b.officers = "", ""
	return a == b
}

// check refuses claims that no approval may have.
func (a Approval) check() error {
	_, err := gateway.ParseID(string(a.Gateway))
	if err != nil || a.Snapshot.IsZero() || a.Seq < 1 || a.Seq > 1<<53-1 || !a.NotBefore.Before(a.Expires) || a.NotBefore.Unix() < 0 {
		return fmt.Errorf("%w: gateway, snapshot, seq or times", ErrApproval)
	}
	return nil
}

func (a Approval) payload() ([]byte, error) {
	c := claims{
		Gateway: a.Gateway, Snapshot: a.Snapshot.String(), Seq: a.Seq,
		NotBefore: a.NotBefore.Unix(), Expires: a.Expires.Unix(), WithholdAll: a.WithholdAll,
	}
	if !a.Previous.IsZero() {
		p := a.Previous.String()
		c.Previous = &p
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding the approval: %w", err)
	}
	return b, nil
}

// parsePayload reads claims in the one form that payload writes.
func parsePayload(raw []byte) (Approval, error) {
	var c claims
	if err := json.Unmarshal(raw, &c); err != nil {
		return Approval{}, ErrApproval // the cause could hold a claim
	}
	a := Approval{
		Gateway: c.Gateway, Seq: c.Seq, WithholdAll: c.WithholdAll,
		NotBefore: time.Unix(c.NotBefore, 0).UTC(), Expires: time.Unix(c.Expires, 0).UTC(),
	}
	var err error
	if a.Snapshot, err = gateway.ParseDigest(c.Snapshot); err != nil {
		return Approval{}, fmt.Errorf("%w: snapshot", ErrApproval)
	}
	if c.Previous != nil {
		if a.Previous, err = gateway.ParseDigest(*c.Previous); err != nil || a.Previous.IsZero() {
			return Approval{}, fmt.Errorf("%w: previous", ErrApproval)
		}
	}
	if err := a.check(); err != nil {
		return Approval{}, err
	}
	same, err := a.payload()
	if err != nil || string(same) != string(raw) {
		return Approval{}, fmt.Errorf("%w: members", ErrApproval)
	}
	return a, nil
}
