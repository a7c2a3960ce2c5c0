package relay_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/relay"
	"sluss/gateway/store"
)

const (
	town   gateway.AgencyID = "municipality:0180"
	police gateway.AgencyID = "police"
	worker gateway.Role     = "municipality.social_worker"
	jti                     = gateway.MessageID("urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057")
)

var box = relay.Box{Agency: town, Role: worker}

// mailbox is a store of one delivered message and one notice, and a log that
// keeps what is written. Package store/storetest has the contract's own suite.
type mailbox struct {
	mu     sync.Mutex // for who looks while a relay runs
	items  []store.Mail
	writes []store.Write
	fail   error
	// failures is how often fail is returned; 0 is always.
	failures int
	purged   int
	bodies   int // that the next purge finds
	reads    int // of items by delivery, and of messages
	// elsewhere are the items that another gateway has claimed.
	elsewhere map[int64]bool
	// between is done once, before the mailbox is looked at.
	between func()
}

func (m *mailbox) Claim(_ context.Context, _ string, items []store.Mail, _, _ time.Time) ([]store.Mail, error) {
	return slices.DeleteFunc(slices.Clone(items), func(i store.Mail) bool { return m.elsewhere[i.Seq] }), nil
}

func (m *mailbox) Mailbox(_ context.Context, _ gateway.AgencyID, _ []gateway.Role, _ time.Time, limit int) ([]store.Mail, error) {
	if between := m.between; between != nil {
		m.between = nil
		between()
	}
	return slices.Clone(m.items[:min(limit, len(m.items))]), nil
}

func (m *mailbox) MailByDelivery(_ context.Context, agency gateway.AgencyID, ids []string) ([]store.Mail, error) {
	m.reads++
	var out []store.Mail
	for _, i := range m.items {
		if i.Agency == agency && (slices.Contains(ids, i.Delivery) || slices.Contains(ids, i.NoticeID)) {
			out = append(out, i)
		}
	}
	return out, nil
}

func (m *mailbox) Heading(context.Context, gateway.AgencyID, gateway.MessageID) (store.Message, uint64, error) {
	m.reads++
	return store.Message{Issuer: police, ID: jti, To: town, Sender: "police.exit_coordinator_regional", Type: "exit.threat_assessment"}, 3, nil
}

func (m *mailbox) Expired(_ context.Context, now time.Time, limit int) ([]store.Mail, error) {
	var out []store.Mail
	for _, i := range m.items {
		if i.State != store.Expired && !now.Before(i.Expires) {
			out = append(out, i)
		}
	}
	return out[:min(limit, len(out))], nil
}

func (m *mailbox) Purge(context.Context, time.Time, []gateway.MessageType) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.purged++
	n := m.bodies
	m.bodies = 0
	return n, nil
}

func (m *mailbox) Append(_ context.Context, w store.Write) (disclosure.Committed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fail; err != nil {
		if m.failures--; m.failures == 0 {
			m.fail = nil
		}
		return disclosure.Committed{}, err
	}
	m.writes = append(m.writes, w)
	for _, c := range w.Change {
		for i := range m.items {
			if m.items[i].Seq == c.Seq {
				m.items[i] = c.Mail
			}
		}
	}
	return disclosure.Committed{}, nil
}

func (m *mailbox) AppendAll(ctx context.Context, ws []store.Write) ([]disclosure.Committed, []error) {
	errs := make([]error, len(ws))
	for i, w := range ws {
		_, errs[i] = m.Append(ctx, w)
	}
	return make([]disclosure.Committed, len(ws)), errs
}

// plain stores second parts as they are.
type plain struct{}

func (plain) Encrypt(_ gateway.AgencyID, _ string, _ time.Time, b, _ []byte) ([]byte, string, error) {
	return b, "k", nil
}

func (plain) MAC(domain string, parts ...[]byte) []byte {
	d := gateway.DigestOf(append([]byte(domain), bytes.Join(parts, []byte{0})...))
	return d[:]
}

// oneKey knows one key, of the recipient.
type oneKey struct{ key envelope.PublicKey }

