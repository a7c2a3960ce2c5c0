package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"sluss/gateway/gatewaytest"
	"sluss/gateway/gatewaytest/bench/load"
)

// ours is the gateway on one store, as a system.
type ours struct {
	w     *gatewaytest.World
	db    *backend
	crowd *crowd
	ready time.Duration // from start to ready
	idle  float64       // MB then
}

var _ load.System = (*ours)(nil)

// gatewayAt makes a world in dir with a gateway that does not run yet. The limits
// on what one agency may ask are not what is measured: the police send everything.
func gatewayAt(ctx context.Context, dir, binary, store string, towns int, settings map[string]string) (*ours, error) {
	w, err := gatewaytest.NewCrowd(dir, binary, towns)
	if err != nil {
		return nil, err
	}
	db, err := newBackend(ctx, store, dir, settings)
	if err != nil {
		return nil, err
	}
	o := &ours{w: w, db: db}
	limits := map[string]any{"requests_per_second": 1e6, "agency_requests": 256, "connections_per_second": 1e4, "connections": 4096}
	if err := errors.Join(db.configure(w), w.Configure(limits)); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// start starts the gateway and connects the clients.
func (o *ours) start(ctx context.Context, towns, clients int) (err error) {
	begun := time.Now()
	starting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := o.w.Start(starting); err != nil {
		return err
	}
	o.ready = time.Since(begun)
	if _, o.idle, err = load.Processes(o.w.Pid()); err != nil {
		return err
	}
	o.crowd, err = newCrowd(ctx, o.w, towns, clients)
	return err
}

// Name implements [load.System].
func (o *ours) Name() string { return "gateway, " + o.db.kind }

// Prepare implements [load.System].
func (o *ours) Prepare(ctx context.Context, clients, exchanges int) error {
	return o.crowd.seal(ctx, clients, exchanges)
}

// Exchange implements [load.System].
func (o *ours) Exchange(ctx context.Context, client int) error {
	return o.crowd.users[client].exchange(ctx)
}

// Usage implements [load.System].
func (o *ours) Usage() (u load.Usage, err error) {
	var errOwn, errDB error
	u.OwnCPU, u.OwnMemory, errOwn = load.Processes(o.w.Pid())
	u.DatabaseCPU, u.DatabaseMemory, errDB = o.db.usage()
	return u, errors.Join(errOwn, errDB)
}

// Close implements [load.System].
func (o *ours) Close() error { return errors.Join(o.w.Kill(), o.db.Close()) }

// anchor is the file of the checkpoint published last.
func (o *ours) anchor() string { return filepath.Join(o.w.Dir, "gateway", "state", "checkpoint") }
