// Package database opens the database that a place names: a directory holds the
// embedded one (package store/sqlite), a postgres:// URI names a server (package
// store/postgres). The programs and the test kit choose between backends here
// and nowhere else; every step of the path sees package store's contract.
//
// An open database belongs to a gateway. A view reads beside gateways that run
// and writes nothing, for auditors' and operators' commands.
package database

import (
	"context"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"sluss/gateway/store"
	"sluss/gateway/store/postgres"
	"sluss/gateway/store/sqlite"
)

// Database is a backend with all that a gateway asks of it.
type Database interface {
	store.Store
	store.Scanner
	store.Searcher
	store.Forgetter
	store.Exporter
	store.Importer

	// Room returns nil, or [store.ErrFull] while the disk is full.
	Room() error
	// Healthy returns nil, or why nothing can be taken in or released now.
	Healthy(ctx context.Context) error
	Metrics() []prometheus.Collector
}

// Config says which database. One of the two is required; URI goes first.
type Config struct {
	Dir string // of the embedded database
	URI string // of a PostgreSQL server: "postgres://…"
	HA  bool   // the server is to have a synchronous standby
}

// Server reports whether a place is a server's.
func Server(place string) bool {
	return strings.HasPrefix(place, "postgres://") || strings.HasPrefix(place, "postgresql://")
}

// Open opens a database for a gateway, and makes its tables where there are none.
func Open(ctx context.Context, cfg Config) (Database, error) {
	if cfg.URI != "" {
		return postgres.Open(ctx, postgres.Config{DSN: cfg.URI, HA: cfg.HA})
	}
	return sqlite.Open(ctx, sqlite.Config{Dir: cfg.Dir})
}

// View opens a database to read it, also while gateways run on it. place is a
// directory or a URI.
func View(ctx context.Context, place string) (Database, error) {
	if Server(place) {
		return postgres.View(ctx, place)
	}
	return sqlite.View(ctx, place)
}
