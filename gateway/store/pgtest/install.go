package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ErrNotInstalled is reported when there is no server and none can be
// installed; errors.Is.
var ErrNotInstalled = errors.New("pgtest: no PostgreSQL server is installed")

// Find returns the directory of the server's programs: the newest of
// /usr/lib/postgresql/*/bin, where Debian puts them, or else that of postgres
// in PATH.
func Find() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	best, newest := "", 0
	for _, f := range found {
		dir := filepath.Dir(f)
		if v, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && v > newest {
			best, newest = dir, v
		}
	}
	if best != "" {
		return best, nil
	}
	f, err := exec.LookPath("postgres")
	if err != nil {
		return "", ErrNotInstalled
	}
	if f, err = filepath.EvalSymlinks(f); err != nil {
		return "", fmt.Errorf("finding PostgreSQL: %w", err)
	}
	return filepath.Dir(f), nil
}

// createCluster keeps Debian's package from making a cluster of its own, which
// would be started with it.
const createCluster = "/etc/postgresql-common/createcluster.conf"

// Install is [Find], after installing Debian's package postgresql if there is
// no server yet, for which the caller must be root. Processes that do it at
// once wait for each other.
func Install(ctx context.Context) (string, error) {
	if dir, err := Find(); !errors.Is(err, ErrNotInstalled) {
		return dir, err
	}
	if os.Geteuid() != 0 {
		return "", fmt.Errorf("%w: apt-get install postgresql, which only root may", ErrNotInstalled)
	}
	unlock, err := lock(ctx, filepath.Join(os.TempDir(), "pgtest-install.lock"))
	if err != nil {
		return "", fmt.Errorf("installing PostgreSQL: %w", err)
	}
	defer unlock()
	if dir, err := Find(); !errors.Is(err, ErrNotInstalled) {
		return dir, err
	}
	if _, err := os.Stat(createCluster); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(createCluster), 0o755); err != nil {
			return "", fmt.Errorf("installing PostgreSQL: %w", err)
		}
		if err := os.WriteFile(createCluster, []byte("create_main_cluster = false\n"), 0o644); err != nil {
			return "", fmt.Errorf("installing PostgreSQL: %w", err)
		}
	}
	for _, args := range [][]string{
		{"update", "-q"},
		{"install", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold", "postgresql"},
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: apt-get %s: %w: %s", ErrNotInstalled, args[0], err, out)
		}
	}
	return Find()
}

// lock takes a lock that other processes see and that ends with this one.
func lock(ctx context.Context, file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
