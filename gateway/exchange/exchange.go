// Package exchange carries an exchange out: it holds the order of the steps
// and nothing else. What each step does is the step's own business; that none
// is left out is this package's.
//
//	submit:   Peer → Message (verified, conforming) → committed with its entry → receipt
//	release:  Peer + access → message → facts as of now → decision → view →
//	          committed with its entry → key binding → answer
//
// A message that is taken in is durable before it is acknowledged, and the same
// bytes again give the same receipt. A release is decided on facts as of now,
// whose versions the log's transaction compares once more: when one has moved
// (a consent withdrawn meanwhile, a system revoked, a policy activated) nothing
// was written and the decision is taken again. The view is made and committed
// before it is signed, and signed before it leaves.
//
// Where a sender's name would tell the recipient the place of a protected person,
// or of one who has moved, the message leaves under a registered alias or not at
// all (domain, BLK-META): refused at submit when the sender itself says that it is
// marked, which looks at nothing about the person, and otherwise held back at the
// release, by the registered facts. It is never a reason to withhold a field.
//
// What only a person can decide becomes a task at the discloser, and the message
// is offered again when the decision is recorded; what is asked for in an
// immediate danger to life has a time of its own. DESIGN.md has both.
//
// Every outcome has its entry, refusals included: those a known system causes
// beyond a few a second are counted into one entry. Any error that is not a
// [gateway.Refusal] ends the exchange with nothing released.
package exchange

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/catalogue"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/facts"
	"sluss/gateway/receipt"
	"sluss/gateway/relay"
	"sluss/gateway/store"
)

// ErrConfig is reported by [New] for a configuration that lacks something.
var ErrConfig = errors.New("exchange: configuration")

// Facts answers what the policy may look at, and takes statements in.
type Facts interface {
	Of(ctx context.Context, q facts.Question, now time.Time) (facts.Known, error)
	Admit(ctx context.Context, m catalogue.Conforming, now time.Time) (facts.Admission, error)
	Note(ctx context.Context, n facts.Note) (facts.Admission, error)
	Emergencies(ctx context.Context, a gateway.AgencyID, now time.Time) (facts.Emergencies, error)
}

// Log appends entries. What Append returns without an error is durable.
type Log interface {
	Append(ctx context.Context, w store.Write) (disclosure.Committed, error)
	Again(ctx context.Context, index uint64) (disclosure.Committed, error)
	// Witnessed returns when enough witnesses have cosigned a tree with the entry.
	Witnessed(ctx context.Context, index uint64) error
}

// Store is what an exchange reads; package store has the contract.
type Store interface {
	States(ctx context.Context, names []string) ([]store.State, error)
	Message(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error)
	Heading(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error)
	MailOf(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) ([]store.Mail, error)
	MessageByID(ctx context.Context, to gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error)
	Entry(ctx context.Context, index uint64) (store.Entry, error)
	Statements(ctx context.Context, state string) ([]store.Statement, error)
	Document(ctx context.Context, name string) (store.Document, error)
	Lease(ctx context.Context, name, holder string, now, until time.Time) (bool, error)
	store.Searcher
	store.Forgetter
}

// AtRest encrypts what is stored; package keys has it.
type AtRest interface {
	Encrypt(agency gateway.AgencyID, class string, at time.Time, plaintext, aad []byte) (ciphertext []byte, key string, err error)
	Decrypt(key string, ciphertext, aad []byte) ([]byte, error)
	MAC(domain string, parts ...[]byte) []byte
	Keys() ([]string, error)  // names of those that are not destroyed
	Destroy(key string) error // for good; what is under it opens no more
}

// Config configures an [Exchange]. Every field but Witnessed, Refresh, Restored and
// Now is required.
type Config struct {
	Gateway gateway.ID
	Facts   Facts
	Log     Log
	Store   Store
	AtRest  AtRest
	Mail    *relay.Relay
	Binder  *receipt.Binder
	Logger  *slog.Logger
	// Witnessed reports whether a release for a purpose leaves only when its entry
	// is witnessed. Default: none does; that it is committed is enough.
	Witnessed func(gateway.Purpose) bool
	// Refresh takes over what another gateway has put in force (see
	// [Exchange.Elsewhere]). Default: it is found at the next look.
	Refresh func(ctx context.Context)
	// Restored are the versions of the directory and the policy that were restored
	// from a backup (package recovery); nil if nothing was.
	Restored map[string]int64
	Now      func() time.Time // default time.Now
}

