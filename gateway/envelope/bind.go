package envelope

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"sluss/gateway"
)

// TypKeyBinding is the "typ" of a key binding JWT (RFC 9901, Section 4.3).
const TypKeyBinding = "kb+jwt"

// Filtered is a message with all disclosures but the permitted ones dropped.
// Only [Message.Filter] fills it.
type Filtered struct {
	token      []byte
	sdHash     string
	claims     Claims
	held       []gateway.Field // all that the message has
	given      []gateway.Field // those that are left
	suppressed []string
}

// IsZero reports whether no step has filled f.
func (f Filtered) IsZero() bool { return f.token == nil }

// Token returns the SD-JWT, which ends with "~".
func (f Filtered) Token() []byte { return f.token }

// SDHash returns the digest over the token that the key binding names
// (RFC 9901, Section 4.3.1).
func (f Filtered) SDHash() string { return f.sdHash }

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
// stand in keep; a cell without a number of its own is ErrUnknown.
func (m Message) Filter(keep map[gateway.Field]bool, suppressed []string) (Filtered, error) {
	if m.IsZero() {
		return Filtered{}, fmt.Errorf("%w: message", ErrZero)
	}
	f := Filtered{claims: m.claims, suppressed: slices.Clone(suppressed)}
	kept := make(map[*disclosure]bool)
	blank := make(map[string]bool, len(suppressed))
	for _, id := range suppressed {
		blank[id] = true
	}
	missing := maps.Clone(blank)
	for _, field := range m.fields {
		f.held = append(f.held, field.Name)
		if keep[field.Name] {
			f.given = append(f.given, field.Name)
			kept[field.outer] = true
		}
		for i, d := range field.cells {
			id := field.Cells[i]
			delete(missing, id)
			kept[d] = keep[field.Name] && !blank[id]
		}
	}
	if len(missing) > 0 {
		return Filtered{}, fmt.Errorf("%w: cell to suppress", ErrUnknown)
	}
	size := len(m.token.jws.raw) + 1
	for d := range kept {
		size += len(d.text) + 1
	}
	f.token = append(make([]byte, 0, size), m.token.jws.raw...)
	f.token = append(f.token, '~')
	for _, d := range m.token.disclosures {
		if kept[d] {
			f.token = append(append(f.token, d.text...), '~')
		}
	}
	f.sdHash = digestOf(f.token)
	return f, nil
}

// Bind signs a filtered message for its recipient and returns the release.
// Allowed and withheld must have no field in common, and of what the message
// holds exactly the allowed must be given: otherwise ErrRelease. The same
// arguments give the same bytes.
func Bind(f Filtered, b KeyBinding, s *Signer) ([]byte, error) {
	if f.IsZero() || s == nil {
		return nil, fmt.Errorf("%w: filtered message or signer", ErrZero)
	}
	if b.Audience == "" || b.Audience != f.claims.Recipient() {
		return nil, fmt.Errorf("%w: not the message's recipient", ErrAudience)
	}
	for _, name := range f.held {
		if _, allowed := b.Release.Allowed[name]; allowed != slices.Contains(f.given, name) {
			return nil, fmt.Errorf("%w: field %s", ErrRelease, name)
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(f.suppressed)), slices.Sorted(slices.Values(b.Release.SuppressedCells))) {
		return nil, fmt.Errorf("%w: suppressed cells", ErrRelease)
	}
	payload, err := json.Marshal(b.claims(f.SDHash()))
	if err != nil {
		return nil, fmt.Errorf("%w: key binding does not marshal", ErrMalformed)
	}
	if _, err := readKeyBinding(payload, f.SDHash()); err != nil {
		return nil, err
	}
	kb, err := s.signPayload(TypKeyBinding, s.public.kid, payload)
	if err != nil {
		return nil, err
	}
	return slices.Concat(f.token, []byte(kb)), nil
}
