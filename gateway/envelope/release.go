package envelope

import (
	"fmt"
	"slices"
	"time"

	"sluss/gateway"
)

// Expect is what a recipient knows before it opens a release.
type Expect struct {
	Self    gateway.AgencyID // who opens it; required
	Gateway gateway.ID       // who released it; required
	// Delivery is the delivery id under which it came; "" takes any, for a
	// caller that compares it later.
	Delivery string
}

// Received is a release whose two signatures, times and form have been
// verified. Only [OpenRelease] fills it.
type Received struct {
	raw     []byte
	claims  Claims
	binding KeyBinding
	fields  []field
	keys    []bundle
	sdHash  string
}

// IsZero reports whether no step has filled r.
func (r Received) IsZero() bool { return r.raw == nil }

// Claims returns the sender's claims.
func (r Received) Claims() Claims { return r.claims }

// Binding returns what the gateway signed.
func (r Received) Binding() KeyBinding { return r.binding }

// Delivery returns the delivery id.
func (r Received) Delivery() string { return r.binding.Nonce }

// SDHash returns the digest of the filtered message, which the disclosure
// entry holds as well.
func (r Received) SDHash() string { return r.sdHash }

// Raw returns the bytes as received.
func (r Received) Raw() []byte { return r.raw }

// Fields returns the fields given, in the order of their disclosures.
func (r Received) Fields() []MessageField { return messageFields(r.fields) }

// OpenRelease verifies a release: the sender's key as registered when it
// signed, the gateway's release key at the key binding's iat, the message's
// times at that moment, which is at most MaxDelivery before now. To read a
// release again, give the time of first receipt as now.
func OpenRelease(raw []byte, keys Keys, want Expect, now time.Time) (Received, error) {
	if want.Self == "" || want.Gateway == "" || now.IsZero() {
		return Received{}, fmt.Errorf("%w: expectation", ErrZero)
	}
	if len(raw) > MaxMessage {
		return Received{}, fmt.Errorf("%w: %d bytes of release", ErrTooLarge, len(raw))
	}
	t, err := Parse(string(raw))
	if err != nil {
		return Received{}, err
	}
	if t.binding == nil {
		return Received{}, fmt.Errorf("%w: there is none", ErrKeyBinding)
	}
	m := Message{raw: raw, token: t}
	if err := m.read(); err != nil {
		return Received{}, err
	}
	r := Received{raw: raw, claims: m.claims, fields: m.fields, keys: m.bundles, sdHash: t.SDHash()}
	if r.binding, err = readKeyBinding(t.binding.payload, r.sdHash); err != nil {
		return Received{}, err
	}
	if err := verifyRelease(t, r, keys); err != nil {
		return Received{}, err
	}
	if err := r.check(want, now); err != nil {
		return Received{}, err
	}
	if err := r.given(t); err != nil {
		return Received{}, err
	}
	return r, nil
}

// verifyRelease verifies both signatures: each key as of the moment that it
// was used at, by the claims it signed.
func verifyRelease(t *SDJWT, r Received, keys Keys) error {
	c := r.claims
	if err := t.jws.verifyWith(keys, TypMessage, c.Issuer.URN(), c.Audience, c.IssuedAt); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	if err := t.binding.verifyWith(keys, TypKeyBinding, string(c.Gateway), r.binding.Audience.URN(), r.binding.IssuedAt); err != nil {
		return fmt.Errorf("%w: %w", ErrKeyBinding, err)
	}
	return nil
}

// check compares a release with what its recipient knows.
func (r Received) check(want Expect, now time.Time) error {
	at := r.binding.IssuedAt
	switch {
	case r.claims.Gateway != want.Gateway:
		return ErrGateway
	case r.claims.Audience != want.Self.URN() || r.binding.Audience != want.Self:
		return ErrAudience
	case want.Delivery != "" && r.binding.Nonce != want.Delivery:
		return fmt.Errorf("%w: another delivery id", ErrKeyBinding)
	case at.After(now.Add(Skew)):
		return fmt.Errorf("key binding: %w", ErrFuture)
	case now.Sub(at) > MaxDelivery:
		return fmt.Errorf("key binding: %w", ErrStale)
	}
	return r.claims.check(at, 0)
}

// given holds what lies beside the token against what the gateway signed.
func (r Received) given(t *SDJWT) error {
	for _, d := range t.disclosures {
		if t.gateway(d) {
			return fmt.Errorf("%w: the gate is disclosed", ErrRelease)
		}
	}
	blank := make(map[string]bool)
	for _, id := range r.binding.Release.SuppressedCells {
		blank[id] = true
	}
	for _, f := range r.fields {
		if _, ok := r.binding.Release.Allowed[f.Name]; !ok {
			return fmt.Errorf("%w: field %s is given and not allowed", ErrRelease, f.Name)
		}
		for _, id := range f.Cells {
			if blank[id] {
				return fmt.Errorf("%w: a suppressed cell is given", ErrRelease)
			}
		}
	}
	return nil
}

// Conform holds a release against the message's type: allowed and withheld
// together are exactly names (every field of the type, or every named one),
// what is given has the form of the spec (of the sender's kind), and every
// allowed sealed field of the spec is given. Otherwise ErrRelease.
func (r Received) Conform(names []gateway.Field, spec []FieldSpec) error {
	if r.IsZero() {
		return fmt.Errorf("%w: release", ErrZero)
	}
	rel := r.binding.Release
	for _, name := range names {
		_, allowed := rel.Allowed[name]
		_, withheld := rel.Withheld[name]
		if !allowed && !withheld {
			return fmt.Errorf("%w: field %s is neither allowed nor withheld", ErrRelease, name)
		}
	}
	if len(rel.Allowed)+len(rel.Withheld) != len(names) {
		return fmt.Errorf("%w: a field that the type does not have", ErrRelease)
	}
	held := make(map[gateway.Field]FieldSpec, len(spec))
	for _, f := range spec {
		held[f.Name] = f
	}
	for _, f := range r.fields {
		s, ok := held[f.Name]
		if !ok || s.Sealed != f.Sealed || f.Sealed && f.CiphertextSize != CiphertextSize(s.Size) {
			return fmt.Errorf("%w: field %s has not its form", ErrRelease, f.Name)
		}
	}
	for _, s := range spec {
		_, allowed := rel.Allowed[s.Name]
		if s.Sealed && allowed && !slices.ContainsFunc(r.fields, func(f field) bool { return f.Name == s.Name }) {
			return fmt.Errorf("%w: field %s is allowed and not given", ErrRelease, s.Name)
		}
	}
	return nil
}
