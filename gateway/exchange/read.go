package exchange

import (
	"context"
	"errors"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/receipt"
	"sluss/gateway/store"
)

// Message lets an official read one message that was sent to a function of the
// official's agency. A message that does not exist, one for another agency or
// another role and one about a person whom the official may not know of are
// answered alike, each with its entry.
func (x *Exchange) Message(ctx context.Context, o authn.Official, id gateway.MessageID) (_ Handed, err error) {
	defer ofMachine(&err)
	a := o.Access()
	if a.Message != id {
		return Handed{}, gateway.Refuse(gateway.CodeMalformedRequest, "the access request is for another message", nil)
	}
	now := x.cfg.Now()
	regime, err := x.releasing(now)
	if err != nil {
		return Handed{}, err
	}
	if err := regime.asking(o, now); err != nil {
		return Handed{}, err
	}
	h := handout{peer: o.Peer(), role: a.Role, official: o, asked: requestDigest(o)}
	if h.msg, err = x.addressedTo(ctx, regime, a, now); err != nil {
		return Handed{}, err
	}
	if h.msg.IsZero() || !forOfficial(h.msg.Claims(), a) {
		return Handed{}, x.nothing(ctx, h)
	}
	if h.answers, err = x.answered(ctx, h.msg.Claims(), a.Role); err != nil {
		return Handed{}, err
	}
	rel, err := x.release(ctx, h)
	if err != nil {
		return Handed{}, err
	}
	return handed(rel), nil
}

// addressedTo returns the message that an official asks for, under any name of
// the agency, or the zero message if there is none.
func (x *Exchange) addressedTo(ctx context.Context, r *Regime, a envelope.Access, now time.Time) (envelope.Message, error) {
	for _, name := range r.names(a.Agency, now) {
		row, entry, err := x.cfg.Store.MessageByID(ctx, name, a.Message)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return envelope.Message{}, err
		}
		e, err := x.cfg.Store.Entry(ctx, entry)
		if err != nil {
			return envelope.Message{}, err
		}
		// A request is kept like a message, and is none.
		if e.Kind == string(disclosure.MessageAccepted) && len(row.Body) > 0 && now.Before(row.Expires) {
			return x.open(row)
		}
	}
	return envelope.Message{}, nil
}

func requestDigest(o authn.Official) *gateway.Digest {
	d := gateway.DigestOf([]byte(o.Request()))
	return &d
}

// forOfficial reports whether the message is what the access request says it
// is, and for the official's function.
func forOfficial(c envelope.Claims, a envelope.Access) bool {
	return slices.Contains(c.ToRoles, a.Role) && c.Purpose == a.Purpose && c.Type == a.Type && c.Subject == a.Subject
}

// nothing answers an official for whom there is no message: the same words as
// about a person who is not on record, and an entry.
func (x *Exchange) nothing(ctx context.Context, h handout) error {
	a := h.official.Access()
	for range attempts {
		now := x.cfg.Now()
		r, err := x.releasing(now)
		if err != nil {
			return err
		}
		snap := r.Policy.Digest()
		entry, err := disclosure.NewEntry(
			disclosure.E1{Kind: disclosure.Withheld, Time: disclosure.At(now), Recipient: a.Agency, Request: h.asked, Role: a.Role,
				Purpose: a.Purpose, Type: a.Type, Outcome: gateway.NoRecord, Snapshot: &snap},
			disclosure.E2{Retention: disclosure.Short, Subject: a.Subject,
				Actor: &disclosure.Actor{Agency: a.Agency, System: h.peer.URI(), Role: a.Role, User: a.User, Unit: a.Unit}}, x.cfg.AtRest)
		if err != nil {
			return err
		}
		w := store.Write{Expect: r.states(), Entries: []store.Entry{entry}}
		x.once(&w, h, now)
		_, err = x.append(ctx, w)
		switch {
		case errors.Is(err, store.ErrMoved):
			continue
		case err != nil:
			return appended(err)
		}
		return gateway.Refuse(gateway.CodeNoRecord, "there is nothing to release", nil)
	}
	return unavailable(store.ErrMoved)
}

// Disclosures tells the sender of a message what left of it: the entries of its
// releases, with their proofs.
func (x *Exchange) Disclosures(ctx context.Context, p authn.Peer, id gateway.MessageID) ([]Disclosure, error) {
	regime, err := x.InForce()
	if err != nil {
		return nil, err
	}
	now := x.cfg.Now()
	if err := regime.standing(p, "", now); err != nil {
		return nil, err
	}
	for _, name := range regime.names(p.Agency(), now) {
		row, _, err := x.cfg.Store.Heading(ctx, name, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return x.releases(ctx, row)
	}
	return nil, gateway.Refuse(gateway.CodeNotFound, "there is nothing to release", nil)
}

// releases returns the entries of a message's releases, the oldest first.
func (x *Exchange) releases(ctx context.Context, row store.Message) ([]Disclosure, error) {
	out := []Disclosure{}
	q := store.Query{Discloser: row.Issuer, Subject: row.Subject, Kind: string(disclosure.Release), From: row.Issued.Add(-envelope.Skew), Limit: 256}
	for {
		found, err := x.cfg.Store.Search(ctx, q)
		if err != nil || len(found) == 0 {
			slices.Reverse(out)
			return out, err
		}
		for _, e := range found {
			q.Before = e.Index
			d, err := x.disclosed(ctx, e, row.ID)
			if err != nil {
				return nil, err
			}
			if d != nil {
				out = append(out, *d)
			}
		}
	}
}

// disclosed returns the entry for its sender, or nil if it is about another
// message.
func (x *Exchange) disclosed(ctx context.Context, e store.Indexed, id gateway.MessageID) (*Disclosure, error) {
	e1, err := disclosure.ParseE1(e.E1)
	if err != nil || e1.Message != id {
		return nil, err
	}
	c, err := x.cfg.Log.Again(ctx, e.Index)
	if err != nil {
		return nil, err
	}
	ev, err := receipt.Of(c)
	return &Disclosure{Entry: ev.Entry, E1: ev.E1, Leaf: ev.Leaf, Proof: ev.Proof}, err
}
