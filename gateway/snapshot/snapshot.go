// Package snapshot fixes what a gateway decides by: the provisions, the
// tables, the message types and the version of the policy engine, all under
// one digest, and who approved it.
//
// A snapshot is a list of files with their SHA-256 digests, the manifest; the
// digest of the manifest is the name of the snapshot. Every entry of the
// disclosure log holds that name, so that a decision can be taken again years
// later with exactly the policy that took it.
//
// # What belongs to it
//
// [Read] takes data/*.json, message_types/*.schema.json and provisions/*.rego
// without tests, and [Snapshot.FS] shows nothing else: what the digest does
// not cover, nobody can read. A sender needs the tables and message types only
// (what is sealed, who may get which key); [FromManifest] therefore takes any
// part of the files, each of which must have the digest that the manifest says.
//
// # Approval
//
// A gateway runs a snapshot when two legal officers have signed the same
// approval with two keys, which it and every client pin out of band. An
// approval names its predecessor and has a higher sequence number, so that
// nobody can bring back an old policy by showing old signatures: a rollback is
// a new approval of old content. One officer alone can do one thing, make the
// gateway withhold everything. Approvals are JWTs (RFC 7519) of the type
// policy-approval+jwt, which package envelope signs and reads.
//
// The package does not say what a policy means (packages catalogue and
// policy), nor does it remember which snapshot is active (package exchange).
package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"sluss/gateway"
)

// Errors of reading and checking; test with errors.Is.
var (
	ErrManifest = errors.New("snapshot: malformed manifest")
	ErrContent  = errors.New("snapshot: file does not have the digest that the manifest says")
	ErrMissing  = errors.New("snapshot: file is in the manifest but not here")
	ErrTooLarge = errors.New("snapshot: too many or too large files")
	ErrBundle   = errors.New("snapshot: malformed bundle")
)

// Limits of a snapshot; more is [ErrTooLarge].
const (
	MaxFiles = 1024
	MaxFile  = 1 << 20 // bytes
)

// format is the first word of a manifest. Another layout gets another word.
const format = "sluss-snapshot/1"

// A Snapshot is policy that cannot change. Only [Read] and [FromManifest] fill
// it; the zero value is no snapshot. It may be used at once.
type Snapshot struct {
	manifest []byte
	digest   gateway.Digest
	engine   string
	listed   map[string]gateway.Digest
	files    map[string][]byte
}

// Read makes a snapshot of the policy files of fsys and the version of the
// policy engine, "v1.22.2".
func Read(fsys fs.FS, engine string) (Snapshot, error) {
	files := make(map[string][]byte)
	for _, part := range parts {
		names, err := fs.Glob(fsys, part.pattern)
		if err != nil {
			return Snapshot{}, fmt.Errorf("listing %s: %w", part.pattern, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.rego") {
				continue
			}
			b, err := fs.ReadFile(fsys, name)
			if err != nil {
				return Snapshot{}, fmt.Errorf("reading %s: %w", name, err)
			}
			files[name] = b
		}
	}
	listed := make(map[string]gateway.Digest, len(files))
	for name, b := range files {
		listed[name] = gateway.DigestOf(b)
	}
	return FromManifest(writeManifest(engine, listed), files)
}

// parts are the files that belong to a snapshot.
var parts = []struct{ pattern string }{
	{"data/*.json"}, {"message_types/*.schema.json"}, {"provisions/*.rego"},
}

// FromManifest makes a snapshot of a manifest and all or some of its files. A
// file that is not listed, or has another digest, is [ErrContent].
func FromManifest(manifest []byte, files map[string][]byte) (Snapshot, error) {
	engine, listed, err := parseManifest(manifest)
	if err != nil {
		return Snapshot{}, err
	}
	own := make(map[string][]byte, len(files))
	for name, b := range files {
		want, ok := listed[name]
		if len(b) > MaxFile {
			return Snapshot{}, fmt.Errorf("%w: %s has %d bytes", ErrTooLarge, name, len(b))
		}
		if !ok || want != gateway.DigestOf(b) {
			return Snapshot{}, fmt.Errorf("%w: %q", ErrContent, name)
		}
		own[name] = bytes.Clone(b)
	}
	return Snapshot{bytes.Clone(manifest), gateway.DigestOf(manifest), engine, listed, own}, nil
}

