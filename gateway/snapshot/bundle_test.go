package snapshot_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway/snapshot"
)

func TestBundle(t *testing.T) {
	s := read(t, tree())
	raw, err := snapshot.Pack(s, []string{"a.b.c"}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := snapshot.ParseBundle(raw)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest() != s.Digest() || got.Complete("") != nil || cmp.Diff(b.Approvals, []string{"a.b.c"}) != "" {
		t.Errorf("digest %s, want %s; approvals %q", got.Digest(), s.Digest(), b.Approvals)
	}
}

// TestPackPart: what senders get has tables and types under the same digest,
// and no provisions.
func TestPackPart(t *testing.T) {
	s := read(t, tree())
	got, err := snapshot.Pack(s, nil, "data", "message_types").Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest() != s.Digest() {
		t.Errorf("digest %s, want %s", got.Digest(), s.Digest())
	}
	if diff := cmp.Diff(belongs[:3], got.Files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestParseBundle(t *testing.T) {
	raw, err := snapshot.Pack(read(t, tree()), nil).Encode()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(string) string
		want  error
	}{
		{"nothing", func(s string) string { return s }, nil},
		{"not JSON", func(s string) string { return s[1:] }, snapshot.ErrBundle},
		{"more text", func(s string) string { return s + "x" }, snapshot.ErrBundle},
		{"unknown member", func(s string) string { return strings.Replace(s, "{", `{"x": 1,`, 1) }, snapshot.ErrBundle},
		{"member twice", func(s string) string { return strings.Replace(s, "{", `{"manifest": "",`, 1) }, snapshot.ErrBundle},
		{"name in capitals", func(s string) string { return strings.Replace(s, `"manifest"`, `"Manifest"`, 1) }, snapshot.ErrBundle},
		{"too large", func(s string) string { return s + strings.Repeat(" ", snapshot.MaxBundle) }, snapshot.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := snapshot.ParseBundle([]byte(tt.spoil(string(raw)))); !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}

// FuzzParseBundle: a bundle that is accepted has exactly one spelling.
func FuzzParseBundle(f *testing.F) {
	raw, err := snapshot.Pack(read(f, tree()), nil, "data").Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"manifest":"","approvals":[],"files":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := snapshot.ParseBundle(raw)
		if err != nil {
			return
		}
		same, err := b.Encode()
		if err != nil || string(same) != string(raw) {
			t.Error("a second spelling")
		}
	})
}
