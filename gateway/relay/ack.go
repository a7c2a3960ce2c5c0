package relay

import (
	"context"
	"errors"
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

// Acknowledge ends the items of the mailbox that q names, each with its entry,
// and sends the signed receipts on to the senders. It is idempotent: what is
// acknowledged already is left as it is. An id that was never handed out to
// this mailbox is CodeUnknownDelivery, and nothing of q is done.
func (r *Relay) Acknowledge(ctx context.Context, box Box, q Receipts) error {
	if q.Empty() {
		return nil
	}
	ids := slices.Clone(q.Ack)
	for id, code := range q.Failed {
		if !slices.Contains(setErrors, code) {
			return gateway.Refuse(gateway.CodeMalformedRequest, "setErrs has an error code that RFC 8935 does not list", nil)
		}
		ids = append(ids, id)
	}
	items, err := r.cfg.Store.MailByDelivery(ctx, box.Agency, ids)
	if err != nil {
		return err
	}
	writes, arrivals, err := r.endings(ctx, box, q, ids, items)
	if err != nil {
		return err
	}
	_, errs := r.cfg.Log.AppendAll(ctx, writes)
	for i, err := range errs {
		// Another poll of the same function may have ended the item meanwhile;
		// the state asked for is then the state there is.
		if err != nil && !errors.Is(err, store.ErrMoved) {
			return err
		}
		if err == nil {
			r.Arrived(arrivals[i])
		}
	}
	return nil
}

// endings returns a write for each named item that is not ended yet, and the
// notices each makes arrive.
func (r *Relay) endings(ctx context.Context, box Box, q Receipts, ids []string, items []store.Mail) ([]store.Write, [][]store.Mail, error) {
	var writes []store.Write
	var arrivals [][]store.Mail
	seen := map[string]bool{}
	for _, id := range ids {
		i := slices.IndexFunc(items, func(m store.Mail) bool { return m.Delivery == id || m.NoticeID == id })
		if i < 0 || items[i].Role != box.Role {
			return nil, nil, gateway.Refuse(gateway.CodeUnknownDelivery, "ack or setErrs names a delivery that was not made to this mailbox", nil)
		}
		item := items[i]
		if seen[id] || item.State == store.Done || item.State == store.Refused {
			continue
		}
		seen[id] = true
		w, err := r.ending(ctx, box, item, q.Failed[id], q.Received[id])
		if err != nil {
			return nil, nil, err
		}
		writes, arrivals = append(writes, w), append(arrivals, w.Mail)
	}
	return writes, arrivals, nil
}

// ending is the write that ends one item: as failed with a code, or as received
// with the recipient's token.
func (r *Relay) ending(ctx context.Context, box Box, item store.Mail, failed, received string) (store.Write, error) {
	item.State = store.Done
	if failed != "" {
		item.State = store.Refused
	}
	w := store.Write{Change: []store.MailChange{{Mail: item}}}
	if item.Message == "" {
		return w, nil // a notice tells of an entry; it is none itself
	}
	msg, _, err := r.cfg.Store.Heading(ctx, item.Issuer, item.Message)
	if err != nil {
		return w, err
	}
	now := r.cfg.Now()
	e1 := disclosure.E1{Kind: disclosure.Acknowledged, Time: disclosure.At(now), Delivery: item.Delivery, Message: item.Message,
		Discloser: item.Issuer, Recipient: box.Agency, Role: box.Role, Type: msg.Type, Follows: []uint64{item.Entry}}
	want := envelope.MessageReceived
	if failed != "" {
		e1.Kind, e1.Code = disclosure.DeliveryFailed, gateway.Code(failed)
		want = envelope.SealedContentInvalid
	}
	// Who says that something could not be used may say so unsigned; who says
	// that it has it may not.
	if failed == "" || received != "" {
		event, err := r.signed(item, received, want, now)
		if err != nil {
			return w, err
		}
		e1.Event = event.ID
		w.Mail = []store.Mail{forward(Box{item.Issuer, msg.Sender}, event.ID, received, now)}
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
