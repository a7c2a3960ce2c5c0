// Package store is the contract between the gateway and the database that
// keeps its messages, mailboxes, facts and disclosure log: the rows, the one
// way to write them and the errors that a backend reports. Packages
// store/sqlite and store/postgres keep the contract; store/storetest is the
// suite that holds them to it.
//
// There is one way to write: [Commit] of a batch of [Write]s in one durable
// transaction, serialised by the log's head row. Within it the backend, for
// each write in order, compares the versions the writer relied on, applies the
// rows and counts the entries; then asks the caller to grow the tree by the
// leaves accepted, stores tiles and head, and commits with a sync. A write
// that conflicts is left out whole and does not disturb the others. So a
// message is durable exactly when its entry is, and a release is marked
// exactly when its entry is.
//
// Bodies come encrypted (package keys): a backend sees identifiers, versions,
// digests, times and ciphertext.
package store

import (
	"context"
	"errors"
	"time"

	"sluss/gateway"
)

// Errors of a single write; errors.Is. Any other error of Commit concerns the
// whole batch: nothing is known to be written, and nothing may be released.
var (
	ErrMoved     = errors.New("store: a version this write relied on has moved")
	ErrReplayed  = errors.New("store: single-use identifier was used before")
	ErrDuplicate = errors.New("store: message identifier was used before") // see Result.Existing
	ErrNotFound  = errors.New("store: no such row")
	ErrQuota     = errors.New("store: mailbox or sender holds too much")
	// ErrUnknown means that a commit may or may not have happened. The caller
	// releases nothing and looks the rows up before it answers.
	ErrUnknown = errors.New("store: result of the commit is unknown")
	// ErrFull means that the disk is full: of one write, that it was left out,
	// because what space is reserved is for Write.Reserved; of Commit, that
	// nothing of the batch was written.
	ErrFull = errors.New("store: no space left, nothing was written")
	// ErrInvalid is a write that does not hold together: a message without an
	// entry, a version that skips one.
	ErrInvalid = errors.New("store: write does not hold together")
)

// The kinds of entry that rows of other tables refer to; package disclosure
// has them all.
const (
	KindAccepted = "message-accepted"   // Message and the Mail made with it
	KindAdmitted = "statement-admitted" // Statement
	KindRelease  = "release"            // Mail that is or was handed out; Statement that is a note of it
	KindRequest  = "request-received"   // Message that is an official's request; Statement that is a note of it
)

// Head is the state of the tree: as many entries, under this root.
type Head struct {
	Size uint64
	Root gateway.Digest
	Time time.Time // the latest of any entry; it never goes back
}

// Tile is a piece of the tree in the form of C2SP tlog-tiles: up to 256 hashes.
type Tile struct {
	Level, Index uint64
	Hashes       []byte // width * 32 bytes
}

// Entry is one row of the disclosure log.
type Entry struct {
	Leaf [64]byte // SHA-256(E1) || SHA-256(E2)
	E1   []byte   // as hashed; never re-encoded
	E2   []byte   // ciphertext under Key
	Key  string   // at-rest key of E2
	Kind string   // what happened, "release"
	Time time.Time
	// Batch is the size of the tree after the batch that brought the entry;
	// set by the store. The receipt of the entry proves it in the tree of that
	// size, so that it can be made again, byte for byte.
	Batch uint64
	// What auditors search by; zero where it does not apply.
	Discloser, Recipient gateway.AgencyID
	Subject, Case        gateway.Ref
}

// Message is a message taken in, until it is purged.
type Message struct {
	Issuer  gateway.AgencyID
	ID      gateway.MessageID
	Digest  gateway.Digest // of the token as sent
	To      gateway.AgencyID
	Sender  gateway.Role // the function it was sent from, whose mailbox hears of it
	Type    gateway.MessageType
	Subject gateway.Ref
	Issued  time.Time
	Expires time.Time
	Body    []byte // ciphertext of the token
	Key     string // at-rest key of Body
}

// MailState is where a mailbox item stands.
type MailState string

