package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processFaults are what happens to the gateway's process.
func processFaults() []FaultCase {
	return []FaultCase{
		{Name: "kill", Count: 400, strike: strikeKill,
			Words: "the gateway is killed (SIGKILL) at a random moment, and now and then again while it starts"},
		{Name: "kill-in-commit", Count: 200, strike: strikeInCommit,
			Words: "the gateway is killed within a commit: at one of its next writes to the database or at one of its next syncs"},
		{Name: "memory", Count: 20, strike: strikeMemory,
			Words: "the gateway gets no more memory from the system (RLIMIT_AS)"},
		{Name: "files", Count: 20, strike: strikeFiles,
			Words: "the gateway may open no more files and take no more connections (RLIMIT_NOFILE)"},
	}
}

// strikeKill kills the gateway. Every eighth time on average it is killed once
// more while it starts.
func strikeKill(ctx context.Context, r *faultRun) error {
	if err := r.kill(); err != nil || r.rand.IntN(8) > 0 {
		return err
	}
	early, cancel := context.WithTimeout(ctx, r.up(200*time.Millisecond))
	defer cancel()
	if err := r.w.Start(early); err != nil && !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "address already in use") {
		return fmt.Errorf("%w: starting again: %w", ErrFault, err)
	}
	return r.kill()
}

func (r *faultRun) kill() error {
	r.report.Kills++
	return r.w.Kill()
}

// strikeInCommit has the kernel kill the gateway when it makes a certain call.
func strikeInCommit(ctx context.Context, r *faultRun) error {
	calls, most := syncing, 12
	if r.rand.IntN(2) == 0 {
		calls, most = writing, 120
	}
	return r.killedAt(ctx, calls, most, r.files()...)
}

// killedAt has the kernel kill the gateway at one of its next calls on files.
func (r *faultRun) killedAt(ctx context.Context, calls string, most int, files ...string) error {
	i, err := inject(ctx, []int{r.w.Pid()}, calls, fmt.Sprintf("signal=KILL:when=%d+", 1+r.rand.IntN(most)), filepath.Join(r.w.Dir, "injected"), files...)
	if err != nil {
		return err
	}
	for end := time.Now().Add(healed); !r.w.exited(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) || ctx.Err() != nil {
			_, err := i.heal()
			return errors.Join(errors.New("the gateway makes no such call"), err)
		}
	}
	r.report.Kills++
	_, err = i.heal()
	return err
}

// strikeMemory lets the process have little more address space than it has. The
// Go runtime ends a process that gets none.
func strikeMemory(ctx context.Context, r *faultRun) error {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", r.w.Pid()))
	if err != nil {
		return err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(raw))[0], 10, 64)
	if err != nil {
		return err
	}
	if err := r.limit(ctx, fmt.Sprintf("--as=%d:", pages*int64(os.Getpagesize())+int64(r.rand.IntN(8<<20)))); err != nil {
		return err
	}
	for end := time.Now().Add(200*time.Millisecond + r.up(3*time.Second)); time.Now().Before(end) && !r.w.exited(); {
		time.Sleep(2 * time.Millisecond)
	}
	if r.w.exited() {
		r.report.Kills++
		return nil
	}
	return r.limit(ctx, "--as=unlimited:")
}

// strikeFiles lets the process have no more descriptors than it has, or hardly.
func strikeFiles(ctx context.Context, r *faultRun) error {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.w.Pid()))
	if err != nil {
		return err
	}
	if err := r.limit(ctx, fmt.Sprintf("--nofile=%d:", len(open)-r.rand.IntN(8))); err != nil {
		return err
	}
	// What is left is taken by strangers who connect and say nothing.
	for range 8 {
		if c, err := net.Dial("tcp", r.w.Agencies); err == nil {
			defer c.Close()
		}
	}
	if err := sleep(ctx, 200*time.Millisecond+r.up(time.Second)); err != nil {
		return err
	}
	if r.w.exited() {
		r.report.Kills++
		return nil
	}
	var most syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &most); err != nil {
		return err
	}
	return r.limit(ctx, fmt.Sprintf("--nofile=%d:", most.Max))
}

// limit changes the soft limit of a resource of the running process.
func (r *faultRun) limit(ctx context.Context, what string) error {
	out, err := exec.CommandContext(ctx, "prlimit", "--pid", strconv.Itoa(r.w.Pid()), what).CombinedOutput()
	if err != nil && !r.w.exited() {
		return fmt.Errorf("limiting the gateway: %w: %s", err, out)
	}
	return nil
}
