package disclosure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

// Checkable is a store whose every row can be read.
type Checkable interface {
	store.Store
	store.Scanner
}

// FsckOptions say what a check of a store goes by. The zero value checks all
// that needs no key.
type FsckOptions struct {
	// Anchor is the content of the anchor file, verified with Policy. Without it
	// a log that was replaced as a whole is not noticed.
	Anchor []byte
	Policy Policy
	// Opener decrypts second parts, which are then compared with their leaves.
	Opener Opener
	// Token decrypts a message and returns the digest of the token and the
	// functions that it is addressed to, if it is; it is not called for one whose
	// body was purged.
	Token func(store.Message) (gateway.Digest, []gateway.Role, error)
	// Notice verifies that a gateway put a notice where it lies.
	Notice func(store.Mail) error
	// State verifies a state row: its MAC, and its digest over its statements.
	State func(context.Context, store.State) error
	// Now is the time of the check, which says what retention may have taken.
	// Default time.Now().
	Now time.Time
	// Progress is told how many of the log's entries are done.
	Progress func(done, total uint64)
}

// shortest is the shortest time that an entry's content is kept.
const shortest = 2 * 365 * 24 * time.Hour

// maxFindings is where Fsck stops wording what it finds.
const maxFindings = 200

// Fsck checks a store against itself and the log: every row's references and
// checksum (Check of the store), every entry against its leaf, every search
// column against its entry, every tile and the head against the leaves, each
// message and statement against the entry that took it in, each item that was
// handed out against its release, each release against the policy active at
// that point. The findings hold no content; none means that all is well. An
// error means that the check could not be made.
func Fsck(ctx context.Context, s Checkable, o FsckOptions) ([]string, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	// What the log says of rows holds for the entries that were there before the
	// rows were read, on a store in use.
	head, err := s.Head(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.Check(ctx)
	if err != nil {
		return nil, err
	}
	f := &fsck{ctx: ctx, s: s, o: o, found: found, since: head.Size, kept: map[gateway.Digest]bool{}, stated: map[string]int64{},
		rows: map[uint64]bool{}, content: map[gateway.MessageID]bool{}, addressed: map[mailbox]bool{}, versions: map[string]int64{}, reported: map[string]Kind{}, said: map[string]Kind{},
		expired: map[gateway.MessageID]bool{}, ended: map[gateway.MessageID]bool{}}
	// The log comes last: on a store in use, it then has at least the entries
	// that the rows read before rest on.
	for _, step := range []func() error{f.anchor, f.published, f.messages, f.statements, f.mail, f.states, f.log, f.reports} {
		if err := step(); err != nil {
			return f.found, fmt.Errorf("checking store: %w", err)
		}
	}
	return f.found, nil
}

type fsck struct {
	ctx   context.Context
	s     Checkable
	o     FsckOptions
	found []string

	since  uint64 // entries from here on may have come after the rows were read
	latest time.Time
	batch  uint64 // where the batch of the entry before ends

	// What the rows say, for the log to be compared with.
	rows      map[uint64]bool            // entries that a message names
	kept      map[gateway.Digest]bool    // statements
	stated    map[string]int64           // state → number of its statements
	content   map[gateway.MessageID]bool // messages whose content was opened
	addressed map[mailbox]bool           // mailboxes that messages are for → whether they are there
	reported  map[string]Kind            // delivery → what the mailbox says the recipient reported
	expired   map[gateway.MessageID]bool // messages that a mailbox says have ended before their time

	// What the log says.
	active      *gateway.Digest // snapshot
	unknown     bool            // which one is active: retention has taken its entry
	activations [2]int64        // of the policy: before since, and in all
	directories [2]int64        // changes of the directory, the same
	said        map[string]Kind // delivery → what an entry says of it
	ended       map[gateway.MessageID]bool

	versions map[string]int64 // of the states
}

// mailbox is one that a message is for.
type mailbox struct {
	message gateway.MessageID
	issuer  gateway.AgencyID
	role    gateway.Role
}

// linger is how long rows stay at least after their message has expired.
const linger = 30 * 24 * time.Hour

func (f *fsck) find(format string, args ...any) {
	if len(f.found) < maxFindings {
		f.found = append(f.found, fmt.Sprintf(format, args...))
	}
}

// anchor compares the stored log with what was published.
func (f *fsck) anchor() error {
	if f.o.Anchor == nil {
		return nil
	}
	tip, err := OpenCheckpoint(f.o.Anchor, f.o.Policy)
	if err == nil {
		err = holds(f.ctx, f.s, tip)
	}
	switch {
	case errors.Is(err, ErrProof), errors.Is(err, ErrRollback), errors.Is(err, ErrFork), errors.Is(err, store.ErrNotFound):
		f.find("log: %v", err)
		return nil
	}
	return err
}

// published compares what is stored as published with the log.
func (f *fsck) published() error {
	note, err := f.s.Published(f.ctx)
	if errors.Is(err, store.ErrNotFound) || err == nil && f.o.Policy.Log == nil {
		return nil
	}
	if err != nil {
		return err
	}
	tip, err := OpenCheckpoint(note, f.o.Policy)
	if err == nil {
		err = holds(f.ctx, f.s, tip)
	}
	switch {
	case errors.Is(err, ErrProof), errors.Is(err, ErrRollback), errors.Is(err, ErrFork), errors.Is(err, store.ErrNotFound):
		f.find("published: %v", err)
		return nil
	}
	return err
}

// log reads all entries, and makes the tree again from their leaves.
func (f *fsck) log() error {
	head, err := f.s.Head(f.ctx)
	if err != nil {
		return err
	}
	v := &verification{tree: &tree{}, tile: f.tile}
	for v.tree.size < head.Size {
		from := v.tree.size
		page, err := f.s.Entries(f.ctx, from, int(min(tileWidth, head.Size-from)))
		if errors.Is(err, store.ErrNotFound) || err == nil && len(page) == 0 {
			f.find("log: entries from %d on are missing", from)
			return nil
		}
		if err != nil {
			return err
		}
		leaves := make([][64]byte, len(page))
		for i, e := range page {
			leaves[i] = e.Leaf
			f.entry(from+uint64(i), e)
		}
		if err := v.add(leaves); errors.Is(err, ErrProof) || errors.Is(err, store.ErrNotFound) {
			f.find("log: %v", err)
		} else if err != nil {
			return err
		}
		if f.o.Progress != nil {
			f.o.Progress(v.tree.size, head.Size)
		}
	}
	if gateway.Digest(v.tree.root()) != head.Root {
		f.find("head: root is not that of the entries")
	}
	return nil
}

func (f *fsck) tile(t store.Tile, width int) ([]byte, error) {
	return storeSource{store: f.s}.Tile(f.ctx, t.Level, t.Index, width)
}

// entry compares one entry with its leaf and its columns.
func (f *fsck) entry(index uint64, e store.Entry) {
	if index < f.batch && e.Batch != f.batch {
		f.find("entry %d: not of the batch that it is in", index)
	}
	f.batch = e.Batch
	f.count(index, Kind(e.Kind))
	if len(e.E1) == 0 && len(e.E2) == 0 && e.Key == "" {
		if e.Time.After(f.o.Now.Add(-shortest)) {
			f.find("entry %d: content is gone before its time", index)
		}
		if Kind(e.Kind) == PolicyActivated { // which one, nobody knows any more
			f.active, f.unknown = nil, true
		}
		return // retention has taken the content; the leaf stays
	}
	e1, err := CheckE1(e.E1, e.Leaf)
	if err != nil {
		f.find("entry %d: %v", index, err)
		return
	}
	if string(e1.Kind) != e.Kind || !e1.Time.Equal(e.Time) || e1.Discloser != e.Discloser || e1.Recipient != e.Recipient {
		f.find("entry %d: a column is not what the entry says", index)
	}
	if f.o.Opener != nil {
		_, e2, err := Open(e, f.o.Opener)
		if err != nil {
			f.find("entry %d: second part does not open or is not what the leaf was made from", index)
		} else if e2.Subject != e.Subject || e2.Case != e.Case {
			f.find("entry %d: a column is not what the entry says", index)
		}
	}
	if e.Time.Before(f.latest.Add(-skew)) {
		f.find("entry %d: time goes back", index)
	}
	if e.Time.After(f.latest) {
		f.latest = e.Time
	}
	f.follow(index, e1)
}

// count counts what brings each version of directory and policy.
func (f *fsck) count(index uint64, k Kind) {
	for kind, n := range map[Kind]*[2]int64{PolicyActivated: &f.activations, DirectoryChanged: &f.directories} {
		if k == kind {
			n[1]++
			if index < f.since {
				n[0]++
			}
		}
	}
}

// follow keeps what later entries and rows depend on.
func (f *fsck) follow(index uint64, e1 E1) {
	if e1.Kept != nil && index < f.since && !f.kept[*e1.Kept] {
		f.find("entry %d: the statement that was kept with it is gone", index)
	}
	if e1.Digest != nil && e1.Expires > 0 && index < f.since && !f.rows[index] && time.Unix(e1.Expires, 0).Add(linger).After(f.o.Now) {
		f.find("entry %d: what was taken in with it is gone before its time", index)
	}
	switch e1.Kind {
	case Expired, Withheld:
		f.ended[e1.Message] = true
	case PolicyActivated:
		f.active, f.unknown = e1.Snapshot, false
	case Release:
		if !f.unknown && (f.active == nil || *f.active != *e1.Snapshot) {
			f.find("entry %d: released under a policy that was not active", index)
		}
	case Acknowledged, DeliveryFailed:
		if _, ok := f.reported[e1.Delivery]; ok {
			f.said[e1.Delivery] = e1.Kind
		}
	}
}

// reports compares what rows and log say of deliveries, of ends, and of what is
// in force.
func (f *fsck) reports() error {
	for id := range f.expired {
		if !f.ended[id] {
			f.find("mail: message %s has ended before its time, but no entry says so", id)
		}
	}
	for _, s := range []struct {
		name string
		n    [2]int64
		each bool // version has one entry
	}{{"policy", f.activations, true}, {"directory", f.directories, false}} {
		v, ok := f.versions[s.name]
		if ok && (v > s.n[1] || s.each && v < s.n[0]) || s.n[0] > 0 && v == 0 {
			f.find("state: the version of the %s is not that of the log", s.name)
		}
	}
	for d, k := range f.reported {
		if f.said[d] != k {
			f.find("mail: a delivery is %s, but no entry says so", k)
		}
	}
	return nil
}

// of reads the entry that a row names; false when it is gone or not readable,
// which was found before.
func (f *fsck) of(index uint64) (E1, bool, error) {
	e, err := f.s.Entry(f.ctx, index)
	if errors.Is(err, store.ErrNotFound) {
		return E1{}, false, nil
	}
	if err != nil {
		return E1{}, false, err
	}
	e1, err := ParseE1(e.E1)
	return e1, err == nil, nil
}

func (f *fsck) messages() error {
	return f.s.ScanMessages(f.ctx, func(m store.Message, entry uint64) error {
		f.rows[entry] = true
		e1, ok, err := f.of(entry)
		if err != nil || !ok {
			return err
		}
		issuer, to := e1.Discloser, e1.Recipient
		if e1.Kind == RequestReceived { // sent by who is to receive, to who is to disclose
			issuer, to = to, issuer
		}
		if e1.Message != m.ID || issuer != m.Issuer || e1.Type != m.Type || e1.Digest == nil || *e1.Digest != m.Digest {
			f.find("message %s: not the one that entry %d took in", m.ID, entry)
		}
		if to != m.To {
			f.find("message %s: recipient is not that of entry %d", m.ID, entry)
		}
		if e1.Kind != RequestReceived && (!m.Issued.Equal(time.Unix(e1.Issued, 0)) || !m.Expires.Equal(time.Unix(e1.Expires, 0))) {
			f.find("message %s: times are not those of entry %d", m.ID, entry)
		}
		if f.o.Token != nil && m.Key != "" {
			d, roles, err := f.o.Token(m)
			if err != nil || d != m.Digest {
				f.find("message %s: body does not open or is not what was sent", m.ID)
			}
			f.content[m.ID] = len(roles) > 0
			for _, role := range roles {
				f.addressed[mailbox{m.ID, m.Issuer, role}] = false
			}
		}
		return nil
	})
}

func (f *fsck) statements() error {
	return f.s.ScanStatements(f.ctx, func(st store.Statement) error {
		f.kept[st.Digest] = true
		f.stated[st.State]++
		e1, ok, err := f.of(st.Entry)
		if err != nil || !ok {
			return err
		}
		stated := e1.Message == st.ID && e1.Discloser == st.Issuer
		if e1.Kind != StatementAdmitted { // a note of the gateway's about who asked or read
			stated = e1.Recipient == st.Issuer || e1.Kind == Release
		}
		if !stated || e1.Type != st.Type || e1.Kept == nil || *e1.Kept != st.Digest {
			f.find("statement %s: not the one that entry %d admitted", st.ID, st.Entry)
		}
		return nil
	})
}

func (f *fsck) mail() error {
	given, err := f.s.LastMail(f.ctx)
	if err != nil {
		return err
	}
	n := &numbers{f: f}
	err = f.s.ScanMail(f.ctx, func(m store.Mail) error {
		if err := n.next(m); err != nil {
			return err
		}
		if m.Message == "" {
			if f.o.Notice != nil && f.o.Notice(m) != nil {
				f.find("mail %d: the notice was not put there by a gateway", m.Seq)
			}
			return nil
		}
		to := mailbox{m.Message, m.Issuer, m.Role}
		if _, known := f.addressed[to]; known {
			f.addressed[to] = true
		} else if f.opened(m) {
			f.find("mail %d: in a mailbox that the message is not for", m.Seq)
		}
		if m.State == store.Expired && m.Expires.After(f.o.Now) {
			f.expired[m.Message] = true
		}
		if m.Delivery == "" {
			return nil
		}
		e1, ok, err := f.of(m.Entry)
		if err != nil || !ok {
			return err
		}
		if e1.Kind != Release || e1.Delivery != m.Delivery || e1.Message != m.Message || e1.Discloser != m.Issuer ||
			e1.Recipient != m.Agency || e1.Role != m.Role || e1.SDHash == nil || *e1.SDHash != m.Token {
			f.find("mail %d: entry %d is not the release that was handed out", m.Seq, m.Entry)
		}
		switch m.State {
		case store.Done:
			f.reported[m.Delivery] = Acknowledged
		case store.Refused:
			f.reported[m.Delivery] = DeliveryFailed
		}
		return nil
	})
	if err != nil {
		return err
	}
	for to, there := range f.addressed {
		if !there {
			f.find("message %s: not in a mailbox that it is for", to.message)
		}
	}
	return n.end(given)
}

// opened reports whether the content of an item's message was opened, so that it
// is known whom it is for.
func (f *fsck) opened(m store.Mail) bool { return f.content[m.Message] }

func (f *fsck) states() error {
	var all []store.State
	err := f.s.ScanStates(f.ctx, func(st store.State) error {
		all = append(all, st)
		return nil
	})
	if err != nil {
		return err
	}
	for i, st := range all {
		f.versions[st.Name] = st.Version
		if f.stated[st.Name] > st.Version {
			f.find("state %d: more statements than its version has", i)
		}
		if f.o.State != nil && f.o.State(f.ctx, st) != nil {
			f.find("state %d: does not verify", i)
		}
	}
	return nil
}
