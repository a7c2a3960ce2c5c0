package policies_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"slices"
	"testing"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/snapshot"
	"sluss/policies"
)

// table decodes one table under its key.
func table[T any](t *testing.T, name string) T {
	t.Helper()
	raw, err := fs.ReadFile(policies.FS, "data/"+name+".json")
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]T
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	return file[name]
}

func types(t *testing.T) *catalogue.Catalogue {
	t.Helper()
	s, err := snapshot.Read(policies.FS, "v1.22.2")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalogue.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestEmbedded: a gateway carries exactly the policy that stands here.
func TestEmbedded(t *testing.T) {
	disk, err := snapshot.Read(os.DirFS("."), "v1.22.2")
	if err != nil {
		t.Fatal(err)
	}
	if got := types(t).Snapshot(); got != disk.Digest() {
		t.Errorf("embedded %s, on disk %s", got, disk.Digest())
	}
}

// TestFacts: each fact has its sentences, and what it is made from can be
// stated.
func TestFacts(t *testing.T) {
	c := types(t)
	sources := []string{"request", "message", "directory", "gateway", "statement"}
	for name, f := range table[map[string]struct {
		Swedish  string                                  `json:"sv"`
		English  string                                  `json:"en"`
		Source   string                                  `json:"source"`
		Unknown  *bool                                   `json:"unknown"`
		StatedBy map[gateway.MessageType][]gateway.Field `json:"stated_by"`
	}](t, "facts") {
		if f.Swedish == "" || f.English == "" || f.Unknown == nil || !slices.Contains(sources, f.Source) {
			t.Errorf("%s: %+v", name, f)
		}
		if (f.Source == "statement") != (len(f.StatedBy) > 0) {
			t.Errorf("%s: from %s, stated by %v", name, f.Source, f.StatedBy)
		}
		for typ, members := range f.StatedBy {
			fields(t, c, name, typ, members)
		}
	}
}

// fields reports members that no statement of the type has.
func fields(t *testing.T, c *catalogue.Catalogue, what string, typ gateway.MessageType, members []gateway.Field) {
	t.Helper()
	mt, ok := c.Newest(typ)
	if !ok || !mt.Statement {
		t.Errorf("%s: %s is no statement", what, typ)
		return
	}
	for _, m := range members {
		if f, ok := mt.Field(m); !ok || f.Sealed {
			t.Errorf("%s: %s has no clear field %s", what, typ, m)
		}
	}
}

// TestStatements: every statement type says who has authority over what, in
// words that are explained.
func TestStatements(t *testing.T) {
	c := types(t)
	words := slices.Collect(maps.Keys(table[map[string]any](t, "standings")))
	used := make(map[string]bool)
	check := func(typ gateway.MessageType, standings []string, roles []gateway.Role) {
		for _, w := range standings {
			used[w] = true
			if !slices.Contains(words, w) {
				t.Errorf("%s: standing %s is not explained", typ, w)
			}
		}
		for _, r := range roles {
			if _, ok := c.Leg(catalogue.Trip{Type: typ, Sender: r, Recipient: catalogue.Register}); !ok {
				t.Errorf("%s: %s has no way to state it", typ, r)
			}
		}
	}
	type stater struct {
		Standing []string       `json:"standing"`
		Roles    []gateway.Role `json:"roles"`
	}
	statements := table[map[gateway.MessageType]struct {
		Authority map[gateway.Field]struct {
			stater
			Standing    []string       `json:"standing"`
			Roles       []gateway.Role `json:"roles"`
			Narrowing   stater         `json:"narrowing"`
			Countersign struct {
				When string
				By   []string
			} `json:"countersign"`
		} `json:"authority"`
	}](t, "statements")
	for typ, s := range statements {
		for member, a := range s.Authority {
			if member != "*" && member != "grounds" { // sealed grounds are nobody's fact
				fields(t, c, "statements", typ, []gateway.Field{member})
			}
			if len(a.Standing) == 0 {
				t.Errorf("%s, %s: nobody may state it", typ, member)
			}
			check(typ, a.Standing, a.Roles)
			check(typ, a.Narrowing.Standing, a.Narrowing.Roles)
			check(typ, a.Countersign.By, nil)
		}
	}
	for _, mt := range c.Types() {
		if _, ok := statements[mt.Name]; ok != mt.Statement {
			t.Errorf("%s: statement %v, in the table %v", mt.Name, mt.Statement, ok)
		}
	}
	for _, w := range words {
		if !used[w] {
			t.Errorf("standing %s is not used", w)
		}
	}
}

// TestFlows: flows run between kinds that exist, and no basis is both
// available and excluded.
func TestFlows(t *testing.T) {
	kinds := types(t).Tables().Kinds
	for from, row := range table[map[gateway.Kind]map[gateway.Kind]map[string]json.RawMessage](t, "flows") {
		for to, flow := range row {
			_, okFrom := kinds[from]
			_, okTo := kinds[to]
			if !okFrom || !okTo {
				t.Errorf("flow %s to %s between unknown kinds", from, to)
			}
			seen := make(map[gateway.Basis]string)
			for _, way := range []string{"automatic", "decision", "manual", "excluded"} {
				var bases []gateway.Basis
				if err := json.Unmarshal(flow[way], &bases); err != nil {
					t.Fatalf("flow %s to %s, %s: %v", from, to, way, err)
				}
				for _, b := range bases {
					if seen[b] != "" {
						t.Errorf("flow %s to %s: %s is %s and %s", from, to, b, seen[b], way)
					}
					seen[b] = way
				}
			}
		}
	}
}
