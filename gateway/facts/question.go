package facts

import (
	"time"

	"sluss/gateway"
)

// Question is one decision to be taken: one actor, one discloser, one message
// type, one purpose and one person (domain, Section 16.1). The caller fills it
// from what was verified: the access request, the message, the directory.
type Question struct {
	Actor     Actor
	Discloser Discloser
	Type      gateway.MessageType
	Purpose   gateway.Purpose
	// Initiative is ByActor for an access request about no message, else
	// ByDiscloser.
	Initiative gateway.Initiative
	Subject    gateway.Ref     // "" where no person is named
	Fields     []gateway.Field // asked for or put forward; may hold [DefaultSet]
	Claimed    []gateway.Basis
	Reason     string // reason code, "" for none
	ReasonLen  int    // characters of its sealed text
	Values     Values
	ValidUntil Date // of a threat assessment
	// About names for each field the other protected persons whose data the
	// sender declares to be in it.
	About     map[gateway.Field][]gateway.Ref
	Marking   Marking // as the message states it; "" without a message
	Bulk      bool
	Urgency   string // "normal", "acute"
	OnScene   bool
	QueuedAt  time.Time // when an unasked message was taken in, else zero
	Emergency *Emergency
	// Table is what the small-cell guard (package policy) says of a follow-up
	// report; the zero Table is one that nobody has looked at, and shows nothing.
	Table Table
	// ReadElsewhere says that another role of the same user has read about the
	// person; the register finds it in its notes too.
	ReadElsewhere bool
	// AgenciesKnown says that actor and discloser are in the directory,
	// LogAvailable that an entry can be written.
	AgenciesKnown bool
	LogAvailable  bool
}

// DefaultSet stands in Question.Fields for the default set.
const DefaultSet gateway.Field = "default"

// Actor is who would see the values. A system that empties a mailbox for a
// function has no user.
type Actor struct {
	Agency   gateway.AgencyID
	Role     gateway.Role
	User     gateway.Ref // for subject.self and subject.guardian the person or guardian
	Function bool        // a mailbox that a function reads counts as assigned (domain, Section 9)
}

// Discloser is whose data it is.
type Discloser struct {
	Agency gateway.AgencyID
	Role   gateway.Role
}

// Emergency is the break-glass block of an access request (domain, Section 18).
type Emergency struct {
	ThreatToLife    bool
	DiaryNo         string
	Reauthenticated bool
	Operation       string
	// Request names the request that was taken in on the day TakenIn; what the
	// gateway noted of it then fills the rest. Without one
	// they are as the caller says.
	Request     gateway.MessageID
	TakenIn     time.Time
	RequestedAt time.Time   // by the gateway's clock; zero if it was never granted
	ConfirmedBy gateway.Ref // the second person; "" while nobody has confirmed
	Chained     bool        // see [Note]
}

// Message types, roles and bases that facts are about.
const (
	threatAssessment gateway.MessageType = "exit.threat_assessment"
	roleSelf         gateway.Role        = "subject.self"
	roleGuardian     gateway.Role        = "subject.guardian"
	care             gateway.Purpose     = "CARE"
	functional       gateway.Class       = "HLT.functional"
)
