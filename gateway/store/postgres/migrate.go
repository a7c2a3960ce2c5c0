package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrations make the schema, one file for each version of it.
//
//go:embed migrations/*.sql
var migrations embed.FS

// versions is the table that says which migrations were applied.
const versions = "schema_version"

// migrate applies the migrations that the database lacks. Gateways that start
// at once wait for each other by an advisory lock. A database of a later version
// is refused, because this program does not know what its rows mean.
func (s *Store) migrate(ctx context.Context) error {
	// Connections of its own: an index may take longer to build than a commit.
	db := stdlib.OpenDB(*s.write.Config().ConnConfig)
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker),
		goose.WithTableName(versions), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err == nil && have < want {
		if _, err = p.Up(ctx); err == nil {
			have, want, err = p.GetVersions(ctx)
		}
	}
	if err != nil {
		return plain("renewing schema", fmt.Errorf("%w: %w", ErrSchema, err))
	}
	if have != want {
		return fmt.Errorf("%w: version %d, want %d", ErrSchema, have, want)
	}
	return nil
}

// checkVersion refuses a database that is not of this program's version.
func (s *Store) checkVersion(ctx context.Context) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	var have int
	if err := s.read.QueryRow(ctx, "SELECT max(version_id) FROM "+versions).Scan(&have); err != nil {
		return plain("reading schema version", fmt.Errorf("%w: %w", ErrSchema, err))
	}
	if have != len(files) {
		return fmt.Errorf("%w: version %d, want %d", ErrSchema, have, len(files))
	}
	return nil
}
