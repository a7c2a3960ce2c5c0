package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sluss/gateway"
	"sluss/gateway/client"
)

// Replicas are several gateways on one PostgreSQL database, behind a load
// balancer where the clients look for them.
type Replicas struct {
	*World          // the first gateway
	Database string // URI
	Balancer *Balancer
	All      []*World // with the first
}

// NewReplicas makes a world with so many gateways on the database that a
// postgres:// URI names, and so many municipalities more than New's two. It
// starts nothing; the balancer runs when its Run is called.
func NewReplicas(dir, binary, uri string, gateways, more int) (*Replicas, error) {
	var backends []Backend
	listen, operations := make([]string, gateways), make([]string, gateways)
	for i := range gateways {
		var errs [2]error
		listen[i], errs[0] = freePort()
		operations[i], errs[1] = freePort()
		if err := errors.Join(errs[:]...); err != nil {
			return nil, err
		}
		backends = append(backends, Backend{Address: listen[i], Ready: "http://" + operations[i] + "/readyz"})
	}
	b, err := NewBalancer(BalancerConfig{Backends: backends})
	if err != nil {
		return nil, err
	}
	first, err := newWorld(dir, binary, listen[0], b.Addr(), more)
	if err != nil {
		return nil, err
	}
	r := &Replicas{World: first, Database: uri, Balancer: b}
	for i := range gateways {
		w, err := first.beside(i, listen[i], operations[i], uri)
		if err != nil {
			return nil, err
		}
		r.All = append(r.All, w)
	}
	return r, nil
}

// beside configures the i-th gateway of a world: on the same database, with the
// same keys, directory and policy, and a state directory and addresses of its
// own. The first is w itself.
func (w *World) beside(i int, listen, operations, uri string) (*World, error) {
	next := w
	if i > 0 {
		name := fmt.Sprintf("-%d", i+1)
		next = &World{Dir: w.Dir, Binary: w.Binary, Agencies: listen, Operations: operations, name: name,
			Log: filepath.Join(w.Dir, "gateway"+name+".log"), clients: map[string]*client.Client{}}
		raw, err := os.ReadFile(w.Config())
		if err == nil {
			err = os.WriteFile(next.Config(), raw, 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	next.Operations = operations
	return next, next.Configure(map[string]any{"database": uri, "listen": listen, "operations": operations,
		"state": "state" + next.name, "ring": "ring"})
}

// Start starts every gateway that does not run. The first one makes the log; to
// the others, on their own machines, that log is new.
func (r *Replicas) Start(ctx context.Context) error {
	for i, w := range r.All {
		if w.Pid() != 0 {
			continue
		}
		_, err := os.Stat(filepath.Join(w.state(), "checkpoint"))
		if err := w.Configure(map[string]any{"adopt": i > 0 && err != nil}); err != nil {
			return err
		}
		if err := w.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Kill ends every gateway at once (SIGKILL).
func (r *Replicas) Kill() error {
	var errs []error
	for _, w := range r.All {
		errs = append(errs, w.Kill())
	}
	return errors.Join(errs...)
}

// Stop drains every gateway.
func (r *Replicas) Stop() error {
	var errs []error
	for _, w := range r.All {
		errs = append(errs, w.Stop())
	}
	return errors.Join(errs...)
}

// ClientAt returns a new SDK client of the system "exit" of an agency that asks
// this one gateway and no other.
func (w *World) ClientAt(ctx context.Context, agency gateway.AgencyID) (*client.Client, error) {
	cfg, err := client.Load(filepath.Join(w.Folder(agency, "exit"), "client.json"))
	if err != nil {
		return nil, err
	}
	cfg.URL = "https://" + w.Agencies
	c, err := client.New(cfg)
	if err != nil {
		return nil, err
	}
	return c, c.Refresh(ctx)
}
