package gatewaytest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"sluss/gateway"
	"sluss/gateway/exchange"
)

// Crashed is a run whose parts a test can spoil.
type Crashed struct{ r *faultRun }

// NewCrashed starts a run.
func NewCrashed(ctx context.Context, w *World) (*Crashed, error) {
	r := newFaultRun(w, FaultCase{}, FaultOptions{Seed: 1})
	return &Crashed{r}, r.open(ctx)
}

// Load lets the clients work until so many messages more have been received,
// and stops the gateway.
func (c *Crashed) Load(ctx context.Context, more int) error {
	received := func() int {
		c.r.books.mu.Lock()
		defer c.r.books.mu.Unlock()
		n := 0
		for id := range c.r.books.released {
			if _, ok := c.r.books.acked[id]; ok {
				n++
			}
		}
		return n
	}
	enough := received() + more
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := c.r.load(ctx, cancel)
	for received() < enough && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	l.finish(ctx, false)
	return c.r.w.Stop()
}

// Start starts the gateway again.
func (c *Crashed) Start(ctx context.Context) error { return c.r.start(ctx) }

// Data is the directory of the database.
func (c *Crashed) Data() string { return c.r.w.data() }

// Audit compares what the clients were told with a database.
func (c *Crashed) Audit(ctx context.Context, data string) (lost, unlogged int, findings []string, err error) {
	v, err := c.r.w.audit(ctx, c.r.books, data)
	return v.lost, v.unlogged, append(v.findings, c.r.books.findings...), err
}

// Told is the books of the run, as a copy that can be spoilt.
func (c *Crashed) Told() *Crashed {
	b := newBooks()
	b.turn = c.r.books.turn
	for k, v := range c.r.books.accepted {
		b.accepted[k] = v
	}
	for k, v := range c.r.books.released {
		b.released[k] = v
	}
	for k, v := range c.r.books.handed {
		b.handed[k] = v
	}
	for k, v := range c.r.books.acked {
		b.acked[k] = v
	}
	r := *c.r
	r.books = b
	return &Crashed{&r}
}

// Receipt changes one receipt.
func (c *Crashed) Receipt(change func(*exchange.Accepted)) {
	for digest, a := range c.r.books.accepted {
		if !a.statement {
			change(&a.Accepted)
			c.r.books.accepted[digest] = a
			return
		}
	}
}

// Resent has one message sent again and answered with a changed receipt.
func (c *Crashed) Resent(change func(*exchange.Accepted)) {
	sent := []byte("the bytes")
	var a exchange.Accepted
	c.Receipt(func(one *exchange.Accepted) { a = *one })
	for range 2 {
		answer, err := json.Marshal(a)
		if err != nil {
			panic(err)
		}
		c.r.books.accept(sent, answer)
		change(&a)
	}
	delete(c.r.books.accepted, gateway.DigestOf(sent))
}

// Released has one release come under another delivery id, with another leaf
// in its key binding or with other bytes signed.
func (c *Crashed) Released(change func(id, leaf, sdHash *string)) {
	for id, r := range c.r.books.released {
		leaf, sdHash, was := string(r.leaf), string(r.sdHash[:]), id
		change(&id, &leaf, &sdHash)
		delete(c.r.books.released, was)
		r.leaf, r.sdHash = []byte(leaf), gateway.Digest([]byte(sdHash))
		c.r.books.released[id] = r
		return
	}
}

// Poll has a client be answered, in a poll that began at the turn given, with
// the delivery that it names: a release of the message of entry's first part.
func (c *Crashed) Poll(began int, delivery string, e1 []byte, leaf [64]byte, ack ...string) {
	payload := fmt.Sprintf(`{"release":{"leaf":%q}}`, base64.RawURLEncoding.EncodeToString(leaf[:]))
	token := "x~." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "."
	asked, err := json.Marshal(exchange.PollRequest{Ack: ack})
	if err != nil {
		panic(err)
	}
	answer, err := json.Marshal(exchange.PollAnswer{Messages: map[string]exchange.Handed{delivery: {Delivery: delivery, Token: token, E1: e1}}})
	if err != nil {
		panic(err)
	}
	c.r.books.polled("municipality:9001", began, asked, answer)
}

// Turn is the turn of the books.
func (c *Crashed) Turn() int { return c.r.books.now() }

// Acked is one delivery that was acknowledged, and its first part.
func (c *Crashed) Acked() (id string, e1 []byte) {
	for id, r := range c.r.books.released {
		if _, ok := c.r.books.acked[id]; ok {
			return id, r.e1
		}
	}
	return "", nil
}

// Said has an acknowledgement be accepted that the gateway never heard.
func (c *Crashed) Said(delivery string) {
	c.r.books.acked[delivery] = ack{agency: "municipality:9001"}
}
