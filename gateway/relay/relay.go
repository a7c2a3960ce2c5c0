// Package relay keeps the mailboxes: what waits for which function of which
// agency, what was handed out and what has been acknowledged. It is polling
// in the sense of RFC 8936: the recipient fetches, stores and acknowledges;
// until then it gets the same again.
//
// A mailbox is an agency's function, that is a [Box] of agency and role. An
// item is a message, which must be decided before each hand-out (package
// exchange does that), or a notice: a security event token (RFC 8417) signed
// by the gateway or by the other party and handed out as it is.
//
// An acknowledgement names the delivery id under which a message was handed
// out and carries the recipient's signed message-received token, which goes on
// to the sender: the evidence of receipt is the recipient's signature and not
// the gateway's word. It ends the item; the body is purged once every mailbox
// it lies in is done, or kept to its expiry if named officials read the type.
//
// The relay decides nothing and opens nothing: what an item holds is
// ciphertext to it.
package relay

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/store"
)

// ErrConfig is reported by [New] for a configuration that lacks something.
var ErrConfig = errors.New("relay: configuration")

// Box names a mailbox: one function of one agency.
type Box struct {
	Agency gateway.AgencyID
	Role   gateway.Role
}

// Store is what the relay reads; package store has the contract.
type Store interface {
	Claim(ctx context.Context, holder string, items []store.Mail, now, until time.Time) ([]store.Mail, error)
	Mailbox(ctx context.Context, agency gateway.AgencyID, roles []gateway.Role, now time.Time, limit int) ([]store.Mail, error)
	MailByDelivery(ctx context.Context, agency gateway.AgencyID, deliveries []string) ([]store.Mail, error)
	Heading(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error)
	Expired(ctx context.Context, now time.Time, limit int) ([]store.Mail, error)
	Purge(ctx context.Context, now time.Time, keep []gateway.MessageType) (int, error)
}

// Log appends entries; what it returns without an error is durable.
type Log interface {
	Append(ctx context.Context, w store.Write) (disclosure.Committed, error)
	AppendAll(ctx context.Context, writes []store.Write) ([]disclosure.Committed, []error)
}

// Sealer is the at-rest keys. Package keys has them.
type Sealer interface {
	disclosure.Sealer
	Authenticator
}

// Authenticator makes codes under a key outside the database, of 32 bytes.
type Authenticator interface {
	MAC(domain string, parts ...[]byte) []byte
}

// Config configures a [Relay]. Gateway, Store, Log, Sealer, Signer, Keys and
// Logger are required; the zero value of any other field means its default.
type Config struct {
	Gateway gateway.ID
	Store   Store
	Log     Log
	Sealer  Sealer               // encrypts the second part of entries, authenticates notices
	Signer  *envelope.Signer     // a release key of the gateway, for its notices
	Keys    func() envelope.Keys // the directory as of now
	Logger  *slog.Logger

	// Lease is how long a hand-out is kept from being handed out again.
	// Default 60s.
	Lease time.Duration
	// Keep lists the types whose messages stay until they expire, because named
	// officials read them.
	Keep func() []gateway.MessageType
	// Sweep is how often expired items and bodies are looked for. Default 1m.
	Sweep time.Duration
	// Recheck is how often a waiting poll looks again although nothing arrived
	// here: a lease may have ended, a fact changed, another replica written.
	// Default 2s.
	Recheck time.Duration
	Now     func() time.Time // default time.Now
}

// Relay is the mailboxes. Its methods may be called at once.
type Relay struct {
	cfg    Config
	bell   bell
	claims claims
	handed handed
	holder string // this gateway among those on the database
	purged int64  // messages whose body is gone and of which there is no entry yet; Run's
}

// New returns a Relay that does nothing of its own until [Relay.Run].
func New(cfg Config) (*Relay, error) {
	if cfg.Gateway == "" || cfg.Store == nil || cfg.Log == nil || cfg.Sealer == nil || cfg.Signer == nil || cfg.Keys == nil || cfg.Logger == nil {
		return nil, fmt.Errorf("%w: a required field is missing", ErrConfig)
	}
	cfg.Lease = cmp.Or(cfg.Lease, time.Minute)
	cfg.Sweep = cmp.Or(cfg.Sweep, time.Minute)
	cfg.Recheck = cmp.Or(cfg.Recheck, 2*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Keep == nil {
		cfg.Keep = func() []gateway.MessageType { return nil }
	}
	return &Relay{cfg: cfg, holder: rand.Text()}, nil
}

// Waiting returns up to limit items of the mailbox that may be handed out now,
// those not tried yet first. Nobody here gets the messages among them again
// until done is called, so that a second call returns the next ones, if there
// are more; nobody at another replica does for a moment, and should one after
// all, the version of the item decides.
func (r *Relay) Waiting(ctx context.Context, box Box, limit int) (items []store.Mail, more bool, done func(), err error) {
	var mine []store.Mail
	for len(mine) == 0 {
		ask := limit + r.claims.number(box)
		found, err := r.cfg.Store.Mailbox(ctx, box.Agency, []gateway.Role{box.Role}, r.cfg.Now(), ask)
		if err != nil {
			return nil, false, func() {}, err
		}
		mine, more = r.claims.take(box, found, limit), len(found) >= ask
		if !more || limit == 0 {
			break
		}
		// Others have claimed all of it since they were counted: look further.
	}
	done = func() { r.claims.release(box, mine) }
	now := r.cfg.Now()
	items, err = r.cfg.Store.Claim(ctx, r.holder, mine, now, now.Add(r.cfg.Recheck))
	if err != nil {
		done()
		return nil, false, func() {}, err
	}
	return items, more, done, nil
}

// HandOut remembers a hand-out that is committed, for its acknowledgement.
func (r *Relay) HandOut(o HandedOut) { r.handed.put(o) }

// Lease returns the moment until which an item handed out now is not handed
// out again.
func (r *Relay) Lease() time.Time { return r.cfg.Now().Add(r.cfg.Lease) }

// Run expires and purges until ctx is done, and returns its cause.
func (r *Relay) Run(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Sweep)
	defer tick.Stop()
	for {
		if err := r.sweep(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Logger.WarnContext(ctx, "sweeping mailboxes did not finish", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
