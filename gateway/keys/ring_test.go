package keys_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/keys"
)

var (
	kek      = bytes.Repeat([]byte{7}, 32)
	november = time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)
	aad      = []byte("message urn:uuid:1")
	secret   = []byte("CANARY value")
)

const stockholm gateway.AgencyID = "municipality:0180"

func openRing(t *testing.T, dir string) *keys.Ring {
	t.Helper()
	r, err := keys.OpenRing(dir, kek)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ring")
	r := openRing(t, dir)
	ciphertext, key, err := r.Encrypt(stockholm, "message", november, secret, aad)
	if err != nil || key != "municipality:0180/message/2026-11" {
		t.Fatalf("got key %q, %v", key, err)
	}
	local := time.Date(2026, 12, 1, 0, 30, 0, 0, time.FixedZone("CET", 3600))
	again, same, err := r.Encrypt(stockholm, "message", local, secret, aad)
	if same != key {
		t.Errorf("%v, still November in UTC, has key %s", local, same)
	}
	if err != nil || bytes.Equal(again, ciphertext) {
		t.Errorf("the same plaintext gave the same ciphertext (%v)", err)
	}
	if n := len(ciphertext) - len(secret); n > 28 {
		t.Errorf("ciphertext is %d bytes longer than the plaintext, want at most 28", n)
	}
	// A ring opened anew has only what is on the disk.
	for name, ring := range map[string]*keys.Ring{"same": r, "reopened": openRing(t, dir)} {
		if got, err := ring.Decrypt(key, ciphertext, aad); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s ring: got %q, %v; want the plaintext", name, got, err)
		}
	}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		info, _ := d.Info()
		if want := os.FileMode(0o600); !d.IsDir() && info.Mode() != want || d.IsDir() && info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRingRefuses(t *testing.T) {
	const key = "municipality:0180/message/2026-11"
	type sealed struct {
		ring            *keys.Ring
		dir, key        string
		ciphertext, aad []byte
	}
	tests := []struct {
		name  string
		spoil func(s *sealed)
		want  error
	}{
		{"other row", func(s *sealed) { s.aad = []byte("message urn:uuid:2") }, keys.ErrDecrypt},
		{"changed bit", func(s *sealed) { s.ciphertext[20] ^= 1 }, keys.ErrDecrypt},
		{"truncated", func(s *sealed) { s.ciphertext = s.ciphertext[:10] }, keys.ErrDecrypt},
		{"empty", func(s *sealed) { s.ciphertext = nil }, keys.ErrDecrypt},
		{"key of another class", func(s *sealed) {
			_, s.key, _ = s.ring.Encrypt(stockholm, "facts", november, nil, nil)
		}, keys.ErrDecrypt},
		{"key of another month", func(s *sealed) {
			_, s.key, _ = s.ring.Encrypt(stockholm, "message", november.Add(time.Second), nil, nil)
		}, keys.ErrDecrypt},
		{"key of another agency", func(s *sealed) { _, s.key, _ = s.ring.Encrypt("police", "message", november, nil, nil) }, keys.ErrDecrypt},
		{"key never made", func(s *sealed) { s.key = "police/message/2020-01" }, keys.ErrNoKey},
		{"path out of the ring", func(s *sealed) { s.key = "police/../2020-01" }, keys.ErrName},
		{"unknown agency", func(s *sealed) { s.key = "nobody/message/2026-11" }, keys.ErrName},
		{"no month", func(s *sealed) { s.key = "police/message/2026-13" }, keys.ErrName},
		{"empty name", func(s *sealed) { s.key = "" }, keys.ErrName},
		{"destroyed", func(s *sealed) { s.ring.Destroy(s.key) }, keys.ErrDestroyed},
		{"destroyed, other process", func(s *sealed) {
			s.ring.Destroy(s.key)
			s.ring = openRing(t, s.dir)
		}, keys.ErrDestroyed},
		{"wrapped key put in another's place", func(s *sealed) {
			_, other, _ := s.ring.Encrypt("police", "message", november, nil, nil)
			raw, _ := os.ReadFile(filepath.Join(s.dir, other+".key"))
			os.WriteFile(filepath.Join(s.dir, s.key+".key"), raw, 0o600)
			s.ring = openRing(t, s.dir)
		}, keys.ErrKEK},
		{"open key file", func(s *sealed) {
			os.Chmod(filepath.Join(s.dir, s.key+".key"), 0o644)
			s.ring = openRing(t, s.dir)
		}, keys.ErrMode},
	}
	for _, tt := range tests {
		s := sealed{dir: t.TempDir(), aad: aad}
		s.ring = openRing(t, s.dir)
		var err error
		if s.ciphertext, s.key, err = s.ring.Encrypt(stockholm, "message", november, secret, aad); err != nil || s.key != key {
			t.Fatal(s.key, err)
		}
		tt.spoil(&s)
		got, err := s.ring.Decrypt(s.key, s.ciphertext, s.aad)
		if got != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: got %q, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

func TestRingNames(t *testing.T) {
	r := openRing(t, t.TempDir())
	for _, class := range []string{"", "..", "a/b", "Message", strings.Repeat("a", 33)} {
		if _, _, err := r.Encrypt(stockholm, class, november, secret, aad); !errors.Is(err, keys.ErrName) {
			t.Errorf("class %q: got %v, want %v", class, err, keys.ErrName)
		}
	}
	if _, _, err := r.Encrypt("../police", "message", november, secret, aad); !errors.Is(err, keys.ErrName) {
		t.Errorf("agency: got %v, want %v", err, keys.ErrName)
	}
	if _, key, err := r.Encrypt("", "message", november, secret, aad); err != nil || key != "gateway/message/2026-11" {
		t.Errorf("the gateway's own: got key %q, %v", key, err)
	}
}

func TestDestroy(t *testing.T) {
	dir := t.TempDir()
	r := openRing(t, dir)
	var made []string
	for _, agency := range []gateway.AgencyID{"police", stockholm} {
		_, key, err := r.Encrypt(agency, "message", november, secret, aad)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, key)
	}
	slices.Sort(made)
	if got, err := r.Keys(); err != nil || !cmp.Equal(got, made) {
		t.Fatalf("got keys %v, %v; want %v", got, err, made)
	}
	wrapped, _ := os.ReadFile(filepath.Join(dir, made[0]+".key"))
	for range 2 {
		if err := r.Destroy(made[0]); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.Keys(); err != nil || !cmp.Equal(got, made[1:]) {
		t.Errorf("got keys %v, %v; want %v", got, err, made[1:])
	}
	// The month stays closed: for writing, and if the file comes back.
	if _, _, err := r.Encrypt(stockholm, "message", november, secret, aad); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("writing in a closed month: got %v, want %v", err, keys.ErrDestroyed)
	}
	if err := os.WriteFile(filepath.Join(dir, made[0]+".key"), wrapped, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openRing(t, dir).Decrypt(made[0], nil, aad); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("restored key file: got %v, want %v", err, keys.ErrDestroyed)
	}
	if got, err := r.Keys(); err != nil || !cmp.Equal(got, made[1:]) {
		t.Errorf("restored key file: got keys %v, %v; want %v", got, err, made[1:])
	}
	if err := r.Destroy("police/message/2020-01"); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("key never made: got %v, want %v", err, keys.ErrNoKey)
	}
	if err := r.Destroy("police"); !errors.Is(err, keys.ErrName) {
		t.Errorf("no name: got %v, want %v", err, keys.ErrName)
	}
}

