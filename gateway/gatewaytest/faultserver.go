package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"sluss/gateway/store/pgtest"
)

// server is the PostgreSQL server of a run.
type server struct {
	primary, standby *pgtest.Cluster
	network          *Balancer // between gateway and primary
	database         string    // another one than the cluster's first
}

// serverFaults are what happens to a PostgreSQL server, to the network before it
// and to gateways on it.
func serverFaults() []FaultCase {
	return []FaultCase{
		{Name: "pg-kill", Count: 100, before: onServer, strike: strikeKill,
			Words: "PostgreSQL: the gateway is killed at a random moment"},
		{Name: "pg-kill-in-commit", Count: 50, before: onServer, strike: strikeInWrite,
			Words: "PostgreSQL: the gateway is killed at one of its next writes to a connection: to the database or to a client"},
		{Name: "pg-kill-one-of-three", Count: 100, before: threeOnServer, strike: strikeOne,
			Words: "PostgreSQL: one of three gateways behind a load balancer is killed; clients go on with the others"},
		{Name: "pg-server-kill", Count: 100, before: onServer, strike: strikeServer,
			Words: "PostgreSQL: every process of the server is killed at a random moment, and the server started again"},
		{Name: "pg-failover", Count: 10, before: withStandby, strike: strikePrimary,
			Words: "PostgreSQL: the primary is killed and its synchronous standby promoted; the gateway finds it by itself"},
		{Name: "pg-standby-paused", Count: 5, before: withStandby, strike: strikeStandby,
			Words: "PostgreSQL: the synchronous standby stops for a while: nothing is acknowledged without it"},
		{Name: "pg-wait-cancelled", Count: 5, before: withStandby, strike: strikeWait,
			Words: "PostgreSQL: the standby stops, and commits that wait for it are cancelled (pg_cancel_backend), which makes them succeed with a warning"},
		{Name: "pg-disk-full", Count: 5, before: onSmallDisk, strike: strikeServerFull,
			Words: "PostgreSQL: the server's disk is filled up, and has room again"},
		{Name: "pg-sync-error", Count: 10, before: onServer, strike: strikeServerSync,
			Words: "PostgreSQL: every sync of the server fails with EIO"},
		{Name: "pg-read-only", Count: 10, before: onServer, strike: strikeServerReadOnly,
			Words: "PostgreSQL: transactions are read-only by default (default_transaction_read_only), and sessions are ended"},
		{Name: "pg-network-cut", Count: 20, before: throughNetwork, strike: strikeCut,
			Words: "PostgreSQL: every connection to the server is reset, and new ones too for a while"},
		{Name: "pg-half-open", Count: 10, before: throughNetwork, strike: strikeHalfOpen,
			Words: "PostgreSQL: what the server answers is lost, while connections stay open"},
		{Name: "pg-connections", Count: 10, before: onServer, strike: strikeConnections,
			Words: "PostgreSQL: the gateway's sessions are ended and strangers take every connection that the server has (max_connections)"},
		{Name: "pg-old-backup", Count: 5, before: onServer, strike: strikeServerBackup,
			Words: "PostgreSQL: the gateway is given a copy of its database from before: it must not start on it"},
		{Name: "pg-fork", Count: 5, before: onServer, strike: strikeServerFork,
			Words: "PostgreSQL: two gateways go on with copies of one database; then the one is given the other's: it must not start on it"},
		{Name: "pg-tamper", Count: 5, before: onServer, whole: tamper,
			Words: "PostgreSQL: one row of one table is altered, deleted or inserted through SQL: log fsck finds it"},
	}
}

// serve starts a server for a run.
func (r *faultRun) serve(ctx context.Context, cfg pgtest.Config) error {
	c, err := pgtest.Start(ctx, cfg)
	if err != nil {
		return err
	}
	r.pg = &server{primary: c}
	r.undo = append(r.undo, func() error { return r.pg.primary.Close() })
	return r.point()
}

// point points the gateway at its database.
func (r *faultRun) point() error {
	uri, err := r.pg.uri()
	if err != nil {
		return err
	}
	return r.w.Configure(map[string]any{"database": uri, "ha": r.pg.standby != nil})
}

// uri is where the gateway connects to: through the network that fails, if there
// is one, or to the primary and its standby.
func (s *server) uri() (string, error) {
	u, err := url.Parse(s.primary.DSN())
	if err != nil {
		return "", err
	}
	if s.network != nil {
		u.Host = s.network.Addr()
	}
	if s.standby != nil {
		u.Host += "," + s.standby.Addr()
	}
	if s.database != "" {
		u.Path = "/" + s.database
	}
	return u.String(), nil
}

func onServer(ctx context.Context, r *faultRun) error { return r.serve(ctx, pgtest.Config{}) }

