package client

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// heldDeliveries is what is remembered of what came and of what was asked.
type heldDeliveries struct {
	Deliveries map[string]heldDelivery             `json:"deliveries"`
	Requests   map[gateway.MessageID]heldRequest   `json:"requests"`
	Words      map[gateway.Role]map[string]pending `json:"words"` // still to be said, by role and id

	// Aside is what the gateway refuses to hear, by role and id.
	Aside map[gateway.Role]map[string]heldUnheard `json:"aside,omitempty"`
}

// heldDelivery is a delivery id that was seen.
type heldDelivery struct {
	Digest gateway.Digest `json:"digest"` // of the release
	First  time.Time      `json:"first"`  // when it was first received
	Until  time.Time      `json:"until"`  // when it can be forgotten
	Done   bool           `json:"done"`   // acknowledged, and the gateway knows
}

// heldRequest is a request that was made.
type heldRequest struct {
	Fields []string  `json:"fields"`
	Until  time.Time `json:"until"`
}

// pending is what the client has to say about an item: that it is stored, or
// with Err that it is unusable; Token is the agency's signed word for the
// sender.
type pending struct {
	Token       string `json:"token,omitempty"`
	Err         string `json:"err,omitempty"`
	Description string `json:"description,omitempty"`
}

// Limits on what is remembered and said.
const (
	// forget is how long after its first receipt an acknowledged delivery is
	// remembered; later a replay of it is too old to be a first receipt.
	forget   = 2 * (envelope.MaxDelivery + envelope.Skew)
	maxWords = 256 // in one poll
)

// errKnown says that a delivery has been acknowledged here, and the gateway
// may not have heard it yet.
var errKnown = errors.New("client: delivery is acknowledged already")

// seen returns when a delivery was first received: now if it is new. Another
// release under the same id, and one whose acknowledgement the gateway has
// heard, is [ErrReplay].
func (c *Client) seen(id string, digest gateway.Digest) (time.Time, error) {
	var held heldDeliveries
	if _, err := c.state.read(deliveriesFile, &held); err != nil {
		return time.Time{}, err
	}
	return held.first(id, digest, c.cfg.Now())
}

func (h heldDeliveries) first(id string, digest gateway.Digest, now time.Time) (time.Time, error) {
	d, ok := h.Deliveries[id]
	switch {
	case !ok:
		return now, nil
	case d.Done || d.Digest != digest:
		return time.Time{}, ErrReplay
	}
	for _, words := range h.Words {
		if _, said := words[id]; said {
			return time.Time{}, errKnown
		}
	}
	for _, aside := range h.Aside {
		if _, refused := aside[id]; refused {
			return time.Time{}, errKnown // stored here, though the gateway does not take it
		}
	}
	return d.First, nil
}

// change changes what is remembered, and forgets what has had its time.
func (c *Client) change(f func(*heldDeliveries) error) error {
	return c.state.locked(deliveryLock, func() error {
		var held heldDeliveries
		if _, err := c.state.read(deliveriesFile, &held); err != nil {
			return err
		}
		if held.Deliveries == nil {
			held.Deliveries = map[string]heldDelivery{}
		}
		if held.Requests == nil {
			held.Requests = map[gateway.MessageID]heldRequest{}
		}
		if held.Words == nil {
			held.Words = map[gateway.Role]map[string]pending{}
		}
		if held.Aside == nil {
			held.Aside = map[gateway.Role]map[string]heldUnheard{}
		}
		if err := f(&held); err != nil {
			return err
		}
		now := c.cfg.Now()
		for id, d := range held.Deliveries {
			if now.After(d.Until) {
				delete(held.Deliveries, id)
			}
		}
		for id, r := range held.Requests {
			if now.After(r.Until) {
				delete(held.Requests, id)
			}
		}
		for _, aside := range held.Aside {
			maps.DeleteFunc(aside, func(_ string, a heldUnheard) bool { return now.After(a.Since.Add(unheardKept)) })
		}
		return c.state.write(deliveriesFile, held)
	})
}

// remember notes a delivery before it is shown to anyone.
func (c *Client) remember(id string, digest gateway.Digest, at, expires time.Time) error {
	return c.change(func(h *heldDeliveries) error {
		// Another process may have received it meanwhile.
		if _, err := h.first(id, digest, at); err != nil {
			return err
		}
		if _, ok := h.Deliveries[id]; !ok {
			h.Deliveries[id] = heldDelivery{Digest: digest, First: at, Until: later(expires, at.Add(forget))}
		}
		return nil
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// promise notes what is to be said about the items, each once.
func (c *Client) promise(w *world, role gateway.Role, items []Item) error {
	if len(items) == 0 {
		return nil
	}
	words := map[string]pending{}
	for _, item := range items {
		id, word, err := item.word(c, w)
		if err != nil {
			return fmt.Errorf("acknowledging: %w", err)
		}
		words[id] = word
	}
	return c.change(func(h *heldDeliveries) error {
		if h.Words[role] == nil {
			h.Words[role] = map[string]pending{}
		}
		for id, word := range words {
			if _, ok := h.Words[role][id]; !ok && !h.Deliveries[id].Done {
				h.Words[role][id] = word
				delete(h.Aside[role], id)
			}
		}
		return nil
	})
}

// pending returns what is still to be said for a role.
func (c *Client) pending(role gateway.Role) (map[string]pending, error) {
	var held heldDeliveries
	if _, err := c.state.read(deliveriesFile, &held); err != nil {
		return nil, err
	}
	words := held.Words[role]
	for id := range words {
		if len(words) <= maxWords {
			break
		}
		delete(words, id)
	}
	return words, nil
}

// said notes that the gateway has heard the words.
func (c *Client) said(words map[string]pending) error {
	if len(words) == 0 {
		return nil
	}
	return c.change(func(h *heldDeliveries) error {
		for id := range words {
			for role := range h.Words {
				delete(h.Words[role], id)
			}
			if d, ok := h.Deliveries[id]; ok {
				d.Done, d.Until = true, later(d.First.Add(forget), c.cfg.Now())
				h.Deliveries[id] = d
			}
		}
		return nil
	})
}

// requested returns the fields that a request of this client has asked for,
// nil if the request is not known here.
func (c *Client) requested(id gateway.MessageID) ([]string, error) {
	if id == "" {
		return nil, nil
	}
	var held heldDeliveries
	if _, err := c.state.read(deliveriesFile, &held); err != nil {
		return nil, err
	}
	return slices.Clone(held.Requests[id].Fields), nil
}
