package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sluss/gateway"
)

// ErrUnheard says that the gateway refuses an acknowledgement as malformed, so
// that saying it again would help nobody.
var ErrUnheard = errors.New("client: the gateway does not take this acknowledgement")

// Unheard is an acknowledgement that was set aside, with what the gateway said of
// it. A person has to look at it: what it was for is not acknowledged at the
// gateway. A notice comes again and can be acknowledged anew; a message is stored
// at the agency, and comes again only when it is handed out under another id.
type Unheard struct {
	Role  gateway.Role
	ID    string    // of the delivery or notice
	Since time.Time // when it was refused
	Err   error     // errors.Is [ErrUnheard]; says which it is, and why
}

// heldUnheard is an acknowledgement that was set aside.
type heldUnheard struct {
	Word  pending   `json:"word"`
	Why   string    `json:"why"` // the gateway's words
	Since time.Time `json:"since"`
	Told  bool      `json:"told"` // to the program that polls
}

// unheardKept is for how long an acknowledgement that was set aside is kept.
const unheardKept = 90 * 24 * time.Hour

// Unheard returns the acknowledgements for a role that were set aside and are not
// settled otherwise, the oldest first, also those that were reported.
func (c *Client) Unheard(role gateway.Role) ([]Unheard, error) {
	var held heldDeliveries
	if _, err := c.state.read(deliveriesFile, &held); err != nil {
		return nil, err
	}
	return unheard(role, held.Aside[role]), nil
}

func unheard(role gateway.Role, aside map[string]heldUnheard) []Unheard {
	var out []Unheard
	for _, id := range slices.Sorted(maps.Keys(aside)) {
		a := aside[id]
		out = append(out, Unheard{Role: role, ID: id, Since: a.Since, Err: fmt.Errorf("%w: %s: %s", ErrUnheard, id, a.Why)})
	}
	slices.SortStableFunc(out, func(a, b Unheard) int { return a.Since.Compare(b.Since) })
	return out
}

// setAside ends the saying of one word that the gateway refuses.
func (c *Client) setAside(role gateway.Role, id string, why *Problem) error {
	return c.change(func(h *heldDeliveries) error {
		word, ok := h.Words[role][id]
		if !ok {
			return nil // another process has had its answer
		}
		delete(h.Words[role], id)
		if h.Aside[role] == nil {
			h.Aside[role] = map[string]heldUnheard{}
		}
		h.Aside[role][id] = heldUnheard{Word: word, Why: why.Error(), Since: c.cfg.Now()}
		return nil
	})
}

// untold returns what was set aside for a role and not reported yet, and notes
// that it is.
func (c *Client) untold(role gateway.Role) ([]Unheard, error) {
	var held heldDeliveries
	if _, err := c.state.read(deliveriesFile, &held); err != nil {
		return nil, err
	}
	told := func(_ string, a heldUnheard) bool { return a.Told }
	fresh := maps.Clone(held.Aside[role])
	if maps.DeleteFunc(fresh, told); len(fresh) == 0 {
		return nil, nil // as always
	}
	err := c.change(func(h *heldDeliveries) error {
		fresh = maps.Clone(h.Aside[role])
		maps.DeleteFunc(fresh, told)
		for id, a := range fresh {
			a.Told = true
			h.Aside[role][id] = a
		}
		return nil
	})
	return unheard(role, fresh), err
}

// sayEach says each word alone, after the gateway refused them together for one
// of them without saying which, so that it holds up no other. A delivery that is
// not known there any more needs no word; a word that is malformed is set aside,
// if it is the word and not the poll.
func (c *Client) sayEach(ctx context.Context, role gateway.Role, words map[string]pending) error {
	none := 0
	q := pollRequest{Role: role, MaxEvents: &none, ReturnImmediately: true}
	if _, err := c.say(ctx, q, nil, 0); err != nil {
		return err // without a word
	}
	for id, word := range words {
		one := map[string]pending{id: word}
		_, err := c.say(ctx, q, one, 0)
		if p, ok := errors.AsType[*Problem](err); ok {
			switch p.Code {
			case gateway.CodeUnknownDelivery:
				err = c.said(one)
			case gateway.CodeMalformedRequest:
				err = c.setAside(role, id, p)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
