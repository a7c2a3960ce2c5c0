// Command gateway is the server: the secure gateway through which agencies
// exchange case data about people who leave organised crime, violent extremism
// or honour-related environments.
//
// Usage:
//
//	gateway -config gateway.json
//
// The configuration is a JSON file whose members the type config documents;
// "gatewayctl certs dev DIR" writes one for development. The server keeps its
// messages, mailboxes, facts and disclosure log in an embedded database, follows
// the files of its certificates, directory and policy, and drains on SIGINT or
// SIGTERM. It logs JSON lines on standard error, without anything that points
// at a person or an agency.
//
// Exit codes: 0 after a drain, 1 when it cannot serve safely, 2 for a usage
// error.
package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/directory"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/exchange"
	"sluss/gateway/facts"
	"sluss/gateway/ingress"
	"sluss/gateway/keys"
	"sluss/gateway/receipt"
	"sluss/gateway/recovery"
	"sluss/gateway/relay"
	"sluss/gateway/store/database"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

// run builds the gateway from the inside out, serves until ctx is done and then
// drains. It and what it calls here are all that knows every concrete type.
func run(ctx context.Context, args []string, stderr io.Writer) (err error) {
	cfg, pin, err := flags(args, stderr)
	if err != nil {
		return err
	}
	lessGarbageCollection()
	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	report := func(err error) { logger.Warn("a changed file was not taken; what was in force stays", "err", err) }
	secret, err := cfg.secrets(report)
	if err != nil {
		return err
	}
	db, err := database.Open(ctx, database.Config{Dir: cfg.Data, URI: cfg.Database, HA: cfg.HA})
	if err != nil {
		return err
	}
	defer db.Close()
	log, restores, err := cfg.disclosures(ctx, db, secret, logger)
	if err != nil {
		return err
	}
	// The log outlives the requests that append to it, so it is stopped last.
	logCtx, stopLog := context.WithCancelCause(context.WithoutCancel(ctx))
	logDone := make(chan error, 1)
	go func() { logDone <- log.Run(logCtx) }()
	defer func() {
		stopLog(errDrained)
		err = errors.Join(err, unless(<-logDone, "disclosure log"))
	}()
	if err := log.Started(ctx); err != nil {
		return err // which the log's own follows
	}
	var elsewhere func(context.Context)
	x, mail, err := cfg.exchange(db, log, secret, logger, restores, func(ctx context.Context) { elsewhere(ctx) })
	if err != nil {
		return err
	}
	if err := cfg.remembers(ctx, db, len(restores) > 0, logger); err != nil {
		return err
	}
	watcher, err := directory.NewWatcher(ctx, directory.Config{Path: cfg.Directory, Last: filepath.Join(cfg.State, "directory.json"),
		Registrars: pin.Registrars, Admit: x.Register, Report: report,
		Elsewhere: func(ctx context.Context) ([]byte, error) { return x.Elsewhere(ctx, exchange.DirectoryInForce) }})
	if err != nil {
		return fmt.Errorf("taking the directory: %w", err)
	}
	laws := &legislation{path: cfg.Snapshot, last: filepath.Join(cfg.State, "policy.json"), gateway: gateway.ID(cfg.Gateway),
		officers: pin.Officers, exchange: x}
	if err := laws.load(ctx); err != nil {
		return fmt.Errorf("taking the policy: %w", err)
	}
	elsewhere = func(ctx context.Context) {
		if err := errors.Join(watcher.Follow(ctx), laws.load(ctx)); err != nil {
			report(err)
		}
	}
	peers, err := authn.New(authn.Config{Gateway: gateway.ID(cfg.Gateway), Domain: cfg.Domain, Certificate: secret.tls.GetCertificate,
		Authorities: secret.authorities.Certificates, Directory: watcher.Directory})
	if err != nil {
		return err
	}
	edge, err := cfg.edge(peers, x, db, log, logger, laws)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what compiling the law left behind
	logger.Info("gateway ready", "listen", cfg.Listen, "operations", cfg.Operations)
	err = serve(ctx, edge, func(ctx context.Context) error { return watchLog(ctx, logDone) },
		func(ctx context.Context) error { return watchStore(ctx, log) },
		func(ctx context.Context) error { return watchSpace(ctx, db, x, logger) }, mail.Run, x.Run, x.Orders(filepath.Join(cfg.State, "orders")), watcher.Run,
		func(ctx context.Context) error { return laws.run(ctx, report) }, secret.tls.Run, secret.authorities.Run)
	if err == nil {
		logger.Info("gateway drained")
	}
	return err
}

