package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

// ErrInjected is the cause of every fault that a [Faulty] makes.
var ErrInjected = errors.New("storetest: injected fault")

// Fault is how a call fails.
type Fault int

// The faults.
const (
	None Fault = iota
	// Before fails the call before it does anything.
	Before
	// Inside fails a Commit after the tree was grown, so that the transaction
	// is rolled back. Other calls fail as with Before.
	Inside
	// After does the work and then reports failure; for a Commit,
	// [store.ErrUnknown].
	After
)

// String returns the name of the fault.
func (f Fault) String() string {
	return [...]string{"none", "not written", "rolled back", "written, reported failed"}[f]
}

// Faulty is a store that fails when told to. It fails in the ways that matter:
// not written, and written but reported failed.
type Faulty struct {
	store.Store

	mu    sync.Mutex
	fault Fault
	call  string
	skip  int
	calls []string
}

// Break makes the call named ("Commit", "Head", …; "" for any) fail, after skip
// such calls have gone well. It fails once; the calls after it go well.
func (f *Faulty) Break(call string, fault Fault, skip int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call, f.fault, f.skip = call, fault, skip
}

// Calls returns the names of the calls made so far.
func (f *Faulty) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// next takes note of a call and returns how it fails.
func (f *Faulty) next(call string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	if f.fault == None || f.call != "" && f.call != call {
		return None
	}
	if f.skip > 0 {
		f.skip--
		return None
	}
	fault := f.fault
	f.fault = None
	return fault
}

// Commit implements [store.Store].
func (f *Faulty) Commit(ctx context.Context, batch []store.Write, grow store.Grow) ([]store.Result, error) {
	switch f.next("Commit") {
	case Before:
		return nil, fmt.Errorf("committing: %w", ErrInjected)
	case Inside:
		return f.Store.Commit(ctx, batch, func(h store.Head, l [][64]byte, tiles store.TileReader) (store.Growth, error) {
			g, err := grow(h, l, tiles)
			return g, errors.Join(err, ErrInjected)
		})
	case After:
		_, err := f.Store.Commit(ctx, batch, grow)
		return nil, errors.Join(store.ErrUnknown, ErrInjected, err)
	}
	return f.Store.Commit(ctx, batch, grow)
}

// reading calls a method that reads.
func reading[T any](f *Faulty, call string, read func() (T, error)) (T, error) {
	fault := f.next(call)
	var none T
	if fault == Before || fault == Inside {
		return none, fmt.Errorf("reading: %w", ErrInjected)
	}
	v, err := read()
	if fault == After {
		return none, errors.Join(ErrInjected, err)
	}
	return v, err
}

// Head implements [store.Store].
func (f *Faulty) Head(ctx context.Context) (store.Head, error) {
	return reading(f, "Head", func() (store.Head, error) { return f.Store.Head(ctx) })
}

// Tiles implements [store.Store].
func (f *Faulty) Tiles(ctx context.Context, want []store.Tile) ([]store.Tile, error) {
	return reading(f, "Tiles", func() ([]store.Tile, error) { return f.Store.Tiles(ctx, want) })
}

// Leaves implements [store.Store].
func (f *Faulty) Leaves(ctx context.Context, from, to uint64) ([][64]byte, error) {
	return reading(f, "Leaves", func() ([][64]byte, error) { return f.Store.Leaves(ctx, from, to) })
}

// Entry implements [store.Store].
func (f *Faulty) Entry(ctx context.Context, index uint64) (store.Entry, error) {
	return reading(f, "Entry", func() (store.Entry, error) { return f.Store.Entry(ctx, index) })
}

// Entries implements [store.Store].
func (f *Faulty) Entries(ctx context.Context, from uint64, limit int) ([]store.Entry, error) {
	return reading(f, "Entries", func() ([]store.Entry, error) { return f.Store.Entries(ctx, from, limit) })
}

// States implements [store.Store].
func (f *Faulty) States(ctx context.Context, names []string) ([]store.State, error) {
	return reading(f, "States", func() ([]store.State, error) { return f.Store.States(ctx, names) })
}

