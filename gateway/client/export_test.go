package client

import "net/http"

// NewTripper is the HTTPS that a client uses by itself.
func NewTripper(cfg Config) http.RoundTripper { return newTripper(cfg) }

// The wire types, to be compared with the gateway's.
type (
	Accepted    = accepted
	PollRequest = pollRequest
	SetErr      = setErr
	PollAnswer  = pollAnswer
	HandedOut   = handed
	Disclosed   = disclosed
)
