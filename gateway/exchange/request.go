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
	"sluss/gateway/facts"
	"sluss/gateway/receipt"
	"sluss/gateway/relay"
	"sluss/gateway/store"
)

// personStage is the first stage that looks at the person (domain, Section
// 16.2). What an earlier one answers is told at once; from here on every
// request looks alike to who asks.
const personStage = conflictStage

// conflictStage looks at the user, and at what the user has read about the person.
const conflictStage = 9

// Request takes an official's request to another agency in. It is answered
// alike whether or not the person is on record; if the official may know of the
// person, the discloser's functions find it in their mailboxes, and answer with
// a message that is decided on when it is released.
func (x *Exchange) Request(ctx context.Context, o authn.Official) (_ Requested, err error) {
	defer ofMachine(&err)
	if a := o.Access(); a.Discloser == "" || a.Message != "" {
		return Requested{}, gateway.Refuse(gateway.CodeMalformedRequest, "a request names a discloser and no message", nil)
	}
	for range attempts {
		done, err := x.request(ctx, o)
		if !errors.Is(err, store.ErrMoved) {
			return done, err
		}
	}
	return Requested{}, unavailable(store.ErrMoved)
}

// request is one attempt; ErrMoved asks for another.
func (x *Exchange) request(ctx context.Context, o authn.Official) (Requested, error) {
	a, now := o.Access(), x.cfg.Now()
	regime, err := x.releasing(now)
	if err != nil {
		return Requested{}, err
	}
	if err := regime.asking(o, now); err != nil {
		return Requested{}, err
	}
	senders := answerers(regime, a)
	if len(senders) == 0 || len(regime.Directory.SealKeys(a.Discloser, now)) == 0 {
		return Requested{}, gateway.Refuse(gateway.CodeRoute, "no function of that agency may answer this role with this type", nil)
	}
	q := facts.Question{Actor: facts.Actor{Agency: a.Agency}, Type: a.Type, Subject: a.Subject,
		Discloser: facts.Discloser{Agency: regime.owner(a.Discloser, now), Role: senders[0]}, Urgency: "normal", AgenciesKnown: true, LogAvailable: true}
	q.Actor.Role = a.Role
	asked(&q, a)
	granted, err := x.grant(ctx, a, &q, now)
	if err != nil {
		return Requested{}, err
	}
	r, err := x.rule(ctx, q)
	if err != nil {
		return Requested{}, err
	}
	if r.regime != regime || len(granted) > 0 && !sameDay(now, r.now) {
		return Requested{}, store.ErrMoved // what was looked at above is of another regime, or day
	}
	w, err := x.requestWrite(ctx, o, r, senders)
	if err != nil {
		return Requested{}, err
	}
	w.Expect = append(w.Expect, granted...)
	x.once(&w, handout{official: o}, r.now)
	c, err := x.append(ctx, w)
	if errors.Is(err, store.ErrMoved) {
		return Requested{}, err
	}
	if errors.Is(err, store.ErrDuplicate) {
		return Requested{}, appended(store.ErrReplayed)
	}
	if err != nil {
		return Requested{}, appended(err)
	}
	x.cfg.Mail.Arrived(w.Mail)
	if r.revokes() {
		x.revokeOpen(ctx, o.Peer())
	}
	if early(r) {
		return Requested{}, r.refusal()
	}
	ev, err := receipt.Of(c)
	return Requested{ID: a.ID, Entry: ev.Entry, E1: ev.E1, Leaf: ev.Leaf, Proof: ev.Proof}, err
}

// early reports whether the decision ended before anything about the person was
// looked at.
func early(r ruling) bool {
	n := r.decision.StageNumber()
	return n > 0 && n < personStage
}

