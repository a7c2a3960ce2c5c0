package disclosure

import (
	"fmt"

	"sluss/gateway/store"
)

// Kind says what an entry records.
type Kind string

// The kinds of entry.
const (
	MessageAccepted   Kind = store.KindAccepted // a message was taken in
	MessageRefused    Kind = "message-refused"
	StatementAdmitted Kind = store.KindAdmitted // a signed fact was taken in
	StatementRefused  Kind = "statement-refused"
	Release           Kind = store.KindRelease   // a view left
	Withheld          Kind = "withheld"          // decided, and no data left
	RequestReceived   Kind = "request-received"  // an official asked another agency
	Acknowledged      Kind = "acknowledged"      // the recipient says it has what was released
	DeliveryFailed    Kind = "delivery-failed"   // the recipient could not use it
	Reviewed          Kind = "reviewed"          // what the review of break-glass came to
	Expired           Kind = "expired"           // a message's life ended before it was fetched
	DirectoryChanged  Kind = "directory-changed" // agencies, systems or keys
	PolicyActivated   Kind = "policy-activated"  // a snapshot with its approvals
	PolicyRefused     Kind = "policy-refused"    // a snapshot or approval that does not hold
	Incident          Kind = "incident"          // what an operator or officer must see
	RefusalsCounted   Kind = "refusals-counted"  // refusals over the rate limit, in one entry
	Purged            Kind = "purged"            // content was deleted, keys destroyed
	Restored          Kind = "restored"          // the database was, from a backup; first entry of the log under its new name
)

// need is a member of E1 that an entry must have.
type need struct {
	name string
	has  func(*E1) bool
}

var (
	needCode      = need{"code", func(e *E1) bool { return e.Code != "" }}
	needMessage   = need{"message", func(e *E1) bool { return e.Message != "" }}
	needDiscloser = need{"discloser", func(e *E1) bool { return e.Discloser != "" }}
	needRecipient = need{"recipient", func(e *E1) bool { return e.Recipient != "" }}
	needDigest    = need{"digest", func(e *E1) bool { return e.Digest != nil }}
	needRequest   = need{"request", func(e *E1) bool { return e.Request != nil }}
	needKept      = need{"kept", func(e *E1) bool { return e.Kept != nil }}
	needType      = need{"type", func(e *E1) bool { return e.Type != "" }}
	needDelivery  = need{"delivery", func(e *E1) bool { return e.Delivery != "" }}
	needSDHash    = need{"sd_hash", func(e *E1) bool { return e.SDHash != nil }}
	needRole      = need{"role", func(e *E1) bool { return e.Role != "" }}
	needPurpose   = need{"purpose", func(e *E1) bool { return e.Purpose != "" }}
	needSnapshot  = need{"snapshot", func(e *E1) bool { return e.Snapshot != nil }}
	needData      = need{"allowed", func(e *E1) bool { return e.Outcome.Releases() && len(e.Allowed) > 0 }}
	needNoData    = need{"outcome", func(e *E1) bool {
		return e.Outcome != "" && !e.Outcome.Releases() && e.SDHash == nil && len(e.Allowed) == 0
	}}
	needEvent      = need{"event", func(e *E1) bool { return e.Event != "" }}
	needCount      = need{"count", func(e *E1) bool { return e.Count > 0 }}
	needCheckpoint = need{"checkpoint", func(e *E1) bool { return e.Checkpoint != "" }}
	needLife       = need{"exp", func(e *E1) bool { return e.Issued > 0 && e.Expires > e.Issued }}
)

// needs says for each kind what an entry of it must say to the parties. An
// entry of any other kind is refused.
var needs = map[Kind][]need{
	MessageAccepted:   {needMessage, needDiscloser, needDigest, needType, needLife},
	MessageRefused:    {needCode},
	StatementAdmitted: {needMessage, needDiscloser, needDigest, needKept, needType},
	StatementRefused:  {needCode},
	Release: {needDelivery, needMessage, needDiscloser, needRecipient, needSDHash, needRole, needPurpose, needType,
		needSnapshot, needData},
	Withheld:         {needRecipient, needRole, needPurpose, needSnapshot, needNoData},
	RequestReceived:  {needRecipient, needRequest, needRole, needPurpose},
	Acknowledged:     {needDelivery, needRecipient, needEvent},
	DeliveryFailed:   {needDelivery, needRecipient, needCode},
	Reviewed:         {needMessage, needRecipient, needRole, needEvent, needCode},
	Expired:          {needMessage, needDiscloser},
	DirectoryChanged: {needDigest},
	PolicyActivated:  {needSnapshot},
	PolicyRefused:    {needCode},
	Incident:         {needCode},
	RefusalsCounted:  {needCode, needCount},
	Purged:           {needCount},
	Restored:         {needCheckpoint},
}

// complete reports what e lacks for its kind, as [ErrMalformed].
func (e *E1) complete() error {
	list, ok := needs[e.Kind]
	if !ok {
		return fmt.Errorf("%w: unknown kind", ErrMalformed)
	}
	for _, n := range list {
		if !n.has(e) {
			return fmt.Errorf("%w: %s without %s", ErrMalformed, e.Kind, n.name)
		}
	}
	return nil
}
