// Package receipt is step 7 of an exchange: it makes the evidence that parties
// keep. The sender of a message gets a receipt: the entry under which it was
// taken in, and the proof that the entry is in the log (c2sp.org/tlog-proof).
// The recipient gets a release: the filtered message with the gateway's key
// binding (RFC 9901, Section 4.3) over exactly what was let through, the entry
// that was made of it, and that entry's proof.
//
// The type is the proof of the order: [Binder.Release] needs a
// [disclosure.Committed], which only a durable entry makes, and compares it
// with the view before it signs: delivery, digest of the view, recipient,
// role, purpose, policy, and what was allowed and withheld. A view that is not
// the one in the entry is [ErrDisagree], and nothing is signed. Since signing
// is deterministic (RFC 6979) and the times are the entry's, the same entry and
// view give the same bytes: a hand-out can be repeated without being stored.
//
// The package decides nothing and writes nothing.
package receipt

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/redact"
)

// Errors of this package; test with errors.Is.
var (
	ErrDisagree = errors.New("receipt: entry and view disagree")
	ErrZero     = errors.New("receipt: zero value where a made one is due")
)

// Evidence is an entry as a party gets it: its first part, as hashed, the leaf
// whose first half that hash is, and the leaf's proof.
type Evidence struct {
	Entry uint64
	E1    []byte
	Leaf  []byte
	Proof string
}

// Of returns the evidence of what was committed.
func Of(c disclosure.Committed) (Evidence, error) {
	if c.IsZero() {
		return Evidence{}, fmt.Errorf("%w: committed entry", ErrZero)
	}
	proof, err := c.Proof()
	if err != nil {
		return Evidence{}, err
	}
	leaf := c.Leaf()
	return Evidence{Entry: c.Index(), E1: c.E1(), Leaf: leaf[:], Proof: string(proof)}, nil
}

// Release is a view that may leave. Only [Binder.Release] makes one.
type Release struct {
	delivery string
	token    []byte
	evidence Evidence
}

// Delivery returns the delivery id, the nonce of the key binding.
func (r Release) Delivery() string { return r.delivery }

// Token returns the filtered message with its key binding.
func (r Release) Token() []byte { return r.token }

// Evidence returns the entry that was made before the view could leave.
func (r Release) Evidence() Evidence { return r.evidence }

// Binder signs releases with a release key of the gateway. It may be used at
// once.
type Binder struct{ signer *envelope.Signer }

// New returns a Binder that signs with s.
func New(s *envelope.Signer) (*Binder, error) {
	if s == nil {
		return nil, fmt.Errorf("%w: signer", ErrZero)
	}
	return &Binder{s}, nil
}

// Release signs the view under its committed entry.
func (b *Binder) Release(c disclosure.Committed, v redact.View) (Release, error) {
	if c.IsZero() || v.IsZero() {
		return Release{}, fmt.Errorf("%w: entry or view", ErrZero)
	}
	e1, err := disclosure.ParseE1(c.E1())
	if err != nil {
		return Release{}, err
	}
	if err := agree(e1, v); err != nil {
		return Release{}, err
	}
	leaf := c.Leaf()
	token, err := envelope.Bind(v.Filtered(), envelope.KeyBinding{
		IssuedAt: e1.Time.Time,
		Audience: e1.Recipient,
		Nonce:    e1.Delivery,
		Release: envelope.Release{
			Leaf: leaf[:], Snapshot: *e1.Snapshot, Role: e1.Role, Purpose: e1.Purpose, Request: e1.Request,
			Allowed: e1.Allowed, Withheld: e1.Withheld, SuppressedCells: e1.Suppressed, Obligations: e1.Obligations,
		},
	}, b.signer)
	if err != nil {
		return Release{}, fmt.Errorf("binding release: %w", err)
	}
	evidence, err := Of(c)
	return Release{delivery: e1.Delivery, token: token, evidence: evidence}, err
}

// agree holds the entry to the view.
func agree(e1 disclosure.E1, v redact.View) error {
	d, claims := v.Decision(), v.Filtered().Claims()
	allowed, withheld := Shown(v)
	switch {
	case e1.Kind != disclosure.Release, e1.Delivery == "", e1.SDHash == nil, e1.Snapshot == nil:
		return fmt.Errorf("%w: not an entry of a release", ErrDisagree)
	case e1.SDHash.String() != v.Filtered().SDHash():
		return fmt.Errorf("%w: digest of the view", ErrDisagree)
	case e1.Recipient != claims.Recipient(), e1.Message != claims.ID, e1.Discloser != claims.Issuer, e1.Type != claims.Type:
		return fmt.Errorf("%w: message or recipient", ErrDisagree)
	case *e1.Snapshot != d.Snapshot(), e1.Outcome != d.Outcome():
		return fmt.Errorf("%w: policy or outcome", ErrDisagree)
	case e1.Role != d.Input().Actor.Role, e1.Purpose != d.Input().Purpose:
		return fmt.Errorf("%w: role or purpose", ErrDisagree)
	case !maps.Equal(e1.Allowed, allowed), !maps.Equal(e1.Withheld, withheld),
		!slices.Equal(e1.Suppressed, d.SuppressedCells()), !slices.Equal(e1.Obligations, d.Obligations()):
		return fmt.Errorf("%w: what is allowed or withheld", ErrDisagree)
	}
	return nil
}

// Shown returns what a recipient is told of a view: the basis of each field
// allowed, and the shown reason of each field withheld.
func Shown(v redact.View) (map[gateway.Field]gateway.Basis, map[gateway.Field]gateway.Reason) {
	d := v.Decision()
	allowed := make(map[gateway.Field]gateway.Basis)
	for _, a := range d.Allowed() {
		allowed[a.Field] = a.Basis
	}
	withheld := make(map[gateway.Field]gateway.Reason)
	for _, w := range d.Withheld() {
		withheld[w.Field] = w.Shown
	}
	return allowed, withheld
}
