package sqlite

import (
	"context"
	"fmt"

	"sluss/gateway/store"
)

// overQuota reports whether w would bring a mailbox or its sender over the
// limit. Notices are not counted: they answer messages that were, and an
// acknowledgement must never be refused because somebody's mailbox is full.
func (s *Store) overQuota(ctx context.Context, w *store.Write) (bool, error) {
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
		k := box{m.Agency, m.Role}
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

// count keeps the counts in step with an accepted write: what it brings, and
// the mailboxes in which it closed an item. A batch that fails afterwards
// forgets them all.
func (s *Store) count(w *store.Write, closed []box) {
	if w.Message != nil {
		s.counts.sender[w.Message.Issuer]++
	}
	for _, m := range w.Mail {
		if m.Message != "" {
			s.counts.mailbox[box{m.Agency, m.Role}]++
		}
	}
	for _, k := range closed {
		if n, ok := s.counts.mailbox[k]; ok {
			s.counts.mailbox[k] = n - 1
		}
	}
}
