package disclosure

import (
	"errors"
	"time"

	"sluss/gateway/store"
)

// numbers follows the numbers of mailbox items. They are given one after the
// other, and an item stays until long after it has expired; so one that is
// missing after another that is young was taken away by somebody else.
type numbers struct {
	f    *fsck
	last int64
	made time.Time // not after this was the last item made
}

// next is told of each item, in order.
func (n *numbers) next(m store.Mail) error {
	if err := n.missing(m.Seq); err != nil {
		return err
	}
	n.last = m.Seq
	// The entry of an item that was handed out is that of its hand-out; then its
	// message's is the one that it was made with.
	entry := m.Entry
	if m.Message != "" {
		row, e, err := n.f.s.Heading(n.f.ctx, m.Issuer, m.Message)
		if err == nil && row.Key == "" && (m.State == store.Waiting || m.State == store.Held || m.State == store.Handed) && m.Expires.After(n.f.o.Now) {
			n.f.find("mail %d: waits, and the content of its message is gone", m.Seq)
		}
		if err == nil && !row.Expires.Equal(m.Expires) {
			n.f.find("mail %d: ends at another time than its message", m.Seq)
		}
		if errors.Is(err, store.ErrNotFound) { // found before
			return nil
		}
		if err != nil {
			return err
		}
		entry = e
	}
	return n.at(entry)
}

// at takes note of when an item was made.
func (n *numbers) at(entry uint64) error {
	e, err := n.f.s.Entry(n.f.ctx, entry)
	if errors.Is(err, store.ErrNotFound) { // found before
		return nil
	}
	if err == nil && e.Time.After(n.made) {
		n.made = e.Time
	}
	return err
}

// missing finds that numbers between the last item and this one must be there.
func (n *numbers) missing(seq int64) error {
	if n.last == 0 && seq > 1 { // made after the log began
		if err := n.at(0); err != nil {
			return err
		}
	}
	if seq > n.last+1 && n.made.Add(linger).After(n.f.o.Now) {
		n.f.find("mail: items after %d and before %d are gone before their time", n.last, seq)
	}
	return nil
}

// end compares the last item with the last number that had been given before
// the items were read.
func (n *numbers) end(given int64) error { return n.missing(given + 1) }
