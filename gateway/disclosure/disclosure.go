// Package disclosure is the log of what the gateway did: each message taken
// in, each release with its basis and reasons, each refusal. It is step 6 of
// an exchange; nothing leaves before [Log.Append] has returned its proof.
//
// # Entries
//
// An entry has two parts ([E1], [E2]), JSON objects with a fixed order of
// members, hashed and stored as written. The leaf is SHA-256(E1) followed by
// SHA-256(E2). E1 goes with the release to the parties; E2 is for auditors of
// the agency whose data it is, and is encrypted at rest. Each has 128 random
// bits of its own, so that a leaf tells nothing about what is in them. No part
// ever holds a field value.
//
// # The tree
//
// Leaves form a Merkle tree (RFC 9162, Section 2.1) whose head, tiles and
// entries are written in the transaction that writes messages and mailboxes
// (package store). What waits is committed together; after the commit one
// checkpoint (c2sp.org/tlog-checkpoint, a c2sp.org/signed-note under Ed25519)
// is signed for the batch, never before: a signed head that is rolled back
// would be a fork. Tiles and bundles follow c2sp.org/tlog-tiles, proofs
// c2sp.org/tlog-proof, so that tools we did not write can check them.
//
// # Strictness
//
// When it is not certain that a batch was committed, nobody gets a
// [Committed]. A head smaller than one seen before, or another root at the
// same size, stops the log; the largest head published, or signed here for
// another gateway to publish, stands in a file outside the database
// (Config.Anchor) and is compared at each start. An entry is refused when the
// clock is more than a minute behind the log.
//
// # Witnesses
//
// With Config.Witnesses every checkpoint is cosigned (c2sp.org/tlog-witness) by
// a quorum of other parties before it is published, so that nobody can be shown
// a log that others are not shown. The log asks every witness before it takes an
// entry: one that has seen more, or something else, stops it, at the start and
// later. A start without a quorum of answers ends with [ErrQuorum]. When later
// the quorum is missing, entries are committed as before, but nothing newer is
// published, and [Log.Witnessed] waits.
//
// The log does not decide what is disclosed (package policy) and does not make
// the receipts (package receipt).
package disclosure

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"sluss/gateway/store"
)

// Errors of the log; errors.Is. Those of package store come through as well.
var (
	ErrRollback  = errors.New("disclosure: the stored log is older than one that was seen")
	ErrFork      = errors.New("disclosure: the stored log is not the one that was seen")
	ErrAnchor    = errors.New("disclosure: the anchor file is missing or not of this log")
	ErrClock     = errors.New("disclosure: the clock and the log's time disagree")
	ErrStopped   = errors.New("disclosure: the log has stopped")
	ErrMalformed = errors.New("disclosure: malformed entry")
	ErrProof     = errors.New("disclosure: proof does not verify")
	ErrNotYet    = errors.New("disclosure: not in the published log yet")
	ErrWitnesses = errors.New("disclosure: trust policy does not hold")
	ErrQuorum    = errors.New("disclosure: not enough witnesses have cosigned")
)

// skew is how far a clock may be from the log's last time.
const skew = time.Minute

// The limits of a batch. There is no timer: what waits is taken.
const (
	maxBatch      = 256
	maxBatchBytes = 4 << 20
)