func withStandby(ctx context.Context, r *faultRun) error {
	if err := r.serve(ctx, pgtest.Config{}); err != nil {
		return err
	}
	s, err := r.pg.primary.Standby(ctx)
	if err != nil {
		return err
	}
	r.pg.standby = s
	r.undo = append(r.undo, func() error { return r.pg.standby.Close() })
	return r.point()
}

func onSmallDisk(ctx context.Context, r *faultRun) error {
	dir, err := os.MkdirTemp("", "sluss-disk-")
	if err != nil {
		return err
	}
	r.undo = append(r.undo, func() error { return os.Remove(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=400m,mode=0755"); err != nil {
		return fmt.Errorf("mounting a small disk, for which one must be root: %w", err)
	}
	r.undo = append(r.undo, func() error { return syscall.Unmount(dir, syscall.MNT_DETACH) })
	return r.serve(ctx, pgtest.Config{Dir: dir, Settings: map[string]string{"max_wal_size": "64MB", "wal_keep_size": "0"}})
}

// throughNetwork puts a network that can fail before the server.
func throughNetwork(ctx context.Context, r *faultRun) error {
	if err := r.serve(ctx, pgtest.Config{}); err != nil {
		return err
	}
	b, err := r.balance(ctx, []Backend{{Address: r.pg.primary.Addr()}})
	r.pg.network = b
	return errors.Join(err, r.point())
}

// balance runs a balancer as long as the run.
func (r *faultRun) balance(ctx context.Context, to []Backend) (*Balancer, error) {
	b, err := NewBalancer(BalancerConfig{Backends: to})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	r.undo = append(r.undo, func() error {
		cancel()
		<-done
		return nil
	})
	return b, nil
}

// threeOnServer has two more gateways on the database, and a load balancer before
// all three.
func threeOnServer(ctx context.Context, r *faultRun) error {
	if err := r.serve(ctx, pgtest.Config{}); err != nil {
		return err
	}
	to := []Backend{{r.w.Agencies, "http://" + r.w.Operations + "/readyz"}}
	for i := range 2 {
		m, err := r.another(i + 1)
		if err != nil {
			return err
		}
		r.more = append(r.more, m)
		to = append(to, Backend{m.Agencies, "http://" + m.Operations + "/readyz"})
	}
	b, err := r.balance(ctx, to)
	r.front = b
	return err
}

// another returns a gateway beside the run's, which takes the log as it finds it.
func (r *faultRun) another(i int) (*World, error) {
	agencies, err := freePort()
	if err != nil {
		return nil, err
	}
	operations, err := freePort()
	if err != nil {
		return nil, err
	}
	w, err := r.w.beside(i, agencies, operations, r.place())
	if err != nil {
		return nil, err
	}
	return w, w.Configure(map[string]any{"adopt": true, "ring": r.w.ring()})
}

// strikeInWrite has the kernel kill the gateway when it writes to a connection.
func strikeInWrite(ctx context.Context, r *faultRun) error {
	return r.killedAt(ctx, "write", 200)
}

// strikeOne kills one gateway, and starts it when the others have gone on.
func strikeOne(ctx context.Context, r *faultRun) error {
	all := append([]*World{r.w}, r.more...)
	w := all[r.rand.IntN(len(all))]
	r.report.Kills++
	return errors.Join(w.Kill(), sleep(ctx, r.up(time.Second)), w.Start(ctx))
}

func strikeServer(ctx context.Context, r *faultRun) error {
	r.report.Kills++
	return errors.Join(r.pg.primary.Kill(), sleep(ctx, r.up(300*time.Millisecond)), r.pg.primary.Restart(ctx))
}

// strikePrimary kills the primary and promotes its standby. When that has taken
// over it gets a standby of its own, and the gateway a URI that names both.
func strikePrimary(ctx context.Context, r *faultRun) error {
	s := r.pg
	r.report.Kills++
	if err := errors.Join(s.primary.Kill(), s.standby.Promote(ctx)); err != nil {
		return err
	}
	dead := s.primary
	s.primary = s.standby
	next, err := s.primary.Standby(ctx)
	if err != nil {
		return err
	}
	s.standby = next
	if err := r.goesOn(ctx); err != nil {
		return err
	}
	return errors.Join(r.w.Stop(), dead.Close(), r.point(), r.start(ctx))
}

// strikeStandby stops the standby. Nothing that is not on it is acknowledged.
func strikeStandby(ctx context.Context, r *faultRun) error {
	if err := r.pg.standby.Pause(); err != nil {
		return err
	}
	r.quiet(ctx, r.up(3*time.Second))
	return r.pg.standby.Resume()
}

// strikeWait cancels what waits for the standby.
func strikeWait(ctx context.Context, r *faultRun) error {
	if err := r.pg.standby.Pause(); err != nil {
		return err
	}
	cancelling, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		var err error
		for err == nil && sleep(cancelling, 50*time.Millisecond) == nil {
			err = r.pg.primary.Exec(ctx, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		}
		done <- err
	}()
	r.quiet(ctx, time.Second+r.up(3*time.Second))
	cancel()
	return errors.Join(<-done, r.pg.standby.Resume())
}

// strikeServerFull fills the server's disk. A server that cannot write its log
// may end.
func strikeServerFull(ctx context.Context, r *faultRun) error {
	ballast := filepath.Join(filepath.Dir(r.pg.primary.DataDir()), "..", "ballast")
	if err := fillUp(ballast); err != nil {
		return err
	}
	err := sleep(ctx, 2*time.Second+r.up(2*time.Second))
	return errors.Join(err, os.Remove(ballast), r.serverUp(ctx))
}

// serverUp starts the server again if it has ended.
func (r *faultRun) serverUp(ctx context.Context) error {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if _, err := r.pg.primary.Value(ctx, "1"); err == nil {
			return nil
		}
		if time.Now().After(end) {
			return r.pg.primary.Restart(ctx)
		}
	}
}

// strikeServerSync lets no sync of any process of the server go well.
func strikeServerSync(ctx context.Context, r *faultRun) error {
	pids, err := r.pg.primary.Pids()
	if err != nil {
		return err
	}
	i, err := inject(ctx, pids, syncing, "error=EIO", filepath.Join(r.w.Dir, "injected"))
	if err != nil {
		return err
	}
	r.quiet(ctx, r.up(time.Second))
	n, err := i.heal()
	r.report.Injected += n
	return errors.Join(err, r.serverUp(ctx))
}

func strikeServerReadOnly(ctx context.Context, r *faultRun) error {
	set := func(to string) error {
		return errors.Join(r.pg.primary.Exec(ctx, "ALTER ROLE "+pgtest.Role+" SET default_transaction_read_only = "+to),
			r.pg.primary.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+pgtest.Role+"'"))
	}
	return errors.Join(set("on"), sleep(ctx, r.up(time.Second)), set("off"))
}

