package postgres

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// oldest is the oldest server that is used (server_version_num).
const oldest = 150_000

// safe is what durability rests on, as the settings must read.
var safe = []struct {
	setting string
	want    []string
}{
	{"fsync", []string{"on"}},
	{"full_page_writes", []string{"on"}},
	// Weaker ones acknowledge before the sync, or before the standby's.
	{"synchronous_commit", []string{"on", "remote_apply"}},
	{"zero_damaged_pages", []string{"off"}},
	{"ignore_checksum_failure", []string{"off"}},
	{"session_replication_role", []string{"origin"}},
}

// use is what a connection is for.
type use int

const (
	reader use = iota
	writer
	viewer // reads what may be a standby
)

// byKey are the ways to read whole tables. What the gateway reads it finds by key,
// and a plan made while a table was small must not stay when it is not: until the
// server next takes its statistics every read of a mailbox would walk all of it.
var byKey = []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin"}

// settings are those that a connection sets for itself, over what the server,
// the database or the role have.
func (s *Store) settings(u use) map[string]string {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	out := map[string]string{
		// The warning that a commit may not be on the standby must be heard.
		"client_min_messages":            "warning",
		"default_transaction_isolation":  "read committed",
		"default_transaction_deferrable": "off",
		// No query here is worth compiling.
		"jit":               "off",
		"statement_timeout": ms(s.cfg.Timeout * 3 / 4),
	}
	if u == viewer {
		out["default_transaction_read_only"] = "on"
	}
	for _, name := range byKey {
		if u != viewer {
			out[name] = "off"
		}
	}
	if u == writer {
		// A gateway that vanished must not hold the head's lock.
		out["lock_timeout"] = ms(s.cfg.Timeout / 2)
		out["idle_in_transaction_session_timeout"] = ms(s.cfg.Timeout / 2)
		out["tcp_user_timeout"] = ms(s.cfg.Timeout)
		out["client_connection_check_interval"] = ms(s.cfg.Timeout / 4)
	}
	return out
}

// pool makes the connections for one use, of which the first is tried at once.
func (s *Store) pool(ctx context.Context, most int, u use) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(s.cfg.DSN)
	if err != nil {
		return nil, ErrConfig // whose cause may quote the password
	}
	cfg.MaxConns = int32(most)
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.HealthCheckPeriod = 15 * time.Second
	cc := cfg.ConnConfig
	cc.ConnectTimeout = s.cfg.Timeout / 2
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	cc.DialFunc = dialer.DialContext
	cc.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	if u != viewer {
		cc.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	cc.RuntimeParams["application_name"] = "sluss"
	cc.OnNotice = heard
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return s.prepare(ctx, conn, u) }
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, ErrConfig
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, plain("connecting", err)
	}
	return pool, nil
}

// warned is the key under which a connection remembers a warning.
const warned = "warned"

// heard notes that the server has warned. Its text is in the server's
// language; that of a cancelled wait for the standby is one of these.
func heard(conn *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" {
		conn.CustomData()[warned] = true
	}
}

// prepare checks the settings of a new connection's server and makes its own.
func (s *Store) prepare(ctx context.Context, conn *pgx.Conn, u use) error {
	names := make([]string, len(safe))
	for i, c := range safe {
		names[i] = c.setting
	}
	var version int
	var recovery bool
	var started string
	var got []string
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, pg_is_in_recovery(),
		pg_postmaster_start_time()::text, ARRAY(SELECT current_setting(n) FROM unnest($1::text[]) WITH ORDINALITY AS t(n, i) ORDER BY i)`,
		names).Scan(&version, &recovery, &started, &got)
	if err != nil {
		return err
	}
	if version < oldest {
		return fmt.Errorf("%w: server version is %d, want %d or later", ErrUnsafe, version, oldest)
	}
	if recovery && u != viewer {
		return fmt.Errorf("%w: server is a standby", ErrUnsafe)
	}
	for i, c := range safe {
		if !slices.Contains(c.want, got[i]) {
			return fmt.Errorf("%w: %s is %q, want one of %q", ErrUnsafe, c.setting, got[i], c.want)
		}
	}
	own := s.settings(u)
	// What was found is set, so that it stays for as long as the connection does.
	own["synchronous_commit"] = got[slices.Index(names, "synchronous_commit")]
	batch := &pgx.Batch{}
	for name, value := range own {
		batch.Queue("SELECT set_config($1, $2, false)", name, value)
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if old := s.started.Swap(&started); old != nil && *old != started {
		s.doubts.Add(1)
	}
	return nil
}
