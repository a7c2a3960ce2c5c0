package ingress

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sluss/gateway"
	"sluss/gateway/authn"
)

// shed is the cause of a refusal for want of capacity: of which bound, which
// is a metrics label, and when the caller may come back, if that is known.
type shed struct {
	by   string
	wait time.Duration
}

// Error implements error.
func (e shed) Error() string { return "ingress: over the bound of the " + e.by }

// reportEvery is how often a system that is over its rate gets an entry about
// that: the first refusal of a flood says all there is to say.
const reportEvery = time.Minute

// limits bound what may be in the gateway at a time, over all callers and for
// each agency, system and network. A caller over its own bound gets 429, one
// that meets the gateway's 503, both with Retry-After and unworked. Every
// queue on the way of a request is bounded, in this order:
//
//   - connections: Limits.Conns at a time, of one network address not more than
//     ConnsEach and not more new ones than ConnRate in a second; what is over an
//     address's bound is reset before the handshake. Those over Conns wait in the
//     kernel's backlog, which drops what it has no room for;
//   - requests of one connection: Limits.Streams in HTTP/2, one in HTTP/1.1;
//   - requests in the gateway: Limits.Exchanges, of one agency AgencyExchanges.
//     They read a body, wait in the line, work, wait for a commit or write. More
//     are refused at once;
//   - polls in the gateway: Limits.Polls, of one agency AgencyPolls, of one system
//     PollsEach; those that wait for messages stand in no line;
//   - the line for the processor (type line): a queue for each agency, which holds
//     no more than its requests and polls, and nobody for longer than Limits.Wait;
//   - the log's queue: one write for each request that waits for its commit, at
//     most 1,024, which nobody can fill alone; all that waits is committed
//     together, 256 at a time. Whose request ends before its write is taken up
//     has written nothing;
//   - the store: one transaction at a time; reads are bounded by the line;
//   - refusals for want of capacity: Limits.Held are held back for a moment, so
//     that a caller who asks again at once does not cost a processor; more end
//     their connection.
type limits struct {
	exchanges, polls, strangers, held chan struct{}

	agencies, systems, networks *callers
}

// bounds are what each caller of one kind may take.
type bounds struct {
	kind      string // a metrics label
	rate      float64
	burst     int
	exchanges int // at a time; 0: not bounded
	polls     int // at a time
	kept      int // callers
}

// callers are the rates and requests of the callers of one kind. As many are
// kept as may be; then the one longest idle is forgotten.
type callers struct {
	mu     sync.Mutex
	cfg    bounds
	byKey  map[string]*list.Element // of *caller
	recent *list.List               // most recently used first
}

// caller is what one caller has taken.
type caller struct {
	key              string
	rate             *rate.Limiter
	exchanges, polls int
	reported         time.Time
}

func newLimits(cfg Limits) *limits {
	return &limits{
		exchanges: make(chan struct{}, cfg.Exchanges),
		polls:     make(chan struct{}, cfg.Polls),
		strangers: make(chan struct{}, cfg.Strangers),
		held:      make(chan struct{}, cfg.Held),
		agencies: newCallers(bounds{kind: "agency", rate: cfg.AgencyRate, burst: max(cfg.Burst, int(2*cfg.AgencyRate)),
			exchanges: cfg.AgencyExchanges, polls: cfg.AgencyPolls, kept: cfg.Systems}),
		systems: newCallers(bounds{kind: "system", rate: cfg.Rate, burst: cfg.Burst, polls: cfg.PollsEach, kept: cfg.Systems}),
		// Kept apart, so that nobody without a certificate can push a system
		// out and have its rate forgotten.
		networks: newCallers(bounds{kind: "network", rate: cfg.Rate, burst: cfg.Burst, kept: cfg.Systems}),
	}
}

func newCallers(cfg bounds) *callers {
	return &callers{cfg: cfg, byKey: map[string]*list.Element{}, recent: list.New()}
}

// enter takes a place for one request, which release gives back. When none is
// free the caller is to try again later.
func (l *limits) enter(rt route) (release func(), err error) {
	places := l.exchanges
	switch {
	case rt.long:
		places = l.polls
	case rt.stranger:
		places = l.strangers // who may be anybody must not take the agencies' places
	}
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	default:
		return nil, gateway.Refuse(gateway.CodeUnavailable, "the gateway is busy", shed{by: "gateway"})
	}
}

// admit counts a request of a peer against the bounds of its system and of its
// agency. The first refusal in a while is to be reported.
func (l *limits) admit(p authn.Peer, long bool, now time.Time) (release func(), report bool, err error) {
	system, agency := p.URI(), string(p.Agency())
	if err = l.systems.take(system, now); err == nil {
		err = l.agencies.take(agency, now)
	}
	if err != nil {
		return nil, l.systems.due(system, now), err
	}
	ofSystem, err := l.systems.enter(system, long)
	if err != nil {
		return nil, l.systems.due(system, now), err
	}
	ofAgency, err := l.agencies.enter(agency, long)
	if err != nil {
		ofSystem()
		return nil, l.systems.due(system, now), err
	}
	return func() { ofAgency(); ofSystem() }, true, nil
}

// take counts one request of a caller. A caller over its rate is refused.
func (c *callers) take(key string, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	got, err := c.caller(key)
	if err != nil {
		return err
	}
	take := got.rate.ReserveN(now, 1)
	delay := take.DelayFrom(now)
	if delay == 0 {
		return nil
	}
	take.CancelAt(now)
	return gateway.Refuse(gateway.CodeTooMany, "the caller sends more requests than it may", shed{c.cfg.kind, delay})
}

// due reports whether a refusal of a caller is to be reported now.
func (c *callers) due(key string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	got, err := c.caller(key)
	if err != nil || now.Sub(got.reported) < reportEvery {
		return false
	}
	got.reported = now
	return true
}

// enter takes one of a caller's places, for a poll if long.
func (c *callers) enter(key string, long bool) (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	got, err := c.caller(key)
	if err != nil {
		return nil, err
	}
	here, most := &got.exchanges, c.cfg.exchanges
	if long {
		here, most = &got.polls, c.cfg.polls
	}
	if most > 0 && *here >= most {
		return nil, gateway.Refuse(gateway.CodeTooMany, "the caller has more requests open than it may", shed{c.cfg.kind, time.Second})
	}
	*here++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		*here--
	}, nil
}

// caller returns what the caller has taken; c.mu is held. When as many callers
// are kept as may be, the one longest idle is forgotten, but none with a request
// open: its places could be taken twice.
func (c *callers) caller(key string) (*caller, error) {
	if e, ok := c.byKey[key]; ok {
		c.recent.MoveToFront(e)
		return e.Value.(*caller), nil
	}
	if c.recent.Len() >= c.cfg.kept {
		oldest := c.recent.Back()
		for oldest != nil && oldest.Value.(*caller).open() {
			oldest = oldest.Prev()
		}
		if oldest == nil {
			return nil, gateway.Refuse(gateway.CodeUnavailable, "the gateway is busy", shed{by: "gateway"})
		}
		delete(c.byKey, c.recent.Remove(oldest).(*caller).key)
	}
	got := &caller{key: key, rate: rate.NewLimiter(rate.Limit(c.cfg.rate), c.cfg.burst)}
	c.byKey[key] = c.recent.PushFront(got)
	return got, nil
}

// open reports whether the caller has a request open.
func (c *caller) open() bool { return c.exchanges+c.polls > 0 }
