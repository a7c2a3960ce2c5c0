package client

import (
	"context"
	"fmt"
	"time"

	"sluss/gateway"
)

// Stored is a delivery as an agency keeps it: all that is needed to verify and
// open it again. What was sealed is sealed in it still.
type Stored struct {
	Delivery string          `json:"delivery"`
	Role     gateway.Role    `json:"role"` // that it was collected or read for
	Purpose  gateway.Purpose `json:"purpose"`
	Request  *gateway.Digest `json:"request"` // of the access request; null when collected
	Received time.Time       `json:"received"`
	Token    string          `json:"token"`
	E1       []byte          `json:"e1"`
	Proof    string          `json:"proof"`
}

// Stored returns m in the form that [Client.Open] takes.
func (m Message) Stored() Stored {
	rel := m.Release()
	return Stored{
		Delivery: m.Delivery(), Role: m.role, Purpose: rel.Purpose, Request: rel.Request, Received: m.at,
		Token: string(m.Raw()), E1: m.receipt.E1, Proof: m.receipt.Proof,
	}
}

// Open verifies a stored delivery again, as of the time of its receipt, and
// opens it with the keys that the client has now. It does not ask the gateway
// for more than a newer directory or snapshot.
func (c *Client) Open(ctx context.Context, s Stored) (Message, error) {
	if s.Received.After(c.cfg.Now()) || s.Delivery == "" {
		return Message{}, fmt.Errorf("%w: not a stored delivery", ErrAnswer)
	}
	return c.open(ctx, handed{s.Delivery, s.Token, s.E1, s.Proof},
		asked{delivery: s.Delivery, role: s.Role, purpose: s.Purpose, request: s.Request, at: s.Received})
}
