package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
	"sluss/gateway/receipt"
	"sluss/gateway/redact"
	"sluss/gateway/relay"
	"sluss/gateway/store"
)

// handout is one message about to be decided on for one recipient: a function
// that polls its mailbox (item) or an official who reads it (official).
type handout struct {
	peer     authn.Peer
	role     gateway.Role
	msg      envelope.Message
	item     *store.Mail
	official authn.Official
	asked    *gateway.Digest // of the access request
	answers  *earlier        // the request that the message answers
}

// ruling is a decision with what it rested on.
type ruling struct {
	now      time.Time
	regime   *Regime
	question facts.Question
	known    facts.Known
	decision policy.Decision
	table    *tabled         // of a follow-up report
	claim    []gateway.Basis // of an outcome without data: what would release something if it were claimed
}

// rule takes the decision, as of now.
func (x *Exchange) rule(ctx context.Context, q facts.Question) (ruling, error) {
	now := x.cfg.Now()
	regime, err := x.releasing(now)
	if err != nil {
		return ruling{}, err
	}
	known, err := x.cfg.Facts.Of(ctx, q, now)
	if err != nil {
		return ruling{}, fmt.Errorf("establishing facts: %w", err)
	}
	d, err := regime.Policy.Decide(ctx, known)
	if err != nil {
		return ruling{}, fmt.Errorf("deciding: %w", err)
	}
	r := ruling{now: now, regime: regime, question: q, known: known, decision: d}
	return r, x.claimable(ctx, &r)
}

// expect lists the versions that must still stand when the ruling is committed.
func (r ruling) expect() []store.State {
	states := append(r.regime.states(), r.known.Versions()...)
	if r.table != nil {
		states = append(states, r.table.state)
	}
	return states
}

// fingerprint is equal for two rulings that say the same on the same grounds.
// The first byte says whose task was opened for it, if any; a last one, if there
// is one, who was alerted. Between them are digests of all that it says, of what
// the recipient is told and of the task, so that nobody is told again where only
// what is not for them has changed: a notice that says nothing new would say that.
func (r ruling) fingerprint() []byte {
	d, out := r.decision, []byte{r.tasked()}
	for _, part := range []any{
		[]any{d.Outcome(), d.Reason(), d.Allowed(), d.Withheld(), d.SuppressedCells(), d.Obligations(), d.Snapshot(), r.claim},
		refused(r), r.left(),
	} {
		b, err := json.Marshal(part)
		if err != nil {
			return nil // equal to nothing that was stored
		}
		digest := gateway.DigestOf(b)
		out = append(out, digest[:]...)
	}
	if a := r.alarmByte(); a != 0 {
		out = append(out, a)
	}
	return out
}

// Where the digests of what the recipient is told and of the task begin in a
// fingerprint, and the length of one that alerts nobody.
const (
	wordAt         = 1 + len(gateway.Digest{})
	taskAt         = wordAt + len(gateway.Digest{})
	fingerprintLen = taskAt + len(gateway.Digest{})
)

// sameWord reports whether two rulings tell the recipient the same.
func sameWord(a, b []byte) bool {
	return min(len(a), len(b)) >= fingerprintLen && bytes.Equal(a[wordAt:taskAt], b[wordAt:taskAt])
}

// sameTask reports whether two rulings leave the same task.
func sameTask(a, b []byte) bool {
	return min(len(a), len(b)) >= fingerprintLen && a[0] == b[0] && bytes.Equal(a[taskAt:fingerprintLen], b[taskAt:fingerprintLen])
}

