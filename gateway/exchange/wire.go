package exchange

import "sluss/gateway"

// The bodies of requests and answers, as the agency API carries them.
type (
	// Accepted answers POST /v1/messages: the message is durable and stands in
	// the log. Leaf is the entry's leaf, 64 bytes, whose first half E1 hashes to;
	// Proof is a C2SP tlog-proof of that leaf, the sender's receipt.
	Accepted struct {
		ID    gateway.MessageID `json:"jti"`
		Entry uint64            `json:"entry"`
		E1    []byte            `json:"e1"`
		Leaf  []byte            `json:"leaf"`
		Proof string            `json:"proof"`
	}

	// PollRequest is RFC 8936, Section 2.2, with the function that polls and
	// the signed proofs of receipt.
	PollRequest struct {
		Role              gateway.Role      `json:"role"`
		MaxEvents         *int              `json:"maxEvents,omitempty"`
		ReturnImmediately bool              `json:"returnImmediately,omitempty"`
		Ack               []string          `json:"ack,omitempty"`
		SetErrs           map[string]SetErr `json:"setErrs,omitempty"`
		// Received maps each acknowledged delivery id to a SET of type
		// message-received that goes on to the sender.
		Received map[string]string `json:"received,omitempty"`
	}

	// SetErr is RFC 8936, Section 2.6: why an item could not be used.
	SetErr struct {
		Err         string `json:"err"`
		Description string `json:"description,omitempty"`
	}

	// PollAnswer is RFC 8936, Section 2.3, with the released messages by
	// delivery id.
	PollAnswer struct {
		Sets          map[string]string `json:"sets"`
		MoreAvailable bool              `json:"moreAvailable,omitempty"`
		Messages      map[string]Handed `json:"messages,omitempty"`
	}

	// Handed is one released message: the filtered SD-JWT with its key binding,
	// the entry that was made before it left, and the proof that it is in the
	// log.
	Handed struct {
		Delivery string `json:"delivery"`
		Token    string `json:"token"`
		E1       []byte `json:"e1"`
		Proof    string `json:"proof"`
	}

	// Requested answers POST /v1/requests: the request stands in the log and,
	// if anyone may answer it, in the discloser's mailbox. It looks the same
	// whether or not the person is on record.
	Requested struct {
		ID    gateway.MessageID `json:"jti"`
		Entry uint64            `json:"entry"`
		E1    []byte            `json:"e1"`
		Leaf  []byte            `json:"leaf"`
		Proof string            `json:"proof"`
	}

	// Disclosure is one entry about the caller's own message: what left, for
	// whom, on which basis.
	Disclosure struct {
		Entry uint64 `json:"entry"`
		E1    []byte `json:"e1"`
		Leaf  []byte `json:"leaf"`
		Proof string `json:"proof"`
	}
)
