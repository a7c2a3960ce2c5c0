package catalogue_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"sluss/gateway/catalogue"
	"sluss/gateway/snapshot"
)

var update = flag.Bool("update", false, "rewrite policies/data/catalogue.json from the message types")

// root is the policy tree of the repository.
const root = "../../policies"

// TestDocument holds the generated table to the message types.
func TestDocument(t *testing.T) {
	d, err := catalogue.DocumentOf(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	want, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, "data", "catalogue.json")
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("data/catalogue.json is not what the message types say; run go test -run Document -update")
	}
}

// good returns the catalogue of the repository's policy.
func good(t testing.TB) *catalogue.Catalogue {
	t.Helper()
	s, err := snapshot.Read(os.DirFS(root), "v1.22.2")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalogue.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad(t *testing.T) {
	c := good(t)
	t.Log(len(c.Types()))
}
