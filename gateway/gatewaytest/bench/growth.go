package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/gatewaytest/bench/filler"
	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/gatewaytest/bench/report"
	"sluss/gateway/store"
)

// measureGrowth measures exchanges and searches on logs of several sizes.
func measureGrowth(ctx context.Context, o options, r *report.Results) error {
	run, err := here(ctx, o.dir, "")
	if err != nil {
		return err
	}
	g := &report.Growth{Run: run}
	for _, size := range o.sizes {
		for _, kind := range o.stores {
			if err := growTo(ctx, o, g, kind, size); err != nil {
				return fmt.Errorf("%s with %d entries: %w", kind, size, err)
			}
			g.Seconds = time.Since(g.Begun).Seconds()
			r.Growth = g
			if err := r.Save(o.out); err != nil { // hours may go by until the next one
				return err
			}
		}
	}
	return nil
}

// growTo measures one size on one store, in a world of its own.
func growTo(ctx context.Context, o options, g *report.Growth, kind string, size uint64) error {
	dir, err := os.MkdirTemp(o.dir, "sluss-growth-")
	if err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(dir)
	}
	w, err := gatewayAt(ctx, filepath.Join(dir, "world"), filepath.Join(o.bin, "gateway"), kind, o.towns, roomy)
	if err != nil {
		return err
	}
	defer w.Close()
	level := report.Level{Store: kind, Entries: size, Open: int(min(uint64(o.open), size/2))}
	made, err := w.fill(ctx, &level, o)
	if err != nil {
		return fmt.Errorf("filling: %w", err)
	}
	g.EntryBytes, g.Subjects = int(made.Bytes/size), max(g.Subjects, made.Subjects)
	if size == o.sizes[len(o.sizes)-1] {
		found, err := w.search(ctx, made, o.searches)
		if err != nil {
			return fmt.Errorf("searching: %w", err)
		}
		for i := range found {
			found[i].Store, found[i].Entries = kind, size
		}
		g.Searches = append(g.Searches, found...)
	}
	if err := w.start(ctx, o.towns, maxOf(o.clients)); err != nil {
		return err
	}
	say("%s with %d entries: ready in %.2f s", w.Name(), size, w.ready.Seconds())
	for _, n := range o.clients {
		points, err := (&contest{systems: []load.System{w}, guesses: make([]load.Guess, 1)}).at(ctx, n, o.rounds, o.round)
		if err != nil {
			return err
		}
		level.Points = append(level.Points, points...)
	}
	if level.Bytes, err = w.db.size(); err != nil {
		return err
	}
	if err := w.w.Stop(); err != nil {
		return err
	}
	if level.Checked, err = w.verified(ctx, size <= o.check); err != nil {
		return err
	}
	say("%s", level.Checked)
	g.Levels = append(g.Levels, level)
	return nil
}

func maxOf(list []int) (most int) {
	for _, n := range list {
		most = max(most, n)
	}
	return most
}

// fill fills the world's database before its gateway runs for the first time.
func (o *ours) fill(ctx context.Context, level *report.Level, opt options) (filler.Made, error) {
	if err := o.create(ctx); err != nil {
		return filler.Made{}, err
	}
	restore, err := o.db.indexes()(ctx)
	if err != nil {
		return filler.Made{}, err
	}
	secret, err := o.secrets()
	if err != nil {
		return filler.Made{}, err
	}
	db, err := o.db.open(ctx)
	if err != nil {
		return filler.Made{}, err
	}
	begun, shown := time.Now(), time.Now()
	made, err := filler.Fill(ctx, filler.Config{Store: db, Sealer: secret.ring, Key: secret.checkpoint, Origin: secret.verifier.Name(), Anchor: o.anchor(),
		Entries: level.Entries, Open: level.Open, Detail: opt.detail, Message: 27_000, Seed: 1, Progress: func(done, total uint64) {
			if time.Since(shown) > 10*time.Second {
				shown = time.Now()
				say("%s: %d of %d entries, %.0f/s", o.Name(), done, total, float64(done)/time.Since(begun).Seconds())
			}
		}})
	if err := errors.Join(err, db.Close()); err != nil {
		return made, err
	}
	say("%s: %d entries in %.0f s; making indexes", o.Name(), level.Entries, time.Since(begun).Seconds())
	err = restore(ctx)
	level.Filled = float64(level.Entries) / time.Since(begun).Seconds()
	say("%s: filled at %.0f entries/s, indexes included", o.Name(), level.Filled)
	return made, err
}

