package exchange

import (
	"context"
	"errors"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/catalogue"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/receipt"
	"sluss/gateway/store"
)

// Submit takes a message in: a case message into the mailboxes of the functions
// it is for, a control message into the register of facts. What it returns is
// durable. The same bytes again give the same answer, other bytes under the
// same identifier are CodeDuplicate.
func (x *Exchange) Submit(ctx context.Context, p authn.Peer, raw []byte) (_ Accepted, err error) {
	defer ofMachine(&err)
	for range attempts {
		done, err := x.take(ctx, p, raw, x.cfg.Now())
		// Another statement about the same came first, or the directory changed:
		// what held a moment ago is looked at again.
		if !errors.Is(err, store.ErrMoved) {
			return done, err
		}
	}
	return Accepted{}, unavailable(store.ErrMoved)
}

// take is one attempt to take a message in; ErrMoved asks for another.
func (x *Exchange) take(ctx context.Context, p authn.Peer, raw []byte, now time.Time) (Accepted, error) {
	regime, err := x.InForce()
	if err != nil {
		return Accepted{}, err
	}
	msg, err := envelope.Open(raw, regime.Directory, now)
	if err != nil {
		return Accepted{}, err
	}
	if err := x.addressed(regime, p, msg, now); err != nil {
		return Accepted{}, err
	}
	conforming, err := regime.Catalogue.Conform(msg)
	if err == nil {
		err = regime.sealed(msg)
	}
	if err == nil {
		err = regime.aliasStated(p, conforming)
	}
	// What was taken in once has its receipt for good, whatever has changed since.
	// A statement cannot be admitted twice, so it is asked first whether it was; of
	// a message the transaction tells.
	if err != nil || msg.Claims().Recipient() == "" {
		if done, old := x.known(ctx, msg); old != nil || done != nil {
			return orZero(done), old
		}
	}
	if err != nil {
		return Accepted{}, err
	}
	w, err := x.intake(ctx, regime, conforming, now)
	if err != nil {
		return Accepted{}, err
	}
	c, err := x.append(ctx, w)
	if errors.Is(err, store.ErrDuplicate) {
		done, err := x.known(ctx, msg) // the same message over another connection
		if err == nil && done == nil {
			err = gateway.Refuse(gateway.CodeDuplicate, "this jti was used before", nil)
		}
		return orZero(done), err
	}
	if errors.Is(err, store.ErrMoved) {
		return Accepted{}, err
	}
	if err != nil {
		return Accepted{}, appended(err)
	}
	if len(w.Mail) > 0 {
		x.recent.put(msg)
	}
	x.cfg.Mail.Arrived(w.Mail)
	return accepted(msg.Claims().ID, c)
}

// addressed compares the message with who brought it and with this gateway.
func (x *Exchange) addressed(r *Regime, p authn.Peer, msg envelope.Message, now time.Time) error {
	claims := msg.Claims()
	owner, ok := r.Directory.Owner(claims.Issuer, now)
	if !ok || owner != p.Agency() {
		return gateway.Refuse(gateway.CodeIssuer, "iss is not the agency of the client certificate, nor an alias of it", nil)
	}
	// What its stater says as one agency it must not confirm as another.
	if claims.Recipient() == "" && claims.Issuer != owner {
		return gateway.Refuse(gateway.CodeIssuer, "a statement to the register is made under the agency's own name", nil)
	}
	if claims.Gateway != x.cfg.Gateway {
		return gateway.Refuse(gateway.CodeGateway, "cnf.kid does not name this gateway", nil)
	}
	if !p.May(claims.FromRole) || !r.Directory.MayAct(msg.KeyID(), claims.FromRole) {
		return gateway.Refuse(gateway.CodeRoleNotAllowed, "the system or the signing key may not act in from_role", nil)
	}
	if to := claims.Recipient(); to == "" && claims.Audience != string(x.cfg.Gateway) || to != "" && len(r.Directory.SealKeys(to, now)) == 0 {
		return gateway.Refuse(gateway.CodeAudience, "aud names no agency that is registered to receive, nor this gateway", nil)
	}
	return nil
}

