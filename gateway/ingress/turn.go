package ingress

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"sluss/gateway"
	"sluss/gateway/authn"
)

// turn is a request's place in the line. The request has it while it works, and
// not while its body arrives, its commit waits, a poll waits or its answer
// leaves.
type turn struct {
	s      *Server
	ctx    context.Context
	agency gateway.AgencyID

	mu      sync.Mutex
	resting int    // goroutines of the request that wait for something else
	leave   func() // nil: the request has no place
}

// inTurn runs work, the one call of a handler, when it is the agency's turn. A
// request that waits for longer than Limits.Wait is refused unworked.
func inTurn[T any](s *Server, r *http.Request, p authn.Peer, work func(context.Context) (T, error)) (out T, err error) {
	t := &turn{s: s, ctx: r.Context(), agency: p.Agency()}
	if err := t.take(); err != nil {
		return out, err
	}
	defer t.end()
	return work(gateway.WithRest(r.Context(), t.rest))
}

// take waits for a place.
func (t *turn) take() error {
	ctx, cancel := context.WithTimeout(t.ctx, t.s.cfg.Limits.Wait)
	defer cancel()
	begun := time.Now()
	t.s.metrics.waiting.Inc()
	leave, err := t.s.line.enter(ctx, t.agency)
	t.s.metrics.waiting.Dec()
	t.s.metrics.waited.Observe(time.Since(begun).Seconds())
	if err == nil {
		t.leave = leave
		return nil
	}
	if t.ctx.Err() != nil && !errors.Is(t.ctx.Err(), context.DeadlineExceeded) {
		return errGone
	}
	return gateway.Refuse(gateway.CodeUnavailable, "the gateway is busy", shed{"line", time.Second})
}

// rest is the request's [gateway.Rest].
func (t *turn) rest() (resume func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.resting++; t.resting == 1 {
		t.giveUp()
	}
	return t.resume
}

// resume waits for a place again. What has come so far is not turned away any
// more: when there is none in time, or nobody waits for the answer, the request
// is carried to its end without.
func (t *turn) resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.resting--; t.resting == 0 {
		t.take()
	}
}

func (t *turn) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.giveUp()
}

// giveUp gives the place back, if there is one; t.mu is held.
func (t *turn) giveUp() {
	if t.leave != nil {
		t.leave()
		t.leave = nil
	}
}
