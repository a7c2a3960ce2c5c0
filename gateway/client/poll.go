package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// PollOptions say how to collect. The zero value is fine.
type PollOptions struct {
	Max int // messages and notices at most. Default: the gateway's, 50.
	// Wait is how long the gateway holds the answer when there is nothing,
	// whole seconds. Default 25s; the gateway has its own limit.
	Wait time.Duration
	// NoWait asks for an answer at once.
	NoWait bool
	// Done is acknowledged in the same request; see [Client.Ack].
	Done []Item
}

// Batch is what one poll brought.
type Batch struct {
	Messages []Message
	Notices  []Notice
	// Refused are the items that did not verify, each with the reason. They come
	// again; given to Ack they are reported to the gateway as unusable and come
	// no more.
	Refused []Refused
	// Unheard are acknowledgements that the gateway refuses as malformed. Each is
	// reported once, and said no more; see [Client.Unheard].
	Unheard []Unheard
	More    bool // there is more to collect
}

// Notice is a security event token (RFC 8417) of the gateway or of another
// agency, verified.
type Notice struct {
	envelope.Event
	Token string
}

// Refused is a delivery or notice that did not verify.
type Refused struct {
	ID  string
	Err error // errors.Is ErrRefused
}

// Item is what can be acknowledged: a [Message], a [Notice] or a [Refused].
type Item interface {
	// word is what the client says about the item.
	word(c *Client, w *world) (id string, p pending, err error)
}

const defaultWait = 25 * time.Second

// Poll collects for a role of the agency what waits in its mailbox. Every
// message in the batch has been verified; one that has not is in Batch.Refused
// and shows nothing of what it holds. What is not acknowledged comes again.
func (c *Client) Poll(ctx context.Context, role gateway.Role, o PollOptions) (Batch, error) {
	w, err := c.ready(ctx)
	if err != nil {
		return Batch{}, err
	}
	if err := c.promise(w, role, o.Done); err != nil {
		return Batch{}, err
	}
	q := pollRequest{Role: role, ReturnImmediately: o.NoWait}
	if o.Max > 0 {
		q.MaxEvents = &o.Max
	}
	wait := cmp.Or(o.Wait, defaultWait)
	if o.NoWait {
		wait = 0
	}
	answer, err := c.poll(ctx, q, wait)
	if err != nil {
		return Batch{}, err
	}
	b, err := c.batch(ctx, role, answer)
	if err != nil {
		return Batch{}, err
	}
	b.Unheard, err = c.untold(role)
	return b, err
}

// Ack tells the gateway that the items are stored at the agency; they come no
// more. For each message it sends the agency's signed word on to the sender:
// message-received, or sealed-content-invalid with the names of the fields that
// were unusable. What is said is on the disk before it is sent, and said again
// at the next poll if the gateway did not hear it. What it refuses as malformed is
// set aside and reported once as [ErrUnheard], here or in [Batch.Unheard].
func (c *Client) Ack(ctx context.Context, role gateway.Role, items ...Item) error {
	w, err := c.ready(ctx)
	if err != nil {
		return err
	}
	if err := c.promise(w, role, items); err != nil {
		return err
	}
	none := 0
	if _, err = c.poll(ctx, pollRequest{Role: role, MaxEvents: &none, ReturnImmediately: true}, 0); err != nil {
		return err
	}
	aside, err := c.untold(role)
	for _, u := range aside {
		err = errors.Join(err, u.Err)
	}
	return err
}

// poll sends a poll with everything that is still to be said for its role.
func (c *Client) poll(ctx context.Context, q pollRequest, wait time.Duration) (pollAnswer, error) {
	words, err := c.pending(q.Role)
	if err != nil {
		return pollAnswer{}, err
	}
	answer, err := c.say(ctx, q, words, wait)
	p, ok := errors.AsType[*Problem](err)
	if ok && (p.Code == gateway.CodeUnknownDelivery || p.Code == gateway.CodeMalformedRequest) && len(words) > 0 {
		if err := c.sayEach(ctx, q.Role, words); err != nil {
			return pollAnswer{}, err
		}
		return c.say(ctx, q, nil, wait)
	}
	return answer, err
}

// say sends one poll with the given words; an answer means that they were
// heard.
func (c *Client) say(ctx context.Context, q pollRequest, words map[string]pending, wait time.Duration) (pollAnswer, error) {
	q.Ack, q.SetErrs, q.Received = nil, map[string]setErr{}, map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(words)) {
		word := words[id]
		if word.Err == "" {
			q.Ack = append(q.Ack, id)
		} else {
			q.SetErrs[id] = setErr{word.Err, word.Description}
		}
		if word.Token != "" {
			q.Received[id] = word.Token
		}
	}
	body, err := json.Marshal(q)
	if err != nil {
		return pollAnswer{}, fmt.Errorf("encoding a poll: %w", err)
	}
	header := map[string]string{}
	if wait > 0 {
		header["Prefer"] = "wait=" + strconv.Itoa(max(1, int(wait/time.Second)))
	}
	raw, err := c.do(ctx, call{method: http.MethodPost, path: "/v1/poll", media: jsonMedia, want: http.StatusOK, wait: wait,
		body: func() ([]byte, map[string]string, error) { return body, header, nil }})
	if err != nil {
		return pollAnswer{}, err
	}
	answer, err := decode[pollAnswer](raw)
	if err != nil {
		return pollAnswer{}, err
	}
	return answer, c.said(words)
}

