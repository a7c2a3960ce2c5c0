package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestDraftScripts runs the stories about checking and trying drafts. $POLICIES
// is the law as it stands.
func TestDraftScripts(t *testing.T) {
	law, err := filepath.Abs("../../policies")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/policydraft",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			e.Setenv("POLICIES", law)
			return nil
		},
	})
}

// hostile are drafts that take a careless program minutes, gigabytes or both,
// and what whoever opens them is told.
var hostile = []struct {
	name string
	make func(t *testing.T, dir string)
	says string // by lint
	runs bool   // a gateway could run it
}{
	{"comprehensions nested 30 deep", rego("p := " + strings.Repeat("[x | x := ", 30) + "1" + strings.Repeat("]", 30)), `nests 31 levels deep`, false},
	{"comprehensions nested 10 deep", rego("p := " + strings.Repeat("[x | x := ", 10) + "1" + strings.Repeat("]", 10)), `nests 11 levels deep`, false},
	{"24 doubling rules", rego(doubling()), `neither a provision nor a named condition`, false},
	{"24 doubling functions", rego(doublingFunctions()), `takes more than 10000 steps`, false},
	{"network", rego("p if http.send({\"method\": \"get\", \"url\": \"http://localhost\"})"), `uses a function that provisions may not use`, false},
	{"with", rego("p if input.bulk with input.bulk as true"), `has none of the forms that are allowed`, false},
	{"huge integer", rego("p if input.bulk == 1" + strings.Repeat("0", 400_000)), `number too big`, false},
	{"huge exponent", rego("p if input.bulk == 1e999999999"), `number too big`, false},
	{"10 MB of rules", rego(strings.Repeat("# ten bytes\n", 900_000)), `has 10800020 bytes, more than the 1048576`, false},
	{"100,000 rules", rego(strings.Repeat("p if q\n", 60_000)), `There are 6\d+ rules, at most 4000 are allowed`, false},
	{"brackets nested 50,000 deep", rego("p := " + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000)), `max parsing recursion depth exceeded`, false},
	{"aliases of aliases in METADATA", rego(aliases()), `excessive aliasing`, false},
	{"symbolic link", link("/etc/passwd", "provisions/link.rego"), `provisions/link.rego is a symbolic link`, false},
	{"directory loop", link("..", "provisions/loop"), `provisions/loop is a symbolic link`, false},
	{"loop beside everything", link(".", "loop"), `loop is a symbolic link`, false},
	{"linked directory", link("../..", "cases/loop"), `cases/loop is a symbolic link`, false},
	{"pipe", func(t *testing.T, dir string) {
		if err := syscall.Mkfifo(filepath.Join(dir, "data/pipe.json"), 0o600); err != nil {
			t.Fatal(err)
		}
	}, `data/pipe.json is a pipe`, false},
	{"10,000 tables", func(t *testing.T, dir string) {
		for i := range 10_000 {
			write(t, filepath.Join(dir, fmt.Sprintf("data/t%d.json", i)), "{}")
		}
	}, `data holds more than 1024 files`, false},
	{"pattern that backtracks", schema(`"pattern": "^(a+)+$"`), `repeats a repetition`, true},
	{"pattern that repeats repeats", schema(`"pattern": "^((((a{1000}){1000}){1000}){1000})$"`), `invalid repeat count`, false},
	{"deep table", func(t *testing.T, dir string) {
		write(t, filepath.Join(dir, "data/kinds.json"), `{"kinds": `+strings.Repeat("[", 200_000)+strings.Repeat("]", 200_000)+`}`)
	}, `kinds`, false},
}

// TestHostileDrafts opens each with the program as it is built: it is refused
// within seconds, in words, and whoever asked does not grow.
func TestHostileDrafts(t *testing.T) {
	program := filepath.Join(t.TempDir(), "gatewayctl")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "draft")
			if err := os.CopyFS(dir, os.DirFS("../../policies")); err != nil {
				t.Fatal(err)
			}
			tt.make(t, dir)
			refuses(t, program, "lint", dir, tt.says)
			if !tt.runs {
				refuses(t, program, "test", dir, "")
			}
		})
	}
}

// refuses runs a command on a draft and looks at what is left of it.
func refuses(t *testing.T, program, command, dir, says string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "policy", command, dir)
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	grown, err := watch(t, cmd.Process.Pid, ended)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 {
		t.Errorf("%s: ended with %v, want exit code 1", command, err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("%s: took %v", command, took)
	}
	if grown > 256<<10 {
		t.Errorf("%s: the parent grew to %d kB", command, grown)
	}
	if !regexp.MustCompile(says).Match(out.Bytes()) {
		t.Errorf("%s: said nothing like %q:\n%.2000s", command, says, out.String())
	}
	if strings.Contains(out.String(), "goroutine ") || out.Len() == 0 {
		t.Errorf("%s: not in words:\n%.2000s", command, out.String())
	}
}

// watch returns the most memory, in kB, that a process had when it ended.
func watch(t *testing.T, pid int, ended <-chan error) (most int, err error) {
	t.Helper()
	for {
		if raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
			for line := range strings.Lines(string(raw)) {
				if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
					kB, err := strconv.Atoi(strings.Fields(value)[0])
					if err != nil {
						t.Fatal(err)
					}
					most = max(most, kB)
				}
			}
		}
		select {
		case err := <-ended:
			return most, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rego adds a file of provisions to a draft.
func rego(text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		write(t, filepath.Join(dir, "provisions/hostile.rego"), "package provisions\n\n"+text)
	}
}

func link(to, name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// schema adds a keyword to a field of a message type.
func schema(keyword string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		file := filepath.Join(dir, "message_types/exit.contact.schema.json")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(raw), `"x-class"`, keyword+`, "x-class"`, 1)
		if changed == string(raw) {
			t.Fatal("the schema has no field")
		}
		write(t, file, changed)
	}
}

// doubling is a few hundred bytes that stand for 16 million values.
func doubling() string {
	s := "x0 := 1\n"
	for i := range 24 {
		s += fmt.Sprintf("x%d := [x%d, x%d]\n", i+1, i, i)
	}
	return s
}

// doublingFunctions are conditions of which each asks the one before twice.
func doublingFunctions() string {
	s := "f0(a) if a == \"x\"\n\n"
	for i := range 24 {
		s += fmt.Sprintf("f%d(a) if f%d(a)\n\nf%d(a) if {\n\tf%d(a)\n\tinput.bulk\n}\n\n", i+1, i, i+1, i)
	}
	return s
}

// aliases is METADATA of a few lines that stands for a billion values.
func aliases() string {
	s := "# METADATA\n# custom:\n#   a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		s += fmt.Sprintf("#   %c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ","))
	}
	return s + "p if true\n"
}
