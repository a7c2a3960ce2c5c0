package exchange

import (
	"context"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/facts"
	"sluss/gateway/relay"
	"sluss/gateway/store"
)

// The emergency message, and who is told of it beside the function that has the
// case (domain, Section 18). The list of roles has none of a data protection
// officer: who audits the log for the agency hears what that officer must hear.
const (
	emergencyAccess gateway.MessageType = "exit.emergency_access"

	legalOfficer          gateway.Role = "agency.legal_officer"
	dataProtectionOfficer gateway.Role = "agency.log_auditor"
)

// grant gives a request for break-glass its time, by this gateway's clock, or
// none. A first request has the time from now on, unless an earlier one of the
// user that nobody confirmed bars it; after an unconfirmed one of a colleague
// about the person it has it only when confirmed. A confirmation has that of the request it names, if
// the two go together. Without a time the policy answers EMERGENCY, and nothing
// about the person has been looked at.
//
// What was requested lately is read from the gateway's own notes; the states it
// was read from must still stand when the request is taken in.
func (x *Exchange) grant(ctx context.Context, a envelope.Access, q *facts.Question, now time.Time) ([]store.State, error) {
	if a.Type != emergencyAccess || q.Emergency == nil {
		return nil, nil
	}
	past, err := x.cfg.Facts.Emergencies(ctx, a.Agency, now)
	if err != nil {
		return nil, err
	}
	if id := a.Emergency.Confirms; id == "" {
		if !past.Bars(a.User, now) {
			q.Emergency.RequestedAt, q.Emergency.Chained = now, past.Chains(a.Subject, now)
		}
	} else if first, open := past.First(id); open && seconds(a, first) {
		q.Emergency.RequestedAt = first.At
	}
	return past.Versions(), nil
}

// sameDay reports whether two moments are of one day of [facts.Register.Note]:
// what is noted at the one has been looked for at the other.
func sameDay(a, b time.Time) bool {
	return a.UTC().Format(time.DateOnly) == b.UTC().Format(time.DateOnly)
}

// seconds reports whether a confirms what first asked for: another user of the
// same agency, in any role that may use break-glass (the policy sees to that),
// about the same person, of the same discloser, for the same fields.
func seconds(a envelope.Access, first facts.Note) bool {
	return a.User != first.User && a.Agency == first.Agency && a.Subject == first.Subject && a.Discloser == first.Discloser &&
		slices.Equal(slices.Sorted(slices.Values(a.Fields)), slices.Sorted(slices.Values(first.Fields)))
}

// noteEmergency adds the note of a request for break-glass, or of its
// confirmation, to the write that takes it in.
func (x *Exchange) noteEmergency(ctx context.Context, w *store.Write, e1 *disclosure.E1, a envelope.Access, token string, r ruling) error {
	e := r.question.Emergency
	if a.Type != emergencyAccess || e == nil {
		return nil
	}
	n := facts.Note{ID: a.ID, Kind: facts.NoteEmergency, At: r.now, Agency: a.Agency, Role: a.Role, User: a.User, Subject: a.Subject, Type: a.Type,
		Discloser: a.Discloser, Fields: a.Fields, Request: a.ID, Opened: r.now, Chained: e.Chained, Token: token}
	if confirms := a.Emergency.Confirms; confirms != "" {
		if conflicted(r) {
			return nil
		}
		n.Kind, n.Request, n.Opened = facts.NoteConfirmed, confirms, e.RequestedAt
	}
	return x.note(ctx, w, e1, n)
}

// conflicted reports whether who asks has a conflict of interest, which
// break-glass does not pass (domain, Section 18): such a person's confirmation is
// none. What is known of that is the asking agency's own.
func conflicted(r ruling) bool { return r.decision.StageNumber() == conflictStage }

// noteReading adds the note that a user reads about a person, the first time
// that the user does so in the role: in another one it will be a conflict of
// interest (domain, Section 16.2, stage 9).
func (x *Exchange) noteReading(ctx context.Context, w *store.Write, e1 *disclosure.E1, h handout, r ruling) error {
	q := r.question
	if q.Actor.User == "" || q.Subject == "" || r.known.Read() {
		return nil
	}
	id, err := relay.NewMessageID()
	if err != nil {
		return err
	}
	return x.note(ctx, w, e1, facts.Note{ID: id, Kind: facts.NoteRead, At: r.now, Agency: q.Actor.Agency, Role: q.Actor.Role,
		User: q.Actor.User, Subject: q.Subject, Type: h.msg.Claims().Type})
}

