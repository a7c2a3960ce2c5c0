package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// look begins a transaction, takes the head's lock and reads what the writes
// name, all in one round trip.
func (s *Store) look(ctx context.Context, conn *pgx.Conn, writes []store.Write) (*batch.Batch, *held, error) {
	var b *batch.Batch
	n, h := batch.NamesOf(writes), holding(s.cfg, writes)
	q := &pgx.Batch{}
	q.Queue("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
	ask(q, batch.Heads, batch.Heads.Selects()+"WHERE id = 0 FOR UPDATE", func(head batch.HeadRow) { b = batch.New(head) })
	if s.cfg.HA {
		// Patroni empties it when there is no standby, unless it is strict.
		q.Queue("SELECT current_setting('synchronous_standby_names')").QueryRow(func(row pgx.Row) error {
			var names string
			if err := row.Scan(&names); err != nil || names != "" {
				return err
			}
			return errNoStandby
		})
	}
	if len(n.States) > 0 {
		ask(q, batch.States, batch.States.Selects()+"WHERE name = ANY($1)", func(v store.State) { b.FoundState(v) }, n.States)
	}
	if len(n.Replays) > 0 {
		ask(q, batch.Replays, batch.Replays.Selects()+"WHERE id = ANY($1)", func(v batch.ReplayRow) { b.FoundReplay(v) }, n.Replays)
	}
	if len(n.Messages) > 0 {
		ids, issuers := pairs(n.Messages)
		ask(q, batch.Messages, envelopesSQL, func(v batch.MessageRow) { b.FoundMessage(v) }, ids, issuers)
	}
	if len(n.Statements) > 0 {
		ids, issuers := pairs(n.Statements)
		ask(q, batch.Statements, admittedSQL, func(v store.Statement) { b.FoundStatement(v) }, ids, issuers)
	}
	if len(n.Items) > 0 {
		ask(q, batch.Mail, batch.Mail.Selects()+"WHERE seq = ANY($1)", func(v store.Mail) { b.FoundItem(v) }, n.Items)
	}
	h.ask(q)
	if err := conn.SendBatch(ctx, q).Close(); err != nil {
		return nil, nil, plain("beginning transaction", err)
	}
	if b == nil {
		return nil, nil, fmt.Errorf("beginning transaction: %w: no head", ErrSchema)
	}
	return b, h, nil
}

// ask queues a query, whose rows are given to found.
func ask[T any](q *pgx.Batch, t batch.Table[T], sql string, found func(T), args ...any) {
	q.Queue(sql, args...).Query(func(rows pgx.Rows) error { return each(rows, t, found) })
}

func each[T any](rows pgx.Rows, t batch.Table[T], found func(T)) error {
	for rows.Next() {
		v, err := t.Scan(rows)
		if err != nil {
			return fmt.Errorf("reading %s: %w", t.Name, err)
		}
		found(v)
	}
	return rows.Err()
}

func pairs(keys []batch.Key) (ids, issuers []string) {
	for _, k := range keys {
		ids, issuers = append(ids, string(k.ID)), append(issuers, string(k.Issuer))
	}
	return ids, issuers
}

// of names the columns of a table by an alias, without the contents of body.
func of(alias, columns string) string {
	return strings.Replace(alias+"."+strings.ReplaceAll(columns, ", ", ", "+alias+"."), alias+".body", "''::bytea", 1)
}

var (
	envelopesSQL = "SELECT " + of("m", batch.Messages.Columns) +
		" FROM unnest($1::text[], $2::text[]) AS k(id, issuer) JOIN message AS m ON m.id = k.id AND m.issuer = k.issuer"
	admittedSQL = "SELECT " + of("s", batch.Statements.Columns) +
		" FROM unnest($1::text[], $2::text[]) AS k(id, issuer) JOIN statement AS s ON s.id = k.id AND s.issuer = k.issuer"
	tilesSQL = batch.Tiles.Selects() + "WHERE id = ANY($1)"
)

// tilesIn reads tiles in the transaction of a connection.
func tilesIn(ctx context.Context, conn *pgx.Conn, want []store.Tile) ([]store.Tile, error) {
	rows, err := conn.Query(ctx, tilesSQL, batch.TileIDs(want))
	if err != nil {
		return nil, plain("reading tiles", err)
	}
	defer rows.Close()
	var found []store.Tile
	if err := each(rows, batch.Tiles, func(t store.Tile) { found = append(found, t) }); err != nil {
		return nil, plain("reading tiles", err)
	}
	return batch.InOrder(found, want)
}
