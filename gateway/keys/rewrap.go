package keys

import (
	"crypto/cipher"
	"fmt"
	"path/filepath"
	"strings"
)

// Rewrap wraps every key of the ring in dir with another key-encryption key.
// Nobody may have the ring open. What is encrypted under the keys stays as it
// is. If it is interrupted it must be run again: until then neither KEK opens
// the whole ring.
func Rewrap(dir string, from, to []byte) error {
	if len(to) != keySize {
		return fmt.Errorf("%w: it has %d bytes", ErrKEK, len(to))
	}
	old, err := newGCM(from)
	if err != nil {
		return err
	}
	wrap, err := newGCM(to)
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*", "*"+keySuffix))
	if err != nil {
		return err
	}
	// The MAC key last: the new KEK opens the ring when all is done.
	for _, path := range append(paths, filepath.Join(dir, macFile)) {
		name, err := filepath.Rel(dir, strings.TrimSuffix(path, keySuffix))
		if err == nil {
			err = rewrap(path, filepath.ToSlash(name), old, wrap)
		}
		if err != nil {
			return fmt.Errorf("wrapping %s anew: %w", path, err)
		}
	}
	return nil
}

func rewrap(path, name string, old, wrap cipher.AEAD) error {
	wrapped, err := readSecret(path)
	if err != nil {
		return err
	}
	if _, err := wrap.Open(nil, nil, wrapped, wrapAAD(name)); err == nil {
		return nil // before an interruption
	}
	key, err := old.Open(nil, nil, wrapped, wrapAAD(name))
	if err != nil {
		return ErrKEK
	}
	return replaceSecret(path, wrap.Seal(nil, nil, key, wrapAAD(name)))
}
