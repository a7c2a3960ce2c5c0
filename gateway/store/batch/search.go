package batch

import (
	"fmt"
	"strings"

	"sluss/gateway/store"
)

// Search is the query of an audit search, with a ? for each of its arguments. The
// first condition in force picks the index, each of which ends in (time, idx); an
// index of what may be absent is partial, and its condition is repeated.
func Search(q store.Query) (sql string, args []any, err error) {
	var where []string
	and := func(set bool, cond string, arg ...any) {
		if set {
			where, args = append(where, cond), append(args, arg...)
		}
	}
	and(q.Subject != "", "subject <> '' AND subject = ?", string(q.Subject))
	and(q.Case != "", "case_ref <> '' AND case_ref = ?", string(q.Case))
	and(q.Discloser != "", "discloser <> '' AND discloser = ?", string(q.Discloser))
	and(q.Recipient != "", "recipient <> '' AND recipient = ?", string(q.Recipient))
	and(!q.From.IsZero(), "time >= ?", Millis(q.From))
	if len(where) == 0 {
		return "", nil, fmt.Errorf("%w: a search needs a person, a case, an agency or a period", store.ErrInvalid)
	}
	and(!q.To.IsZero(), "time < ?", Millis(q.To))
	and(q.Kind != "", "kind = ?", q.Kind)
	before := int64(q.Before)
	and(q.Before != 0, "(time, idx) < ((SELECT b.time FROM entry AS b WHERE b.idx = ?), ?)", before, before)
	return Entries.Selects() + "WHERE " + strings.Join(where, " AND ") + " ORDER BY time DESC, idx DESC LIMIT ?", append(args, q.Limit), nil
}
