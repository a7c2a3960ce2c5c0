package relay

import (
	"container/list"
	"sync"

	"sluss/gateway/store"
)

// mostHanded bounds how many hand-outs are remembered.
const mostHanded = 4096

// HandedOut is an item as it stands after its hand-out, with the columns of its
// message but the body.
type HandedOut struct {
	store.Mail
	Message store.Message
}

// handed are the latest hand-outs, by delivery id. Most are acknowledged within
// moments, and to read again what was just written costs more than ending it.
// What is remembered may be out of date, as any row that was read may be: the
// version of the item decides. So it is used once, and the next look is at the
// store.
type handed struct {
	mu    sync.Mutex
	known map[string]*list.Element // of order
	order list.List                // of HandedOut, the oldest first
}

func (h *handed) put(o HandedOut) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil {
		h.known = map[string]*list.Element{}
	}
	h.remove(o.Delivery)
	h.known[o.Delivery] = h.order.PushBack(o)
	if len(h.known) > mostHanded {
		h.remove(h.order.Front().Value.(HandedOut).Delivery)
	}
}

// take returns and forgets a hand-out of one of the boxes.
func (h *handed) take(delivery string, boxes []Box) (HandedOut, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.known[delivery]
	if e == nil {
		return HandedOut{}, false
	}
	o := e.Value.(HandedOut)
	for _, b := range boxes {
		if b == (Box{o.Agency, o.Role}) {
			h.remove(delivery)
			return o, true
		}
	}
	return HandedOut{}, false
}

// remove removes a hand-out, if it is there. The caller holds mu.
func (h *handed) remove(delivery string) {
	if e := h.known[delivery]; e != nil {
		h.order.Remove(e)
		delete(h.known, delivery)
	}
}
