package ingress

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"unicode/utf8"

	"sluss/gateway"
	"sluss/gateway/exchange"
)

// Bounds on the members of a poll request.
const (
	maxItems = 1024 // acknowledgements, errors or proofs of receipt in one request
	maxName  = 128  // bytes of a notice or delivery id
	maxToken = 16 << 10
	maxText  = 256
)

// Errors of the strict reading of JSON. encoding/json takes member names
// without regard to case, the last of equal names, and null for anything.
var (
	errSyntax  = errors.New("ingress: not one JSON value of the expected kind")
	errMember  = errors.New("ingress: unknown member")
	errTwice   = errors.New("ingress: member twice")
	errBounds  = errors.New("ingress: value out of bounds")
	errMissing = errors.New("ingress: missing member")
)

var roleName = regexp.MustCompile(`^[a-z_]{1,32}\.[a-z_]{1,48}$`)

// setErrors are the values of "err" (RFC 8935, Section 2.4).
var setErrors = []string{"invalid_request", "invalid_key", "invalid_issuer", "invalid_audience", "authentication_failed", "access_denied"}

// decodePoll reads the body of POST /v1/poll (RFC 8936, Section 2.2). It is
// strict: a member unknown, repeated, null or out of bounds is an error.
func decodePoll(raw []byte, limits Limits) (exchange.PollRequest, error) {
	var q exchange.PollRequest
	if !utf8.Valid(raw) {
		return q, errSyntax
	}
	err := object(raw, func(name string, value json.RawMessage) error {
		switch name {
		case "role":
			return scalar(value, &q.Role)
		case "maxEvents":
			q.MaxEvents = new(int)
			return scalar(value, q.MaxEvents)
		case "returnImmediately":
			return scalar(value, &q.ReturnImmediately)
		case "ack":
			return texts(value, &q.Ack)
		case "setErrs":
			return decodeSetErrs(value, &q.SetErrs)
		case "received":
			return decodeReceived(value, &q.Received)
		}
		return errMember
	})
	if err != nil {
		return exchange.PollRequest{}, err
	}
	if !roleName.MatchString(string(q.Role)) {
		return exchange.PollRequest{}, fmt.Errorf("%w: role", errMissing)
	}
	if q.MaxEvents == nil {
		q.MaxEvents = &limits.Events
	}
	if *q.MaxEvents < 0 || *q.MaxEvents > limits.MaxEvents {
		return exchange.PollRequest{}, fmt.Errorf("%w: maxEvents", errBounds)
	}
	return q, nil
}

// decodeSetErrs reads the errors that a recipient reports (RFC 8936, Section
// 2.6).
func decodeSetErrs(raw json.RawMessage, to *map[string]exchange.SetErr) error {
	*to = map[string]exchange.SetErr{}
	return object(raw, func(id string, value json.RawMessage) error {
		var e exchange.SetErr
		err := object(value, func(name string, value json.RawMessage) error {
			switch name {
			case "err":
				return scalar(value, &e.Err)
			case "description":
				return scalar(value, &e.Description)
			}
			return errMember
		})
		if err != nil {
			return err
		}
		if len(*to) == maxItems || !nameFits(id) || !slices.Contains(setErrors, e.Err) || len(e.Description) > maxText {
			return errBounds
		}
		(*to)[id] = e
		return nil
	})
}

// decodeReceived reads the proofs of receipt by delivery id.
func decodeReceived(raw json.RawMessage, to *map[string]string) error {
	*to = map[string]string{}
	return object(raw, func(id string, value json.RawMessage) error {
		var token string
		if err := scalar(value, &token); err != nil {
			return err
		}
		if len(*to) == maxItems || !nameFits(id) || token == "" || len(token) > maxToken {
			return errBounds
		}
		(*to)[id] = token
		return nil
	})
}

// texts reads an array of identifiers, each there once.
func texts(raw json.RawMessage, to *[]string) error {
	var list []json.RawMessage
	if err := scalar(raw, &list); err != nil {
		return err
	}
	if len(list) > maxItems {
		return errBounds
	}
	seen := make(map[string]bool, len(list))
	for _, v := range list {
		var id string
		if err := scalar(v, &id); err != nil {
			return err
		}
		if !nameFits(id) {
			return errBounds
		}
		if seen[id] {
			return errTwice
		}
		seen[id] = true
		*to = append(*to, id)
	}
	return nil
}

func nameFits(id string) bool { return id != "" && len(id) <= maxName }

// object reads one JSON object and nothing after it, and gives each member to
// the function, in order. A name that was there before is [errTwice].
func object(raw []byte, member func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errSyntax
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return errSyntax
		}
		if seen[name] {
			return errTwice
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return errSyntax
		}
		if err := member(name, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return errSyntax
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errSyntax
	}
	return nil
}

// scalar reads a value of the kind of to; null is of no kind.
func scalar[T any](raw json.RawMessage, to *T) error {
	if string(raw) == "null" || json.Unmarshal(raw, to) != nil {
		return errSyntax
	}
	return nil
}

// refuseBody says which rule a body breaks, never with a value from it.
func refuseBody(err error) error {
	detail := "the body is not the JSON object that the endpoint takes"
	switch {
	case errors.Is(err, errMember):
		detail = "the body has an unknown member"
	case errors.Is(err, errTwice):
		detail = "the body has a member or an identifier twice"
	case errors.Is(err, errBounds):
		detail = "the body has a value out of bounds"
	case errors.Is(err, errMissing):
		detail = "the body has no role, or one that cannot be a role"
	}
	return gateway.Refuse(gateway.CodeMalformedRequest, detail, err)
}
