package store

import (
	"context"
	"time"

	"sluss/gateway"
)

// Scanner reads whole tables, in a fixed order, for fsck and export. f must
// not call the store; its error ends the scan and is returned.
type Scanner interface {
	ScanMessages(ctx context.Context, f func(m Message, entry uint64) error) error
	ScanStatements(ctx context.Context, f func(Statement) error) error
	ScanMail(ctx context.Context, f func(Mail) error) error
	ScanStates(ctx context.Context, f func(State) error) error
	// LastMail returns the number that was given last to a mailbox item, 0 for
	// none, whether or not the item is still there.
	LastMail(ctx context.Context) (int64, error)
}

// Query says which entries an auditor looks for. A zero member does not
// restrict; at least one of Subject, Case, Discloser and Recipient is set, or
// the period is bounded by From.
type Query struct {
	Discloser, Recipient gateway.AgencyID
	Subject, Case        gateway.Ref
	Kind                 string
	From, To             time.Time // From inclusive, To exclusive
	Before               uint64    // older than the entry with this index: where the last page ended; 0 for the newest
	Limit                int
}

// Indexed is an entry with its place in the log.
type Indexed struct {
	Index uint64
	Entry
}

// Searcher finds entries by what auditors ask for, the newest first.
type Searcher interface {
	Search(ctx context.Context, q Query) ([]Indexed, error)
}

// Forgetter deletes the content of entries when their retention has ended. The
// leaves stay, so that the log can be verified for ever.
type Forgetter interface {
	// Forget empties both parts of the entries whose second part is under an
	// at-rest key, and what they are searched by; it reports how many there
	// were. What it leaves in free pages and in copies is for the caller to make
	// unreadable, by destroying the key.
	Forget(ctx context.Context, key string) (int, error)
	// Bodies reports how many messages of an issuer have their body under an
	// at-rest key.
	Bodies(ctx context.Context, iss gateway.AgencyID, key string) (int, error)
}
