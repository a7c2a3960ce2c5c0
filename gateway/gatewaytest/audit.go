package gatewaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"sluss/certs/dev"
	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/facts"
	"sluss/gateway/keys"
	"sluss/gateway/relay"
	"sluss/gateway/store"
	"sluss/gateway/store/database"
	"sluss/gateway/store/sqlite"
)

// verdict is what an audit found.
type verdict struct {
	entries  uint64
	lost     int // receipts and acknowledgements that the store does not bear out
	unlogged int // releases that the log does not bear out
	findings []string
}

func (v *verdict) find(n *int, format string, args ...any) {
	if n != nil {
		*n++
	}
	v.findings = append(v.findings, fmt.Sprintf(format, args...))
}

// opened opens a database of which no gateway is the owner: a server's, or a
// directory's with what a killed process left to recover.
func opened(ctx context.Context, place string) (database.Database, error) {
	if database.Server(place) {
		return database.View(ctx, place)
	}
	return sqlite.Open(ctx, sqlite.Config{Dir: place, Reserve: -1})
}

// audit compares the books with the database at a place; the gateway must
// not run. The whole log is verified under the
// pinned key, every table is checked with its content, and everything that a
// client was told must be borne out.
func (w *World) audit(ctx context.Context, b *books, place string) (verdict, error) {
	db, err := opened(ctx, place)
	if err != nil {
		return verdict{}, err
	}
	defer db.Close()
	o, err := w.checking(db)
	if err != nil {
		return verdict{}, err
	}
	policy := o.Policy
	v := &verdict{}
	if _, err := disclosure.Verify(ctx, disclosure.FromStore(db, o.Anchor), disclosure.VerifyOptions{Policy: policy}); err != nil {
		v.find(nil, "log: %v", err)
	}
	found, err := disclosure.Fsck(ctx, db, o)
	if err != nil {
		return *v, err
	}
	v.findings = append(v.findings, found...)
	l, err := readLedger(ctx, db)
	if err != nil {
		return *v, err
	}
	v.entries = uint64(len(l.entries))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, compare := range []func(context.Context, *books, *ledger, disclosure.Policy) error{v.receipts, v.releases, v.acknowledgements} {
		if err := compare(ctx, b, l, policy); err != nil {
			return *v, err
		}
	}
	return *v, nil
}

// Fsck checks a database of the world, and its log against the anchor of w, with
// all keys.
func (w *World) Fsck(ctx context.Context, db database.Database) ([]string, error) {
	o, err := w.checking(db)
	if err != nil {
		return nil, err
	}
	return disclosure.Fsck(ctx, db, o)
}

// pinned returns whose checkpoints every client of the world believes.
func (w *World) pinned() (disclosure.Policy, error) {
	raw, err := os.ReadFile(filepath.Join(w.Dir, "gateway", "pins.json"))
	if err != nil {
		return disclosure.Policy{}, err
	}
	var pins dev.Pins
	if err := json.Unmarshal(raw, &pins); err != nil {
		return disclosure.Policy{}, err
	}
	v, err := note.NewVerifier(pins.Log)
	return disclosure.Policy{Log: v}, err
}

// checking returns what a check of the world's database goes by: what "log fsck"
// is given, with the keys.
func (w *World) checking(db database.Database) (o disclosure.FsckOptions, err error) {
	if o.Policy, err = w.pinned(); err != nil {
		return o, err
	}
	if o.Anchor, err = os.ReadFile(filepath.Join(w.state(), "checkpoint")); err != nil {
		return o, err
	}
	kek, err := keys.LoadKEK("file:" + filepath.Join(w.Dir, "gateway", "kek"))
	if err != nil {
		return o, err
	}
	ring, err := keys.OpenRing(w.ring(), kek)
	if err != nil {
		return o, err
	}
	register, err := facts.New(facts.Config{Store: db, Ring: ring, Tables: func() *facts.Tables { return nil }})
	if err != nil {
		return o, err
	}
	o.Opener, o.Token, o.State = ring, exchange.StoredToken(ring), exchange.StoredState(ring, db, register)
	o.Notice = relay.StoredNotice(ring)
	return o, nil
}

// ledger is what the database says happened.
type ledger struct {
	db       database.Database
	entries  []store.Entry     // without their second parts
	releases map[string]uint64 // delivery id → index of its entry
	acks     map[string]uint64
	stated   map[gateway.MessageID]uint64 // statement → index of its entry
}

