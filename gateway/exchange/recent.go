package exchange

import (
	"container/list"
	"sync"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// recentBytes bounds what is remembered of messages just taken in, in bytes as
// sent; opened they take about four times as much.
const recentBytes = 8 << 20

// recent are messages that were taken in lately and have not been handed out, as
// they were opened then. Most are collected within moments; to read, decrypt and
// parse one again costs more than deciding on it. A message never changes, so
// what is remembered cannot be out of date; it is forgotten in the order it came.
type recent struct {
	mu    sync.Mutex
	known map[letter]*list.Element // of order
	order list.List                // of envelope.Message, the oldest first
	bytes int
}

// letter names a message.
type letter struct {
	issuer gateway.AgencyID
	id     gateway.MessageID
}

func letterOf(m envelope.Message) letter { return letter{m.Claims().Issuer, m.Claims().ID} }

func (r *recent) put(m envelope.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[letter]*list.Element{}
	}
	k := letterOf(m)
	if r.known[k] != nil {
		return
	}
	r.known[k] = r.order.PushBack(m)
	for r.bytes += len(m.Raw()); r.bytes > recentBytes; {
		r.remove(letterOf(r.order.Front().Value.(envelope.Message)))
	}
}

// get returns the message, or false.
func (r *recent) get(iss gateway.AgencyID, id gateway.MessageID) (envelope.Message, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.known[letter{iss, id}]
	if e == nil {
		return envelope.Message{}, false
	}
	return e.Value.(envelope.Message), true
}

// forget forgets a message that was handed out: it is wanted again only if its
// recipient does not acknowledge it. One for several functions is kept for the
// others.
func (r *recent) forget(m envelope.Message) {
	if len(m.Claims().ToRoles) > 1 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(letterOf(m))
}

// remove removes a message, if it is there. The caller holds mu.
func (r *recent) remove(k letter) {
	if e := r.known[k]; e != nil {
		r.bytes -= len(r.order.Remove(e).(envelope.Message).Raw())
		delete(r.known, k)
	}
}
