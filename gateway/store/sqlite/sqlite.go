// Package sqlite keeps the storage contract (package store) in one SQLite
// file: the embedded default, for one gateway on one machine.
//
// The database runs in WAL mode with synchronous=FULL, so that COMMIT returns
// after the log is synced (sqlite.org/wal.html, sqlite.org/pragma.html); the
// settings are read back at every start and anything weaker is refused. One
// connection writes, others read committed rows only, and a lock file keeps a
// second process away. The file must lie on a local disk.
//
// A batch is one transaction: what its writes name is read at once, package batch
// judges them, and what was accepted is written in multi-row inserts.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	_ "modernc.org/sqlite" // the driver

	"sluss/gateway"
	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// Errors of Open; errors.Is.
var (
	ErrLocked = errors.New("sqlite: another process has the data directory")
	ErrSchema = errors.New("sqlite: not a database of this version")
	ErrUnsafe = errors.New("sqlite: a setting is unsafe")
	ErrClosed = errors.New("sqlite: store is closed")
	// ErrStopped is what every write gets after a commit whose result is
	// unknown, until the store is opened again: after a failed sync the disk
	// may drop what it was given and report success the next time.
	ErrStopped = errors.New("sqlite: stopped after a failed commit")
)

// FileName is the database's name in the data directory.
const FileName = "sluss.db"

// Config configures a [Store]. Dir is required; the zero value of any other
// field means its default.
type Config struct {
	Dir string // data directory on a local disk; created with mode 0700
	// Mailbox is the most messages that wait in one mailbox. Default 100,000.
	Mailbox int
	// Sender is the most messages of one agency that are held. Default 200,000.
	Sender int
	// Reserve is the size in bytes of the reserved file, which is given back when
	// the disk is full, so that the log can still record what is refused. Default
	// 16 MiB: enough for the write-ahead log and what it holds to find their place
	// in the database (2,000 pages each) whatever state they were in. Negative for
	// none.
	Reserve int64
	// Readers is the most connections that read. Default 4.
	Readers int
}

// Store is a database in a directory. Its methods may be called at once.
type Store struct {
	cfg   Config
	file  string
	how   url.Values // parameters of a file that is not a gateway's
	lock  *os.File   // nil for a view
	read  *sql.DB
	write *sql.DB // one connection

	queries sync.Map    // query → *sql.Stmt of read
	full    atomic.Bool // the disk is full and the reserve given back

	mu      sync.Mutex // serialises writers; guards all below
	conn    *sql.Conn
	stmts   map[string]*sql.Stmt
	counts  counts
	stopped error
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Scanner   = (*Store)(nil)
	_ store.Searcher  = (*Store)(nil)
	_ store.Forgetter = (*Store)(nil)
	_ store.Exporter  = (*Store)(nil)
	_ store.Importer  = (*Store)(nil)
)

// Open opens the database in cfg.Dir, or creates it. It fails with [ErrLocked]
// when another process has it, [ErrSchema] when the file is of another version
// and [ErrUnsafe] when a setting that durability rests on does not hold.
func Open(ctx context.Context, cfg Config) (_ *Store, err error) {
	cfg.Mailbox = cmp.Or(cfg.Mailbox, 100_000)
	cfg.Sender = cmp.Or(cfg.Sender, 200_000)
	cfg.Reserve = cmp.Or(cfg.Reserve, 16<<20)
	cfg.Readers = cmp.Or(cfg.Readers, 4)
	if cfg.Dir == "" {
		return nil, fmt.Errorf("opening store: no directory given")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	s := &Store{cfg: cfg, file: filepath.Join(cfg.Dir, FileName), stmts: map[string]*sql.Stmt{}}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.lock, err = lockDir(cfg.Dir); err != nil {
		return nil, err
	}
	// A disk that is full already lets what is there be read, and recorded into
	// what room the database has within its own file.
	if err := s.RestoreReserve(); errors.Is(err, store.ErrFull) {
		s.full.Store(true)
	} else if err != nil {
		return nil, err
	}
	err = s.openWriter(ctx)
	if err != nil && s.cramped() {
		s.useReserve()
		err = errors.Join(s.closeWriter(), s.openWriter(ctx))
	}
	if err != nil {
		return nil, err
	}
	if err := s.openReaders(ctx, cfg.Readers); err != nil {
		return nil, err
	}
	return s, nil
}

// View opens the database in dir to read it, also while a gateway runs on it.
// Every write fails.
func View(ctx context.Context, dir string) (*Store, error) {
	return view(ctx, filepath.Join(dir, FileName), nil)
}

// ViewFile opens a file that [Create] wrote, to read it. It may lie where nothing
// can be written.
func ViewFile(ctx context.Context, file string) (*Store, error) {
	return view(ctx, file, url.Values{"mode": {"ro"}, "immutable": {"1"}})
}

func view(ctx context.Context, file string, how url.Values) (*Store, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("viewing store: %w", err)
	}
	s := &Store{file: file, how: how, stopped: fmt.Errorf("%w: opened to read", ErrStopped)}
	if err := s.openReaders(ctx, 2); err != nil {
		s.Close()
		return nil, err
	}
	if err := checkVersion(ctx, s.read); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) openWriter(ctx context.Context) error {
	db, err := sql.Open("sqlite", s.dsn(writerPragmas))
	if err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	db.SetMaxOpenConns(1)
	s.write = db
	if s.conn, err = db.Conn(ctx); err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	if err := checkSettings(ctx, s.conn); err != nil {
		return err
	}
	return createSchema(ctx, s.conn)
}

func (s *Store) closeWriter() error {
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
		s.conn = nil
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
		s.write = nil
	}
	return errors.Join(errs...)
}

func (s *Store) openReaders(ctx context.Context, n int) error {
	db, err := sql.Open("sqlite", s.dsn(readerPragmas))
	if err != nil {
		return fmt.Errorf("opening database to read: %w", err)
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	s.read = db
	return db.PingContext(ctx)
}

// dsn names the file with the pragmas that each new connection executes.
func (s *Store) dsn(pragmas []string) string {
	q := url.Values{"_pragma": pragmas}
	maps.Copy(q, s.how)
	u := url.URL{Scheme: "file", OmitHost: true, Path: s.file, RawQuery: q.Encode()}
	return u.String()
}

// Close closes the database and lets go of the directory. A commit that is
// under way ends first.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	for _, st := range s.stmts {
		errs = append(errs, st.Close())
	}
	s.stmts = nil
	errs = append(errs, s.closeWriter())
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	s.stopped = ErrClosed
	return errors.Join(errs...)
}

// stmt returns the writer's prepared statement for query. The caller holds mu.
func (s *Store) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := s.stmts[query]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing statement: %w", err)
	}
	s.stmts[query] = st
	return st, nil
}

// exec executes query on the writer. The caller holds mu.
func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	st, err := s.stmt(ctx, query)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx, args...)
	return err
}

// counts is how many messages each mailbox and each sender has, as far as
// known; only the writer changes them, so what was counted once stays right
// until a batch fails.
type counts struct {
	mailbox map[batch.Box]int
	sender  map[gateway.AgencyID]int
}

func (s *Store) forgetCounts() { s.counts = counts{map[batch.Box]int{}, map[gateway.AgencyID]int{}} }
