package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sluss/gateway/gatewaytest"
	"sluss/gateway/gatewaytest/bench/filler"
	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/store/database"
	"sluss/gateway/store/pgtest"
	"sluss/gateway/store/sqlite"
)

// The stores on which a gateway is measured.
const (
	onSQLite   = "sqlite"
	onPostgres = "postgres"
	onStandby  = "postgres+standby"
)

// roomy give a server of PostgreSQL the memory that one with a database of many
// gigabytes has, and so much write-ahead log that it makes a checkpoint by the
// clock and not by the amount.
var roomy = map[string]string{"shared_buffers": "1GB", "max_wal_size": "8GB", "effective_cache_size": "8GB"}

// backend is what a world keeps its rows in. This is the one place where a world
// gets its store.
type backend struct {
	kind    string
	dir     string            // of a SQLite database
	dsn     string            // of a PostgreSQL database
	cluster []*pgtest.Cluster // the primary, then its standby
}

// newBackend starts what a store needs. The database is empty.
func newBackend(ctx context.Context, kind, dir string, settings map[string]string) (*backend, error) {
	d := &backend{kind: kind, dir: filepath.Join(dir, "gateway", "data")}
	switch kind {
	case onSQLite:
		return d, nil
	case onPostgres, onStandby:
	default:
		return nil, fmt.Errorf("%q is no store: %s, %s, %s", kind, onSQLite, onPostgres, onStandby)
	}
	primary, err := pgtest.Start(ctx, pgtest.Config{Settings: settings})
	if err != nil {
		return nil, err
	}
	d.dsn, d.cluster = primary.DSN(), []*pgtest.Cluster{primary}
	if kind == onStandby {
		standby, err := primary.Standby(ctx)
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
		d.cluster = append(d.cluster, standby)
	}
	return d, nil
}

// configure has the gateway of a world use the database.
func (d *backend) configure(w *gatewaytest.World) error {
	if d.kind == onSQLite {
		return nil // the default, in the world's data directory
	}
	return w.Configure(map[string]any{"database": d.dsn, "ha": d.kind == onStandby})
}

// open opens the database itself, beside a gateway that does not run.
func (d *backend) open(ctx context.Context) (database.Database, error) {
	return database.Open(ctx, database.Config{Dir: d.dir, URI: d.dsn, HA: d.kind == onStandby})
}

// indexes drops the indexes of the log, for a fill.
func (d *backend) indexes() filler.Indexes {
	if d.kind == onSQLite {
		return filler.SQLiteIndexes(filepath.Join(d.dir, sqlite.FileName))
	}
	return filler.PostgresIndexes(d.dsn)
}

// usage is what the servers have used.
func (d *backend) usage() (cpu, memory float64, err error) {
	var dirs []string
	for _, c := range d.cluster {
		dirs = append(dirs, c.DataDir())
	}
	return load.Servers(dirs...)
}

// size is how many bytes the database takes on the disk, without the standby's.
func (d *backend) size() (int64, error) {
	dir := d.dir
	if len(d.cluster) > 0 {
		dir = filepath.Join(d.cluster[0].DataDir(), "base")
	}
	var sum int64
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil // a file that was dropped meanwhile
		}
		return err
	})
	return sum, err
}

// Close ends the servers, the standby first.
func (d *backend) Close() error {
	var errs []error
	for i := len(d.cluster) - 1; i >= 0; i-- {
		errs = append(errs, d.cluster[i].Close())
	}
	return errors.Join(errs...)
}