// The states of a mailbox item. An item waits until it is handed out; it is
// held while policy releases nothing; handed until acknowledged.
const (
	Waiting MailState = "waiting"
	Held    MailState = "held"
	Handed  MailState = "handed"
	Done    MailState = "done"    // acknowledged
	Expired MailState = "expired" // ended before it was acknowledged: by its time, or because its recipient may have nothing any more
	Refused MailState = "refused" // recipient reported an error (RFC 8936 setErrs)
)

// Mail is one item in the mailbox of an agency's function (its role): a
// message to be decided and released, or a notice (a signed SET) to be handed
// out as it is.
type Mail struct {
	Seq      int64 // assigned by the store, rising
	Agency   gateway.AgencyID
	Role     gateway.Role
	Issuer   gateway.AgencyID // with Message: the row in Message
	Message  gateway.MessageID
	Notice   []byte // a SET, when Message is ""
	NoticeID string // its jti
	Expires  time.Time
	State    MailState
	Version  int64          // rises with each change; compared by MailChange
	Lease    time.Time      // Handed, Held: not listed by Mailbox before
	Hold     []byte         // what the last decision looked at (opaque to the store); an equal value need not be decided again
	Delivery string         // id of the last hand-out
	Entry    uint64         // index of the entry of its last hand-out; before that, of the entry it was made with
	Token    gateway.Digest // digest of what was handed out
}

// MailChange moves a mailbox item, if its version still is Mail.Version, else
// [ErrMoved]. Of Mail the store takes State, Lease, Hold, Delivery and Token,
// and sets Version to Version+1. When State is Handed it sets Entry to the
// index of the write's first entry; a write without entries may hand out again
// only what was handed out before, under the same Delivery and Token.
type MailChange struct{ Mail }

// State is a named version that decisions rest on: "directory", "policy",
// "person:<ref>", "provider:<orgnr>", "user:<agency>:<ref>". Digest covers what stands
// under the name, MAC is made with a key outside the database.
type State struct {
	Name    string
	Version int64 // 0 means never written
	Digest  gateway.Digest
	MAC     []byte
}

// Document is what stands under a state's name as a whole, as it was signed:
// the directory's file, the policy's bundle. It is written with its state, so
// that every gateway on the database has what the others put in force; who reads
// it verifies it like the file.
type Document struct {
	Name    string
	Version int64 // of the state it was set with
	Body    []byte
}

// Statement is one signed fact, kept as it was signed.
type Statement struct {
	State  string // name of the State it belongs to
	Issuer gateway.AgencyID
	ID     gateway.MessageID
	Type   gateway.MessageType
	Fact   string         // what within the state it is about: consent id, decision id, …
	Seq    int64          // the stater's sequence number for Fact
	Digest gateway.Digest // of the token as kept: without its sealed disclosures
	Body   []byte         // ciphertext of the token
	Key    string
	Entry  uint64 // index of the entry that admitted it; set by the store
}

// Write is what one request asks of the database: all of it or nothing.
type Write struct {
	Expect      []State    // Version compared, else ErrMoved; a name never written has version 0
	Set         []State    // stored; Version must be the expected one plus 1
	Documents   []Document // stored in place of those before; each of a State in Set, under its Version
	Replay      string     // single-use identifier, "" for none
	ReplayUntil time.Time
	Message     *Message
	Statements  []Statement
	Mail        []Mail
	Change      []MailChange
	Entries     []Entry
	// Reserved lets entries, and nothing else, be written into the space that is
	// reserved for when the disk is full: what was refused must still be recorded.
	Reserved bool
}

// Result is the fate of one Write. When several conflicts meet, ErrDuplicate
// goes before ErrReplayed, ErrMoved, ErrFull and ErrQuota, so that a message sent
// twice is known again whatever changed since.
type Result struct {
	Index    uint64   // of the first entry; the others follow
	Existing *Message // with ErrDuplicate: the row that is there, without Body
	Entry    uint64   // with ErrDuplicate: the index of its entry
	Err      error
}

