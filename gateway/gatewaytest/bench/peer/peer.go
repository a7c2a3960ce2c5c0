// Package peer is what a user would assemble today for the job, out of parts that
// are known and kept well, and against which the gateway is measured: a reverse
// proxy (net/http/httputil) at the sender and one at the recipient, mutual TLS 1.3
// before each, a stock OPA server that says yes or no, and a row in PostgreSQL at
// each end for every message.
//
// It promises far less. There are no signatures, so nobody can prove what was
// sent; no field is withheld, the answer is for the whole message; the rows can be
// changed unseen; the proxies read every value; a message is lost when the
// recipient does not answer. It is there to compare costs with, and is built to be
// cheap: connections are kept alive and are enough, statements prepared, one
// question to OPA for each message, rows without the message, no copy that a proxy
// does not make by itself.
//
// An exchange is one request: the sender's system gives the message to its proxy,
// that one asks OPA, writes its row and passes it on to the recipient's, which
// writes its row and passes it on to the recipient's application, which reads it
// and answers 200.
package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"sluss/gateway/gatewaytest/bench/load"
)

// Config configures one process: a proxy, or the application if there is no Next.
type Config struct {
	World string // with the certificates
	Next  string // URL that requests are passed on to
	OPA   string // URL of the decision; "" if it is not asked
	DSN   string // of the database for the rows
}

// connections is how many are kept to a next hop: one for each client.
const connections = 512

// Serve serves until standard input ends.
func Serve(ctx context.Context, cfg Config) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if cfg.Next == "" {
		return serve(l, http.HandlerFunc(application), nil)
	}
	next, err := url.Parse(cfg.Next)
	if err != nil {
		return err
	}
	server, client, err := certificates(cfg.World)
	if err != nil {
		return err
	}
	p := &proxy{ask: cfg.OPA, opa: &http.Client{Transport: transport(nil)}}
	p.pass = &httputil.ReverseProxy{Transport: transport(client), BufferPool: buffers{},
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(next) }}
	if p.rows, err = openRows(ctx, cfg.DSN); err != nil {
		return err
	}
	defer p.rows.Close()
	return serve(l, p, server)
}

func serve(l net.Listener, h http.Handler, config *tls.Config) error {
	s := &http.Server{Handler: h, TLSConfig: config, ReadHeaderTimeout: 10 * time.Second}
	defer s.Close()
	if config != nil {
		go s.ServeTLS(l, "", "")
	} else {
		go s.Serve(l)
	}
	load.Serving(l.Addr().String())
	return nil
}

// application is the recipient's: it reads the message.
func application(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// transport keeps enough connections alive. HTTP/1.1: with a connection for each
// request under way it costs less than the frames of HTTP/2 do.
func transport(config *tls.Config) *http.Transport {
	return &http.Transport{TLSClientConfig: config, MaxIdleConns: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: 5 * time.Minute,
		DisableCompression: true, WriteBufferSize: 32 << 10, ReadBufferSize: 32 << 10}
}

// Client returns a client of the sender's system, for its proxy.
func Client(world string) (*http.Client, error) {
	_, client, err := certificates(world)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: transport(client)}, nil
}

// certificates are those of a world: the gateway's for whoever serves, the police's
// for whoever connects.
func certificates(world string) (server, client *tls.Config, err error) {
	at := func(names ...string) string { return filepath.Join(append([]string{world}, names...)...) }
	pool := func(name string) *x509.CertPool {
		p := x509.NewCertPool()
		pem, readErr := os.ReadFile(at("ca", name))
		if readErr == nil && !p.AppendCertsFromPEM(pem) {
			readErr = fmt.Errorf("%s has no certificate", name)
		}
		err = errors.Join(err, readErr)
		return p
	}
	systems, gateways := pool("systems.pem"), pool("root.pem")
	own, ownErr := tls.LoadX509KeyPair(at("gateway", "tls.pem"), at("gateway", "tls.key"))
	police, policeErr := tls.LoadX509KeyPair(at("agencies", "police", "exit", "tls.pem"), at("agencies", "police", "exit", "tls.key"))
	server = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: systems, Certificates: []tls.Certificate{own}}
	client = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: gateways, Certificates: []tls.Certificate{police}}
	return server, client, errors.Join(err, ownErr, policeErr)
}

// openRows opens the pool for the rows of one end: as many connections as let the
// server write many commits with one sync, on few cores.
func openRows(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns, cfg.MinConns = 16, 16
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	_, err = pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS exchanged (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		at timestamptz NOT NULL DEFAULT now(), sender text NOT NULL, recipient text NOT NULL, role text NOT NULL, purpose text NOT NULL,
		type text NOT NULL, bytes bigint NOT NULL)`)
	return pool, err
}