// disclosures builds the log, of a database that is what it is believed to be, and
// says when it was restored.
func (c config) disclosures(ctx context.Context, db database.Database, secret secrets, logger *slog.Logger) (*disclosure.Log, recovery.History, error) {
	witnesses, err := c.witnesses()
	if err != nil {
		return nil, nil, err
	}
	restores, err := recovery.Check(ctx, db, secret.ring, c.Ring, c.Log)
	if err != nil {
		return nil, nil, err
	}
	anchor := filepath.Join(c.State, "checkpoint")
	retired, err := recovery.Retire(anchor, restores)
	if err != nil {
		return nil, nil, err
	}
	log, err := disclosure.New(disclosure.Config{Store: db, Witnesses: witnesses, Key: secret.checkpoint, Origin: c.Log, Log: logger,
		Anchor: anchor, Adopt: c.Adopt || retired})
	return log, restores, err
}

// exchange builds what carries exchanges out over a store and a log.
func (c config) exchange(db database.Database, log *disclosure.Log, secret secrets, logger *slog.Logger, restores recovery.History, refresh func(context.Context)) (x *exchange.Exchange, mail *relay.Relay, err error) {
	register, err := facts.New(facts.Config{Store: db, Ring: secret.ring, Tables: func() *facts.Tables { return x.Tables() },
		Aliases: func() facts.Aliases { return x.Aliases() }, Restored: restores.Moments()})
	if err != nil {
		return nil, nil, err
	}
	mail, err = relay.New(relay.Config{Gateway: gateway.ID(c.Gateway), Store: db, Log: log, Sealer: secret.ring, Signer: secret.release,
		Keys: func() envelope.Keys { return x.Registry() }, Keep: func() []gateway.MessageType { return x.Kept() }, Logger: logger,
		Lease: time.Duration(c.RedeliverSeconds * float64(time.Second))})
	if err != nil {
		return nil, nil, err
	}
	binder, err := receipt.New(secret.release)
	if err != nil {
		return nil, nil, err
	}
	x, err = exchange.New(exchange.Config{Gateway: gateway.ID(c.Gateway), Facts: register, Log: log, Store: db, AtRest: secret.ring,
		Mail: mail, Binder: binder, Logger: logger, Refresh: refresh, Witnessed: c.witnessed, Restored: restores.Versions()})
	return x, mail, err
}

// serve serves until ctx is done and the edge has drained, or until one of the
// tasks has failed. The tasks end after the edge, which needs them.
func serve(ctx context.Context, edge *ingress.Server, tasks ...func(context.Context) error) error {
	taskCtx, stopTasks := context.WithCancelCause(context.WithoutCancel(ctx))
	g, failed := errgroup.WithContext(taskCtx)
	for _, task := range tasks {
		g.Go(func() error { return task(failed) })
	}
	edgeCtx, stopEdge := context.WithCancel(ctx)
	defer stopEdge()
	defer context.AfterFunc(failed, stopEdge)()
	err := edge.Run(edgeCtx)
	stopTasks(errDrained)
	return errors.Join(unless(err, "draining"), unless(g.Wait(), "gateway"))
}

// errDrained is why tasks are stopped when all is well.
var errDrained = errors.New("drained")

