// Package keys is where the gateway and the agencies' systems get their
// private keys: signing keys, decryption keys, the pair of a TLS certificate
// and its key, and the keys under which the store is encrypted at rest.
//
// A key is named by a URI, so that the place where it lives can change without
// the program that uses it. The scheme file: (RFC 8089) names a file in PKCS#8
// (RFC 5958) as PEM (RFC 7468) that only its owner may read; any other scheme
// is [ErrScheme]. A file URI may be relative, for a configuration that lies
// beside its keys; see [At].
//
// Two kinds of key are known: EC P-256 (FIPS 186-5) for messages, access
// requests, releases and sealing, and Ed25519 (RFC 8032) for checkpoints. The
// package is strict on purpose: one PEM block and nothing around it, no other
// curve, no other file mode than 0600 and 0400. A key that another account
// could read is refused, not warned about.
//
// # At rest
//
// A [Ring] holds the keys under which messages, facts and the confidential
// halves of log entries are stored: AES-256-GCM (NIST SP 800-38D), one key per
// agency, class and month, each wrapped by a key-encryption key. To destroy a
// key is to purge all that was stored under it. See [OpenRing].
//
// The package does not say whose a public key is (package directory) and signs
// nothing itself (package envelope).
package keys

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Errors of this package; test with errors.Is. None of them holds key material.
var (
	ErrScheme = errors.New("keys: not a file: URI")
	ErrMode   = errors.New("keys: others may read the key file; its mode must be 0600 or 0400")
	ErrFormat = errors.New("keys: not a single PKCS#8 key in PEM")
	ErrKind   = errors.New("keys: kind of key is not allowed here")
	ErrPair   = errors.New("keys: certificate and key do not belong together")
)

// pemKey is the label of a PKCS#8 key (RFC 7468, Section 10).
const pemKey = "PRIVATE KEY"

// maxFile bounds what is read of a key or certificate file.
const maxFile = 64 << 10

// Load returns the signing key that uri names: an *ecdsa.PrivateKey on P-256
// or an ed25519.PrivateKey. Both may be used by several goroutines at once.
func Load(uri string) (crypto.Signer, error) {
	path, err := filePath(uri)
	if err != nil {
		return nil, err
	}
	raw, err := readSecret(path)
	if err != nil {
		return nil, fmt.Errorf("loading key: %w", err)
	}
	key, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("loading key %s: %w", path, err)
	}
	return key, nil
}

// LoadEC returns the EC P-256 key that uri names, for an algorithm that allows
// no other kind: ES256 and ECDH-ES.
func LoadEC(uri string) (*ecdsa.PrivateKey, error) {
	key, err := Load(uri)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("loading key %s: %w", uri, ErrKind)
	}
	return ec, nil
}

// LoadEd25519 returns the Ed25519 key that uri names.
func LoadEd25519(uri string) (ed25519.PrivateKey, error) {
	key, err := Load(uri)
	if err != nil {
		return nil, err
	}
	ed, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("loading key %s: %w", uri, ErrKind)
	}
	return ed, nil
}

// LoadECDH returns the key-agreement key of a recipient that uri names.
func LoadECDH(uri string) (*ecdh.PrivateKey, error) {
	ec, err := LoadEC(uri)
	if err != nil {
		return nil, err
	}
	return ec.ECDH()
}

// At returns uri with a relative file URI resolved against dir. Every other
// URI is returned as it is.
func At(dir, uri string) string {
	path, err := filePath(uri)
	if err != nil || filepath.IsAbs(path) {
		return uri
	}
	return "file:" + (&url.URL{Path: filepath.Join(dir, path)}).EscapedPath()
}

// filePath returns the path in a file URI: file:/path and file:///path, both
// with or without the host localhost (RFC 8089, Section 2), and file:path.
func filePath(uri string) (string, error) {
	rest, ok := strings.CutPrefix(uri, "file:")
	if !ok {
		return "", fmt.Errorf("%w: scheme is not known", ErrScheme)
	}
	if host, ok := strings.CutPrefix(rest, "//"); ok {
		name, path, found := strings.Cut(host, "/")
		if !found || name != "" && name != "localhost" {
			return "", fmt.Errorf("%w: the host is not this one", ErrScheme)
		}
		rest = "/" + path
	}
	path, err := url.PathUnescape(rest)
	if err != nil || path == "" || strings.ContainsAny(rest, "?#\x00") {
		return "", fmt.Errorf("%w: malformed path", ErrScheme)
	}
	return path, nil
}

// readSecret reads a file that only its owner may read. The mode is that of
// the opened file, so that it cannot be exchanged between look and read.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); mode.Type() != 0 || mode.Perm() != 0o600 && mode.Perm() != 0o400 {
		return nil, fmt.Errorf("%w: %s has %v", ErrMode, path, mode)
	}
	return readAll(f, path)
}

func readAll(f fs.File, path string) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxFile {
		return nil, fmt.Errorf("%w: %s is too large", ErrFormat, path)
	}
	return raw, nil
}

// parse reads a key file: one block, nothing before or after it.
func parse(raw []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != pemKey || len(block.Headers) != 0 || len(rest) != 0 ||
		!strings.HasPrefix(string(raw), "-----BEGIN ") {
		return nil, ErrFormat
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		// The cause may quote what it read, so it is left out.
		return nil, ErrFormat
	}
	signer, ok := key.(crypto.Signer)
	if !ok || !allowed(signer) {
		return nil, ErrKind
	}
	return signer, nil
}

// allowed reports whether key is of a kind that this package handles.
func allowed(key crypto.Signer) bool {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		return k != nil && k.Curve == elliptic.P256()
	case ed25519.PrivateKey:
		return len(k) == ed25519.PrivateKeySize
	}
	return false
}
