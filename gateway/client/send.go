package client

import (
	"context"
	"errors"
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

// Check verifies a receipt offline, under a policy that may want a quorum of
// witnesses: what its entry says stands in the leaf, and the leaf in the log. It
// reports [ErrEntry] or [ErrProof]. Whether the receipt is for the message that
// one has in mind is known by its Digest.
func (r Receipt) Check(p disclosure.Policy) (disclosure.Proven, error) {
	if len(r.Leaf) != 64 {
		return disclosure.Proven{}, fmt.Errorf("%w: no leaf of 64 bytes", ErrEntry)
	}
	e, err := disclosure.CheckE1(r.E1, [64]byte(r.Leaf))
	if err != nil {
		return disclosure.Proven{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	proven, err := disclosure.VerifyProof([]byte(r.Proof), [64]byte(r.Leaf), p)
	if err != nil {
		return disclosure.Proven{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if proven.Index != r.Entry || e.Message != "" && e.Message != r.ID {
		return disclosure.Proven{}, fmt.Errorf("%w: it is for another entry or message", ErrProof)
	}
	return proven, nil
}

// Renew returns a receipt under the newest checkpoint that the log has
// published, whose cosignatures the policy may want. The one that was given with
// the message stands under its own batch's checkpoint, which no witness had seen
// yet. The log must continue that tree and have the same entry, else it is
// [ErrProof]; nothing is taken from the gateway on trust. An entry that is not
// published yet is [disclosure.ErrNotYet].
func (c *Client) Renew(ctx context.Context, r Receipt, p disclosure.Policy) (Receipt, error) {
	was, err := r.Check(disclosure.Policy{Log: c.cfg.Log})
	if err != nil {
		return Receipt{}, err
	}
	if p.Log == nil {
		p.Log = c.cfg.Log
	}
	src := disclosure.FromURL(c.cfg.URL+"/log", &http.Client{Transport: c.http})
	proof, leaf, err := disclosure.Prove(ctx, src, r.Entry, p)
	if err != nil {
		return Receipt{}, renewal(err)
	}
	if err := disclosure.Extends(ctx, src, was.Tip, p); err != nil {
		return Receipt{}, renewal(err)
	}
	if leaf != [64]byte(r.Leaf) {
		return Receipt{}, fmt.Errorf("%w: the log has another entry at %d", ErrProof, r.Entry)
	}
	r.Proof = string(proof)
	return r, nil
}

// renewal says of an error whether the log does not hold or could not be read.
func renewal(err error) error {
	for _, bad := range []error{disclosure.ErrProof, disclosure.ErrFork, disclosure.ErrRollback} {
		if errors.Is(err, bad) {
			return fmt.Errorf("%w: %w", ErrProof, err)
		}
	}
	return err
}
