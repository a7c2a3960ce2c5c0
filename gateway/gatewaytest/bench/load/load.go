// Package load measures systems that carry exchanges: it drives them with so
// many clients at once, takes the time of every exchange, and reads what
// processor time and memory the processes behind them used.
//
// There are two ways to drive. In a [Round] every client does one exchange after
// the other (a closed loop), which finds the most that a system can do at that
// many clients. [Steady] begins exchanges at a constant rate whatever the system
// does (an open loop), which finds how long they take under a load that does not
// wait for it; the time of an exchange is counted from when it was due, so that a
// stall shows in everything that it delayed.
//
// Rounds of several systems are taken in turn, so that what else the machine does
// falls on all alike, and the results are medians with their spread. Nothing here
// judges a time: a benchmark that fails because a machine is busy says nothing.
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// System is something that carries exchanges.
type System interface {
	// Name is what tables and plots call it.
	Name() string
	// Prepare makes what so many exchanges by so many clients need, outside of
	// what is measured.
	Prepare(ctx context.Context, clients, exchanges int) error
	// Exchange carries out one exchange of a client, from 0. io.EOF says that what
	// was prepared is used up.
	Exchange(ctx context.Context, client int) error
	// Usage reads what its processes have used so far.
	Usage() (Usage, error)
	io.Closer
}

// Usage is what the processes of a system have used: processor time since they
// began in milliseconds, memory now in MB. Own are those of the system's own
// programs, Database those of a database server.
type Usage struct{ OwnCPU, DatabaseCPU, OwnMemory, DatabaseMemory float64 }

// ErrShort says that a round was over before its time, because too few exchanges
// had been prepared.
var ErrShort = errors.New("load: what was prepared is used up")

// Round is what came of one round. Times are milliseconds; of processor time the
// milliseconds for each exchange.
type Round struct {
	Done     int
	Rate     float64 // exchanges a second
	P50, P99 float64
	Usage    // CPU for each exchange
}

// Take lets so many clients do one exchange after the other for d, with what was
// prepared before, and returns what came of it. The first error ends the round.
func Take(ctx context.Context, s System, clients int, d time.Duration) (Round, error) {
	before, err := s.Usage()
	if err != nil {
		return Round{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	times := make([][]float64, clients)
	begun := time.Now()
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for time.Since(begun) < d && ctx.Err() == nil {
				t := time.Now()
				if err := s.Exchange(ctx, i); errors.Is(err, io.EOF) {
					cancel(ErrShort)
				} else if err != nil {
					cancel(fmt.Errorf("exchange on %s: %w", s.Name(), err))
				} else {
					times[i] = append(times[i], Millis(time.Since(t)))
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	if ctx.Err() != nil {
		return Round{}, context.Cause(ctx)
	}
	after, err := s.Usage()
	if err != nil {
		return Round{}, err
	}
	all := slices.Concat(times...)
	r := Round{Done: len(all), Rate: float64(len(all)) / took.Seconds(), P50: Quantile(all, 0.5), P99: Quantile(all, 0.99), Usage: after}
	n := max(1, float64(len(all)))
	r.OwnCPU, r.DatabaseCPU = (after.OwnCPU-before.OwnCPU)/n, (after.DatabaseCPU-before.DatabaseCPU)/n
	return r, nil
}

// Guess is how many exchanges to prepare for a round, from what rounds before it
// came to. The zero value is ready.
type Guess struct{ rate float64 }

// For is how many exchanges to prepare for a round of this length; the next time
// half as many more, unless [Guess.Prepared] learns what is enough.
func (g *Guess) For(d time.Duration) int {
	rate := cmp.Or(g.rate, 900)
	g.rate = 1.5 * rate
	return int(rate * d.Seconds())
}

// Prepared takes a round for which enough was prepared: when it was not, the
// round is taken again with more.
func (g *Guess) Prepared(ctx context.Context, s System, clients int, d time.Duration) (Round, error) {
	for try := 0; ; try++ {
		if err := s.Prepare(ctx, clients, g.For(d)); err != nil {
			return Round{}, fmt.Errorf("preparing %s: %w", s.Name(), err)
		}
		r, err := Take(ctx, s, clients, d)
		if errors.Is(err, ErrShort) && try < 5 {
			continue
		}
		g.rate = max(1.4*r.Rate, 200)
		return r, err
	}
}

// Minute is what came of one interval of a steady load.
type Minute struct {
	Rate     float64 // exchanges ended a second
	P50, P99 float64 // from when each was due
	Errors   int
}

// Steady begins exchanges at a constant rate for the duration, by at most so many
// clients, and calls sample at the end of each interval. It returns the first
// error of an exchange beside the number of them; errors do not end it.
func Steady(ctx context.Context, s System, o SteadyOptions, sample func(Minute) error) (failed error, err error) {
	r := &steady{s: s, due: make(chan time.Time, 1<<20)}
	var wg sync.WaitGroup
	for i := range o.Clients {
		wg.Go(func() { r.work(ctx, i) })
	}
	defer wg.Wait()
	defer close(r.due)
	begun := time.Now()
	next, n := begun.Add(o.Interval), 0
	for time.Since(begun) < o.Duration {
		if ctx.Err() != nil {
			return r.first(), context.Cause(ctx)
		}
		for ; float64(n) < o.Rate*time.Since(begun).Seconds(); n++ {
			r.due <- begun.Add(time.Duration(float64(n) / o.Rate * float64(time.Second)))
		}
		if time.Now().After(next) {
			if err := sample(r.minute(o.Interval)); err != nil {
				return r.first(), err
			}
			next = next.Add(o.Interval)
		}
		time.Sleep(time.Millisecond)
	}
	return r.first(), nil
}

// SteadyOptions say how steady load is made. All are required.
type SteadyOptions struct {
	Clients            int
	Rate               float64 // exchanges a second
	Duration, Interval time.Duration
}

// steady is one run of Steady.
type steady struct {
	s   System
	due chan time.Time

	failed atomic.Pointer[error]
	mu     sync.Mutex
	times  []float64
	errors int
}

func (r *steady) work(ctx context.Context, client int) {
	for due := range r.due {
		err := r.s.Exchange(ctx, client)
		r.mu.Lock()
		if err != nil {
			r.errors++
			r.failed.CompareAndSwap(nil, &err)
		} else {
			r.times = append(r.times, Millis(time.Since(due)))
		}
		r.mu.Unlock()
	}
}

func (r *steady) first() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (r *steady) minute(d time.Duration) Minute {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := Minute{Rate: float64(len(r.times)) / d.Seconds(), P50: Quantile(r.times, 0.5), P99: Quantile(r.times, 0.99), Errors: r.errors}
	r.times, r.errors = nil, 0
	return m
}

// Millis is d in milliseconds.
func Millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Quantile returns the value below which a share q of the values lies; 0 of none.
func Quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

// Spread is a median with the least and the greatest value.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// SpreadOf returns that of the values; the zero Spread of none.
func SpreadOf(v []float64) Spread {
	if len(v) == 0 {
		return Spread{}
	}
	return Spread{Quantile(v, 0.5), slices.Min(v), slices.Max(v)}
}
