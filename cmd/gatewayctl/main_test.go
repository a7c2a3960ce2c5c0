package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/keys"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatewayctl": main})
}

// TestScripts runs the stories in testdata.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "member": member, "freeport": freeport, "grow": grow}})
}

// freeport is the script command "freeport VARIABLE": a port that was free.
func freeport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VARIABLE")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	ts.Check(l.Close())
}

// grow is the script command "grow WORLD N POLICY": as the gateway of a world it
// appends N entries to the log and publishes them, cosigned as the policy says.
func grow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: grow WORLD N POLICY")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	w, err := disclosure.ParseWitnesses([]byte(ts.ReadFile(args[2])))
	ts.Check(err)
	gateway := filepath.Join(ts.MkAbs(args[0]), "gateway")
	ts.Check(errors.Join(os.MkdirAll(filepath.Join(gateway, "data"), 0o700), os.MkdirAll(filepath.Join(gateway, "state"), 0o700)))
	db, err := sqlite.Open(ctx, sqlite.Config{Dir: filepath.Join(gateway, "data"), Reserve: -1})
	ts.Check(err)
	defer db.Close()
	key, err := keys.LoadEd25519("file:" + filepath.Join(gateway, "checkpoint.key"))
	ts.Check(err)
	log, err := disclosure.New(disclosure.Config{Store: db, Key: key, Origin: w.Logs[0].Name(), Anchor: filepath.Join(gateway, "state", "checkpoint"),
		Interval: 10 * time.Millisecond, Witnesses: w})
	ts.Check(err)
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	for range n {
		e, err := disclosure.NewEntry(disclosure.E1{Kind: disclosure.Incident, Time: disclosure.At(time.Now()), Code: "withhold-all"}, disclosure.E2{}, plainly{})
		ts.Check(err)
		c, err := log.Append(ctx, store.Write{Entries: []store.Entry{e}})
		ts.Check(err)
		ts.Check(log.Witnessed(ctx, c.Index()))
	}
	stop()
	ts.Check(<-ended)
}

// plainly is a sealer that hides nothing: the tests read only what is public.
type plainly struct{}

func (plainly) Encrypt(_ gateway.AgencyID, class string, _ time.Time, plaintext, _ []byte) ([]byte, string, error) {
	return plaintext, "plain/" + class, nil
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
