package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// reader returns the prepared statement for query on the reading connections.
func (s *Store) reader(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := s.queries.Load(query); ok {
		return st.(*sql.Stmt), nil
	}
	st, err := s.read.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing query: %w", err)
	}
	if other, ok := s.queries.LoadOrStore(query, st); ok {
		st.Close()
		return other.(*sql.Stmt), nil
	}
	return st, nil
}

// list reads the rows that query finds, among those committed.
func list[T any](ctx context.Context, s *Store, t batch.Table[T], query string, args ...any) ([]T, error) {
	st, err := s.reader(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.Name, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := t.Scan(rows)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", t.Name, err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.Name, err)
	}
	return out, nil
}

// single reads the one row that query finds, or [store.ErrNotFound].
func single[T any](ctx context.Context, s *Store, t batch.Table[T], query string, args ...any) (v T, err error) {
	st, err := s.reader(ctx, query)
	if err != nil {
		return v, err
	}
	v, err = t.Scan(st.QueryRowContext(ctx, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return v, store.ErrNotFound
	}
	if err != nil {
		return v, fmt.Errorf("reading %s: %w", t.Name, err)
	}
	return v, nil
}

// limit bounds a query by its last parameter. A bare LIMIT ? would have SQLite
// plan the query anew for each number it is asked with.
const limit = " LIMIT +?"

// array is a list as one parameter, read with json_each.
func array[T any](list []T) (string, error) {
	b, err := json.Marshal(list)
	return string(b), err
}

// Head implements [store.Store].
func (s *Store) Head(ctx context.Context) (store.Head, error) {
	h, err := single(ctx, s, batch.Heads, batch.Heads.Selects())
	return store.Head{Size: h.Size, Root: h.Root, Time: h.Time}, err
}

const tilesSQL = "SELECT id, hashes FROM tile WHERE id IN (SELECT value FROM json_each(?))"

// Tiles implements [store.Store].
func (s *Store) Tiles(ctx context.Context, want []store.Tile) ([]store.Tile, error) {
	in, err := array(batch.TileIDs(want))
	if err != nil {
		return nil, err
	}
	found, err := list(ctx, s, batch.Tiles, tilesSQL, in)
	if err != nil {
		return nil, err
	}
	return batch.InOrder(found, want)
}

// Leaves implements [store.Store].
func (s *Store) Leaves(ctx context.Context, from, to uint64) ([][64]byte, error) {
	out, err := list(ctx, s, batch.Leaves, "SELECT leaf FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx", int64(from), int64(to))
	if err == nil && uint64(len(out)) != to-from {
		err = fmt.Errorf("%w: leaves %d to %d", store.ErrNotFound, from, to)
	}
	return out, err
}

// Entry implements [store.Store].
func (s *Store) Entry(ctx context.Context, index uint64) (store.Entry, error) {
	e, err := single(ctx, s, batch.Entries, batch.Entries.Selects()+"WHERE idx = ?", int64(index))
	return e.Entry, err
}

// Entries implements [store.Store].
func (s *Store) Entries(ctx context.Context, from uint64, n int) ([]store.Entry, error) {
	found, err := list(ctx, s, batch.Entries, batch.Entries.Selects()+"WHERE idx >= ? ORDER BY idx"+limit, int64(from), n)
	if err != nil {
		return nil, err
	}
	out := make([]store.Entry, len(found))
	for i, e := range found {
		if e.Index != from+uint64(i) {
			return nil, fmt.Errorf("%w: entry %d", store.ErrNotFound, from+uint64(i))
		}
		out[i] = e.Entry
	}
	return out, nil
}

// States implements [store.Store].
func (s *Store) States(ctx context.Context, names []string) ([]store.State, error) {
	in, err := array(names)
	if err != nil {
		return nil, err
	}
	found, err := list(ctx, s, batch.States, batch.States.Selects()+"WHERE name IN (SELECT value FROM json_each(?))", in)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]store.State, len(found))
	for _, st := range found {
		byName[st.Name] = st
	}
	out := make([]store.State, len(names))
	for i, n := range names {
		out[i] = byName[n]
		out[i].Name = n
	}
	return out, nil
}

