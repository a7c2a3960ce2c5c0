package keys_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway/keys"
)

// writePair writes a self-signed certificate for key as tls.pem and, under the
// name tls.key, the key; both replace what is there.
func writePair(t *testing.T, dir string, serial int64, key, inFile crypto.Signer) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, "tls.pem"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "tls.key")
	os.Remove(path)
	if err := keys.Create(path, inFile); err != nil {
		t.Fatal(err)
	}
}

func openPair(dir string, report func(error)) (*keys.Pair, error) {
	return keys.NewPair(keys.PairConfig{
		Certificate: filepath.Join(dir, "tls.pem"), Key: "file:" + filepath.Join(dir, "tls.key"), Report: report,
	})
}

func TestPairReload(t *testing.T) {
	dir := t.TempDir()
	first, second := ecKey(t), ecKey(t)
	writePair(t, dir, 1, first, first)
	synctest.Test(t, func(t *testing.T) {
		var reports []error
		pair, err := openPair(dir, func(err error) { reports = append(reports, err) })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- pair.Run(ctx) }()

		serves := func(step string, serial int64, key crypto.Signer) {
			t.Helper()
			time.Sleep(5500 * time.Millisecond) // between two looks at the files
			synctest.Wait()
			got, err := pair.GetCertificate(nil)
			if err != nil || got.Leaf.SerialNumber.Int64() != serial || !samePublic(got.PrivateKey.(crypto.Signer), key) {
				t.Errorf("%s: got serial %v, %v; want %d and its key", step, got.Leaf.SerialNumber, err, serial)
			}
			if client, _ := pair.GetClientCertificate(nil); client != got {
				t.Errorf("%s: clients and servers are given different pairs", step)
			}
		}
		serves("at first", 1, first)
		writePair(t, dir, 2, second, first)
		serves("certificate without its key", 1, first)
		if len(reports) != 1 || !errors.Is(reports[0], keys.ErrPair) {
			t.Errorf("got reports %v, want one %v", reports, keys.ErrPair)
		}
		writePair(t, dir, 2, second, second)
		serves("with its key", 2, second)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: got %v, want the context's cause", err)
		}
	})
}

func TestPairRefuses(t *testing.T) {
	key := ecKey(t)
	tests := []struct {
		name  string
		spoil func(dir string) error
		want  error
	}{
		{"no certificate", func(d string) error { return os.WriteFile(filepath.Join(d, "tls.pem"), nil, 0o644) }, keys.ErrFormat},
		{"huge", func(d string) error {
			path := filepath.Join(d, "tls.pem")
			raw, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, append(raw, bytes.Repeat([]byte("\n"), 1<<17)...), 0o644))
		}, keys.ErrFormat},
		{"key in the chain", func(d string) error {
			raw, err := os.ReadFile(filepath.Join(d, "tls.key"))
			return errors.Join(err, os.WriteFile(filepath.Join(d, "tls.pem"), raw, 0o644))
		}, keys.ErrFormat},
		{"not DER", func(d string) error {
			raw := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
			return os.WriteFile(filepath.Join(d, "tls.pem"), raw, 0o644)
		}, keys.ErrFormat},
		{"open key", func(d string) error { return os.Chmod(filepath.Join(d, "tls.key"), 0o644) }, keys.ErrMode},
		{"another key", func(d string) error {
			path := filepath.Join(d, "tls.key")
			return errors.Join(os.Remove(path), keys.Create(path, ecKey(t)))
		}, keys.ErrPair},
		{"no key", func(d string) error { return os.Remove(filepath.Join(d, "tls.key")) }, os.ErrNotExist},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		writePair(t, dir, 1, key, key)
		if err := tt.spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := openPair(dir, nil); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestPairServes uses a pair in a handshake, for what only crypto/tls can say.
func TestPairServes(t *testing.T) {
	dir, key := t.TempDir(), ecKey(t)
	writePair(t, dir, 7, key, key)
	pair, err := openPair(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: pair.GetCertificate})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != 7 {
		t.Errorf("server showed certificate %d, want 7", got)
	}
}
