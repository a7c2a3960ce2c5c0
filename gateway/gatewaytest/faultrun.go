package gatewaytest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

// faultRun is one fault in one world.
type faultRun struct {
	w      *World
	fault  FaultCase
	o      FaultOptions
	count  int
	rand   *rand.Rand // of the fault
	books  *books
	report FaultReport
	begun  time.Time
	starts []time.Duration
	towns  []*Matter
	undo   []func() error // what the fault has changed outside the world

	pg    *server   // nil: the embedded database
	more  []*World  // gateways on the same database
	front *Balancer // before all gateways, if there are several
}

// redeliver is after how many seconds the gateway of a run hands out again what
// was not acknowledged: short, so that every kill is followed by what it undid.
const redeliver = 2

// healed is how long a gateway may take to go on after a fault.
const healed = time.Minute

// run runs one fault in a world below dir.
func (f FaultCase) run(ctx context.Context, dir, binary string, o FaultOptions, out io.Writer) (FaultReport, error) {
	w, err := NewCrowd(dir, binary, Towns)
	if err != nil {
		return FaultReport{}, err
	}
	r := newFaultRun(w, f, o)
	defer r.end()
	if err := r.open(ctx); err != nil {
		return FaultReport{}, err
	}
	if f.whole != nil {
		err = f.whole(ctx, r)
	} else {
		err = r.underLoad(ctx, out)
	}
	fmt.Fprintf(out, "%s: %d of %d, %s\n", f.Name, r.report.Count, r.count, r.books.progress())
	return r.sum(err)
}

func newFaultRun(w *World, f FaultCase, o FaultOptions) *faultRun {
	return &faultRun{w: w, fault: f, o: o, count: cmp.Or(o.Count, f.Count), rand: chance(o.Seed, 0), books: newBooks(), begun: time.Now()}
}

// end ends the gateway and undoes what the fault has changed.
func (r *faultRun) end() {
	for _, w := range append(r.more, r.w) {
		w.Kill()
	}
	for _, undo := range slices.Backward(r.undo) {
		undo()
	}
	r.undo = nil
}

// open starts the gateway and opens a case at every municipality.
func (r *faultRun) open(ctx context.Context) error {
	// The limit on requests is not what is tried here.
	if err := r.w.Configure(map[string]any{"requests_per_second": 1e6, "redeliver_seconds": redeliver}); err != nil {
		return err
	}
	if r.fault.before != nil {
		if err := r.fault.before(ctx, r); err != nil {
			return err
		}
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	for _, w := range r.more {
		if err := w.Start(ctx); err != nil {
			return err
		}
	}
	for i := range Towns {
		m, err := NewMatter(ctx, r.w, townAt(i))
		if err != nil {
			return err
		}
		r.towns = append(r.towns, m)
	}
	return nil
}

// underLoad lets the fault happen again and again while all clients work, lets
// them finish, and audits.
func (r *faultRun) underLoad(ctx context.Context, out io.Writer) error {
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	l := r.load(working, cancel)
	var err error
	for n := 1; n <= r.count && err == nil && r.sound(); n++ {
		if err = r.once(ctx, n); err == nil && n%10 == 0 {
			fmt.Fprintf(out, "%s: %d of %d, %s\n", r.fault.Name, n, r.count, r.books.progress())
		}
	}
	if err != nil {
		cancel() // nobody is there to answer
	}
	l.finish(working, err == nil && r.sound())
	if err == nil {
		err = r.stop()
	}
	if err == nil {
		err = r.check(ctx, r.place())
	}
	return err
}

// stop drains every gateway.
func (r *faultRun) stop() error {
	err := r.w.Stop()
	for _, w := range r.more {
		err = errors.Join(err, w.Stop())
	}
	return err
}

// place is where the database is.
func (r *faultRun) place() string {
	if r.pg != nil {
		return r.pg.primary.DSN()
	}
	return r.w.data()
}

// sound reports whether nothing has been found yet; the first finding ends the
// run.
func (r *faultRun) sound() bool {
	r.books.mu.Lock()
	defer r.books.mu.Unlock()
	return len(r.books.findings)+len(r.report.Findings) == 0
}

// chance returns a source of random numbers of its own for each use of a seed.
func chance(seed uint64, use int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(use))) }

// up returns a random time below d.
func (r *faultRun) up(d time.Duration) time.Duration { return time.Duration(r.rand.Int64N(int64(d))) }

