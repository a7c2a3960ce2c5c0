package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// MaxBundle is the largest bundle that [ParseBundle] reads, in bytes.
const MaxBundle = 16 << 20

// A Bundle is a snapshot as it is stored and sent: one JSON object with the
// manifest, the approvals and all or some of the files. The gateway keeps it
// on disk and gives agencies the same form without the provisions.
type Bundle struct {
	Manifest  string            `json:"manifest"`
	Approvals []string          `json:"approvals"` // JWTs, see [Verify]
	Files     map[string]string `json:"files"`
}

// Pack returns the bundle of s with the files of the given directories, or all
// files if none is given.
func Pack(s Snapshot, approvals []string, dirs ...string) Bundle {
	b := Bundle{Manifest: string(s.manifest), Approvals: approvals, Files: make(map[string]string)}
	for name, content := range s.files {
		for _, d := range dirs {
			if strings.HasPrefix(name, d+"/") {
				b.Files[name] = string(content)
			}
		}
		if len(dirs) == 0 {
			b.Files[name] = string(content)
		}
	}
	return b
}

// Encode returns the bundle as JSON.
func (b Bundle) Encode() ([]byte, error) {
	if b.Approvals == nil {
		b.Approvals = []string{}
	}
	raw, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encoding the bundle: %w", err)
	}
	return append(raw, '\n'), nil
}

// ParseBundle reads what [Bundle.Encode] wrote. Anything else is [ErrBundle].
// The content is not checked here: that is for [Bundle.Snapshot] and [Verify].
func ParseBundle(raw []byte) (Bundle, error) {
	if len(raw) > MaxBundle {
		return Bundle{}, fmt.Errorf("%w: bundle of %d bytes", ErrTooLarge, len(raw))
	}
	var b Bundle
	if err := json.Unmarshal(raw, &b); err != nil {
		return Bundle{}, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	same, err := b.Encode()
	if err != nil || !bytes.Equal(same, raw) {
		return Bundle{}, fmt.Errorf("%w: not in canonical form", ErrBundle)
	}
	return b, nil
}

// Snapshot returns the snapshot in b.
func (b Bundle) Snapshot() (Snapshot, error) {
	files := make(map[string][]byte, len(b.Files))
	for name, content := range b.Files {
		files[name] = []byte(content)
	}
	return FromManifest([]byte(b.Manifest), files)
}
