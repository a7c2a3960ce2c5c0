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
	"sluss/gateway/store"
)

// legislation follows the file of the approved policy and puts in force what
// two officers have signed. Anything else is refused and the policy in force
// goes on.
//
// Beside the file may lie a second one ([snapshot.Next]) with a policy approved
// from a later time on. It is checked at once, waits until its time has come,
// is put in force and takes the place of the first. Every policy that was in
// force is kept in the state directory, so that past decisions can be taken
// again, and so that a gateway whose file was spoilt starts with what was in
// force.
type legislation struct {
	path     string // of the bundle
	last     string // of what was in force, so that an old approval stays old
	gateway  gateway.ID
	officers []envelope.PublicKey
	exchange *exchange.Exchange

	mu     sync.Mutex
	raw    []byte // of the bundle in force
	active snapshot.Active
	next   waiting
	unfit  waiting        // what did not compile last, so that it is compiled once
	doubt  gateway.Digest // of the file that did not hold last
}

// waiting is what is known of the bundle in the second file: as of when it is
// approved, or why it cannot be put in force. It holds for as long as that file
// and the policy in force stay as they are.
type waiting struct {
	raw   []byte
	after int64 // sequence number of the policy in force
	from  time.Time
	err   error
}

// load enacts what the files say if it differs from what is in force. At the
// first look a file that does not hold stops nothing as long as the policy that
// was in force is kept: run meets the file again, and tells.
func (l *legislation) load(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	started := l.raw != nil
	err := l.look(ctx)
	if err == nil || started {
		return err
	}
	if l.raw != nil {
		return nil
	}
	raw, missing := os.ReadFile(l.kept(l.active.Seq))
	if missing != nil {
		return err
	}
	if again := l.take(ctx, raw); again != nil {
		return errors.Join(err, again)
	}
	return nil
}

// look reads both files. The caller holds mu.
func (l *legislation) look(ctx context.Context) error {
	if l.active.Seq == 0 {
		if err := l.remember(); err != nil {
			return err
		}
	}
	if err := l.follow(ctx); err != nil {
		return err
	}
	scheduled := l.scheduled(ctx)
	raw, err := os.ReadFile(l.path)
	if err == nil && !bytes.Equal(raw, l.raw) {
		if err = l.take(ctx, raw); err != nil {
			l.doubt = gateway.DigestOf(raw)
		}
	}
	return errors.Join(err, scheduled)
}

// follow puts in force here what another gateway on the database has put in
// force: it followed from what was in force there, and is signed by two officers.
func (l *legislation) follow(ctx context.Context) error {
	raw, err := l.exchange.Elsewhere(ctx, exchange.PolicyInForce)
	if err != nil || raw == nil {
		return err
	}
	d, err := l.read(ctx, raw, elsewhere)
	if err == nil {
		err = l.enact(ctx, d, nil, raw)
	}
	if err != nil {
		return fmt.Errorf("the policy that another gateway has put in force: %w", err)
	}
	return nil
}

