package ingress

import (
	"net"
	"sync"
)

// gatekeeper is a listener that bounds what the connections of one network
// address may cost, before the handshake, which is most of it: how many there are
// and how many new ones come. What is over is reset, which costs next to nothing;
// nobody behind it waits.
type gatekeeper struct {
	net.Listener
	s     *Server
	rates *callers

	mu   sync.Mutex
	open map[string]int // connections by network
}

// gate returns l with the bounds on each address.
func (s *Server) gate(l net.Listener) net.Listener {
	cfg := s.cfg.Limits
	return &gatekeeper{Listener: l, s: s, open: map[string]int{},
		rates: newCallers(bounds{kind: "address", rate: cfg.ConnRate, burst: max(1, int(4*cfg.ConnRate)), kept: cfg.Systems})}
}

// Accept implements net.Listener.
func (g *gatekeeper) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := network(c.RemoteAddr().String())
		if g.rates.take(from, g.s.cfg.Now()) == nil && g.enter(from) {
			return &gated{Conn: c, leave: sync.OnceFunc(func() { g.leave(from) })}, nil
		}
		g.s.metrics.shed.WithLabelValues("address").Inc()
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0) // nothing of it is to stay, not even in the kernel
		}
		c.Close()
	}
}

func (g *gatekeeper) enter(from string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open[from] >= g.s.cfg.Limits.ConnsEach {
		return false
	}
	g.open[from]++
	return true
}

func (g *gatekeeper) leave(from string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open[from]--; g.open[from] == 0 {
		delete(g.open, from)
	}
}

// gated is a connection that is counted until it is closed.
type gated struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *gated) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
