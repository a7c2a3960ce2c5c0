package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

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

// Purge implements [store.Store]. It works in short transactions, so that an
// error may leave some rows for the next time. What is opened again by no
// commit is deleted: replay identifiers past their time; bodies of messages
// that are acknowledged everywhere, unless of a type in keep, or expired; rows
// of messages and mail 30 days after they expired.
func (s *Store) Purge(ctx context.Context, now time.Time, keep []gateway.MessageType) (int, error) {
	kept, err := array(append([]gateway.MessageType{}, keep...))
	if err != nil {
		return 0, err
	}
	for total := 0; ; {
		bodies, rows, err := s.purgePage(ctx, now, kept)
		total += bodies
		if err != nil || bodies+rows == 0 {
			return total, err
		}
	}
}

// The rows that go whole, at most a page of them.
var purges = []struct {
	query  string
	linger time.Duration
}{
	{"DELETE FROM replay WHERE id IN (SELECT id FROM replay WHERE until < ? LIMIT ?)", 0},
	{"DELETE FROM mail WHERE seq IN (SELECT seq FROM mail WHERE NOT " + open + " AND expires < ? LIMIT ?)", linger},
	{"DELETE FROM message WHERE rowid IN (SELECT rowid FROM message WHERE expires < ? AND key = '' AND NOT EXISTS " +
		"(SELECT 1 FROM mail WHERE mail.message <> '' AND mail.message = message.id AND mail.issuer = message.issuer) LIMIT ?)", linger},
}

// purgePage reports of how many messages it has emptied the body, and how many
// rows it has deleted.
func (s *Store) purgePage(ctx context.Context, now time.Time, keep string) (bodies, rows int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	ctx = context.WithoutCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped != nil {
		return 0, 0, s.stopped
	}
	err = s.transact(ctx, func() (bool, error) {
		for _, p := range purges {
			st, err := s.stmt(ctx, p.query)
			if err != nil {
				return false, err
			}
			r, err := st.ExecContext(ctx, batch.Millis(now.Add(-p.linger)), pageful)
			if err != nil {
				return false, fmt.Errorf("purging: %w", err)
			}
			n, err := r.RowsAffected()
			if err != nil {
				return false, err
			}
			rows += int(n)
		}
		bodies, err = s.purgeBodies(ctx, now, keep)
		return bodies+rows > 0, err
	})
	if err != nil {
		return 0, 0, err
	}
	s.forgetCounts()
	return bodies, rows, nil
}

// purgeBodies empties a page of messages that nobody will be given any more.
// A message without mail (a statement) is kept until it expires.
func (s *Store) purgeBodies(ctx context.Context, now time.Time, keep string) (int, error) {
	query := "SELECT " + envelopeColumns + ` FROM message AS m WHERE m.key <> '' AND (m.expires <= ?
		OR m.type NOT IN (SELECT value FROM json_each(?))
		AND EXISTS (SELECT 1 FROM mail WHERE message <> '' AND message = m.id AND issuer = m.issuer)
		AND NOT EXISTS (SELECT 1 FROM mail WHERE message <> '' AND message = m.id AND issuer = m.issuer AND ` + open + `)) LIMIT ?`
	done := make([]batch.MessageRow, 0, pageful)
	st, err := s.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	rows, err := st.QueryContext(ctx, batch.Millis(now), keep, pageful)
	if err != nil {
		return 0, fmt.Errorf("purging bodies: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		m, err := batch.Messages.Scan(rows)
		if err != nil {
			return 0, fmt.Errorf("purging bodies: %w", err)
		}
		done = append(done, m)
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("purging bodies: %w", err)
	}
	for _, m := range done {
		m.Body, m.Key = nil, ""
		row := batch.Messages.Row(m)
		err := s.exec(ctx, "UPDATE message SET body = x'', key = '', sum = ? WHERE id = ? AND issuer = ?",
			row[len(row)-1], string(m.ID), string(m.Issuer))
		if err != nil {
			return 0, fmt.Errorf("purging bodies: %w", err)
		}
	}
	return len(done), nil
}

// Bodies implements [store.Forgetter].
func (s *Store) Bodies(ctx context.Context, iss gateway.AgencyID, key string) (n int, err error) {
	if key == "" {
		return 0, fmt.Errorf("%w: no key named", store.ErrInvalid)
	}
	err = s.read.QueryRowContext(ctx, "SELECT count(*) FROM message WHERE issuer = ? AND key <> '' AND key = ?", string(iss), key).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting what is under a key: %w", err)
	}
	return n, nil
}

// Forget implements [store.Forgetter], in short transactions.
func (s *Store) Forget(ctx context.Context, key string) (int, error) {
	if key == "" {
		return 0, fmt.Errorf("%w: no key named", store.ErrInvalid)
	}
	found, err := list(ctx, s, batch.Indexes, "SELECT idx FROM entry WHERE key = ? ORDER BY idx", key)
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

func (s *Store) forgetPage(ctx context.Context, page []uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped != nil {
		return s.stopped
	}
	return s.transact(ctx, func() (bool, error) {
		for _, index := range page {
			e, err := one(ctx, s, batch.Entries, batch.Entries.Selects()+"WHERE idx = ?", int64(index))
			if err != nil {
				return false, err
			}
			e.E1, e.E2, e.Key, e.Discloser, e.Recipient, e.Subject, e.Case = nil, nil, "", "", "", "", ""
			if err := put(ctx, s, batch.Entries, []store.Indexed{e}); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}
