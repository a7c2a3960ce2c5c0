package facts_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"sluss/gateway/facts"
	"sluss/policies"
)

// tree returns a copy of the policy tree, to be spoilt.
func tree(t *testing.T) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(policies.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := policies.FS.ReadFile(path)
		out[path] = &fstest.MapFile{Data: raw}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadTables(t *testing.T) {
	tab := tables(t)
	if len(tab.Classes) == 0 || tab.Fields["exit.health_coordination"]["attendance_status"] != "HLT.functional" ||
		tab.Fields["exit.health_coordination"]["medication"] != "HLT" || tab.Fields["exit.referral"]["phone"] != "CON" {
		t.Errorf("got %+v", tab.Fields["exit.health_coordination"])
	}
	tests := []struct{ name, file, old, put string }{
		{"a member that facts do not know", "data/statements.json", `"narrows_only": true`, `"narrows_onyl": true`},
		{"a footing that there is not", "data/statements.json", `"standing": ["party", "self"]`, `"standing": ["partly", "self"]`},
		{"a narrowing footing that there is not", "data/statements.json", `"narrowing": {"standing": ["party"]}`, `"narrowing": {"standing": ["partly"]}`},
		{"an occasion that there is not", "data/statements.json", `"when": "lowers"`, `"when": "raises"`},
		{"a countersigner that there is not", "data/statements.json", `"by": ["discloser", "self"]`, `"by": ["discloser", "himself"]`},
		{"no limit", "data/limits.json", `"min_age_alone": 12`, `"min_age_alone": 0`},
		{"another table", "data/limits.json", `"limits"`, `"limit"`},
		{"no JSON", "data/roles.json", `{`, `[`},
		{"no JSON schema", "message_types/exit.referral.schema.json", `{`, `[`},
	}
	for _, tt := range tests {
		fsys := tree(t)
		old := string(fsys[tt.file].Data)
		spoilt := strings.Replace(old, tt.old, tt.put, 1)
		if spoilt == old {
			t.Errorf("%s: nothing to spoil in %s", tt.name, tt.file)
		}
		fsys[tt.file] = &fstest.MapFile{Data: []byte(spoilt)}
		if _, err := facts.ReadTables(fsys, bases()); err == nil {
			t.Errorf("%s: got no error", tt.name)
		}
	}
	for _, name := range []string{"classes", "purposes", "reason_codes", "kinds", "roles", "limits", "statements"} {
		fsys := tree(t)
		delete(fsys, "data/"+name+".json")
		if _, err := facts.ReadTables(fsys, bases()); err == nil {
			t.Errorf("without table %s: got no error", name)
		}
	}
}

// TestEmptyTables: without tables nothing is opened.
func TestEmptyTables(t *testing.T) {
	in := facts.Derive(goodWorld(), goodQuestion(), &facts.Tables{}, noon)
	if len(in.Consent)+len(in.Decision)+len(in.FieldRelease) != 0 || in.Reason || in.Facts.SipConsent {
		t.Errorf("got %+v", in)
	}
}
