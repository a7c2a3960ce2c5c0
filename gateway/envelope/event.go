package envelope

import (
	"encoding/json"
	"strings"
	"time"

	"sluss/gateway"
)

// TypEvent is the "typ" of a security event token (RFC 8417, Section 2.3).
const TypEvent = "secevent+jwt"

// EventType is what a security event says happened: the one member of
// "events" is its URN.
type EventType string

// The security events. The first two and the last are signed by agencies, the
// others by gateways.
const (
	MessageReceived      EventType = "message-received"       // the recipient has stored a release
	SealedContentInvalid EventType = "sealed-content-invalid" // it found fields unusable
	MessageAccepted      EventType = "message-accepted"
	ReviewRequested      EventType = "review-requested"
	InfoRequested        EventType = "info-requested"
	ReleaseRefused       EventType = "release-refused"
	MessageExpired       EventType = "message-expired" // nobody fetched it in its time
	DeliveryFailed       EventType = "delivery-failed" // the recipient could not use it, or it is held back until its sender does something
	ReviewEnded          EventType = "review-ended"    // what review-requested asked for is not waited for any more
	EmergencyAccess      EventType = "emergency-access"
	Alert                EventType = "alert"              // somebody must look at why nothing was released, or act on it
	EmergencyReviewed    EventType = "emergency-reviewed" // what the review of break-glass came to
)

// Event is a security event token. It has no subject and no expiry.
type Event struct {
	Issuer   string // iss: URN of an agency or a gateway
	Audience string // aud: the same
	ID       gateway.MessageID
	IssuedAt time.Time
	Message  gateway.MessageID // txn: the message it is about; "" if none
	Type     EventType
	Claims   json.RawMessage // of the event, a JSON object; nil is {}
}

// eventURN is the namespace of event types (RFC 8417, Section 2.2).
const eventURN = "urn:sluss:event:"

// byGateway says which events a gateway signs, and not an agency.
var byGateway = map[EventType]bool{
	MessageReceived: false, SealedContentInvalid: false, EmergencyReviewed: false,
	MessageAccepted: true, ReviewRequested: true, InfoRequested: true, ReleaseRefused: true, MessageExpired: true, DeliveryFailed: true,
	ReviewEnded: true, EmergencyAccess: true, Alert: true,
}

type eventClaims struct {
	Issuer   string                     `json:"iss"`
	Audience string                     `json:"aud"`
	ID       gateway.MessageID          `json:"jti"`
	IssuedAt int64                      `json:"iat"`
	Message  gateway.MessageID          `json:"txn,omitempty"`
	Events   map[string]json.RawMessage `json:"events"`
}

// SignEvent signs e with a message key (agencies) or a release key (gateways).
// What [OpenEvent] would not accept is ErrMalformed.
func SignEvent(e Event, s *Signer) (string, error) {
	body := e.Claims
	if body == nil {
		body = json.RawMessage("{}")
	}
	return signChecked(TypEvent, eventClaims{e.Issuer, e.Audience, e.ID, e.IssuedAt.Unix(), e.Message,
		map[string]json.RawMessage{eventURN + string(e.Type): body}}, s, readEvent)
}

// OpenEvent verifies a security event for the audience with the key that it
// names, as registered at its iat. It has no expiry (RFC 8417, Section 2.2);
// an iat ahead of now is ErrFuture.
func OpenEvent(raw string, keys Keys, audience string, now time.Time) (Event, error) {
	t, err := parseJWS(raw)
	if err != nil {
		return Event{}, err
	}
	o := t.claims.object("event")
	e := readEvent(o)
	if err := o.done(); err != nil {
		return Event{}, err
	}
	if err := t.verifyWith(keys, TypEvent, e.Issuer, e.Audience, e.IssuedAt); err != nil {
		return Event{}, err
	}
	switch {
	case e.Audience != audience || audience == "":
		return Event{}, ErrAudience
	case e.IssuedAt.After(now.Add(Skew)):
		return Event{}, ErrFuture
	}
	return e, nil
}

func readEvent(o *object) Event {
	e := Event{
		Issuer:   parsed(o, "iss", party),
		Audience: parsed(o, "aud", party),
		ID:       parsed(o, "jti", gateway.ParseMessageID),
		IssuedAt: o.time("iat"),
	}
	if o.v.index("txn") >= 0 {
		e.Message = parsed(o, "txn", gateway.ParseMessageID)
	}
	events := o.object("events")
	if len(events.v.names) != 1 {
		o.fail("events", "is not one event")
		return e
	}
	name, ok := strings.CutPrefix(events.v.names[0], eventURN)
	gatewayOnly, known := byGateway[EventType(name)]
	_, notGateway := gateway.ParseID(e.Issuer)
	if !ok || !known || gatewayOnly != (notGateway == nil) {
		o.fail("events", "is not an event of its issuer's kind")
		return e
	}
	body := events.object(events.v.names[0])
	e.Type, e.Claims = EventType(name), body.v.appendJSON(nil)
	if body.err != nil {
		o.fail("events", "holds no object")
	}
	o.join(events)
	return e
}
