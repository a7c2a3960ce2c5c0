package sqlite

import "context"

// Pragma executes a pragma on the writing connection.
func (s *Store) Pragma(ctx context.Context, pragma string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.conn.ExecContext(ctx, "PRAGMA "+pragma)
	return err
}

// CheckSettings compares the writing connection's settings as Open does.
func (s *Store) CheckSettings(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return checkSettings(ctx, s.conn)
}

// FailCommit makes the next COMMIT fail after it was begun: as SQLite sees it
// when the disk gives an error.
func (s *Store) FailCommit(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A statement that parses and fails when it is run.
	st, err := s.conn.PrepareContext(ctx, "SELECT abs(-9223372036854775808)")
	s.stmts["COMMIT"] = st
	return err
}

// OpenStates is the condition of the partial indexes.
const OpenStates = open
