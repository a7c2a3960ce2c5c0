package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestSpaceScripts runs the stories about what the law lets happen at all.
// $POLICIES is the law as it stands.
func TestSpaceScripts(t *testing.T) {
	law, err := filepath.Abs("../../policies")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/policyspace",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			e.Setenv("POLICIES", law)
			return nil
		},
	})
}
