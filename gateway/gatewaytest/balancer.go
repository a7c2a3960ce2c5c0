package gatewaytest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Backend is where a [Balancer] sends connections.
type Backend struct {
	Address string // host and port
	// Ready is the URL that answers 200 while new connections may come, as
	// /readyz of a gateway's operations listener. "" is always ready.
	Ready string
}

// BalancerConfig configures a [Balancer]. Backends are required; the zero value
// of any other field means its default.
type BalancerConfig struct {
	Backends []Backend
	Check    time.Duration // between two health checks of a backend. Default 50 ms.
}

// Direction is one of the two ways that bytes take through a [Balancer].
type Direction int

// The directions.
const (
	ToBackend Direction = iota
	ToClient
)

// Impairment is what a [Balancer] does to the bytes of one direction. The zero value
// lets them pass.
type Impairment struct {
	// After is how many bytes of each connection pass, from when the fault is
	// set, before the other fields hold: a request or an answer can be broken in
	// the middle.
	After int64
	// Cut resets the connection, on both sides, instead of passing a byte on.
	Cut bool
	// Swallow takes bytes and the end of the stream and passes nothing on,
	// while the sockets stay open. A connection that has lost bytes stays dead
	// when the fault is healed; others go on.
	Swallow bool
	// Delay holds each piece of up to 32 KiB so long.
	Delay time.Duration
}

// Balancer is a TCP load balancer on a loopback port, and at the same time the
// network that fails: it gives each connection to the next backend that is
// ready, passes bytes on, and does to them what it was told. A backend that is no
// longer ready gets no new connections; those it has stay, as with the balancers
// that agencies run. With one backend and no health check it is a proxy for any
// protocol over TCP. All its methods may be called while it runs.
type Balancer struct {
	cfg      BalancerConfig
	listener net.Listener
	ready    []atomic.Bool
	given    []atomic.Int64 // connections
	faults   [2]atomic.Pointer[Impairment]
	refuse   atomic.Bool

	mu    sync.Mutex
	next  int
	pairs map[*pair]struct{}
}

// NewBalancer returns a Balancer that listens, and serves once it runs.
func NewBalancer(cfg BalancerConfig) (*Balancer, error) {
	if len(cfg.Backends) == 0 {
		return nil, errors.New("gatewaytest: a balancer without backends")
	}
	cfg.Check = cmp.Or(cfg.Check, 50*time.Millisecond)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Balancer{cfg: cfg, listener: l, ready: make([]atomic.Bool, len(cfg.Backends)),
		given: make([]atomic.Int64, len(cfg.Backends)), pairs: map[*pair]struct{}{}}
	b.Fail(ToBackend, Impairment{})
	b.Fail(ToClient, Impairment{})
	return b, nil
}

// Addr is the address that clients connect to.
func (b *Balancer) Addr() string { return b.listener.Addr().String() }

// Fail sets what happens to the bytes of a direction from now on, on open
// connections too. The zero Impairment heals it.
func (b *Balancer) Fail(d Direction, f Impairment) { b.faults[d].Store(&f) }

// Refuse says whether new connections are reset at once.
func (b *Balancer) Refuse(yes bool) { b.refuse.Store(yes) }

// Cut resets all open connections on both sides (RST) and returns how many.
func (b *Balancer) Cut() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.pairs)
	for p := range b.pairs {
		p.reset()
	}
	return n
}

// Given returns how many connections each backend was given so far.
func (b *Balancer) Given() []int {
	out := make([]int, len(b.given))
	for i := range b.given {
		out[i] = int(b.given[i].Load())
	}
	return out
}

// Ready reports which backends get new connections.
func (b *Balancer) Ready() []bool {
	out := make([]bool, len(b.ready))
	for i := range b.ready {
		out[i] = b.ready[i].Load()
	}
	return out
}

