package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"sluss/gateway"
	"sluss/gateway/store"
)

// batch is what a Commit has found and decided: first the rows that its
// writes name, kept up to date as writes are accepted, so that the next one is
// judged as if it came later; then the rows to write.
type batch struct {
	head    headRow
	results []store.Result
	any     bool // something is to be written

	// What the writes name.
	state     map[string]int64 // version
	replayed  map[string]bool
	message   map[messageKey]messageRow
	statement map[messageKey]store.Statement
	item      map[int64]store.Mail

	// What is accepted.
	entries    []store.Indexed
	replays    []replayRow
	messages   []messageRow
	statements []store.Statement
	states     map[string]store.State
	mail       []store.Mail
	changed    map[int64]store.Mail
	closed     []box // mailboxes in which the last write closed a message
}

type messageKey struct {
	id     gateway.MessageID
	issuer gateway.AgencyID
}

// judge reads what the writes of a batch name and decides, in order, which of
// them are accepted. It writes nothing. The caller holds mu and has begun a
// transaction.
func (s *Store) judge(ctx context.Context, writes []store.Write) (*batch, error) {
	b := &batch{
		results: make([]store.Result, len(writes)),
		states:  map[string]store.State{},
		changed: map[int64]store.Mail{},
	}
	if err := s.look(ctx, b, writes); err != nil {
		return nil, err
	}
	for i := range writes {
		w, r := &writes[i], &b.results[i]
		r.Err = b.conflict(w, r)
		if r.Err == nil && s.full.Load() && !w.Reserved {
			r.Err = store.ErrFull
		}
		if r.Err == nil {
			over, err := s.overQuota(ctx, w)
			if err != nil {
				return nil, err
			}
			if over {
				r.Err = store.ErrQuota
			}
		}
		if r.Err == nil {
			b.closed = b.closed[:0]
			r.Index = b.accept(w)
			s.count(w, b.closed)
		}
	}
	return b, nil
}

// look reads the rows that writes name, one query for each kind.
func (s *Store) look(ctx context.Context, b *batch, writes []store.Write) (err error) {
	var states, replays []string
	var messages, statements [][2]string
	var items []int64
	for _, w := range writes {
		for _, st := range w.Expect {
			states = append(states, st.Name)
		}
		for _, st := range w.Set {
			states = append(states, st.Name)
		}
		if w.Replay != "" {
			replays = append(replays, w.Replay)
		}
		if w.Message != nil {
			messages = append(messages, [2]string{string(w.Message.ID), string(w.Message.Issuer)})
		}
		for _, st := range w.Statements {
			statements = append(statements, [2]string{string(st.ID), string(st.Issuer)})
		}
		for _, c := range w.Change {
			items = append(items, c.Seq)
		}
	}
	if b.head, err = one(ctx, s, headTable, headTable.selects()); err != nil {
		return err
	}
	b.state, err = named(ctx, s, stateTable, stateTable.selects()+
		"WHERE name IN (SELECT value FROM json_each(?))", states,
		func(st store.State) (string, int64) { return st.Name, st.Version })
	if err != nil {
		return err
	}
	b.replayed, err = named(ctx, s, replayTable, replayTable.selects()+
		"WHERE id IN (SELECT value FROM json_each(?))", replays,
		func(r replayRow) (string, bool) { return r.ID, true })
	if err != nil {
		return err
	}
	b.message, err = named(ctx, s, messageTable, "SELECT "+envelopeColumns+
		" FROM json_each(?) AS j CROSS JOIN message AS m ON m.id = j.value ->> 0 AND m.issuer = j.value ->> 1", messages,
		func(m messageRow) (messageKey, messageRow) { return messageKey{m.ID, m.Issuer}, m })
	if err != nil {
		return err
	}
	b.statement, err = named(ctx, s, statementTable, "SELECT s.state, s.issuer, s.id, s.type, s.fact, s.number, s.digest, "+
		"x'', s.key, s.entry FROM json_each(?) AS j CROSS JOIN statement AS s ON s.id = j.value ->> 0 AND s.issuer = j.value ->> 1",
		statements, func(st store.Statement) (messageKey, store.Statement) { return messageKey{st.ID, st.Issuer}, st })
	if err != nil {
		return err
	}
	b.item, err = named(ctx, s, mailTable, mailTable.selects()+
		"WHERE seq IN (SELECT value FROM json_each(?))", items,
		func(m store.Mail) (int64, store.Mail) { return m.Seq, m })
	return err
}

