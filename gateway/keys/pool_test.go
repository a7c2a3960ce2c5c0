package keys_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway/keys"
)

func TestPoolReload(t *testing.T) {
	dir, key := t.TempDir(), ecKey(t)
	writePair(t, dir, 1, key, key)
	path := filepath.Join(dir, "tls.pem")
	synctest.Test(t, func(t *testing.T) {
		var reports []error
		pool, err := keys.NewPool(path, func(err error) { reports = append(reports, err) })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- pool.Run(ctx) }()
		wait := func() {
			time.Sleep(2500 * time.Millisecond) // between two looks at the file
			synctest.Wait()
		}
		first := pool.Certificates()
		wait()
		if pool.Certificates() != first {
			t.Error("loaded again without a change")
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		wait()
		if pool.Certificates() != first || len(reports) != 1 || !errors.Is(reports[0], keys.ErrFormat) {
			t.Errorf("empty file: replaced %v, reports %v; want the old anchors and one %v", pool.Certificates() != first, reports, keys.ErrFormat)
		}
		writePair(t, dir, 2, key, key)
		wait()
		if pool.Certificates().Equal(first) {
			t.Error("the new anchors were not loaded")
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: got %v, want the context's cause", err)
		}
	})
	if _, err := keys.NewPool(path+".none", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v, want %v", err, os.ErrNotExist)
	}
}
