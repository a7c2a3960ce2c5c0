package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// Export implements [store.Exporter]. What it reads is one transaction's, so
// that the write-ahead log grows until it has ended.
func (s *Store) Export(ctx context.Context, f func(store.Row) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	defer tx.Rollback()
	for _, l := range batch.Layouts {
		if err := exportTable(ctx, tx, l, f); err != nil {
			return err
		}
	}
	return nil
}

func exportTable(ctx context.Context, tx *sql.Tx, l batch.Layout, f func(store.Row) error) error {
	rows, err := tx.QueryContext(ctx, "SELECT sum, "+l.Columns+" FROM "+l.Name+" ORDER BY "+l.Order)
	if err != nil {
		return fmt.Errorf("exporting %s: %w", l.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := l.Read(rows)
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("exporting %s: %w", l.Name, err)
	}
	return nil
}

// Import implements [store.Importer]. Until it commits, what it was given lies
// in the write-ahead log, so that the disk must have room for it twice.
func (s *Store) Import(ctx context.Context, fill func(put func(store.Row) error) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped != nil {
		return s.stopped
	}
	whole := context.WithoutCancel(ctx)
	// Rows come in no order that the indexes have.
	if err := s.exec(whole, "PRAGMA cache_size(-65536)"); err != nil {
		return err
	}
	defer s.exec(whole, "PRAGMA cache_size(-8192)")
	return s.transact(whole, func() (bool, error) {
		if err := s.vacant(whole); err != nil {
			return false, err
		}
		in := importing{s: s}
		err := fill(func(r store.Row) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return in.put(whole, r)
		})
		if err == nil {
			err = in.flush(whole)
		}
		return err == nil, err
	})
}

// vacant returns nil, and makes room for a head, if there is nothing here.
func (s *Store) vacant(ctx context.Context) error {
	for _, l := range batch.Layouts {
		query := "SELECT count(*) FROM (SELECT 1 FROM " + l.Name + " LIMIT 1)"
		if l.Name == batch.Heads.Name {
			query = "SELECT count(*) FROM head WHERE size > 0 OR mail_seq > 0"
		}
		var n int
		if err := s.scalar(ctx, &n, query); err != nil {
			return fmt.Errorf("importing: %w", err)
		}
		if n > 0 {
			return fmt.Errorf("%w: table %s", store.ErrNotEmpty, l.Name)
		}
	}
	return s.exec(ctx, "DELETE FROM head")
}

// importing collects rows of one table for a statement that inserts many.
type importing struct {
	s    *Store
	l    batch.Layout
	args []any
}

func (in *importing) put(ctx context.Context, r store.Row) error {
	l, err := batch.LayoutOf(r)
	if err != nil {
		return err
	}
	if l.Name != in.l.Name || len(in.args) == chunks[0]*l.Width {
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	in.l = l
	in.args = append(in.args, r.Values...)
	return nil
}

func (in *importing) flush(ctx context.Context) error {
	for len(in.args) > 0 {
		n := chunk(len(in.args) / in.l.Width)
		m := marks(in.l.Width)
		query := "INSERT INTO " + in.l.Name + " (" + in.l.Columns + ", sum) VALUES " + m + strings.Repeat(","+m, n-1)
		if err := in.s.exec(ctx, query, in.args[:n*in.l.Width]...); err != nil {
			return fmt.Errorf("importing %s: %w", in.l.Name, err)
		}
		in.args = in.args[n*in.l.Width:]
	}
	return nil
}

// Create writes a copy of what from holds now to a new file, which has its name
// only when the copy is whole, compared and synced. It holds no keys, and a
// gateway does not run on it before it is restored.
func Create(ctx context.Context, file string, from store.Exporter, progress func(string, uint64)) (copied []store.Copied, err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("creating %s: %w", file, errors.Join(fs.ErrExist, err))
	}
	dir, err := os.MkdirTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return nil, fmt.Errorf("creating a copy: %w", err)
	}
	defer os.RemoveAll(dir)
	to, err := Open(ctx, Config{Dir: dir, Reserve: -1})
	if err != nil {
		return nil, err
	}
	copied, err = store.Copy(ctx, to, from, progress)
	// The last connection to close brings the write-ahead log into the file and
	// syncs it.
	if err = errors.Join(err, to.Close()); err != nil {
		return nil, err
	}
	if err := os.Rename(filepath.Join(dir, FileName), file); err != nil {
		return nil, fmt.Errorf("creating a copy: %w", err)
	}
	return copied, syncDir(filepath.Dir(file))
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
