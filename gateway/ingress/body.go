package ingress

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"sluss/gateway"
)

// plain refuses what no endpoint of the API has: a query, a content coding, or
// a body on a method that takes none.
func plain(r *http.Request) error {
	switch {
	case r.URL.RawQuery != "" || r.URL.ForceQuery:
		return gateway.Refuse(gateway.CodeMalformedRequest, "the resource takes no query", nil)
	case r.Method != http.MethodPost && r.ContentLength != 0:
		return gateway.Refuse(gateway.CodeMalformedRequest, "the method takes no body", nil)
	}
	return nil
}

// body reads the whole body of a request, which must be of the media type and
// arrive in time. A body over the limit is refused by its announced length or
// at the first byte over it; the rest is not read.
func (s *Server) body(w http.ResponseWriter, r *http.Request, media string) ([]byte, error) {
	if err := checkMedia(r.Header, media); err != nil {
		return nil, unread(w, r, err)
	}
	limit := s.cfg.Limits.Body
	if r.ContentLength > limit {
		return nil, unread(w, r, tooLarge(nil))
	}
	var b bytes.Buffer
	b.Grow(int(max(0, r.ContentLength)) + bytes.MinRead)
	if _, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		return nil, unread(w, r, bodyError(err))
	}
	// Further reads on this connection are not part of the body: the deadline
	// set by endpoint, left in place, would end a long poll.
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	return b.Bytes(), nil
}

// unread ends the connection after the answer when a body is left on it, so
// that the server does not read on for the next request (RFC 9112, Section
// 9.6). In HTTP/2 the stream ends alone.
func unread(w http.ResponseWriter, r *http.Request, err error) error {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	return err
}

func tooLarge(err error) error {
	return gateway.Refuse(gateway.CodeTooLarge, "the body is over the limit", err)
}

func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(err)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return gateway.Refuse(gateway.CodeTimeout, "the body took too long to arrive", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return gateway.Refuse(gateway.CodeMalformedRequest, "the body ended before its announced length", err)
	}
	return gateway.Refuse(gateway.CodeMalformedRequest, "the body could not be read", err)
}

// checkMedia wants exactly one Content-Type field with exactly this type; JSON
// may say that it is UTF-8, which it always is (RFC 8259, Section 8.1).
func checkMedia(h http.Header, want string) error {
	bad := gateway.Refuse(gateway.CodeUnsupportedMedia, "the Content-Type must be "+want, nil)
	fields := h.Values("Content-Type")
	if len(fields) != 1 || h.Get("Content-Encoding") != "" {
		return bad
	}
	got, params, err := mime.ParseMediaType(fields[0])
	if err != nil || got != want {
		return bad
	}
	if charset, ok := params["charset"]; ok && want == jsonType && strings.EqualFold(charset, "utf-8") {
		delete(params, "charset")
	}
	if len(params) > 0 {
		return bad
	}
	return nil
}
