package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// copyFaults are what happens when there is more than one database.
func copyFaults() []FaultCase {
	return []FaultCase{
		{Name: "old-backup", Count: 10, strike: strikeBackup,
			Words: "the database is replaced by a copy from before, as by restoring a backup: the gateway must not start on it"},
		{Name: "fork", Count: 5, strike: strikeFork,
			Words: "two gateways go on with copies of one database; then the one finds the other's in place of its own: it must not start on it"},
	}
}

// strikeBackup copies the database, lets the gateway go on, and restores the copy.
func strikeBackup(ctx context.Context, r *faultRun) error {
	earlier := filepath.Join(r.w.Dir, "earlier")
	if err := errors.Join(r.w.Stop(), os.CopyFS(earlier, os.DirFS(r.w.data())), r.start(ctx), r.goesOn(ctx), r.w.Stop()); err != nil {
		return err
	}
	return r.instead(ctx, earlier)
}

// instead puts another database in place of the gateway's, sees that the gateway
// does not start on it, and puts its own back.
func (r *faultRun) instead(ctx context.Context, other string) error {
	own, data := filepath.Join(r.w.Dir, "own"), r.w.data()
	if err := errors.Join(os.Rename(data, own), os.Rename(other, data)); err != nil {
		return err
	}
	if err := r.refuses(ctx, "disclosure:"); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(data), os.Rename(own, data))
}

// strikeFork gives a copy of the whole gateway, with its keys and its anchor, to
// a second process, has that write into its log, and puts its database in place
// of the first one's, which has meanwhile gone another way.
func strikeFork(ctx context.Context, r *faultRun) error {
	dir := filepath.Join(r.w.Dir, "fork")
	if err := errors.Join(r.w.Stop(), os.Mkdir(dir, 0o755)); err != nil {
		return err
	}
	// With the modes: keys that others may read are refused.
	for _, name := range []string{"gateway", "ca", "directory.json", "snapshot.json"} {
		if out, err := exec.CommandContext(ctx, "cp", "-a", filepath.Join(r.w.Dir, name), dir).CombinedOutput(); err != nil {
			return fmt.Errorf("copying the gateway: %w: %s", err, out)
		}
	}
	defer os.RemoveAll(dir)
	agencies, err := freePort()
	if err != nil {
		return err
	}
	operations, err := freePort()
	if err != nil {
		return err
	}
	other := &World{Dir: dir, Binary: r.w.Binary, Agencies: agencies, Operations: operations, Log: filepath.Join(dir, "gateway.log")}
	if err := other.Configure(map[string]any{"listen": agencies, "operations": operations}); err != nil {
		return err
	}
	// Within a minute of its start it writes nothing of its own; so it is told to:
	// what a second operator would do.
	err = other.Start(ctx)
	if err == nil {
		err = r.sendTo(ctx, other)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("starting the fork: %w", err), other.Kill())
	}
	if err := errors.Join(other.Stop(), r.start(ctx), r.goesOn(ctx), r.w.Stop()); err != nil {
		return err
	}
	return r.instead(ctx, other.data())
}
