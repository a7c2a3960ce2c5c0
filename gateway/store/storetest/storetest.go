// Package storetest holds a [store.Store] to its contract. A backend calls
// [Run] from its own tests; package disclosure and the steps above it use
// [Faulty], a store that fails at any step in the two ways that matter.
//
// The suite makes its rows itself; bodies carry the word CANARY.
package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluss/gateway"
	"sluss/gateway/store"
)

// Limits are the quotas that a store under test is opened with.
type Limits struct{ Mailbox, Sender int }

// Open opens the store in dir, or opens it again.
type Open func(t *testing.T, dir string, l Limits) store.Store

// Run runs the suite. Each test has a directory of its own and ends with
// store.Check finding nothing.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*suite){
		"Empty": empty, "ReadBack": readBack, "RolledBack": rolledBack, "LeftOutWhole": leftOutWhole, "Order": order,
		"Duplicate": duplicate, "Replay": replay, "Versions": versions, "Invalid": invalid, "HandOut": handOut,
		"Mailbox": mailbox, "Quota": quota, "Expiry": expiry, "Purge": purge, "Tiles": tiles, "Ranges": ranges, "Texts": texts,
		"Search": search, "Under": under, "Reopen": reopen, "Documents": documents, "Published": published, "Leases": leases, "Concurrent": concurrent, "HungUp": hungUp, "Big": big,
		"Copy": copying, "CopyBroken": copyBroken,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{T: t, open: open, dir: t.TempDir(), limits: Limits{1000, 1000}}
			s.reopen()
			test(s)
			s.sound()
			s.Store.Close()
		})
	}
}

type suite struct {
	*testing.T
	store.Store
	open   Open
	dir    string
	limits Limits
	n      int
}

func (s *suite) reopen() {
	s.Helper()
	if s.Store != nil {
		if err := s.Close(); err != nil {
			s.Fatalf("Close: %v", err)
		}
	}
	s.Store = s.open(s.T, s.dir, s.limits)
}

// sound checks that the store finds nothing wrong with itself.
func (s *suite) sound() {
	s.Helper()
	found, err := s.Check(s.Context())
	if err != nil || len(found) > 0 {
		s.Errorf("Check = %q, %v", found, err)
	}
}

// now is the time of everything in the suite.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const (
	sender    = gateway.AgencyID("police")
	recipient = gateway.AgencyID("municipality:0180")
	role      = gateway.Role("municipality.social_worker")
	other     = gateway.Role("municipality.unit_head")
	kind      = gateway.MessageType("exit.intake")
)

// Grow grows a stand-in for the tree: the root is a chain of digests and the
// one tile holds the number of leaves. Package disclosure has the real one.
func Grow(head store.Head, leaves [][64]byte, _ store.TileReader) (store.Growth, error) {
	h := sha256.New()
	h.Write(head.Root[:])
	for _, l := range leaves {
		h.Write(l[:])
	}
	size := head.Size + uint64(len(leaves))
	tile := store.Tile{Level: 0, Index: 0, Hashes: fmt.Appendf(nil, "%032d", size)}
	return store.Growth{
		Head:  store.Head{Size: size, Root: gateway.Digest(h.Sum(nil)), Time: now},
		Tiles: []store.Tile{tile},
	}, nil
}

// entry makes an entry of a kind.
func (s *suite) entry(kind string) store.Entry {
	s.n++
	text := fmt.Sprintf("CANARY %s %d", kind, s.n)
	sum := sha256.Sum256([]byte(text))
	return store.Entry{
		Leaf: [64]byte(append(sum[:], sum[:]...)), E1: []byte(text), E2: []byte("sealed " + text), Key: "k1", Kind: kind, Time: now,
		Discloser: sender, Recipient: recipient, Subject: "AAAAAAAAAAAAAAAAAAAAAA", Case: "BBBBBBBBBBBBBBBBBBBBBA",
	}
}

func (s *suite) id() gateway.MessageID {
	s.n++
	return gateway.MessageID(fmt.Sprintf("urn:uuid:019abcde-0000-7000-8000-%012x", s.n))
}

// submit makes the write that takes a message in.
func (s *suite) submit(id gateway.MessageID) store.Write {
	body := "CANARY body of " + string(id)
	return store.Write{
		Message: &store.Message{
			Issuer: sender, ID: id, Digest: gateway.DigestOf([]byte(body)), To: recipient, Sender: "police.investigator", Type: kind,
			Subject: "AAAAAAAAAAAAAAAAAAAAAA", Issued: now, Expires: now.Add(time.Hour), Body: []byte(body), Key: "k1",
		},
		Mail: []store.Mail{{
			Agency: recipient, Role: role, Issuer: sender, Message: id, Expires: now.Add(time.Hour), State: store.Waiting,
		}},
		Entries: []store.Entry{s.entry(store.KindAccepted)},
	}
}

// handing makes the write that hands an item out.
func (s *suite) handing(m store.Mail, delivery string, until time.Time) store.Write {
	m.State, m.Delivery, m.Lease, m.Token = store.Handed, delivery, until, gateway.DigestOf([]byte(delivery))
	return store.Write{Change: []store.MailChange{{Mail: m}}, Entries: []store.Entry{s.entry(store.KindRelease)}}
}

// changing makes a write that moves an item on.
func (s *suite) changing(m store.Mail, state store.MailState) store.Write {
	m.State = state
	return store.Write{Change: []store.MailChange{{Mail: m}}, Entries: []store.Entry{s.entry("acknowledged")}}
}

// commit commits a batch that must succeed as a whole.
func (s *suite) commit(batch ...store.Write) []store.Result {
	s.Helper()
	results, err := s.Commit(s.Context(), batch, Grow)
	if err != nil {
		s.Fatalf("Commit: %v", err)
	}
	if len(results) != len(batch) {
		s.Fatalf("Commit gave %d results for %d writes", len(results), len(batch))
	}
	return results
}

// must commits writes that must be accepted.
func (s *suite) must(batch ...store.Write) []store.Result {
	s.Helper()
	results := s.commit(batch...)
	for i, r := range results {
		if r.Err != nil {
			s.Fatalf("write %d: %v", i, r.Err)
		}
	}
	return results
}

// refused commits one write that must be left out.
func (s *suite) refused(w store.Write, want error) store.Result {
	s.Helper()
	r := s.commit(w)[0]
	if !errors.Is(r.Err, want) {
		s.Errorf("write gave %v, want %v", r.Err, want)
	}
	return r
}

func (s *suite) size() uint64 {
	s.Helper()
	h, err := s.Head(s.Context())
	if err != nil {
		s.Fatalf("Head: %v", err)
	}
	return h.Size
}

// items are the seqs that Mailbox lists at a time.
func (s *suite) items(at time.Time, limit int, roles ...gateway.Role) []store.Mail {
	s.Helper()
	list, err := s.Mailbox(s.Context(), recipient, roles, at, limit)
	if err != nil {
		s.Fatalf("Mailbox: %v", err)
	}
	return list
}

func (s *suite) same(what string, got, want any) {
	s.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		s.Errorf("%s (-want +got):\n%s", what, d)
	}
}
