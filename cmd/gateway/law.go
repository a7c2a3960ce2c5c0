package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/exchange"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
)

// legislation follows the file of the approved policy and puts in force what
// two officers have signed. Anything else is refused and the policy in force
// goes on.
type legislation struct {
	path     string // of the bundle
	last     string // of what was in force, so that an old approval stays old
	gateway  gateway.ID
	officers []envelope.PublicKey
	exchange *exchange.Exchange

	mu     sync.Mutex
	raw    []byte // of the bundle in force
	active snapshot.Active
}

// load enacts the file if it differs from what is in force.
func (l *legislation) load(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	raw, err := os.ReadFile(l.path)
	if err != nil || bytes.Equal(raw, l.raw) {
		return err
	}
	if l.active.Seq == 0 {
		if err := l.remember(); err != nil {
			return err
		}
	}
	bundle, err := snapshot.ParseBundle(raw)
	if err != nil {
		return err
	}
	approved, err := snapshot.Verify(bundle.Approvals, l.officers, l.gateway, time.Now())
	if err != nil {
		return err
	}
	next := l.active
	// The approval in force is met again at each start.
	if a := approved.Approval(); l.active.Seq == 0 || a.Seq != l.active.Seq || a.Snapshot != l.active.Snapshot {
		if next, err = approved.Activate(l.active); err != nil {
			return err
		}
	}
	s, err := bundle.Snapshot()
	if err != nil {
		return err
	}
	if s.Digest() != next.Snapshot || s.Engine() != policy.Engine() {
		return fmt.Errorf("snapshot: digest or engine version is not what was approved for this gateway")
	}
	law, err := exchange.ReadLaw(ctx, s)
	if err != nil {
		return err
	}
	if err := l.exchange.Enact(ctx, law, bundle.Approvals, next, approved); err != nil {
		return err
	}
	l.active = next
	if err := l.keep(); err != nil {
		return fmt.Errorf("%w: %w", errKept, err) // and again at the next look
	}
	l.raw = raw
	return nil
}

// errKept says that a policy is in force and could not be written down as such.
var errKept = errors.New("policy is in force, but was not kept for the next start")

// remember reads what was in force when the gateway last ran.
func (l *legislation) remember() error {
	raw, err := os.ReadFile(l.last)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, &l.active)
}

// keep writes down what is in force, whole or not at all.
func (l *legislation) keep() error {
	raw, err := json.Marshal(l.active)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(l.last), ".policy-*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), l.last)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(l.last))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// run looks for a new policy every second until ctx is done.
func (l *legislation) run(ctx context.Context, report func(error)) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var told string
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		err := l.load(ctx)
		if err != nil && err.Error() != told {
			report(err)
			if !errors.Is(err, errKept) {
				l.exchange.PolicyRefused(ctx)
			}
		}
		told = ""
		if err != nil {
			told = err.Error()
		}
	}
}
