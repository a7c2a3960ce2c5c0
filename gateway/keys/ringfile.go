package keys

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sluss/gateway"
)

// keySize is the size of every symmetric key here, in bytes.
const keySize = 32

const (
	monthLayout = "2006-01"
	keySuffix   = ".key"
	markSuffix  = ".destroyed" // an empty file: the month is closed
	macFile     = "mac" + keySuffix
)

// ownName stands in names for the gateway itself, which is no agency.
const ownName = "gateway"

var class = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// keyName is the parsed name of an at-rest key.
type keyName struct {
	agency gateway.AgencyID
	class  string
	month  string
}

// String returns the name as rows of the store hold it.
func (n keyName) String() string { return string(n.agency) + "/" + n.class + "/" + n.month }

// parseKeyName reads a name. It has one spelling and no part of it can lead
// out of the ring's directory.
func parseKeyName(s string) (keyName, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 || !class.MatchString(parts[1]) {
		return keyName{}, ErrName
	}
	agency, err := gateway.ParseAgency(parts[0])
	if parts[0] == ownName {
		agency, err = ownName, nil
	}
	if err != nil {
		return keyName{}, ErrName
	}
	if t, err := time.Parse(monthLayout, parts[2]); err != nil || t.Format(monthLayout) != parts[2] {
		return keyName{}, ErrName
	}
	return keyName{agency, parts[1], parts[2]}, nil
}

func (r *Ring) path(n keyName) string { return r.file(n, keySuffix) }
func (r *Ring) mark(n keyName) string { return r.file(n, markSuffix) }

func (r *Ring) file(n keyName, suffix string) string {
	return filepath.Join(r.dir, string(n.agency), n.class, n.month+suffix)
}

// wrapNew makes a key, stores it wrapped and returns it once it is on the
// disk. If another process was first, that one's key is returned.
func (r *Ring) wrapNew(path, name string) ([]byte, error) {
	key := make([]byte, keySize)
	rand.Read(key)
	err := createSecret(path, r.kek.Seal(nil, nil, key, wrapAAD(name)))
	if errors.Is(err, fs.ErrExist) {
		return r.unwrap(path, name)
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

func (r *Ring) unwrap(path, name string) ([]byte, error) {
	wrapped, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	key, err := r.kek.Open(nil, nil, wrapped, wrapAAD(name))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%w: %s", ErrKEK, name)
	}
	return key, nil
}

// wrapAAD binds a wrapped key to its name, so that one key's file cannot be
// put in the place of another's.
func wrapAAD(name string) []byte { return []byte("sluss at-rest key v1\x00" + name) }

// masterMAC returns the ring's MAC key, which is made with the ring.
func (r *Ring) masterMAC() ([]byte, error) {
	path := filepath.Join(r.dir, macFile)
	key, err := r.unwrap(path, "mac")
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		// A file of another process that is just starting the same ring does
		// not make the ring an old one.
		if e.IsDir() {
			return nil, fmt.Errorf("%w: %s is missing", ErrRing, macFile)
		}
	}
	return r.wrapNew(path, "mac")
}

// shred overwrites a file before it removes it. A file that is not there is
// shredded already.
func shred(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Remove(path), syncDir(filepath.Dir(path)))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	// When in doubt the mark counts as set.
	return !errors.Is(err, fs.ErrNotExist)
}

// LoadKEK reads a key-encryption key as [CreateKEK] wrote it: 43 canonical
// base64url characters and a line feed, in a file that only its owner may read.
func LoadKEK(uri string) ([]byte, error) {
	path, err := filePath(uri)
	if err != nil {
		return nil, err
	}
	raw, err := readSecret(path)
	if err != nil {
		return nil, fmt.Errorf("loading key-encryption key: %w", err)
	}
	text, _ := strings.CutSuffix(string(raw), "\n")
	kek, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(kek) != keySize || len(text) != base64.RawURLEncoding.EncodedLen(keySize) {
		return nil, fmt.Errorf("loading key-encryption key %s: %w", path, ErrFormat)
	}
	return kek, nil
}

// CreateKEK writes a new key-encryption key to a file that is not there yet.
func CreateKEK(path string) error {
	kek := make([]byte, keySize)
	rand.Read(kek)
	return createSecret(path, []byte(base64.RawURLEncoding.EncodeToString(kek)+"\n"))
}
