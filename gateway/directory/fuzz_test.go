package directory_test

import (
	"testing"

	"sluss/gateway/directory"
)

// FuzzParse holds Parse to its one promise: whatever the file, nothing stands
// in a directory but what was signed and countersigned. The world's statements
// are the only ones that are.
func FuzzParse(f *testing.F) {
	good := file(f, world(f))
	signed := map[string]bool{}
	entries, err := directory.Decode(good)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		signed[e.Statement] = true
	}
	previous, _, err := directory.Parse(good, registrars(f), nil, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(directory.Encode(entries[:1]))
	f.Add(directory.Encode(entries[policeSystem : policeSystem+1]))
	f.Add([]byte(`{"statements":[{"statement":"a.b.c","countersignatures":["a.b.c","a.b.c"]}]}`))
	f.Add([]byte(`{"statements":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, changes, err := directory.Parse(raw, registrars(t), nil, now)
		if err != nil {
			if d != nil || changes != nil {
				t.Fatal("a directory was refused and given")
			}
			return
		}
		entries, err := directory.Decode(raw)
		if err != nil {
			t.Fatalf("a directory stands that cannot be read: %v", err)
		}
		for _, e := range entries {
			if !signed[e.Statement] {
				t.Errorf("a statement stands that nobody made: %q", e.Statement)
			}
		}
		if len(changes) != len(entries) || len(entries) == 0 {
			t.Errorf("%d statements, %d changes", len(entries), len(changes))
		}
		if _, changes, err := directory.Parse(raw, registrars(t), previous, now); err == nil && len(changes) != 0 {
			t.Errorf("%d changes to what already stood", len(changes))
		}
	})
}
