// Package pgtest brings up a real PostgreSQL for tests, benchmarks and the
// harnesses that break things: a cluster of its own in a directory of its own,
// on a free port of the loopback interface, gone with the process that started
// it. It finds the server's programs where Debian puts them and installs
// Debian's package when there are none.
//
// The servers are small but durable: fsync, full_page_writes and
// synchronous_commit are on, because what is tested is that nothing
// acknowledged is lost. A [Cluster] can be stopped, killed with all its
// processes, restarted, paused, given a synchronous standby and promoted.
//
// A server refuses to run as root; started by root it runs as the user that
// Debian's package makes. Linux only: processes are found in /proc, by their
// working directory, which for every process of PostgreSQL is the data
// directory. Nothing here is for production: the password stands in the DSN.
package pgtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Role is the role that owns the databases, and the name of the first of them.
const Role = "sluss"

// starting is how long a server may take to answer, and to end.
const starting = time.Minute

// Config configures a [Cluster]. The zero value of any field means its default.
type Config struct {
	// Dir is where the cluster's directory is made. The user that the server
	// runs as must be able to get there. Default the system's directory for
	// temporary files.
	Dir string
	// Settings are set in postgresql.conf over those of the kit.
	Settings map[string]string
}

// defaults suit a machine of two cores. What durability rests on is as in
// production, and named although it is PostgreSQL's own default.
var defaults = map[string]string{
	"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
	"shared_buffers": "128MB", "max_connections": "100", "wal_level": "replica", "max_wal_senders": "8",
	"wal_keep_size": "256MB", "max_wal_size": "1GB", "listen_addresses": "127.0.0.1", "hot_standby": "on",
	"wal_receiver_status_interval": "1s", "wal_retrieve_retry_interval": "200ms", "log_checkpoints": "off",
}

// Cluster is a PostgreSQL server with its data. Its methods may be called at
// once.
type Cluster struct {
	cfg      Config
	bin      string              // of the server's programs
	user     *syscall.Credential // nil to run as the caller
	dir      string              // data, socket, log file
	name     string              // cluster_name; what a standby is called at its primary
	port     int
	password string
	guard    io.Closer

	mu    sync.Mutex
	cmd   *exec.Cmd // the postmaster; nil when it does not run
	ended chan struct{}
}

