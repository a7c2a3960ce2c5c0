// Package ingress is the first and the last step of an exchange: the HTTPS
// edge (RFC 9110) through which agency systems hand in signed messages, poll
// for released ones (RFC 8936) and read what the gateway publishes.
//
// A handler reads one request, makes one call and writes one answer. All that
// can go wrong ends in one adapter, endpoint: it turns an error into a problem
// document (RFC 9457) with a stable code, counts it, logs it without anything
// that points at a person or an agency, and has the exchange make an entry of
// it where a known system caused it. Only the words of a [gateway.Refusal]
// reach the caller; any other error is a bare 500. A refusal whose code the
// published OpenAPI document does not promise for the endpoint is also a 500:
// routes.go holds the promise, status.go the HTTP status of each code.
//
// The edge is strict where HTTP and JSON leave room: one media type per
// endpoint, no query, no body where none is asked for, no content coding, and
// in JSON no unknown or repeated member and no byte after the value (RFC 8259
// leaves these open). Bodies, headers, waiting and the number of requests at a
// time are bounded; the limits of each system come before the log, so that a
// flood does not fill it.
//
// An answer about a person who is unknown, about a message that does not
// exist and about one that belongs to somebody else is the same sequence of
// bytes and leaves on the same fixed tick.
//
// Package ingress does not decide who a caller is or what an access request
// says (package authn), nor anything about a message (package exchange). The
// operations handler (health, metrics, reload) is separate and must not be
// reachable from outside the machine.
package ingress

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
)

// ErrConfig is reported by [New] for a configuration that would not be safe to
// serve with.
var ErrConfig = errors.New("ingress: configuration")

// Peers says who is calling. Its errors are *gateway.Refusal; it is safe for
// concurrent use.
type Peers interface {
	// Peer returns the registered system that a connection belongs to, as the
	// directory has it at now.
	Peer(conn tls.ConnectionState, now time.Time) (authn.Peer, error)
	// Again returns the peer as the directory has it at now, later than when
	// p was made.
	Again(p authn.Peer, now time.Time) (authn.Peer, error)
	// Access returns the official that an access request of the peer names.
	Access(p authn.Peer, raw string, now time.Time) (authn.Official, error)
}

// Exchange carries out what the agency API offers. Its errors are
// *gateway.Refusal or internal; what it returns is durable and may be given to
// the caller. It is safe for concurrent use.
type Exchange interface {
	Submit(ctx context.Context, p authn.Peer, raw []byte) (exchange.Accepted, error)
	// Poll waits until there is something to hand out or ctx is done; then it
	// returns an empty answer. Acknowledgements are written in any case, or there
	// is an error.
	Poll(ctx context.Context, p authn.Peer, q exchange.PollRequest) (exchange.PollAnswer, error)
	Message(ctx context.Context, o authn.Official, id gateway.MessageID) (exchange.Handed, error)
	Request(ctx context.Context, o authn.Official) (exchange.Requested, error)
	Disclosures(ctx context.Context, p authn.Peer, id gateway.MessageID) ([]exchange.Disclosure, error)
	// Refused makes an entry of a refusal that the peer caused; many in a
	// short time are counted in one entry.
	Refused(ctx context.Context, p authn.Peer, r *gateway.Refusal)
}

// Tree is the published side of the disclosure log: bytes that anyone may
// read (C2SP tlog-tiles).
type Tree interface {
	// Resource returns what stands under a path of the published log,
	// "checkpoint" or "tile/0/x001/067". What is not published, or not yet, is
	// [disclosure.ErrNotYet].
	Resource(ctx context.Context, path string) (disclosure.Resource, error)
}

// Published gives the signed statements that agency systems work with. Both
// answers are JSON documents, the same bytes until their content changes.
type Published interface {
	// Directory returns the statements about the agencies that the peer has a
	// route to.
	Directory(ctx context.Context, p authn.Peer) ([]byte, error)
	// Snapshot returns the active policy snapshot with its approvals.
	Snapshot(ctx context.Context) ([]byte, error)
}

