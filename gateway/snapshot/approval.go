package snapshot

import (
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
	ErrPrevious  = errors.New("snapshot: approval does not follow the snapshot in force")
	ErrUnchecked = errors.New("snapshot: approval was not verified")
)

// Approved is an approval whose signatures and times have been verified. Only
// [Verify] fills it.
type Approved struct {
	approval envelope.Approval
	officers []string
}

// Approval returns what was signed; package envelope says how to sign it.
func (a Approved) Approval() envelope.Approval { return a.approval }

// Officers returns the thumbprints of the keys that signed, sorted.
func (a Approved) Officers() []string { return slices.Clone(a.officers) }

// Verify checks that two of the officers have signed the same approval for gw
// and that it is in force at now; for an approval that only withholds, one
// officer suffices. Every approval given must verify: one that does not is an
// error, not an extra. Which approval may follow which is for
// [Approved.Activate] to say.
func Verify(approvals []string, officers []envelope.PublicKey, gw gateway.ID, now time.Time) (Approved, error) {
	var v Approved
	for _, raw := range approvals {
		a, kid, err := verifyOne(raw, officers)
		switch {
		case err != nil:
			return Approved{}, err
		case slices.Contains(v.officers, kid):
			return Approved{}, fmt.Errorf("%w: one of them signed twice", ErrOfficers)
		case len(v.officers) > 0 && !equal(a, v.approval):
			return Approved{}, fmt.Errorf("%w: they signed different claims", ErrOfficers)
		}
		v.approval, v.officers = a, append(v.officers, kid)
	}
	a := v.approval
	if n := len(v.officers); n == 0 || n == 1 && !a.WithholdAll {
		return Approved{}, fmt.Errorf("%w: %d signed", ErrOfficers, n)
	}
	switch {
	case a.Gateway != gw:
		return Approved{}, ErrGateway
	case now.Before(a.NotBefore):
		return Approved{}, ErrNotYet
	case !now.Before(a.Expires):
		return Approved{}, ErrExpired
	}
	slices.Sort(v.officers)
	return v, nil
}

// verifyOne verifies one signature and returns what was signed and the
// thumbprint of the officer's key.
func verifyOne(raw string, officers []envelope.PublicKey) (envelope.Approval, string, error) {
	h, err := envelope.PeekJWT(raw)
	if err != nil {
		return envelope.Approval{}, "", fmt.Errorf("%w: %w", ErrApproval, err)
	}
	i := slices.IndexFunc(officers, func(k envelope.PublicKey) bool { return k.Thumbprint() == h.KeyID })
	if i < 0 {
		return envelope.Approval{}, "", fmt.Errorf("%w: signed by none of them", ErrOfficers)
	}
	a, err := envelope.VerifyApproval(raw, officers[i])
	if err != nil {
		return envelope.Approval{}, "", fmt.Errorf("%w: %w", ErrApproval, err)
	}
	return a, h.KeyID, nil
}

func equal(a, b envelope.Approval) bool {
	sameTimes := a.NotBefore.Equal(b.NotBefore) && a.Expires.Equal(b.Expires)
	a.NotBefore, a.Expires = b.NotBefore, b.Expires
	return sameTimes && a == b
}

// Active is what a gateway runs, or what a client last saw it run. The zero
// value is a gateway that has never run anything.
type Active struct {
	Gateway     gateway.ID     `json:"gateway"`
	Snapshot    gateway.Digest `json:"snapshot"`
	Seq         int64          `json:"seq"`
	Expires     time.Time      `json:"expires"`
	WithholdAll bool           `json:"withhold_all"`
}

// Releases reports whether anything may be released at now.
func (a Active) Releases(now time.Time) bool {
	return !a.Snapshot.IsZero() && !a.WithholdAll && now.Before(a.Expires)
}

// Activate returns what the gateway runs after the approval. The sequence
// number must rise ([ErrSequence]) and the approval name the snapshot that is
// in force as its predecessor ([ErrPrevious]), so that approvals form one
// chain. Withholding keeps that snapshot.
func (a Approved) Activate(current Active) (Active, error) {
	if len(a.officers) == 0 {
		return Active{}, ErrUnchecked
	}
	p := a.approval
	switch {
	case current.Gateway != "" && current.Gateway != p.Gateway:
		return Active{}, ErrGateway
	case p.Seq <= current.Seq:
		return Active{}, ErrSequence
	case p.Previous != current.Snapshot:
		return Active{}, ErrPrevious
	case p.WithholdAll && current.Snapshot.IsZero():
		return Active{}, fmt.Errorf("%w: there is nothing to withhold under", ErrPrevious)
	case p.WithholdAll:
		return Active{p.Gateway, current.Snapshot, p.Seq, current.Expires, true}, nil
	}
	return Active{p.Gateway, p.Snapshot, p.Seq, p.Expires, false}, nil
}

// Observe returns what a client takes the gateway to run after it was shown
// the approval. A client may have missed some, so only the sequence number
// counts: the one it saw last is fine, an older one, or another one of the same
// number, is [ErrSequence].
func (a Approved) Observe(seen Active) (Active, error) {
	if len(a.officers) == 0 {
		return Active{}, ErrUnchecked
	}
	p := a.approval
	now := Active{p.Gateway, p.Snapshot, p.Seq, p.Expires, p.WithholdAll}
	if p.WithholdAll {
		now.Snapshot, now.Expires = p.Previous, seen.Expires
	}
	same := now.Snapshot == seen.Snapshot && now.WithholdAll == seen.WithholdAll && now.Expires.Equal(seen.Expires)
	switch {
	case seen.Gateway != "" && seen.Gateway != p.Gateway:
		return Active{}, ErrGateway
	case p.Seq < seen.Seq, p.Seq == seen.Seq && !same:
		return Active{}, ErrSequence
	}
	return now, nil
}
