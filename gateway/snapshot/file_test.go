package snapshot_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluss/gateway/envelope"
	"sluss/gateway/snapshot"
)

func TestNext(t *testing.T) {
	for path, want := range map[string]string{"/w/snapshot.json": "/w/snapshot.next.json", "law": "law.next"} {
		if got := snapshot.Next(path); got != want {
			t.Errorf("next of %s is %s, want %s", path, got, want)
		}
	}
}

// TestVerifyFrom verifies approvals whose time has not come: all but their time
// must hold already.
func TestVerifyFrom(t *testing.T) {
	one, two := officer(t), officer(t)
	pinned := []envelope.PublicKey{one.Public(), two.Public()}
	later := approval()
	later.NotBefore = now.Add(24 * time.Hour)
	other := later
	other.Seq++
	expired := approval()
	expired.Expires = now
	tests := []struct {
		name  string
		given []string
		from  time.Time
		want  error
	}{
		{"in force", []string{sign(t, approval(), one), sign(t, approval(), two)}, approval().NotBefore, nil},
		{"later", []string{sign(t, later, one), sign(t, later, two)}, later.NotBefore, nil},
		{"later, by one", []string{sign(t, later, one)}, later.NotBefore, snapshot.ErrOfficers},
		{"later, of different claims", []string{sign(t, later, one), sign(t, other, two)}, later.NotBefore, snapshot.ErrOfficers},
		{"by a stranger", []string{sign(t, later, officer(t)), sign(t, later, two)}, time.Time{}, snapshot.ErrOfficers},
		{"expired", []string{sign(t, expired, one), sign(t, expired, two)}, expired.NotBefore, snapshot.ErrExpired},
		{"none", nil, time.Time{}, snapshot.ErrOfficers},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, from, err := snapshot.VerifyFrom(tt.given, pinned, self, now)
			if !errors.Is(err, tt.want) || !from.Equal(tt.from) {
				t.Errorf("got %v from %v, want %v from %v", err, from, tt.want, tt.from)
			}
			if got := len(a.Officers()); (got == 2) != (tt.want == nil) {
				t.Errorf("%d officers signed", got)
			}
		})
	}
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot.json")
	for _, content := range []string{"first", "second"} {
		if err := snapshot.WriteFile(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("read %q, %v; want %q", got, err, content)
		}
	}
	if err := snapshot.WriteFile(filepath.Join(path, "below"), nil); err == nil {
		t.Error("wrote into a file as if it were a directory")
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%d files are there, %v; want the one", len(left), err)
	}
}
