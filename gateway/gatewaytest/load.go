package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
)

// How many take part in a run.
const (
	senders    = 2 // to each municipality
	collectors = 2 // at each municipality, and at the police for what comes back
	ahead      = 8 // messages that a sender seals while the gateway is away
)

// delivered is how long it may take until everything has reached its
// recipient: the lease of a mailbox item twice, and the work.
const delivered = 4 * time.Minute

func townAt(i int) gateway.AgencyID {
	return gateway.AgencyID(fmt.Sprintf("municipality:%d", 9001+i))
}

// clients is what the clients of a run do, until it is finished.
type clients struct {
	books   *books
	closing atomic.Bool // senders begin nothing new
	sending sync.WaitGroup
	sealing sync.WaitGroup
	polling sync.WaitGroup
	cancel  context.CancelFunc
}

// load lets all clients begin. They end with ctx, which cancel ends.
func (r *faultRun) load(ctx context.Context, cancel context.CancelFunc) *clients {
	l := &clients{books: r.books, cancel: cancel}
	use := 0
	begin := func(g *sync.WaitGroup, client func(*rand.Rand) error) {
		use++
		own := chance(r.o.Seed, use)
		g.Go(func() {
			// Each goes on until it is told to end.
			if err := client(own); err != nil && ctx.Err() == nil {
				l.books.find("a client gave up: %v", err)
			}
		})
	}
	collector := func(agency gateway.AgencyID, role gateway.Role) {
		for range collectors {
			begin(&l.polling, func(own *rand.Rand) error { return r.collect(ctx, agency, role, own) })
		}
	}
	for _, m := range r.towns {
		for range senders {
			sealed := make(chan []byte, ahead)
			begin(&l.sealing, func(*rand.Rand) error { return m.sealAll(ctx, sealed) })
			begin(&l.sending, func(own *rand.Rand) error { return r.send(ctx, l, sealed, own) })
		}
		begin(&l.sending, func(own *rand.Rand) error { return r.state(ctx, l, m, own) })
		collector(m.Town, socialWorker)
	}
	collector(police, coordinator)
	return l
}

// finish lets the clients end what they are doing, waits if asked to until every
// message has reached its recipient, and ends them. ctx is that of load.
func (l *clients) finish(ctx context.Context, whole bool) {
	defer l.polling.Wait()
	defer l.sealing.Wait()
	defer l.cancel()
	late := time.AfterFunc(delivered, func() {
		l.books.find("%d messages have not reached their recipients in time", l.books.waiting())
		l.cancel()
	})
	defer late.Stop()
	l.closing.Store(true)
	l.sending.Wait()
	for whole && l.books.waiting() > 0 && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
}

// client is a client of an agency that goes on soon after a crash, and whose
// wire is watched.
func (r *faultRun) client(agency gateway.AgencyID) (*client.Client, error) {
	cfg, err := client.Load(filepath.Join(r.w.Folder(agency, "exit"), "client.json"))
	if err != nil {
		return nil, err
	}
	cfg.Attempts, cfg.Backoff = 3, 10*time.Millisecond
	if r.front != nil {
		cfg.URL = "https://" + r.front.Addr()
	}
	cfg.Transport = tap{cfg.HTTPS(), agency, r.books}
	return client.New(cfg)
}

// sendTo sends one message to another gateway than the world's.
func (r *faultRun) sendTo(ctx context.Context, other *World) error {
	token, err := r.towns[0].Seal(ctx)
	if err != nil {
		return err
	}
	cfg, err := client.Load(filepath.Join(r.w.Folder(police, "exit"), "client.json"))
	if err != nil {
		return err
	}
	cfg.URL = "https://" + other.Agencies
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	_, err = c.Send(ctx, token)
	return err
}