// release decides on a message, commits what may leave with its entry and
// returns it signed; a zero Release says that nothing may leave now. The
// transaction compares the versions that the decision rested on: when one has
// moved, nothing was written and the decision is taken again.
func (x *Exchange) release(ctx context.Context, h handout) (receipt.Release, error) {
	for range attempts {
		r, err := x.look(ctx, h)
		if err != nil {
			return receipt.Release{}, err
		}
		_, compromised := r.regime.Directory.Compromised(h.msg.KeyID())
		var rel receipt.Release
		switch {
		// What may not be known of is answered as always, whatever else is wrong.
		case compromised && r.decision.Outcome() != gateway.NoRecord:
			err = x.distrust(ctx, h, r)
		case r.telling(h):
			err = x.holdName(ctx, h, r)
		case h.item != nil && len(h.item.Hold) > 0 && bytes.Equal(h.item.Hold, r.fingerprint()):
			rel, err = x.same(ctx, h, r)
		case r.decision.Outcome().Releases():
			rel, err = x.handOut(ctx, h, r)
		default:
			err = x.hold(ctx, h, r)
		}
		if !errors.Is(err, store.ErrMoved) {
			return rel, err
		}
		if h.item != nil && !x.moved(ctx, r) {
			return receipt.Release{}, nil // another poll of the same function has it
		}
	}
	return receipt.Release{}, unavailable(store.ErrMoved)
}

// look takes the decision on a message for its recipient, who must be the one
// whom the sender addressed: a row that says otherwise is not believed.
func (x *Exchange) look(ctx context.Context, h handout) (ruling, error) {
	now := x.cfg.Now()
	regime, err := x.releasing(now)
	if err != nil {
		return ruling{}, err
	}
	claims := h.msg.Claims()
	if regime.owner(claims.Recipient(), now) != h.peer.Agency() || !slices.Contains(claims.ToRoles, h.role) ||
		h.item != nil && (h.item.Agency != claims.Recipient() || h.item.Role != h.role) {
		return ruling{}, fmt.Errorf("%w: mailbox item and message", ErrState)
	}
	if h.official.IsZero() {
		err = regime.standing(h.peer, h.role, now)
	} else {
		err = regime.asking(h.official, now)
	}
	if err != nil {
		return ruling{}, err
	}
	q, err := x.question(h, regime, now)
	if err != nil {
		return ruling{}, err
	}
	t, err := x.tabled(ctx, regime, h.msg)
	if err != nil {
		return ruling{}, err
	}
	if t != nil {
		q.Table = t.found
	}
	r, err := x.rule(ctx, q)
	if err == nil && r.regime != regime {
		return x.look(ctx, h) // what was looked at above is of a directory or policy that is not in force any more
	}
	r.table = t
	return r, err
}

// moved reports whether a version that the ruling rested on is another now.
func (x *Exchange) moved(ctx context.Context, r ruling) bool {
	expect := r.expect()
	names := make([]string, len(expect))
	for i, s := range expect {
		names[i] = s.Name
	}
	now, err := x.cfg.Store.States(ctx, names)
	return err != nil || !slices.EqualFunc(expect, now, func(a, b store.State) bool { return a.Version == b.Version })
}

