package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/gatewaytest/bench/report"
)

// stock is how many sealed messages each municipality keeps ready in a soak, and
// life how long they are valid: what named officials read is kept so long, and no
// agency may have 200,000 messages held.
const (
	stock = 24
	life  = 5 * time.Minute
)

// measureSoak finds the most that a gateway does, then loads it steadily with a
// share of that. The clients seal their messages as they go, in both.
func measureSoak(ctx context.Context, o options, r *report.Results) error {
	dir, err := os.MkdirTemp(o.dir, "sluss-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	run, err := here(ctx, dir, "")
	if err != nil {
		return err
	}
	clients := maxOf(o.clients)
	g, err := gatewayAt(ctx, filepath.Join(dir, "world"), filepath.Join(o.bin, "gateway"), o.stores[0], min(o.towns, clients), roomy)
	if err != nil {
		return err
	}
	defer g.Close()
	if err := g.start(ctx, o.towns, clients); err != nil {
		return err
	}
	sealing, stop := context.WithCancel(ctx)
	defer stop()
	for _, t := range g.crowd.towns {
		t.matter.Life = life
	}
	if err := g.crowd.seal(ctx, clients, stock*len(g.crowd.towns)); err != nil {
		return err
	}
	for range 2 {
		go g.crowd.keepSealed(sealing)
	}
	s := &report.Soak{Run: run, System: g.Name(), Share: o.share, Clients: clients, Maximum: o.rate}
	if s.Maximum == 0 {
		// So long that what was sealed before counts for little.
		most, err := load.Take(ctx, live{g}, clients, max(30*o.round, time.Minute))
		if err != nil {
			return err
		}
		s.Maximum = most.Rate
	}
	s.Rate = s.Share * s.Maximum
	say("%s: %.0f exchanges/s at most; %.0f/s for %s", g.Name(), s.Maximum, s.Rate, o.duration)
	begun := time.Now()
	failed, err := load.Steady(ctx, live{g}, load.SteadyOptions{Clients: clients, Rate: s.Rate, Duration: o.duration + 50*time.Millisecond, Interval: o.interval},
		func(m load.Minute) error {
			sample, err := g.sampled(ctx, m, time.Since(begun))
			s.Samples = append(s.Samples, sample)
			if m.Rate == 0 && m.Errors > 0 {
				err = errors.Join(err, fmt.Errorf("no exchange ended within %v", o.interval))
			}
			return err
		})
	if err != nil {
		return errors.Join(err, failed)
	}
	if failed != nil {
		s.Failed = failed.Error()
	}
	stop()
	if err := g.w.Stop(); err != nil {
		return err
	}
	if s.Checked, err = g.verified(ctx, true); err != nil {
		return err
	}
	say("%s", s.Checked)
	s.Seconds = time.Since(s.Begun).Seconds()
	r.Soak = s
	return nil
}

// live is a gateway whose clients seal their messages as they go.
type live struct{ *ours }

// Exchange implements [load.System].
func (l live) Exchange(ctx context.Context, client int) error {
	u := l.crowd.users[client]
	for {
		err := u.exchange(ctx)
		if !errors.Is(err, io.EOF) {
			return err
		}
		if err := u.fill(ctx, 1); err != nil {
			return err
		}
	}
}

// keepSealed keeps every municipality's stock of sealed messages up.
func (c *crowd) keepSealed(ctx context.Context) {
	for ctx.Err() == nil {
		for _, t := range c.towns {
			t.fill(ctx, stock) // an error shows when the message is missing
		}
		time.Sleep(time.Millisecond)
	}
}

// sampled completes the sample of an interval.
func (o *ours) sampled(ctx context.Context, m load.Minute, at time.Duration) (report.Sample, error) {
	s := report.Sample{Minute: at.Minutes(), Rate: m.Rate, P50: m.P50, P99: m.P99, Errors: m.Errors}
	metrics, err := o.w.Metrics()
	if err != nil {
		return s, err
	}
	s.Heap, s.Goroutines = metric(metrics, "go_memstats_heap_inuse_bytes")/1e6, int(metric(metrics, "go_goroutines"))
	var errs [3]error
	var size int64
	_, s.Memory, errs[0] = load.Processes(o.w.Pid())
	s.Files, errs[1] = load.OpenFiles(o.w.Pid())
	size, errs[2] = o.db.size()
	s.Database = float64(size) / 1e6
	say("minute %.1f: %.0f/s, p50 %.1f ms, p99 %.1f ms, %d errors; %.0f MB, heap %.0f MB, %d goroutines, %d files, database %.0f MB",
		s.Minute, s.Rate, s.P50, s.P99, s.Errors, s.Memory, s.Heap, s.Goroutines, s.Files, s.Database)
	return s, errors.Join(errs[:]...)
}

// metric reads a value of a text of metrics.
func metric(text, name string) (v float64) {
	for line := range strings.SplitSeq(text, "\n") {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			fmt.Sscan(rest, &v)
		}
	}
	return v
}
