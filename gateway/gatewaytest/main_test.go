package gatewaytest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sluss/gateway/gatewaytest"
)

// binary is the gateway program, built once for all tests of the package by the go
// command with flags.
var (
	binary string
	flags  = []string{"build"}
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(floodVariable); spec != "" { // this process is a client of BenchmarkFairness
		os.Exit(floodFrom(spec))
	}
	os.Exit(built(m))
}

// built builds the programs and runs the tests.
func built(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sluss-gatewaytest-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Others than root run it too.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	build := exec.Command("go", slices.Concat(flags, []string{"-o", dir + string(filepath.Separator), "sluss/cmd/gateway", "sluss/cmd/gatewayctl"})...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building: %v\n%s", err, out)
		return 1
	}
	binary = filepath.Join(dir, "gateway")
	return m.Run()
}

// newWorld makes a world whose gateway does not run yet.
func newWorld(t *testing.T) *gatewaytest.World {
	t.Helper()
	w, err := gatewaytest.New(t.TempDir(), binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Kill()
		if said, err := os.ReadFile(w.Log); err == nil && t.Failed() {
			t.Logf("the gateway said last:\n%s", said[max(0, len(said)-2000):])
		}
	})
	return w
}

// start starts the gateway of a world.
func start(t *testing.T, w *gatewaytest.World) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := w.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

// stop drains the gateway of a world.
func stop(t *testing.T, w *gatewaytest.World) {
	t.Helper()
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
}
