package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"sluss/gateway/store/batch"
)

// version is the schema's version (PRAGMA user_version); application marks the
// file as ours (PRAGMA application_id, "Slus").
const (
	version     = 2
	application = 0x536c7573
)

// The pragmas of each connection. WAL mode stands in the file, but is set
// again so that a file that lost it is noticed by checkSettings. The writer's
// cache holds the inner pages of all indexes and the pages of a batch; a larger
// one costs: SQLite goes through all of it after a commit that moved pages.
var (
	writerPragmas = []string{
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "fullfsync(1)", "checkpoint_fullfsync(1)",
		"trusted_schema(0)", "cell_size_check(1)", "mmap_size(0)", "temp_store(2)", "cache_size(-8192)",
		"wal_autocheckpoint(2000)",
	}
	readerPragmas = []string{
		"busy_timeout(5000)", "query_only(1)", "trusted_schema(0)", "cell_size_check(1)", "mmap_size(0)",
		"temp_store(2)", "cache_size(-6144)",
	}
)

// safe is what durability rests on, as the pragmas must read.
var safe = []struct{ pragma, want string }{
	{"journal_mode", "wal"},
	{"synchronous", "2"}, // FULL: sync at each COMMIT; NORMAL would not
	{"locking_mode", "normal"},
	{"query_only", "0"},
	{"ignore_check_constraints", "0"},
	{"writable_schema", "0"},
}

type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func checkSettings(ctx context.Context, db rowQuerier) error {
	for _, s := range safe {
		var got string
		if err := db.QueryRowContext(ctx, "PRAGMA "+s.pragma).Scan(&got); err != nil {
			return fmt.Errorf("reading %s: %w", s.pragma, err)
		}
		if got != s.want {
			return fmt.Errorf("%w: %s is %q, want %q", ErrUnsafe, s.pragma, got, s.want)
		}
	}
	return nil
}

func checkVersion(ctx context.Context, db rowQuerier) error {
	var app, v int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return fmt.Errorf("reading application id: %w", err)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return fmt.Errorf("reading schema version: %w", err)
	}
	if app != application || v != version {
		return fmt.Errorf("%w: application %#x, version %d, want %#x, %d", ErrSchema, app, v, application, version)
	}
	return nil
}

// createSchema makes the tables in an empty file, and checks the version of
// any other.
func createSchema(ctx context.Context, conn *sql.Conn) error {
	var objects int
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&objects); err != nil {
		return fmt.Errorf("%w: %w", ErrSchema, err)
	}
	if objects > 0 {
		return checkVersion(ctx, conn)
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("creating schema: %w", err)
	}
	defer tx.Rollback()
	marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", application, version)
	if _, err := tx.ExecContext(ctx, schema+marks); err != nil {
		return fmt.Errorf("creating schema: %w", err)
	}
	if _, err := tx.ExecContext(ctx, insertSQL(batch.Heads, 1), batch.Heads.Row(batch.HeadRow{Root: batch.EmptyRoot})...); err != nil {
		return fmt.Errorf("creating head: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("creating schema: %w", err)
	}
	return nil
}

// Times are milliseconds since 1970 in UTC, 0 for none; absent text is ”.
// Indexes of what may be absent are partial, so that they hold what is there.
const schema = `
CREATE TABLE head (
	id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, root BLOB NOT NULL, time INTEGER NOT NULL,
	mail_seq INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE TABLE tile (
	id INTEGER PRIMARY KEY, -- level << 48 | index
	hashes BLOB NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE TABLE entry (
	idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, e1 BLOB NOT NULL, e2 BLOB NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL,
	time INTEGER NOT NULL, batch INTEGER NOT NULL, discloser TEXT NOT NULL, recipient TEXT NOT NULL, subject TEXT NOT NULL,
	case_ref TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE INDEX entry_time ON entry (time);
CREATE INDEX entry_discloser ON entry (discloser, time) WHERE discloser <> '';
CREATE INDEX entry_recipient ON entry (recipient, time) WHERE recipient <> '';
CREATE INDEX entry_subject ON entry (subject, time) WHERE subject <> '';
CREATE INDEX entry_case ON entry (case_ref, time) WHERE case_ref <> '';
CREATE TABLE replay (
	id TEXT PRIMARY KEY, until INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX replay_until ON replay (until);
CREATE TABLE message (
	id TEXT NOT NULL, issuer TEXT NOT NULL, digest BLOB NOT NULL, recipient TEXT NOT NULL, sender TEXT NOT NULL, type TEXT NOT NULL,
	subject TEXT NOT NULL, issued INTEGER NOT NULL, expires INTEGER NOT NULL, body BLOB NOT NULL, key TEXT NOT NULL,
	entry INTEGER NOT NULL, sum INTEGER NOT NULL, UNIQUE (id, issuer)) STRICT;
CREATE INDEX message_held ON message (issuer, expires) WHERE key <> '';
CREATE TABLE statement (
	seq INTEGER PRIMARY KEY, state TEXT NOT NULL, issuer TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL,
	fact TEXT NOT NULL, number INTEGER NOT NULL, digest BLOB NOT NULL, body BLOB NOT NULL, key TEXT NOT NULL,
	entry INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE INDEX statement_state ON statement (state, seq);
CREATE INDEX statement_id ON statement (id, issuer);
CREATE TABLE state (
	name TEXT PRIMARY KEY, version INTEGER NOT NULL, digest BLOB NOT NULL, mac BLOB NOT NULL, sum INTEGER NOT NULL) STRICT,
	WITHOUT ROWID;
CREATE TABLE document (
	name TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE TABLE published (
	id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, note BLOB NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE TABLE mail (
	seq INTEGER PRIMARY KEY, agency TEXT NOT NULL, role TEXT NOT NULL, issuer TEXT NOT NULL, message TEXT NOT NULL,
	notice BLOB NOT NULL, notice_id TEXT NOT NULL, expires INTEGER NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL,
	lease INTEGER NOT NULL, hold BLOB NOT NULL, delivery TEXT NOT NULL, entry INTEGER NOT NULL, token BLOB NOT NULL,
	sum INTEGER NOT NULL) STRICT;
-- What may be handed out is a range of (lease, seq): what waits has lease 0.
CREATE INDEX mail_open ON mail (agency, role, lease, seq) WHERE state IN ('waiting', 'held', 'handed');
CREATE INDEX mail_expires ON mail (expires) WHERE state IN ('waiting', 'held', 'handed');
CREATE INDEX mail_delivery ON mail (delivery) WHERE delivery <> '';
CREATE INDEX mail_notice ON mail (notice_id) WHERE notice_id <> '';
CREATE INDEX mail_message ON mail (message, issuer) WHERE message <> '';
`

// open is the condition of the partial indexes on mail; a query must repeat it
// word for word to use them.
const open = "state IN ('waiting', 'held', 'handed')"

func marks(n int) string { return "(?" + strings.Repeat(",?", n-1) + ")" }

func insertSQL[T any](t batch.Table[T], rows int) string {
	m := marks(t.Width())
	return "INSERT INTO " + t.Name + " (" + t.Columns + ", sum) VALUES " + m + strings.Repeat(","+m, rows-1)
}
