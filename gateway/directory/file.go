package directory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// Entry is a statement as it stands in a directory file: the JWS of the agency
// and those of the registrars, each over the digest of the first.
type Entry struct {
	Statement         string   `json:"statement"`
	Countersignatures []string `json:"countersignatures"`
}

type document struct {
	Statements []Entry `json:"statements"`
}

// State makes an entry: it signs st with a control key of its issuer and lets
// the registrars countersign, all at the time of st.IssuedAt. In earnest these
// are three persons at three machines; State serves development and tests.
func State(st envelope.Statement, control *envelope.Signer, registrars ...*envelope.Signer) (Entry, error) {
	raw, err := envelope.SignStatement(st, control)
	if err != nil {
		return Entry{}, fmt.Errorf("signing a statement: %w", err)
	}
	e := Entry{Statement: raw, Countersignatures: make([]string, len(registrars))}
	for i, r := range registrars {
		if e.Countersignatures[i], err = Countersign(raw, st.IssuedAt, r); err != nil {
			return Entry{}, err
		}
	}
	return e, nil
}

// Countersign is a registrar's part of [State].
func Countersign(statement string, at time.Time, registrar *envelope.Signer) (string, error) {
	c := envelope.Countersignature{Digest: gateway.DigestOf([]byte(statement)), IssuedAt: at}
	raw, err := envelope.SignCountersignature(c, registrar)
	if err != nil {
		return "", fmt.Errorf("countersigning a statement: %w", err)
	}
	return raw, nil
}

// Encode returns the directory file with the given entries.
func Encode(entries []Entry) []byte {
	if entries == nil {
		entries = []Entry{}
	}
	raw, err := json.MarshalIndent(document{entries}, "", " ")
	if err != nil {
		// Strings and lists of strings always marshal.
		return nil
	}
	return append(raw, '\n')
}

// Decode reads a directory file without verifying anything: for tools. Use
// [Parse] for everything else.
func Decode(raw []byte) ([]Entry, error) {
	if len(raw) > maxBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(raw))
	}
	var doc document
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("%w: not a directory in JSON", ErrMalformed)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows", ErrMalformed)
	}
	return doc.Statements, nil
}
