package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// Next returns the path of the file beside the one at path, which holds the
// bundle in force, in which a bundle waits that is approved from a later time
// on: "snapshot.next.json" beside "snapshot.json". The present law stays where
// it is until the next one is in force.
func Next(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".next" + filepath.Ext(path)
}

// VerifyFrom verifies approvals as [Verify] does, except that their time need
// not have come: from is when it comes, or has come. [ErrExpired] is judged at
// now, or at from if that is later.
func VerifyFrom(approvals []string, officers []envelope.PublicKey, gw gateway.ID, now time.Time) (a Approved, from time.Time, err error) {
	if len(approvals) == 0 {
		return Approved{}, time.Time{}, ErrOfficers
	}
	// All of them must say the same, so the first one's time is that of all.
	first, _, err := verifyOne(approvals[0], officers)
	if err != nil {
		return Approved{}, time.Time{}, err
	}
	if from = first.NotBefore; from.After(now) {
		now = from
	}
	a, err = Verify(approvals, officers, gw, now)
	return a, from, err
}

// WriteFile puts content in the place of the file at path, whole or not at all,
// and returns when it is on the disk: whoever reads the file, now or after a
// loss of power, has the old content or the new one. Only the owner may read it.
func WriteFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".snapshot-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir returns when the names of files in dir are on the disk.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
