package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

// Message is a release that has been verified in every part: what the sender
// signed, what the gateway let through, and that both stand in the log. Only
// Poll and Read fill it.
type Message struct {
	received envelope.Received
	values   map[gateway.Field]gateway.Payload
	unusable []gateway.Field
	role     gateway.Role
	at       time.Time // of first receipt
	receipt  Receipt
}

// Claims returns what the sender signed about the message: who, to whom, which
// type, about whom.
func (m Message) Claims() envelope.Claims { return m.received.Claims() }

// Release returns what the gateway signed: which fields were allowed, on which
// basis, which were withheld, for which reason, and what the recipient has to
// do in return.
func (m Message) Release() envelope.Release { return m.received.Binding().Release }

// Delivery returns the delivery id.
func (m Message) Delivery() string { return m.received.Delivery() }

// Value returns the value of a field, JSON. ok is false for one that was
// withheld, has no value or is unusable.
func (m Message) Value(f gateway.Field) (v gateway.Payload, ok bool) {
	v, ok = m.values[f]
	return v, ok
}

// Fields returns the names of the fields that have a value, sorted.
func (m Message) Fields() []gateway.Field { return slices.Sorted(maps.Keys(m.values)) }

// Unusable returns the fields that were released and whose content is not what
// it must be: no key of this client opens it, it is not what the sender
// committed to, or not what the field's schema says. Acknowledging the message
// tells the sender.
func (m Message) Unusable() []gateway.Field { return slices.Clone(m.unusable) }

// Raw returns the release as received: the evidence of what the agency got, and
// from whom. Values that were sealed are sealed in it.
func (m Message) Raw() []byte { return m.received.Raw() }

// Receipt returns the entry that was made before the message left the gateway,
// with its proof. Its Digest is that of the filtered message (sd_hash).
func (m Message) Receipt() Receipt { return m.receipt }

// asked is what a release must be an answer to.
type asked struct {
	delivery string
	role     gateway.Role
	message  gateway.MessageID // "" when collected
	purpose  gateway.Purpose   // "" is the message's
	request  *gateway.Digest   // of the access request; nil when collected
	fields   []string          // that the request names; nil when collected
	at       time.Time         // of first receipt
}

// open verifies a release and reads it. What the client cannot know because it
// is newer than what it has is fetched, once.
func (c *Client) open(ctx context.Context, h handed, q asked) (Message, error) {
	w, err := c.ready(ctx)
	if err != nil {
		return Message{}, err
	}
	m, err := c.opened(w, h, q)
	if errors.Is(err, envelope.ErrKey) || errors.Is(err, errUnapproved) || errors.Is(err, errNoType) {
		if err := c.Refresh(ctx); err != nil {
			return Message{}, err
		}
		if w, err = c.current(); err != nil {
			return Message{}, err
		}
		m, err = c.opened(w, h, q)
	}
	return m, err
}

// What a refresh may cure.
var (
	errUnapproved = fmt.Errorf("%w: it was decided under a policy that no two officers are known to have approved", ErrSnapshot)
	errNoType     = fmt.Errorf("%w: its type is not in the approved catalogue", ErrRelease)
)

func (c *Client) opened(w *world, h handed, q asked) (Message, error) {
	if q.delivery == "" {
		q.delivery = h.Delivery
	}
	if h.Delivery != q.delivery || h.Delivery == "" {
		return Message{}, fmt.Errorf("%w: delivery id", ErrAnswer)
	}
	r, err := c.release(w, h, q)
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrRelease, err)
	}
	if !slices.Contains(w.approved, r.Binding().Release.Snapshot) {
		return Message{}, errUnapproved
	}
	if err := q.answered(r); err != nil {
		return Message{}, err
	}
	claims := r.Claims()
	t, ok := w.catalogue.Type(claims.Type, claims.Version)
	if !ok {
		return Message{}, errNoType
	}
	if err := c.conform(r, t, q); err != nil {
		return Message{}, err
	}
	receipt, err := c.logged(r, h)
	if err != nil {
		return Message{}, err
	}
	m := Message{received: r, role: q.role, at: q.at, receipt: receipt}
	return m, m.unseal(c.decrypters(w, q.role), t)
}

// release verifies signatures, times and form. A message may be addressed to
// an alias of the agency.
func (c *Client) release(w *world, h handed, q asked) (envelope.Received, error) {
	want := envelope.Expect{Self: c.cfg.Agency, Gateway: c.cfg.Gateway, Delivery: q.delivery}
	r, err := envelope.OpenRelease([]byte(h.Token), w.directory, want, q.at)
	for _, alias := range c.aliases() {
		if !errors.Is(err, envelope.ErrAudience) {
			break
		}
		want.Self = alias
		r, err = envelope.OpenRelease([]byte(h.Token), w.directory, want, q.at)
	}
	return r, err
}

// answered compares a release with what was asked.
func (q asked) answered(r envelope.Received) error {
	claims, rel := r.Claims(), r.Binding().Release
	purpose := q.purpose
	if purpose == "" {
		purpose = claims.Purpose
	}
	switch {
	case q.message != "" && claims.ID != q.message:
		return fmt.Errorf("%w: it is another message", ErrView)
	case rel.Role != q.role || !slices.Contains(claims.ToRoles, q.role):
		return fmt.Errorf("%w: it is for another role", ErrView)
	case rel.Purpose != purpose:
		return fmt.Errorf("%w: it is for another purpose", ErrView)
	case (rel.Request == nil) != (q.request == nil) || q.request != nil && *rel.Request != *q.request:
		return fmt.Errorf("%w: it names an access request that was not made, or not the one that was", ErrView)
	}
	if q.fields != nil && !slices.Contains(q.fields, catalogue.DefaultSet) {
		for name := range rel.Allowed {
			if !slices.Contains(q.fields, string(name)) {
				return fmt.Errorf("%w: field %s was not asked for", ErrView, name)
			}
		}
	}
	return nil
}

