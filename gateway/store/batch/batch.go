// Package batch is what the backends of package store have in common: how the
// rows of the contract are kept, and how a batch of writes is judged.
//
// A backend begins its transaction and takes the head's lock, reads the rows
// that the writes name ([NamesOf]) and gives them to a [Batch]. [Batch.Judge]
// decides in memory, in order, which writes are accepted, as if each came after
// the one before; [Batch.Grow] has the tree grown by their leaves. What is then
// in the Batch's tables the backend writes, and commits. A write that conflicts
// has touched nothing, so there is nothing to roll back for it.
//
// Every row carries a checksum over its columns ([Sum]), which finds damage and
// careless edits and is the same in every database, as are the statements that
// must hold between rows ([References]). It is no protection against a person who
// can write the database: that is what the log's tree, the signed statements and
// the encryption are for.
package batch

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"sluss/gateway"
	"sluss/gateway/store"
)

// Batch is what a Commit has found and decided: first the rows that its
// writes name, kept up to date as writes are accepted, so that the next one is
// judged as if it came later; then the rows to write.
type Batch struct {
	Head    HeadRow
	Results []store.Result
	Any     bool // something is to be written

	// What is accepted.
	Entries    []store.Indexed
	Tiles      []store.Tile
	Replays    []ReplayRow
	Messages   []MessageRow
	Statements []store.Statement
	States     map[string]store.State
	Documents  map[string]store.Document
	Mail       []store.Mail
	Changed    map[int64]store.Mail

	// What the writes name.
	state     map[string]int64 // version
	replayed  map[string]bool
	message   map[Key]MessageRow
	statement map[Key]store.Statement
	item      map[int64]store.Mail

	closed []Box // mailboxes in which the last write closed a message
}

// Key is the primary key of a message, and of a statement.
type Key struct {
	ID     gateway.MessageID
	Issuer gateway.AgencyID
}

// Box is a mailbox: an agency's function.
type Box struct {
	Agency gateway.AgencyID
	Role   gateway.Role
}

// Names are the keys of the rows that writes name, each once per time it is
// named.
type Names struct {
	States, Replays      []string
	Messages, Statements []Key
	Items                []int64
}

// NamesOf lists what writes name, without those that do not hold together.
func NamesOf(writes []store.Write) (n Names) {
	for _, w := range writes {
		if whole(&w) != nil {
			continue
		}
		for _, st := range w.Expect {
			n.States = append(n.States, st.Name)
		}
		for _, st := range w.Set {
			n.States = append(n.States, st.Name)
		}
		if w.Replay != "" {
			n.Replays = append(n.Replays, w.Replay)
		}
		if w.Message != nil {
			n.Messages = append(n.Messages, Key{w.Message.ID, w.Message.Issuer})
		}
		for _, st := range w.Statements {
			n.Statements = append(n.Statements, Key{st.ID, st.Issuer})
		}
		for _, c := range w.Change {
			n.Items = append(n.Items, c.Seq)
		}
	}
	return n
}

// New returns a Batch on a head that was read under the head's lock.
func New(head HeadRow) *Batch {
	return &Batch{
		Head: head, States: map[string]store.State{}, Documents: map[string]store.Document{}, Changed: map[int64]store.Mail{},
		state: map[string]int64{}, replayed: map[string]bool{}, message: map[Key]MessageRow{},
		statement: map[Key]store.Statement{}, item: map[int64]store.Mail{},
	}
}

// FoundState takes note of a state that a write names. Like what the other Found
// methods take it was read under the head's lock.
func (b *Batch) FoundState(s store.State) { b.state[s.Name] = s.Version }

// FoundReplay takes note of a single-use identifier that was used before.
func (b *Batch) FoundReplay(r ReplayRow) { b.replayed[r.ID] = true }

// FoundMessage takes note of a message that is there; its body need not be read.
func (b *Batch) FoundMessage(m MessageRow) { b.message[Key{m.ID, m.Issuer}] = m }

// FoundStatement takes note of a statement that is there; its body need not be
// read.
func (b *Batch) FoundStatement(s store.Statement) { b.statement[Key{s.ID, s.Issuer}] = s }

// FoundItem takes note of a mailbox item that a write changes.
func (b *Batch) FoundItem(m store.Mail) { b.item[m.Seq] = m }

