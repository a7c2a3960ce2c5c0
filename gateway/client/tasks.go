package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// Task is what a notice asks a person at the agency to do, or to know. Which
// members are set depends on Event.
type Task struct {
	Event envelope.EventType
	// About is the message, or the first request of break-glass; Request the
	// official's request that is to be answered, or that the message answers.
	About   gateway.MessageID
	Request gateway.MessageID
	Type    gateway.MessageType
	Subject gateway.Ref
	Fields  []gateway.Field
	Reason  string
	Claimed []gateway.Basis // a decision has to rest on one of these
	Claim   []gateway.Basis // a decision on one of these is recorded, and was not claimed
	// Recipient is who would get the fields, or asks for them, in Role;
	// Discloser who is asked, of break-glass.
	Recipient, Discloser gateway.AgencyID
	Role                 gateway.Role
	Purpose              gateway.Purpose
	Obligations          []gateway.Obligation
	Stage                string // of break-glass: "requested", "confirmed", "read"
	Diary                string
	Ended                string      // of review-ended: "decided", "withdrawn"
	User                 gateway.Ref // of an alert to the user's own agency
	// Due is when a review must be done, ConfirmBy when an unconfirmed
	// break-glass ends, Expires when the message does; zero if there is none.
	Due, ConfirmBy, Expires time.Time
}

// ErrReview is what [Client.Ack] returns for a notice that asks for a review of
// break-glass: it ends with its outcome, as a [Reviewed].
var ErrReview = errors.New("client: a review of break-glass is acknowledged with its outcome")

// IsGlassReview reports whether the task is to review break-glass.
func (t Task) IsGlassReview() bool {
	return t.Event == envelope.ReviewRequested && slices.Contains(t.Obligations, "review_within_24_h")
}

// task is a task as events carry it: the claims of review-requested,
// review-ended, emergency-access and alert.
type task struct {
	Type        gateway.MessageType  `json:"type"`
	Subject     gateway.Ref          `json:"subject"`
	Fields      []gateway.Field      `json:"fields"`
	Reason      string               `json:"reason"`
	Claimed     []gateway.Basis      `json:"claimed"`
	Claim       []gateway.Basis      `json:"claim"`
	Recipient   string               `json:"recipient"`
	Asker       string               `json:"asker"`
	Discloser   string               `json:"discloser"`
	Role        gateway.Role         `json:"role"`
	Request     gateway.MessageID    `json:"request"`
	Obligations []gateway.Obligation `json:"obligations"`
	Stage       string               `json:"stage"`
	Diary       string               `json:"diary_no"`
	Ended       string               `json:"ended"`
	Obligation  gateway.Obligation   `json:"obligation"`
	Code        string               `json:"code"`
	User        gateway.Ref          `json:"user"`
	Due         int64                `json:"due"`
	ConfirmBy   int64                `json:"confirm_by"`
	Expires     int64                `json:"expires"`
}

// Task reads what a notice asks. ok is false for a notice that asks nothing of
// anybody, such as a proof of receipt. A notice that does not say what its event
// must say is [ErrNotice].
func (n Notice) Task() (t Task, ok bool, err error) {
	t = Task{Event: n.Type, About: n.Message}
	switch n.Type {
	case envelope.InfoRequested:
		return t, true, t.asked(n.Claims)
	case envelope.ReviewRequested, envelope.ReviewEnded, envelope.EmergencyAccess, envelope.Alert:
	default:
		return Task{}, false, nil
	}
	var c task
	d := json.NewDecoder(bytes.NewReader(n.Claims))
	d.DisallowUnknownFields()
	if d.Decode(&c) != nil {
		return Task{}, false, fmt.Errorf("%w: claims of %s", ErrNotice, n.Type)
	}
	t.Type, t.Subject, t.Fields, t.Reason, t.Claimed, t.Claim = c.Type, c.Subject, c.Fields, c.Reason, c.Claimed, c.Claim
	t.Role, t.Request, t.Obligations, t.Stage, t.Diary, t.Ended = c.Role, c.Request, c.Obligations, c.Stage, c.Diary, c.Ended
	if t.User = c.User; n.Type == envelope.Alert {
		t.Reason, t.Obligations = c.Code, []gateway.Obligation{c.Obligation}
	}
	t.Due, t.ConfirmBy, t.Expires = moment(c.Due), moment(c.ConfirmBy), moment(c.Expires)
	for _, side := range []struct {
		urn  string
		into *gateway.AgencyID
	}{{c.Recipient + c.Asker, &t.Recipient}, {c.Discloser, &t.Discloser}} {
		if side.urn == "" {
			continue
		}
		if *side.into, err = gateway.ParseAgencyURN(side.urn); err != nil {
			return Task{}, false, fmt.Errorf("%w: claims of %s: %w", ErrNotice, n.Type, err)
		}
	}
	return t, true, nil
}