// TestDestroyElsewhere: a key that another process has destroyed is used no more,
// within a second, although this one has it in memory.
func TestDestroyElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		here, there := openRing(t, dir), openRing(t, dir)
		text, key, err := here.Encrypt("police", "message", november, secret, aad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := there.Decrypt(key, text, aad); err != nil {
			t.Fatal(err)
		}
		if err := here.Destroy(key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for range 2 {
			if _, err := there.Decrypt(key, text, aad); !errors.Is(err, keys.ErrDestroyed) {
				t.Errorf("Decrypt elsewhere = %v, want %v", err, keys.ErrDestroyed)
			}
			if _, _, err := there.Encrypt("police", "message", november, secret, aad); !errors.Is(err, keys.ErrDestroyed) {
				t.Errorf("Encrypt elsewhere = %v, want %v", err, keys.ErrDestroyed)
			}
		}
		if got, err := there.Destroyed(); err != nil || !cmp.Equal(got, []string{key}) {
			t.Errorf("Destroyed = %v, %v, want %s", got, err, key)
		}
	})
}

func TestOpenRingRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := openRing(t, dir).Encrypt(stockholm, "message", november, secret, aad); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.OpenRing(dir, bytes.Repeat([]byte{8}, 32)); !errors.Is(err, keys.ErrKEK) {
		t.Errorf("other KEK: got %v, want %v", err, keys.ErrKEK)
	}
	if _, err := keys.OpenRing(t.TempDir(), kek[:16]); !errors.Is(err, keys.ErrKEK) {
		t.Errorf("short KEK: got %v, want %v", err, keys.ErrKEK)
	}
	if err := os.Remove(filepath.Join(dir, "mac.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.OpenRing(dir, kek); !errors.Is(err, keys.ErrRing) {
		t.Errorf("lost MAC key: got %v, want %v", err, keys.ErrRing)
	}
}

