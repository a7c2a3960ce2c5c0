package disclosure

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

// Committed is the proof that a write is durable and its entries are in the
// log. Only [Log.Append] and [Log.Again] make one.
type Committed struct {
	index   uint64
	entries []store.Entry
	batch   *committedBatch
}

// IsZero reports whether c is the zero value, which proves nothing.
func (c Committed) IsZero() bool { return c.batch == nil }

// Index returns the index of the write's first entry.
func (c Committed) Index() uint64 { return c.index }

// Leaf returns the leaf of the write's first entry; zero if it has none.
func (c Committed) Leaf() [64]byte { return c.first().Leaf }

// E1 returns the public part of the write's first entry, as hashed. The caller
// must not change it.
func (c Committed) E1() []byte { return c.first().E1 }

func (c Committed) first() store.Entry {
	if len(c.entries) == 0 {
		return store.Entry{}
	}
	return c.entries[0]
}

// Checkpoint returns the signed checkpoint of the batch. It may be newer than
// the published one.
func (c Committed) Checkpoint() []byte {
	if c.IsZero() {
		return nil
	}
	return c.batch.checkpoint
}

// Proof returns the proof of the write's first entry under the batch's
// checkpoint, in the form of c2sp.org/tlog-proof. It reads no database; the
// entries of one batch share the work.
func (c Committed) Proof() ([]byte, error) {
	if c.IsZero() || len(c.entries) == 0 {
		return nil, fmt.Errorf("%w: nothing was committed", ErrProof)
	}
	return prove(c.batch.nodes, c.index, c.batch.head.Size, c.batch.checkpoint)
}

// committedBatch is what the writes of one transaction share.
type committedBatch struct {
	signed
	nodes *nodes // the right edge, enough for every proof of the batch
}

// Conflict is why a write was left out. It wraps [store.ErrMoved],
// [store.ErrReplayed], [store.ErrDuplicate], [store.ErrQuota] or
// [store.ErrInvalid].
type Conflict struct {
	Err      error
	Existing *store.Message // with ErrDuplicate: what is there, without body
	Entry    uint64         // with ErrDuplicate: the index of its entry
}

// Error implements error.
func (c *Conflict) Error() string { return fmt.Sprintf("appending to log: %v", c.Err) }

// Unwrap returns what conflicts.
func (c *Conflict) Unwrap() error { return c.Err }

// request is one write that waits.
type request struct {
	write store.Write
	bytes int
	state atomic.Int32
	done  chan answer
}

type answer struct {
	committed Committed
	err       error
}

// The states of a request. Whoever moves it on from waiting has the say: the
// batcher, which will answer, or the caller, who then knows that nothing is
// written.
const (
	waiting int32 = iota
	taken
	abandoned
)

// Append writes w and returns when it is durable, its entries in the log and
// the batch's checkpoint signed. A [Conflict] says that w was left out. Should
// ctx end before the write was taken into a batch, nothing is written;
// afterwards Append waits for the outcome, so that a caller who hangs up
// leaves nothing unsure. Any other error releases nothing: with
// [store.ErrUnknown] the rows have to be looked up.
func (l *Log) Append(ctx context.Context, w store.Write) (Committed, error) {
	r := newRequest(w)
	if err := l.enqueue(ctx, r); err != nil {
		return Committed{}, err
	}
	return l.wait(ctx, r)
}

// AppendAll writes several independent writes, in one batch where they fit,
// and returns for each what [Log.Append] would.
func (l *Log) AppendAll(ctx context.Context, writes []store.Write) ([]Committed, []error) {
	defer gateway.Rest(ctx)() // once for all, not for each
	ctx = gateway.WithRest(ctx, func() func() { return func() {} })
	out, errs := make([]Committed, len(writes)), make([]error, len(writes))
	requests := make([]*request, len(writes))
	for i, w := range writes {
		requests[i] = newRequest(w)
		errs[i] = l.enqueue(ctx, requests[i])
	}
	for i, r := range requests {
		if errs[i] == nil {
			out[i], errs[i] = l.wait(ctx, r)
		}
	}
	return out, errs
}