// scheduled looks at the second file and enacts it when its time has come. That
// it has not come yet is no error.
func (l *legislation) scheduled(ctx context.Context) error {
	path := snapshot.Next(l.path)
	raw, err := os.ReadFile(path)
	if err != nil {
		l.next = waiting{}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if !bytes.Equal(raw, l.next.raw) || l.next.after != l.active.Seq {
		l.next = waiting{raw: raw, after: l.active.Seq}
		d, err := l.read(ctx, raw, early)
		l.next.from, l.next.err = d.from, err
	}
	if l.next.err != nil {
		l.doubt = gateway.DigestOf(raw)
		return fmt.Errorf("the policy that is to follow: %w", l.next.err)
	}
	if time.Now().Before(l.next.from) {
		return nil
	}
	if err := l.take(ctx, raw); err != nil {
		return err
	}
	// In force and logged before it takes the other's place: a gateway that
	// ends in between finds both files, and the same policy in force.
	if err := errors.Join(os.Rename(path, l.path), snapshot.SyncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("%w: %w", errKept, err)
	}
	return nil
}

// draft is a bundle that was verified and compiled.
type draft struct {
	bundle   snapshot.Bundle
	approved snapshot.Approved
	from     time.Time
	next     snapshot.Active
	law      exchange.Law
}

// occasion is why a bundle is read.
type occasion int

const (
	due       occasion = iota // to be put in force
	early                     // its time need not have come
	elsewhere                 // in force already, and others may have been in between
)

// read verifies and compiles a bundle. The one in force is met again at each
// start.
func (l *legislation) read(ctx context.Context, raw []byte, why occasion) (d draft, err error) {
	if d.bundle, err = snapshot.ParseBundle(raw); err != nil {
		return d, err
	}
	if d.approved, d.from, err = snapshot.VerifyFrom(d.bundle.Approvals, l.officers, l.gateway, time.Now()); err != nil {
		return d, err
	}
	if why == due && time.Now().Before(d.from) {
		return d, snapshot.ErrNotYet
	}
	switch d.next = l.active; {
	case l.inForce(d.approved.Approval()):
	case why == elsewhere:
		d.next, err = d.approved.Observe(l.active)
	default:
		d.next, err = d.approved.Activate(l.active)
	}
	if err != nil {
		return d, err
	}
	s, err := d.bundle.Snapshot()
	if err != nil {
		return d, err
	}
	if s.Digest() != d.next.Snapshot || s.Engine() != policy.Engine() {
		return d, fmt.Errorf("snapshot: digest or engine version is not what was approved for this gateway")
	}
	if l.unfit.err != nil && bytes.Equal(raw, l.unfit.raw) {
		return d, l.unfit.err
	}
	if d.law, err = exchange.ReadLaw(ctx, s); err != nil && ctx.Err() == nil {
		l.unfit = waiting{raw: raw, err: err}
	}
	return d, err
}

// inForce reports whether an approval is the one in force.
func (l *legislation) inForce(a envelope.Approval) bool {
	if l.active.Seq == 0 || a.Seq != l.active.Seq || a.WithholdAll != l.active.WithholdAll {
		return false
	}
	if a.WithholdAll {
		return a.Previous == l.active.Snapshot
	}
	return a.Snapshot == l.active.Snapshot && a.Expires.Equal(l.active.Expires)
}

// take puts a bundle in force.
func (l *legislation) take(ctx context.Context, raw []byte) error {
	d, err := l.read(ctx, raw, due)
	if err != nil {
		return err
	}
	return l.enact(ctx, d, raw, raw)
}

// enact puts in force what was read from raw. entered is raw, or nil if it was
// entered into the log before.
func (l *legislation) enact(ctx context.Context, d draft, entered, raw []byte) error {
	if err := l.exchange.Enact(ctx, d.law, entered, d.bundle.Approvals, d.next, d.approved); err != nil {
		return err
	}
	l.active = d.next
	if err := l.keep(raw); err != nil {
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

// kept is where the bundle is kept that was put in force under a number.
func (l *legislation) kept(seq int64) string {
	return filepath.Join(filepath.Dir(l.last), "laws", fmt.Sprintf("%06d.json", seq))
}

// keep writes down what is in force, each file whole or not at all.
func (l *legislation) keep(bundle []byte) error {
	raw, err := json.Marshal(l.active)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(l.kept(0)), 0o700); err != nil {
		return err
	}
	if err := snapshot.WriteFile(l.kept(l.active.Seq), bundle); err != nil {
		return err
	}
	return snapshot.WriteFile(l.last, raw)
}

// doubted returns the digest of the file that did not hold last.
func (l *legislation) doubted() gateway.Digest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.doubt
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
		if errors.Is(err, store.ErrMoved) {
			continue // another gateway was quicker: the next look takes over what it did
		}
		if err != nil && err.Error() != told {
			report(err)
			if !errors.Is(err, errKept) {
				l.exchange.PolicyRefused(ctx, l.doubted())
			}
		}
		told = ""
		if err != nil {
			told = err.Error()
		}
	}
}
