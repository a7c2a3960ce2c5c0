package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// look reads the head and the rows that writes name, one query for each kind.
// The caller holds mu and has begun a transaction.
func (s *Store) look(ctx context.Context, writes []store.Write) (*batch.Batch, error) {
	head, err := one(ctx, s, batch.Heads, batch.Heads.Selects())
	if err != nil {
		return nil, err
	}
	b, n := batch.New(head), batch.NamesOf(writes)
	for _, step := range []func() error{
		func() error {
			return named(ctx, s, batch.States, batch.States.Selects()+"WHERE name IN (SELECT value FROM json_each(?))", n.States, b.FoundState)
		},
		func() error {
			return named(ctx, s, batch.Replays, batch.Replays.Selects()+"WHERE id IN (SELECT value FROM json_each(?))", n.Replays, b.FoundReplay)
		},
		func() error {
			return named(ctx, s, batch.Messages, "SELECT "+envelopeColumns+
				" FROM json_each(?) AS j CROSS JOIN message AS m ON m.id = j.value ->> 0 AND m.issuer = j.value ->> 1", pairs(n.Messages), b.FoundMessage)
		},
		func() error {
			return named(ctx, s, batch.Statements, "SELECT s.state, s.issuer, s.id, s.type, s.fact, s.number, s.digest, "+
				"x'', s.key, s.entry FROM json_each(?) AS j CROSS JOIN statement AS s ON s.id = j.value ->> 0 AND s.issuer = j.value ->> 1",
				pairs(n.Statements), b.FoundStatement)
		},
		func() error {
			return named(ctx, s, batch.Mail, batch.Mail.Selects()+"WHERE seq IN (SELECT value FROM json_each(?))", n.Items, b.FoundItem)
		},
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// pairs are keys as the queries read them.
func pairs(keys []batch.Key) [][2]string {
	out := make([][2]string, len(keys))
	for i, k := range keys {
		out[i] = [2]string{string(k.ID), string(k.Issuer)}
	}
	return out
}

// tiles reads tiles on the writer.
func (s *Store) tiles(ctx context.Context, want []store.Tile) ([]store.Tile, error) {
	var found []store.Tile
	err := named(ctx, s, batch.Tiles, tilesSQL, batch.TileIDs(want), func(t store.Tile) { found = append(found, t) })
	if err != nil {
		return nil, err
	}
	return batch.InOrder(found, want)
}

// envelopeColumns are those of message m without its body.
var envelopeColumns = strings.Replace("m."+strings.ReplaceAll(batch.Messages.Columns, ", ", ", m."), "m.body", "x''", 1)

// named reads the rows that query finds for names, a JSON array. Without names
// it asks nothing.
func named[N, T any](ctx context.Context, s *Store, t batch.Table[T], query string, names []N, found func(T)) error {
	if len(names) == 0 {
		return nil
	}
	list, err := json.Marshal(names)
	if err != nil {
		return fmt.Errorf("naming rows: %w", err)
	}
	st, err := s.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, string(list))
	if err != nil {
		return fmt.Errorf("reading %s: %w", t.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := t.Scan(rows)
		if err != nil {
			return fmt.Errorf("reading %s: %w", t.Name, err)
		}
		found(v)
	}
	return rows.Err()
}

// one reads the row that query finds, on the writer.
func one[T any](ctx context.Context, s *Store, t batch.Table[T], query string, args ...any) (v T, err error) {
	st, err := s.stmt(ctx, query)
	if err != nil {
		return v, err
	}
	v, err = t.Scan(st.QueryRowContext(ctx, args...))
	if err != nil {
		return v, fmt.Errorf("reading %s: %w", t.Name, err)
	}
	return v, nil
}