func (k oneKey) Key(iss, kid string, use envelope.Use, _ time.Time) (envelope.PublicKey, error) {
	if kid != k.key.Thumbprint() || use != envelope.UseMessage || iss != town.URN() {
		return envelope.PublicKey{}, envelope.ErrKey
	}
	return k.key, nil
}

func signer(t *testing.T) *envelope.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newRelay(t *testing.T) (*relay.Relay, *mailbox, *envelope.Signer) {
	t.Helper()
	recipient := signer(t)
	m := &mailbox{items: []store.Mail{
		{Seq: 1, Agency: town, Role: worker, Issuer: police, Message: jti, State: store.Handed, Delivery: "d1", Entry: 7, Expires: time.Now().Add(time.Hour)},
		{Seq: 2, Agency: town, Role: worker, Notice: []byte("set"), NoticeID: "n1", State: store.Waiting, Expires: time.Now().Add(time.Hour)},
	}}
	r, err := relay.New(relay.Config{Gateway: "urn:sluss:gateway:dev", Store: m, Log: m, Sealer: plain{}, Signer: signer(t),
		Keys: func() envelope.Keys { return oneKey{recipient.Public()} }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r, m, recipient
}

func received(t *testing.T, s *envelope.Signer, change func(*envelope.Event)) string {
	t.Helper()
	e := envelope.Event{Issuer: town.URN(), Audience: police.URN(), ID: "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8058", IssuedAt: time.Now(),
		Message: jti, Type: envelope.MessageReceived}
	if change != nil {
		change(&e)
	}
	raw, err := envelope.SignEvent(e, s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestAcknowledge: a good acknowledgement ends the item with an entry and sends
// the signed receipt on; each spoiled one does nothing.
func TestAcknowledge(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(box *relay.Box, q *relay.Receipts, s *envelope.Signer)
		want  gateway.Code
	}{
		{"good", func(*relay.Box, *relay.Receipts, *envelope.Signer) {}, ""},
		{"no receipt", func(_ *relay.Box, q *relay.Receipts, _ *envelope.Signer) { q.Received = nil }, gateway.CodeMalformedRequest},
		{"about another message", func(_ *relay.Box, q *relay.Receipts, s *envelope.Signer) {
			q.Received["d1"] = received(t, s, func(e *envelope.Event) { e.Message = "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8059" })
		}, gateway.CodeMalformedRequest},
		{"another event", func(_ *relay.Box, q *relay.Receipts, s *envelope.Signer) {
			q.Received["d1"] = received(t, s, func(e *envelope.Event) { e.Type = envelope.SealedContentInvalid })
		}, gateway.CodeMalformedRequest},
		{"for another sender", func(_ *relay.Box, q *relay.Receipts, s *envelope.Signer) {
			q.Received["d1"] = received(t, s, func(e *envelope.Event) { e.Audience = "urn:sluss:agency:sis" })
		}, gateway.CodeMalformedRequest},
		{"signed by a stranger", func(_ *relay.Box, q *relay.Receipts, _ *envelope.Signer) {
			q.Received["d1"] = received(t, signer(t), nil)
		}, gateway.CodeMalformedRequest},
		{"delivery unknown", func(_ *relay.Box, q *relay.Receipts, _ *envelope.Signer) { q.Ack = []string{"d1", "d2"} }, gateway.CodeUnknownDelivery},
		{"another function's", func(b *relay.Box, _ *relay.Receipts, _ *envelope.Signer) { b.Role = "municipality.exit_team_lead" }, gateway.CodeUnknownDelivery},
		{"another agency's", func(b *relay.Box, _ *relay.Receipts, _ *envelope.Signer) { b.Agency = "municipality:1480" }, gateway.CodeUnknownDelivery},
		{"unlisted error code", func(_ *relay.Box, q *relay.Receipts, _ *envelope.Signer) {
			q.Failed = map[string]string{"d1": "CANARY"}
		}, gateway.CodeMalformedRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, m, s := newRelay(t)
			b, q := box, relay.Receipts{Ack: []string{"d1", "n1"}, Received: map[string]string{"d1": received(t, s, nil)}}
			tt.spoil(&b, &q, s)
			err := r.Acknowledge(t.Context(), []relay.Box{b}, q)
			refusal, _ := errors.AsType[*gateway.Refusal](err)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (refusal == nil || refusal.Code != tt.want):
				t.Fatalf("got %v, want %s", err, tt.want)
			case tt.want != "" && len(m.writes) > 0:
				t.Fatalf("%d writes by a refused acknowledgement", len(m.writes))
			case tt.want != "":
				return
			}
			if len(m.writes) != 2 || m.items[0].State != store.Done || m.items[1].State != store.Done {
				t.Fatalf("items are %q and %q after %d writes, want both done by 2", m.items[0].State, m.items[1].State, len(m.writes))
			}
			w := m.writes[0]
			if len(w.Entries) != 1 || w.Entries[0].Kind != string(disclosure.Acknowledged) {
				t.Errorf("entries %v, want one acknowledgement", w.Entries)
			}
			if len(w.Mail) != 1 || w.Mail[0].Agency != police || w.Mail[0].Role != "police.exit_coordinator_regional" || string(w.Mail[0].Notice) != q.Received["d1"] {
				t.Errorf("the receipt did not go on to the sender's function as it was signed: %+v", w.Mail)
			}
			if err := r.Acknowledge(t.Context(), []relay.Box{b}, q); err != nil || len(m.writes) != 2 {
				t.Errorf("again: %v with %d writes, want nothing more", err, len(m.writes))
			}
		})
	}
}

// TestHandedOut: what was handed out here is acknowledged as it is remembered,
// once; what has moved since, or could not be acknowledged, as it is stored.
func TestHandedOut(t *testing.T) {
	for name, row := range map[string]struct {
		box   relay.Box
		moved error
		spoil bool
		reads int // until it is acknowledged
		want  gateway.Code
	}{
		"remembered":         {box: box},
		"moved since":        {box: box, moved: store.ErrMoved, reads: 2},
		"refused before":     {box: box, spoil: true, reads: 2},
		"another function's": {box: relay.Box{Agency: town, Role: "municipality.exit_team_lead"}, reads: 1, want: gateway.CodeUnknownDelivery},
	} {
		t.Run(name, func(t *testing.T) {
			r, m, s := newRelay(t)
			heading, _, _ := m.Heading(t.Context(), police, jti)
			r.HandOut(relay.HandedOut{Mail: m.items[0], Message: heading})
			m.reads, m.fail, m.failures = 0, row.moved, 1
			q := relay.Receipts{Ack: []string{"d1"}, Received: map[string]string{"d1": received(t, s, nil)}}
			if row.spoil {
				spoilt := relay.Receipts{Ack: q.Ack, Received: map[string]string{"d1": received(t, signer(t), nil)}}
				if err := r.Acknowledge(t.Context(), []relay.Box{box}, spoilt); err == nil || m.reads > 0 {
					t.Fatalf("a stranger's receipt: %v after %d reads", err, m.reads)
				}
			}
			err := r.Acknowledge(t.Context(), []relay.Box{row.box}, q)
			refusal, _ := errors.AsType[*gateway.Refusal](err)
			if row.want != "" && (refusal == nil || refusal.Code != row.want) || row.want == "" && err != nil {
				t.Errorf("got %v, want %q", err, row.want)
			}
			if done := m.items[0].State == store.Done; done != (row.want == "") || m.reads != row.reads {
				t.Errorf("done is %v after %d reads, want %v after %d", done, m.reads, row.want == "", row.reads)
			}
		})
	}
}

// TestSetErrs: a delivery that the recipient could not use ends as refused, with
// an entry that names the code.
func TestSetErrs(t *testing.T) {
	r, m, s := newRelay(t)
	q := relay.Receipts{Failed: map[string]string{"d1": "invalid_key"}, Received: map[string]string{"d1": received(t, s, nil)}}
	if err := r.Acknowledge(t.Context(), []relay.Box{box}, q); err == nil || len(m.writes) > 0 {
		t.Fatal("a token that says received went with an error code")
	}
	q.Received["d1"] = received(t, s, func(e *envelope.Event) { e.Type = envelope.SealedContentInvalid })
	if err := r.Acknowledge(t.Context(), []relay.Box{box}, q); err != nil {
		t.Fatal(err)
	}
	if w := m.writes[0]; len(w.Mail) != 1 || string(w.Mail[0].Notice) != q.Received["d1"] || w.Mail[0].Agency != police {
		t.Errorf("the sender is not told what could not be used: %+v", w.Mail)
	}
	if m.items[0].State != store.Refused || m.writes[0].Entries[0].Kind != string(disclosure.DeliveryFailed) {
		t.Errorf("item %q with entry %q, want refused and a failed delivery", m.items[0].State, m.writes[0].Entries[0].Kind)
	}
}

// TestSetErrsUnsigned: without a token of the recipient's the gateway tells the
// sender in its own name.
func TestSetErrsUnsigned(t *testing.T) {
	r, m, _ := newRelay(t)
	if err := r.Acknowledge(t.Context(), []relay.Box{box}, relay.Receipts{Failed: map[string]string{"d1": "invalid_key"}}); err != nil {
		t.Fatal(err)
	}
	if w := m.writes[0]; len(w.Mail) != 1 || w.Mail[0].Agency != police || w.Mail[0].Role != "police.exit_coordinator_regional" ||
		m.items[0].State != store.Refused || w.Entries[0].Kind != string(disclosure.DeliveryFailed) {
		t.Errorf("wrote %+v", w)
	}
}

// TestLogFails: nothing is acknowledged that the log did not take.
func TestLogFails(t *testing.T) {
	r, m, s := newRelay(t)
	m.fail = store.ErrUnknown
	err := r.Acknowledge(t.Context(), []relay.Box{box}, relay.Receipts{Ack: []string{"d1"}, Received: map[string]string{"d1": received(t, s, nil)}})
	if !errors.Is(err, store.ErrUnknown) || m.items[0].State != store.Handed {
		t.Errorf("got %v and %q, want the error of the log and the item as it was", err, m.items[0].State)
	}
	// The item was handed out again between the look and the write: it is looked
	// at once more, and ended.
	m.fail, m.failures = store.ErrMoved, 1
	if err := r.Acknowledge(t.Context(), []relay.Box{box}, relay.Receipts{Ack: []string{"d1"}, Received: map[string]string{"d1": received(t, s, nil)}}); err != nil || m.items[0].State != store.Done {
		t.Errorf("got %v and %q, want done", err, m.items[0].State)
	}
}

// TestWait: what arrives wakes a poll at once, also between look and wait; what
// does not arrive lets it look again after a while.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m, _ := newRelay(t)
		start := time.Now()
		bell := r.Bell(box)
		r.Arrived(m.items)
		if err := r.Wait(t.Context(), bell); err != nil || time.Since(start) > 0 {
			t.Errorf("rung before: %v after %s", err, time.Since(start))
		}
		bell = r.Bell(box)
		go func() { time.Sleep(time.Second); r.Arrived(m.items) }()
		if err := r.Wait(t.Context(), bell); err != nil || time.Since(start) != time.Second {
			t.Errorf("rung later: %v after %s, want 1s", err, time.Since(start))
		}
		r.Arrived([]store.Mail{{Agency: town, Role: "municipality.exit_team_lead"}})
		if err := r.Wait(t.Context(), r.Bell(box)); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("not rung: %v after %s, want 3s", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := r.Wait(ctx, r.Bell(box)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
	})
}

