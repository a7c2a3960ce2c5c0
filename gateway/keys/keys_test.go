package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluss/gateway/keys"
)

// newKey makes a good key file and returns its path.
func newKey(t *testing.T, key crypto.Signer) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.key")
	if err := keys.Create(path, key); err != nil {
		t.Fatal(err)
	}
	return path
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := keys.NewEC()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func samePublic(a, b crypto.Signer) bool {
	public, ok := a.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(b.Public())
}

func TestLoad(t *testing.T) {
	ec := ecKey(t)
	ed, err := keys.NewEd25519()
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"EC": ec, "Ed25519": ed} {
		path := newKey(t, key)
		for _, uri := range []string{"file:" + path, "file://" + path, "file://localhost" + path} {
			got, err := keys.Load(uri)
			if err != nil || !samePublic(got, key) {
				t.Errorf("%s from %s: got %v, %v; want the key that was written", name, uri, got, err)
			}
		}
	}
	path := "file:" + newKey(t, ec)
	recipient, err := keys.LoadECDH(path)
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := ec.ECDH(); !recipient.Equal(want) {
		t.Error("LoadECDH gave another key")
	}
	if _, err := keys.LoadEd25519(path); !errors.Is(err, keys.ErrKind) {
		t.Errorf("EC key as Ed25519: got %v, want %v", err, keys.ErrKind)
	}
	if _, err := keys.LoadECDH("file:" + newKey(t, ed)); !errors.Is(err, keys.ErrKind) {
		t.Errorf("Ed25519 key as ECDH: got %v, want %v", err, keys.ErrKind)
	}
}

// TestLoadRefuses starts from a good key file and spoils one thing per row.
func TestLoadRefuses(t *testing.T) {
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	write := func(content func(good []byte) []byte) func(string) error {
		return func(path string) error {
			good, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, content(good), 0o600)
		}
	}
	tests := []struct {
		name  string
		spoil func(path string) error
		want  error
	}{
		{"group may read", func(p string) error { return os.Chmod(p, 0o640) }, keys.ErrMode},
		{"others may read", func(p string) error { return os.Chmod(p, 0o604) }, keys.ErrMode},
		{"executable", func(p string) error { return os.Chmod(p, 0o700) }, keys.ErrMode},
		{"directory", func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o600)) }, keys.ErrMode},
		{"missing", os.Remove, fs.ErrNotExist},
		{"empty", write(func([]byte) []byte { return nil }), keys.ErrFormat},
		{"text before", write(func(b []byte) []byte { return append([]byte("key:\n"), b...) }), keys.ErrFormat},
		{"text after", write(func(b []byte) []byte { return append(b, "x"...) }), keys.ErrFormat},
		{"two keys", write(func(b []byte) []byte { return append(b, b...) }), keys.ErrFormat},
		{"SEC 1 label", write(func(b []byte) []byte {
			return []byte(strings.ReplaceAll(string(b), "PRIVATE KEY", "EC PRIVATE KEY"))
		}), keys.ErrFormat},
		{"not PKCS#8", write(func([]byte) []byte {
			return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("CANARY")})
		}), keys.ErrFormat},
		{"P-384", write(func([]byte) []byte { return pkcs8(p384) }), keys.ErrKind},
		{"RSA", write(func([]byte) []byte { return pkcs8(rsaKey) }), keys.ErrKind},
		{"huge", write(func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) }), keys.ErrFormat},
	}
	for _, tt := range tests {
		path := newKey(t, ecKey(t))
		if err := tt.spoil(path); err != nil {
			t.Fatal(err)
		}
		key, err := keys.Load("file:" + path)
		if key != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, %v; want %v", tt.name, key, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: error holds the file's content: %v", tt.name, err)
		}
	}
	path := newKey(t, ecKey(t))
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Load("file:" + path); err != nil {
		t.Errorf("mode 0400: %v", err)
	}
}

func TestScheme(t *testing.T) {
	for _, uri := range []string{"", "/etc/key", "vault:transit/release", "http://host/key", "FILE:/key", "file:",
		"file://elsewhere/key", "file://elsewhere", "file:/key?x", "file:/key#x", "file:/k%zz", "file:a%00b\x00"} {
		if _, err := keys.Load(uri); !errors.Is(err, keys.ErrScheme) {
			t.Errorf("%q: got %v, want %v", uri, err, keys.ErrScheme)
		}
	}
}

func TestAt(t *testing.T) {
	for uri, want := range map[string]string{
		"file:tls.key":        "file:/etc/sluss/tls.key",
		"file:a%20b.key":      "file:/etc/sluss/a%20b.key",
		"file:/run/tls.key":   "file:/run/tls.key",
		"file:///run/tls.key": "file:///run/tls.key",
		"vault:transit/tls":   "vault:transit/tls",
	} {
		if got := keys.At("/etc/sluss", uri); got != want {
			t.Errorf("%s: got %s, want %s", uri, got, want)
		}
	}
}

func TestCreate(t *testing.T) {
	path := newKey(t, ecKey(t))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode is %v, want 0600", info.Mode())
	}
	before, _ := os.ReadFile(path)
	if err := keys.Create(path, ecKey(t)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second key under one name: got %v, want %v", err, fs.ErrExist)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the first key was overwritten")
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("got %d files, want the key alone", len(names))
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err := keys.Create(path+"2", p384); !errors.Is(err, keys.ErrKind) {
		t.Errorf("P-384: got %v, want %v", err, keys.ErrKind)
	}
}

func TestKEK(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek")
	if err := keys.CreateKEK(path); err != nil {
		t.Fatal(err)
	}
	good, err := keys.LoadKEK("file:" + path)
	if err != nil || len(good) != 32 {
		t.Fatalf("got %d bytes, %v; want 32", len(good), err)
	}
	if err := keys.CreateKEK(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second KEK under one name: got %v, want %v", err, fs.ErrExist)
	}
	text, _ := os.ReadFile(path)
	for name, bad := range map[string]string{
		"empty": "", "short": string(text[1:]), "long": "A" + string(text), "no base64url": "+" + string(text[1:]),
		"second spelling": string(text[:42]) + "B\n", "two lines": string(text) + "\n",
	} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keys.LoadKEK("file:" + path); !errors.Is(err, keys.ErrFormat) {
			t.Errorf("%s: got %v, want %v", name, err, keys.ErrFormat)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.LoadKEK("file:" + path); !errors.Is(err, keys.ErrMode) {
		t.Errorf("others may read: got %v, want %v", err, keys.ErrMode)
	}
}
