package filler_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/gatewaytest/bench/filler"
	"sluss/gateway/keys"
	"sluss/gateway/store"
	"sluss/gateway/store/database"
	"sluss/gateway/store/sqlite"
)

const origin = "test.sluss/log"

// TestFill fills a log and wants a check with every key to find nothing, the
// indexes to be back, and searches to find what was filled in.
func TestFill(t *testing.T) {
	const entries, open = 5000, 70
	dir := t.TempDir()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.OpenRing(filepath.Join(dir, "ring"), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	where := database.Config{Dir: filepath.Join(dir, "data")}
	reopen := func() database.Database {
		db, err := database.Open(t.Context(), where)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	reopen().Close()
	restore, err := filler.SQLiteIndexes(filepath.Join(where.Dir, sqlite.FileName))(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db := reopen()
	anchor := filepath.Join(dir, "checkpoint")
	made, err := filler.Fill(t.Context(), filler.Config{Store: db, Sealer: ring, Key: key, Origin: origin, Anchor: anchor,
		Entries: entries, Open: open, Detail: 300, Message: 1000, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if err := restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	db = reopen()
	defer db.Close()
	checked(t, db, ring, key, anchor)
	if head, err := db.Head(t.Context()); err != nil || head.Size != entries {
		t.Errorf("%d entries, %v; want %d", head.Size, err, entries)
	}
	found, err := db.Search(t.Context(), store.Query{Subject: made.Subject(3), Limit: 1000})
	if err != nil || len(found) == 0 || found[0].Case != made.Case(3) {
		t.Errorf("%d entries of a person, %v", len(found), err)
	}
	inBox, err := db.Expired(t.Context(), time.Now().Add(60*24*time.Hour), 1000)
	if err != nil || len(inBox) != open {
		t.Errorf("%d messages wait, %v; want %d", len(inBox), err, open)
	}
	if soon, err := db.Expired(t.Context(), time.Now(), 1000); err != nil || len(soon) > 0 {
		t.Errorf("%d messages have expired, %v", len(soon), err)
	}
}

// checked runs fsck with all that it takes.
func checked(t *testing.T, db database.Database, ring *keys.Ring, key ed25519.PrivateKey, anchor string) {
	t.Helper()
	v, err := disclosure.NewVerifier(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(anchor)
	if err != nil {
		t.Fatal(err)
	}
	findings, err := disclosure.Fsck(t.Context(), db, disclosure.FsckOptions{Anchor: raw, Policy: disclosure.Policy{Log: v}, Opener: ring, Token: exchange.StoredToken(ring)})
	if err != nil || len(findings) > 0 {
		t.Errorf("%d findings, %v: %.300q", len(findings), err, findings)
	}
}
