package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"sluss/gateway"
	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// linger is how long after its expiry a message's row stays, without body, so
// that its sender can ask what became of it.
const linger = 30 * 24 * time.Hour

// pageful is how many rows one transaction of Purge touches: it holds up
// Commit no longer than a batch would.
const pageful = 256

// The rows that go whole: found without a lock, at most a page of them, and
// deleted under the head's lock if they still are as they were found.
var purges = []struct {
	find, remove string // by the text of their key
	linger       time.Duration
}{
	{"SELECT id FROM replay WHERE until < $1 ORDER BY until LIMIT $2", "DELETE FROM replay WHERE until < $1 AND id = ANY($2)", 0},
	{"SELECT seq::text FROM mail WHERE state NOT IN ('waiting', 'held', 'handed') AND expires < $1 ORDER BY expires LIMIT $2",
		"DELETE FROM mail WHERE state NOT IN ('waiting', 'held', 'handed') AND expires < $1 AND seq = ANY($2::text[]::bigint[])", linger},
	{"SELECT m.id FROM message AS m WHERE " + unwanted + " ORDER BY m.expires LIMIT $2",
		"DELETE FROM message AS m WHERE " + unwanted + " AND m.id = ANY($2)", linger},
	{"SELECT seq::text FROM claim WHERE until < $1 ORDER BY until LIMIT $2", "DELETE FROM claim WHERE until < $1 AND seq = ANY($2::text[]::bigint[])", 0},
}

// unwanted is a message without body, long past its time, that no mailbox has.
const unwanted = `m.expires < $1 AND m.key = ''
	AND NOT EXISTS (SELECT 1 FROM mail WHERE mail.message <> '' AND mail.message = m.id AND mail.issuer = m.issuer)`

// over is a message that nobody will be given any more. One without mail (a
// statement) is kept until it expires.
const over = `m.key <> '' AND (m.expires <= $1 OR m.type <> ALL($2)
	AND EXISTS (SELECT 1 FROM mail WHERE mail.message <> '' AND mail.message = m.id AND mail.issuer = m.issuer)
	AND NOT EXISTS (SELECT 1 FROM mail WHERE mail.message <> '' AND mail.message = m.id AND mail.issuer = m.issuer AND mail.` + open + `))`

// Purge implements [store.Store]. It works in short transactions, so that an
// error may leave some rows for the next time. What is opened again by no
// commit is deleted: replay identifiers past their time; bodies of messages
// that are acknowledged everywhere, unless of a type in keep, or expired; rows
// of messages and mail 30 days after they expired.
func (s *Store) Purge(ctx context.Context, now time.Time, keep []gateway.MessageType) (int, error) {
	for _, p := range purges {
		if err := s.purgeRows(ctx, p.find, p.remove, batch.Millis(now.Add(-p.linger))); err != nil {
			return 0, err
		}
	}
	for total := 0; ; {
		n, err := s.purgeBodies(ctx, batch.Millis(now), texts(keep))
		if total += n; err != nil || n == 0 {
			return total, err
		}
	}
}

// locked runs f under the head's lock, and commits.
func (s *Store) locked(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	return s.transact(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		q := &pgx.Batch{}
		q.Queue("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
		q.Queue("SELECT 1 FROM head WHERE id = 0 FOR UPDATE")
		if err := conn.SendBatch(ctx, q).Close(); err != nil {
			return plain("beginning transaction", err)
		}
		if err := f(ctx, conn); err != nil {
			return err
		}
		return s.finish(ctx, conn, &writing{})
	})
}

// keyTable reads keys as text.
var keyTable = batch.Table[string]{Name: "keys", Scan: func(row batch.Scanner) (key string, err error) {
	err = row.Scan(&key)
	return key, err
}}

func (s *Store) purgeRows(ctx context.Context, find, remove string, before int64) error {
	for {
		keys, err := list(ctx, s, keyTable, find, anew, before, pageful)
		if err != nil || len(keys) == 0 {
			return err
		}
		gone := int64(0)
		err = s.locked(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			tag, err := conn.Exec(ctx, remove, before, keys)
			gone = tag.RowsAffected()
			return plain("purging", err)
		})
		if err != nil || gone == 0 {
			return err
		}
	}
}

