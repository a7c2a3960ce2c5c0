package relay

import (
	"context"
	"errors"

	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/store"
)

// sweepBatch is how many expired items are ended at a time.
const sweepBatch = 256

// sweep ends what has passed its time, each message with an entry and a notice
// to its sender, and purges what no longer need be kept.
func (r *Relay) sweep(ctx context.Context) error {
	var errs []error
	for skip := 0; ; {
		items, err := r.cfg.Store.Expired(ctx, r.cfg.Now(), sweepBatch+skip)
		if err != nil {
			return err
		}
		if len(items) <= skip {
			return errors.Join(append(errs, r.purge(ctx))...)
		}
		// An item that cannot be ended stays among the longest past, and must not
		// keep the others back.
		failed := r.expire(ctx, items[skip:])
		skip, errs = skip+len(failed), append(errs, failed...)
	}
}

// expire ends items and returns an error for each that could not be.
func (r *Relay) expire(ctx context.Context, items []store.Mail) (failed []error) {
	var writes []store.Write
	for _, item := range items {
		w, err := r.expiry(ctx, item)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		writes = append(writes, w)
	}
	_, errs := r.cfg.Log.AppendAll(ctx, writes)
	for i, err := range errs {
		switch {
		case err == nil:
			r.Arrived(writes[i].Mail)
		case !errors.Is(err, store.ErrMoved):
			failed = append(failed, err)
		}
	}
	return failed
}

func (r *Relay) expiry(ctx context.Context, item store.Mail) (store.Write, error) {
	item.State = store.Expired
	w := store.Write{Change: []store.MailChange{{Mail: item}}}
	if item.Message == "" {
		return w, nil
	}
	msg, accepted, err := r.cfg.Store.Heading(ctx, item.Issuer, item.Message)
	if err != nil {
		return w, err
	}
	entry, err := disclosure.NewEntry(disclosure.E1{Kind: disclosure.Expired, Time: disclosure.At(r.cfg.Now()), Message: item.Message,
		Discloser: item.Issuer, Recipient: item.Agency, Role: item.Role, Type: msg.Type, Follows: []uint64{accepted}},
		disclosure.E2{Retention: disclosure.Ordinary, Subject: msg.Subject}, r.cfg.Sealer)
	if err != nil {
		return w, err
	}
	w.Entries = []store.Entry{entry}
	notice, err := r.Notice(Box{item.Issuer, msg.Sender}, envelope.MessageExpired, item.Message, nil)
	if err != nil {
		return w, err
	}
	w.Mail = []store.Mail{notice}
	return w, nil
}

// purge deletes bodies that no mailbox needs any more, with an entry that says of
// how many messages, if there were any. Their own entries stay. What could not be
// recorded is recorded with the next.
func (r *Relay) purge(ctx context.Context) error {
	n, err := r.cfg.Store.Purge(ctx, r.cfg.Now(), r.cfg.Keep())
	if r.purged += int64(n); r.purged == 0 {
		return err
	}
	entry, bad := disclosure.NewEntry(disclosure.E1{Kind: disclosure.Purged, Time: disclosure.At(r.cfg.Now()), Code: "bodies-purged",
		Count: r.purged}, disclosure.E2{Retention: disclosure.Ordinary}, r.cfg.Sealer)
	if bad == nil {
		_, bad = r.cfg.Log.Append(ctx, store.Write{Entries: []store.Entry{entry}})
	}
	if bad == nil {
		r.cfg.Logger.InfoContext(ctx, "messages purged", "count", r.purged)
		r.purged = 0
	}
	return errors.Join(err, bad)
}