// Config configures a [Log]. Store, Key, Origin and Anchor are required; the
// zero value of any other field means its default.
type Config struct {
	Store  store.Store
	Key    crypto.Signer // Ed25519; signs checkpoints
	Origin string        // the log's name, "<name>.sluss/log"
	// Anchor is the file that keeps the largest checkpoint published, or signed
	// here if another gateway is to publish it. It lies outside the database and
	// outside its backups.
	Anchor string
	// Adopt accepts the log in the store although the anchor file is missing:
	// an operator's decision, for the first start on a new machine.
	Adopt bool
	// Interval is how often a new checkpoint is published. Default 1 s.
	Interval time.Duration
	// Witnesses are asked to cosign what is published: a trust policy whose
	// witnesses have URLs. Default: none.
	Witnesses *Witnesses
	// WitnessClient carries the questions. Default: HTTPS as this machine trusts
	// it, or HTTP as the URL says, without redirects.
	WitnessClient *http.Client
	// Patience is how long a start waits for a quorum of witnesses. Default 30 s.
	Patience time.Duration
	// Recosign is how often the published checkpoint is cosigned anew while
	// nothing is appended, so that a log that stands still is not taken for one
	// that is held back. Default 1 min.
	Recosign time.Duration
	Log      *slog.Logger     // default: none
	Now      func() time.Time // default time.Now
}

// Log appends entries and proves them. Its methods may be called at once.
type Log struct {
	cfg      Config
	signer   note.Signer
	verifier note.Verifier
	queue    chan *request
	started  chan struct{} // closed when Run takes entries
	stopped  chan struct{} // closed when Run has ended
	metrics  metrics
	holder   string // this gateway among those on the database
	circle   *circle
	news     news

	tree     *tree  // of the last commit seen; the batcher's
	anchored []byte // the checkpoint in the anchor file; who publishes has it

	latest    atomic.Pointer[signed] // the last commit's
	published atomic.Pointer[signed]
	ill       atomic.Pointer[error] // of the last commit; nil when it went well
}

// signed is a head with its checkpoint.
type signed struct {
	head       store.Head
	checkpoint []byte
}

// New returns a log. It reads nothing; [Log.Run] does.
func New(cfg Config) (*Log, error) {
	if cfg.Store == nil || cfg.Key == nil || cfg.Anchor == "" {
		return nil, fmt.Errorf("configuring log: store, key and anchor are required")
	}
	cfg.Interval, cfg.Patience, cfg.Recosign = cmp.Or(cfg.Interval, time.Second), cmp.Or(cfg.Patience, 30*time.Second), cmp.Or(cfg.Recosign, time.Minute)
	if cfg.WitnessClient == nil {
		cfg.WitnessClient = newWitnessClient()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s, err := newSigner(cfg.Origin, cfg.Key)
	if err != nil {
		return nil, err
	}
	v, err := NewVerifier(cfg.Origin, cfg.Key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	l := &Log{
		cfg: cfg, signer: s, verifier: v, news: news{next: make(chan struct{})},
		queue: make(chan *request, 4*maxBatch), started: make(chan struct{}), stopped: make(chan struct{}), metrics: newMetrics(), holder: rand.Text(),
	}
	if cfg.Witnesses != nil {
		if err := l.gather(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Run compares the stored log with the anchor, then appends what is asked for
// and publishes checkpoints until ctx is done, and publishes the last one. It
// is called once. Whatever ends it, every [Log.Append] that waits is answered.
func (l *Log) Run(ctx context.Context) error {
	defer l.refuseRest()
	defer close(l.stopped)
	if err := l.start(ctx); err != nil {
		return fmt.Errorf("starting log: %w", err)
	}
	close(l.started)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.batches(ctx) })
	g.Go(func() error { return l.publications(ctx) })
	err := g.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), leadership)
	defer cancel()
	if perr := l.publish(last); err == nil && !errors.Is(perr, ErrQuorum) {
		err = perr // without a quorum, as while it ran, nothing is published
	}
	// Another gateway need not wait for the lease to end. If it must, it does.
	now := l.cfg.Now()
	l.cfg.Store.Lease(last, publisher, l.holder, now, now)
	return err
}

// Started returns when [Log.Run] takes entries: the stored log is the one that was
// seen. It is [ErrStopped] when Run has ended instead, and says why.
func (l *Log) Started(ctx context.Context) error {
	select {
	case <-l.started:
		return nil
	case <-l.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Verifier returns the verifier of the log's checkpoints.
func (l *Log) Verifier() note.Verifier { return l.verifier }