// TestSweep: what nobody fetched in its time ends with an entry, and its sender
// is told; then bodies are purged.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m, _ := newRelay(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		m.mu.Lock()
		if len(m.writes) != 0 || m.purged != 1 {
			t.Errorf("%d writes and %d purges at first, want 0 and 1", len(m.writes), m.purged)
		}
		m.mu.Unlock()
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.items[0].State != store.Expired || m.items[1].State != store.Expired {
			t.Errorf("items are %q and %q, want expired", m.items[0].State, m.items[1].State)
		}
		w := m.writes[0]
		if len(w.Entries) != 1 || w.Entries[0].Kind != string(disclosure.Expired) || len(w.Mail) != 1 || w.Mail[0].Agency != police {
			t.Errorf("expiry wrote %+v, want an entry and a notice to the sender", w)
		}
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v", err)
		}
	})
}

// TestPurged: a sweep that has purged something says so once, however often it
// takes, and one that has not says nothing.
func TestPurged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m, _ := newRelay(t)
		m.items, m.bodies = nil, 3
		m.fail, m.failures = errors.New("full"), 2
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		time.Sleep(150 * time.Second)
		synctest.Wait()
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.writes) != 1 || m.purged != 3 {
			t.Fatalf("%d writes after %d sweeps, want 1 after 3", len(m.writes), m.purged)
		}
		e1, err := disclosure.ParseE1(m.writes[0].Entries[0].E1)
		if err != nil || e1.Kind != disclosure.Purged || e1.Count != 3 || e1.Discloser != "" {
			t.Errorf("entry %+v, %v; want one of 3 bodies", e1, err)
		}
		stop()
		<-done
	})
}

