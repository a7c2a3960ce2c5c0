package keys_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluss/gateway/keys"
)

// FuzzLoad holds Load to reading only keys that are whole: what it accepts can
// be written and read again, whatever the file held.
func FuzzLoad(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.key")
	key, err := keys.NewEC()
	if err != nil {
		f.Fatal(err)
	}
	if err := keys.Create(path, key); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:60])
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		dir := t.TempDir()
		in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
		if err := os.WriteFile(in, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := keys.Load("file:" + in)
		if err != nil {
			return
		}
		if err := keys.Create(out, key); err != nil {
			t.Fatalf("a key that loads cannot be written: %v", err)
		}
		if again, err := keys.Load("file:" + out); err != nil || again.Public() == nil {
			t.Fatalf("a key that was written does not load: %v", err)
		}
	})
}

// FuzzKeyName holds names of at-rest keys, which come from the database, to
// leading nowhere but into the ring.
func FuzzKeyName(f *testing.F) {
	f.Add("municipality:0180/message/2026-11")
	f.Add("police/../mac")
	f.Add("../police/message/2026-11")
	f.Add("police/message/2026-1")
	ring, err := keys.OpenRing(f.TempDir(), kek)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		plain, err := ring.Decrypt(name, make([]byte, 40), nil)
		if err == nil {
			t.Fatalf("%q opened: %q", name, plain)
		}
		if strings.Contains(err.Error(), "..") {
			t.Fatalf("%q was looked up: %v", name, err)
		}
	})
}
