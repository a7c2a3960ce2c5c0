package exchange

import (
	"encoding/json"
	"slices"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/disclosure"
)

// entry returns the two parts of the entry of a ruling, as far as they are the
// same for a release and for an outcome without data.
func (x *Exchange) entry(h handout, r ruling, kind disclosure.Kind) (disclosure.E1, disclosure.E2) {
	claims, gate, d := h.msg.Claims(), h.msg.Gate(), r.decision
	snap := d.Snapshot()
	e1 := disclosure.E1{Kind: kind, Time: disclosure.At(r.now), Message: claims.ID, Discloser: claims.Issuer, Recipient: claims.Recipient(),
		Type: claims.Type, Request: h.asked, Role: h.role, Purpose: r.question.Purpose, Outcome: d.Outcome(),
		Obligations: d.Obligations(), Snapshot: &snap}
	e2 := disclosure.E2{Retention: rulingRetention(r), Subject: claims.Subject, Case: claims.Case, Denied: d.Reason(),
		Actor:   &disclosure.Actor{Agency: h.peer.Agency(), System: h.peer.URI(), Role: h.role, User: r.question.Actor.User},
		Claimed: r.question.Claimed, Fields: r.question.Fields, Marking: gate.Marking, Child: gate.Child,
		States: map[string]int64{}, Withheld: map[gateway.Field]gateway.Reason{}}
	for _, w := range d.Withheld() {
		e2.Withheld[w.Field] = w.Reason
	}
	for _, s := range r.expect() {
		e2.States[s.Name] = s.Version
	}
	if r.known.Lapsed() {
		e2.Detail = "nothing stated about the person since the database was restored"
	}
	if r.question.Reason != "" {
		e2.Reason = &disclosure.Reason{Code: r.question.Reason, Length: r.question.ReasonLen}
	}
	if e := r.known.Emergency(); e != nil && h.answers != nil {
		e2.Diary = e.DiaryNo
		e2.BreakGlass = &disclosure.BreakGlass{Reason: h.answers.digest, Diary: e.DiaryNo, Confirmer: e.ConfirmedBy}
	}
	if !h.official.IsZero() {
		e2.Actor.Unit = h.official.Access().Unit
	}
	// An input that does not marshal cannot have been decided on.
	e2.Input, _ = json.Marshal(r.decision.Input())
	return e1, e2
}

// long are the kinds of agency whose flows are kept ten years (domain, Section
// 21).
var long = []gateway.Kind{gateway.Police, gateway.Prison}

// rulingRetention is how long the content of a ruling's entry is kept.
func rulingRetention(r ruling) disclosure.Retention {
	in, o := r.decision.Input(), r.decision.Outcome()
	released := o.Releases() || o == gateway.Review
	switch {
	case r.question.Purpose == childProtection:
		return disclosure.Child
	case !released && in.Facts.Protected:
		return disclosure.Ordinary
	case !released:
		return disclosure.Short
	case in.Facts.Protected, o == gateway.BreakGlass, slices.Contains(long, in.Actor.Kind), slices.Contains(long, in.Discloser.Kind):
		return disclosure.Long
	}
	return disclosure.Ordinary
}

const childProtection gateway.Purpose = "CHILD_PROTECTION"

// retention is how long the content of a message's entry is kept.
func retention(m catalogue.Conforming) disclosure.Retention {
	claims, gate := m.Message().Claims(), m.Message().Gate()
	switch {
	case claims.Purpose == childProtection:
		return disclosure.Child
	case gate.Marking != "none", slices.Contains(long, claims.Issuer.Kind()), slices.Contains(long, claims.Recipient().Kind()):
		return disclosure.Long
	}
	return disclosure.Ordinary
}
