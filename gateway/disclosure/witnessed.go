package disclosure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"
)

// gather takes over the witnesses that are to be asked.
func (l *Log) gather() error {
	w := l.cfg.Witnesses
	if len(w.Logs) > 0 {
		p, err := w.Policy(l.cfg.Origin)
		if err != nil {
			return err
		}
		if p.Log.KeyHash() != l.verifier.KeyHash() {
			return fmt.Errorf("%w: another key of this log", ErrWitnesses)
		}
	}
	if len(w.places) == 0 && w.Required() {
		return fmt.Errorf("%w: no witness has a URL", ErrWitnesses)
	}
	l.circle = newCircle(l)
	return nil
}

// newWitnessClient returns a client that goes where it was sent and nowhere else.
func newWitnessClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// guard asks the witnesses whether the stored log is the one they know, before
// anything is appended to it. Enough of them must have answered: one that was
// not asked could have seen a log that was lost since.
func (l *Log) guard(ctx context.Context) error {
	if l.circle == nil {
		return nil
	}
	until := time.Now().Add(l.cfg.Patience)
	for {
		_, err := l.cosigned(ctx, l.latest.Load())
		if !errors.Is(err, ErrQuorum) || time.Now().After(until) {
			return err
		}
		l.cfg.Log.Warn("start waits for witnesses", "error", err)
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(min(time.Second, l.cfg.Patience)):
		}
	}
}

// witness returns the newest checkpoint with its cosignatures.
func (l *Log) witness(ctx context.Context) (*signed, error) {
	s, err := l.newest(ctx)
	if err != nil || s == nil {
		return nil, err
	}
	return l.cosigned(ctx, s)
}

// cosigned returns the checkpoint of the tree of s with cosignatures that are
// not older than Recosign.
func (l *Log) cosigned(ctx context.Context, s *signed) (*signed, error) {
	c := l.circle
	if err := c.doubt.Load(); err != nil {
		return nil, *err
	}
	if c.last != nil && c.last.head.Size == s.head.Size && time.Since(c.at) < l.cfg.Recosign {
		return c.last, nil
	}
	cp, err := signCheckpoint(l.signer, s.head.Size, s.head.Root)
	if err != nil {
		return nil, err
	}
	// A witness must not know of a log that we have forgotten after a crash.
	if err := writeAnchor(l.cfg.Anchor, cp); err != nil {
		return nil, err
	}
	merged, err := c.cosign(ctx, &signed{head: s.head, checkpoint: cp})
	if err != nil {
		return nil, err
	}
	c.last, c.at = &signed{head: s.head, checkpoint: merged}, time.Now()
	return c.last, nil
}

// news tells those who wait how far the published log is witnessed.
type news struct {
	mu        sync.Mutex
	witnessed uint64        // entries under a published checkpoint with a quorum
	next      chan struct{} // closed by the next publication
}

func (n *news) look() (witnessed uint64, next <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.witnessed, n.next
}

func (n *news) tell(witnessed uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.witnessed = max(n.witnessed, witnessed)
	close(n.next)
	n.next = make(chan struct{})
}

// publishedIs makes s the published checkpoint of this gateway.
func (l *Log) publishedIs(s *signed) {
	l.published.Store(s)
	l.metrics.size.Set(float64(s.head.Size))
	if w := l.cfg.Witnesses; w.Required() && w.Quorum.Satisfied(s.checkpoint) {
		l.news.tell(s.head.Size)
	}
}

// Witnessed returns nil once a checkpoint is published that covers the entry at
// index and that a quorum of witnesses has cosigned: from then on not even the
// gateway's operator can deny the entry. It waits for it until ctx is done, which
// is [ErrNotYet], or the log has stopped. Where no quorum is required it is
// [ErrQuorum], at once: what nobody witnesses is never witnessed.
func (l *Log) Witnessed(ctx context.Context, index uint64) error {
	if !l.cfg.Witnesses.Required() {
		return ErrQuorum
	}
	for {
		witnessed, next := l.news.look()
		if index < witnessed {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("%w: entry %d: %w", ErrNotYet, index, ctx.Err())
		case <-l.stopped:
			return ErrStopped
		}
	}
}

// cosignatureAge is how long ago the quorum behind the published checkpoint was
// complete, in seconds.
func (l *Log) cosignatureAge() float64 {
	if s := l.published.Load(); s != nil {
		if at, ok := l.cfg.Witnesses.Since(s.checkpoint); ok {
			return time.Since(at).Seconds()
		}
	}
	return math.Inf(1)
}
