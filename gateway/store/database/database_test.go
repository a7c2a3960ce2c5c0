package database_test

import (
	"testing"

	"sluss/gateway/store"
	"sluss/gateway/store/database"
	"sluss/gateway/store/storetest"
)

// TestDir opens the embedded database and views it.
func TestDir(t *testing.T) {
	dir := t.TempDir()
	if _, err := database.View(t.Context(), dir); err == nil {
		t.Error("View of an empty directory gave no error")
	}
	db, err := database.Open(t.Context(), database.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if r, err := db.Commit(t.Context(), []store.Write{{Entries: []store.Entry{{Kind: "incident"}}}}, storetest.Grow); err != nil || r[0].Err != nil {
		t.Fatalf("Commit = %v, %v", r, err)
	}
	view, err := database.View(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	if h, err := view.Head(t.Context()); err != nil || h.Size != 1 {
		t.Errorf("Head = %+v, %v", h, err)
	}
}
