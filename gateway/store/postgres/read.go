package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"sluss/gateway"
	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// list reads the rows that query finds, among those committed. A connection
// whose server has gone is tried once more with another.
func list[T any](ctx context.Context, s *Store, t batch.Table[T], query string, args ...any) (out []T, err error) {
	if err := s.sure(ctx); err != nil {
		return nil, err
	}
	if !storable(args) {
		return nil, nil // no row has such a text
	}
	defer gateway.Rest(ctx)() // the server works meanwhile, perhaps on another machine
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	for try := 0; ; try++ {
		out = nil
		rows, err := s.read.Query(ctx, query, args...)
		if err == nil {
			err = each(rows, t, func(v T) { out = append(out, v) })
			rows.Close()
		}
		if err == nil {
			return out, s.sure(ctx) // the server may be another since
		}
		if try > 0 || !lost(err) || ctx.Err() != nil {
			return nil, plain("reading "+t.Name, err)
		}
		s.read.Reset()
	}
}

// anew before the arguments of a query has it planned for just these: how much
// there is of an agency, or of what is past its time, differs too much for one
// plan.
const anew = pgx.QueryExecModeCacheDescribe

// storable reports whether PostgreSQL can hold the texts among args.
func storable(args []any) bool {
	for _, a := range args {
		if s, ok := a.(string); ok && !batch.IsText(s) {
			return false
		}
	}
	return true
}

// texts are those of a list that PostgreSQL can hold.
func texts[S ~string](list []S) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		if batch.IsText(string(s)) {
			out = append(out, string(s))
		}
	}
	return out
}

// single reads the one row that query finds, or [store.ErrNotFound].
func single[T any](ctx context.Context, s *Store, t batch.Table[T], query string, args ...any) (v T, err error) {
	found, err := list(ctx, s, t, query, args...)
	if err != nil {
		return v, err
	}
	if len(found) == 0 {
		return v, store.ErrNotFound
	}
	return found[0], nil
}

// Head implements [store.Store].
func (s *Store) Head(ctx context.Context) (store.Head, error) {
	h, err := single(ctx, s, batch.Heads, batch.Heads.Selects()+"WHERE id = 0")
	return store.Head{Size: h.Size, Root: h.Root, Time: h.Time}, err
}

// Tiles implements [store.Store].
func (s *Store) Tiles(ctx context.Context, want []store.Tile) ([]store.Tile, error) {
	found, err := list(ctx, s, batch.Tiles, tilesSQL, batch.TileIDs(want))
	if err != nil {
		return nil, err
	}
	return batch.InOrder(found, want)
}

// Leaves implements [store.Store].
func (s *Store) Leaves(ctx context.Context, from, to uint64) ([][64]byte, error) {
	out, err := list(ctx, s, batch.Leaves, batch.Leaves.Selects()+"WHERE idx >= $1 AND idx < $2 ORDER BY idx", int64(from), int64(to))
	if err == nil && uint64(len(out)) != to-from {
		err = fmt.Errorf("%w: leaves %d to %d", store.ErrNotFound, from, to)
	}
	return out, err
}

// Entry implements [store.Store].
func (s *Store) Entry(ctx context.Context, index uint64) (store.Entry, error) {
	e, err := single(ctx, s, batch.Entries, batch.Entries.Selects()+"WHERE idx = $1", int64(index))
	return e.Entry, err
}

// Entries implements [store.Store].
func (s *Store) Entries(ctx context.Context, from uint64, n int) ([]store.Entry, error) {
	found, err := list(ctx, s, batch.Entries, batch.Entries.Selects()+"WHERE idx >= $1 ORDER BY idx LIMIT $2", int64(from), n)
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
	found, err := list(ctx, s, batch.States, batch.States.Selects()+"WHERE name = ANY($1)", texts(names))
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
	return single(ctx, s, batch.Documents, batch.Documents.Selects()+"WHERE name = $1", name)
}

// Statements implements [store.Store].
func (s *Store) Statements(ctx context.Context, state string) ([]store.Statement, error) {
	return list(ctx, s, batch.Statements, batch.Statements.Selects()+"WHERE state = $1 ORDER BY seq", state)
}

// Message implements [store.Store].
func (s *Store) Message(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error) {
	m, err := single(ctx, s, batch.Messages, batch.Messages.Selects()+"WHERE id = $1 AND issuer = $2", string(id), string(iss))
	return m.Message, m.Entry, err
}

var headingSQL = "SELECT " + of("m", batch.Messages.Columns) + " FROM message AS m WHERE m.id = $1 AND m.issuer = $2"