// sleep waits.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// once lets the gateway work for a random time, lets the fault happen, and
// waits until all goes on.
func (r *faultRun) once(ctx context.Context, n int) error {
	if err := sleep(ctx, r.up(r.o.Longest)); err != nil {
		return err
	}
	if r.w.exited() {
		return fmt.Errorf("%w: the gateway ended by itself: %s", ErrFault, r.w.tail())
	}
	if err := r.fault.strike(ctx, r); err != nil {
		return err
	}
	r.report.Count++
	if r.w.Pid() == 0 || r.w.exited() {
		if err := r.w.Kill(); err != nil { // it has ended: what is left is to know it
			return err
		}
		if n%r.o.Every == 0 {
			if err := r.checkCopy(ctx); err != nil {
				return err
			}
		}
		if err := r.start(ctx); err != nil {
			return err
		}
	}
	return r.goesOn(ctx)
}

// goesOn waits until the gateway is ready and a new message has been accepted.
func (r *faultRun) goesOn(ctx context.Context) error {
	before := r.books.taken()
	for end := time.Now().Add(healed); time.Now().Before(end); {
		if r.w.exited() { // a gateway may end after a fault, to begin anew
			if err := errors.Join(r.w.Kill(), r.start(ctx)); err != nil {
				return err
			}
		}
		if r.books.taken() > before && r.w.Ready() || !r.sound() {
			return nil
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: a minute after the fault nothing is accepted: %s", ErrFault, r.w.tail())
}

// start starts the gateway and notes how long it took. While it was away
// another process may have had its port for a moment.
func (r *faultRun) start(ctx context.Context) error {
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		begun := time.Now()
		err := r.w.Start(ctx)
		if err == nil {
			r.starts = append(r.starts, time.Since(begun))
			return nil
		}
		if whole.Err() != nil { // the run was told to end
			return context.Cause(whole)
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "address already in use") {
			return fmt.Errorf("%w: starting again: %w", ErrFault, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// refuses holds that the gateway does not start, and says why in these words.
func (r *faultRun) refuses(ctx context.Context, words string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err := r.w.Start(ctx)
	switch {
	case err == nil:
		r.books.find("the gateway started, where it must refuse: %s", words)
		return r.w.Kill()
	case ctx.Err() != nil:
		return errors.Join(err, r.w.Kill())
	case !strings.Contains(err.Error(), words):
		r.books.find("the gateway refused with other words than %q: %v", words, err)
	}
	return nil
}

// checkCopy audits a copy of the database that the killed gateway left, so
// that recovery remains the gateway's own. A server recovers by itself.
func (r *faultRun) checkCopy(ctx context.Context) error {
	if r.pg != nil {
		return r.check(ctx, r.place())
	}
	dir, err := os.MkdirTemp(r.w.Dir, "copy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(r.w.data())); err != nil {
		return err
	}
	return r.check(ctx, dir)
}

// check audits the database at a place.
func (r *faultRun) check(ctx context.Context, place string) error {
	v, err := r.w.audit(ctx, r.books, place)
	r.report.Audits++
	r.report.Entries, r.report.Lost, r.report.Unlogged = v.entries, v.lost, v.unlogged
	r.report.Findings = v.findings
	return err
}

// sum completes the report of a run that ended with err.
func (r *faultRun) sum(err error) (FaultReport, error) {
	b := r.books
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &r.report
	p.Fault, p.Seed, p.Again, p.Releases, p.Redelivered, p.Doubled = r.fault.Name, r.o.Seed, b.again, len(b.released), b.twice, b.doubled
	for _, a := range b.accepted {
		if a.statement {
			p.Stated++
		} else {
			p.Acknowledged++
		}
	}
	for id := range b.released {
		if _, ok := b.acked[id]; ok {
			p.Received++
		}
	}
	p.StartSlowest, p.Seconds = slices.Max(r.starts).Seconds(), time.Since(r.begun).Seconds()
	p.Findings = append(p.Findings, b.findings...)
	if errors.Is(err, ErrFault) {
		p.Findings = append(p.Findings, err.Error())
	}
	if len(p.Findings) > 0 {
		err = errors.Join(fmt.Errorf("%w: fault %s: lost %d, unlogged %d, doubled %d, findings %d", ErrFault, p.Fault, p.Lost, p.Unlogged, p.Doubled, len(p.Findings)), err)
	}
	return *p, err
}
