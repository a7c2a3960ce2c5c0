package gatewaytest_test

import (
	"strings"
	"testing"
	"time"

	"sluss/gateway/gatewaytest"
)

// TestCrash kills the gateway a few times under load. The command "gatewayctl
// crash" does the same 200 times.
func TestCrash(t *testing.T) {
	w := newCrowd(t)
	var out strings.Builder
	r, err := gatewaytest.Crash(t.Context(), w, gatewaytest.CrashOptions{Kills: 5, Every: 2, Seed: uint64(time.Now().UnixNano()), Hasty: true}, &out)
	r.Print(&out)
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
	if r.Kills != 5 || r.Acknowledged == 0 || r.Stated == 0 || r.Releases == 0 || r.Received == 0 || r.Audits != 3 {
		t.Error("the run tried nothing")
	}
}

// newCrowd makes the world of a crash run, whose gateway does not run yet.
func newCrowd(t *testing.T) *gatewaytest.World {
	t.Helper()
	w, err := gatewaytest.NewCrowd(t.TempDir(), binary, gatewaytest.CrashTowns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Kill() })
	return w
}
