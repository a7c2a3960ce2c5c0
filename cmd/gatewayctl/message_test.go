package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"sluss/gateway"
	"sluss/gateway/client/clienttest"
)

// commands are the script commands of the stories about tokens and messages.
var commands = map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "member": member, "same": same}

// TestSDJWTScripts runs the stories in testdata/sdjwt. Beside each lie the
// examples of RFC 9901, which we did not make: a1.sd-jwt, a4.sd-jwt with key
// binding, and the issuer's key.
func TestSDJWTScripts(t *testing.T) {
	const vectors = "../../gateway/envelope/testdata/rfc9901/"
	testscript.Run(t, testscript.Params{
		Dir:  filepath.Join("testdata", "sdjwt"),
		Cmds: commands,
		Setup: func(env *testscript.Env) error {
			for from, to := range map[string]string{"a1.txt": "a1.sd-jwt", "a4.txt": "a4.sd-jwt", "issuer.jwk.json": "rfc.jwk"} {
				raw, err := os.ReadFile(vectors + from)
				if err != nil {
					return err
				}
				if strings.HasSuffix(to, ".sd-jwt") { // broken into lines for print
					raw = []byte(strings.Join(strings.Fields(string(raw)), ""))
				}
				if err := os.WriteFile(filepath.Join(env.WorkDir, to), raw, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// TestMessageScripts runs the stories in testdata/message, each with a gateway
// of its own and the folders police and social of two agencies.
func TestMessageScripts(t *testing.T) {
	lie := func(ts *testscript.TestScript, _ bool, args []string) {
		g := ts.Value("gateway").(*clienttest.Gateway)
		switch args[0] {
		case "drop":
			g.Lies.Drop = []gateway.Field{gateway.Field(args[1])}
		case "busy":
			g.Lies.Respond = clienttest.Unavailable(2, 0)
		case "truth":
			g.Lies = clienttest.Lies{}
			g.Forget()
		default:
			ts.Fatalf("no such lie: %s", args[0])
		}
	}
	cmds := map[string]func(*testscript.TestScript, bool, []string){"lie": lie}
	for name, f := range commands {
		cmds[name] = f
	}
	testscript.Run(t, testscript.Params{
		Dir:  filepath.Join("testdata", "message"),
		Cmds: cmds,
		Setup: func(env *testscript.Env) error {
			g := clienttest.New(t, map[gateway.AgencyID][]gateway.Role{
				"police":            {"police.exit_coordinator_regional"},
				"municipality:0180": {"municipality.social_worker"},
			})
			env.Values["gateway"] = g
			g.WriteConfig(filepath.Join(env.WorkDir, "police"), "police")
			g.WriteConfig(filepath.Join(env.WorkDir, "social"), "municipality:0180")
			return nil
		},
	})
}

// member is the script command "member FILE PATH VARIABLE": it sets an
// environment variable to a string member of a JSON file, found by names and
// indexes with dots between them.
func member(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: member FILE PATH VARIABLE")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for _, name := range strings.Split(args[1], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			v = at[0]
		}
	}
	s, ok := v.(string)
	if !ok {
		ts.Fatalf("%s has no string at %s", args[0], args[1])
	}
	ts.Setenv(args[2], s)
}

// same is the script command "same FILE FILE": both hold the same JSON value,
// whatever the order of the members, which for disclosures is random.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same FILE FILE")
	}
	var a, b any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &a))
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &b))
	if diff := cmp.Diff(b, a); diff != "" {
		ts.Fatalf("(-want +got):\n%s", diff)
	}
}
