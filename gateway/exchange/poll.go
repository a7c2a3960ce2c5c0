package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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

// inspected is how many items one poll decides on at most to find some that may
// leave: a mailbox full of what is withheld must not cost without bound.
const inspected = 512

// ackTimeout bounds the writing of acknowledgements, which does not end with the
// caller's patience: what is answered must have been done.
const ackTimeout = 15 * time.Second

// Poll acknowledges what the peer has stored and hands out what may leave for
// the function that polls. It waits until there is something, unless told not
// to; when ctx ends while it waits the answer is empty.
func (x *Exchange) Poll(ctx context.Context, p authn.Peer, q PollRequest) (_ PollAnswer, err error) {
	defer ofMachine(&err)
	regime, err := x.InForce()
	if err != nil {
		return PollAnswer{}, err
	}
	if !p.May(q.Role) {
		return PollAnswer{}, gateway.Refuse(gateway.CodeRoleNotAllowed, "the system may not poll for this role", nil)
	}
	if err := regime.standing(p, q.Role, x.cfg.Now()); err != nil {
		return PollAnswer{}, err
	}
	var boxes []relay.Box
	for _, name := range regime.names(p.Agency(), x.cfg.Now()) {
		boxes = append(boxes, relay.Box{Agency: name, Role: q.Role})
	}
	if err := x.acknowledge(ctx, boxes, q); err != nil {
		return PollAnswer{}, err
	}
	limit := 50
	if q.MaxEvents != nil {
		limit = *q.MaxEvents
	}
	for {
		bell := x.cfg.Mail.Bell(boxes[0])
		answer, err := x.collect(ctx, p, boxes, limit)
		if err != nil && ctx.Err() != nil && !q.ReturnImmediately {
			return PollAnswer{Sets: map[string]string{}}, nil // the wait ended while something was decided; it stays
		}
		if err != nil || limit == 0 || q.ReturnImmediately || len(answer.Sets)+len(answer.Messages) > 0 {
			return answer, err
		}
		resume := gateway.Rest(ctx)
		err = x.cfg.Mail.Wait(ctx, bell)
		resume()
		if err != nil {
			return answer, nil
		}
	}
}

func (x *Exchange) acknowledge(ctx context.Context, boxes []relay.Box, q PollRequest) error {
	failed := make(map[string]string, len(q.SetErrs))
	for id, e := range q.SetErrs {
		failed[id] = e.Err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	err := x.cfg.Mail.Acknowledge(ctx, boxes, relay.Receipts{Ack: q.Ack, Failed: failed, Received: q.Received})
	if _, refused := errors.AsType[*gateway.Refusal](err); refused || err == nil {
		return err
	}
	return appended(err)
}

// collect hands out up to limit items of the mailboxes. One that may not leave,
// or cannot be decided, does not keep back those behind it.
func (x *Exchange) collect(ctx context.Context, p authn.Peer, boxes []relay.Box, limit int) (PollAnswer, error) {
	answer := PollAnswer{Sets: map[string]string{}, Messages: map[string]Handed{}}
	regime, err := x.InForce()
	if err != nil {
		return answer, err
	}
	if err := regime.standing(p, boxes[0].Role, x.cfg.Now()); err != nil {
		return answer, err
	}
	var errs []error
	given := func() int { return len(answer.Sets) + len(answer.Messages) }
	for _, box := range boxes {
		for seen := 0; given() < limit && seen < inspected; {
			items, more, done, err := x.cfg.Mail.Waiting(ctx, box, limit-given())
			defer done()
			if err != nil {
				return answer, err
			}
			failed := x.deliverAll(ctx, p, items, &answer)
			errs = append(errs, failed...)
			// The notices come again with each look; a look that brought no new
			// message has seen them all.
			if seen += len(items); !more || !slices.ContainsFunc(items, func(m store.Mail) bool { return m.Message != "" }) {
				break
			}
		}
	}
	// That there may be more says nothing of what it is: items that are withheld
	// must not show.
	answer.MoreAvailable = limit > 0 && given() == limit
	return answer, x.serious(ctx, errs, given() > 0)
}

// deliverAll decides on items of one mailbox and adds what may leave to the
// answer. It returns the errors of those that could not be decided.
func (x *Exchange) deliverAll(ctx context.Context, p authn.Peer, items []store.Mail, answer *PollAnswer) []error {
	released := make([]receipt.Release, len(items))
	errs := make([]error, len(items))
	var g errgroup.Group
	g.SetLimit(abreast)
	for i, item := range items {
		if item.Message == "" {
			if errs[i] = x.cfg.Mail.Genuine(item); errs[i] != nil {
				continue
			}
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
	return errs
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
	h, err := x.lying(ctx, p, item)
	if err != nil {
		return receipt.Release{}, err
	}
	rel, err := x.release(ctx, h)
	if rel.Delivery() != "" {
		x.recent.forget(h.msg)
	}
	return rel, err
}

// lying opens the message of a mailbox item, to be decided on for the function in
// whose mailbox it lies.
func (x *Exchange) lying(ctx context.Context, p authn.Peer, item store.Mail) (handout, error) {
	msg, ok := x.recent.get(item.Issuer, item.Message)
	if !ok {
		row, _, err := x.cfg.Store.Message(ctx, item.Issuer, item.Message)
		if err != nil {
			return handout{}, err
		}
		if len(row.Body) == 0 {
			return handout{}, fmt.Errorf("message that waits has no body")
		}
		if msg, err = x.open(row); err != nil {
			return handout{}, err
		}
	}
	h := handout{peer: p, role: item.Role, msg: msg, item: &item}
	var err error
	h.answers, err = x.answered(ctx, msg.Claims(), item.Role)
	return h, err
}

// earlier is a request that was taken in before.
type earlier struct {
	envelope.Access
	digest  gateway.Digest // of the request as it was signed
	takenIn time.Time
}

// answered returns the request that a message answers, if the role that collects
// it is the one that asked. An answer to no request of the recipient, to another
// function's, or to one about another person, purpose, type or agency is decided
// as what it is then: a message sent unasked.
func (x *Exchange) answered(ctx context.Context, c envelope.Claims, role gateway.Role) (*earlier, error) {
	if c.ReplyTo == "" {
		return nil, nil
	}
	regime, err := x.InForce()
	if err != nil {
		return nil, err
	}
	asker := regime.owner(c.Recipient(), x.cfg.Now())
	row, index, err := x.cfg.Store.Message(ctx, asker, c.ReplyTo)
	if errors.Is(err, store.ErrNotFound) || err == nil && len(row.Body) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	raw, err := x.cfg.AtRest.Decrypt(row.Key, row.Body, StoredAAD(row))
	if err != nil {
		return nil, fmt.Errorf("opening a stored request: %w", err)
	}
	a, err := envelope.ReopenAccess(string(raw), row.Digest)
	if err != nil || a.Discloser != c.Issuer || a.Subject != c.Subject || a.Type != c.Type || a.Purpose != c.Purpose || a.Role != role {
		return nil, nil // a message, or a request for something else
	}
	answers := &earlier{Access: a, digest: row.Digest}
	if a.Emergency != nil {
		entry, err := x.cfg.Store.Entry(ctx, index)
		if err != nil {
			return nil, err
		}
		answers.takenIn = entry.Time
	}
	return answers, nil
}

func handed(r receipt.Release) Handed {
	ev := r.Evidence()
	return Handed{Delivery: r.Delivery(), Token: string(r.Token()), E1: ev.E1, Proof: ev.Proof}
}
