package exchange

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
)

// How many refusals a system may cause before they are only counted, and how
// often the counts are written.
const (
	refusalRate  = rate.Limit(1) // a second
	refusalBurst = 20
	countEvery   = time.Minute
	systemsKept  = 4096
)

// refusals decides which refusals get an entry of their own. A flood of bad
// requests must not fill the log.
type refusals struct {
	mu      sync.Mutex
	limits  map[string]*rate.Limiter // by system
	counted map[cause]int64
}

// cause is what refusals are counted by.
type cause struct {
	agency gateway.AgencyID
	code   gateway.Code
}

func newRefusals() refusals {
	return refusals{limits: map[string]*rate.Limiter{}, counted: map[cause]int64{}}
}

// single reports whether this refusal gets an entry; otherwise it is counted.
func (r *refusals) single(p authn.Peer, code gateway.Code, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.limits[p.URI()]
	if l == nil {
		if len(r.limits) >= systemsKept {
			clear(r.limits) // a new start for all; the counts stay
		}
		l = rate.NewLimiter(refusalRate, refusalBurst)
		r.limits[p.URI()] = l
	}
	if l.AllowN(now, 1) {
		return true
	}
	r.counted[cause{p.Agency(), code}]++
	return false
}

// add counts refusals that were counted before.
func (r *refusals) add(c cause, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counted[c] += n
}

// take returns what was counted since the last time.
func (r *refusals) take() map[cause]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := maps.Clone(r.counted)
	clear(r.counted)
	return out
}

// ErrFull is in the cause of a refusal for want of disk space. It was not the
// caller's doing, but the log says how many there were.
var ErrFull = store.ErrFull

// Refused makes an entry of a refusal that a registered system caused. Those of
// a full disk are counted, so that they do not use up what is reserved for them.
func (x *Exchange) Refused(ctx context.Context, p authn.Peer, r *gateway.Refusal) {
	now := x.cfg.Now()
	if !p.IsZero() && errors.Is(r, ErrFull) {
		x.refusals.add(cause{p.Agency(), r.Code}, 1)
		return
	}
	if p.IsZero() || !x.refusals.single(p, r.Code, now) {
		return
	}
	if !x.record(ctx, disclosure.E1{Kind: disclosure.MessageRefused, Time: disclosure.At(now), Discloser: p.Agency(), Code: r.Code},
		disclosure.E2{Retention: disclosure.Short, Actor: &disclosure.Actor{Agency: p.Agency(), System: p.URI()}}) {
		x.refusals.add(cause{p.Agency(), r.Code}, 1) // for when the log can be written again
	}
}

// PolicyRefused makes an entry of a policy or approval that does not hold, under
// the digest of the file it was in. What was in force stays in force.
func (x *Exchange) PolicyRefused(ctx context.Context, file gateway.Digest) {
	x.record(ctx, disclosure.E1{Kind: disclosure.PolicyRefused, Time: disclosure.At(x.cfg.Now()), Code: "policy-refused", Digest: &file},
		disclosure.E2{Retention: disclosure.Long})
}

// Incident makes an entry of what an operator must see, and reports whether it
// was written. code is a constant of the program.
func (x *Exchange) Incident(ctx context.Context, code gateway.Code) bool {
	return x.record(ctx, disclosure.E1{Kind: disclosure.Incident, Time: disclosure.At(x.cfg.Now()), Code: code},
		disclosure.E2{Retention: disclosure.Long})
}

// Run writes the counts of refusals that had no entry of their own, and destroys
// keys whose time has come, until ctx is done.
func (x *Exchange) Run(ctx context.Context) error {
	tick, hour := time.NewTicker(countEvery), time.NewTicker(retainEvery)
	defer tick.Stop()
	defer hour.Stop()
	x.retain(ctx)
	for {
		select {
		case <-ctx.Done():
			x.count(context.WithoutCancel(ctx))
			return context.Cause(ctx)
		case <-tick.C:
			x.count(ctx)
		case <-hour.C:
			x.retain(ctx)
		}
	}
}

func (x *Exchange) retain(ctx context.Context) {
	if err := x.Retain(ctx); err != nil && ctx.Err() == nil {
		x.cfg.Logger.WarnContext(ctx, "not all keys whose time has come were destroyed", "err", err)
	}
}

func (x *Exchange) count(ctx context.Context) {
	for c, n := range x.refusals.take() {
		if !x.record(ctx, disclosure.E1{Kind: disclosure.RefusalsCounted, Time: disclosure.At(x.cfg.Now()), Discloser: c.agency, Code: c.code, Count: n},
			disclosure.E2{Retention: disclosure.Short}) {
			x.refusals.add(c, n) // and again the next time
		}
	}
}

// record appends an entry that nothing waits for, on a full disk into what is
// reserved for it. Nothing was released, so a log that cannot be written is only
// told to the operator, and the caller.
func (x *Exchange) record(ctx context.Context, e1 disclosure.E1, e2 disclosure.E2) bool {
	entry, err := disclosure.NewEntry(e1, e2, x.cfg.AtRest)
	if err == nil {
		_, err = x.append(ctx, store.Write{Entries: []store.Entry{entry}, Reserved: true})
	}
	if err != nil {
		x.cfg.Logger.ErrorContext(ctx, "refusal not recorded", "err", err)
	}
	return err == nil
}
