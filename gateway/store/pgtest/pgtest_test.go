package pgtest_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sluss/gateway/store/pgtest"
)

// child makes this test program the process that dies with a cluster running.
const child = "PGTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	c, err := pgtest.Start(context.Background(), pgtest.Config{})
	if err == nil {
		err = c.Pause() // what is paused ends too
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(c.DataDir())
	select {}
}

func start(t *testing.T, cfg pgtest.Config) *pgtest.Cluster {
	t.Helper()
	c, err := pgtest.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if left := working(t, c.DataDir()); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
		if _, err := os.Stat(filepath.Dir(c.DataDir())); !os.IsNotExist(err) {
			t.Errorf("the directory is left: %v", err)
		}
	})
	return c
}

// working lists the processes that work in a directory.
func working(t *testing.T, dir string) (pids []int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if d, err := os.Readlink(l); err == nil && strings.HasPrefix(d, dir) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(l)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write inserts numbers as the role that owns the database and returns how
// many were acknowledged.
func write(t *testing.T, dsn string, until func(n int) bool) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS number (n int PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	for ; !until(n); n++ {
		if _, err := conn.Exec(t.Context(), "INSERT INTO number VALUES ($1)", n); err != nil {
			return n
		}
	}
	return n
}

// holds checks that at least the first n numbers are there.
func holds(t *testing.T, c *pgtest.Cluster, n int) {
	t.Helper()
	got, err := c.Value(t.Context(), fmt.Sprintf("SELECT count(*) FROM number WHERE n < %d", n))
	if err != nil || got != strconv.Itoa(n) {
		t.Errorf("%s numbers, %v, want %d", got, err, n)
	}
}

// TestKill writes, kills the server in the midst of it, and reads.
func TestKill(t *testing.T) {
	c := start(t, pgtest.Config{Settings: map[string]string{"max_connections": "20"}})
	for name, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_connections": "20",
	} {
		if got, err := c.Value(t.Context(), "current_setting('"+name+"')"); got != want || err != nil {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
	n := write(t, c.DSN(), func(n int) bool {
		if n == 100 {
			must(t, c.Kill())
		}
		return n > 100
	})
	if n != 100 {
		t.Errorf("%d writes acknowledged, want 100", n)
	}
	if _, err := c.Value(t.Context(), "1"); err == nil {
		t.Error("a killed server answers")
	}
	must(t, c.Restart(t.Context()))
	holds(t, c, n)
	for _, mode := range []pgtest.Mode{pgtest.Smart, pgtest.Fast, pgtest.Immediate} {
		must(t, c.Stop(mode))
		must(t, c.Stop(mode)) // no error
		must(t, c.Restart(t.Context()))
		holds(t, c, n)
	}
}

// TestPromote holds that a promoted standby has what the primary had
// acknowledged, and that the primary waits for a standby that does not answer.
func TestPromote(t *testing.T) {
	c := start(t, pgtest.Config{})
	s, err := c.Standby(t.Context())
	must(t, err)
	defer s.Close()
	n := write(t, c.DSN(), func(n int) bool { return n == 50 })
	must(t, s.Pause())
	conn, err := pgx.Connect(t.Context(), c.DSN())
	must(t, err)
	defer conn.Close(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), fmt.Sprintf("INSERT INTO number VALUES (%d)", n))
		done <- err
	}()
	for waits, deadline := "", time.Now().Add(time.Minute); waits != "1"; {
		if time.Now().After(deadline) {
			t.Fatal("the commit does not wait for the standby")
		}
		waits, err = c.Value(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		must(t, err)
	}
	select {
	case err := <-done:
		t.Fatalf("the commit did not wait: %v", err)
	default:
	}
	must(t, s.Resume())
	must(t, <-done)
	must(t, c.Kill())
	must(t, s.Promote(t.Context()))
	holds(t, s, n+1)
	if got := write(t, s.DSN(), func(n int) bool { return true }); got != 0 {
		t.Errorf("%d writes", got)
	}
	must(t, s.Exec(t.Context(), "INSERT INTO number VALUES (1000)"))
}

func TestDatabase(t *testing.T) {
	var shared pgtest.Shared
	a, b := shared.Database(t), shared.Database(t)
	write(t, a, func(n int) bool { return n == 1 })
	if n := write(t, b, func(n int) bool { return n == 1 }); n != 1 {
		t.Error("the databases are not two")
	}
	must(t, shared.Cluster(t).Close())
}

// TestDies kills the process that started a cluster, and waits until nothing
// of the cluster is left.
func TestDies(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line := make([]byte, 4096)
	n, err := out.Read(line)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(string(line[:n]))
	if len(working(t, dir)) < 3 {
		t.Errorf("the child says %q, where nothing works", dir)
	}
	must(t, cmd.Process.Kill())
	cmd.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, err := os.Stat(dir)
		if left := working(t, dir); len(left) == 0 && os.IsNotExist(err) {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("processes %v or the directory (%v) are left", left, err)
		}
	}
}
