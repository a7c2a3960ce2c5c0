package main

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatewayctl": main})
}

// TestScripts runs the stories in testdata.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "member": member}})
}

// exits is the script command "exits CODE program operands…".
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program operands...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = strconv.Itoa(exit.ExitCode())
	} else if err != nil {
		ts.Fatalf("running %s: %v", args[1], err)
	}
	if code != args[0] {
		ts.Fatalf("exit code is %s, want %s", code, args[0])
	}
}

// TestHelp holds every command to explaining itself with an example of itself.
func TestHelp(t *testing.T) {
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		if c.Name() == "help" {
			return
		}
		if c.Short == "" || !strings.Contains(c.Example, "  "+c.CommandPath()) {
			t.Errorf("%s has no summary or no example of itself", c.CommandPath())
		}
		if c.Args == nil || c.RunE == nil {
			t.Errorf("%s does not say which operands it takes, or does nothing", c.CommandPath())
		}
		for _, below := range c.Commands() {
			each(below)
		}
	}
	root := rootCommand()
	root.InitDefaultHelpCmd()
	each(root)
}