// Growth is what the tree becomes by a batch.
type Growth struct {
	Head  Head
	Tiles []Tile // new or wider than stored
}

// TileReader reads tiles as they are in the transaction, by Level and Index.
type TileReader func(want []Tile) ([]Tile, error)

// Grow is called inside the transaction, under the head lock, with the head
// as stored and the leaves accepted, in order. Another gateway may have written
// since the caller's last Commit; tiles reads what it wrote. Beyond that Grow
// must not block. An error rolls the whole batch back. When a backend has to do
// its transaction again Grow is called again, and the last call counts.
type Grow func(head Head, leaves [][64]byte, tiles TileReader) (Growth, error)

// Store is a backend. All methods may be called at once.
type Store interface {
	// Commit applies a batch in one durable transaction and returns one result
	// per write. When it returns nil, every result without an error is synced.
	Commit(ctx context.Context, batch []Write, grow Grow) ([]Result, error)

	Head(ctx context.Context) (Head, error)
	Tiles(ctx context.Context, want []Tile) ([]Tile, error) // by Level and Index; ErrNotFound
	Leaves(ctx context.Context, from, to uint64) ([][64]byte, error)
	Entry(ctx context.Context, index uint64) (Entry, error)
	Entries(ctx context.Context, from uint64, limit int) ([]Entry, error)

	States(ctx context.Context, names []string) ([]State, error)                                      // in the order asked; version 0 if unknown
	Document(ctx context.Context, name string) (Document, error)                                      // ErrNotFound
	Statements(ctx context.Context, state string) ([]Statement, error)                                // in order of admission
	Message(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (Message, uint64, error) // and its entry's index
	// Heading is Message without the body, for those who do not open it.
	Heading(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (Message, uint64, error)
	MessageByID(ctx context.Context, to gateway.AgencyID, id gateway.MessageID) (Message, uint64, error)
	// Mailbox lists up to limit items of the mailboxes that may be handed out
	// at now: waiting, and held or handed with a lease that ended. What was not
	// tried yet comes first, oldest first; then what was tried, by the end of
	// its lease, so that what is held does not bar what waits.
	Mailbox(ctx context.Context, agency gateway.AgencyID, roles []gateway.Role, now time.Time, limit int) ([]Mail, error)
	// Claim keeps items from the other gateways on this database until a moment:
	// it returns those, in order, that no other has claimed, and claims them for
	// holder. A claim saves work and decides nothing: it may be lost, and what
	// counts is the version in MailChange.
	Claim(ctx context.Context, holder string, items []Mail, now, until time.Time) ([]Mail, error)
	// MailByDelivery returns the messages whose last hand-out is named, and the
	// notices named by their id.
	MailByDelivery(ctx context.Context, agency gateway.AgencyID, ids []string) ([]Mail, error)
	MailOf(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) ([]Mail, error)

	// Expired lists up to limit items that are waiting, held or handed although
	// their time is past at now, the longest past first.
	Expired(ctx context.Context, now time.Time, limit int) ([]Mail, error)

	// Purge deletes replay identifiers past their time and the bodies of
	// messages that are acknowledged everywhere or expired; it reports of how
	// many messages the body went. keep lists types kept to their expiry.
	Purge(ctx context.Context, now time.Time, keep []gateway.MessageType) (int, error)

	// Lease reports whether holder is the one gateway that does what name says
	// until a moment: whoever asks first while nobody holds it, or holds it
	// already. Until now gives it back.
	Lease(ctx context.Context, name, holder string, now, until time.Time) (bool, error)
	// Publish stores a checkpoint of a tree of this size as the newest that was
	// published, unless a larger one was; one of the same size replaces it.
	Publish(ctx context.Context, size uint64, note []byte) error
	Published(ctx context.Context) (note []byte, err error) // ErrNotFound

	// Check reads every table against the rows it refers to and reports what
	// does not fit, in words that hold no content (log fsck).
	Check(ctx context.Context) ([]string, error)
	Close() error
}