// batch verifies what an answer brought.
func (c *Client) batch(ctx context.Context, role gateway.Role, a pollAnswer) (Batch, error) {
	b := Batch{More: a.MoreAvailable}
	for _, id := range slices.Sorted(maps.Keys(a.Messages)) {
		m, err := c.receive(ctx, a.Messages[id], asked{delivery: id, role: role})
		switch {
		case errors.Is(err, errKnown):
		case errors.Is(err, ErrRefused):
			b.Refused = append(b.Refused, Refused{id, err})
		case err != nil:
			return Batch{}, err
		default:
			b.Messages = append(b.Messages, m)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.Sets)) {
		n, err := c.notice(id, a.Sets[id])
		if err != nil {
			b.Refused = append(b.Refused, Refused{id, err})
			continue
		}
		b.Notices = append(b.Notices, n)
	}
	return b, nil
}

// receive verifies one release and remembers its delivery.
func (c *Client) receive(ctx context.Context, h handed, q asked) (Message, error) {
	if q.delivery == "" {
		q.delivery = h.Delivery
	}
	digest := gateway.DigestOf([]byte(h.Token))
	at, err := c.seen(q.delivery, digest)
	if err != nil {
		return Message{}, err
	}
	q.at = at
	m, err := c.open(ctx, h, q)
	if err != nil {
		return Message{}, err
	}
	return m, c.remember(q.delivery, digest, at, m.Claims().Expires)
}

// notice verifies a security event token for the agency or an alias of it.
func (c *Client) notice(id, raw string) (Notice, error) {
	w, err := c.current()
	if err != nil {
		return Notice{}, err
	}
	e, err := envelope.OpenEvent(raw, w.directory, c.cfg.Agency.URN(), c.cfg.Now())
	for _, alias := range c.aliases() {
		if !errors.Is(err, envelope.ErrAudience) {
			break
		}
		e, err = envelope.OpenEvent(raw, w.directory, alias.URN(), c.cfg.Now())
	}
	if err != nil {
		return Notice{}, fmt.Errorf("%w: %w", ErrNotice, err)
	}
	if string(e.ID) != id {
		return Notice{}, fmt.Errorf("%w: it came under another id", ErrNotice)
	}
	return Notice{e, raw}, nil
}

// word implements [Item]: the agency has the message, or what of it is
// unusable.
func (m Message) word(c *Client, w *world) (string, pending, error) {
	if m.received.IsZero() {
		return "", pending{}, fmt.Errorf("%w: message", envelope.ErrZero)
	}
	claims := m.Claims()
	self := claims.Recipient()
	signer, err := c.signer(w, envelope.UseMessage, self, m.role)
	if err != nil {
		return "", pending{}, err
	}
	id, err := newID()
	if err != nil {
		return "", pending{}, err
	}
	e := envelope.Event{Issuer: self.URN(), Audience: claims.Issuer.URN(), ID: id, IssuedAt: c.cfg.Now(),
		Message: claims.ID, Type: envelope.MessageReceived}
	p := pending{}
	if len(m.unusable) > 0 {
		e.Type = envelope.SealedContentInvalid
		if e.Claims, err = json.Marshal(map[string][]gateway.Field{"fields": m.unusable}); err != nil {
			return "", pending{}, fmt.Errorf("encoding an event: %w", err)
		}
		p.Err, p.Description = "invalid_request", "sealed-content-invalid"
	}
	p.Token, err = envelope.SignEvent(e, signer)
	return m.Delivery(), p, err
}

// word implements [Item]: the notice is stored.
func (n Notice) word(*Client, *world) (string, pending, error) {
	if n.Token == "" {
		return "", pending{}, fmt.Errorf("%w: notice", envelope.ErrZero)
	}
	if t, _, err := n.Task(); err == nil && t.IsGlassReview() {
		return "", pending{}, ErrReview // and the gateway would refuse all that is said with it
	}
	return string(n.ID), pending{}, nil
}

// word implements [Item]: the item is unusable, with a code of RFC 8935,
// Section 2.4.
func (r Refused) word(*Client, *world) (string, pending, error) {
	if r.ID == "" {
		return "", pending{}, fmt.Errorf("%w: refused item", envelope.ErrZero)
	}
	p := pending{Err: "authentication_failed", Description: "does not verify"}
	switch {
	case errors.Is(r.Err, envelope.ErrKey):
		p.Err = "invalid_key"
	case errors.Is(r.Err, envelope.ErrAudience):
		p.Err = "invalid_audience"
	}
	return r.ID, p, nil
}