// unless returns err with what it concerns, unless it only says that something
// was told to stop.
func unless(err error, what string) error {
	if err == nil || errors.Is(err, errDrained) || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// lessGarbageCollection trades memory for time, within bounds, unless the
// environment says otherwise (GOGC, GOMEMLIMIT): a request's garbage is large
// beside what lives, and at Go's default every fourth cycle of the processor went
// into collecting it. The limit is soft: a gateway that needs more collects more.
func lessGarbageCollection() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(600)
		debug.SetMemoryLimit(220 << 20)
	}
}

func flags(args []string, stderr io.Writer) (config, pins, error) {
	fs := flag.NewFlagSet("gateway", flag.ContinueOnError)
	fs.SetOutput(stderr)
	path := fs.String("config", "", "configuration `file` (JSON; see the documentation of cmd/gateway)")
	fs.Usage = func() {
		fmt.Fprintf(stderr, "gateway serves the agency API of a Sluss gateway.\n\nUsage:\n\n  gateway -config gateway.json\n\nTry it without a configuration of your own: gatewayctl demo\n\n")
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return config{}, pins{}, err
		}
		return config{}, pins{}, errUsage
	}
	if *path == "" || fs.NArg() > 0 {
		fs.Usage()
		return config{}, pins{}, errUsage
	}
	return readConfig(*path)
}

// secrets are the gateway's keys.
type secrets struct {
	release     *envelope.Signer
	checkpoint  ed25519.PrivateKey
	ring        *keys.Ring
	tls         *keys.Pair
	authorities *keys.Pool
}

// secrets loads the gateway's keys; report is told of certificates that were
// renewed and do not hold.
func (c config) secrets(report func(error)) (s secrets, err error) {
	key, err := keys.LoadEC(c.Keys.Release)
	if err != nil {
		return s, fmt.Errorf("loading release key: %w", err)
	}
	if s.release, err = envelope.NewSigner(key); err != nil {
		return s, err
	}
	if s.checkpoint, err = keys.LoadEd25519(c.Keys.Checkpoint); err != nil {
		return s, fmt.Errorf("loading checkpoint key: %w", err)
	}
	kek, err := keys.LoadKEK(c.Keys.KEK)
	if err != nil {
		return s, fmt.Errorf("loading key-encryption key: %w", err)
	}
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return s, err
	}
	if s.ring, err = keys.OpenRing(c.Ring, kek); err != nil {
		return s, err
	}
	if s.tls, err = keys.NewPair(keys.PairConfig{Certificate: c.TLS.Certificate, Key: c.TLS.Key, Report: report}); err != nil {
		return s, err
	}
	s.authorities, err = keys.NewPool(c.TLS.Authorities, report)
	return s, err
}

// edge builds the HTTPS edge on listeners that are open when it returns.
func (c config) edge(peers *authn.Authenticator, x *exchange.Exchange, db database.Database, log *disclosure.Log, logger *slog.Logger, laws *legislation) (*ingress.Server, error) {
	agencies, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	operations, err := net.Listen("tcp", c.Operations)
	if err != nil {
		return nil, err
	}
	var public net.Listener
	if c.Public != "" {
		if public, err = net.Listen("tcp", c.Public); err != nil {
			return nil, err
		}
	}
	metrics := prometheus.NewRegistry()
	edge, err := ingress.New(ingress.Config{Peers: peers, Exchange: x, Tree: log, Published: x, Agencies: agencies, Operations: operations, Public: public,
		TLS: peers.TLS(), Gatherer: metrics, Log: logger, Limits: c.limits(),
		Ready: func(ctx context.Context) error {
			_, err := x.InForce()
			return errors.Join(err, log.Healthy(), db.Healthy(ctx))
		},
		Reload: func(ctx context.Context) error { return laws.load(ctx) }})
	if err != nil {
		return nil, err
	}
	own := prometheus.WrapRegistererWithPrefix("gateway_", metrics)
	for _, c := range slices.Concat(edge.Metrics(), log.Metrics(), db.Metrics()) {
		if err := own.Register(c); err != nil {
			return nil, err
		}
	}
	return edge, errors.Join(metrics.Register(collectors.NewGoCollector()),
		metrics.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
}
