package client

import (
	"sluss/gateway"
)

// The bodies of requests and answers, as the OpenAPI document has them. They
// are the client's own, so that it does not depend on the gateway's code.
type (
	// accepted answers POST /v1/messages and POST /v1/requests.
	accepted struct {
		ID    gateway.MessageID `json:"jti"`
		Entry uint64            `json:"entry"`
		E1    []byte            `json:"e1"`
		Leaf  []byte            `json:"leaf"`
		Proof string            `json:"proof"`
	}

	// pollRequest is RFC 8936, Section 2.2, with the function that polls and
	// the signed words on what came before.
	pollRequest struct {
		Role              gateway.Role      `json:"role"`
		MaxEvents         *int              `json:"maxEvents,omitempty"`
		ReturnImmediately bool              `json:"returnImmediately,omitempty"`
		Ack               []string          `json:"ack,omitempty"`
		SetErrs           map[string]setErr `json:"setErrs,omitempty"`
		Received          map[string]string `json:"received,omitempty"`
	}

	// setErr is RFC 8936, Section 2.6.
	setErr struct {
		Err         string `json:"err"`
		Description string `json:"description,omitempty"`
	}

	// pollAnswer is RFC 8936, Section 2.3, with the released messages by
	// delivery id.
	pollAnswer struct {
		Sets          map[string]string `json:"sets"`
		MoreAvailable bool              `json:"moreAvailable"`
		Messages      map[string]handed `json:"messages"`
	}

	// handed is one release.
	handed struct {
		Delivery string `json:"delivery"`
		Token    string `json:"token"`
		E1       []byte `json:"e1"`
		Proof    string `json:"proof"`
	}

	// disclosed is one entry about the client's own message.
	disclosed struct {
		Entry uint64 `json:"entry"`
		E1    []byte `json:"e1"`
		Leaf  []byte `json:"leaf"`
		Proof string `json:"proof"`
	}
)