// TestRingTogether lets two rings on one directory race to make the same keys:
// both must come to use the same ones.
func TestRingTogether(t *testing.T) {
	dir := t.TempDir()
	rings := []*keys.Ring{openRing(t, dir), openRing(t, dir)}
	for month := range 12 {
		at := november.AddDate(0, month, 0)
		var wg sync.WaitGroup
		var ciphertexts [2][]byte
		var names [2]string
		for i, r := range rings {
			wg.Go(func() {
				var err error
				if ciphertexts[i], names[i], err = r.Encrypt(stockholm, "message", at, secret, aad); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i, r := range rings {
			if got, err := r.Decrypt(names[1-i], ciphertexts[1-i], aad); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("month %d, other ring: got %q, %v; want the plaintext", month, got, err)
			}
		}
	}
	if !bytes.Equal(rings[0].MAC("d"), rings[1].MAC("d")) {
		t.Error("two rings on one directory make different MACs")
	}
}

// TestRewrap changes the KEK, once in one go and once after an interruption.
func TestRewrap(t *testing.T) {
	next := bytes.Repeat([]byte{9}, 32)
	for name, interrupt := range map[string]func(dir string){
		"in one go": func(string) {},
		"interrupted": func(dir string) {
			// As before, but one key is wrapped already.
			before, _ := os.ReadFile(filepath.Join(dir, "mac.key"))
			if err := keys.Rewrap(dir, kek, next); err != nil {
				t.Fatal(err)
			}
			os.WriteFile(filepath.Join(dir, "mac.key"), before, 0o600)
		},
	} {
		dir := t.TempDir()
		r := openRing(t, dir)
		ciphertext, key, err := r.Encrypt(stockholm, "message", november, secret, aad)
		if err != nil {
			t.Fatal(err)
		}
		mac := r.MAC("d")
		interrupt(dir)
		if err := keys.Rewrap(dir, kek, next); err != nil {
			t.Fatal(err)
		}
		if _, err := keys.OpenRing(dir, kek); !errors.Is(err, keys.ErrKEK) {
			t.Errorf("%s: old KEK: got %v, want %v", name, err, keys.ErrKEK)
		}
		again, err := keys.OpenRing(dir, next)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.Decrypt(key, ciphertext, aad); err != nil || !bytes.Equal(got, secret) || !bytes.Equal(again.MAC("d"), mac) {
			t.Errorf("%s: new KEK: got %q, %v; want plaintext and MAC as before", name, got, err)
		}
	}
	dir := t.TempDir()
	openRing(t, dir)
	if err := keys.Rewrap(dir, next, kek[:5]); !errors.Is(err, keys.ErrKEK) {
		t.Errorf("short KEK: got %v, want %v", err, keys.ErrKEK)
	}
	if err := keys.Rewrap(dir, next, bytes.Repeat([]byte{1}, 32)); !errors.Is(err, keys.ErrKEK) {
		t.Errorf("not the ring's KEK: got %v, want %v", err, keys.ErrKEK)
	}
}

func TestMAC(t *testing.T) {
	dir := t.TempDir()
	r := openRing(t, dir)
	macs := map[string]string{}
	for name, mac := range map[string][]byte{
		"good":              r.MAC("person state", []byte("ab"), []byte("c")),
		"other domain":      r.MAC("provider state", []byte("ab"), []byte("c")),
		"parts cut anew":    r.MAC("person state", []byte("a"), []byte("bc")),
		"empty part":        r.MAC("person state", []byte("ab"), []byte("c"), nil),
		"one part":          r.MAC("person state", []byte("abc")),
		"no part":           r.MAC("person state"),
		"another ring's":    openRing(t, t.TempDir()).MAC("person state", []byte("ab"), []byte("c")),
		"domain like part":  r.MAC("person stateab", []byte("c")),
		"domain and a part": r.MAC("", []byte("person state"), []byte("ab"), []byte("c")),
	} {
		if len(mac) != 32 {
			t.Errorf("%s: MAC of %d bytes", name, len(mac))
		}
		if other, ok := macs[hex.EncodeToString(mac)]; ok {
			t.Errorf("%s and %s have the same MAC", name, other)
		}
		macs[hex.EncodeToString(mac)] = name
	}
	if again := openRing(t, dir).MAC("person state", []byte("ab"), []byte("c")); macs[hex.EncodeToString(again)] != "good" {
		t.Error("the MAC is another after the ring was opened again")
	}
}