// Quota knows how much mailboxes and senders hold.
type Quota interface {
	// Over reports whether w would bring a mailbox or its sender over the limit.
	// Notices are not counted: they answer messages that were, and an
	// acknowledgement must never be refused because somebody's mailbox is full.
	Over(w *store.Write) (bool, error)
	// Count is told of an accepted write and of the mailboxes in which it ended
	// a message.
	Count(w *store.Write, closed []Box)
}

// Judge decides, in order, which of the writes are accepted. While full, only
// what may use reserved space is. It writes nothing.
func (b *Batch) Judge(writes []store.Write, full bool, q Quota) error {
	b.Results = make([]store.Result, len(writes))
	for i := range writes {
		w, r := &writes[i], &b.Results[i]
		r.Err = b.conflict(w, r)
		if r.Err == nil && full && !w.Reserved {
			r.Err = store.ErrFull
		}
		if r.Err == nil {
			over, err := q.Over(w)
			if err != nil {
				return err
			}
			if over {
				r.Err = store.ErrQuota
			}
		}
		if r.Err == nil {
			b.closed = b.closed[:0]
			r.Index = b.accept(w)
			q.Count(w, b.closed)
		}
	}
	return nil
}

// Grow has the tree grown by the leaves accepted and takes over what comes of
// it, into Head, Tiles and Entries. Without leaves it asks nothing.
func (b *Batch) Grow(grow store.Grow, tiles store.TileReader) error {
	if len(b.Entries) == 0 {
		return nil
	}
	leaves := make([][64]byte, len(b.Entries))
	for i, e := range b.Entries {
		leaves[i] = e.Leaf
	}
	head := store.Head{Size: b.Head.Size, Root: b.Head.Root, Time: b.Head.Time}
	growth, err := grow(head, leaves, tiles)
	if err != nil {
		return err
	}
	if growth.Head.Size != head.Size+uint64(len(leaves)) || growth.Head.Time.Before(head.Time) {
		return fmt.Errorf("growing tree: size %d and %d leaves make size %d", head.Size, len(leaves), growth.Head.Size)
	}
	b.Head.Size, b.Head.Root, b.Head.Time = growth.Head.Size, growth.Head.Root, growth.Head.Time
	b.Tiles = growth.Tiles
	for i := range b.Entries {
		b.Entries[i].Batch = growth.Head.Size
	}
	return nil
}

// conflict returns what keeps w from being written, or nil. A message or
// statement that is there already goes first, and is put into r.
func (b *Batch) conflict(w *store.Write, r *store.Result) error {
	if err := whole(w); err != nil {
		return err
	}
	if w.Message != nil {
		if m, ok := b.message[Key{w.Message.ID, w.Message.Issuer}]; ok {
			m.Body = nil
			r.Existing, r.Entry = &m.Message, m.Entry
			return store.ErrDuplicate
		}
	}
	for _, st := range w.Statements {
		if old, ok := b.statement[Key{st.ID, st.Issuer}]; ok {
			r.Existing = &store.Message{Issuer: old.Issuer, ID: old.ID, Digest: old.Digest, Type: old.Type}
			r.Entry = old.Entry
			return store.ErrDuplicate
		}
	}
	if w.Replay != "" && b.replayed[w.Replay] {
		return store.ErrReplayed
	}
	for _, st := range w.Expect {
		if b.state[st.Name] != st.Version {
			return store.ErrMoved
		}
	}
	for _, st := range w.Set {
		if b.state[st.Name]+1 != st.Version {
			return store.ErrMoved
		}
	}
	return b.moved(w)
}

// moved returns [store.ErrMoved] when a mailbox item is not as w found it.
func (b *Batch) moved(w *store.Write) error {
	for _, c := range w.Change {
		old, ok := b.item[c.Seq]
		if !ok || old.Version != c.Version {
			return store.ErrMoved
		}
		again := old.State == store.Handed && old.Delivery == c.Delivery && old.Token == c.Token
		if c.State == store.Handed && len(w.Entries) == 0 && !again {
			return fmt.Errorf("%w: handed out without an entry", store.ErrInvalid)
		}
	}
	return nil
}

