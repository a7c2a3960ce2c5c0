package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sluss/gateway"
	"sluss/gateway/store"
	"sluss/gateway/store/postgres"
)

// TestSeveral has two gateways send the same messages to one database at once,
// while a third purges: each is taken once, the log holds what was accepted, and
// nobody waits for each other in a circle.
func TestSeveral(t *testing.T) {
	dsn := shared.Database(t)
	const messages, batchSize = 240, 6
	stores := []*postgres.Store{open(t, postgres.Config{DSN: dsn}), open(t, postgres.Config{DSN: dsn})}
	var taken, known atomic.Int64
	var wg sync.WaitGroup
	for i, s := range append(stores, stores...) {
		wg.Go(func() {
			for n := 0; n < messages; n += batchSize {
				var batch []store.Write
				for k := range batchSize {
					id := uint64(n + k)
					if i%2 == 1 { // in the other order
						id = uint64(messages - 1 - n - k)
					}
					w := message(id)
					w.Replay, w.ReplayUntil = fmt.Sprint("jti", id), now.Add(time.Hour)
					w.Mail = []store.Mail{{Agency: "sis", Role: "sis.officer", Issuer: "police", Message: w.Message.ID, Expires: now.Add(time.Hour), State: store.Waiting}}
					batch = append(batch, w)
				}
				results, err := commit(s, batch...)
				if err != nil {
					t.Errorf("Commit = %v", err)
					return
				}
				for _, r := range results {
					if r.Err == nil {
						taken.Add(1)
					} else if r.Err == store.ErrDuplicate {
						known.Add(1)
					} else {
						t.Errorf("result %v", r.Err)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for range 10 {
			if _, err := stores[0].Purge(t.Context(), now.Add(-time.Hour), nil); err != nil {
				t.Errorf("Purge = %v", err)
			}
		}
	})
	wg.Wait()
	if taken.Load() != messages || known.Load() != 3*messages {
		t.Errorf("%d taken, %d known, want %d and %d", taken.Load(), known.Load(), messages, 3*messages)
	}
	for _, s := range stores {
		if n := size(t, s); n != messages {
			t.Errorf("size %d, want %d", n, messages)
		}
		if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
			t.Errorf("Check = %q, %v", found, err)
		}
	}
	claims(t, dsn, stores[0], stores[1])
}

// claims holds that two gateways that poll one function claim each item once,
// until the claim ends.
func claims(t *testing.T, dsn string, a, b *postgres.Store) {
	t.Helper()
	items, err := a.Mailbox(t.Context(), "sis", []gateway.Role{"sis.officer"}, now, 100)
	must(t, err)
	got := make([][]store.Mail, 2)
	var wg sync.WaitGroup
	for i, s := range []*postgres.Store{a, b} {
		wg.Go(func() {
			for n := 0; n < len(items); n += 10 {
				mine, err := s.Claim(context.Background(), fmt.Sprint("gateway", i), items[n:n+10], now, now.Add(time.Minute))
				if err != nil {
					t.Error(err)
				}
				got[i] = append(got[i], mine...)
			}
		})
	}
	wg.Wait()
	seen := map[int64]bool{}
	for _, m := range append(got[0], got[1]...) {
		if seen[m.Seq] {
			t.Errorf("item %d claimed twice", m.Seq)
		}
		seen[m.Seq] = true
	}
	if len(seen) != len(items) {
		t.Errorf("%d of %d items claimed", len(seen), len(items))
	}
	if again, err := b.Claim(t.Context(), "gateway1", items, now.Add(2*time.Minute), now.Add(3*time.Minute)); err != nil || len(again) != len(items) {
		t.Errorf("%d items claimed after the claims ended, %v, want all", len(again), err)
	}
	if _, err := a.Purge(t.Context(), now.Add(4*time.Minute), nil); err != nil {
		t.Errorf("Purge = %v", err)
	}
	// It divides by zero if a claim is left.
	execute(t, dsn, "SELECT 1 / (count(*) = 0)::int FROM claim")
	for _, row := range []struct {
		s      *postgres.Store
		holder string
		at     time.Duration
		long   time.Duration
		want   bool
	}{
		{a, "a", 0, time.Minute, true}, {b, "b", 0, time.Minute, false},
		{a, "a", 30 * time.Second, time.Minute, true}, {b, "b", time.Minute, time.Minute, false},
		{b, "b", 90 * time.Second, time.Minute, true}, {a, "a", 90 * time.Second, time.Minute, false},
		{a, "a", 95 * time.Second, 0, false}, {a, "a", 95 * time.Second, time.Minute, false}, // it gives back what it has not
		{b, "b", 95 * time.Second, 0, true}, {a, "a", 95 * time.Second, time.Minute, true},
	} {
		got, err := row.s.Lease(t.Context(), "publisher", row.holder, now.Add(row.at), now.Add(row.at+row.long))
		if got != row.want || err != nil {
			t.Errorf("lease of %s after %v: %v, %v, want %v", row.holder, row.at, got, err, row.want)
		}
	}
}

// TestDamage changes one thing behind the store's back; Check finds it.
func TestDamage(t *testing.T) {
	for name, row := range map[string][2]string{
		"content":   {"UPDATE entry SET kind = 'other' WHERE idx = 1", "entry: checksum of row 1 does not match"},
		"no digest": {`UPDATE message SET digest = '\x00' WHERE entry = 2`, "message: a row cannot be read"},
		"no entry":  {"DELETE FROM entry WHERE idx = 0", "head: not exactly one row, or entries are not 0 to size-1, at size 3"},
		"tally":     {"UPDATE tally SET n = n + 1", "tally: not what mailboxes and senders hold, rows 2"},
	} {
		t.Run(name, func(t *testing.T) {
			copied := shared.Database(t)
			c := open(t, postgres.Config{DSN: copied})
			for i := range uint64(3) {
				if _, err := commit(c, message(i)); err != nil {
					t.Fatal(err)
				}
			}
			execute(t, copied, row[0])
			found, err := c.Check(t.Context())
			if err != nil || !strings.Contains(strings.Join(found, "\n"), row[1]) {
				t.Errorf("Check = %q, %v, want %q", found, err, row[1])
			}
		})
	}
}

// TestPlans holds that the queries of the hot path read an index and sort no
// more than they return: in tables of some size, and with the plans that are made
// while the tables are new, which stay in force as they fill.
func TestPlans(t *testing.T) {
	dsn := shared.Database(t)
	conn := postgres.Reading(t, open(t, postgres.Config{DSN: dsn}))
	for name, row := range plans(t) {
		if plan := explain(t, conn, row); strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s reads a whole table, planned when it is empty:\n%s", name, plan)
		}
	}
	for _, sql := range []string{
		`INSERT INTO mail SELECT i, 'agency' || i % 10, 'role' || i % 3, 'issuer', 'm' || i, '', '', i, CASE WHEN i % 2 = 0 THEN 'waiting' ELSE 'done' END,
			1, i % 100, '', 'd' || i, 0, '', 0 FROM generate_series(1, 8000) AS i`,
		`INSERT INTO entry SELECT i, '', '', '', '', 'release', i, i + 1, 'agency' || i % 10, 'agency' || i % 7, 's' || i % 500, 'c' || i % 500, 0 FROM generate_series(1, 8000) AS i`,
		`INSERT INTO message SELECT 'm' || i, 'issuer', '', 'to', '', 't', '', 0, i, '', CASE WHEN i % 50 = 0 THEN 'k' ELSE '' END, i, 0 FROM generate_series(1, 8000) AS i`,
		`INSERT INTO replay SELECT 'r' || i, i, 0 FROM generate_series(1, 8000) AS i`,
		`INSERT INTO statement (state, issuer, id, type, fact, number, digest, body, key, entry, sum)
			SELECT 'p' || i % 1000, 'issuer', 's' || i, '', '', 0, '', '', '', 0, 0 FROM generate_series(1, 8000) AS i`,
		`ANALYZE`,
	} {
		execute(t, dsn, sql)
	}
	for name, row := range plans(t) {
		plan := explain(t, conn, row)
		for _, index := range row.indexes {
			if !strings.Contains(plan, index) {
				t.Errorf("%s does not use %s:\n%s", name, index, plan)
			}
		}
		if strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s reads a whole table:\n%s", name, plan)
		}
	}
}

// planned is a query with the types of its arguments, some arguments, and the
// indexes that it is to use. One planned anew knows its arguments.
type planned struct {
	sql, types, args string
	indexes          []string
	anew             bool
}

func plans(t *testing.T) map[string]planned {
	return map[string]planned{
		"mailbox":    {postgres.MailboxSQL, "text, text[], bigint, bigint", "'agency1', '{role1,role2}', 50, 10", []string{"mail_open"}, false},
		"expired":    {postgres.ExpiredSQL, "bigint, bigint", "50, 10", []string{"mail_expires"}, false},
		"deliveries": {postgres.DeliveriesSQL, "text[], text", "'{d1,d2}', 'agency1'", []string{"mail_delivery", "mail_notice"}, false},
		"mail of":    {postgres.MailOfSQL, "text, text", "'m1', 'issuer'", []string{"mail_message"}, false},
		"messages":   {postgres.EnvelopesSQL, "text[], text[]", "'{m1}', '{issuer}'", []string{"message_pkey"}, false},
		"statements": {postgres.AdmittedSQL, "text[], text[]", "'{s1}', '{issuer}'", []string{"statement_id"}, false},
		"search":     {postgres.SearchSQL(t, store.Query{Subject: "s1", Before: 9, Limit: 10}), "text, bigint, bigint, bigint", "'s1', 9, 9, 10", []string{"entry_subject"}, true},
		"period":     {postgres.SearchSQL(t, store.Query{Discloser: "agency1", From: now, Limit: 10}), "text, bigint, bigint", "'agency1', 9, 10", []string{"entry_discloser"}, true},
		"replays":    {postgres.PurgeSQL(0), "bigint, bigint", "10, 10", []string{"replay_until"}, true},
		"done mail":  {postgres.PurgeSQL(1), "bigint, bigint", "10, 10", []string{"mail_done"}, true},
		"messages 2": {postgres.PurgeSQL(2), "bigint, bigint", "10, 10", []string{"message_expires", "mail_message"}, true},
	}
}

func explain(t *testing.T, conn *pgx.Conn, q planned) string {
	t.Helper()
	mode := map[bool]string{true: "force_custom_plan", false: "force_generic_plan"}[q.anew]
	for _, sql := range []string{"SET plan_cache_mode = " + mode, "PREPARE q (" + q.types + ") AS " + q.sql} {
		_, err := conn.Exec(t.Context(), sql)
		must(t, err)
	}
	defer conn.Exec(t.Context(), "DEALLOCATE q")
	rows, err := conn.Query(t.Context(), "EXPLAIN EXECUTE q ("+q.args+")", pgx.QueryExecModeSimpleProtocol)
	must(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return strings.Join(lines, "\n")
}