// note adds a note to the write whose first entry will be e1.
func (x *Exchange) note(ctx context.Context, w *store.Write, e1 *disclosure.E1, n facts.Note) error {
	a, err := x.cfg.Facts.Note(ctx, n)
	if err != nil {
		return err
	}
	kept := a.Statement().Digest
	e1.Kept = &kept
	w.Expect = append(w.Expect, a.Expect())
	w.Set, w.Statements = append(w.Set, a.Set()), append(w.Statements, a.Statement())
	return nil
}

// The stages of break-glass that are told.
const (
	glassRequested = "requested"
	glassConfirmed = "confirmed"
	glassRead      = "read"
)

// glassNotice is what is told of break-glass: nothing about the person but the
// reference that whoever is told has already.
type glassNotice struct {
	Stage     string              `json:"stage"`
	Type      gateway.MessageType `json:"type"`
	Subject   gateway.Ref         `json:"subject"`
	Fields    []gateway.Field     `json:"fields"`
	Asker     string              `json:"asker"`
	Role      gateway.Role        `json:"role"`
	Discloser string              `json:"discloser"`
	Reason    string              `json:"reason,omitempty"`
	Diary     string              `json:"diary_no"`
	// ConfirmBy is when an unconfirmed access ends, Due when the review is due.
	ConfirmBy int64 `json:"confirm_by,omitempty"`
	Due       int64 `json:"due,omitempty"`
}

// glassTold returns the notices of one stage of break-glass: to the asking
// agency always, so that its own officers' mailboxes do not say whether the
// person is on record; to the discloser, in the mailboxes of cases and of its
// officers, only if it has anything to do with it.
func (x *Exchange) glassTold(first gateway.MessageID, n glassNotice, asker relay.Box, discloser gateway.AgencyID, cases []gateway.Role) ([]store.Mail, error) {
	boxes := []relay.Box{asker, {Agency: asker.Agency, Role: legalOfficer}, {Agency: asker.Agency, Role: dataProtectionOfficer}}
	if len(cases) > 0 {
		for _, role := range append(slices.Clone(cases), legalOfficer, dataProtectionOfficer) {
			if box := (relay.Box{Agency: discloser, Role: role}); !slices.Contains(boxes, box) {
				boxes = append(boxes, box)
			}
		}
	}
	var out []store.Mail
	for _, box := range boxes {
		notice, err := x.cfg.Mail.Notice(box, envelope.EmergencyAccess, first, n)
		if err != nil {
			return nil, err
		}
		out = append(out, notice)
		if n.Stage != glassRequested || box.Role != legalOfficer {
			continue
		}
		task, err := x.cfg.Mail.Notice(box, envelope.ReviewRequested, first, review{Type: n.Type, Subject: n.Subject, Fields: n.Fields,
			Recipient: n.Asker, Role: n.Role, Reason: "EMERGENCY", Obligations: []gateway.Obligation{"review_within_24_h"}, Due: n.Due})
		if err != nil {
			return nil, err
		}
		out = append(out, relay.Review(task))
	}
	return out, nil
}

// glassRequest returns the notices of a request for break-glass or of its
// confirmation.
func (x *Exchange) glassRequest(a envelope.Access, r ruling, cases []gateway.Role) ([]store.Mail, error) {
	e, limits := r.question.Emergency, r.regime.Tables.Limits.BreakGlass
	n := glassNotice{Stage: glassRequested, Type: a.Type, Subject: a.Subject, Fields: r.question.Fields, Asker: a.Agency.URN(), Role: a.Role,
		Discloser: a.Discloser.URN(), Reason: r.question.Reason, Diary: e.DiaryNo,
		Due: reviewDue(r.now, time.Duration(limits.ReviewHours)*time.Hour).Unix()}
	first := a.ID
	if confirms := a.Emergency.Confirms; confirms != "" {
		n.Stage, first, n.Due = glassConfirmed, confirms, 0
	} else {
		n.ConfirmBy = r.now.Add(time.Duration(limits.UnconfirmedMinutes) * time.Minute).Unix()
	}
	return x.glassTold(first, n, relay.Box{Agency: a.Agency, Role: a.Role}, a.Discloser, cases)
}

// glassRelease returns the notices of one reading under break-glass.
func (x *Exchange) glassRelease(h handout, r ruling) ([]store.Mail, error) {
	claims := h.msg.Claims()
	var read []gateway.Field
	for _, a := range r.decision.Allowed() {
		read = append(read, a.Field)
	}
	return x.glassTold(claims.ReplyTo, glassNotice{Stage: glassRead, Type: claims.Type, Subject: claims.Subject, Fields: read,
		Asker: h.peer.Agency().URN(), Role: h.role, Discloser: claims.Issuer.URN(), Diary: r.question.Emergency.DiaryNo},
		relay.Box{Agency: h.peer.Agency(), Role: h.role}, claims.Issuer, []gateway.Role{claims.FromRole})
}
