package client

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

// Official is who asks, for what and why. Role, User, Purpose, Type and Fields
// are required.
type Official struct {
	Role         gateway.Role
	User         gateway.Ref // opaque; the agency alone knows whose it is
	Unit         string      // a code
	Purpose      gateway.Purpose
	Type         gateway.MessageType
	Subject      gateway.Ref
	Fields       []string // names, or "default"
	BasisClaimed []gateway.Basis
	Reason       *envelope.Reason
	OnScene      bool
	Emergency    *envelope.Emergency
}

// Read fetches one message for a named official. The gateway decides for this
// official, purpose and these fields alone; the release must say so. A message
// that does not exist, or that the official may not know of, is a [*Problem]
// with the code no-record.
func (c *Client) Read(ctx context.Context, id gateway.MessageID, o Official) (Message, error) {
	var signed string // the request that was answered
	raw, err := c.do(ctx, call{method: http.MethodGet, path: "/v1/messages/" + string(id), want: http.StatusOK,
		body: func() (_ []byte, header map[string]string, err error) {
			// A request is used up by the first attempt that arrives.
			_, signed, err = c.access(ctx, o, id, "")
			return nil, map[string]string{"Access-Request": signed}, err
		}})
	if err != nil {
		return Message{}, err
	}
	h, err := decode[handed](raw)
	if err != nil {
		return Message{}, err
	}
	digest := gateway.DigestOf([]byte(signed))
	return c.receive(ctx, h, asked{role: o.Role, message: id, purpose: o.Purpose, request: &digest, fields: o.Fields})
}

// Request asks another agency for a named official: exit.info_request, or
// exit.emergency_access with Emergency. The answer comes to the mailbox of the
// role, as a message whose reply_to is the ID of the receipt. A request is sent
// once: without an answer it is [ErrRequest], and may have been carried out.
func (c *Client) Request(ctx context.Context, discloser gateway.AgencyID, o Official) (Receipt, error) {
	access, signed, err := c.access(ctx, o, "", discloser)
	if err != nil {
		return Receipt{}, err
	}
	// Remembered first: the answer must not be refused because this process
	// ended in between.
	err = c.change(func(h *heldDeliveries) error {
		h.Requests[access.ID] = heldRequest{slices.Clone(o.Fields), access.IssuedAt.Add(envelope.MaxLife + 24*time.Hour)}
		return nil
	})
	if err != nil {
		return Receipt{}, err
	}
	raw, err := c.do(ctx, call{method: http.MethodPost, path: "/v1/requests", media: requestMedia,
		want: http.StatusAccepted, body: sending([]byte(signed)), once: true})
	if err != nil {
		return Receipt{}, err
	}
	a, err := decode[accepted](raw)
	if err != nil {
		return Receipt{}, err
	}
	e, err := c.entry(a.E1, a.Leaf, a.Proof, a.Entry)
	if err != nil {
		return Receipt{}, err
	}
	digest := gateway.DigestOf([]byte(signed))
	if a.ID != access.ID || e.Kind != disclosure.RequestReceived || !same(e.Request, &digest) ||
		e.Recipient != c.cfg.Agency || e.Role != o.Role || e.Purpose != o.Purpose {
		return Receipt{}, ErrReceipt
	}
	return Receipt{a.ID, digest, e.Time.Time, a.Entry, a.E1, a.Leaf, a.Proof}, nil
}

// access signs an access request, bound to the certificate of the connection.
func (c *Client) access(ctx context.Context, o Official, message gateway.MessageID, discloser gateway.AgencyID) (envelope.Access, string, error) {
	w, err := c.ready(ctx)
	if err != nil {
		return envelope.Access{}, "", err
	}
	signer, err := c.signer(w, envelope.UseAccess, c.cfg.Agency, o.Role)
	if err != nil {
		return envelope.Access{}, "", err
	}
	certificate, err := c.thumbprint()
	if err != nil {
		return envelope.Access{}, "", err
	}
	id, err := newID()
	if err != nil {
		return envelope.Access{}, "", err
	}
	a := envelope.Access{
		Gateway: c.cfg.Gateway, Certificate: certificate, ID: id, IssuedAt: c.cfg.Now().Truncate(time.Second),
		Agency: c.cfg.Agency, Role: o.Role, User: o.User, Unit: o.Unit, Purpose: o.Purpose, Type: o.Type, Subject: o.Subject,
		Discloser: discloser, Message: message, Fields: o.Fields, BasisClaimed: o.BasisClaimed, Reason: o.Reason,
		OnScene: o.OnScene, Emergency: o.Emergency,
	}
	signed, err := envelope.SignAccess(a, signer)
	if err != nil {
		return envelope.Access{}, "", fmt.Errorf("%w: access request: %w", ErrDraft, err)
	}
	return a, signed, nil
}

// Disclosure is one entry about an own message. One of kind release says who
// got which fields, on which basis; Receipt.Digest is then that of what left
// (sd_hash).
type Disclosure struct {
	Receipt
	Kind      disclosure.Kind
	Recipient gateway.AgencyID
	Role      gateway.Role
	Purpose   gateway.Purpose
	Outcome   gateway.Outcome
	Allowed   map[gateway.Field]gateway.Basis
	Withheld  map[gateway.Field]gateway.Reason // the reason shown to the recipient
	Snapshot  gateway.Digest                   // of the policy that decided
}

// Disclosures returns what the log has about an own message, each entry
// verified, in its order.
func (c *Client) Disclosures(ctx context.Context, id gateway.MessageID) ([]Disclosure, error) {
	raw, err := c.do(ctx, call{method: http.MethodGet, path: "/v1/messages/" + string(id) + "/disclosures", want: http.StatusOK, body: sending(nil)})
	if err != nil {
		return nil, err
	}
	answer, err := decode[[]disclosed](raw)
	if err != nil {
		return nil, err
	}
	list := make([]Disclosure, 0, len(answer))
	for _, a := range answer {
		e, err := c.entry(a.E1, a.Leaf, a.Proof, a.Entry)
		if err != nil {
			return nil, err
		}
		if e.Message != id || len(list) > 0 && list[len(list)-1].Entry >= a.Entry {
			return nil, fmt.Errorf("%w: not about this message, or not in order", ErrEntry)
		}
		list = append(list, Disclosure{
			Receipt: Receipt{id, value(e.SDHash), e.Time.Time, a.Entry, a.E1, a.Leaf, a.Proof},
			Kind:    e.Kind, Recipient: e.Recipient, Role: e.Role, Purpose: e.Purpose, Outcome: e.Outcome,
			Allowed: e.Allowed, Withheld: e.Withheld, Snapshot: value(e.Snapshot),
		})
	}
	return list, nil
}

// value returns the digest, zero if there is none.
func value(d *gateway.Digest) gateway.Digest {
	if d == nil {
		return gateway.Digest{}
	}
	return *d
}
