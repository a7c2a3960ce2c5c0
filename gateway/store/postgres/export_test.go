package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"sluss/gateway/store"
	"sluss/gateway/store/batch"
)

// The queries whose plans are tested.
var (
	MailboxSQL    = mailboxSQL
	ExpiredSQL    = expiredSQL
	DeliveriesSQL = deliveriesSQL
	MailOfSQL     = mailOfSQL
	EnvelopesSQL  = envelopesSQL
	AdmittedSQL   = admittedSQL
)

func PurgeSQL(i int) string { return purges[i].find }

func SearchSQL(t *testing.T, q store.Query) string {
	sql, _, err := batch.Search(q)
	if err != nil {
		t.Fatal(err)
	}
	return numbered(sql)
}

// Reading is one of the connections that s reads by.
func Reading(t *testing.T, s *Store) *pgx.Conn {
	conn, err := s.read.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Release)
	return conn.Conn()
}