// create makes the tables.
func (o *ours) create(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(o.anchor()), 0o700); err != nil {
		return err
	}
	db, err := o.db.open(ctx)
	if err != nil {
		return err
	}
	return db.Close()
}

// search asks what auditors ask, at random.
func (o *ours) search(ctx context.Context, m filler.Made, queries int) ([]report.Search, error) {
	db, err := o.db.open(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	random := rand.New(rand.NewPCG(2, 2))
	month := func(q store.Query) store.Query {
		q.From = m.Begin.Add(time.Duration(random.Int64N(int64(filler.Span - 30*24*time.Hour))))
		q.To = q.From.Add(30 * 24 * time.Hour)
		return q
	}
	kinds := []struct {
		name string
		make func() store.Query
	}{
		{"person", func() store.Query { return store.Query{Subject: m.Subject(random.IntN(m.Subjects))} }},
		{"case", func() store.Query { return store.Query{Case: m.Case(random.IntN(m.Subjects))} }},
		{"disclosing agency, a month", func() store.Query { return month(store.Query{Discloser: m.Discloser(random.IntN(1 << 20))}) }},
		{"disclosing agency, a month, releases", func() store.Query {
			return month(store.Query{Discloser: m.Discloser(random.IntN(1 << 20)), Kind: string(disclosure.Withheld)})
		}},
		{"receiving agency, a month", func() store.Query { return month(store.Query{Recipient: m.Recipient(random.IntN(1 << 20))}) }},
		{"nobody known", func() store.Query { return store.Query{Subject: gateway.NewRef()} }},
	}
	var out []report.Search
	for _, k := range kinds {
		var times []float64
		found := 0
		for range queries {
			q := k.make()
			q.Limit = 100
			begun := time.Now()
			list, err := db.Search(ctx, q)
			if err != nil {
				return nil, err
			}
			times = append(times, load.Millis(time.Since(begun)))
			found += len(list)
		}
		s := report.Search{Kind: k.name, Queries: queries, Found: float64(found) / float64(queries), P50: load.Quantile(times, 0.5), P99: load.Quantile(times, 0.99)}
		say("%s: search by %s: p50 %.2f ms, p99 %.2f ms, %.1f found", o.Name(), s.Kind, s.P50, s.P99, s.Found)
		out = append(out, s)
	}
	return out, nil
}

// verified verifies the log of a gateway that has stopped, and, if the whole
// database is to be checked, every row, with the keys. Findings are an error.
func (o *ours) verified(ctx context.Context, whole bool) (string, error) {
	secret, err := o.secrets()
	if err != nil {
		return "", err
	}
	db, err := o.db.open(ctx)
	if err != nil {
		return "", err
	}
	defer db.Close()
	anchor, err := os.ReadFile(o.anchor())
	if err != nil {
		return "", err
	}
	policy := disclosure.Policy{Log: secret.verifier}
	begun := time.Now()
	tip, err := disclosure.Verify(ctx, disclosure.FromStore(db, anchor), disclosure.VerifyOptions{Policy: policy})
	if err != nil {
		return "", fmt.Errorf("verifying the log: %w", err)
	}
	words := fmt.Sprintf("the log of %d entries verified in %.1f s", tip.Size, time.Since(begun).Seconds())
	if !whole {
		return words + "; not every row was checked", nil
	}
	begun = time.Now()
	options, err := secret.fsck(db)
	if err != nil {
		return "", err
	}
	options.Policy, options.Anchor = policy, anchor
	findings, err := disclosure.Fsck(ctx, db, options)
	if err != nil {
		return "", err
	}
	if len(findings) > 0 {
		return "", fmt.Errorf("the database does not hold: %d findings, the first: %s", len(findings), findings[0])
	}
	return words + fmt.Sprintf(", every row checked with the keys in %.1f s without a finding", time.Since(begun).Seconds()), nil
}