// whole returns [store.ErrInvalid] when w does not hold together by itself.
func whole(w *store.Write) error {
	if !texts(w) {
		return fmt.Errorf("%w: text that is not UTF-8, or holds a NUL", store.ErrInvalid)
	}
	needs := w.Message != nil || len(w.Statements) > 0 || len(w.Mail) > 0
	if needs && len(w.Entries) == 0 {
		return fmt.Errorf("%w: rows without an entry", store.ErrInvalid)
	}
	if w.Reserved && (needs || len(w.Set)+len(w.Change) > 0 || w.Replay != "") {
		return fmt.Errorf("%w: reserved space is for entries alone", store.ErrInvalid)
	}
	set := make(map[string]bool, len(w.Set))
	for _, st := range w.Set {
		if st.Name == "" || set[st.Name] {
			return fmt.Errorf("%w: a state without a name of its own", store.ErrInvalid)
		}
		set[st.Name] = true
	}
	for _, d := range w.Documents {
		if !slices.ContainsFunc(w.Set, func(st store.State) bool { return st.Name == d.Name && st.Version == d.Version }) {
			return fmt.Errorf("%w: a document without its state", store.ErrInvalid)
		}
	}
	item := make(map[int64]bool, len(w.Change))
	for _, c := range w.Change {
		if item[c.Seq] {
			return fmt.Errorf("%w: one item changed twice", store.ErrInvalid)
		}
		item[c.Seq] = true
	}
	for _, m := range w.Mail {
		if m.Agency == "" || m.Role == "" || m.State != store.Waiting || (m.Message == "") == (m.NoticeID == "") {
			return fmt.Errorf("%w: mail that is neither message nor notice, or does not wait", store.ErrInvalid)
		}
	}
	return nil
}

// texts reports whether every database can hold the texts of w.
func texts(w *store.Write) bool {
	ok := IsText(w.Replay) && (w.Message == nil || isTexts(Messages, MessageRow{Message: *w.Message}))
	for _, e := range w.Entries {
		ok = ok && isTexts(Entries, store.Indexed{Entry: e})
	}
	for _, s := range w.Statements {
		ok = ok && isTexts(Statements, s)
	}
	for _, s := range slices.Concat(w.Expect, w.Set) {
		ok = ok && IsText(s.Name)
	}
	for _, m := range w.Mail {
		ok = ok && isTexts(Mail, m)
	}
	for _, c := range w.Change {
		ok = ok && IsText(c.Delivery) && IsText(string(c.State))
	}
	return ok
}

func isTexts[T any](t Table[T], v T) bool {
	return !slices.ContainsFunc(t.Values(v), func(v any) bool { s, ok := v.(string); return ok && !IsText(s) })
}

// IsText reports whether every database can hold s as text: UTF-8 without NUL.
func IsText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// accept takes w into the batch and returns the index of its first entry.
func (b *Batch) accept(w *store.Write) uint64 {
	first := b.Head.Size + uint64(len(b.Entries))
	b.Any = b.Any || len(w.Entries)+len(w.Set)+len(w.Change) > 0 || w.Replay != ""
	for i, e := range w.Entries {
		b.Entries = append(b.Entries, store.Indexed{Index: first + uint64(i), Entry: e})
	}
	if w.Replay != "" {
		b.replayed[w.Replay] = true
		b.Replays = append(b.Replays, ReplayRow{w.Replay, w.ReplayUntil})
	}
	if w.Message != nil {
		m := MessageRow{*w.Message, first}
		b.message[Key{m.ID, m.Issuer}] = m
		b.Messages = append(b.Messages, m)
	}
	for _, st := range w.Statements {
		st.Entry = first
		b.statement[Key{st.ID, st.Issuer}] = st
		b.Statements = append(b.Statements, st)
	}
	for _, st := range w.Set {
		b.state[st.Name] = st.Version
		b.States[st.Name] = st
	}
	for _, d := range w.Documents {
		b.Documents[d.Name] = d
	}
	for _, m := range w.Mail {
		b.Head.MailSeq++
		m.Seq, m.Version, m.Entry = b.Head.MailSeq, 1, first
		b.Mail = append(b.Mail, m)
	}
	for _, c := range w.Change {
		b.change(c, first, len(w.Entries) > 0)
	}
	return first
}

func (b *Batch) change(c store.MailChange, first uint64, entry bool) {
	m := b.item[c.Seq]
	if m.Message != "" && isOpen(m.State) && !isOpen(c.State) {
		b.closed = append(b.closed, Box{m.Agency, m.Role})
	}
	m.State, m.Lease, m.Hold, m.Delivery, m.Token = c.State, c.Lease, c.Hold, c.Delivery, c.Token
	m.Version++
	if m.State == store.Handed && entry {
		m.Entry = first
	}
	b.item[c.Seq] = m
	b.Changed[c.Seq] = m
}

// isOpen reports whether an item in this state counts as in its mailbox.
func isOpen(s store.MailState) bool {
	return s == store.Waiting || s == store.Held || s == store.Handed
}
