package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Mode is how a server is stopped (the shutdown modes of pg_ctl).
type Mode syscall.Signal

// The shutdown modes: smart waits for the sessions to end, fast ends them,
// immediate leaves the recovery to the next start.
const (
	Smart     = Mode(syscall.SIGTERM)
	Fast      = Mode(syscall.SIGINT)
	Immediate = Mode(syscall.SIGQUIT)
)

// Restart starts a server that does not run, or stops it fast before, and
// returns when it answers.
func (c *Cluster) Restart(ctx context.Context) error {
	if err := c.Stop(Fast); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	log, err := os.OpenFile(c.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("starting %s: %w", c.name, err)
	}
	defer log.Close()
	cmd := c.command("postgres", "-D", c.DataDir(), "-c", "port="+strconv.Itoa(c.port),
		"-c", "unix_socket_directories="+c.Socket(), "-c", "cluster_name="+c.name)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", c.name, err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	c.cmd, c.ended = cmd, ended
	return c.answers(ctx, ended)
}

// answers waits until the server takes connections.
func (c *Cluster) answers(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	for {
		err := c.as(ctx, "postgres", func(conn *pgx.Conn) error { return conn.Ping(ctx) })
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("starting %s: it ended: %s", c.name, c.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("starting %s: %w: %s", c.name, err, c.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lastWords is the end of the server's log.
func (c *Cluster) lastWords() string {
	b, err := os.ReadFile(c.LogFile())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-2000):]))
}

// Stop stops the server and waits for its end. A server that does not run is
// no error.
func (c *Cluster) Stop(mode Mode) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return nil
	}
	c.cmd.Process.Signal(syscall.Signal(mode)) // an error means that it has ended
	select {
	case <-c.ended:
		c.cmd = nil
		return nil
	case <-time.After(starting):
		return fmt.Errorf("stopping %s: it does not end", c.name)
	}
}

// Kill ends every process of the server at once with SIGKILL, as when the
// machine stops (but what was written is still with the kernel).
func (c *Cluster) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd != nil {
		c.cmd.Process.Kill() // before its children, which it would replace
		<-c.ended
		c.cmd = nil
	}
	// A child that was being made when the first look was taken is in the next.
	for deadline := time.Now().Add(starting); ; time.Sleep(time.Millisecond) {
		left, err := c.signal(syscall.SIGKILL)
		if err != nil || left == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("killing %s: %d processes do not end", c.name, left)
		}
	}
}

// Pause stops every process of the server where it is (SIGSTOP): for its
// peers, a machine that does not answer but keeps its connections.
func (c *Cluster) Pause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return fmt.Errorf("pausing %s: it does not run", c.name)
	}
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pausing %s: %w", c.name, err)
	}
	_, err := c.signal(syscall.SIGSTOP)
	return err
}

// Resume lets a paused server go on.
func (c *Cluster) Resume() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.signal(syscall.SIGCONT)
	return err
}

// Pids lists the server's processes: those that work in its data directory.
func (c *Cluster) Pids() (pids []int, err error) {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil, err
	}
	for _, link := range links {
		// A process that has ended meanwhile, or is another user's, has no link.
		if dir, err := os.Readlink(link); err != nil || dir != c.DataDir() {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// signal sends a signal to every process of the server and reports how many
// there were.
func (c *Cluster) signal(sig syscall.Signal) (n int, err error) {
	pids, err := c.Pids()
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err == nil {
			n++
		} else if !errors.Is(err, syscall.ESRCH) {
			return n, fmt.Errorf("signalling %s: %w", c.name, err)
		}
	}
	return n, nil
}

// guardian waits for the end of its standard input, which comes with the end
// of the process that started it however that ends, and then ends what works
// below the directory and removes it.
const guardian = `trap '' HUP INT TERM QUIT
read -r _
for again in 1 2 3; do
	for p in /proc/[0-9]*; do
		case $(readlink "$p/cwd") in "$1"|"$1"/*) kill -9 "${p#/proc/}";; esac
	done
done
rm -rf "$1"`

// guard is the process that watches over a directory.
type guard struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

func watchOver(dir string) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardian, "guardian", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("watching over a cluster: %w", err)
	}
	return &guard{cmd, pipe}, nil
}

func (g *guard) Close() error {
	g.pipe.Close()
	return g.cmd.Wait()
}

// serverUser is who the server runs as: the caller, or instead of root the user
// of Debian's package.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("finding a user to run as: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}
