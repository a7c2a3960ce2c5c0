package ingress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
)

// Run serves the agency API on Config.Agencies, the published log on Config.Public
// if that is given and the operations endpoints on Config.Operations until ctx is
// done, and then drains: /readyz turns red,
// after Limits.DrainDelay long polls end with an empty answer and no new
// connection is taken, and what is under way has Limits.Drain to finish. It
// returns nil after a complete drain.
func (s *Server) Run(ctx context.Context) error {
	if s.cfg.Agencies == nil || s.cfg.Operations == nil || s.cfg.TLS == nil {
		return fmt.Errorf("%w: Agencies, Operations and TLS are required to run", ErrConfig)
	}
	agencies, operations := s.server(s.Agency(), s.cfg.TLS.Clone()), s.operationsServer()
	public := s.server(s.Public(), s.anonymousTLS())
	g, failed := errgroup.WithContext(ctx)
	g.Go(func() error {
		return served(agencies.ServeTLS(netutil.LimitListener(s.gate(s.cfg.Agencies), s.cfg.Limits.Conns), "", ""))
	})
	g.Go(func() error { return served(operations.Serve(s.cfg.Operations)) })
	if s.cfg.Public != nil {
		g.Go(func() error {
			return served(public.ServeTLS(netutil.LimitListener(s.gate(s.cfg.Public), s.cfg.Limits.Public), "", ""))
		})
	}
	g.Go(func() error {
		<-failed.Done() // ctx is done, or one of the servers has ended
		return s.drain(agencies, public, operations)
	})
	return g.Wait()
}

// drain ends the servers, the operations one last: it says to the end how the
// gateway is.
func (s *Server) drain(agencies, public, operations *http.Server) error {
	defer operations.Close()
	s.draining.Store(true)
	s.metrics.draining.Set(1)
	s.cfg.Log.Info("draining")
	time.Sleep(s.cfg.Limits.DrainDelay)
	s.endPolls()
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Limits.Drain)
	defer cancel()
	defer public.Close() // what is read there can be read again
	if err := agencies.Shutdown(ctx); err != nil {
		agencies.Close()
		return fmt.Errorf("draining: %w", err)
	}
	return nil
}

// served is the error of a server that was not asked to end.
func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// anonymousTLS is the gateway's TLS for callers who need not say who they are.
func (s *Server) anonymousTLS() *tls.Config {
	c := s.cfg.TLS.Clone()
	c.ClientAuth, c.ClientCAs, c.GetConfigForClient = tls.NoClientCert, nil, nil
	return c
}

// server bounds what a connection may cost before a request of it is looked at.
// Bodies and answers have their own deadlines, since a poll waits between the two.
func (s *Server) server(h http.Handler, c *tls.Config) *http.Server {
	l := s.cfg.Limits
	return &http.Server{
		Handler:           h,
		TLSConfig:         c,
		ReadHeaderTimeout: l.Read, // also bounds the TLS handshake
		IdleTimeout:       l.Idle,
		MaxHeaderBytes:    l.Header,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          l.Streams,
			MaxReceiveBufferPerConnection: 4 << 20,
			MaxReceiveBufferPerStream:     1 << 20,
			SendPingTimeout:               15 * time.Second,
			PingTimeout:                   15 * time.Second,
			WriteByteTimeout:              l.Write,
		},
		ErrorLog: s.connectionErrors(),
	}
}

func (s *Server) operationsServer() *http.Server {
	return &http.Server{
		Handler:           s.Operations(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      2 * reloadTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          s.connectionErrors(),
	}
}

// connectionErrors counts what net/http says about connections. Its lines name
// network addresses, which are those of agencies, so that they are not kept.
func (s *Server) connectionErrors() *log.Logger {
	return log.New(counter{s}, "", 0)
}

type counter struct{ s *Server }

func (c counter) Write(line []byte) (int, error) {
	c.s.metrics.connections.Inc()
	return len(line), nil
}
