package gatewaytest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// lawCommand finds the commands in the README of legal officers: a line of its
// own, or within a sentence.
var lawCommand = regexp.MustCompile("(?m)^    gatewayctl (.+)$|`gatewayctl ([^`]+)`")

// long are commands that go through the whole space of questions; their own tests
// do. Here it is enough that they are there and have these flags.
var long = []string{"policy never", "policy matrix"}

// TestLawReadme carries out every command in policies/README.md, in its order,
// from the directory of a gateway that runs.
func TestLawReadme(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	law, err := filepath.Abs("../../policies")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"policies", "utkast"} {
		if err := os.CopyFS(filepath.Join(w.Dir, name), os.DirFS(law)); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []string{"1", "2"} {
		if err := os.Link(filepath.Join(w.Dir, "officers", n+".key"), filepath.Join(w.Dir, "jurist"+n+".key")); err != nil {
			t.Fatal(err)
		}
	}
	readme, err := os.ReadFile(filepath.Join(law, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := lawCommand.FindAllStringSubmatch(string(readme), -1)
	if len(found) < 17 {
		t.Fatalf("the README has %d commands", len(found))
	}
	o := officer{w, w.Dir}
	for _, m := range found {
		line := m[1] + m[2]
		for _, l := range long {
			if strings.HasPrefix(line, l) {
				line += " -h"
			}
		}
		if strings.Contains(line, " --key ") && !strings.Contains(line, "withhold-all") {
			line += " --diff=false" // so too is what is shown before signing
		}
		o.ctl(t, 0, strings.Fields(line)...)
	}
	o.says(t, 0, "number 3: ALL RELEASE IS STOPPED", "policy", "status", "--gateway", o.gateway())
}
