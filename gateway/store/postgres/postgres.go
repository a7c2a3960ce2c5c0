// Package postgres keeps the storage contract (package store) in PostgreSQL:
// for several gateways on one database, and a database with standbys.
//
// A batch is one transaction of two round trips. The first locks the head row
// (SELECT … FOR UPDATE) and reads what the writes name: at READ COMMITTED each
// statement after the lock sees the newest commits, and since whoever writes
// takes that lock first, nothing that was read moves before COMMIT. The row is
// the sequencer of all gateways on the database; nothing that one of them
// remembers is trusted across transactions. The second writes what was accepted
// and commits.
//
// A commit is acknowledged when the server says so after a sync, and after the
// synchronous standby has it when there is one. A COMMIT that is cancelled
// while it waits for the standby succeeds with a warning: such a commit, and
// one whose connection was lost, is [store.ErrUnknown]. After that, and after a
// server was started anew, what can be read may not be on the standby yet;
// before the store reads on, it commits and waits once more, because a standby
// that has a later commit has all before it. Of a doubt that another gateway has
// nobody here is told: therefore what leaves a gateway leaves after a commit of
// its own, and a message that is there already is said to be so after one.
//
// [Open] refuses a server whose settings are weaker than that (fsync,
// full_page_writes, synchronous_commit, and the standby that Config.HA
// promises), and each new connection is checked again, so that a failover to a
// weaker server is noticed. Connections set what they need themselves; a pooler
// that shares sessions between transactions must not stand in between. Errors
// hold SQLSTATE codes and no text of the server, which may quote values.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/singleflight"

	"sluss/gateway/store"
)

// Errors of Open; errors.Is.
var (
	ErrConfig = errors.New("postgres: connection string cannot be used")
	ErrSchema = errors.New("postgres: not a database of this version")
	ErrUnsafe = errors.New("postgres: a setting is unsafe")
	ErrView   = errors.New("postgres: opened to read")
)

// Config configures a [Store]. DSN is required; the zero value of any other
// field means its default.
type Config struct {
	// DSN names the database, as a URL or in keywords and values (PostgreSQL,
	// "Connection Strings"), with more than one host where a standby may be
	// promoted. Only a server that takes writes is used.
	DSN string
	// HA says that the database has a synchronous standby: without one that
	// streams the store is not opened, and not healthy.
	HA bool
	// Mailbox is the most messages that wait in one mailbox. Default 100,000.
	Mailbox int
	// Sender is the most messages of one agency that are held. Default 200,000.
	Sender int
	// Timeout is how long one commit may take, the wait for the standby included.
	// Default 10s.
	Timeout time.Duration
	// Readers is the most connections that read. Default 8.
	Readers int
	// Writers is the most connections that write. Default 4.
	Writers int
}

// Store is a database. Its methods may be called at once.
type Store struct {
	cfg   Config
	read  *pgxpool.Pool
	write *pgxpool.Pool // nil for a view

	barrier singleflight.Group     // of settle
	doubts  atomic.Uint64          // how often what can be read may not have been durable
	settled atomic.Uint64          // how many of them a later commit has ended
	started atomic.Pointer[string] // when the server was started that was connected to last
	full    atomic.Bool            // the last commit found the disk full
	metrics *metrics
}

// Open connects to the database, and makes or renews its schema. It fails with
// [ErrConfig] when the DSN cannot be used, [ErrSchema] when the database is of a
// later version and [ErrUnsafe] when a setting that durability rests on does
// not hold.
func Open(ctx context.Context, cfg Config) (_ *Store, err error) {
	s := &Store{cfg: cfg.filled(), metrics: newMetrics()}
	s.doubts.Store(1)
	defer func() {
		if err != nil {
			s.Close()
			err = fmt.Errorf("opening store: %w", err)
		}
	}()
	if s.write, err = s.pool(ctx, s.cfg.Writers, writer); err != nil {
		return nil, err
	}
	if s.read, err = s.pool(ctx, s.cfg.Readers, reader); err != nil {
		return nil, err
	}
	if err := s.Healthy(ctx); err != nil {
		return nil, err
	}
	return s, s.migrate(ctx)
}

// View opens the database to read it, at a standby too. Every write fails with
// [ErrView].
func View(ctx context.Context, dsn string) (_ *Store, err error) {
	s := &Store{cfg: Config{DSN: dsn, Readers: 2}.filled(), metrics: newMetrics()}
	if s.read, err = s.pool(ctx, s.cfg.Readers, viewer); err != nil {
		return nil, fmt.Errorf("viewing store: %w", err)
	}
	if err := s.checkVersion(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("viewing store: %w", err)
	}
	return s, nil
}

func (c Config) filled() Config {
	c.Mailbox = cmp.Or(c.Mailbox, 100_000)
	c.Sender = cmp.Or(c.Sender, 200_000)
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	c.Readers = cmp.Or(c.Readers, 8)
	c.Writers = cmp.Or(c.Writers, 4)
	return c
}

// Close closes the connections. A commit that is under way ends first.
func (s *Store) Close() error {
	for _, p := range []*pgxpool.Pool{s.write, s.read} {
		if p != nil {
			p.Close()
		}
	}
	return nil
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Scanner   = (*Store)(nil)
	_ store.Searcher  = (*Store)(nil)
	_ store.Forgetter = (*Store)(nil)
)
