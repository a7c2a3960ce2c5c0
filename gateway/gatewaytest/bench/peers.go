package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/gatewaytest/bench/peer"
	"sluss/gateway/store/pgtest"
)

// assembled is what a user would assemble today (package peer), as a system.
type assembled struct {
	server  *pgtest.Cluster
	dir     string
	opa     *peer.OPA
	hops    []*load.Child // application, recipient's proxy, sender's proxy
	clients []*http.Client
	token   []byte
	about   peer.About
}

var _ load.System = (*assembled)(nil)

// newPeer starts the parts, from the recipient's application to the sender's proxy.
func newPeer(ctx context.Context, c *crowd, server *pgtest.Cluster, opa string, token []byte) (_ *assembled, err error) {
	a := &assembled{server: server, token: token, about: peer.About{Recipient: "urn:sluss:agency:" + string(c.towns[0].id),
		Role: string(socialWorker), Purpose: "PROTECTION", Type: "exit.threat_assessment"}}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.dir, err = os.MkdirTemp("", "sluss-peer-"); err != nil {
		return a, err
	}
	if a.opa, err = peer.StartOPA(ctx, opa, a.dir); err != nil {
		return a, err
	}
	steps := []peer.Config{{}, {World: c.w.Dir}, {World: c.w.Dir, OPA: a.opa.URL}}
	for i, end := range []string{"", "peer_recipient", "peer_sender"} {
		cfg := steps[i]
		if end != "" {
			if cfg.DSN, err = server.Database(ctx, end); err != nil {
				return a, err
			}
			cfg.Next = []string{"http://", "https://"}[i-1] + a.hops[i-1].Addr
		}
		hop, err := load.StartChild("serve-peer", cfg)
		if err != nil {
			return a, err
		}
		a.hops = append(a.hops, hop)
	}
	for range c.users {
		one, err := peer.Client(c.w.Dir)
		if err != nil {
			return a, err
		}
		a.clients = append(a.clients, one)
	}
	return a, nil
}

// Name implements [load.System].
func (a *assembled) Name() string { return "baseline (proxies, OPA, PostgreSQL)" }

// Prepare implements [load.System].
func (a *assembled) Prepare(context.Context, int, int) error { return nil }

// Exchange implements [load.System].
func (a *assembled) Exchange(ctx context.Context, client int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+a.hops[2].Addr+"/messages", bytes.NewReader(a.token))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	a.about.Set(r.Header)
	resp, err := a.clients[client].Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d: %.200s", resp.StatusCode, body)
	}
	return err
}

// Usage implements [load.System].
func (a *assembled) Usage() (u load.Usage, err error) {
	pids := []int{a.opa.Pid()}
	for _, h := range a.hops {
		pids = append(pids, h.Pid())
	}
	var errDB error
	u.OwnCPU, u.OwnMemory, err = load.Processes(pids...)
	u.DatabaseCPU, u.DatabaseMemory, errDB = load.Servers(a.server.DataDir())
	return u, errors.Join(err, errDB)
}

// Close implements [load.System].
func (a *assembled) Close() error {
	var errs []error
	for i := len(a.hops) - 1; i >= 0; i-- {
		errs = append(errs, a.hops[i].Close())
	}
	if a.opa != nil {
		errs = append(errs, a.opa.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(a.dir))...)
}