// handOut commits a view with its entry and signs it.
func (x *Exchange) handOut(ctx context.Context, h handout, r ruling) (receipt.Release, error) {
	view, err := redact.Apply(h.msg, r.decision)
	if err != nil {
		return receipt.Release{}, fmt.Errorf("making the view: %w", err)
	}
	e1, e2 := x.entry(h, r, disclosure.Release)
	sdHash, err := gateway.ParseDigest(view.Filtered().SDHash())
	if err != nil {
		return receipt.Release{}, err
	}
	e1.Delivery, e1.SDHash = string(gateway.NewRef()), &sdHash
	e1.Allowed, e1.Withheld = receipt.Shown(view)
	e1.Suppressed = r.decision.SuppressedCells()
	w := store.Write{Expect: r.expect()}
	if err := errors.Join(x.noteReading(ctx, &w, &e1, h, r), x.keepTable(ctx, &w, &e1, h, r)); err != nil {
		return receipt.Release{}, err
	}
	entry, err := disclosure.NewEntry(e1, e2, x.cfg.AtRest)
	if err != nil {
		return receipt.Release{}, err
	}
	w.Entries = []store.Entry{entry}
	if err := x.looser(&w, h, r); err != nil {
		return receipt.Release{}, err
	}
	if h.item != nil {
		item := *h.item
		item.State, item.Lease, item.Hold = store.Handed, x.cfg.Mail.Lease(), r.fingerprint()
		item.Delivery, item.Token = e1.Delivery, sdHash
		w.Change = []store.MailChange{{Mail: item}}
	}
	x.once(&w, h, r.now)
	told, err := x.toldBefore(ctx, &w, h, r)
	if err != nil {
		return receipt.Release{}, err
	}
	if w.Mail, err = x.tell(h, r, told); err != nil {
		return receipt.Release{}, err
	}
	c, err := x.append(ctx, w)
	if errors.Is(err, store.ErrMoved) {
		return receipt.Release{}, err
	}
	if err != nil {
		return receipt.Release{}, appended(err)
	}
	x.cfg.Mail.Arrived(w.Mail)
	if h.item != nil {
		item := w.Change[0].Mail
		item.Version, item.Entry = item.Version+1, c.Index()
		x.cfg.Mail.HandOut(relay.HandedOut{Mail: item, Message: *headed(h.msg)})
	}
	return x.leave(ctx, r, c, view)
}

// same repeats what the last decision came to: nothing for an item that is
// held; for one that was handed out and not acknowledged the same bytes again,
// under the entry that was made then. Bytes so old that no recipient would take
// them for the first time are made anew, with an entry of their own.
func (x *Exchange) same(ctx context.Context, h handout, r ruling) (receipt.Release, error) {
	switch h.item.State {
	case store.Waiting: // an official was given it with the same answer; the function was not yet
		return x.handOut(ctx, h, r)
	case store.Held:
		return receipt.Release{}, nil
	}
	c, err := x.cfg.Log.Again(ctx, h.item.Entry)
	if err != nil {
		return receipt.Release{}, err
	}
	e1, err := disclosure.ParseE1(c.E1())
	if err != nil {
		return receipt.Release{}, err
	}
	if r.now.Sub(e1.Time.Time) > freshest {
		return x.handOut(ctx, h, r)
	}
	view, err := redact.Apply(h.msg, r.decision)
	if err != nil {
		return receipt.Release{}, fmt.Errorf("making the view: %w", err)
	}
	item := *h.item
	item.Lease = x.cfg.Mail.Lease()
	// Without an entry, but against the same versions: a withdrawal that came
	// first stops this hand-out too.
	_, err = x.append(ctx, store.Write{Expect: r.expect(), Change: []store.MailChange{{Mail: item}}})
	if errors.Is(err, store.ErrMoved) {
		return receipt.Release{}, err
	}
	if err != nil {
		return receipt.Release{}, appended(err)
	}
	return x.leave(ctx, r, c, view)
}

// leave signs a view that is committed, once its entry is as sure as its purpose
// asks for. What is not in time does not leave: the item comes again when its
// lease ends, under the same entry.
func (x *Exchange) leave(ctx context.Context, r ruling, c disclosure.Committed, view redact.View) (receipt.Release, error) {
	if x.cfg.Witnessed != nil && x.cfg.Witnessed(r.question.Purpose) {
		ctx, cancel := context.WithTimeout(ctx, witnessTime)
		defer cancel()
		resume := gateway.Rest(ctx)
		err := x.cfg.Log.Witnessed(ctx, c.Index())
		resume()
		if err != nil {
			return receipt.Release{}, unavailable(err)
		}
	}
	return x.cfg.Binder.Release(c, view)
}

// witnessTime is how long a release waits for witnesses: well beyond the interval
// of publication, and within what a request may take.
const witnessTime = 10 * time.Second

