package exchange

import (
	"sync"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// recentBytes bounds what is remembered of messages just taken in.
const recentBytes = 16 << 20

// recent are messages that were taken in lately, as they were opened then. Most
// are collected within moments; to read, decrypt and parse one again costs more
// than deciding on it. A message never changes, so what is remembered cannot be
// out of date; it is forgotten in the order it came.
type recent struct {
	mu    sync.Mutex
	known map[letter]envelope.Message
	order []letter
	bytes int
}

// letter names a message.
type letter struct {
	issuer gateway.AgencyID
	id     gateway.MessageID
}

func (r *recent) put(m envelope.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[letter]envelope.Message{}
	}
	k := letter{m.Claims().Issuer, m.Claims().ID}
	if _, ok := r.known[k]; ok {
		return
	}
	r.known[k] = m
	r.order = append(r.order, k)
	r.bytes += len(m.Raw())
	for r.bytes > recentBytes {
		old := r.order[0]
		r.order = r.order[1:]
		r.bytes -= len(r.known[old].Raw())
		delete(r.known, old)
	}
}

// get returns the message, or false. A message that was collected may be wanted
// again, after its lease, so it is kept.
func (r *recent) get(iss gateway.AgencyID, id gateway.MessageID) (envelope.Message, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.known[letter{iss, id}]
	return m, ok
}