// Document implements [store.Store].
func (s *Store) Document(ctx context.Context, name string) (store.Document, error) {
	return single(ctx, s, batch.Documents, batch.Documents.Selects()+"WHERE name = ?", name)
}

// Statements implements [store.Store].
func (s *Store) Statements(ctx context.Context, state string) ([]store.Statement, error) {
	return list(ctx, s, batch.Statements, batch.Statements.Selects()+"WHERE state = ? ORDER BY seq", state)
}

// Message implements [store.Store].
func (s *Store) Message(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error) {
	m, err := single(ctx, s, batch.Messages, batch.Messages.Selects()+"WHERE id = ? AND issuer = ?", string(id), string(iss))
	return m.Message, m.Entry, err
}

// headingSQL reads a message without its body.
var headingSQL = strings.Replace(batch.Messages.Selects(), " body,", " x'' AS body,", 1) + "WHERE id = ? AND issuer = ?"

// Heading implements [store.Store].
func (s *Store) Heading(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error) {
	m, err := single(ctx, s, batch.Messages, headingSQL, string(id), string(iss))
	return m.Message, m.Entry, err
}

// MessageByID implements [store.Store]. Should two agencies have sent to the
// same agency under one identifier, it names neither.
func (s *Store) MessageByID(ctx context.Context, to gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error) {
	found, err := list(ctx, s, batch.Messages, batch.Messages.Selects()+"WHERE id = ? AND recipient = ? LIMIT 2", string(id), string(to))
	if err != nil {
		return store.Message{}, 0, err
	}
	if len(found) != 1 {
		return store.Message{}, 0, store.ErrNotFound
	}
	return found[0].Message, found[0].Entry, nil
}

// Mailbox implements [store.Store].
func (s *Store) Mailbox(ctx context.Context, agency gateway.AgencyID, roles []gateway.Role, now time.Time, n int) ([]store.Mail, error) {
	if len(roles) == 0 {
		return nil, nil
	}
	args := make([]any, 0, len(roles)+3)
	args = append(args, string(agency))
	for _, r := range roles {
		args = append(args, string(r))
	}
	return list(ctx, s, batch.Mail, batch.Mail.Selects()+"WHERE agency = ? AND role IN "+marks(len(roles))+" AND "+
		open+" AND lease <= ? ORDER BY lease, seq"+limit, append(args, batch.Millis(now), n)...)
}

// MailByDelivery implements [store.Store].
func (s *Store) MailByDelivery(ctx context.Context, agency gateway.AgencyID, ids []string) ([]store.Mail, error) {
	in, err := array(ids)
	if err != nil {
		return nil, err
	}
	return list(ctx, s, batch.Mail, batch.Mail.Selects()+"WHERE seq IN ("+
		"SELECT seq FROM mail WHERE delivery <> '' AND delivery IN (SELECT value FROM json_each(?1)) UNION ALL "+
		"SELECT seq FROM mail WHERE notice_id <> '' AND notice_id IN (SELECT value FROM json_each(?1))) "+
		"AND agency = ?2 ORDER BY seq", in, string(agency))
}

// MailOf implements [store.Store].
func (s *Store) MailOf(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) ([]store.Mail, error) {
	return list(ctx, s, batch.Mail, batch.Mail.Selects()+"WHERE message <> '' AND message = ? AND issuer = ? ORDER BY seq",
		string(id), string(iss))
}

// Expired implements [store.Store].
func (s *Store) Expired(ctx context.Context, now time.Time, n int) ([]store.Mail, error) {
	return list(ctx, s, batch.Mail, batch.Mail.Selects()+"WHERE "+open+" AND expires <= ? ORDER BY expires, seq"+limit, batch.Millis(now), n)
}

// Search implements [store.Searcher].
func (s *Store) Search(ctx context.Context, q store.Query) ([]store.Indexed, error) {
	query, args, err := batch.Search(q)
	if err != nil {
		return nil, err
	}
	return list(ctx, s, batch.Entries, query, args...)
}