// Statements implements [store.Store].
func (f *Faulty) Statements(ctx context.Context, state string) ([]store.Statement, error) {
	return reading(f, "Statements", func() ([]store.Statement, error) { return f.Store.Statements(ctx, state) })
}

type found struct {
	m     store.Message
	entry uint64
}

// Message implements [store.Store].
func (f *Faulty) Message(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error) {
	r, err := reading(f, "Message", func() (r found, err error) {
		r.m, r.entry, err = f.Store.Message(ctx, iss, id)
		return r, err
	})
	return r.m, r.entry, err
}

// Heading implements [store.Store].
func (f *Faulty) Heading(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error) {
	r, err := reading(f, "Heading", func() (r found, err error) {
		r.m, r.entry, err = f.Store.Heading(ctx, iss, id)
		return r, err
	})
	return r.m, r.entry, err
}

// MessageByID implements [store.Store].
func (f *Faulty) MessageByID(ctx context.Context, to gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error) {
	r, err := reading(f, "MessageByID", func() (r found, err error) {
		r.m, r.entry, err = f.Store.MessageByID(ctx, to, id)
		return r, err
	})
	return r.m, r.entry, err
}

// Mailbox implements [store.Store].
func (f *Faulty) Mailbox(ctx context.Context, agency gateway.AgencyID, roles []gateway.Role, now time.Time, limit int) ([]store.Mail, error) {
	return reading(f, "Mailbox", func() ([]store.Mail, error) { return f.Store.Mailbox(ctx, agency, roles, now, limit) })
}

// MailByDelivery implements [store.Store].
func (f *Faulty) MailByDelivery(ctx context.Context, agency gateway.AgencyID, deliveries []string) ([]store.Mail, error) {
	return reading(f, "MailByDelivery", func() ([]store.Mail, error) { return f.Store.MailByDelivery(ctx, agency, deliveries) })
}

// MailOf implements [store.Store].
func (f *Faulty) MailOf(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) ([]store.Mail, error) {
	return reading(f, "MailOf", func() ([]store.Mail, error) { return f.Store.MailOf(ctx, iss, id) })
}

// Expired implements [store.Store].
func (f *Faulty) Expired(ctx context.Context, now time.Time, limit int) ([]store.Mail, error) {
	return reading(f, "Expired", func() ([]store.Mail, error) { return f.Store.Expired(ctx, now, limit) })
}

// Purge implements [store.Store].
func (f *Faulty) Purge(ctx context.Context, now time.Time, keep []gateway.MessageType) (int, error) {
	return reading(f, "Purge", func() (int, error) { return f.Store.Purge(ctx, now, keep) })
}

// Document implements [store.Store].
func (f *Faulty) Document(ctx context.Context, name string) (store.Document, error) {
	return reading(f, "Document", func() (store.Document, error) { return f.Store.Document(ctx, name) })
}

// Claim implements [store.Store].
func (f *Faulty) Claim(ctx context.Context, holder string, items []store.Mail, now, until time.Time) ([]store.Mail, error) {
	return reading(f, "Claim", func() ([]store.Mail, error) { return f.Store.Claim(ctx, holder, items, now, until) })
}

// Lease implements [store.Store].
func (f *Faulty) Lease(ctx context.Context, name, holder string, now, until time.Time) (bool, error) {
	return reading(f, "Lease", func() (bool, error) { return f.Store.Lease(ctx, name, holder, now, until) })
}

// Publish implements [store.Store].
func (f *Faulty) Publish(ctx context.Context, size uint64, note []byte) error {
	_, err := reading(f, "Publish", func() (struct{}, error) { return struct{}{}, f.Store.Publish(ctx, size, note) })
	return err
}

// Published implements [store.Store].
func (f *Faulty) Published(ctx context.Context) ([]byte, error) {
	return reading(f, "Published", func() ([]byte, error) { return f.Store.Published(ctx) })
}