// sealed checks that whoever the field keys are encrypted to may have them: a
// function addressed, under a key that its agency had when the message was
// made. What the register is not to read is for the stating function.
func (r *Regime) sealed(msg envelope.Message) error {
	claims := msg.Claims()
	holder, roles := claims.Recipient(), claims.ToRoles
	if holder == "" {
		holder, roles = claims.Issuer, []gateway.Role{claims.FromRole}
	}
	for _, kid := range msg.SealKeys() {
		_, err := r.Directory.Key(holder.URN(), kid, envelope.UseSeal, claims.IssuedAt)
		if err != nil || !slices.ContainsFunc(roles, func(role gateway.Role) bool { return r.Directory.MayAct(kid, role) }) {
			return gateway.Refuse(gateway.CodeSealing, "keys names a key that is of no function addressed", err)
		}
	}
	return nil
}

// known returns the receipt of a message that was taken in before, or nil.
func (x *Exchange) known(ctx context.Context, msg envelope.Message) (*Accepted, error) {
	claims := msg.Claims()
	row, entry, err := x.cfg.Store.Heading(ctx, claims.Issuer, claims.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if row.Digest != msg.Digest() {
		return nil, gateway.Refuse(gateway.CodeDuplicate, "other bytes were taken in under this jti", nil)
	}
	c, err := x.cfg.Log.Again(ctx, entry)
	if err != nil {
		return nil, err
	}
	a, err := accepted(claims.ID, c)
	return &a, err
}

// intake is what taking a message in writes.
func (x *Exchange) intake(ctx context.Context, r *Regime, m catalogue.Conforming, now time.Time) (store.Write, error) {
	msg := m.Message()
	claims := msg.Claims()
	row := headed(msg)
	digest := msg.Digest()
	e1 := disclosure.E1{Kind: disclosure.MessageAccepted, Time: disclosure.At(now), Message: claims.ID, Discloser: claims.Issuer,
		Recipient: claims.Recipient(), Type: claims.Type, Digest: &digest, Issued: claims.IssuedAt.Unix(), Expires: claims.Expires.Unix(),
		Purpose: claims.Purpose}
	e2 := disclosure.E2{Subject: claims.Subject, Case: claims.Case, Retention: retention(m), Marking: msg.Gate().Marking,
		Child: msg.Gate().Child, Claimed: msg.Gate().BasisClaimed}
	w := store.Write{Message: row, Expect: r.states()}
	if row.To == "" {
		e1.Kind = disclosure.StatementAdmitted
		admission, err := x.cfg.Facts.Admit(ctx, m, now)
		if err != nil {
			return store.Write{}, err
		}
		w.Expect = append(w.Expect, admission.Expect())
		kept := admission.Statement().Digest
		e1.Kept = &kept
		w.Set, w.Statements = []store.State{admission.Set()}, []store.Statement{admission.Statement()}
	} else if err := x.post(&w, msg, now); err != nil {
		return store.Write{}, err
	}
	entry, err := disclosure.NewEntry(e1, e2, x.cfg.AtRest)
	w.Entries = []store.Entry{entry}
	return w, err
}

// messageClass is the class of the at-rest keys of what waits to be fetched.
const messageClass = "message"

// post puts a message into the mailbox of each function it is for.
func (x *Exchange) post(w *store.Write, msg envelope.Message, now time.Time) (err error) {
	row := w.Message
	row.Body, row.Key, err = x.cfg.AtRest.Encrypt(row.Issuer, messageClass, now, msg.Raw(), StoredAAD(*row))
	if err != nil {
		return err
	}
	for _, role := range msg.Claims().ToRoles {
		w.Mail = append(w.Mail, store.Mail{Agency: row.To, Role: role, Issuer: row.Issuer, Message: row.ID, Expires: row.Expires, State: store.Waiting})
	}
	return nil
}

func accepted(id gateway.MessageID, c disclosure.Committed) (Accepted, error) {
	ev, err := receipt.Of(c)
	if err != nil {
		return Accepted{}, err
	}
	return Accepted{ID: id, Entry: ev.Entry, E1: ev.E1, Leaf: ev.Leaf, Proof: ev.Proof}, nil
}

func orZero(a *Accepted) Accepted {
	if a == nil {
		return Accepted{}
	}
	return *a
}