// Run serves until ctx is done; then it resets what is open and returns when
// everything has ended.
func (b *Balancer) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer b.Cut()
	defer context.AfterFunc(ctx, func() { b.listener.Close() })()
	for i, backend := range b.cfg.Backends {
		if backend.Ready == "" {
			b.ready[i].Store(true)
			continue
		}
		b.check(ctx, i)
		wg.Go(func() { b.watch(ctx, i) })
	}
	for {
		conn, err := b.listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		wg.Go(func() { b.serve(ctx, conn.(*net.TCPConn)) })
	}
}

// watch checks the health of one backend until ctx is done.
func (b *Balancer) watch(ctx context.Context, i int) {
	t := time.NewTicker(b.cfg.Check)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			b.check(ctx, i)
		case <-ctx.Done():
			return
		}
	}
}

func (b *Balancer) check(ctx context.Context, i int) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.cfg.Backends[i].Ready, nil)
	if err != nil {
		return
	}
	resp, err := http.DefaultClient.Do(r)
	if err == nil {
		resp.Body.Close()
	}
	b.ready[i].Store(err == nil && resp.StatusCode == http.StatusOK)
}

// serve carries one connection to its end.
func (b *Balancer) serve(ctx context.Context, client *net.TCPConn) {
	p := &pair{client: client, done: make(chan struct{})}
	if p.backend = b.dial(ctx); p.backend == nil {
		p.reset()
		return
	}
	b.mu.Lock()
	b.pairs[p] = struct{}{}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.pairs, p)
		b.mu.Unlock()
	}()
	if ctx.Err() != nil { // Run may have cut all there were before
		p.reset()
	}
	var wg sync.WaitGroup
	wg.Go(func() { p.pump(p.backend, client, &b.faults[ToBackend]) })
	wg.Go(func() { p.pump(client, p.backend, &b.faults[ToClient]) })
	wg.Wait()
	client.Close()
	p.backend.Close()
}

// dial connects to the next backend that is ready and takes the connection; nil
// if there is none.
func (b *Balancer) dial(ctx context.Context) *net.TCPConn {
	b.mu.Lock()
	first := b.next
	b.next++
	b.mu.Unlock()
	d := net.Dialer{Timeout: time.Second}
	for i := range b.cfg.Backends {
		i = (first + i) % len(b.cfg.Backends)
		if b.refuse.Load() || !b.ready[i].Load() {
			continue
		}
		if conn, err := d.DialContext(ctx, "tcp", b.cfg.Backends[i].Address); err == nil {
			b.given[i].Add(1)
			return conn.(*net.TCPConn)
		}
	}
	return nil
}

// pair is one connection: its two sockets.
type pair struct {
	client, backend *net.TCPConn // backend may be nil
	once            sync.Once
	done            chan struct{} // closed when the pair is reset
}

// reset ends both sockets with a RST.
func (p *pair) reset() {
	p.once.Do(func() {
		close(p.done)
		for _, c := range []*net.TCPConn{p.client, p.backend} {
			if c != nil {
				c.SetLinger(0)
				c.Close()
			}
		}
	})
}

// pump passes bytes from one socket to the other, as far as the fault in force
// lets it.
func (p *pair) pump(to, from *net.TCPConn, fault *atomic.Pointer[Impairment]) {
	var was *Impairment
	var left int64 // of what passes before the fault holds
	lost := false
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		f := fault.Load()
		if f != was {
			was, left = f, f.After
		}
		before, rest := buf[:min(int64(n), left)], buf[min(int64(n), left):n]
		left -= int64(len(before))
		if !lost {
			to.Write(before) // an error comes again with the rest, or as the end
		}
		if len(rest) > 0 || err != nil && left == 0 {
			if f.Cut || !p.sleep(f.Delay) {
				p.reset()
				return
			}
			lost = lost || f.Swallow
		}
		if !lost {
			if _, werr := to.Write(rest); err == nil {
				err = werr
			}
		}
		switch {
		case err == nil:
			continue
		case lost:
			<-p.done // the other side does not hear of the end
		case errors.Is(err, io.EOF):
			to.CloseWrite()
		default:
			p.reset()
		}
		return
	}
}

// sleep waits, unless the pair is reset first.
func (p *pair) sleep(d time.Duration) bool {
	if d == 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-p.done:
		return false
	}
}
