package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sluss/gateway/directory"
)

func ExampleParseSystemURI() {
	id, err := directory.ParseSystemURI("spiffe://sluss.test/agency/municipality/0180/system/exit")
	fmt.Println(id.Domain, id.Agency, id.Name, err)
	// Output: sluss.test municipality:0180 exit <nil>
}

func TestSystemURI(t *testing.T) {
	for _, uri := range []string{
		"spiffe://sluss.test/agency/police/system/exit",
		"spiffe://sluss.test/agency/municipality/0180/system/exit-2",
		"spiffe://s/agency/provider/165560004615/system/a",
	} {
		id, err := directory.ParseSystemURI(uri)
		if err != nil || id.String() != uri {
			t.Errorf("%s: got %v, %v; want the same back", uri, id, err)
		}
	}
	for name, uri := range map[string]string{
		"empty":             "",
		"other scheme":      "https://sluss.test/agency/police/system/exit",
		"scheme in capital": "SPIFFE://sluss.test/agency/police/system/exit",
		"domain in capital": "spiffe://Sluss.test/agency/police/system/exit",
		"no domain":         "spiffe:///agency/police/system/exit",
		"port":              "spiffe://sluss.test:1/agency/police/system/exit",
		"user":              "spiffe://a@sluss.test/agency/police/system/exit",
		"no system":         "spiffe://sluss.test/agency/police",
		"empty name":        "spiffe://sluss.test/agency/police/system/",
		"slash at the end":  "spiffe://sluss.test/agency/police/system/exit/",
		"empty segment":     "spiffe://sluss.test/agency//police/system/exit",
		"dots":              "spiffe://sluss.test/agency/police/system/..",
		"query":             "spiffe://sluss.test/agency/police/system/exit?a",
		"fragment":          "spiffe://sluss.test/agency/police/system/exit#a",
		"escape":            "spiffe://sluss.test/agency/police/system/%65xit",
		"unknown kind":      "spiffe://sluss.test/agency/army/system/exit",
		"code missing":      "spiffe://sluss.test/agency/municipality/system/exit",
		"code not allowed":  "spiffe://sluss.test/agency/police/1/system/exit",
		"code by colon":     "spiffe://sluss.test/agency/municipality:0180/system/exit",
		"two codes":         "spiffe://sluss.test/agency/municipality/0180/1/system/exit",
		"too long":          "spiffe://sluss.test/agency/police/system/exit" + strings.Repeat("a", 500),
	} {
		if id, err := directory.ParseSystemURI(uri); !errors.Is(err, directory.ErrMalformed) {
			t.Errorf("%s: got %v, %v; want %v", name, id, err, directory.ErrMalformed)
		}
	}
}

// FuzzParseSystemURI holds SPIFFE IDs to one spelling each.
func FuzzParseSystemURI(f *testing.F) {
	f.Add("spiffe://sluss.test/agency/police/system/exit")
	f.Add("spiffe://sluss.test/agency/municipality/0180/system/exit")
	f.Add("spiffe://sluss.test/agency/municipality:0180//system/exit")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := directory.ParseSystemURI(s)
		if err != nil {
			return
		}
		if id.String() != s || strings.ContainsAny(s, "%?#@ ") || strings.Contains(s, "..") && strings.Contains(s, "/..") {
			t.Errorf("%q was read as %+v, which is written %q", s, id, id)
		}
	})
}
