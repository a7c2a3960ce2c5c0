package postgres

import (
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// held is the [batch.Quota] of a transaction. How much a mailbox or a sender
// holds is counted in table tally, which is read and kept in step under the
// head's lock: to count the rows would take as long as there are many, and what
// this gateway remembers says nothing about the others.
type held struct {
	limits Config
	n      map[batch.Box]int // a sender is the box without a role
	more   map[batch.Box]int
}

// holding names what the writes may add to.
func holding(limits Config, writes []store.Write) *held {
	h := &held{limits, map[batch.Box]int{}, map[batch.Box]int{}}
	for _, w := range writes {
		for _, b := range adds(&w) {
			h.n[b] = 0
		}
	}
	return h
}

// adds lists the boxes to which w adds a message. Notices are not counted.
func adds(w *store.Write) (boxes []batch.Box) {
	if w.Message != nil && w.Message.Key != "" {
		boxes = append(boxes, batch.Box{Agency: w.Message.Issuer})
	}
	for _, m := range w.Mail {
		if m.Message != "" {
			boxes = append(boxes, batch.Box{Agency: m.Agency, Role: m.Role})
		}
	}
	return boxes
}

// ask queues the query for what the boxes hold.
func (h *held) ask(q *pgx.Batch) {
	if len(h.n) == 0 {
		return
	}
	agencies, roles, _ := lists(h.n)
	q.Queue(`SELECT t.agency, t.role, t.n FROM unnest($1::text[], $2::text[]) AS k(agency, role)
		JOIN tally AS t ON t.agency = k.agency AND t.role = k.role`, agencies, roles).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var b batch.Box
			var n int
			if err := rows.Scan(&b.Agency, &b.Role, &n); err != nil {
				return err
			}
			h.n[b] = n
		}
		return rows.Err()
	})
}

// Over implements [batch.Quota].
func (h *held) Over(w *store.Write) (bool, error) {
	return slices.ContainsFunc(adds(w), func(b batch.Box) bool {
		limit := h.limits.Mailbox
		if b.Role == "" {
			limit = h.limits.Sender
		}
		return h.n[b]+h.more[b] >= limit
	}), nil
}

// Count implements [batch.Quota].
func (h *held) Count(w *store.Write, closed []batch.Box) {
	for _, b := range adds(w) {
		h.more[b]++
	}
	for _, b := range closed {
		h.more[b]--
	}
}

// write queues what the transaction changes in the tally.
func (h *held) write(w *writing) {
	maps.DeleteFunc(h.more, func(_ batch.Box, n int) bool { return n == 0 })
	if len(h.more) == 0 {
		return
	}
	agencies, roles, n := lists(h.more)
	w.exactly(len(n), `INSERT INTO tally AS t (agency, role, n) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
		ON CONFLICT (agency, role) DO UPDATE SET n = t.n + excluded.n`, agencies, roles, n)
}

// lists are boxes and numbers as unnest takes them.
func lists(m map[batch.Box]int) (agencies, roles []string, n []int64) {
	boxes := slices.SortedFunc(maps.Keys(m), func(a, b batch.Box) int {
		if c := strings.Compare(string(a.Agency), string(b.Agency)); c != 0 {
			return c
		}
		return strings.Compare(string(a.Role), string(b.Role))
	})
	for _, b := range boxes {
		agencies, roles, n = append(agencies, string(b.Agency)), append(roles, string(b.Role)), append(n, int64(m[b]))
	}
	return agencies, roles, n
}

var _ batch.Quota = (*held)(nil)

// heldSQL lists what boxes hold.
const heldSQL = `SELECT issuer AS agency, '' AS role, count(*) AS n FROM message WHERE key <> '' GROUP BY issuer
	UNION ALL SELECT agency, role, count(*) FROM mail WHERE message <> '' AND ` + open + ` GROUP BY agency, role`

// talliesSQL counts the boxes whose tally is not what they hold.
var talliesSQL = `WITH held AS (` + heldSQL + `),
	told AS (SELECT agency, role, n FROM tally WHERE n <> 0)
	SELECT count(*) FROM (TABLE held EXCEPT TABLE told UNION ALL (TABLE told EXCEPT TABLE held)) AS d HAVING count(*) > 0`

// open is the condition of the partial indexes on mail.
const open = "state IN ('waiting', 'held', 'handed')"
