package load_test

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway/gatewaytest/bench/load"
)

// clockwork is a system whose exchanges take as long as it is told.
type clockwork struct {
	takes    time.Duration
	prepared atomic.Int64
	err      error
	usage    load.Usage
}

func (c *clockwork) Name() string { return "clockwork" }
func (c *clockwork) Prepare(_ context.Context, _, n int) error {
	c.prepared.Store(int64(n))
	return nil
}
func (c *clockwork) Exchange(context.Context, int) error {
	if c.prepared.Add(-1) < 0 {
		return io.EOF
	}
	time.Sleep(c.takes)
	return c.err
}
func (c *clockwork) Usage() (load.Usage, error) {
	c.usage.OwnCPU += 1000
	return c.usage, nil
}
func (c *clockwork) Close() error { return nil }

func TestTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clockwork{takes: 10 * time.Millisecond}
		c.prepared.Store(1 << 20)
		r, err := load.Take(t.Context(), c, 4, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if r.Done != 400 || r.Rate != 400 || r.P50 != 10 || r.P99 != 10 || r.OwnCPU != 2.5 {
			t.Errorf("4 clients at 10 ms: %+v, want 400 exchanges a second at 2.5 ms of CPU", r)
		}
		c.err = errors.New("broken")
		if _, err := load.Take(t.Context(), c, 4, time.Second); !errors.Is(err, c.err) {
			t.Errorf("a failing exchange gave %v, want its error", err)
		}
	})
}

// TestPrepared holds a round to being taken again, with more prepared, when it was
// cut short: it would look faster or slower than it was.
func TestPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clockwork{takes: time.Millisecond}
		var g load.Guess
		r, err := g.Prepared(t.Context(), c, 3, time.Second)
		if err != nil || r.Done != 3000 {
			t.Errorf("%d exchanges, %v; want 3000 in a whole round", r.Done, err)
		}
	})
}

// TestSteady stalls a system and wants the stall in the times: they count from when
// an exchange was due.
func TestSteady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clockwork{takes: 50 * time.Millisecond}
		c.prepared.Store(1 << 20)
		var samples []load.Minute
		failed, err := load.Steady(t.Context(), c, load.SteadyOptions{Clients: 1, Rate: 40, Duration: 2100 * time.Millisecond, Interval: time.Second},
			func(m load.Minute) error { samples = append(samples, m); return nil })
		if failed != nil || err != nil || len(samples) != 2 {
			t.Fatalf("%d samples, %v, %v", len(samples), failed, err)
		}
		// One client does 20 a second; 40 are due.
		if last := samples[1]; last.Rate < 19 || last.Rate > 21 || last.P50 < 500 {
			t.Errorf("twice as much is due as is done, and a sample says %+v", last)
		}
	})
}

func TestSpread(t *testing.T) {
	if got, want := load.SpreadOf([]float64{3, 1, 2}), (load.Spread{Median: 2, Min: 1, Max: 3}); got != want {
		t.Errorf("spread %v, want %v", got, want)
	}
	if got := load.SpreadOf(nil); got != (load.Spread{}) {
		t.Errorf("spread of nothing %v", got)
	}
}

func TestProcesses(t *testing.T) {
	cpu, memory, err := load.Processes(os.Getpid())
	if err != nil || memory < 1 || cpu < 0 {
		t.Errorf("this process: %v ms, %v MB, %v", cpu, memory, err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	pids, err := load.At(dir)
	if err != nil || len(pids) == 0 {
		t.Errorf("processes here: %v, %v; want this one", pids, err)
	}
}
