package sqlite

import (
	"context"
	"fmt"
	"time"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// Claim implements [store.Store]: there is no other gateway.
func (s *Store) Claim(_ context.Context, _ string, items []store.Mail, _, _ time.Time) ([]store.Mail, error) {
	return items, nil
}

// Lease implements [store.Store]: there is no other gateway.
func (s *Store) Lease(context.Context, string, string, time.Time, time.Time) (bool, error) {
	return true, nil
}

// Publish implements [store.Store].
func (s *Store) Publish(ctx context.Context, size uint64, note []byte) error {
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
		err := s.exec(ctx, insertSQL(batch.Published, 1)+batch.Published.Updates()+" WHERE excluded.size >= published.size",
			batch.Published.Row(batch.PublishedRow{Size: size, Note: note})...)
		if err != nil {
			return false, fmt.Errorf("publishing: %w", err)
		}
		return true, nil
	})
}

// Published implements [store.Store].
func (s *Store) Published(ctx context.Context) ([]byte, error) {
	p, err := single(ctx, s, batch.Published, batch.Published.Selects())
	return p.Note, err
}