// conform holds a release to the message's type: nothing missing, nothing too
// much.
func (c *Client) conform(r envelope.Received, t *catalogue.Type, q asked) error {
	names := t.Names()
	if t.NamedOnly {
		var err error
		if names, err = c.namesOf(r, t, q); err != nil {
			return err
		}
	}
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	kind := r.Claims().Issuer.Kind()
	spec := t.EncodeSpec(kind, texts)
	if err := r.Conform(names, spec); err != nil {
		return fmt.Errorf("%w: %w", ErrView, err)
	}
	// A sender cannot leave out a field that its kind must supply, so one that
	// is allowed and not there was taken out on the way.
	for _, s := range spec {
		f, _ := t.Field(s.Name)
		_, allowed := r.Binding().Release.Allowed[s.Name]
		given := slices.ContainsFunc(r.Fields(), func(m envelope.MessageField) bool { return m.Name == s.Name })
		if allowed && !given && f.Required(kind) {
			return fmt.Errorf("%w: field %s is allowed, required and not given", ErrView, s.Name)
		}
	}
	return nil
}

// namesOf returns the fields that a release of a type with named fields is
// about: those of the type that it allows or withholds, no others than asked
// for.
func (c *Client) namesOf(r envelope.Received, t *catalogue.Type, q asked) ([]gateway.Field, error) {
	wanted := q.fields
	if wanted == nil {
		var err error
		if wanted, err = c.requested(r.Claims().ReplyTo); err != nil {
			return nil, err
		}
	}
	rel := r.Binding().Release
	names := slices.Concat(slices.Sorted(maps.Keys(rel.Allowed)), slices.Sorted(maps.Keys(rel.Withheld)))
	for _, name := range names {
		if _, ok := t.Field(name); !ok || wanted != nil && !slices.Contains(wanted, string(name)) {
			return nil, fmt.Errorf("%w: field %s was not asked for", ErrView, name)
		}
	}
	return names, nil
}

// logged compares the entry with the key binding, word by word, and verifies
// that it stands in the log.
func (c *Client) logged(r envelope.Received, h handed) (Receipt, error) {
	b := r.Binding()
	rel := b.Release
	if len(rel.Leaf) != 64 {
		return Receipt{}, fmt.Errorf("%w: no leaf of 64 bytes", ErrEntry)
	}
	e, err := disclosure.CheckE1(h.E1, [64]byte(rel.Leaf))
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	if part := differs(e, r); part != "" {
		return Receipt{}, fmt.Errorf("%w: %s", ErrEntry, part)
	}
	proven, err := disclosure.VerifyProof([]byte(h.Proof), [64]byte(rel.Leaf), disclosure.Policy{Log: c.cfg.Log})
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return Receipt{ID: r.Claims().ID, Digest: *e.SDHash, At: e.Time.Time, Entry: proven.Index, E1: h.E1, Leaf: rel.Leaf, Proof: h.Proof}, nil
}

// differs returns the member in which an entry is not about this release, or "".
func differs(e disclosure.E1, r envelope.Received) string {
	claims, b := r.Claims(), r.Binding()
	rel := b.Release
	for _, part := range []struct {
		name string
		same bool
	}{
		{"kind", e.Kind == disclosure.Release},
		{"delivery", e.Delivery == b.Nonce},
		{"message", e.Message == claims.ID},
		{"discloser", e.Discloser == claims.Issuer},
		{"recipient", e.Recipient == b.Audience},
		{"type", e.Type == claims.Type},
		{"sd_hash", e.SDHash != nil && e.SDHash.String() == r.SDHash()},
		{"request", same(e.Request, rel.Request)},
		{"role", e.Role == rel.Role},
		{"purpose", e.Purpose == rel.Purpose},
		{"snapshot", e.Snapshot != nil && *e.Snapshot == rel.Snapshot},
		{"allowed", maps.Equal(e.Allowed, rel.Allowed)},
		{"withheld", maps.Equal(e.Withheld, rel.Withheld)},
		{"suppressed_cells", slices.Equal(e.Suppressed, rel.SuppressedCells)},
		{"obligations", slices.Equal(e.Obligations, rel.Obligations)},
	} {
		if !part.same {
			return part.name
		}
	}
	return ""
}

func same(a, b *gateway.Digest) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// unseal opens the values and holds each to its field's schema.
func (m *Message) unseal(with []*envelope.Decrypter, t *catalogue.Type) error {
	values, unusable, err := m.received.Unseal(with)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRelease, err)
	}
	kind := m.received.Claims().Issuer.Kind()
	m.values = make(map[gateway.Field]gateway.Payload, len(values))
	for name, v := range values {
		f, ok := t.Field(name)
		switch {
		case !ok:
			unusable = append(unusable, name)
		case strings.TrimSpace(string(v.JSON.Bytes())) == "null":
			if f.Required(kind) {
				unusable = append(unusable, name)
			}
		case f.Validate(v.JSON.Bytes()) != nil:
			unusable = append(unusable, name)
		default:
			m.values[name] = v.JSON
		}
	}
	slices.Sort(unusable)
	m.unusable = unusable
	return nil
}