// Config configures a [Server]. Peers, Exchange, Tree and Published are
// required; the zero value of any other field means its default.
type Config struct {
	Peers     Peers
	Exchange  Exchange
	Tree      Tree
	Published Published

	// Agencies is where [Server.Run] accepts agency systems, with TLS, and
	// Operations where it serves health, metrics and reload, without: a
	// loopback address or a unix socket. Run needs both.
	Agencies, Operations net.Listener
	// Public is where Run serves the published log, and nothing else, to anyone:
	// with TLS and without client certificates. Default: nowhere. It is a listener
	// of its own, so that the agency API goes on refusing whoever has no certificate
	// in the handshake, before any of our code is reached.
	Public net.Listener
	// TLS has the gateway's certificate and the authorities of the systems'
	// certificates. TLS 1.3 only, session tickets off. Run needs it.
	TLS *tls.Config

	// Ready says whether the gateway can carry out an exchange now: store
	// writable, policy active, clock sound. Default: always.
	Ready func(context.Context) error
	// Reload reads certificates, directory and policy again. Default: a
	// request to reload is refused.
	Reload func(context.Context) error
	// Gatherer is what /metrics shows. Default: nothing.
	Gatherer prometheus.Gatherer
	Log      *slog.Logger
	Now      func() time.Time // Default time.Now.

	Limits Limits
}

// Limits bound what callers may take from the gateway. The zero value of a
// field means its default.
type Limits struct {
	Body      int64         // bytes of a request body. Default 1 MiB.
	Header    int           // bytes of a request's header fields. Default 32 KiB.
	Read      time.Duration // for a request body to arrive. Default 10s.
	Write     time.Duration // for an answer to leave. Default 30s.
	Request   time.Duration // for an exchange other than a poll. Default 20s.
	Idle      time.Duration // of a connection between requests. Default 2m.
	Poll      time.Duration // how long a poll waits when the caller does not say. Default 25s.
	MaxPoll   time.Duration // how long a poll may wait when the caller does (RFC 7240, "wait"). Default 55s.
	Events    int           // maxEvents of a poll that names none. Default 50.
	MaxEvents int           // the highest maxEvents taken. Default 256.
	Rate      float64       // requests per second and system. Default 500.
	Burst     int           // requests that a system may make at once. Default 1000.
	Systems   int           // systems, and agencies, whose rate is kept. Default 4096.
	Exchanges int           // requests at a time, polls not counted. Default 256.
	Polls     int           // polls at a time. Default 2048.
	Strangers int           // requests for the published log at a time. Default 32.
	PollsEach int           // polls at a time and system. Default 64.
	Conns     int           // connections. Default 4096.
	Public    int           // connections without a client certificate. Default 256.
	Streams   int           // concurrent streams of one HTTP/2 connection. Default 128.

	AgencyRate      float64       // requests per second and agency, twice as many at once. Default twice Rate.
	AgencyExchanges int           // requests at a time and agency, polls not counted. Default 64.
	AgencyPolls     int           // polls at a time and agency. Default 256.
	ConnsEach       int           // connections of one network address. Default 1024.
	ConnRate        float64       // new connections per second and network address, four times as many at once. Default 50.
	Working         int           // requests at a time that work, rather than wait. Default one for each processor, at least 2.
	Wait            time.Duration // the longest wait for a turn to work. Default 2s.
	Held            int           // refusals held back at a time. Default 512.
	Hold            time.Duration // for how long. Default 250ms.

	Tick       time.Duration // no-record answers leave on a multiple of it. Default 250ms.
	RetryAfter time.Duration // told to callers with a 503. Default 5s.
	DrainDelay time.Duration // from readyz turning red to the first refused connection. Default 0.
	Drain      time.Duration // for requests under way to finish. Default 30s.
}

// Server serves the agency API and, separately, the operations endpoints.
type Server struct {
	cfg      Config
	limits   *limits
	line     *line
	metrics  *metrics
	router   *mux.Router
	public   *mux.Router // what anyone may read
	draining atomic.Bool
	polling  context.Context // done when long polls must end
	endPolls context.CancelFunc
}

// New returns a Server for cfg. It listens to nothing before [Server.Run].
// A required field that is missing, or a limit or listener that is not safe,
// is [ErrConfig].
func New(cfg Config) (*Server, error) {
	cfg.Limits = cfg.Limits.withDefaults()
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s := &Server{cfg: cfg, limits: newLimits(cfg.Limits), line: newLine(cfg.Limits.Working), metrics: newMetrics()}
	s.polling, s.endPolls = context.WithCancel(context.Background())
	s.router, s.public = s.routes(table), s.routes(openRoutes())
	return s, nil
}

// Agency returns the handler of the agency API and of the published log. It
// wants connections whose client certificates were verified (see [Config.TLS]).
func (s *Server) Agency() http.Handler { return s.router }

// Public returns the handler of the published log alone, for anyone.
func (s *Server) Public() http.Handler { return s.public }

// Metrics returns the collectors to register; their names start with
// "ingress_".
func (s *Server) Metrics() []prometheus.Collector { return s.metrics.collectors() }