func newRequest(w store.Write) *request {
	n := 0
	for _, e := range w.Entries {
		n += len(e.E1) + len(e.E2)
	}
	if w.Message != nil {
		n += len(w.Message.Body)
	}
	for _, s := range w.Statements {
		n += len(s.Body)
	}
	return &request{write: w, bytes: n, done: make(chan answer, 1)}
}

func (l *Log) enqueue(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.queue <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stopped:
		return ErrStopped
	}
}

func (l *Log) wait(ctx context.Context, r *request) (Committed, error) {
	defer gateway.Rest(ctx)()
	stopped := l.stopped
	for {
		select {
		case a := <-r.done:
			return a.committed, a.err
		case <-ctx.Done():
			if r.state.CompareAndSwap(waiting, abandoned) {
				return Committed{}, ctx.Err()
			}
			a := <-r.done
			return a.committed, a.err
		case <-stopped:
			if r.state.CompareAndSwap(waiting, abandoned) {
				return Committed{}, ErrStopped
			}
			stopped = nil // taken: the answer is on its way
		}
	}
}

// batches commits what waits until ctx is done or the log is not to be
// trusted any more.
func (l *Log) batches(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-l.queue:
			if err := l.commit(l.take(r)); err != nil {
				l.cfg.Log.Error("log stopped", "error", err)
				return err
			}
		}
	}
}

// take returns r and what waits behind it, without those whose caller has
// gone.
func (l *Log) take(r *request) []*request {
	// Callers that were answered just now get the chance to come back, so that
	// they share this transaction and not the next.
	runtime.Gosched()
	batch := make([]*request, 0, maxBatch)
	for bytes := 0; ; {
		if r.state.CompareAndSwap(waiting, taken) {
			batch = append(batch, r)
			bytes += r.bytes
		}
		if len(batch) == maxBatch || bytes >= maxBatchBytes {
			return batch
		}
		select {
		case r = <-l.queue:
		default:
			return batch
		}
	}
}

// commit writes a batch and answers everyone in it. Its error means that the
// log must stop.
func (l *Log) commit(batch []*request) error {
	batch = l.refuseClock(batch)
	if len(batch) == 0 {
		return nil
	}
	begun := time.Now()
	writes := make([]store.Write, len(batch))
	for i, r := range batch {
		writes[i] = r.write
	}
	// A commit that has begun is not given up: nobody would know its result.
	ctx := context.Background()
	grown := &growing{log: l, writes: writes}
	results, err := l.cfg.Store.Commit(ctx, writes, grown.grow)
	if err == nil && len(results) != len(batch) {
		err = fmt.Errorf("%w: %d results for %d writes", store.ErrUnknown, len(results), len(batch))
	}
	var done *committedBatch
	if err == nil {
		done, err = l.sign(grown)
	}
	l.metrics.batch(len(batch), time.Since(begun), err)
	l.ill.Store(nil)
	if err != nil {
		return l.failed(ctx, batch, err)
	}
	for i, r := range batch {
		r.done <- done.answer(r, results[i])
	}
	return nil
}

// failed answers a batch that was not committed, or perhaps was. Before, it
// reads the head again, so that who looks the rows up can have their proof. Its
// error means that the log must stop.
func (l *Log) failed(ctx context.Context, batch []*request, err error) error {
	l.ill.Store(&err)
	stop := err
	if !distrusts(err) {
		stop = l.reload(ctx)
	}
	for _, r := range batch {
		r.done <- answer{err: fmt.Errorf("appending to log: %w", err)}
	}
	if distrusts(stop) {
		return stop
	}
	return nil // if reloading went wrong: the next commit compares the heads
}

// Healthy returns nil if the last commit went well, and otherwise its error: a
// log whose store takes no more writes lets nothing leave, and its process has to
// start anew.
func (l *Log) Healthy() error {
	if err := l.ill.Load(); err != nil {
		return *err
	}
	return nil
}

// distrusts reports whether err says that the stored log is not to be trusted.
func distrusts(err error) bool { return errors.Is(err, ErrRollback) || errors.Is(err, ErrFork) }

