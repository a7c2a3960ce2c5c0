// Package recovery is about a gateway whose database was lost and restored from
// a backup: what came after the backup is gone, and nobody can say what it was.
//
// The log of a restored database goes on from the restored leaves under a new
// name ("…/log/2"), because a log that has lost entries which somebody saw is not
// the same log. The first entry under the new name, the marker, holds the last
// checkpoint that is known of the old one: with it anybody can show what is
// missing. What the marker says stands three times: in the entry, in a row whose
// MAC is made with a key outside the database, and in a file beside the at-rest
// keys ([FileName]), which all gateways on the database share. [Check] compares
// them at each start, so that who can write the database alone cannot make a
// gateway forget that it was restored.
//
// From the moment of the marker on, what was stated before it opens nothing
// (package facts). This package does not copy anything (package store) and does
// not decide whom to believe about what was lost: those with authority over each
// fact state it again.
package recovery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
)

// Errors of this package; errors.Is.
var (
	// ErrMarker: the marker is missing in one of its places, is not the same in
	// all, or is of another log than the gateway is configured for.
	ErrMarker = errors.New("recovery: the marker of a restored database does not hold")
	// ErrEvidence: the last checkpoint of the lost log is not known, or does not
	// go with the backup.
	ErrEvidence = errors.New("recovery: last checkpoint of the lost log")
)

// The marker's state and document in the database, and its file beside the
// at-rest keys.
const (
	StateName = "restored"
	FileName  = "restored.json"
)

// Restore is one time that a database was restored.
type Restore struct {
	Origin     string    `json:"origin"`     // the log's name from then on
	Previous   string    `json:"previous"`   // and before
	Checkpoint string    `json:"checkpoint"` // the last that is known of Previous, as signed
	Index      uint64    `json:"index"`      // of the marker: as many entries were restored
	Time       time.Time `json:"time"`       // of the marker, later than all that was restored
	// Versions are those of what was in force as restored, by name of the state.
	// It is older than what a gateway has in its state directory, or the same.
	Versions map[string]int64 `json:"versions"`
}

// History is every time that a database was restored, the oldest first.
type History []Restore

// Moments returns when the database was restored.
func (h History) Moments() []time.Time {
	var out []time.Time
	for _, r := range h {
		out = append(out, r.Time)
	}
	return out
}

// Origin returns the name of the log after the last restore, "" if there was
// none.
func (h History) Origin() string {
	if len(h) == 0 {
		return ""
	}
	return h[len(h)-1].Origin
}

// Versions returns those that the last restore brought back.
func (h History) Versions() map[string]int64 {
	if len(h) == 0 {
		return nil
	}
	return h[len(h)-1].Versions
}

var numbered = regexp.MustCompile(`^(.*/log)/([1-9][0-9]*)$`)

// Next returns the name of the log that follows one: "…/log/2" after "…/log".
func Next(origin string) string {
	if m := numbered.FindStringSubmatch(origin); m != nil {
		n, err := strconv.Atoi(m[2])
		if err == nil {
			return m[1] + "/" + strconv.Itoa(n+1)
		}
	}
	return origin + "/2"
}

// MAC authenticates rows under a key outside the database (package keys).
type MAC interface {
	MAC(domain string, parts ...[]byte) []byte
}

// Sign makes the MAC of the marker's row.
func Sign(m MAC, s store.State) []byte {
	return m.MAC("restored", []byte(s.Name), binary.BigEndian.AppendUint64(nil, uint64(s.Version)), s.Digest[:])
}

// Known reads the file in ring, the directory of the at-rest keys. Without one
// nothing was restored.
func Known(ring string) (History, error) {
	raw, err := os.ReadFile(filepath.Join(ring, FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h, err := parse(raw)
	if err == nil && len(h) == 0 {
		err = fmt.Errorf("%w: %s is empty", ErrMarker, FileName)
	}
	return h, err
}

func parse(raw []byte) (History, error) {
	var h History
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMarker, err)
	}
	return h, nil
}

// Store is what is read to compare the marker.
type Store interface {
	States(ctx context.Context, names []string) ([]store.State, error)
	Document(ctx context.Context, name string) (store.Document, error)
	Entry(ctx context.Context, index uint64) (store.Entry, error)
}

// Check returns when the database was restored, for a gateway that is configured
// for the log origin. [ErrMarker] says that it must not run: on a restored
// database under the old name, under a new name on one without marker, or when
// database, keys' directory and entry do not say the same.
func Check(ctx context.Context, s Store, m MAC, ring, origin string) (History, error) {
	known, err := Known(ring)
	if err != nil {
		return nil, err
	}
	states, err := s.States(ctx, []string{StateName})
	if err != nil {
		return nil, err
	}
	state := states[0]
	switch {
	case state.Version == 0 && len(known) == 0 && numbered.MatchString(origin):
		return nil, fmt.Errorf("%w: the log is configured as %s, and the database was never restored", ErrMarker, origin)
	case state.Version == 0 && len(known) == 0:
		return nil, nil
	case state.Version == 0:
		return nil, fmt.Errorf("%w: the database was restored by other means than \"gatewayctl store restore\", or its marker was removed", ErrMarker)
	case len(known) == 0:
		return nil, fmt.Errorf("%w: %s is missing beside the at-rest keys", ErrMarker, FileName)
	case known.Origin() != origin:
		return nil, fmt.Errorf("%w: the log is configured as %s and is %s since the database was restored", ErrMarker, origin, known.Origin())
	}
	doc, err := s.Document(ctx, StateName)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMarker, err)
	}
	file, err := json.Marshal(known)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(state.MAC, Sign(m, state)) || state.Digest != gateway.DigestOf(doc.Body) || !bytes.Equal(doc.Body, file) {
		return nil, fmt.Errorf("%w: the row in the database is not what %s says", ErrMarker, FileName)
	}
	return known, entered(ctx, s, known[len(known)-1])
}

// entered compares the marker with its entry, unless retention has taken that.
func entered(ctx context.Context, s Store, r Restore) error {
	e, err := s.Entry(ctx, r.Index)
	if err != nil {
		return fmt.Errorf("%w: its entry: %w", ErrMarker, err)
	}
	if len(e.E1) == 0 {
		return nil
	}
	e1, err := disclosure.CheckE1(e.E1, e.Leaf)
	if err != nil || e1.Kind != disclosure.Restored || e1.Checkpoint != r.Checkpoint {
		return fmt.Errorf("%w: entry %d is not the marker", ErrMarker, r.Index)
	}
	return nil
}

// Retire moves an anchor file that is of the log before the last restore out of
// the way, to "<anchor>.<n>", where it stays as evidence, and reports whether the
// log therefore begins here without an anchor.
func Retire(anchor string, h History) (bool, error) {
	if len(h) == 0 {
		return false, nil
	}
	raw, err := os.ReadFile(anchor)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	name, _, _ := strings.Cut(string(raw), "\n")
	for i, r := range h {
		if r.Previous == name {
			return true, os.Rename(anchor, anchor+"."+strconv.Itoa(i+1))
		}
	}
	return false, nil
}
