package relay

import (
	"sync"

	"sluss/gateway/store"
)

// claims are the items that a poll of this process is about to decide on. Two
// polls of one function would otherwise decide on the same item, and one of
// them for nothing.
type claims struct {
	mu   sync.Mutex
	held map[Box]map[int64]bool // by Seq
}

func (c *claims) number(box Box) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held[box])
}

// take claims up to limit of the items that nobody has claimed. Notices are
// given to everybody: to hand one out decides nothing.
func (c *claims) take(box Box, items []store.Mail, limit int) []store.Mail {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.held = map[Box]map[int64]bool{}
	}
	mine := c.held[box]
	if mine == nil {
		mine = map[int64]bool{}
		c.held[box] = mine
	}
	var out []store.Mail
	for _, i := range items {
		if len(out) == limit {
			break
		}
		if i.Message != "" {
			if mine[i.Seq] {
				continue
			}
			mine[i.Seq] = true
		}
		out = append(out, i)
	}
	return out
}

func (c *claims) release(box Box, items []store.Mail) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range items {
		delete(c.held[box], i.Seq)
	}
	if len(c.held[box]) == 0 {
		delete(c.held, box)
	}
}