func TestNew(t *testing.T) {
	if _, err := relay.New(relay.Config{}); !errors.Is(err, relay.ErrConfig) {
		t.Errorf("got %v, want ErrConfig", err)
	}
}

// TestWaiting: two polls of one function do not get the same message, and both
// get the notice.
func TestWaiting(t *testing.T) {
	r, _, _ := newRelay(t)
	first, more, done, err := r.Waiting(t.Context(), box, 2)
	if err != nil || len(first) != 2 || !more {
		t.Fatalf("first poll: %d items, more %v, %v; want 2, and perhaps more", len(first), more, err)
	}
	second, _, done2, err := r.Waiting(t.Context(), box, 2)
	if err != nil || len(second) != 1 || second[0].NoticeID != "n1" {
		t.Errorf("second poll: %v, %v; want the notice alone", second, err)
	}
	done2()
	done()
	if third, _, _, err := r.Waiting(t.Context(), box, 1); err != nil || len(third) != 1 || third[0].Message != jti {
		t.Errorf("after the first is done: %v, %v; want the message", third, err)
	}
}

// TestClaimed: what another gateway on the database decides on just now is not
// given out here.
func TestClaimed(t *testing.T) {
	r, m, _ := newRelay(t)
	all, _, done, err := r.Waiting(t.Context(), box, 10)
	if err != nil || len(all) < 2 {
		t.Fatalf("%d items, %v", len(all), err)
	}
	done()
	m.elsewhere = map[int64]bool{all[0].Seq: true}
	rest, _, done, err := r.Waiting(t.Context(), box, 10)
	if err != nil || len(rest) != len(all)-1 || slices.ContainsFunc(rest, func(i store.Mail) bool { return i.Seq == all[0].Seq }) {
		t.Errorf("%v, %v; want all but the first", rest, err)
	}
	done()
	m.elsewhere = nil
	if again, _, _, err := r.Waiting(t.Context(), box, 10); err != nil || len(again) != len(all) {
		t.Errorf("%v, %v; want all", again, err)
	}
}

// TestClaimedBetween: a poll that finds only what others have claimed since it
// counted looks further.
func TestClaimedBetween(t *testing.T) {
	r, m, _ := newRelay(t)
	second := m.items[0]
	second.Seq, second.Message = 99, jti+"2"
	m.items = []store.Mail{m.items[0], second}
	m.between = func() {
		if other, _, _, err := r.Waiting(t.Context(), box, 1); err != nil || len(other) != 1 {
			t.Errorf("the other poll: %v, %v", other, err)
		}
	}
	got, _, done, err := r.Waiting(t.Context(), box, 1)
	if err != nil || len(got) != 1 || got[0].Seq != 99 {
		t.Errorf("%v, %v; want the second item", got, err)
	}
	done()
}
