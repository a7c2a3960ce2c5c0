package gatewaytest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sluss/gateway/store/sqlite"
)

// The system calls by which a database file is changed, and made durable.
const (
	syncing = "fsync,fdatasync"
	writing = "write,writev,pwrite64,pwritev,ftruncate,fallocate"
)

// injection is a tracer that makes system calls of a process fail. The process
// is the real one, and so are the errors that it gets; only the disk is as it
// was.
type injection struct {
	tracer *exec.Cmd
	record string // file with the calls that were made to fail
}

// inject lets calls of running processes on the given files go as what says
// (the option inject of strace), from when it returns until heal.
func inject(ctx context.Context, pids []int, calls, what, record string, files ...string) (*injection, error) {
	args := []string{"-f", "-o", record, "-e", "trace=" + calls, "-e", "inject=" + calls + ":" + what}
	for _, pid := range pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	for _, f := range files {
		args = append(args, "-P", f)
	}
	cmd := exec.Command("strace", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("tracing, for which strace is needed: %w", err)
	}
	attached := make(chan error, 2)
	go func() {
		var all []string
		n := 0
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			if strings.Contains(lines.Text(), " attached") {
				if n++; n == len(pids) {
					attached <- nil
				}
			} else if all = append(all, lines.Text()); len(all) > 10 {
				all = all[:10]
			}
		}
		attached <- fmt.Errorf("tracing ended: %s", strings.Join(all, "; "))
	}()
	i := &injection{cmd, record}
	select {
	case err = <-attached:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		_, healed := i.heal()
		return nil, errors.Join(err, healed)
	}
	return i, nil
}

// heal ends the tracing and returns how many calls were made to fail.
func (i *injection) heal() (int, error) {
	i.tracer.Process.Signal(syscall.SIGTERM) // it may have ended with what it traced
	i.tracer.Wait()
	raw, err := os.ReadFile(i.record)
	if err != nil {
		return 0, err
	}
	return bytes.Count(raw, []byte("(INJECTED)")) + bytes.Count(raw, []byte("(DELAYED)")), os.Remove(i.record)
}

// files are what the gateway's database consists of.
func (r *faultRun) files() []string {
	db := filepath.Join(r.w.data(), sqlite.FileName)
	return []string{db, db + "-wal"}
}

// broken lets calls on the database's files go as what says for a random time
// below d, or until the gateway ends.
func (r *faultRun) broken(ctx context.Context, calls, what string, d time.Duration) error {
	i, err := inject(ctx, []int{r.w.Pid()}, calls, what, filepath.Join(r.w.Dir, "injected"), r.files()...)
	if err != nil {
		return err
	}
	end := time.Now().Add(200*time.Millisecond + r.up(d))
	for time.Now().Before(end) && !r.w.exited() && ctx.Err() == nil {
		time.Sleep(2 * time.Millisecond)
	}
	n, err := i.heal()
	r.report.Injected += n
	return err
}

// silent is broken, where nothing can become durable meanwhile: nothing new is
// acknowledged and nothing new is released.
func (r *faultRun) silent(ctx context.Context, calls, what string, d time.Duration) error {
	i, err := inject(ctx, []int{r.w.Pid()}, calls, what, filepath.Join(r.w.Dir, "injected"), r.files()...)
	if err != nil {
		return err
	}
	r.quiet(ctx, 200*time.Millisecond+r.up(d))
	n, err := i.heal()
	r.report.Injected += n
	return err
}

// quiet holds that for d, and as long as what is under way may take to notice,
// clients are told of nothing that was decided since: it cannot have become
// durable. Of what was durable before they may still be told, also late, when
// something else in the same answer has been waited for.
func (r *faultRun) quiet(ctx context.Context, d time.Duration) {
	begun := time.Now()
	if sleep(ctx, time.Second+d) == nil {
		if late := r.books.since(begun); late > 0 {
			r.books.find("a client was told of what was decided %v after nothing could become durable", late)
		}
	}
}
