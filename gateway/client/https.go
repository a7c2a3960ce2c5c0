package client

import "net/http"

// HTTPS returns the transport of the system that cfg is of: mutual TLS 1.3 to
// the gateway, for what the client has no method for, as reading the published
// log.
func (cfg Config) HTTPS() http.RoundTripper { return newTripper(cfg) }
