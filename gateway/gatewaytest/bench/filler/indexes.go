package filler

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Indexes drops the indexes of the log's entries in a database that nobody has open,
// and returns what makes them again.
type Indexes func(ctx context.Context) (restore func(ctx context.Context) error, err error)

// SQLiteIndexes are those of a SQLite file.
func SQLiteIndexes(file string) Indexes {
	const pragmas = "?_pragma=busy_timeout(5000)&_pragma=cache_size(-1048576)&_pragma=temp_store(1)&_pragma=threads(2)"
	return func(ctx context.Context) (func(context.Context) error, error) {
		db, err := sql.Open("sqlite", "file:"+file+pragmas)
		if err != nil {
			return nil, err
		}
		defer db.Close()
		rows, err := db.QueryContext(ctx, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'entry' AND sql IS NOT NULL")
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var names, made []string
		for rows.Next() {
			var name, text string
			if err := rows.Scan(&name, &text); err != nil {
				return nil, err
			}
			names, made = append(names, name), append(made, text)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		rows.Close()
		for _, n := range names {
			if _, err := db.ExecContext(ctx, "DROP INDEX "+n); err != nil {
				return nil, fmt.Errorf("dropping an index: %w", err)
			}
		}
		return func(ctx context.Context) error {
			db, err := sql.Open("sqlite", "file:"+file+pragmas)
			if err != nil {
				return err
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			for _, text := range append(made, "PRAGMA wal_checkpoint(TRUNCATE)") {
				if _, err := db.ExecContext(ctx, text); err != nil {
					return fmt.Errorf("making an index again: %w", err)
				}
			}
			return nil
		}, nil
	}
}

// PostgresIndexes are those of a PostgreSQL database. Afterwards its statistics are
// taken, as autovacuum would in time.
func PostgresIndexes(dsn string) Indexes {
	return func(ctx context.Context) (func(context.Context) error, error) {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return nil, err
		}
		defer conn.Close(ctx)
		rows, err := conn.Query(ctx, `SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index AS i
			JOIN pg_class AS t ON t.oid = i.indrelid WHERE t.relname = 'entry' AND NOT i.indisprimary AND NOT i.indisunique`)
		if err != nil {
			return nil, err
		}
		var names, made []string
		var name, text string
		if _, err := pgx.ForEachRow(rows, []any{&name, &text}, func() error {
			names, made = append(names, name), append(made, text)
			return nil
		}); err != nil {
			return nil, err
		}
		for _, n := range names {
			if _, err := conn.Exec(ctx, "DROP INDEX "+n); err != nil {
				return nil, fmt.Errorf("dropping an index: %w", err)
			}
		}
		return func(ctx context.Context) error {
			conn, err := pgx.Connect(ctx, dsn)
			if err != nil {
				return err
			}
			defer conn.Close(ctx)
			for _, text := range append(append([]string{"SET maintenance_work_mem = '1GB'"}, made...), "VACUUM ANALYZE") {
				if _, err := conn.Exec(ctx, text); err != nil {
					return fmt.Errorf("making an index again: %w", err)
				}
			}
			return nil
		}, nil
	}
}
