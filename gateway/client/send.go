package client

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

// Receipt is the gateway's evidence that it has taken in a message, or a
// request: the entry in its log and the proof of it (c2sp.org/tlog-proof), which
// anyone who knows the log's key can verify without the gateway. It holds
// no value; keep it with the case.
type Receipt struct {
	ID     gateway.MessageID `json:"jti"`
	Digest gateway.Digest    `json:"digest"` // of the bytes as sent
	At     time.Time         `json:"at"`     // when it was taken in, by the gateway's clock
	Entry  uint64            `json:"entry"`
	E1     []byte            `json:"e1"`
	Leaf   []byte            `json:"leaf"`
	Proof  string            `json:"proof"`
}

// Send carries a message to the gateway and returns when it has proved that
// it keeps it. The same bytes may be sent again at any time and give the same
// receipt; Send itself repeats what got no answer. An answer that proves something
// else is [ErrReceipt], [ErrEntry] or [ErrProof]; a refusal is a [*Problem].
func (c *Client) Send(ctx context.Context, token []byte) (Receipt, error) {
	w, err := c.ready(ctx)
	if err != nil {
		return Receipt{}, err
	}
	m, err := envelope.Open(token, w.directory, c.cfg.Now())
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: not a message of this agency that can be sent now: %w", ErrDraft, err)
	}
	raw, err := c.do(ctx, call{method: http.MethodPost, path: "/v1/messages", media: messageMedia,
		want: http.StatusAccepted, body: sending(token)})
	if err != nil {
		return Receipt{}, err
	}
	a, err := decode[accepted](raw)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{ID: m.Claims().ID, Digest: m.Digest(), Entry: a.Entry, E1: a.E1, Leaf: a.Leaf, Proof: a.Proof}
	e, err := c.entry(a.E1, a.Leaf, a.Proof, a.Entry)
	if err != nil {
		return Receipt{}, err
	}
	claims := m.Claims()
	if a.ID != claims.ID || e.Kind != disclosure.MessageAccepted && e.Kind != disclosure.StatementAdmitted ||
		e.Message != claims.ID || e.Discloser != claims.Issuer || e.Type != claims.Type || e.Digest == nil || *e.Digest != m.Digest() {
		return Receipt{}, ErrReceipt
	}
	r.At = e.Time.Time
	return r, nil
}

// entry verifies that an entry stands in the log, and reads its first part.
func (c *Client) entry(e1, leaf []byte, proof string, index uint64) (disclosure.E1, error) {
	if len(leaf) != 64 {
		return disclosure.E1{}, fmt.Errorf("%w: no leaf of 64 bytes", ErrEntry)
	}
	e, err := disclosure.CheckE1(e1, [64]byte(leaf))
	if err != nil {
		return disclosure.E1{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	proven, err := disclosure.VerifyProof([]byte(proof), [64]byte(leaf), disclosure.Policy{Log: c.cfg.Log})
	if err != nil {
		return disclosure.E1{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if proven.Index != index {
		return disclosure.E1{}, fmt.Errorf("%w: it is for entry %d", ErrProof, proven.Index)
	}
	return e, nil
}