// freshest is how old a hand-out may be that is repeated: recipients take one
// for the first time within [envelope.MaxDelivery].
const freshest = envelope.MaxDelivery - time.Minute

// hold commits an outcome without data. The item stays, and is decided again
// when the answer would be another. For an official it returns the refusal.
func (x *Exchange) hold(ctx context.Context, h handout, r ruling) error {
	e1, e2 := x.entry(h, r, disclosure.Withheld)
	entry, err := disclosure.NewEntry(e1, e2, x.cfg.AtRest)
	if err != nil {
		return err
	}
	w := store.Write{Expect: r.expect(), Entries: []store.Entry{entry}}
	if err := x.looser(&w, h, r); err != nil {
		return err
	}
	if h.item != nil {
		item := *h.item
		// Listed again at once, but behind what was never tried.
		item.State, item.Hold, item.Lease = store.Held, r.fingerprint(), r.now
		if r.revokes() {
			item.State = store.Expired
		}
		w.Change = []store.MailChange{{Mail: item}}
	}
	x.once(&w, h, r.now)
	told, err := x.toldBefore(ctx, &w, h, r)
	if err != nil {
		return err
	}
	if w.Mail, err = x.tell(h, r, told); err != nil {
		return err
	}
	_, err = x.append(ctx, w)
	if errors.Is(err, store.ErrMoved) {
		return err
	}
	if err != nil {
		return appended(err)
	}
	x.cfg.Mail.Arrived(w.Mail)
	if h.item != nil {
		return nil
	}
	if r.revokes() {
		x.revokeOpen(ctx, h.peer)
	}
	return r.refusal()
}

// looser adds an incident entry when the message claims a looser protection
// marking than the register has. The stricter one was used.
func (x *Exchange) looser(w *store.Write, h handout, r ruling) error {
	if !r.known.MarkingLooser() {
		return nil
	}
	claims := h.msg.Claims()
	entry, err := disclosure.NewEntry(disclosure.E1{Kind: disclosure.Incident, Time: disclosure.At(r.now), Message: claims.ID,
		Discloser: claims.Issuer, Code: "marking-looser"}, disclosure.E2{Retention: disclosure.Long, Subject: claims.Subject}, x.cfg.AtRest)
	w.Entries = append(w.Entries, entry)
	return err
}

// distrust withholds a message whose signing key is known to others than its
// sender: it may not be the sender's. There is one entry for a mailbox item.
func (x *Exchange) distrust(ctx context.Context, h handout, r ruling) error {
	refused := gateway.Refuse(gateway.CodeDenied, "nothing is released", nil)
	if h.item != nil && h.item.State == store.Held {
		return nil
	}
	e1, e2 := x.entry(h, r, disclosure.Withheld)
	e1.Outcome, e1.Code, e1.Obligations = gateway.Deny, "key-compromised", nil
	e2.Denied, e2.Withheld = "", nil
	entry, err := disclosure.NewEntry(e1, e2, x.cfg.AtRest)
	if err != nil {
		return err
	}
	w := store.Write{Expect: r.expect(), Entries: []store.Entry{entry}}
	if h.item != nil {
		item := *h.item
		item.State, item.Hold, item.Lease = store.Held, nil, r.now
		w.Change = []store.MailChange{{Mail: item}}
	}
	x.once(&w, h, r.now)
	_, err = x.append(ctx, w)
	if errors.Is(err, store.ErrMoved) {
		return err
	}
	if err != nil {
		return appended(err)
	}
	if h.item != nil {
		return nil
	}
	return refused
}

// once uses the access request of an official up, in the transaction of the
// outcome.
func (x *Exchange) once(w *store.Write, h handout, now time.Time) {
	if h.official.IsZero() {
		return
	}
	a := h.official.Access()
	w.Replay = "access " + string(a.Agency) + " " + string(a.ID)
	w.ReplayUntil = now.Add(envelope.MaxAccess + 2*envelope.Skew)
}
