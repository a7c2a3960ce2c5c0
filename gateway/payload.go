package gateway

import (
	"fmt"
	"log/slog"
)

// Payload is personal data, sealed or not. It prints, logs and marshals as its
// length, so that it cannot slip into a log line, an error or an answer by
// accident; [Payload.Bytes] is the only way to the content.
type Payload struct{ b []byte }

// NewPayload wraps b, which the caller must not change afterwards.
func NewPayload(b []byte) Payload { return Payload{b} }

// Bytes returns the content. The caller must not change it.
func (p Payload) Bytes() []byte { return p.b }

// Len returns the number of bytes.
func (p Payload) Len() int { return len(p.b) }

func (p Payload) text() string { return fmt.Sprintf("payload(%d bytes)", len(p.b)) }

// Format implements fmt.Formatter for every verb.
func (p Payload) Format(f fmt.State, _ rune) { fmt.Fprint(f, p.text()) }

// LogValue implements slog.LogValuer.
func (p Payload) LogValue() slog.Value { return slog.StringValue(p.text()) }

// MarshalText implements encoding.TextMarshaler.
func (p Payload) MarshalText() ([]byte, error) { return []byte(p.text()), nil }
