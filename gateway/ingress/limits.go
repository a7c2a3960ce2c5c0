package ingress

import (
	"container/list"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sluss/gateway"
)

// errFull is the cause of a refusal for want of a free place.
var errFull = errors.New("ingress: all places are taken")

// reportEvery is how often a system that is over its rate gets an entry about
// that: the first refusal of a flood says all there is to say.
const reportEvery = time.Minute

// limits bound the requests at a time over all callers, and what each caller
// may take.
type limits struct {
	exchanges, polls, strangers chan struct{}
	systems, networks           *callers
}

// callers are the rates and open polls of the callers of one kind. As many are
// kept as may be; then the one longest idle is forgotten.
type callers struct {
	mu     sync.Mutex
	cfg    Limits
	byKey  map[string]*list.Element // of *caller
	recent *list.List               // most recently used first
}

// caller is what one caller has taken.
type caller struct {
	key      string
	rate     *rate.Limiter
	polls    int
	reported time.Time
}

func newLimits(cfg Limits) *limits {
	return &limits{
		exchanges: make(chan struct{}, cfg.Exchanges),
		polls:     make(chan struct{}, cfg.Polls),
		strangers: make(chan struct{}, cfg.Strangers),
		// Kept apart, so that nobody without a certificate can push a system
		// out and have its rate forgotten.
		systems:  newCallers(cfg),
		networks: newCallers(cfg),
	}
}

func newCallers(cfg Limits) *callers {
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
		return nil, gateway.Refuse(gateway.CodeUnavailable, "the gateway is busy", errFull)
	}
}

// take counts one request of a caller. A caller over its rate is refused; the
// first of such refusals in a while is to be reported.
func (c *callers) take(key string, now time.Time) (report bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	got, err := c.caller(key)
	if err != nil {
		return false, err
	}
	take := got.rate.ReserveN(now, 1)
	delay := take.DelayFrom(now)
	if delay == 0 {
		return false, nil
	}
	take.CancelAt(now)
	if report = now.Sub(got.reported) >= reportEvery; report {
		got.reported = now
	}
	return report, gateway.Refuse(gateway.CodeTooMany, "the caller sends more requests than it may", retryAfter(delay))
}

// poll takes one of a caller's places for polls that wait.
func (c *callers) poll(key string) (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	got, err := c.caller(key)
	if err != nil {
		return nil, err
	}
	if got.polls >= c.cfg.PollsEach {
		return nil, gateway.Refuse(gateway.CodeTooMany, "the system has more polls open than it may", errFull)
	}
	got.polls++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		got.polls--
	}, nil
}

// caller returns what the caller has taken; c.mu is held. When as many callers
// are kept as may be, the one longest idle is forgotten, but none with a poll
// open: its places could be taken twice.
func (c *callers) caller(key string) (*caller, error) {
	if e, ok := c.byKey[key]; ok {
		c.recent.MoveToFront(e)
		return e.Value.(*caller), nil
	}
	if c.recent.Len() >= c.cfg.Systems {
		oldest := c.recent.Back()
		for oldest != nil && oldest.Value.(*caller).polls > 0 {
			oldest = oldest.Prev()
		}
		if oldest == nil {
			return nil, gateway.Refuse(gateway.CodeUnavailable, "the gateway is busy", errFull)
		}
		delete(c.byKey, c.recent.Remove(oldest).(*caller).key)
	}
	got := &caller{key: key, rate: rate.NewLimiter(rate.Limit(c.cfg.Rate), c.cfg.Burst)}
	c.byKey[key] = c.recent.PushFront(got)
	return got, nil
}
