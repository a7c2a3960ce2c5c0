package postgres

import (
	"testing"

	"sluss/gateway/store"
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
	sql, _, err := searchSQL(q)
	if err != nil {
		t.Fatal(err)
	}
	return sql
}
