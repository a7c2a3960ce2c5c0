package dev

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sluss/gateway/envelope"
	"sluss/gateway/keys"
)

// path returns where a file of the world is.
func (w *world) path(name string) string { return filepath.Join(w.cfg.Dir, name) }

// uri names a key file of the world.
func (w *world) uri(name string) string { return keys.At(w.cfg.Dir, "file:"+name) }

// folder makes the folder that a file is to lie in.
func (w *world) folder(name string) error { return os.MkdirAll(filepath.Dir(w.path(name)), 0o700) }

// ensure returns the key in a file of the world and makes it if it is missing.
func ensure[K crypto.Signer](w *world, name string, load func(uri string) (K, error), create func() (K, error)) (K, error) {
	key, err := load(w.uri(name))
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := w.folder(name); err != nil {
		return key, err
	}
	if key, err = create(); err != nil {
		return key, fmt.Errorf("making a key: %w", err)
	}
	w.result.Made = append(w.result.Made, name)
	return key, keys.Create(w.path(name), key)
}

func (w *world) key(name string) (*ecdsa.PrivateKey, error) {
	return ensure(w, name, keys.LoadEC, keys.NewEC)
}

func (w *world) signer(name string) (*envelope.Signer, error) {
	key, err := w.key(name)
	if err != nil {
		return nil, err
	}
	return envelope.NewSigner(key)
}

func (w *world) kek(name string) error {
	if _, err := keys.LoadKEK(w.uri(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := w.folder(name); err != nil {
		return err
	}
	w.result.Made = append(w.result.Made, name)
	return keys.CreateKEK(w.path(name))
}

// write replaces a file whole, unless it has the content already.
func (w *world) write(name string, content []byte) error {
	path := w.path(name)
	old, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(old, content):
		return nil
	case err == nil:
		w.result.Renewed = append(w.result.Renewed, name)
	case errors.Is(err, fs.ErrNotExist):
		w.result.Made = append(w.result.Made, name)
	default:
		return err
	}
	if err := w.folder(name); err != nil {
		return err
	}
	// Another name first: a running gateway must not read half a file.
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