// Start makes a cluster, with the role and the database [Role] and a
// superuser, and starts it. ctx bounds the starting only; the cluster lives
// until Close or the end of the process.
func Start(ctx context.Context, cfg Config) (_ *Cluster, err error) {
	c, err := create(ctx, cfg, "primary", strings.ToLower(rand.Text()))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	secret := filepath.Join(c.dir, "password")
	if err := c.write(secret, c.password); err != nil {
		return nil, err
	}
	// What initdb writes is synced by the server's first checkpoint.
	if err := c.run(ctx, "initdb", "-D", c.DataDir(), "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret,
		"-E", "UTF8", "--locale", "C.UTF-8", "--data-checksums", "--no-sync", "--no-instructions"); err != nil {
		return nil, err
	}
	settings := maps.Clone(defaults)
	maps.Copy(settings, cfg.Settings)
	conf, err := os.OpenFile(filepath.Join(c.DataDir(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer conf.Close()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if _, err := fmt.Fprintf(conf, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''")); err != nil {
			return nil, err
		}
	}
	if err := c.Restart(ctx); err != nil {
		return nil, err
	}
	// The role sees whether a standby is there (pg_stat_replication).
	for _, sql := range []string{
		fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE pg_read_all_stats", Role, c.password),
		fmt.Sprintf("CREATE DATABASE %s OWNER %s", Role, Role),
	} {
		if err := c.exec(ctx, "postgres", sql); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// create makes the directory of a cluster and its guard.
func create(ctx context.Context, cfg Config, name, password string) (_ *Cluster, err error) {
	c := &Cluster{cfg: cfg, name: name, password: password}
	if c.bin, err = Install(ctx); err != nil {
		return nil, err
	}
	if c.user, err = serverUser(); err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp(cfg.Dir, "pg-"); err != nil {
		return nil, fmt.Errorf("making a cluster's directory: %w", err)
	}
	if c.guard, err = watchOver(c.dir); err != nil {
		os.RemoveAll(c.dir)
		return nil, err
	}
	if c.user != nil {
		err = os.Chown(c.dir, int(c.user.Uid), int(c.user.Gid))
	}
	if err == nil {
		c.port, err = freePort()
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("making a cluster: %w", err)
	}
	return c, nil
}

// freePort finds a port below those that the system gives to outgoing
// connections (ip_local_port_range begins at 32768): while a server is down,
// nobody else is given its port, and a client that connects to it from there
// does not meet itself.
func freePort() (int, error) {
	var err error
	for range 100 {
		port := 20_000 + int(randomUint16()%12_000)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("finding a free port: %w", err)
}

func randomUint16() uint16 {
	var b [2]byte
	rand.Read(b[:])
	return uint16(b[0])<<8 | uint16(b[1])
}

// DSN names the database [Role] to its owner, over TCP.
func (c *Cluster) DSN() string { return c.dsn(Role, Role) }

// Addr is where the server listens, for whoever puts something in between.
func (c *Cluster) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// Socket is the directory of the server's Unix socket.
func (c *Cluster) Socket() string { return c.dir }

// DataDir is the server's data directory.
func (c *Cluster) DataDir() string { return filepath.Join(c.dir, "data") }

// LogFile is what the server writes to.
func (c *Cluster) LogFile() string { return filepath.Join(c.dir, "log") }

func (c *Cluster) dsn(role, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, c.password), Host: c.Addr(), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Database makes an empty database that [Role] owns and returns its DSN.
func (c *Cluster) Database(ctx context.Context, name string) (string, error) {
	sql := fmt.Sprintf("CREATE DATABASE %s OWNER %s", pgx.Identifier{name}.Sanitize(), Role)
	return c.dsn(Role, name), c.exec(ctx, "postgres", sql)
}

// SQL opens the database [Role], as its owner, as database/sql.
func (c *Cluster) SQL() (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(c.DSN())
	if err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*cfg), nil
}

// Copy makes a database that is a copy of [Role]'s, in place of one that has the
// name, and returns its DSN. Nobody may be connected to either.
func (c *Cluster) Copy(ctx context.Context, name string) (string, error) {
	copied := pgx.Identifier{name}.Sanitize()
	return c.dsn(Role, name), errors.Join(c.exec(ctx, "postgres", "DROP DATABASE IF EXISTS "+copied),
		c.exec(ctx, "postgres", fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s OWNER %s", copied, Role, Role)))
}

// Exhaust ends the sessions of [Role] and takes every connection that the server
// has for it, until release is called.
func (c *Cluster) Exhaust(ctx context.Context) (release func(), err error) {
	var held []*pgx.Conn
	release = func() {
		for _, conn := range held {
			conn.Close(context.WithoutCancel(ctx))
		}
	}
	ended := false
	for {
		conn, err := pgx.Connect(ctx, c.DSN())
		if e, full := errors.AsType[*pgconn.PgError](err); full && e.Code == "53300" { // too_many_connections
			if ended {
				return release, nil
			}
			ended = true
			mine := make([]string, len(held))
			for i, h := range held {
				mine[i] = strconv.FormatUint(uint64(h.PgConn().PID()), 10)
			}
			err = c.Exec(ctx, fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s' AND NOT pid IN (%s)",
				Role, strings.Join(append(mine, "0"), ", ")))
			if err == nil {
				continue
			}
		}
		if err != nil {
			release()
			return nil, fmt.Errorf("taking all connections: %w", err)
		}
		held = append(held, conn)
	}
}

// Exec executes one statement as the superuser, in the database [Role].
func (c *Cluster) Exec(ctx context.Context, sql string) error { return c.exec(ctx, Role, sql) }

// Value reads one value, as text, as the superuser.
func (c *Cluster) Value(ctx context.Context, expression string) (v string, err error) {
	err = c.as(ctx, Role, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT coalesce(("+expression+")::text, '')").Scan(&v)
	})
	return v, err
}

func (c *Cluster) exec(ctx context.Context, database, sql string) error {
	return c.as(ctx, database, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	})
}

func (c *Cluster) as(ctx context.Context, database string, f func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, c.dsn("postgres", database))
	if err == nil {
		defer conn.Close(context.WithoutCancel(ctx))
		err = f(conn)
	}
	if err != nil {
		return fmt.Errorf("asking the %s: %w", c.name, err)
	}
	return nil
}

// Close ends the server without ceremony and removes its data.
func (c *Cluster) Close() error {
	return errors.Join(c.Kill(), os.RemoveAll(c.dir), c.guard.Close())
}

// write writes a file that the server's user may read.
func (c *Cluster) write(file, text string) error {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	if c.user == nil {
		return nil
	}
	return os.Chown(file, int(c.user.Uid), int(c.user.Gid))
}

// command prepares one of the server's programs.
func (c *Cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=" + cmp.Or(os.Getenv("PATH"), "/usr/bin:/bin"), "LC_ALL=C.UTF-8", "PGPASSWORD=" + c.password}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.user, Setpgid: true}
	return cmd
}

// run runs one of the server's programs to its end.
func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	cmd := c.command(program, args...)
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s: %w: %s", program, errors.Join(err, ctx.Err()), out)
	}
	return nil
}