func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// asked reads the access request in a notice that an official asks. The gateway
// has verified it and vouches for it with the notice's signature.
func (t *Task) asked(claims json.RawMessage) error {
	var c struct {
		Request string `json:"request"`
	}
	if json.Unmarshal(claims, &c) != nil {
		return fmt.Errorf("%w: claims of %s", ErrNotice, t.Event)
	}
	a, err := envelope.ReopenAccess(c.Request, gateway.DigestOf([]byte(c.Request)))
	if err != nil || a.ID != t.About {
		return fmt.Errorf("%w: the request in it is not the one it names", ErrNotice)
	}
	t.Request, t.Type, t.Subject, t.Recipient, t.Role, t.Purpose, t.Claimed = a.ID, a.Type, a.Subject, a.Agency, a.Role, a.Purpose, a.BasisClaimed
	for _, f := range a.Fields {
		t.Fields = append(t.Fields, gateway.Field(f))
	}
	if a.Reason != nil {
		t.Reason = a.Reason.Code
	}
	if a.Emergency != nil {
		t.Diary = a.Emergency.DiaryNo
	}
	return nil
}

// Reviewed is an [Item]: a review of break-glass with what it came to, which
// alone ends it. Role is that of the mailbox.
type Reviewed struct {
	Notice
	Role    gateway.Role
	By      gateway.Ref // the official who reviewed it
	Outcome string      // "justified", "not_justified" or "incident"
}

// word implements [Item]: the agency signs the outcome.
func (r Reviewed) word(c *Client, w *world) (string, pending, error) {
	if r.Token == "" {
		return "", pending{}, fmt.Errorf("%w: notice", envelope.ErrZero)
	}
	self, err := gateway.ParseAgencyURN(r.Audience)
	if err != nil {
		return "", pending{}, err
	}
	signer, err := c.signer(w, envelope.UseMessage, self, r.Role)
	if err != nil {
		return "", pending{}, err
	}
	id, err := newID()
	if err != nil {
		return "", pending{}, err
	}
	claims, err := json.Marshal(map[string]string{"outcome": r.Outcome, "reviewed_by": string(r.By)})
	if err != nil {
		return "", pending{}, fmt.Errorf("encoding an event: %w", err)
	}
	token, err := envelope.SignEvent(envelope.Event{Issuer: self.URN(), Audience: string(c.cfg.Gateway), ID: id, IssuedAt: c.cfg.Now(),
		Message: r.Message, Type: envelope.EmergencyReviewed, Claims: claims}, signer)
	return string(r.ID), pending{Token: token}, err
}

// Confirm confirms, as a second person, the break-glass request that the
// receipt or notice of another user names: about the same person, of the same
// discloser, for the same fields, within 15 minutes. The official states the
// preconditions anew.
func (c *Client) Confirm(ctx context.Context, first gateway.MessageID, discloser gateway.AgencyID, o Official) (Receipt, error) {
	if o.Emergency == nil || first == "" {
		return Receipt{}, fmt.Errorf("%w: a confirmation names a request and states an emergency", ErrDraft)
	}
	e := *o.Emergency
	e.Confirms = first
	o.Emergency = &e
	return c.Request(ctx, discloser, o)
}
