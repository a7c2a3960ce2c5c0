package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// diskFaults are what happens to the disk of the embedded database.
func diskFaults() []FaultCase {
	return []FaultCase{
		{Name: "disk-full", Count: 10, before: smallDisk, strike: strikeFull,
			Words: "the disk of the database is filled up, and has room again"},
		{Name: "sync-error", Count: 20, strike: func(ctx context.Context, r *faultRun) error { return r.silent(ctx, syncing, "error=EIO", time.Second) },
			Words: "every sync of the database fails with EIO"},
		{Name: "write-error", Count: 20, strike: func(ctx context.Context, r *faultRun) error { return r.silent(ctx, writing, "error=EIO", time.Second) },
			Words: "every write to the database fails with EIO"},
		{Name: "error-once", Count: 20, strike: strikeErrorOnce,
			Words: "one write to the database, or one sync, fails with EIO; those before and after go well"},
		{Name: "read-error", Count: 10, strike: func(ctx context.Context, r *faultRun) error {
			return r.broken(ctx, "read,pread64", "error=EIO", time.Second)
		}, Words: "every read of the database fails with EIO"},
		{Name: "disk-read-only", Count: 10, strike: strikeReadOnly,
			Words: "the file system of the database becomes read-only, as after an error, and so the gateway finds it at its next start"},
		{Name: "disk-slow", Count: 10, strike: func(ctx context.Context, r *faultRun) error {
			return r.broken(ctx, syncing, "delay_enter=300000", 3*time.Second)
		}, Words: "each sync of the database takes 0.3 s longer"},
	}
}

// strikeErrorOnce lets one call fail and sees that the gateway either has
// survived it or begins anew.
func strikeErrorOnce(ctx context.Context, r *faultRun) error {
	calls, most := syncing, 8
	if r.rand.IntN(2) == 0 {
		calls, most = writing, 80
	}
	n := 1 + r.rand.IntN(most)
	return r.broken(ctx, calls, fmt.Sprintf("error=EIO:when=%d..%d", n, n), time.Second)
}

// smallDisk puts the database on a small file system of its own.
func smallDisk(_ context.Context, r *faultRun) error {
	if err := os.MkdirAll(r.w.data(), 0o700); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", r.w.data(), "tmpfs", 0, "size=256m,mode=0700"); err != nil {
		return fmt.Errorf("mounting a small disk, for which one must be root: %w", err)
	}
	r.undo = append(r.undo, func() error { return syscall.Unmount(r.w.data(), syscall.MNT_DETACH) })
	return nil
}

// strikeFull fills the disk for a moment. Until the gateway says that it is full,
// what fits into space that the database already has may still become durable.
func strikeFull(ctx context.Context, r *faultRun) error {
	ballast := filepath.Join(r.w.data(), "ballast")
	err := fillUp(ballast)
	if err == nil {
		err = r.saysFull(ctx)
	}
	if err == nil {
		r.quiet(ctx, r.up(2*time.Second))
	}
	return errors.Join(err, os.Remove(ballast))
}

// saysFull waits until the gateway says that its disk is full.
func (r *faultRun) saysFull(ctx context.Context) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if m, err := r.w.Metrics(); err == nil && strings.Contains(m, "\ngateway_store_full_info 1\n") {
			return nil
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: its disk is full, and it does not say so: %s", ErrFault, r.w.tail())
}

// fillUp writes a file until the disk has no room left.
func fillUp(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// strikeReadOnly lets the running gateway find the database's file system
// read-only, ends it if it has not ended itself, and lets it try to start so.
func strikeReadOnly(ctx context.Context, r *faultRun) error {
	if err := r.silent(ctx, writing+","+syncing, "error=EROFS", time.Second); err != nil {
		return err
	}
	if err := r.kill(); err != nil {
		return err
	}
	data := r.w.data()
	if err := syscall.Mount(data, data, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting read-only, for which one must be root: %w", err)
	}
	err := syscall.Mount("", data, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	if err == nil {
		err = r.refuses(ctx, "read-only")
	}
	return errors.Join(err, syscall.Unmount(data, syscall.MNT_DETACH))
}