// send sends one message after the other, each until it has a receipt, and now
// and then one again that has one.
func (r *faultRun) send(ctx context.Context, l *clients, sealed <-chan []byte, random *rand.Rand) error {
	c, err := r.client(police)
	if err != nil {
		return err
	}
	var earlier [][]byte
	for !l.closing.Load() {
		var token []byte
		select {
		case token = <-sealed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := repeat(ctx, c, token); err != nil {
			return err
		}
		if earlier = append(earlier, token); len(earlier) > 16 {
			earlier[random.IntN(16)] = token
			earlier = earlier[:16]
		}
		if random.IntN(4) == 0 {
			if err := repeat(ctx, c, earlier[random.IntN(len(earlier))]); err != nil {
				return err
			}
		}
	}
	for _, token := range earlier {
		if err := repeat(ctx, c, token); err != nil {
			return err
		}
	}
	return nil
}

// repeat sends the same bytes until there is a receipt.
func repeat(ctx context.Context, c *client.Client, token []byte) error {
	return until(ctx, func() error { _, err := c.Send(ctx, token); return err })
}

// state makes one statement after the other about a person, while decisions
// about the same person are taken: each has to be taken again that rested on
// the state before. Now and then an earlier statement is sent again.
func (r *faultRun) state(ctx context.Context, l *clients, m *Matter, random *rand.Rand) error {
	c, err := r.client(police)
	if err != nil {
		return err
	}
	var before []byte
	// The person was put on record with lower numbers.
	for seq := time.Now().UnixMilli(); !l.closing.Load(); seq++ {
		token, err := m.State(ctx, seq)
		if err != nil {
			return err
		}
		if err := repeat(ctx, c, token); err != nil {
			return err
		}
		if before != nil && random.IntN(4) == 0 {
			if err := repeat(ctx, c, before); err != nil {
				return err
			}
		}
		before = token
		select {
		case <-time.After(time.Duration(random.Int64N(int64(500 * time.Millisecond)))):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// sealAll seals one message after the other until ctx is done.
func (m *Matter) sealAll(ctx context.Context, sealed chan<- []byte) error {
	for {
		token, err := m.Seal(ctx)
		if err != nil {
			return err
		}
		select {
		case sealed <- token:
		case <-ctx.Done():
			return nil
		}
	}
}

// collect polls for a role and acknowledges what came, in a request of its own
// or with the next poll; now and then not at all, as one that crashed itself.
func (r *faultRun) collect(ctx context.Context, agency gateway.AgencyID, role gateway.Role, random *rand.Rand) error {
	c, err := r.client(agency)
	if err != nil {
		return err
	}
	var done []client.Item
	for ctx.Err() == nil {
		var b client.Batch
		o := client.PollOptions{Max: 1 + random.IntN(20), Wait: time.Second, Done: done}
		if err := until(ctx, func() (err error) { b, err = c.Poll(ctx, role, o); return err }); err != nil {
			return err
		}
		for _, refused := range b.Refused {
			if errors.Is(refused.Err, client.ErrReplay) {
				continue // the other collector has acknowledged it meanwhile; that the bytes are the same, the books see
			}
			r.books.find("delivery %s: the client refused it: %v", refused.ID, refused.Err)
		}
		done = done[:0:0]
		for _, m := range b.Messages {
			if len(m.Unusable()) > 0 {
				r.books.find("delivery %s: fields do not open", m.Delivery())
			}
			done = append(done, m)
		}
		for _, n := range b.Notices {
			done = append(done, n)
		}
		switch random.IntN(32) {
		case 0:
			done = nil
		case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15:
			if err := until(ctx, func() error { return c.Ack(ctx, role, done...) }); err != nil {
				return err
			}
			done = nil
		}
	}
	return nil
}

// until does what a client does while its gateway may be away: the same again.
func until(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || !away(err) {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// away reports whether the gateway gave no answer, asked for patience, or had an
// error of its own, as when it cannot read its database.
func away(err error) bool {
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests || p.Status == http.StatusInternalServerError
	}
	return errors.Is(err, client.ErrNoAnswer)
}
