package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"sluss/gateway"
)

// Problem is the gateway's refusal of a request (RFC 9457). Find it with
// errors.AsType.
type Problem struct {
	Status int          // of HTTP
	Code   gateway.Code // stable; "" if the answer had none, as from a proxy
	Title  string
	Detail string // fixed words; never holds a value from a message
	// RetryAfter is how long the gateway asked to wait; 0 if it did not.
	RetryAfter time.Duration
}

// Error implements error.
func (p *Problem) Error() string {
	switch {
	case p.Code == "":
		return fmt.Sprintf("client: gateway answered %d", p.Status)
	case p.Detail == "":
		return fmt.Sprintf("client: gateway answered %d %s", p.Status, p.Code)
	}
	return fmt.Sprintf("client: gateway answered %d %s: %s", p.Status, p.Code, p.Detail)
}

// passing reports whether the same request may succeed later.
func (p *Problem) passing() bool {
	switch p.Status {
	case http.StatusTooManyRequests:
		return p.Code != gateway.CodeQuota // a mailbox is not emptied in a minute
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// problem reads an answer that is not the one expected.
func problem(r *http.Response, body []byte, now time.Time) *Problem {
	p := &Problem{Status: r.StatusCode, RetryAfter: retryAfter(r.Header.Get("Retry-After"), now)}
	var doc struct {
		Title  string       `json:"title"`
		Detail string       `json:"detail"`
		Code   gateway.Code `json:"code"`
	}
	if mediaType(r) == "application/problem+json" && json.Unmarshal(body, &doc) == nil {
		p.Code, p.Title, p.Detail = gateway.Code(plain(string(doc.Code))), plain(doc.Title), plain(doc.Detail)
	}
	return p
}

// plain makes words of the other side fit for a log line.
func plain(s string) string {
	const most = 512
	b := make([]byte, 0, min(len(s), most))
	for _, r := range s {
		if r < ' ' || r == 0x7f || len(b) >= most-4 {
			break
		}
		b = append(b, string(r)...)
	}
	return string(b)
}

// retryAfter reads seconds or a date (RFC 9110, Section 10.2.3).
func retryAfter(field string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(field, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(field); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
