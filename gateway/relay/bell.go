package relay

import (
	"context"
	"sync"
	"time"

	"sluss/gateway/store"
)

// bell wakes the polls that wait on a mailbox. A poll first takes the bell's
// channel, then looks into the mailbox, then waits: what arrives in between
// has closed the channel already.
type bell struct {
	mu    sync.Mutex
	rings map[Box]chan struct{}
}

func (b *bell) channel(box Box) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rings == nil {
		b.rings = map[Box]chan struct{}{}
	}
	c := b.rings[box]
	if c == nil {
		c = make(chan struct{})
		b.rings[box] = c
	}
	return c
}

func (b *bell) ring(boxes ...Box) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, box := range boxes {
		if c := b.rings[box]; c != nil {
			close(c)
			delete(b.rings, box)
		}
	}
}

// Bell returns a channel that is closed when something arrives in the mailbox
// after this call.
func (r *Relay) Bell(box Box) <-chan struct{} { return r.bell.channel(box) }

// Wait returns when the bell has rung, when it is time to look again anyway,
// or with the error of ctx.
func (r *Relay) Wait(ctx context.Context, bell <-chan struct{}) error {
	again := time.NewTimer(r.cfg.Recheck)
	defer again.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-bell:
	case <-again.C:
	}
	return nil
}

// Arrived wakes the polls on the mailboxes of items that are durable.
func (r *Relay) Arrived(items []store.Mail) {
	boxes := make([]Box, len(items))
	for i, m := range items {
		boxes[i] = Box{m.Agency, m.Role}
	}
	r.bell.ring(boxes...)
}
