package gatewaytest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/exchange"
)

// books are what the clients of a run were told, as it came over the
// wire: each receipt, each release and each acknowledgement that was accepted.
// They are kept outside the gateway and survive it. What an answer contradicts
// at once is a finding; the rest is for [books.audit].
type books struct {
	mu       sync.Mutex
	turn     int                        // rises with each answer
	accepted map[gateway.Digest]receipt // by digest of the bytes sent
	released map[string]release         // by delivery id
	handed   map[gateway.MessageID]handout
	acked    map[string]ack // by delivery id or jti of a notice
	again    int            // receipts given for bytes that had one
	twice    int            // releases handed out again
	doubled  int            // deliveries, or receipts, that came again with other content
	newest   time.Time      // of the entries of all that was answered
	findings []string
}

// handout is the latest delivery of a message, and when it was decided on.
type handout struct {
	delivery string
	at       time.Time
}

// repeated is how long an unacknowledged message is handed out again as it was;
// older ones are handed out anew, because recipients would refuse them.
const repeated = envelope.MaxDelivery - time.Minute

// receipt is what was answered to a message, or to a statement.
type receipt struct {
	exchange.Accepted
	statement bool
}

// release is one release as a client got it.
type release struct {
	token  gateway.Digest // of all its bytes
	sdHash gateway.Digest // of what the key binding is over (RFC 9901, Section 4.3)
	leaf   []byte         // that the key binding names
	e1     []byte
	proof  string
}

// ack is an acknowledgement that the gateway has accepted.
type ack struct {
	turn   int
	agency gateway.AgencyID
}

func newBooks() *books {
	return &books{accepted: map[gateway.Digest]receipt{}, released: map[string]release{},
		handed: map[gateway.MessageID]handout{}, acked: map[string]ack{}}
}

func (b *books) find(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note(format, args...)
}

// note adds a finding. The caller holds mu.
func (b *books) note(format string, args ...any) {
	b.findings = append(b.findings, fmt.Sprintf(format, args...))
}

// now is the turn before which everything was said that has been heard.
func (b *books) now() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.turn
}