// readLedger reads the log up to where entries are missing. What is not sound
// about an entry is for the check of the store to find.
func readLedger(ctx context.Context, db database.Database) (*ledger, error) {
	l := &ledger{db: db, releases: map[string]uint64{}, acks: map[string]uint64{}, stated: map[gateway.MessageID]uint64{}}
	err := db.ScanStatements(ctx, func(s store.Statement) error {
		l.stated[s.ID] = s.Entry
		return nil
	})
	for err == nil {
		page, err := db.Entries(ctx, uint64(len(l.entries)), 256)
		if errors.Is(err, store.ErrNotFound) || err == nil && len(page) == 0 {
			return l, nil
		}
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if e1, err := disclosure.ParseE1(e.E1); err == nil {
				l.index(e1, uint64(len(l.entries)))
			}
			l.entries = append(l.entries, store.Entry{Leaf: e.Leaf, E1: e.E1})
		}
	}
	return nil, err
}

func (l *ledger) index(e1 disclosure.E1, index uint64) {
	switch e1.Kind {
	case disclosure.Release:
		l.releases[e1.Delivery] = index
	case disclosure.Acknowledged:
		l.acks[e1.Delivery] = index
	}
}

// receipts: what was answered with 202 is there, as the receipt says.
func (v *verdict) receipts(ctx context.Context, b *books, l *ledger, p disclosure.Policy) error {
	for digest, a := range b.accepted {
		if why, err := l.bearsOut(ctx, digest, a, p); err != nil {
			return err
		} else if why != "" {
			v.find(&v.lost, "message %s: %s", a.ID, why)
		}
	}
	return nil
}

// bearsOut says in what the ledger does not bear out a receipt, or "".
func (l *ledger) bearsOut(ctx context.Context, digest gateway.Digest, a receipt, p disclosure.Policy) (string, error) {
	if len(a.Leaf) != 64 {
		return "its receipt names no leaf", nil
	}
	leaf := [64]byte(a.Leaf)
	e1, err := disclosure.CheckE1(a.E1, leaf)
	kind := disclosure.MessageAccepted
	if a.statement {
		kind = disclosure.StatementAdmitted
	}
	if err != nil || e1.Kind != kind || e1.Message != a.ID || e1.Digest == nil || *e1.Digest != digest {
		return "its receipt is not about the bytes that were sent", nil
	}
	if proven, err := disclosure.VerifyProof([]byte(a.Proof), leaf, p); err != nil || proven.Index != a.Entry {
		return "the proof in its receipt does not verify", nil
	}
	if a.Entry >= uint64(len(l.entries)) || l.entries[a.Entry].Leaf != leaf || !bytes.Equal(l.entries[a.Entry].E1, a.E1) {
		return fmt.Sprintf("acknowledged as entry %d, which is not there or another", a.Entry), nil
	}
	row, entry, err := l.db.Message(ctx, e1.Discloser, a.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && (row.Digest != digest || entry != a.Entry) {
		return "acknowledged, and its row is not there or another", nil
	}
	if err != nil {
		return "", err
	}
	if a.statement {
		if entry, ok := l.stated[a.ID]; !ok || entry != a.Entry {
			return "acknowledged, and not in the register", nil
		}
		return "", nil
	}
	return l.inMailbox(ctx, e1.Discloser, a.ID)
}

// inMailbox says why a message does not reach who it is for, or "".
func (l *ledger) inMailbox(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (string, error) {
	mail, err := l.db.MailOf(ctx, iss, id)
	if err == nil && len(mail) == 0 {
		return "acknowledged, and in no mailbox", nil
	}
	for _, m := range mail {
		if m.State == store.Expired || m.State == store.Refused {
			return "acknowledged, and its mailbox item is " + string(m.State), err
		}
	}
	return "", err
}

// releases: what a client got is in the log, as it got it.
func (v *verdict) releases(_ context.Context, b *books, l *ledger, p disclosure.Policy) error {
	for id, r := range b.released {
		index, ok := l.releases[id]
		if !ok {
			v.find(&v.unlogged, "delivery %s: released without an entry", id)
			continue
		}
		e := l.entries[index]
		e1, err := disclosure.ParseE1(e.E1)
		if err != nil || !bytes.Equal(e.E1, r.e1) || !bytes.Equal(e.Leaf[:], r.leaf) || e1.SDHash == nil || *e1.SDHash != r.sdHash {
			v.find(&v.unlogged, "delivery %s: entry %d is about another release", id, index)
			continue
		}
		if proven, err := disclosure.VerifyProof([]byte(r.proof), e.Leaf, p); err != nil || proven.Index != index {
			v.find(&v.unlogged, "delivery %s: its proof does not verify", id)
		}
	}
	return nil
}

// acknowledgements: what a client was told is over is over.
func (v *verdict) acknowledgements(ctx context.Context, b *books, l *ledger, _ disclosure.Policy) error {
	for id, a := range b.acked {
		mail, err := l.db.MailByDelivery(ctx, a.agency, []string{id})
		if err != nil {
			return err
		}
		_, entered := l.acks[id]
		if len(mail) != 1 || mail[0].State != store.Done || mail[0].Message != "" && !entered {
			v.find(&v.lost, "delivery %s: its acknowledgement is lost", id)
		}
	}
	return nil
}