// Heading implements [store.Store].
func (s *Store) Heading(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error) {
	m, err := single(ctx, s, batch.Messages, headingSQL, string(id), string(iss))
	return m.Message, m.Entry, err
}

// MessageByID implements [store.Store]. Should two agencies have sent to the
// same agency under one identifier, it names neither.
func (s *Store) MessageByID(ctx context.Context, to gateway.AgencyID, id gateway.MessageID) (store.Message, uint64, error) {
	found, err := list(ctx, s, batch.Messages, batch.Messages.Selects()+"WHERE id = $1 AND recipient = $2 LIMIT 2", string(id), string(to))
	if err != nil {
		return store.Message{}, 0, err
	}
	if len(found) != 1 {
		return store.Message{}, 0, store.ErrNotFound
	}
	return found[0].Message, found[0].Entry, nil
}

// mailboxSQL reads each function's mailbox in the order of its index, so that
// nothing is sorted but what is returned.
var mailboxSQL = "SELECT m.* FROM (SELECT DISTINCT r FROM unnest($2::text[]) AS r) AS f CROSS JOIN LATERAL (" + batch.Mail.Selects() +
	"WHERE agency = $1 AND role = f.r AND " + open + " AND lease <= $3 ORDER BY lease, seq LIMIT $4) AS m ORDER BY m.lease, m.seq LIMIT $4"

// Mailbox implements [store.Store].
func (s *Store) Mailbox(ctx context.Context, agency gateway.AgencyID, roles []gateway.Role, now time.Time, n int) ([]store.Mail, error) {
	if len(roles) == 0 {
		return nil, nil
	}
	return list(ctx, s, batch.Mail, mailboxSQL, string(agency), texts(roles), batch.Millis(now), n)
}

// deliveriesSQL looks for each name in the two indexes that it may stand in.
var deliveriesSQL = "SELECT m.* FROM (SELECT DISTINCT d FROM unnest($1::text[]) AS d) AS named CROSS JOIN LATERAL (" +
	batch.Mail.Selects() + "WHERE delivery <> '' AND delivery = d UNION ALL " +
	batch.Mail.Selects() + "WHERE notice_id <> '' AND notice_id = d) AS m WHERE m.agency = $2 ORDER BY m.seq"

// MailByDelivery implements [store.Store].
func (s *Store) MailByDelivery(ctx context.Context, agency gateway.AgencyID, ids []string) ([]store.Mail, error) {
	return list(ctx, s, batch.Mail, deliveriesSQL, texts(ids), string(agency))
}

var mailOfSQL = batch.Mail.Selects() + "WHERE message <> '' AND message = $1 AND issuer = $2 ORDER BY seq"

// MailOf implements [store.Store].
func (s *Store) MailOf(ctx context.Context, iss gateway.AgencyID, id gateway.MessageID) ([]store.Mail, error) {
	return list(ctx, s, batch.Mail, mailOfSQL, string(id), string(iss))
}

var expiredSQL = batch.Mail.Selects() + "WHERE " + open + " AND expires <= $1 ORDER BY expires, seq LIMIT $2"

// Expired implements [store.Store].
func (s *Store) Expired(ctx context.Context, now time.Time, n int) ([]store.Mail, error) {
	return list(ctx, s, batch.Mail, expiredSQL, batch.Millis(now), n)
}

// Search implements [store.Searcher].
func (s *Store) Search(ctx context.Context, q store.Query) ([]store.Indexed, error) {
	query, args, err := batch.Search(q)
	if err != nil {
		return nil, err
	}
	return list(ctx, s, batch.Entries, numbered(query), append([]any{anew}, args...)...)
}

// numbered has the arguments of a query as PostgreSQL writes them: each ? is the
// next one.
func numbered(query string) string {
	parts := strings.Split(query, "?")
	for i := range parts[1:] {
		parts[i] += fmt.Sprintf("$%d", i+1)
	}
	return strings.Join(parts, "")
}

// long runs f in a transaction that reads one snapshot of the database, for as
// long as it takes.
func (s *Store) long(ctx context.Context, f func(pgx.Tx) error) error {
	if err := s.sure(ctx); err != nil {
		return err
	}
	tx, err := s.read.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return plain("reading", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	whole := "SET LOCAL statement_timeout = 0"
	for _, name := range byKey {
		whole += "; SET LOCAL " + name + " = on"
	}
	if _, err := tx.Exec(ctx, whole); err != nil {
		return plain("reading", err)
	}
	return f(tx)
}
