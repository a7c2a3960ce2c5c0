package ingress

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"sluss/gateway"
)

// Problem is a problem document (RFC 9457, Section 3). Its members and their
// order are part of the API.
type Problem struct {
	Type   string       `json:"type"` // urn:sluss:problem:<code>
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Code   gateway.Code `json:"code"`
}

// problemType is the media type of problem documents (RFC 9457, Section 6.1).
const problemType = "application/problem+json"

// noRecordDetail is all that is ever said about something that the caller may
// not know of, whether or not it exists.
const noRecordDetail = "there is no such record, or none that the caller may know of"

func problemOf(r *gateway.Refusal) Problem {
	code := r.Code
	if _, ok := kinds[code]; !ok {
		code = gateway.CodeInternal
	}
	detail := r.Detail
	switch code {
	case gateway.CodeNoRecord:
		detail = noRecordDetail
	case gateway.CodeInternal:
		detail = ""
	}
	k := kinds[code]
	return Problem{"urn:sluss:problem:" + string(code), k.title, k.status, detail, code}
}

// writeProblem answers with the problem document of r. A caller who may try
// again later is told when (RFC 9110, Section 10.2.3), from the refusal's cause
// if that knows.
func (s *Server) writeProblem(w http.ResponseWriter, r *gateway.Refusal) {
	p := problemOf(r)
	body, err := json.Marshal(p)
	if err != nil { // a struct of strings and an int always marshals
		panic(err)
	}
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		wait := s.cfg.Limits.RetryAfter
		if over, ok := errors.AsType[shed](r); ok && over.wait > 0 {
			wait = over.wait
		}
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int((wait+time.Second-1)/time.Second))))
	}
	w.Header().Set("Content-Type", problemType)
	s.write(w, p.Status, body)
}
