package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"sluss/gateway/gatewaytest/bench/floor"
	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/store/pgtest"
)

// floored is the floor on one store, as a system. Its clients are those of a
// crowd, which do what they do for an exchange.
type floored struct {
	store  string
	crowd  *crowd
	child  *load.Child
	server *pgtest.Cluster // nil with SQLite
	token  []byte
	dir    string
}

var _ load.System = (*floored)(nil)

// newFloor starts a floor; server is nil for one on SQLite. token is the message of
// all exchanges.
func newFloor(ctx context.Context, c *crowd, server *pgtest.Cluster, token []byte) (_ *floored, err error) {
	f := &floored{store: onSQLite, crowd: c, server: server, token: token}
	if f.dir, err = os.MkdirTemp("", "sluss-floor-"); err != nil {
		return nil, err
	}
	cfg := floor.Config{World: c.w.Dir, Dir: f.dir}
	if server != nil {
		f.store = onPostgres
		if cfg.DSN, err = server.Database(ctx, "floor"); err != nil {
			return nil, err
		}
	}
	f.child, err = load.StartChild("serve-floor", cfg)
	return f, err
}

// Name implements [load.System].
func (f *floored) Name() string { return "floor, " + f.store }

// Prepare implements [load.System]: one message will do, nobody looks at it.
func (f *floored) Prepare(context.Context, int, int) error { return nil }

// Exchange implements [load.System].
func (f *floored) Exchange(ctx context.Context, client int) error {
	u, url := f.crowd.users[client], "https://"+f.child.Addr
	if _, err := post(ctx, u.police, url+"/submit", "application/sd-jwt", f.token); err != nil {
		return err
	}
	answer, err := post(ctx, u.here, url+"/poll", "application/json", []byte(pollOne))
	if err != nil {
		return err
	}
	ack, err := u.receipt(handed{fmt.Sprint(len(answer)): {string(f.token)}})
	if err != nil {
		return err
	}
	var q struct {
		Received map[string]string `json:"received"`
	}
	if err := json.Unmarshal(ack, &q); err != nil {
		return err
	}
	for _, set := range q.Received {
		_, err = post(ctx, u.here, url+"/ack", "application/json", []byte(set))
	}
	return err
}

// Usage implements [load.System].
func (f *floored) Usage() (u load.Usage, err error) {
	u.OwnCPU, u.OwnMemory, err = load.Processes(f.child.Pid())
	if err == nil && f.server != nil {
		u.DatabaseCPU, u.DatabaseMemory, err = load.Servers(f.server.DataDir())
	}
	return u, err
}

// Close implements [load.System].
func (f *floored) Close() error {
	var err error
	if f.child != nil {
		err = f.child.Close()
	}
	return errors.Join(err, os.RemoveAll(f.dir))
}
