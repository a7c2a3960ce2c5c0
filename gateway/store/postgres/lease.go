package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// claimSQL claims the items that nobody else has a claim on. The table is not
// logged, so that the commit waits for neither disk nor standby.
const claimSQL = `INSERT INTO claim AS c (seq, holder, until) SELECT seq, $2, $3 FROM unnest($1::bigint[]) AS seq ORDER BY seq
	ON CONFLICT (seq) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE c.holder = excluded.holder OR c.until <= $4
	RETURNING seq`

// Claim implements [store.Store].
func (s *Store) Claim(ctx context.Context, holder string, items []store.Mail, now, until time.Time) ([]store.Mail, error) {
	seqs := make([]int64, len(items))
	for i, m := range items {
		seqs[i] = m.Seq
	}
	if len(items) == 0 {
		return nil, nil
	}
	mine := map[int64]bool{}
	err := s.transact(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		clear(mine)
		rows, err := conn.Query(ctx, claimSQL, seqs, holder, batch.Millis(until), batch.Millis(now))
		if err != nil {
			return plain("claiming", err)
		}
		defer rows.Close()
		return plain("claiming", each(rows, seqTable, func(seq int64) { mine[seq] = true }))
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(items), func(m store.Mail) bool { return !mine[m.Seq] }), nil
}

// seqTable reads numbers of mailbox items.
var seqTable = batch.Table[int64]{Name: "claim", Scan: func(row batch.Scanner) (seq int64, err error) {
	err = row.Scan(&seq)
	return seq, err
}}

// Lease implements [store.Store].
func (s *Store) Lease(ctx context.Context, name, holder string, now, until time.Time) (bool, error) {
	mine := false
	err := s.transact(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
			return plain("beginning transaction", err)
		}
		tag, err := conn.Exec(ctx, `INSERT INTO lease AS l (name, holder, until) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE
			SET holder = excluded.holder, until = excluded.until WHERE l.holder = excluded.holder OR l.until <= $4`,
			name, holder, batch.Millis(until), batch.Millis(now))
		if err != nil {
			return plain("leasing", err)
		}
		if mine = tag.RowsAffected() == 1; !mine {
			return nil
		}
		return s.finish(ctx, conn, &writing{})
	})
	return mine && err == nil, err
}

var publishSQL = insertSQL(batch.Published) + batch.Published.Updates() + " WHERE excluded.size >= published.size"

// Publish implements [store.Store].
func (s *Store) Publish(ctx context.Context, size uint64, note []byte) error {
	return s.transact(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
			return plain("publishing", err)
		}
		w := &writing{}
		w.queue(publishSQL, columns(batch.Published, []batch.PublishedRow{{Size: size, Note: note}})...)
		if err := s.finish(ctx, conn, w); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		return nil
	})
}

// Published implements [store.Store].
func (s *Store) Published(ctx context.Context) ([]byte, error) {
	p, err := single(ctx, s, batch.Published, batch.Published.Selects()+"WHERE id = 0")
	return p.Note, err
}
