package gatewaytest_test

import (
	"strings"
	"testing"
	"time"

	"sluss/gateway/gatewaytest"
)

// TestFaultRun lets faults of each sort happen a few times. The command
// "gatewayctl faults" lets all happen, and more often.
func TestFaultRun(t *testing.T) {
	var out strings.Builder
	seed := uint64(time.Now().UnixNano())
	o := gatewaytest.FaultOptions{Only: []string{"kill", "kill-in-commit", "sync-error", "old-backup", "tamper", "pg-server-kill"}, Count: 2, Every: 1, Seed: seed}
	all, err := gatewaytest.Faults(t.Context(), t.TempDir(), binary, o, &out)
	all.Print(&out)
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Count < 2 || r.Acknowledged == 0 || r.Stated == 0 || r.Releases == 0 || r.Received == 0 || r.Audits == 0 {
			t.Errorf("fault %s tried nothing", r.Fault)
		}
	}
}

// newCrowd makes the world of a run, whose gateway does not run yet.
func newCrowd(t *testing.T) *gatewaytest.World {
	t.Helper()
	w, err := gatewaytest.NewCrowd(t.TempDir(), binary, gatewaytest.Towns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Kill() })
	return w
}
