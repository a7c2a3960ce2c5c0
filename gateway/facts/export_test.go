package facts

import (
	"context"

	"sluss/gateway/store"
)

// Statement lets tests state what no signed message was made for.
type Statement = statement

// Take admits a statement as if a message had carried it.
func (r *Register) Take(ctx context.Context, s Statement) (Admission, error) { return r.admit(ctx, &s) }

// Read reads a statement, and says only whether it could.
func (s *statement) Read(t *Tables) error {
	_, err := s.read(t)
	return err
}

// Additional is what a row's ciphertext is bound to.
func Additional(row store.Statement) []byte { return additional(row) }