// accept keeps the answer to POST /v1/messages. The same bytes have the same
// receipt, however often and after whatever they are sent.
func (b *books) accept(sent, answer []byte) {
	var a exchange.Accepted
	if err := json.Unmarshal(answer, &a); err != nil {
		b.find("an answer with status 202 is no receipt")
		return
	}
	e1, err := disclosure.ParseE1(a.E1)
	if err != nil {
		b.find("message %s: its receipt has no entry", a.ID)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn++
	digest := gateway.DigestOf(sent)
	before, ok := b.accepted[digest]
	if ok {
		b.again++
		if !reflect.DeepEqual(before.Accepted, a) {
			b.doubled++
			b.note("message %s: the same bytes got another receipt", a.ID)
		}
		return
	}
	b.accepted[digest] = receipt{a, e1.Kind == disclosure.StatementAdmitted}
	b.heard(e1)
}

// polled keeps the answer to a poll that began at a turn.
func (b *books) polled(agency gateway.AgencyID, began int, asked, answer []byte) {
	var q exchange.PollRequest
	var a exchange.PollAnswer
	if json.Unmarshal(asked, &q) != nil || json.Unmarshal(answer, &a) != nil {
		b.find("an answer to a poll does not read")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn++
	for _, id := range q.Ack {
		if _, ok := b.acked[id]; !ok {
			b.acked[id] = ack{b.turn, agency}
		}
	}
	for jti := range a.Sets {
		b.fresh(jti, began, q.Ack)
	}
	for id, h := range a.Messages {
		b.fresh(id, began, q.Ack)
		b.release(id, h)
	}
}

// fresh holds that what was acknowledged in a request, or before it began, is
// not handed out in its answer. The caller holds mu.
func (b *books) fresh(id string, began int, now []string) {
	if a, ok := b.acked[id]; ok && a.turn <= began || slices.Contains(now, id) {
		b.note("delivery %s: handed out again after it was acknowledged", id)
	}
}

// release keeps a release: one delivery id for a message in its mailbox, until it
// is too old to be repeated, and the same bytes under it for ever. The caller
// holds mu.
func (b *books) release(id string, h exchange.Handed) {
	r, err := readRelease(h)
	if err != nil {
		b.note("delivery %s: %v", id, err)
		return
	}
	before, ok := b.released[id]
	if ok {
		b.twice++
		if !reflect.DeepEqual(before, r) {
			b.doubled++
			b.note("delivery %s: handed out with two contents", id)
		}
		return
	}
	b.released[id] = r
	e1, err := disclosure.ParseE1(h.E1)
	if err != nil {
		b.note("delivery %s: %v", id, err)
		return
	}
	b.heard(e1)
	b.handOut(e1.Message, handout{id, e1.Time.Time})
}

// handOut keeps a new delivery of a message. The caller holds mu.
func (b *books) handOut(m gateway.MessageID, h handout) {
	if other, ok := b.handed[m]; ok && h.at.Sub(other.at) <= repeated {
		b.note("message %s: handed out as %s and as %s", m, other.delivery, h.delivery)
	}
	b.handed[m] = h
}

// heard keeps the time of an entry that was answered. The caller holds mu.
func (b *books) heard(e1 disclosure.E1) {
	if e1.Time.After(b.newest) {
		b.newest = e1.Time.Time
	}
}

// readRelease reads what is compared with the log of a release. The SDK has
// verified, or will verify, its signatures.
func readRelease(h exchange.Handed) (release, error) {
	end := strings.LastIndexByte(h.Token, '~') + 1
	parts := strings.Split(h.Token[end:], ".")
	if end == 0 || len(parts) != 3 {
		return release{}, fmt.Errorf("no key binding")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return release{}, fmt.Errorf("key binding does not read: %w", err)
	}
	var kb struct {
		Release struct {
			Leaf string `json:"leaf"`
		} `json:"release"`
	}
	if err := json.Unmarshal(payload, &kb); err != nil {
		return release{}, fmt.Errorf("key binding does not read: %w", err)
	}
	leaf, err := base64.RawURLEncoding.DecodeString(kb.Release.Leaf)
	return release{gateway.DigestOf([]byte(h.Token)), gateway.Digest(sha256.Sum256([]byte(h.Token[:end]))), leaf, h.E1, h.Proof}, err
}

// taken returns how much has been accepted.
func (b *books) taken() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.accepted)
}

// since returns how much later than t the newest entry is that clients got an
// answer about; not positive if none is later.
func (b *books) since(t time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newest.Sub(t)
}

// waiting returns how many accepted messages have not been acknowledged by
// their recipient.
func (b *books) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, a := range b.accepted {
		if _, ok := b.acked[b.handed[a.ID].delivery]; !ok && !a.statement {
			n++
		}
	}
	return n
}

// progress words how far a run has come.
func (b *books) progress() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%d messages and statements acknowledged, %d releases, %d findings", len(b.accepted), len(b.released), len(b.findings))
}

// tap is the wire between a client and the gateway.
type tap struct {
	next   http.RoundTripper
	agency gateway.AgencyID
	books  *books
}

// RoundTrip implements [http.RoundTripper].
func (t tap) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		if sent, err = io.ReadAll(body); err != nil {
			return nil, err
		}
	}
	began := t.books.now()
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("answer was cut off: %w", err)
	}
	switch {
	case r.URL.Path == "/v1/messages" && resp.StatusCode == http.StatusAccepted:
		t.books.accept(sent, got)
	case r.URL.Path == "/v1/poll" && resp.StatusCode == http.StatusOK:
		t.books.polled(t.agency, began, sent, got)
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	return resp, nil
}