// Exchange carries exchanges out under the [Regime] in force. Before the first
// one both [Exchange.Register] and [Exchange.Enact] must have succeeded. Its
// methods may be called at once.
type Exchange struct {
	cfg      Config
	regime   atomic.Pointer[Regime]
	refusals refusals
	recent   recent
	holder   string // this gateway among those on the database
}

// New returns an Exchange that releases nothing until a directory and a policy
// are in force.
func New(cfg Config) (*Exchange, error) {
	if cfg.Gateway == "" || cfg.Facts == nil || cfg.Log == nil || cfg.Store == nil || cfg.AtRest == nil ||
		cfg.Mail == nil || cfg.Binder == nil || cfg.Logger == nil {
		return nil, fmt.Errorf("%w: a required field is missing", ErrConfig)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Exchange{cfg: cfg, refusals: newRefusals(), holder: rand.Text()}, nil
}

// attempts is how often a decision is taken again because what it rested on
// moved before it was committed.
const attempts = 4

// unavailable is the refusal for what could not be done now and released
// nothing.
func unavailable(err error) error {
	return gateway.Refuse(gateway.CodeUnavailable, "It is not certain that this was done; send the same bytes again.", err)
}

// appended words the errors of an append. A log that cannot be written, for
// whatever reason, is for the operator, and the caller may try again; what was
// refused before anything was appended stays as it is.
func appended(err error) error {
	if _, ok := errors.AsType[*gateway.Refusal](err); ok {
		return err
	}
	switch {
	case errors.Is(err, store.ErrQuota):
		return gateway.Refuse(gateway.CodeQuota, "The sender or the mailbox holds too much that is not fetched.", err)
	case errors.Is(err, store.ErrReplayed):
		return gateway.Refuse(gateway.CodeReplay, "An access request can be used once.", err)
	}
	return unavailable(err)
}

// ofMachine makes an error of the machine below (a full disk, a file without
// permission) a refusal: nothing was released and nothing taken in, and the
// caller may try again.
func ofMachine(err *error) {
	if _, ok := errors.AsType[*gateway.Refusal](*err); ok {
		return
	}
	if cause, ok := errors.AsType[syscall.Errno](*err); ok {
		if cause == syscall.ENOSPC || cause == syscall.EDQUOT {
			*err = fmt.Errorf("%w: %w", ErrFull, *err)
		}
		*err = unavailable(*err)
	}
}

// standing returns nil if the peer's system may act in the role now, and
// otherwise the refusal for one that was revoked, or lost the role, since the
// connection was made.
func (r *Regime) standing(p authn.Peer, role gateway.Role, now time.Time) error {
	system, ok := r.Directory.System(p.URI())
	if !ok || system.Agency != p.Agency() || !system.Active(now) {
		return gateway.Refuse(gateway.CodeSystemRevoked, "the system is not registered any more", nil)
	}
	if role != "" && !slices.Contains(system.Roles, role) {
		return gateway.Refuse(gateway.CodeRoleNotAllowed, "the system may not act in that role any more", nil)
	}
	return nil
}

// asking returns nil if the official may still ask now: the system in the role,
// and the access key with which the request was signed.
func (r *Regime) asking(o authn.Official, now time.Time) error {
	a := o.Access()
	if err := r.standing(o.Peer(), a.Role, now); err != nil {
		return err
	}
	head, err := envelope.PeekJWT(o.Request())
	if err == nil {
		_, err = r.Directory.Key(a.Agency.URN(), head.KeyID, envelope.UseAccess, now)
	}
	if err != nil || !r.Directory.MayAct(head.KeyID, a.Role) {
		return gateway.Refuse(gateway.CodeUnknownKey, "the access key is not registered any more", err)
	}
	return nil
}

// names returns the agency and the aliases under which it receives and sends.
func (r *Regime) names(agency gateway.AgencyID, now time.Time) []gateway.AgencyID {
	return append([]gateway.AgencyID{agency}, r.Directory.Aliases(agency, now)...)
}

// owner returns the agency that acts under a name; the name itself if nobody
// does any more.
func (r *Regime) owner(name gateway.AgencyID, now time.Time) gateway.AgencyID {
	if owner, ok := r.Directory.Owner(name, now); ok {
		return owner
	}
	return name
}

// open returns a message as it was taken in.
func (x *Exchange) open(m store.Message) (envelope.Message, error) {
	raw, err := x.cfg.AtRest.Decrypt(m.Key, m.Body, StoredAAD(m))
	if err != nil {
		return envelope.Message{}, fmt.Errorf("opening a stored message: %w", err)
	}
	return envelope.Reopen(raw, m.Digest)
}