// strikeCut resets what is there, and what comes for a while.
func strikeCut(ctx context.Context, r *faultRun) error {
	r.pg.network.Refuse(true)
	r.pg.network.Cut()
	r.quiet(ctx, r.up(time.Second))
	r.pg.network.Refuse(false)
	return nil
}

// strikeHalfOpen loses what the server answers.
func strikeHalfOpen(ctx context.Context, r *faultRun) error {
	r.pg.network.Fail(ToClient, Impairment{Swallow: true})
	r.quiet(ctx, r.up(3*time.Second))
	r.pg.network.Fail(ToClient, Impairment{})
	return nil
}

// strikeConnections takes all connections there are.
func strikeConnections(ctx context.Context, r *faultRun) error {
	release, err := r.pg.primary.Exhaust(ctx)
	if err != nil {
		return err
	}
	defer release()
	return sleep(ctx, time.Second+r.up(2*time.Second))
}

// strikeServerBackup copies the database, lets the gateway go on, and gives it
// the copy.
func strikeServerBackup(ctx context.Context, r *faultRun) error {
	if err := r.w.Stop(); err != nil {
		return err
	}
	if _, err := r.pg.primary.Copy(ctx, "earlier"); err != nil {
		return err
	}
	if err := errors.Join(r.start(ctx), r.goesOn(ctx), r.w.Stop()); err != nil {
		return err
	}
	return r.insteadOnServer(ctx, "earlier")
}

// strikeServerFork gives a copy of the database to a second gateway with the same
// keys, has that write into it, and gives it to the first.
func strikeServerFork(ctx context.Context, r *faultRun) error {
	if err := r.w.Stop(); err != nil {
		return err
	}
	uri, err := r.pg.primary.Copy(ctx, "fork")
	if err != nil {
		return err
	}
	other, err := r.another(1 + r.report.Count) // with a state of its own each time
	if err != nil {
		return err
	}
	if err := other.Configure(map[string]any{"database": uri}); err != nil {
		return err
	}
	if err = other.Start(ctx); err == nil {
		err = r.sendTo(ctx, other)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("starting the fork: %w", err), other.Kill())
	}
	if err := errors.Join(other.Stop(), r.start(ctx), r.goesOn(ctx), r.w.Stop()); err != nil {
		return err
	}
	return r.insteadOnServer(ctx, "fork")
}

// insteadOnServer sees that the gateway does not start on another database.
func (r *faultRun) insteadOnServer(ctx context.Context, name string) error {
	r.pg.database = name
	err := r.point()
	if err == nil {
		err = r.refuses(ctx, "disclosure:")
	}
	r.pg.database = ""
	return errors.Join(err, r.point())
}
