package relay

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/store"
)

// setErrors are the error codes a recipient may report (RFC 8935, Section 2.4).
var setErrors = []string{"invalid_request", "invalid_key", "invalid_issuer", "invalid_audience", "authentication_failed", "access_denied"}

// Receipts are what a poll says about earlier deliveries: what is stored,
// under the ids it came with; what could not be used, with an error code; and
// for each of them the recipient's signed token, message-received or
// sealed-content-invalid.
type Receipts struct {
	Ack      []string
	Failed   map[string]string
	Received map[string]string
}

// Empty reports whether nothing is said.
func (q Receipts) Empty() bool { return len(q.Ack) == 0 && len(q.Failed) == 0 }

// Acknowledge ends the items that q names in the mailboxes of one function,
// each with its entry, and sends the signed receipts on to the senders. A
// function has one box for each name its agency goes by. It is idempotent: what
// is ended already is left as it is. So is a review of break-glass that could not
// be used: only its outcome ends it. An id that was not the last hand-out to
// these boxes is CodeUnknownDelivery, and nothing of q is done.
func (r *Relay) Acknowledge(ctx context.Context, boxes []Box, q Receipts) error {
	if q.Empty() {
		return nil
	}
	for _, code := range q.Failed {
		if !slices.Contains(setErrors, code) {
			return gateway.Refuse(gateway.CodeMalformedRequest, "setErrs has an error code that RFC 8935 does not list", nil)
		}
	}
	for range attempts {
		writes, err := r.endings(ctx, boxes, q)
		if err != nil {
			return err
		}
		moved := false
		_, errs := r.cfg.Log.AppendAll(ctx, writes)
		for i, err := range errs {
			switch {
			case err == nil:
				r.Arrived(writes[i].Mail)
			case errors.Is(err, store.ErrMoved):
				moved = true // handed out again, or ended by another poll: look once more
			default:
				return err
			}
		}
		if !moved {
			return nil
		}
	}
	return store.ErrMoved
}

// attempts is how often an item is looked at again that moved meanwhile.
const attempts = 4

// endings returns a write for each named item that is not ended yet.
func (r *Relay) endings(ctx context.Context, boxes []Box, q Receipts) ([]store.Write, error) {
	ids := slices.Sorted(maps.Keys(q.Failed))
	ids = slices.Compact(slices.Sorted(slices.Values(append(ids, q.Ack...))))
	items, err := r.named(ctx, boxes, ids)
	if err != nil {
		return nil, err
	}
	var writes []store.Write
	for _, id := range ids {
		known := false
		for _, m := range items {
			if m.Delivery != id && m.NoticeID != id {
				continue
			}
			known = true
			if m.State == store.Done || m.State == store.Refused {
				continue
			}
			if q.Failed[id] != "" && string(m.Hold) == heldForReview && m.Mail.Message == "" {
				continue // still to be reviewed, whatever could not be read of it
			}
			w, err := r.ending(ctx, m, q.Failed[id], q.Received[id])
			if err != nil {
				return nil, err
			}
			writes = append(writes, w)
		}
		if !known {
			return nil, gateway.Refuse(gateway.CodeUnknownDelivery, "ack or setErrs names a delivery that is not the last one made to this mailbox", nil)
		}
	}
	return writes, nil
}

// named returns the items of the boxes with these ids: those that were handed out
// here a moment ago as they are remembered, any others as they are stored.
func (r *Relay) named(ctx context.Context, boxes []Box, ids []string) (items []HandedOut, err error) {
	var others []string
	for _, id := range ids {
		if o, ok := r.handed.take(id, boxes); ok {
			items = append(items, o)
		} else {
			others = append(others, id)
		}
	}
	if len(others) == 0 {
		return items, nil
	}
	for _, b := range boxes {
		found, err := r.cfg.Store.MailByDelivery(ctx, b.Agency, others)
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			if m.Role == b.Role {
				items = append(items, HandedOut{Mail: m})
			}
		}
	}
	return items, nil
}

// ending is the write that ends one item: as failed with a code, or as received
// with the recipient's token.
func (r *Relay) ending(ctx context.Context, o HandedOut, failed, received string) (store.Write, error) {
	item, msg := o.Mail, o.Message
	item.State = store.Done
	if failed != "" {
		item.State = store.Refused
	}
	w := store.Write{Change: []store.MailChange{{Mail: item}}}
	switch {
	case item.Message == "" && string(item.Hold) == heldForReview:
		return w, r.reviewed(&w, item, received)
	case item.Message == "":
		return w, nil // a notice tells of an entry; it is none itself
	}
	if msg.ID == "" {
		var err error
		if msg, _, err = r.cfg.Store.Heading(ctx, item.Issuer, item.Message); err != nil {
			return w, err
		}
	}
	now := r.cfg.Now()
	e1 := disclosure.E1{Kind: disclosure.Acknowledged, Time: disclosure.At(now), Delivery: item.Delivery, Message: item.Message,
		Discloser: item.Issuer, Recipient: item.Agency, Role: item.Role, Type: msg.Type, Follows: []uint64{item.Entry}}
	want := envelope.MessageReceived
	if failed != "" {
		e1.Kind, e1.Code = disclosure.DeliveryFailed, gateway.Code(failed)
		want = envelope.SealedContentInvalid
	}
	// Who says that something could not be used may say so unsigned, and then the
	// gateway says it to the sender; who says that it has it may not.
	if failed != "" && received == "" {
		notice, err := r.Notice(Box{item.Issuer, msg.Sender}, envelope.DeliveryFailed, item.Message, map[string]string{"code": failed})
		if err != nil {
			return w, err
		}
		w.Mail = []store.Mail{notice}
	} else {
		event, err := r.signed(item, received, want, now)
		if err != nil {
			return w, err
		}
		e1.Event = event.ID
		w.Mail = []store.Mail{r.forward(Box{item.Issuer, msg.Sender}, event.ID, received, now)}
	}
	entry, err := disclosure.NewEntry(e1, disclosure.E2{Retention: disclosure.Ordinary, Subject: msg.Subject}, r.cfg.Sealer)
	if err != nil {
		return w, err
	}
	w.Entries = []store.Entry{entry}
	return w, nil
}

// signed verifies the token with which the recipient says what has become of a
// message: its own, for the sender, about this very message.
func (r *Relay) signed(item store.Mail, raw string, want envelope.EventType, now time.Time) (envelope.Event, error) {
	event, err := envelope.OpenEvent(raw, r.cfg.Keys(), item.Issuer.URN(), now)
	if err != nil || event.Type != want || event.Message != item.Message || event.Issuer != item.Agency.URN() {
		return envelope.Event{}, gateway.Refuse(gateway.CodeMalformedRequest,
			"received must hold, for each message, the recipient's signed token about it: "+string(want), err)
	}
	return event, nil
}
