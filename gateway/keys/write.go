package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// NewEC returns a new EC P-256 key.
func NewEC() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// NewEd25519 returns a new Ed25519 key.
func NewEd25519() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// Create writes key to a file that is not there yet, mode 0600, and returns
// when it is on the disk. A file that exists is left alone and reported as
// fs.ErrExist: a key is never overwritten by accident.
func Create(path string, key crypto.Signer) error {
	raw, err := marshal(key)
	if err != nil {
		return fmt.Errorf("writing key %s: %w", path, err)
	}
	return createSecret(path, raw)
}

func marshal(key crypto.Signer) ([]byte, error) {
	if !allowed(key) {
		return nil, ErrKind
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), nil
}

// createSecret makes the file whole or not at all: it is written under another
// name, synced, and then linked to its own, which fails if that is taken.
func createSecret(path string, content []byte) error {
	temp, err := writeTemp(path, content)
	if err != nil {
		return err
	}
	return errors.Join(os.Link(temp, path), os.Remove(temp), syncDir(filepath.Dir(path)))
}

// replaceSecret is createSecret for a file that may be there.
func replaceSecret(path string, content []byte) error {
	temp, err := writeTemp(path, content)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(filepath.Dir(path))
}

// writeTemp writes content beside path and returns where, once it is on the
// disk.
func writeTemp(path string, content []byte) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
