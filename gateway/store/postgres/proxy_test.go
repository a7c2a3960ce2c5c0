package postgres_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a store and its server, until it does something else.
type proxy struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	fault fault
	conns map[net.Conn]bool
}

// fault is what happens to the next bytes that the store sends.
type fault int

const (
	none      fault = iota
	cutBefore       // they are lost with the connection
	cutAfter        // they arrive, the connection is lost when the server answers
	silent          // they are lost, and nothing else passes, but the connections stay
)

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{listener: l, server: server, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		l.Close()
		p.cut()
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

// through is a DSN that goes through the proxy.
func (p *proxy) through(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	u.Host = p.listener.Addr().String()
	return u.String()
}

func (p *proxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// next is the fault that a transfer meets, which ends one that cuts.
func (p *proxy) next(towardsServer bool) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.fault
	if f == cutBefore && towardsServer || f == cutAfter && !towardsServer {
		p.fault = none
	}
	return f
}

// cut ends every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	go p.pass(server, client, true)
	p.pass(client, server, false)
}

func (p *proxy) pass(to, from net.Conn, towardsServer bool) {
	buf := make([]byte, 64<<10)
	for dead := false; ; {
		n, err := from.Read(buf)
		if err != nil && dead {
			return // nobody tells the server
		}
		if err == nil {
			switch f := p.next(towardsServer); {
			case f == silent, dead:
				dead = true
				continue
			case f == cutBefore && towardsServer, f == cutAfter && !towardsServer:
				err = io.ErrClosedPipe
			default:
				_, err = to.Write(buf[:n])
			}
		}
		if err != nil {
			to.Close()
			from.Close()
			return
		}
	}
}
