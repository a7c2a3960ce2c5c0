package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/exchange"
)

// The media types of the API.
const (
	messageType = "application/sd-jwt" // RFC 9901, Section 11
	requestType = "application/jwt"    // RFC 7519, Section 10.3.1
	jsonType    = "application/json"   // RFC 8259
)

// maxAccess is the longest access request taken in a header field.
const maxAccess = 16 << 10

// postMessage handles POST /v1/messages: it carries one message and answers
// 202 with the sender's receipt.
func (s *Server) postMessage(w http.ResponseWriter, r *http.Request, p authn.Peer) error {
	raw, err := s.body(w, r, messageType)
	if err != nil {
		return err
	}
	accepted, err := inTurn(s, r, p, func(ctx context.Context) (exchange.Accepted, error) {
		return s.cfg.Exchange.Submit(ctx, p, raw)
	})
	if err != nil {
		return err
	}
	return s.writeJSON(w, http.StatusAccepted, accepted)
}

// poll handles POST /v1/poll (RFC 8936): it hands out what waits for a
// function of the caller, and waits for something if nothing does.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, p authn.Peer) error {
	raw, err := s.body(w, r, jsonType)
	if err != nil {
		return err
	}
	// A thousand acknowledgements are work, too.
	q, err := inTurn(s, r, p, func(context.Context) (exchange.PollRequest, error) {
		q, err := decodePoll(raw, s.cfg.Limits)
		if err != nil {
			return q, refuseBody(err)
		}
		return q, nil
	})
	if err != nil {
		return err
	}
	got, err := s.await(r, p, q)
	if err != nil {
		return err
	}
	// The wait may have been long: what was released is not handed to a
	// system that the directory has revoked meanwhile.
	if _, err := s.cfg.Peers.Again(p, s.cfg.Now()); err != nil {
		return err
	}
	return s.writeJSON(w, http.StatusOK, got)
}

// await polls for as long as the caller and the limits allow. That the end of the
// wait, or the gateway's shutting down, is an empty answer is for the exchange to
// say: it alone knows that what was acknowledged is written.
func (s *Server) await(r *http.Request, p authn.Peer, q exchange.PollRequest) (exchange.PollAnswer, error) {
	limit := min(preferredWait(r.Header, s.cfg.Limits.Poll), s.cfg.Limits.MaxPoll)
	if q.ReturnImmediately || *q.MaxEvents == 0 || limit == 0 || s.polling.Err() != nil {
		q.ReturnImmediately, limit = true, s.cfg.Limits.Request
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	if !q.ReturnImmediately {
		defer context.AfterFunc(s.polling, cancel)()
		s.metrics.polls.Inc()
		defer s.metrics.polls.Dec()
	}
	got, err := inTurn(s, r.WithContext(ctx), p, func(ctx context.Context) (exchange.PollAnswer, error) {
		return s.cfg.Exchange.Poll(ctx, p, q)
	})
	if errors.Is(err, errGone) && r.Context().Err() == nil {
		// The wait ended before it was the poll's turn, and the caller is there: no
		// answer would be an empty one with status 200.
		return got, gateway.Refuse(gateway.CodeUnavailable, "the gateway is shutting down", nil)
	}
	if got.Sets == nil {
		got.Sets = map[string]string{} // RFC 8936, Section 2.3: always there
	}
	return got, err
}

// preferredWait returns how long the caller wants to wait (RFC 7240, Section
// 4.3), or otherwise. A preference that is not understood is ignored, as the
// RFC demands.
func preferredWait(h http.Header, otherwise time.Duration) time.Duration {
	for _, field := range h.Values("Prefer") {
		for pref := range strings.SplitSeq(field, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(pref), "=")
			n, err := strconv.ParseUint(value, 10, 16)
			if strings.EqualFold(name, "wait") && err == nil {
				return time.Duration(n) * time.Second
			}
		}
	}
	return otherwise
}

// getMessage handles GET /v1/messages/{jti}: it releases one message to a named
// official.
func (s *Server) getMessage(w http.ResponseWriter, r *http.Request, p authn.Peer) error {
	id, err := messageID(r)
	if err != nil {
		return err
	}
	fields := r.Header.Values("Access-Request")
	if len(fields) != 1 || len(fields[0]) > maxAccess {
		return gateway.Refuse(gateway.CodeMalformedRequest, "there must be one header field Access-Request", nil)
	}
	handed, err := inTurn(s, r, p, func(ctx context.Context) (exchange.Handed, error) {
		official, err := s.cfg.Peers.Access(p, fields[0], s.cfg.Now())
		if err != nil {
			return exchange.Handed{}, err
		}
		return s.cfg.Exchange.Message(ctx, official, id)
	})
	if err != nil {
		return err
	}
	return s.writeJSON(w, http.StatusOK, handed)
}

// postRequest handles POST /v1/requests: a named official asks another agency.
// The answer comes later as a message.
func (s *Server) postRequest(w http.ResponseWriter, r *http.Request, p authn.Peer) error {
	raw, err := s.body(w, r, requestType)
	if err != nil {
		return err
	}
	start := time.Now()
	requested, err := inTurn(s, r, p, func(ctx context.Context) (exchange.Requested, error) {
		official, err := s.cfg.Peers.Access(p, string(raw), s.cfg.Now())
		if err != nil {
			return exchange.Requested{}, err
		}
		return s.cfg.Exchange.Request(ctx, official)
	})
	if err != nil {
		return err
	}
	// What was done for this answer depends on whether the person is on record.
	s.tick(r.Context(), start)
	return s.writeJSON(w, http.StatusAccepted, requested)
}

// getDisclosures handles GET /v1/messages/{jti}/disclosures: what has left of a
// message, told to its sender.
func (s *Server) getDisclosures(w http.ResponseWriter, r *http.Request, p authn.Peer) error {
	id, err := messageID(r)
	if err != nil {
		return err
	}
	list, err := inTurn(s, r, p, func(ctx context.Context) ([]exchange.Disclosure, error) {
		return s.cfg.Exchange.Disclosures(ctx, p, id)
	})
	if err != nil {
		return err
	}
	if list == nil {
		list = []exchange.Disclosure{}
	}
	return s.writeJSON(w, http.StatusOK, list)
}

func messageID(r *http.Request) (gateway.MessageID, error) {
	id, err := gateway.ParseMessageID(mux.Vars(r)["jti"])
	if err != nil {
		return "", gateway.Refuse(gateway.CodeMalformedRequest, "the path has no message identifier", err)
	}
	return id, nil
}

// writeJSON answers with v.
func (s *Server) writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	w.Header().Set("Content-Type", jsonType)
	return s.write(w, status, body)
}
