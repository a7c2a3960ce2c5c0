package sqlite

import (
	"context"
	"fmt"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// quota is the [batch.Quota] of a transaction. The counts are kept in step from
// one to the next; a batch that fails forgets them all.
type quota struct {
	ctx context.Context
	*Store
}

// Over implements [batch.Quota].
func (s quota) Over(w *store.Write) (bool, error) {
	ctx := s.ctx
	if m := w.Message; m != nil {
		n, ok := s.counts.sender[m.Issuer]
		if !ok {
			err := s.scalar(ctx, &n, "SELECT count(*) FROM message WHERE issuer = ? AND key <> ''", string(m.Issuer))
			if err != nil {
				return false, fmt.Errorf("counting messages of a sender: %w", err)
			}
			s.counts.sender[m.Issuer] = n
		}
		if n >= s.cfg.Sender {
			return true, nil
		}
	}
	for _, m := range w.Mail {
		if m.Message == "" {
			continue
		}
		k := batch.Box{Agency: m.Agency, Role: m.Role}
		n, ok := s.counts.mailbox[k]
		if !ok {
			err := s.scalar(ctx, &n, "SELECT count(*) FROM mail WHERE agency = ? AND role = ? AND "+open+" AND message <> ''",
				string(m.Agency), string(m.Role))
			if err != nil {
				return false, fmt.Errorf("counting a mailbox: %w", err)
			}
			s.counts.mailbox[k] = n
		}
		if n >= s.cfg.Mailbox {
			return true, nil
		}
	}
	return false, nil
}

func (s *Store) scalar(ctx context.Context, dest *int, query string, args ...any) error {
	st, err := s.stmt(ctx, query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(dest)
}

// Count implements [batch.Quota].
func (s quota) Count(w *store.Write, closed []batch.Box) {
	if w.Message != nil {
		s.counts.sender[w.Message.Issuer]++
	}
	for _, m := range w.Mail {
		if m.Message != "" {
			s.counts.mailbox[batch.Box{Agency: m.Agency, Role: m.Role}]++
		}
	}
	for _, k := range closed {
		if n, ok := s.counts.mailbox[k]; ok {
			s.counts.mailbox[k] = n - 1
		}
	}
}
