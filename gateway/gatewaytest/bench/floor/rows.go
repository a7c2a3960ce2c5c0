package floor

import (
	"context"
	"database/sql"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver
)

// rows is where a floor writes: a batch in one durable transaction.
type rows interface {
	insert(ctx context.Context, batch []write) error
}

type write struct {
	body []byte
	done chan error
}

// maxBatch is how many writes share a transaction at most, as in the gateway.
const maxBatch = 256

// commit writes what waits, together, for as long as the process runs.
func (f *server) commit(ctx context.Context) {
	for first := range f.writes {
		batch := []write{first}
	gather:
		for len(batch) < maxBatch {
			select {
			case more := <-f.writes:
				batch = append(batch, more)
			default:
				break gather
			}
		}
		err := f.rows.insert(ctx, batch)
		for _, w := range batch {
			w.done <- err
		}
	}
}

// write returns when n bytes that begin with body are durable.
func (f *server) write(n int, body []byte) error {
	w := write{make([]byte, n), make(chan error, 1)}
	copy(w.body, body)
	f.writes <- w
	return <-w.done
}

type sqliteRows struct{ db *sql.DB }

func openSQLite(dir string) (rows, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "floor.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec("CREATE TABLE row (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
	return sqliteRows{db}, err
}

func (r sqliteRows) insert(ctx context.Context, batch []write) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, w := range batch {
		if _, err := tx.ExecContext(ctx, "INSERT INTO row (body) VALUES (?)", w.body); err != nil {
			return err
		}
	}
	return tx.Commit()
}

type postgresRows struct{ conn *pgx.Conn }

func openPostgres(ctx context.Context, dsn string) (rows, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, "CREATE TABLE row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL)")
	if err == nil {
		_, err = conn.Exec(ctx, "ALTER TABLE row ALTER body SET STORAGE EXTERNAL") // compressing ciphertext is work for nothing
	}
	return postgresRows{conn}, err
}

// insert sends the batch in one round trip, which is one transaction.
func (r postgresRows) insert(ctx context.Context, batch []write) error {
	b := &pgx.Batch{}
	for _, w := range batch {
		b.Queue("INSERT INTO row (body) VALUES ($1)", w.body)
	}
	return r.conn.SendBatch(ctx, b).Close()
}
