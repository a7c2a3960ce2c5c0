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

// ErrCrash is what [Crash] returns when the gateway did not keep its word.
var ErrCrash = errors.New("the gateway did not keep what it promised")

// CrashTowns is how many municipalities take part in a crash run: the world
// must have been made with so many more ([NewCrowd]).
const CrashTowns = 4

// CrashOptions say how a gateway is killed. The zero value of a field means
// its default.
type CrashOptions struct {
	Kills int    // how often; default 200
	Seed  uint64 // of when, and of what the clients do
	// Longest is the longest time under load before a kill. Default 300 ms.
	Longest time.Duration
	// Every is after how many kills a copy of what is on the disk is audited,
	// before the gateway has recovered it. Default 25.
	Every int
	// Hasty leaves out waiting until every message has reached its recipient,
	// which takes a mailbox lease (a minute): what was handed out when the
	// gateway died is then only found in its mailbox, not delivered again.
	Hasty bool
}

// CrashReport is what came of a crash run. Lost are receipts and acknowledgements
// that the gateway did not bear out, Unlogged the releases without their entry;
// Findings names these and everything else that was not as it must be.
type CrashReport struct {
	Seed         uint64   `json:"seed"`
	Kills        int      `json:"kills"`
	Starting     int      `json:"kills_while_starting"`
	Acknowledged int      `json:"messages_acknowledged"`
	Stated       int      `json:"statements_acknowledged"`
	Again        int      `json:"receipts_given_again"`
	Releases     int      `json:"releases"`
	Redelivered  int      `json:"releases_handed_out_again"`
	Received     int      `json:"acknowledgements_accepted"`
	Entries      uint64   `json:"log_entries"`
	Audits       int      `json:"audits"`
	Lost         int      `json:"lost"`
	Unlogged     int      `json:"unlogged"`
	StartMedian  float64  `json:"start_median_s"`
	StartSlowest float64  `json:"start_slowest_s"`
	Seconds      float64  `json:"seconds"`
	Findings     []string `json:"findings,omitempty"`
}

// Print writes the report for a person.
func (r CrashReport) Print(out io.Writer) {
	fmt.Fprintf(out, "seed %d: %d kills (%d while starting), %d messages and %d statements acknowledged, %d receipts given again, %d releases (%d handed out again), %d acknowledged by their recipients\n",
		r.Seed, r.Kills, r.Starting, r.Acknowledged, r.Stated, r.Again, r.Releases, r.Redelivered, r.Received)
	fmt.Fprintf(out, "%d log entries, %d audits; start to ready %.2f s (median), %.2f s (slowest); %.0f s in all\n",
		r.Entries, r.Audits, r.StartMedian, r.StartSlowest, r.Seconds)
	fmt.Fprintf(out, "lost %d, unlogged %d, findings %d\n", r.Lost, r.Unlogged, len(r.Findings))
	for _, f := range r.Findings[:min(len(r.Findings), 20)] {
		fmt.Fprintln(out, "  "+f)
	}
}

// Crash kills the gateway of w at random moments under load (SIGKILL), starts
// it again, and lets the clients go on with what they were doing: the police
// state facts about a person at each of [CrashTowns] municipalities and send
// messages about that person, which functions there collect and acknowledge.
// What each client was told is kept and compared with what is on the disk: no
// release without an entry, nothing acknowledged lost, every receipt verifies,
// every table is sound. The gateway must not run; when Crash returns it has
// been stopped. An error that is [ErrCrash] says that the report has findings,
// any other that the run could not be made.
func Crash(ctx context.Context, w *World, o CrashOptions, out io.Writer) (CrashReport, error) {
	r, err := newCrashRun(ctx, w, o)
	if err != nil {
		return CrashReport{}, errors.Join(err, w.Kill())
	}
	defer w.Kill()
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	l := r.load(working, cancel)
	for kill := 1; kill <= r.o.Kills && err == nil && r.sound(); kill++ {
		if err = r.kill(ctx, kill); err == nil && kill%10 == 0 {
			fmt.Fprintf(out, "%d kills, %s\n", kill, r.books.progress())
		}
	}
	if err != nil {
		cancel() // nobody is there to answer
	}
	l.finish(working, err == nil && r.sound() && !r.o.Hasty)
	if err == nil {
		err = w.Stop()
	}
	if err == nil {
		err = r.check(ctx, w.data())
	}
	return r.sum(err)
}

