package ingress

import (
	"context"
	"slices"
	"sync"

	"sluss/gateway"
)

// line shares the places at which requests are worked on among the agencies
// that want some. While places are free nobody waits. When they are not, each
// agency has a queue of its own, and a place that becomes free goes to the
// agency that has the fewest, and among equals to the one that has waited longest
// for its turn (max-min fairness): how many requests one agency has in its queue
// makes no difference to another. One agency alone never has all places, so
// that another's request finds one at once even if those are held for long.
//
// The queues are bounded by what puts requests into them (see [limits]), and
// the wait by the context of who waits.
type line struct {
	mu       sync.Mutex
	free     int
	share    int // places that one agency may have
	agencies map[gateway.AgencyID]*party
	turns    []*party // those that wait, in the order of their turns
}

// party is an agency that has places or waits for one.
type party struct {
	working int
	queue   []chan struct{} // closed when its place is given; first come first served
}

// newLine returns a line for so many places. A quarter of them, or at least
// one, is never the same agency's as the others.
func newLine(places int) *line {
	return &line{free: places, share: max(1, places-max(1, places/4)), agencies: map[gateway.AgencyID]*party{}}
}

// enter returns when it is the agency's turn, with what gives the place back,
// or with the error of ctx when that ends first.
func (l *line) enter(ctx context.Context, agency gateway.AgencyID) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	turn := make(chan struct{})
	l.mu.Lock()
	p := l.agencies[agency]
	if p == nil {
		p = &party{}
		l.agencies[agency] = p
	}
	if p.queue = append(p.queue, turn); len(p.queue) == 1 {
		l.turns = append(l.turns, p)
	}
	l.serve()
	l.mu.Unlock()
	select {
	case <-turn:
		return func() { l.leave(agency, p, true) }, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	i := slices.Index(p.queue, turn)
	if i >= 0 {
		if p.queue = slices.Delete(p.queue, i, i+1); len(p.queue) == 0 {
			l.turns = slices.DeleteFunc(l.turns, func(q *party) bool { return q == p })
		}
	}
	l.mu.Unlock()
	l.leave(agency, p, i < 0) // the place may have been given meanwhile
	return nil, ctx.Err()
}

// leave takes back a place, if the agency had one, and forgets an agency that
// has nothing any more.
func (l *line) leave(agency gateway.AgencyID, p *party, placed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if placed {
		p.working--
		l.free++
		l.serve()
	}
	if p.working == 0 && len(p.queue) == 0 {
		delete(l.agencies, agency)
	}
}

// serve gives away what is free; l.mu is held.
func (l *line) serve() {
	for l.free > 0 {
		i := l.next()
		if i < 0 {
			return
		}
		p := l.turns[i]
		l.turns = slices.Delete(l.turns, i, i+1)
		close(p.queue[0])
		p.queue = p.queue[1:]
		p.working++
		l.free--
		if len(p.queue) > 0 {
			l.turns = append(l.turns, p) // behind those who had none meanwhile
		}
	}
}

// next returns whose turn it is, as an index of l.turns; -1 if nobody may have
// another place. Only agencies that wait are looked at, of which there are few.
func (l *line) next() int {
	best := -1
	for i, p := range l.turns {
		if p.working < l.share && (best < 0 || p.working < l.turns[best].working) {
			best = i
		}
	}
	return best
}