func (b *committedBatch) answer(r *request, res store.Result) answer {
	if res.Err != nil {
		return answer{err: &Conflict{Err: res.Err, Existing: res.Existing, Entry: res.Entry}}
	}
	return answer{committed: Committed{index: res.Index, entries: r.write.Entries, batch: b}}
}

// refuseClock answers the requests whose entries' times do not fit the log's,
// and returns the others.
func (l *Log) refuseClock(batch []*request) []*request {
	now, last := l.cfg.Now(), l.latest.Load().head.Time
	behind := now.Before(last.Add(-skew))
	rest := batch[:0]
	for _, r := range batch {
		bad := behind
		for _, e := range r.write.Entries {
			bad = bad || e.Time.Before(last.Add(-skew)) || e.Time.After(now.Add(skew))
		}
		if bad {
			r.done <- answer{err: ErrClock}
			continue
		}
		rest = append(rest, r)
	}
	return rest
}

// sign takes over what a commit has made durable and signs its head. Only now
// may a checkpoint exist: a transaction that was rolled back after its head was
// signed would have made two logs of one.
func (l *Log) sign(g *growing) (*committedBatch, error) {
	if g.next == nil { // nothing was accepted that has an entry
		return &committedBatch{signed: *l.latest.Load()}, nil
	}
	l.tree = g.next
	cp, err := signCheckpoint(l.signer, g.head.Size, g.head.Root)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	done := &committedBatch{signed: signed{g.head, cp}, nodes: newNodes(g.next, g.tiles)}
	l.keep(&done.signed)
	return done, nil
}

// keep takes a signed head as the latest, unless a later one is known.
func (l *Log) keep(s *signed) {
	for {
		old := l.latest.Load()
		if old != nil && old.head.Size > s.head.Size || l.latest.CompareAndSwap(old, s) {
			return
		}
	}
}

// refuseRest answers what is left in the queue after Run.
func (l *Log) refuseRest() {
	for {
		select {
		case r := <-l.queue:
			if r.state.CompareAndSwap(waiting, taken) {
				r.done <- answer{err: ErrStopped}
			}
		default:
			return
		}
	}
}

// growing is the growth of the tree by one batch; grow is its [store.Grow].
type growing struct {
	log    *Log
	writes []store.Write

	head  store.Head
	next  *tree
	tiles []store.Tile
}

// grow may be called again when the transaction is done again; it starts from
// the log's own tree each time. Where another gateway has appended since, that
// tree must be continued by the stored one.
func (g *growing) grow(head store.Head, leaves [][64]byte, tiles store.TileReader) (store.Growth, error) {
	if g.log.cfg.Now().Before(head.Time.Add(-skew)) {
		return store.Growth{}, ErrClock
	}
	was := g.log.tree
	if seen := was.tip(); seen != (Tip{head.Size, head.Root}) {
		var err error
		if was, err = continued(seen, head, tiles); err != nil {
			return store.Growth{}, err
		}
	}
	latest, err := g.latest(head.Time, leaves)
	if err != nil {
		return store.Growth{}, err
	}
	next := was.clone()
	for _, leaf := range leaves {
		next.add(recordHash(leaf))
	}
	g.next, g.tiles = next, next.dirty()
	g.head = store.Head{Size: next.size, Root: gateway.Digest(next.root()), Time: latest}
	return store.Growth{Head: g.head, Tiles: g.tiles}, nil
}

// latest returns the latest time of the accepted entries, which are known by
// their leaves: a subsequence of the batch's.
func (g *growing) latest(last time.Time, leaves [][64]byte) (time.Time, error) {
	i := 0
	for _, w := range g.writes {
		for _, e := range w.Entries {
			if i < len(leaves) && e.Leaf == leaves[i] {
				i++
				if t := e.Time.Truncate(time.Millisecond).UTC(); t.After(last) {
					last = t
				}
			}
		}
	}
	if i != len(leaves) {
		return last, fmt.Errorf("growing tree: %d leaves are not of this batch", len(leaves)-i)
	}
	return last, nil
}
