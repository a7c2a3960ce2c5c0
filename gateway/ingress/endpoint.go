package ingress

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/exchange"
)

// Errors that end a request without words for the caller.
var (
	errGone       = errors.New("ingress: caller hung up")
	errUnpromised = errors.New("ingress: code that the document does not promise")
	errNoTLS      = errors.New("ingress: connection without TLS")
)

// panicked is a handler's panic. The value may hold anything, so that only its
// type and the stack are kept.
type panicked struct {
	kind  string
	stack []byte
}

// Error implements error.
func (p *panicked) Error() string { return "ingress: panic with a " + p.kind }

// answer is the response of one request: it remembers what was sent.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(b)
	a.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// endpoint adapts f to net/http. Failures are logged, counted and turned into
// problem documents (RFC 9457) here and nowhere else.
func (s *Server) endpoint(rt route, f handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		a, body := &answer{ResponseWriter: w}, &arriving{ReadCloser: r.Body}
		r.Body = body
		secure(a.Header())
		s.deadlines(a, r)
		result := "ok"
		err := s.guarded(rt, f, a, r)
		switch {
		case hungUp(r, err):
			result = "gone"
		case err != nil:
			refusal := s.refusalOf(rt, err)
			result = string(refusal.Code)
			s.settle(r, a, start, refusal)
			if a.status == 0 {
				s.writeProblem(a, refusal)
			}
		}
		s.account(rt, a, r, start, result)
		if err != nil && !body.ended {
			linger(a, r)
		}
	})
}

// arriving is the body of a request: it remembers whether its end was read.
type arriving struct {
	io.ReadCloser
	ended bool
}

func (b *arriving) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err != nil
	return n, err
}

// lingering is how long the end of a connection waits for its caller to read
// the answer; that of net/http.
const lingering = 500 * time.Millisecond

// linger keeps a connection that ends with this answer open for a moment when
// the caller is still sending: its end would be a reset, by which the caller
// loses the answer (RFC 9112, Section 9.6). net/http does so by itself only
// where it decides on the end.
func linger(a *answer, r *http.Request) {
	ends := r.Close || a.Header().Get("Connection") == "close"
	if r.ProtoMajor != 1 || r.ContentLength == 0 || !ends {
		return
	}
	if http.NewResponseController(a).Flush() == nil {
		time.Sleep(lingering)
	}
}

// hungUp reports whether err is that nobody waits for an answer. A body that
// ends or comes too late cancels the request too, but has an answer.
func hungUp(r *http.Request, err error) bool {
	if err == nil || errors.Is(err, errGone) {
		return err != nil
	}
	_, refusal := errors.AsType[*gateway.Refusal](err)
	return r.Context().Err() != nil && (!refusal || errors.Is(err, context.Canceled))
}

// deadlines bounds the arrival of a body, also of one that nobody asks for and
// that net/http reads on to reuse the connection. What an earlier answer on the
// connection set for its writing is over.
func (s *Server) deadlines(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	rc.SetWriteDeadline(time.Time{})
	if r.ContentLength != 0 {
		rc.SetReadDeadline(time.Now().Add(s.cfg.Limits.Read))
	}
}

// guarded runs f within the bounds of the route and turns a panic into an
// error.
func (s *Server) guarded(rt route, f handler, a *answer, r *http.Request) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			err = &panicked{fmt.Sprintf("%T", v), debug.Stack()}
		}
	}()
	release, err := s.limits.enter(rt)
	if err != nil {
		return err
	}
	defer release()
	if rt.long {
		return f(a, r) // bounds its own waiting
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.Limits.Request)
	defer cancel()
	return f(a, r.WithContext(ctx))
}

// forPeer is the part of an endpoint that differs between the endpoints for
// registered systems.
type forPeer func(http.ResponseWriter, *http.Request, authn.Peer) error

// known adapts an endpoint for registered systems: f runs for a peer within
// its bounds, and what it refuses becomes an entry.
func (s *Server) known(f forPeer) handler { return s.admitted(f, false) }

// waiting is known for an endpoint whose requests wait for others.
func (s *Server) waiting(f forPeer) handler { return s.admitted(f, true) }

func (s *Server) admitted(f forPeer, long bool) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.peer(r)
		if revoked, ok := errors.AsType[*authn.RevokedError](err); ok {
			s.enter(r.Context(), revoked.Peer, err)
		}
		if err != nil {
			return err
		}
		release, report, err := s.limits.admit(p, long, s.cfg.Now())
		if err == nil {
			defer release()
			if err = plain(r); err == nil {
				err = f(w, r, p)
			}
		}
		if err != nil && report {
			s.enter(r.Context(), p, err)
		}
		return err
	}
}

// anyone adapts an endpoint that needs no identity. Its rate is kept by the
// caller's network.
func (s *Server) anyone(f handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.limits.networks.take(network(r.RemoteAddr), s.cfg.Now()); err != nil {
			return err
		}
		if err := plain(r); err != nil {
			return err
		}
		return f(w, r)
	}
}

// peer says who is calling, as the directory has it now.
func (s *Server) peer(r *http.Request) (authn.Peer, error) {
	if r.TLS == nil {
		return authn.Peer{}, gateway.Refuse(gateway.CodeUnknownSystem, "the connection has no client certificate", errNoTLS)
	}
	return s.cfg.Peers.Peer(*r.TLS, s.cfg.Now())
}

