package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/envelope"
	"sluss/gateway/receipt"
	"sluss/gateway/relay"
	"sluss/gateway/store"
)

// abreast is how many items of one poll are decided at a time. They wait for
// the same commit.
const abreast = 16

// Poll acknowledges what the peer has stored and hands out what may leave for
// the function that polls. It waits until there is something, unless told not
// to; when ctx ends first the answer is empty.
func (x *Exchange) Poll(ctx context.Context, p authn.Peer, q PollRequest) (_ PollAnswer, err error) {
	defer ofMachine(&err)
	if !p.May(q.Role) {
		return PollAnswer{}, gateway.Refuse(gateway.CodeRoleNotAllowed, "The system may not poll for this role.", nil)
	}
	box := relay.Box{Agency: p.Agency(), Role: q.Role}
	failed := make(map[string]string, len(q.SetErrs))
	for id, e := range q.SetErrs {
		failed[id] = e.Err
	}
	if err := x.cfg.Mail.Acknowledge(ctx, box, relay.Receipts{Ack: q.Ack, Failed: failed, Received: q.Received}); err != nil {
		return PollAnswer{}, appended(err)
	}
	limit := 50
	if q.MaxEvents != nil {
		limit = *q.MaxEvents
	}
	for {
		bell := x.cfg.Mail.Bell(box)
		answer, err := x.collect(ctx, p, box, limit)
		if err != nil || limit == 0 || q.ReturnImmediately || len(answer.Sets)+len(answer.Messages) > 0 {
			return answer, err
		}
		if x.cfg.Mail.Wait(ctx, bell) != nil {
			return answer, nil
		}
	}
}

// collect hands out up to limit items of the mailbox. One that cannot be
// decided does not keep the others back, unless the log itself is at fault.
func (x *Exchange) collect(ctx context.Context, p authn.Peer, box relay.Box, limit int) (PollAnswer, error) {
	answer := PollAnswer{Sets: map[string]string{}, Messages: map[string]Handed{}}
	now := x.cfg.Now()
	regime, err := x.InForce()
	if err != nil {
		return answer, err
	}
	if err := regime.standing(p, now); err != nil || limit == 0 {
		return answer, err
	}
	items, more, done, err := x.cfg.Mail.Waiting(ctx, box, limit)
	if err != nil {
		return answer, err
	}
	defer done()
	answer.MoreAvailable = more
	released := make([]receipt.Release, len(items))
	errs := make([]error, len(items))
	var g errgroup.Group
	g.SetLimit(abreast)
	for i, item := range items {
		if item.Message == "" {
			answer.Sets[item.NoticeID] = string(item.Notice)
			continue
		}
		g.Go(func() error {
			released[i], errs[i] = x.deliver(ctx, p, item)
			return nil
		})
	}
	g.Wait()
	for _, r := range released {
		if r.Delivery() != "" {
			answer.Messages[r.Delivery()] = handed(r)
		}
	}
	// An empty answer is the end of a poll only if there was nothing to do.
	answer.MoreAvailable = answer.MoreAvailable && len(answer.Sets)+len(answer.Messages) > 0
	return answer, x.serious(ctx, errs, len(answer.Messages) > 0)
}

// serious returns the error that ends a poll: one of the log or the regime,
// when nothing was released. Any other concerns one item, which stays where it
// is, and the operator.
func (x *Exchange) serious(ctx context.Context, errs []error, something bool) error {
	for _, err := range errs {
		if err == nil || something {
			continue
		}
		if r, ok := errors.AsType[*gateway.Refusal](err); ok && slices.Contains([]gateway.Code{gateway.CodeUnavailable, gateway.CodeWithholdAll}, r.Code) {
			return err
		}
	}
	for _, err := range errs {
		if err != nil {
			x.cfg.Logger.ErrorContext(ctx, "mailbox item could not be decided", "err", err)
		}
	}
	return nil
}

// deliver decides on one message for the function in whose mailbox it lies.
func (x *Exchange) deliver(ctx context.Context, p authn.Peer, item store.Mail) (receipt.Release, error) {
	if !x.cfg.Now().Before(item.Expires) {
		return receipt.Release{}, nil // the sweep ends it
	}
	msg, ok := x.recent.get(item.Issuer, item.Message)
	if !ok {
		row, _, err := x.cfg.Store.Message(ctx, item.Issuer, item.Message)
		if err != nil {
			return receipt.Release{}, err
		}
		if len(row.Body) == 0 {
			return receipt.Release{}, fmt.Errorf("message that waits has no body")
		}
		if msg, err = x.open(row); err != nil {
			return receipt.Release{}, err
		}
	}
	h := handout{peer: p, role: item.Role, msg: msg, item: &item}
	if msg.Claims().ReplyTo != "" {
		var err error
		if h.answers, err = x.answered(ctx, msg.Claims()); err != nil {
			return receipt.Release{}, err
		}
	}
	return x.release(ctx, h)
}

// answered returns the request that a message answers. An answer to no request
// of the recipient, or to one about another person or of another agency, is
// decided as what it is then: a message sent unasked.
func (x *Exchange) answered(ctx context.Context, c envelope.Claims) (*envelope.Access, error) {
	row, _, err := x.cfg.Store.Message(ctx, c.Recipient(), c.ReplyTo)
	if errors.Is(err, store.ErrNotFound) || err == nil && len(row.Body) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	raw, err := x.cfg.AtRest.Decrypt(row.Key, row.Body, aad(row.Issuer, row.ID))
	if err != nil {
		return nil, fmt.Errorf("opening a stored request: %w", err)
	}
	a, err := envelope.ReopenAccess(string(raw), row.Digest)
	if err != nil || a.Discloser != c.Issuer || a.Subject != c.Subject || a.Type != c.Type {
		return nil, nil // a message, or a request for something else
	}
	return &a, nil
}

func handed(r receipt.Release) Handed {
	ev := r.Evidence()
	return Handed{Delivery: r.Delivery(), Token: string(r.Token()), E1: ev.E1, Proof: ev.Proof}
}
