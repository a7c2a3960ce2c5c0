package envelope

import (
	"encoding/json"
	"time"

	"sluss/gateway"
)

// TypEvent is the "typ" of a security event token (RFC 8417, Section 2.3).
const TypEvent = "secevent+jwt"

// EventType is what a security event says happened: the one member of
// "events" is its URN.
type EventType string

// The security events. The first two are signed by agencies, the others by
// gateways.
const (
	MessageReceived      EventType = "message-received"       // the recipient has stored a release
	SealedContentInvalid EventType = "sealed-content-invalid" // it found fields unusable
	MessageAccepted      EventType = "message-accepted"
	ReviewRequested      EventType = "review-requested"
	InfoRequested        EventType = "info-requested"
	ReleaseRefused       EventType = "release-refused"
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

// SignEvent signs e with a message key (agencies) or a release key (gateways).
func SignEvent(e Event, s *Signer) (string, error) { return "", nil }

// OpenEvent verifies a security event for the audience with the key that it
// names, as registered at its iat.
func OpenEvent(raw string, keys Keys, audience string, now time.Time) (Event, error) {
	return Event{}, nil
}
