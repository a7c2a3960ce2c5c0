package snapshot_test

import (
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/snapshot"
)

const engine = "v1.22.2"

// tree is a small policy; what does not belong to a snapshot is among it.
func tree() fstest.MapFS {
	return fstest.MapFS{
		"data/kinds.json":                        {Data: []byte(`{"kinds": {}}`)},
		"data/roles.json":                        {Data: []byte(`{"roles": {}}`)},
		"message_types/exit.contact.schema.json": {Data: []byte(`{}`)},
		"provisions/consent.rego":                {Data: []byte("package provisions\n")},
		"provisions/consent_test.rego":           {Data: []byte("package provisions\n")},
		"README.md":                              {Data: []byte("Läs mig")},
		"data/notes.txt":                         {Data: []byte("CANARY")},
	}
}

var belongs = []string{
	"data/kinds.json", "data/roles.json", "message_types/exit.contact.schema.json", "provisions/consent.rego",
}

func read(t testing.TB, fsys fs.FS) snapshot.Snapshot {
	t.Helper()
	s, err := snapshot.Read(fsys, engine)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// files returns the content of what belongs to a snapshot.
func files(t testing.TB, s snapshot.Snapshot) map[string][]byte {
	t.Helper()
	m := make(map[string][]byte)
	for _, name := range s.Files() {
		b, err := fs.ReadFile(s.FS(), name)
		if err != nil {
			t.Fatal(err)
		}
		m[name] = b
	}
	return m
}

func TestRead(t *testing.T) {
	s := read(t, tree())
	if diff := cmp.Diff(belongs, s.Files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if err := fstest.TestFS(s.FS(), belongs...); err != nil {
		t.Error(err)
	}
	if s.Engine() != engine || s.IsZero() {
		t.Errorf("engine %q, zero %v", s.Engine(), s.IsZero())
	}
}

// TestManifest pins the form of a manifest: the digest in every log entry is
// over these bytes, and an auditor recomputes it years later.
func TestManifest(t *testing.T) {
	const want = `sluss-snapshot/1 opa v1.22.2
02d2e2e4949c1bf66a04c027bc612c4ea84b1cbc634c5e9e03cd94a302ecd631  data/kinds.json
2db7f44cfbdbd797878ef63ea08498f3554d89f0ed15c8ac3909cea90334247f  data/roles.json
44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a  message_types/exit.contact.schema.json
7d35ddcf08e266cf6bec5932dd006320f7860dca2a50ce108ebb38e302f52594  provisions/consent.rego
`
	s := read(t, tree())
	if diff := cmp.Diff(want, string(s.Manifest())); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if got, want := s.Digest().String(), "-bYJmsSlzGxvT3k4ZQmok3559AvlDR9Svf5ADE5FQ_Q"; got != want {
		t.Errorf("digest is %s, want %s", got, want)
	}
}

// TestDigest: whatever can change a decision changes the digest, and nothing
// else does.
func TestDigest(t *testing.T) {
	was := read(t, tree()).Digest()
	tests := []struct {
		name   string
		change func(fstest.MapFS)
		same   bool
	}{
		{"nothing", func(fstest.MapFS) {}, true},
		{"readme", func(m fstest.MapFS) { m["README.md"].Data = nil }, true},
		{"test of a provision", func(m fstest.MapFS) { delete(m, "provisions/consent_test.rego") }, true},
		{"provision", func(m fstest.MapFS) { m["provisions/consent.rego"].Data = []byte("package provisions") }, false},
		{"table", func(m fstest.MapFS) { m["data/kinds.json"].Data = []byte(`{"kinds": {} }`) }, false},
		{"message type", func(m fstest.MapFS) { delete(m, "message_types/exit.contact.schema.json") }, false},
		{"another table", func(m fstest.MapFS) { m["data/x.json"] = &fstest.MapFile{Data: []byte("{}")} }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := tree()
			tt.change(m)
			if got := read(t, m).Digest(); (got == was) != tt.same {
				t.Errorf("same digest: %v, want %v", got == was, tt.same)
			}
		})
	}
	other, err := snapshot.Read(tree(), "v1.23.0")
	if err != nil {
		t.Fatal(err)
	}
	if other.Digest() == was {
		t.Error("another engine has the same digest")
	}
}

func TestFromManifest(t *testing.T) {
	good := read(t, tree())
	tests := []struct {
		name  string
		spoil func(manifest *string, files map[string][]byte)
		want  error
	}{
		{"nothing", func(*string, map[string][]byte) {}, nil},
		{"part of the files", func(_ *string, f map[string][]byte) { delete(f, "provisions/consent.rego") }, nil},
		{"other content", func(_ *string, f map[string][]byte) { f["data/kinds.json"] = []byte(`{"kinds": 1}`) }, snapshot.ErrContent},
		{"file not listed", func(_ *string, f map[string][]byte) { f["data/x.json"] = []byte(`{}`) }, snapshot.ErrContent},
		{"no manifest", func(m *string, _ map[string][]byte) { *m = "" }, snapshot.ErrManifest},
		{"no files", func(m *string, _ map[string][]byte) { *m = "sluss-snapshot/1 opa v1.22.2\n" }, snapshot.ErrManifest},
		{"other format", func(m *string, _ map[string][]byte) { *m = strings.Replace(*m, "/1", "/2", 1) }, snapshot.ErrManifest},
		{"no engine", func(m *string, _ map[string][]byte) { *m = strings.Replace(*m, engine, "latest", 1) }, snapshot.ErrManifest},
		{"no last newline", func(m *string, _ map[string][]byte) { *m = strings.TrimSuffix(*m, "\n") }, snapshot.ErrManifest},
		{"empty line", func(m *string, _ map[string][]byte) { *m += "\n" }, snapshot.ErrManifest},
		{"carriage return", func(m *string, _ map[string][]byte) { *m = strings.ReplaceAll(*m, "\n", "\r\n") }, snapshot.ErrManifest},
		{"not sorted", func(m *string, _ map[string][]byte) {
			l := strings.SplitAfter(*m, "\n")
			l[1], l[2] = l[2], l[1]
			*m = strings.Join(l, "")
		}, snapshot.ErrManifest},
		{"listed twice", func(m *string, _ map[string][]byte) {
			l := strings.SplitAfter(*m, "\n")
			*m += l[len(l)-2]
		}, snapshot.ErrManifest},
		{"outside the tree", func(m *string, _ map[string][]byte) { *m = strings.Replace(*m, "data/kinds", "data/../kinds", 1) }, snapshot.ErrManifest},
		{"test listed", func(m *string, _ map[string][]byte) { *m = strings.Replace(*m, "consent.rego", "consent_test.rego", 1) }, snapshot.ErrManifest},
		{"short digest", func(m *string, _ map[string][]byte) {
			l := strings.SplitAfter(*m, "\n")
			*m = l[0] + l[1][2:]
		}, snapshot.ErrManifest},
		{"large file", func(_ *string, f map[string][]byte) { f["data/kinds.json"] = make([]byte, snapshot.MaxFile+1) }, snapshot.ErrTooLarge},
		{"large manifest", func(m *string, _ map[string][]byte) { *m += strings.Repeat("x", snapshot.MaxFiles*256) }, snapshot.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, f := string(good.Manifest()), maps.Clone(files(t, good))
			tt.spoil(&m, f)
			s, err := snapshot.FromManifest([]byte(m), f)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got error %v, want %v", err, tt.want)
			}
			if err == nil && s.Digest() != good.Digest() {
				t.Error("another digest")
			}
		})
	}
}

