package database_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
	"sluss/gateway/store/database"
	"sluss/gateway/store/pgtest"
	"sluss/gateway/store/sqlite"
	"sluss/gateway/store/storetest"
)

// shared is the server; it lives as long as this does.
var shared pgtest.Shared

// TestMigrate copies the embedded database to a server and from there to a file:
// each time it is the same to the byte, and the server goes on with it.
func TestMigrate(t *testing.T) {
	from, err := database.Open(t.Context(), database.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) // as storetest.Grow has it
	var writes []store.Write
	for _, name := range []string{"b", "a", "å", "Z"} {
		id := gateway.MessageID("urn:uuid:" + name)
		writes = append(writes, store.Write{Entries: []store.Entry{{Kind: store.KindAccepted, Time: now, E1: []byte("CANARY"), Key: "k"}},
			Set: []store.State{{Name: name, Version: 1}}, Replay: name, ReplayUntil: now,
			Message: &store.Message{Issuer: "police", ID: id, To: "sis", Body: []byte("CANARY"), Key: "k", Expires: now},
			Mail:    []store.Mail{{Agency: "sis", Role: "sis.case_worker", Issuer: "police", Message: id, State: store.Waiting}}})
	}
	if _, err := from.Commit(t.Context(), writes, storetest.Grow); err != nil {
		t.Fatal(err)
	}
	to, err := database.Open(t.Context(), database.Config{URI: shared.Database(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	there, err := store.Copy(t.Context(), to, from, nil)
	if err != nil {
		t.Fatal(err)
	}
	back, err := sqlite.Create(t.Context(), filepath.Join(t.TempDir(), "backup.db"), to, nil)
	if err != nil || !slices.Equal(back, there) {
		t.Errorf("back again %v, %v, want %v", back, err, there)
	}
	if found, err := to.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("Check = %q, %v", found, err)
	}
	next := writes[0]
	next.Set, next.Replay, next.Message, next.Mail = nil, "a", nil, nil
	if r, err := to.Commit(t.Context(), []store.Write{next, {Entries: next.Entries}}, storetest.Grow); err != nil || r[0].Err == nil || r[1].Index != 4 {
		t.Errorf("the next commit = %v, %v, want the first replayed and the second at 4", r, err)
	}
}