var (
	overSQL  = "SELECT " + of("m", batch.Messages.Columns) + " FROM message AS m WHERE " + over + " LIMIT $3"
	emptySQL = `WITH gone AS (
		UPDATE message AS m SET body = '', key = '', sum = k.sum FROM unnest($3::text[], $4::text[], $5::bigint[]) AS k(id, issuer, sum)
		WHERE m.id = k.id AND m.issuer = k.issuer AND ` + over + ` RETURNING m.issuer),
	less AS (
		UPDATE tally AS t SET n = t.n - g.n FROM (SELECT issuer, count(*) AS n FROM gone GROUP BY issuer) AS g
		WHERE t.agency = g.issuer AND t.role = '')
	SELECT count(*) FROM gone`
)

// purgeBodies empties a page of messages that nobody will be given any more.
func (s *Store) purgeBodies(ctx context.Context, now int64, keep []string) (n int, err error) {
	done, err := list(ctx, s, batch.Messages, overSQL, anew, now, keep, pageful)
	if err != nil || len(done) == 0 {
		return 0, err
	}
	var keys []batch.Key
	var sums []int64
	for _, m := range done {
		m.Body, m.Key = nil, ""
		row := batch.Messages.Row(m)
		keys, sums = append(keys, batch.Key{ID: m.ID, Issuer: m.Issuer}), append(sums, row[len(row)-1].(int64))
	}
	ids, issuers := pairs(keys)
	err = s.locked(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return plain("purging bodies", conn.QueryRow(ctx, emptySQL, now, keep, ids, issuers, sums).Scan(&n))
	})
	return n, err
}

// Bodies implements [store.Forgetter].
func (s *Store) Bodies(ctx context.Context, iss gateway.AgencyID, key string) (n int, err error) {
	if key == "" {
		return 0, fmt.Errorf("%w: no key named", store.ErrInvalid)
	}
	err = s.long(ctx, func(tx pgx.Tx) error {
		row := tx.QueryRow(ctx, "SELECT count(*) FROM message WHERE issuer = $1 AND key <> '' AND key = $2", string(iss), key)
		return plain("counting what is under a key", row.Scan(&n))
	})
	return n, err
}

// Forget implements [store.Forgetter], in short transactions.
func (s *Store) Forget(ctx context.Context, key string) (int, error) {
	if key == "" {
		return 0, fmt.Errorf("%w: no key named", store.ErrInvalid)
	}
	var found []uint64
	err := s.long(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT idx FROM entry WHERE key = $1 ORDER BY idx", key)
		if err != nil {
			return plain("forgetting", err)
		}
		defer rows.Close()
		return plain("forgetting", each(rows, batch.Indexes, func(index uint64) { found = append(found, index) }))
	})
	if err != nil {
		return 0, err
	}
	total := 0
	for page := range slices.Chunk(found, pageful) {
		if err := s.forgetPage(ctx, page); err != nil {
			return total, err
		}
		total += len(page)
	}
	return total, nil
}

// forgottenSQL empties what an entry says, but not its leaf.
const forgottenSQL = `UPDATE entry AS e SET e1 = '', e2 = '', key = '', discloser = '', recipient = '', subject = '', case_ref = '', sum = k.sum
	FROM unnest($1::bigint[], $2::bigint[]) AS k(idx, sum) WHERE e.idx = k.idx`

func (s *Store) forgetPage(ctx context.Context, page []uint64) error {
	indexes := make([]int64, len(page))
	for i, index := range page {
		indexes[i] = int64(index)
	}
	return s.locked(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, batch.Entries.Selects()+"WHERE idx = ANY($1) ORDER BY idx", indexes)
		if err != nil {
			return plain("forgetting", err)
		}
		defer rows.Close()
		var sums []int64
		if err := each(rows, batch.Entries, func(e store.Indexed) {
			e.E1, e.E2, e.Key, e.Discloser, e.Recipient, e.Subject, e.Case = nil, nil, "", "", "", "", ""
			row := batch.Entries.Row(e)
			sums = append(sums, row[len(row)-1].(int64))
		}); err != nil {
			return plain("forgetting", err)
		}
		if len(sums) != len(page) {
			return store.ErrNotFound
		}
		_, err = conn.Exec(ctx, forgottenSQL, indexes, sums)
		return plain("forgetting", err)
	})
}
