package workbench_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
	"sluss/gateway/workbench"
	"sluss/policies"
)

// TestOpen holds that the directory and the bundle made of it are one pack.
func TestOpen(t *testing.T) {
	s, err := snapshot.Read(policies.FS, policy.Engine())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := snapshot.Pack(s, nil).Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"../../policies", file} {
		p, err := workbench.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if p.Snapshot.Digest() != s.Digest() {
			t.Errorf("%s: digest %s, want %s", path, p.Snapshot.Digest(), s.Digest())
		}
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := workbench.Open(t.Context(), path); !errors.Is(err, workbench.ErrPack) {
			t.Errorf("%s: %v, want ErrPack", path, err)
		}
	}
}