// unentered are the codes that need no entry: they are not the peer's doing, or
// the exchange has made one together with the decision. Of a full disk the log
// says how many it turned away.
var unentered = []gateway.Code{gateway.CodeInternal, gateway.CodeUnavailable, gateway.CodeWithholdAll,
	gateway.CodeDenied, gateway.CodeReview, gateway.CodeNoRecord}

// enter has the exchange make an entry of a refusal that the peer caused.
func (s *Server) enter(ctx context.Context, p authn.Peer, err error) {
	refusal, ok := errors.AsType[*gateway.Refusal](err)
	if !ok || slices.Contains(unentered, refusal.Code) && !errors.Is(refusal, exchange.ErrFull) {
		return
	}
	// The caller hanging up must not save it the entry.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Limits.Request)
	defer cancel()
	s.cfg.Exchange.Refused(ctx, p, refusal)
}

// refusalOf returns what the caller is told about err: the refusal that err
// is, if the route promises its code.
func (s *Server) refusalOf(rt route, err error) *gateway.Refusal {
	refusal, ok := errors.AsType[*gateway.Refusal](err)
	switch {
	case ok && refusal.Code == gateway.CodeNotFound && slices.Contains(rt.codes, gateway.CodeNoRecord):
		// What does not exist and what the caller may not know of are one.
		refusal = gateway.Refuse(gateway.CodeNoRecord, noRecordDetail, nil)
	case !ok && errors.Is(err, context.DeadlineExceeded):
		refusal = gateway.Refuse(gateway.CodeUnavailable, "the exchange took too long and was given up", err)
	case !ok:
		refusal = gateway.Refuse(gateway.CodeInternal, "", err)
	}
	if !slices.Contains(rt.codes, refusal.Code) {
		return gateway.Refuse(gateway.CodeInternal, "", fmt.Errorf("%w: %s at %s", errUnpromised, refusal.Code, rt.name))
	}
	return refusal
}

// settle logs what an operator must know of, and holds an answer about what
// the caller may not know of until the next tick since the request began, so
// that the time it took does not say which of the reasons it has.
func (s *Server) settle(req *http.Request, a *answer, start time.Time, r *gateway.Refusal) {
	log, ctx := s.cfg.Log, req.Context()
	if over, ok := errors.AsType[shed](r); ok {
		s.metrics.shed.WithLabelValues(over.by).Inc() // not logged: a flood would be
		s.hold(ctx, a)
		return
	}
	if p, ok := errors.AsType[*panicked](r); ok {
		s.metrics.panics.Inc()
		log.ErrorContext(ctx, "handler panicked", "kind", p.kind, "stack", string(p.stack))
		return
	}
	switch r.Code {
	case gateway.CodeInternal:
		log.ErrorContext(ctx, "request ended by an internal error", "err", r.Err)
	case gateway.CodeUnavailable:
		log.WarnContext(ctx, "request could not be served", "err", r.Err)
	case gateway.CodeNoRecord:
		s.tick(ctx, start)
	}
}

// tick waits until a whole number of ticks has passed since start, or until
// ctx is done.
func (s *Server) tick(ctx context.Context, start time.Time) {
	tick := s.cfg.Limits.Tick
	t := time.NewTimer(tick - time.Since(start)%tick)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// hold keeps back for a moment the answer that a request was turned away
// unworked: who asks again at once would otherwise cost a processor by being
// refused. When too many are held back, the connection ends with the answer,
// and a new one has bounds of its own.
func (s *Server) hold(ctx context.Context, a *answer) {
	select {
	case s.limits.held <- struct{}{}:
		defer func() { <-s.limits.held }()
	default:
		a.Header().Set("Connection", "close")
		return
	}
	t := time.NewTimer(s.cfg.Limits.Hold)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-s.polling.Done(): // the server drains
	}
}

// account counts and logs one finished request: what kind, how it ended, how
// much. The id is random and means nothing outside the log.
func (s *Server) account(rt route, a *answer, r *http.Request, start time.Time, result string) {
	took := time.Since(start)
	s.metrics.requests.WithLabelValues(rt.name, result).Inc()
	if !rt.long {
		s.metrics.duration.WithLabelValues(rt.name).Observe(took.Seconds())
	}
	s.cfg.Log.LogAttrs(r.Context(), slog.LevelInfo, "request answered",
		slog.String("request", rand.Text()[:12]), slog.String("endpoint", rt.name), slog.String("code", result),
		slog.Int("status", a.status), slog.Int("bytes", a.bytes), slog.Int64("milliseconds", took.Milliseconds()))
}

// secure sets the header fields of every answer (OWASP REST security): nothing
// is stored on the way, guessed, framed or sent on without TLS.
func secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Strict-Transport-Security", "max-age=63072000")
	h.Set("X-Content-Type-Options", "nosniff")
}

// write sends an answer that is complete. The time to send it is bounded, so
// that a caller who does not read holds nothing for long.
func (s *Server) write(w http.ResponseWriter, status int, body []byte) error {
	deadline := time.Now().Add(s.cfg.Limits.Write)
	if err := http.NewResponseController(w).SetWriteDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}

// network returns the key under which the rate of an unidentified caller is
// kept: its IPv4 address, or its IPv6 /64.
func network(remote string) string {
	addr, err := netip.ParseAddrPort(remote)
	if err != nil {
		host, _, _ := net.SplitHostPort(remote)
		return host
	}
	bits := 64
	if addr.Addr().Unmap().Is4() {
		bits = 32
	}
	prefix, err := addr.Addr().Unmap().WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}
