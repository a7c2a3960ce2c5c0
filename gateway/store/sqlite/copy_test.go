package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
	"sluss/gateway/store/storetest"
)

// TestCreate holds that a copy in a file is whole and can be read where nothing
// can be written, and that one that fails leaves nothing behind.
func TestCreate(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	s := open(t, sqlite.Config{Dir: dir, Reserve: -1})
	for n := range uint64(3) {
		if _, err := s.Commit(t.Context(), []store.Write{write(n, 10)}, storetest.Grow); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(out, "backup.db")
	if _, err := sqlite.Create(t.Context(), file, s, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), []store.Write{write(3, 10)}, storetest.Grow); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(out, 0o500); err != nil {
		t.Fatal(err)
	}
	view, err := sqlite.ViewFile(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	if found, err := view.Check(t.Context()); err != nil || len(found) > 0 || size(t, view) != 3 {
		t.Errorf("Check = %q, %v, size %d, want 3", found, err, size(t, view))
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 1 {
		t.Errorf("beside the copy: %v, %v", left, err)
	}
	if err := os.Chmod(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Create(t.Context(), file, s, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a copy = %v, want ErrExist", err)
	}
	// One flipped bit in the source: no copy.
	alter(t, dir, "UPDATE entry SET e1 = CAST('D' || substr(e1, 2) AS BLOB) WHERE idx = 1")
	if _, err := sqlite.Create(t.Context(), file+"2", s, nil); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Create from a damaged store = %v, want ErrDamaged", err)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 1 {
		t.Errorf("after a copy that failed: %v, %v", left, err)
	}
}