func TestComplete(t *testing.T) {
	good := read(t, tree())
	f := files(t, good)
	delete(f, "provisions/consent.rego")
	part, err := snapshot.FromManifest(good.Manifest(), f)
	if err != nil {
		t.Fatal(err)
	}
	if err := good.Complete(""); err != nil {
		t.Errorf("whole snapshot: %v", err)
	}
	if err := part.Complete("data", "message_types"); err != nil {
		t.Errorf("tables and types are there: %v", err)
	}
	for _, dirs := range [][]string{{""}, {"provisions"}, {"data", "provisions"}} {
		if err := part.Complete(dirs...); !errors.Is(err, snapshot.ErrMissing) {
			t.Errorf("Complete(%q) = %v, want %v", dirs, err, snapshot.ErrMissing)
		}
	}
	if err := (snapshot.Snapshot{}).Complete(); !errors.Is(err, snapshot.ErrMissing) {
		t.Errorf("the zero snapshot: %v", err)
	}
}

// TestImmutable: what a caller does with the bytes it gave or got changes
// nothing.
func TestImmutable(t *testing.T) {
	good := read(t, tree())
	f := files(t, good)
	s, err := snapshot.FromManifest(good.Manifest(), f)
	if err != nil {
		t.Fatal(err)
	}
	f["data/kinds.json"][0] = 'X'
	s.Manifest()[0] = 'X'
	b, err := fs.ReadFile(s.FS(), "data/kinds.json")
	if err != nil {
		t.Fatal(err)
	}
	b[0] = 'X'
	if again, _ := fs.ReadFile(s.FS(), "data/kinds.json"); again[0] != '{' || s.Manifest()[0] != 's' {
		t.Error("the snapshot has changed")
	}
}

// FuzzFromManifest: a manifest that is accepted has exactly one spelling.
func FuzzFromManifest(f *testing.F) {
	s := read(f, tree())
	f.Add(s.Manifest())
	f.Add([]byte("sluss-snapshot/1 opa v1.22.2\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := snapshot.FromManifest(raw, nil)
		if err != nil {
			return
		}
		if string(s.Manifest()) != string(raw) || s.Digest() != gateway.DigestOf(raw) {
			t.Error("another manifest than the one given")
		}
	})
}