func (c Config) check() error {
	switch {
	case c.Peers == nil, c.Exchange == nil, c.Tree == nil, c.Published == nil:
		return errors.New("Peers, Exchange, Tree and Published are required")
	case c.Limits.Poll > c.Limits.MaxPoll, c.Limits.Events > c.Limits.MaxEvents:
		return errors.New("a default is over its own maximum")
	case c.Limits.lowest() < 0:
		return errors.New("a limit is negative")
	}
	if c.TLS != nil {
		if err := checkTLS(c.TLS); err != nil {
			return err
		}
	}
	if c.Operations != nil && !local(c.Operations.Addr()) {
		return errors.New("the operations listener must be a loopback address or a unix socket")
	}
	return nil
}

// checkTLS wants what the identity of systems rests on: certificates are
// verified again on every connection (no tickets), under TLS 1.3.
func checkTLS(c *tls.Config) error {
	switch {
	case c.MinVersion < tls.VersionTLS13:
		return errors.New("TLS below version 1.3")
	case c.ClientAuth != tls.RequireAndVerifyClientCert && c.ClientAuth != tls.VerifyClientCertIfGiven:
		return errors.New("TLS does not verify client certificates")
	case !c.SessionTicketsDisabled:
		return errors.New("TLS session tickets are on")
	case c.InsecureSkipVerify:
		return errors.New("TLS verification is off")
	}
	return nil
}

func local(a net.Addr) bool {
	switch a := a.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	}
	return false
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Body:      cmp.Or(l.Body, 1<<20),
		Header:    cmp.Or(l.Header, 32<<10),
		Read:      cmp.Or(l.Read, 10*time.Second),
		Write:     cmp.Or(l.Write, 30*time.Second),
		Request:   cmp.Or(l.Request, 20*time.Second),
		Idle:      cmp.Or(l.Idle, 2*time.Minute),
		Poll:      cmp.Or(l.Poll, 25*time.Second),
		MaxPoll:   cmp.Or(l.MaxPoll, 55*time.Second),
		Events:    cmp.Or(l.Events, 50),
		MaxEvents: cmp.Or(l.MaxEvents, 256),
		Rate:      cmp.Or(l.Rate, 500),
		Burst:     cmp.Or(l.Burst, 1000),
		Systems:   cmp.Or(l.Systems, 4096),
		Exchanges: cmp.Or(l.Exchanges, 256),
		Polls:     cmp.Or(l.Polls, 2048),
		Strangers: cmp.Or(l.Strangers, 32),
		PollsEach: cmp.Or(l.PollsEach, 64),
		Conns:     cmp.Or(l.Conns, 4096),
		Public:    cmp.Or(l.Public, 256),
		Streams:   cmp.Or(l.Streams, 128),

		AgencyRate:      cmp.Or(l.AgencyRate, 2*cmp.Or(l.Rate, 500)),
		AgencyExchanges: cmp.Or(l.AgencyExchanges, 64),
		AgencyPolls:     cmp.Or(l.AgencyPolls, 256),
		ConnsEach:       cmp.Or(l.ConnsEach, 1024),
		ConnRate:        cmp.Or(l.ConnRate, 50),
		Working:         cmp.Or(l.Working, max(2, runtime.GOMAXPROCS(0))),
		Wait:            cmp.Or(l.Wait, 2*time.Second),
		Held:            cmp.Or(l.Held, 512),
		Hold:            cmp.Or(l.Hold, 250*time.Millisecond),

		Tick:       cmp.Or(l.Tick, 250*time.Millisecond),
		RetryAfter: cmp.Or(l.RetryAfter, 5*time.Second),
		DrainDelay: l.DrainDelay,
		Drain:      cmp.Or(l.Drain, 30*time.Second),
	}
}

func (l Limits) lowest() float64 {
	return min(float64(l.Body), float64(l.Header), float64(l.Read), float64(l.Write), float64(l.Request), float64(l.Idle),
		float64(l.Poll), float64(l.MaxPoll), float64(l.Events), float64(l.MaxEvents), l.Rate, float64(l.Burst),
		float64(l.Systems), float64(l.Exchanges), float64(l.Polls), float64(l.PollsEach), float64(l.Conns), float64(l.Streams), float64(l.Strangers), float64(l.Public),
		l.AgencyRate, float64(l.AgencyExchanges), float64(l.AgencyPolls), float64(l.ConnsEach), l.ConnRate, float64(l.Working),
		float64(l.Wait), float64(l.Held), float64(l.Hold), float64(l.Tick), float64(l.RetryAfter), float64(l.DrainDelay), float64(l.Drain))
}