// crashRun is one run.
type crashRun struct {
	w      *World
	o      CrashOptions
	rand   *rand.Rand // of the kills
	books  *books
	report CrashReport
	begun  time.Time
	starts []time.Duration
	towns  []*Matter
}

// newCrashRun starts the gateway and opens a case at every municipality.
func newCrashRun(ctx context.Context, w *World, o CrashOptions) (*crashRun, error) {
	o.Kills, o.Longest, o.Every = cmp.Or(o.Kills, 200), cmp.Or(o.Longest, 300*time.Millisecond), cmp.Or(o.Every, 25)
	r := &crashRun{w: w, o: o, rand: chance(o.Seed, 0), books: newBooks(), begun: time.Now()}
	// The limit on requests is not what is tried here.
	if err := w.Configure(map[string]any{"requests_per_second": 1e6}); err != nil {
		return nil, err
	}
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	for i := range CrashTowns {
		m, err := NewMatter(ctx, w, crashTown(i))
		if err != nil {
			return nil, err
		}
		r.towns = append(r.towns, m)
	}
	return r, nil
}

// sound reports whether nothing has been found yet; the first finding ends the
// run.
func (r *crashRun) sound() bool {
	r.books.mu.Lock()
	defer r.books.mu.Unlock()
	return len(r.books.findings)+len(r.report.Findings) == 0
}

// chance returns a source of random numbers of its own for each use of a seed.
func chance(seed uint64, use int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(use))) }

// kill lets the gateway work for a random time, kills it and starts it again.
// Every eighth time on average it is killed once more while it starts.
func (r *crashRun) kill(ctx context.Context, n int) error {
	select {
	case <-time.After(time.Duration(r.rand.Int64N(int64(r.o.Longest)))):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if r.w.exited() {
		return fmt.Errorf("%w: the gateway ended by itself: %s", ErrCrash, r.w.tail())
	}
	if err := r.w.Kill(); err != nil {
		return err
	}
	r.report.Kills++
	if r.rand.IntN(8) == 0 {
		early, cancel := context.WithTimeout(ctx, time.Duration(r.rand.Int64N(int64(200*time.Millisecond))))
		err := r.w.Start(early)
		cancel()
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			r.report.Starting++
		}
		if err := r.w.Kill(); err != nil {
			return err
		}
	}
	if n%r.o.Every == 0 {
		if err := r.checkCopy(ctx); err != nil {
			return err
		}
	}
	return r.start(ctx)
}

// start starts the gateway and notes how long it took. While it was away
// another process may have had its port for a moment.
func (r *crashRun) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		begun := time.Now()
		err := r.w.Start(ctx)
		if err == nil {
			r.starts = append(r.starts, time.Since(begun))
			return nil
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "address already in use") {
			return fmt.Errorf("%w: starting again: %w", ErrCrash, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// checkCopy audits a copy of the database that the killed gateway left, so
// that recovery remains the gateway's own.
func (r *crashRun) checkCopy(ctx context.Context) error {
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

// check audits what is in the directory of a database.
func (r *crashRun) check(ctx context.Context, data string) error {
	v, err := r.w.audit(ctx, r.books, data)
	r.report.Audits++
	r.report.Entries, r.report.Lost, r.report.Unlogged = v.entries, v.lost, v.unlogged
	r.report.Findings = v.findings
	return err
}

// sum completes the report of a run that ended with err.
func (r *crashRun) sum(err error) (CrashReport, error) {
	b := r.books
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &r.report
	p.Seed, p.Again, p.Releases, p.Redelivered = r.o.Seed, b.again, len(b.released), b.twice
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
	slices.Sort(r.starts)
	p.StartMedian, p.StartSlowest = r.starts[len(r.starts)/2].Seconds(), r.starts[len(r.starts)-1].Seconds()
	p.Seconds = time.Since(r.begun).Seconds()
	p.Findings = append(p.Findings, b.findings...)
	if len(p.Findings) > 0 {
		err = errors.Join(fmt.Errorf("%w: lost %d, unlogged %d, findings %d", ErrCrash, p.Lost, p.Unlogged, len(p.Findings)), err)
	}
	return *p, err
}