// Digest returns the digest of the manifest, the name of the snapshot.
func (s Snapshot) Digest() gateway.Digest { return s.digest }

// Manifest returns a copy of the manifest: the format and the engine's version
// on the first line, then a line "<sha256 in hex>  <path>" for each file,
// sorted by path.
func (s Snapshot) Manifest() []byte { return bytes.Clone(s.manifest) }

// Engine returns the version of the policy engine that decides by s.
func (s Snapshot) Engine() string { return s.engine }

// IsZero reports whether s was never filled.
func (s Snapshot) IsZero() bool { return s.digest.IsZero() }

// FS returns the files that are here, and no others.
func (s Snapshot) FS() fs.FS { return tree(s.files) }

// Files returns the paths that are here, sorted.
func (s Snapshot) Files() []string { return slices.Sorted(maps.Keys(s.files)) }

// Complete returns nil when every file that the manifest lists in the given
// directories is here ("" for all of them), and otherwise [ErrMissing]: whoever
// hides a file from a client must not be able to change what it means.
func (s Snapshot) Complete(dirs ...string) error {
	for _, name := range slices.Sorted(maps.Keys(s.listed)) {
		wanted := slices.ContainsFunc(dirs, func(d string) bool { return d == "" || path.Dir(name) == d })
		if _, ok := s.files[name]; wanted && !ok {
			return fmt.Errorf("%w: %s", ErrMissing, name)
		}
	}
	if s.IsZero() {
		return ErrMissing
	}
	return nil
}

func writeManifest(engine string, listed map[string]gateway.Digest) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s opa %s\n", format, engine)
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		d := listed[name]
		fmt.Fprintf(&b, "%x  %s\n", d[:], name)
	}
	return b.Bytes()
}

var (
	engineVersion = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?$`)
	filePath      = regexp.MustCompile(`^(data|message_types|provisions)/[a-z0-9][a-z0-9_.-]{0,127}$`)
)

// parseManifest accepts exactly what writeManifest writes, so that a snapshot
// has one digest.
func parseManifest(raw []byte) (engine string, listed map[string]gateway.Digest, err error) {
	if len(raw) > MaxFiles*256 {
		return "", nil, fmt.Errorf("%w: manifest of %d bytes", ErrTooLarge, len(raw))
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	engine, ok := strings.CutPrefix(lines[0], format+" opa ")
	if !ok || !engineVersion.MatchString(engine) {
		return "", nil, fmt.Errorf("%w: first line", ErrManifest)
	}
	listed = make(map[string]gateway.Digest, len(lines))
	for i, line := range lines[1:] {
		sum, name, _ := strings.Cut(line, "  ")
		d, err := hex.DecodeString(sum)
		if err != nil || len(d) != sha256.Size || !filePath.MatchString(name) || !belongs(name) {
			return "", nil, fmt.Errorf("%w: line %d", ErrManifest, i+2)
		}
		listed[name] = gateway.Digest(d)
	}
	if len(listed) > MaxFiles {
		return "", nil, fmt.Errorf("%w: %d files", ErrTooLarge, len(listed))
	}
	if len(listed) == 0 || !bytes.Equal(raw, writeManifest(engine, listed)) {
		return "", nil, fmt.Errorf("%w: not in canonical form", ErrManifest)
	}
	return engine, listed, nil
}

// belongs reports whether name is one of the files that make up a snapshot.
func belongs(name string) bool {
	return !strings.HasSuffix(name, "_test.rego") && slices.ContainsFunc(parts, func(p struct{ pattern string }) bool {
		ok, _ := path.Match(p.pattern, name)
		return ok
	})
}
