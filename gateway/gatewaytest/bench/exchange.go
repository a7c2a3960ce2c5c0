package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/gatewaytest/bench/report"
	"sluss/gateway/store/pgtest"
)

// contest has all systems that are measured in turn.
type contest struct {
	systems []load.System
	guesses []load.Guess
	ours    []*ours
	token   []byte // of floors and baseline, which need only one
	closers []io.Closer
}

// Close ends everything, what was started last first.
func (c *contest) Close() error {
	var errs []error
	for _, x := range slices.Backward(c.closers) {
		errs = append(errs, x.Close())
	}
	return errors.Join(errs...)
}

func (c *contest) add(s load.System, err error) error {
	if err != nil {
		return err
	}
	c.systems, c.closers = append(c.systems, s), append(c.closers, s)
	return nil
}

// newContest starts the gateway on each store, a floor for each kind of store, and
// the baseline.
func newContest(ctx context.Context, o options, dir, opa string) (_ *contest, err error) {
	c := &contest{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	most := slices.Max(o.clients)
	for i, store := range o.stores {
		g, err := gatewayAt(ctx, filepath.Join(dir, fmt.Sprint("world", i)), filepath.Join(o.bin, "gateway"), store, min(o.towns, most), nil)
		if err := c.add(g, err); err != nil {
			return nil, err
		}
		if err := g.start(ctx, o.towns, most); err != nil {
			return nil, err
		}
		c.ours = append(c.ours, g)
		say("%s is ready", g.Name())
	}
	plain, err := pgtest.Start(ctx, pgtest.Config{}) // of the floor and the baseline
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, plain)
	crowd := c.ours[0].crowd
	if c.token, err = crowd.sample(ctx); err != nil {
		return nil, err
	}
	for _, server := range []*pgtest.Cluster{nil, plain} {
		f, err := newFloor(ctx, crowd, server, c.token)
		if err := c.add(f, err); err != nil {
			return nil, err
		}
	}
	p, err := newPeer(ctx, crowd, plain, opa, c.token)
	if err := c.add(p, err); err != nil {
		return nil, err
	}
	c.guesses = make([]load.Guess, len(c.systems))
	return c, nil
}

// measureExchange measures exchanges, the systems in turn.
func measureExchange(ctx context.Context, o options, r *report.Results) error {
	dir, err := os.MkdirTemp(o.dir, "sluss-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // a database server runs as another user
		return err
	}
	opa, err := stockOPA(ctx)
	if err != nil {
		return err
	}
	run, err := here(ctx, dir, opa)
	if err != nil {
		return err
	}
	c, err := newContest(ctx, o, dir, opa)
	if err != nil {
		return err
	}
	defer c.Close()
	e := &report.Exchange{Run: run, Message: len(c.token), Rounds: o.rounds, Round: o.round.Seconds()}
	for _, g := range c.ours {
		e.Started = append(e.Started, report.Started{System: g.Name(), Ready: g.ready.Seconds(), Idle: g.idle})
	}
	for _, n := range o.clients {
		points, err := c.at(ctx, n, o.rounds, o.round)
		if err != nil {
			return err
		}
		e.Points = append(e.Points, points...)
	}
	for _, g := range c.ours {
		p, err := profiled(ctx, g, o.out, min(32, slices.Max(o.clients)), max(o.round, 5*time.Second))
		if err != nil {
			return err
		}
		e.Profile = append(e.Profile, p)
	}
	e.Seconds = time.Since(e.Begun).Seconds()
	r.Exchange = e
	return c.Close()
}

// at measures all systems at one number of clients. A short round before is not
// counted: clients who are new connect in it.
func (c *contest) at(ctx context.Context, clients, rounds int, round time.Duration) ([]report.Point, error) {
	for i, s := range c.systems {
		if _, err := c.guesses[i].Prepared(ctx, s, clients, round/4); err != nil {
			return nil, err
		}
	}
	taken := make([][]load.Round, len(c.systems))
	for n := range rounds {
		for i, s := range c.systems {
			r, err := c.guesses[i].Prepared(ctx, s, clients, round)
			if err != nil {
				return nil, err
			}
			taken[i] = append(taken[i], r)
			say("%d clients, round %d: %-36s %6.0f/s  p50 %6.1f ms  p99 %6.1f ms  CPU %.2f + %.2f ms", clients, n+1, s.Name(), r.Rate, r.P50, r.P99, r.OwnCPU, r.DatabaseCPU)
		}
	}
	points := make([]report.Point, len(c.systems))
	for i, s := range c.systems {
		points[i] = pointOf(s.Name(), clients, taken[i])
		if !strings.HasPrefix(s.Name(), "gateway") {
			continue
		}
		for j, other := range c.systems {
			switch {
			case strings.HasPrefix(other.Name(), "floor") && strings.HasPrefix(suffix(s.Name()), suffix(other.Name())):
				points[i].OfFloor = ratio(taken[i], taken[j])
			case strings.HasPrefix(other.Name(), "baseline"):
				points[i].OfPeer = ratio(taken[i], taken[j])
			}
		}
	}
	return points, nil
}

// suffix is the store in a system's name.
func suffix(name string) string {
	_, store, _ := strings.Cut(name, ", ")
	return store
}

// pointOf sums up the rounds of a system.
func pointOf(system string, clients int, rounds []load.Round) report.Point {
	of := func(value func(load.Round) float64) load.Spread {
		var v []float64
		for _, r := range rounds {
			v = append(v, value(r))
		}
		return load.SpreadOf(v)
	}
	p := report.Point{System: system, Clients: clients,
		Rate: of(func(r load.Round) float64 { return r.Rate }),
		P50:  of(func(r load.Round) float64 { return r.P50 }), P99: of(func(r load.Round) float64 { return r.P99 }),
		CPU: of(func(r load.Round) float64 { return r.OwnCPU }), DBCPU: of(func(r load.Round) float64 { return r.DatabaseCPU }),
		Memory:   of(func(r load.Round) float64 { return r.OwnMemory }).Median,
		DBMemory: of(func(r load.Round) float64 { return r.DatabaseMemory }).Median,
	}
	for _, r := range rounds {
		p.Completed += r.Done
	}
	return p
}

// ratio is that of the rates of rounds that were taken one after the other.
func ratio(a, b []load.Round) load.Spread {
	var v []float64
	for i := range a {
		v = append(v, a[i].Rate/cmp.Or(b[i].Rate, 1))
	}
	return load.SpreadOf(v)
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