// envelopeColumns are those of message m without its body.
var envelopeColumns = strings.Replace("m."+strings.ReplaceAll(messageTable.columns, ", ", ", m."), "m.body", "x''", 1)

// named reads the rows that query finds for names, a JSON array, into a map.
// Without names it asks nothing.
func named[N, T any, K comparable, V any](
	ctx context.Context, s *Store, t table[T], query string, names []N, entry func(T) (K, V),
) (map[K]V, error) {
	out := make(map[K]V, len(names))
	if len(names) == 0 {
		return out, nil
	}
	list, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("naming rows: %w", err)
	}
	st, err := s.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, string(list))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.name, err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := t.scan(rows)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", t.name, err)
		}
		k, val := entry(v)
		out[k] = val
	}
	return out, rows.Err()
}

// one reads the row that query finds, on the writer.
func one[T any](ctx context.Context, s *Store, t table[T], query string, args ...any) (v T, err error) {
	st, err := s.stmt(ctx, query)
	if err != nil {
		return v, err
	}
	v, err = t.scan(st.QueryRowContext(ctx, args...))
	if err != nil {
		return v, fmt.Errorf("reading %s: %w", t.name, err)
	}
	return v, nil
}

// conflict returns what keeps w from being written, or nil. A message or
// statement that is there already goes first, and is put into r.
func (b *batch) conflict(w *store.Write, r *store.Result) error {
	if err := whole(w); err != nil {
		return err
	}
	if w.Message != nil {
		if m, ok := b.message[messageKey{w.Message.ID, w.Message.Issuer}]; ok {
			m.Body = nil
			r.Existing, r.Entry = &m.Message, m.Entry
			return store.ErrDuplicate
		}
	}
	for _, st := range w.Statements {
		if old, ok := b.statement[messageKey{st.ID, st.Issuer}]; ok {
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
func (b *batch) moved(w *store.Write) error {
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

// accept takes w into the batch and returns the index of its first entry.
func (b *batch) accept(w *store.Write) uint64 {
	first := b.head.Size + uint64(len(b.entries))
	b.any = b.any || len(w.Entries)+len(w.Set)+len(w.Change) > 0 || w.Replay != ""
	for i, e := range w.Entries {
		b.entries = append(b.entries, store.Indexed{Index: first + uint64(i), Entry: e})
	}
	if w.Replay != "" {
		b.replayed[w.Replay] = true
		b.replays = append(b.replays, replayRow{w.Replay, w.ReplayUntil})
	}
	if w.Message != nil {
		m := messageRow{*w.Message, first}
		b.message[messageKey{m.ID, m.Issuer}] = m
		b.messages = append(b.messages, m)
	}
	for _, st := range w.Statements {
		st.Entry = first
		b.statement[messageKey{st.ID, st.Issuer}] = st
		b.statements = append(b.statements, st)
	}
	for _, st := range w.Set {
		b.state[st.Name] = st.Version
		b.states[st.Name] = st
	}
	for _, m := range w.Mail {
		b.head.MailSeq++
		m.Seq, m.Version, m.Entry = b.head.MailSeq, 1, first
		b.mail = append(b.mail, m)
	}
	for _, c := range w.Change {
		b.change(c, first, len(w.Entries) > 0)
	}
	return first
}

func (b *batch) change(c store.MailChange, first uint64, entry bool) {
	m := b.item[c.Seq]
	if m.Message != "" && isOpen(m.State) && !isOpen(c.State) {
		b.closed = append(b.closed, box{m.Agency, m.Role})
	}
	m.State, m.Lease, m.Hold, m.Delivery, m.Token = c.State, c.Lease, c.Hold, c.Delivery, c.Token
	m.Version++
	if m.State == store.Handed && entry {
		m.Entry = first
	}
	b.item[c.Seq] = m
	b.changed[c.Seq] = m
}

// isOpen reports whether an item in this state counts as in its mailbox.
func isOpen(s store.MailState) bool {
	return s == store.Waiting || s == store.Held || s == store.Handed
}