// requestWrite is what a request writes: an entry always, and alerts; a row to be
// found by the answer, and the discloser's mail, unless it ended early or the
// person is not on record for who asks.
func (x *Exchange) requestWrite(ctx context.Context, o authn.Official, r ruling, senders []gateway.Role) (store.Write, error) {
	a, token := o.Access(), o.Request()
	w := store.Write{Expect: r.expect()}
	e1, e2 := x.requestEntry(o, r)
	var err error
	if !early(r) {
		err = x.noteEmergency(ctx, &w, &e1, a, token, r)
	}
	if err != nil {
		return store.Write{}, err
	}
	entry, err := disclosure.NewEntry(e1, e2, x.cfg.AtRest)
	if err != nil {
		return store.Write{}, err
	}
	w.Entries = []store.Entry{entry}
	if w.Mail, err = x.requestAlerts(a, r, senders); err != nil || early(r) {
		return w, err
	}
	if r.decision.Outcome() == gateway.NoRecord {
		senders = nil
	}
	confirms := a.Emergency != nil && a.Emergency.Confirms != ""
	if q := r.question; q.Type == emergencyAccess && q.Emergency != nil && !(confirms && conflicted(r)) {
		told, err := x.glassRequest(a, r, senders)
		if err != nil {
			return store.Write{}, err
		}
		w.Mail = append(w.Mail, told...)
	}
	if confirms {
		return w, nil // it asks nothing of its own
	}
	row := &store.Message{Issuer: a.Agency, ID: a.ID, Digest: gateway.DigestOf([]byte(token)), To: a.Discloser, Sender: a.Role, Type: a.Type,
		Subject: a.Subject, Issued: a.IssuedAt, Expires: r.now.Add(requestLife)}
	if row.Body, row.Key, err = x.cfg.AtRest.Encrypt(a.Agency, "message", r.now, []byte(token), StoredAAD(*row)); err != nil {
		return store.Write{}, err
	}
	w.Message = row
	for _, role := range senders {
		notice, err := x.cfg.Mail.Notice(relay.Box{Agency: a.Discloser, Role: role}, envelope.InfoRequested, a.ID,
			map[string]string{"request": token})
		if err != nil {
			return store.Write{}, err
		}
		w.Mail = append(w.Mail, notice)
	}
	return w, nil
}

// requestEntry returns the two parts of the entry of a request.
func (x *Exchange) requestEntry(o authn.Official, r ruling) (disclosure.E1, disclosure.E2) {
	a := o.Access()
	snap := r.decision.Snapshot()
	e1 := disclosure.E1{Kind: disclosure.RequestReceived, Time: disclosure.At(r.now), Message: a.ID, Discloser: a.Discloser, Recipient: a.Agency,
		Type: a.Type, Request: requestDigest(o), Digest: requestDigest(o), Role: a.Role, Purpose: a.Purpose, Snapshot: &snap}
	e2 := disclosure.E2{Retention: rulingRetention(r), Subject: a.Subject, Claimed: a.BasisClaimed, Fields: r.question.Fields,
		Denied: r.decision.Reason(), States: map[string]int64{},
		Actor: &disclosure.Actor{Agency: a.Agency, System: o.Peer().URI(), Role: a.Role, User: a.User, Unit: a.Unit}}
	if early(r) {
		e1.Kind, e1.Outcome = disclosure.Withheld, r.decision.Outcome()
	}
	for _, s := range r.expect() {
		e2.States[s.Name] = s.Version
	}
	if a.Reason != nil {
		e2.Reason = &disclosure.Reason{Code: a.Reason.Code, Length: a.Reason.Length}
	}
	if e := a.Emergency; e != nil && a.Type == emergencyAccess {
		e2.Retention, e2.Diary = disclosure.Long, e.DiaryNo
		e2.BreakGlass = &disclosure.BreakGlass{Reason: *e1.Request, Diary: e.DiaryNo}
		if e.Confirms != "" && !early(r) && !conflicted(r) {
			e2.BreakGlass.Confirmer = a.User
		}
	}
	return e1, e2
}

// requestLife is how long a request can be answered.
const requestLife = 30 * 24 * time.Hour

// answerers are the roles of the discloser's kind that may send the type to the
// role that asks.
func answerers(r *Regime, a envelope.Access) []gateway.Role {
	var out []gateway.Role
	for _, leg := range r.Catalogue.Legs(a.Type) {
		if leg.Urgency != "" || !slices.Contains(leg.Recipients, a.Role) || leg.SameAgency && a.Agency != a.Discloser {
			continue
		}
		for _, role := range leg.Senders {
			if r.Catalogue.Tables().Roles[role].Kind == a.Discloser.Kind() && !slices.Contains(out, role) {
				out = append(out, role)
			}
		}
	}
	return out
}
