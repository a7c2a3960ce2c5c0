// Package redact is the step of a release after the decision: it drops from a
// message everything that the decision does not allow by name.
//
// What leaves is an allow-list. A [View] holds the disclosures (RFC 9901,
// Section 4.2) of the fields that the decision released, and no others; a
// field that nobody decided on is dropped like one that was withheld, as is all
// that only the gateway sees. The sender's signature still covers what is left,
// since dropping a disclosure changes no signed byte. Only [Apply] fills a View.
//
// Apply does not decide (package policy) and sends nothing: a View leaves under
// an entry of the disclosure log only (packages disclosure and receipt).
package redact

import (
	"errors"
	"fmt"
	"slices"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/policy"
)

// Errors of this package; test with errors.Is. With any of them nothing leaves.
var (
	ErrZero    = errors.New("redact: message or decision was never made")
	ErrNothing = errors.New("redact: the decision releases nothing")
	ErrOther   = errors.New("redact: the decision is on another message")
	ErrExcess  = errors.New("redact: more is left than the decision allows")
)

// View is what of a message may leave, and the decision that says so. Only
// [Apply] fills it.
type View struct {
	filtered envelope.Filtered
	decision policy.Decision
}

// IsZero reports whether v was never made.
func (v View) IsZero() bool { return v.filtered.IsZero() || v.decision.IsZero() }

// Filtered returns the message with the permitted disclosures.
func (v View) Filtered() envelope.Filtered { return v.filtered }

// Decision returns the decision.
func (v View) Decision() policy.Decision { return v.decision }

// Apply returns the view of a message that a decision permits. A decision that
// releases nothing is [ErrNothing]; one whose type, parties, roles or purpose
// are not the message's is [ErrOther].
func Apply(m envelope.Message, d policy.Decision) (View, error) {
	if m.IsZero() || d.IsZero() {
		return View{}, ErrZero
	}
	if !d.Outcome().Releases() {
		return View{}, fmt.Errorf("%w: %s", ErrNothing, d.Outcome())
	}
	if err := sameMatter(m.Claims(), d); err != nil {
		return View{}, err
	}
	keep := map[gateway.Field]bool{}
	for _, a := range d.Allowed() {
		keep[a.Field] = true
	}
	f, err := m.Filter(keep, d.SuppressedCells())
	if err != nil {
		return View{}, fmt.Errorf("filtering: %w", err)
	}
	// Filter is another package's work: what is left is looked at once more.
	if slices.ContainsFunc(f.Given(), func(field gateway.Field) bool { _, ok := d.Allows(field); return !ok }) {
		return View{}, ErrExcess
	}
	return View{f, d}, nil
}

// sameMatter compares all that a decision says of the message it was taken on.
func sameMatter(c envelope.Claims, d policy.Decision) error {
	in := d.Input()
	switch {
	case in.Type != c.Type:
		return fmt.Errorf("%w: type", ErrOther)
	case in.Purpose != c.Purpose:
		return fmt.Errorf("%w: purpose", ErrOther)
	case in.Discloser.Kind != c.Issuer.Kind(), in.Discloser.Role != c.FromRole:
		return fmt.Errorf("%w: sender", ErrOther)
	case in.Actor.Kind != c.Recipient().Kind(), !slices.Contains(c.ToRoles, in.Actor.Role):
		return fmt.Errorf("%w: recipient", ErrOther)
	}
	return nil
}
