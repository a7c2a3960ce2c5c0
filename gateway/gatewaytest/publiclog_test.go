package gatewaytest_test

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPublishedLogForAnyone verifies the log of a running gateway as somebody who
// has nothing but the pins.
func TestPublishedLogForAnyone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	public := l.Addr().String()
	l.Close()
	if err := w.Configure(map[string]any{"public": public}); err != nil {
		t.Fatal(err)
	}
	start(t, w)
	s := withCast(t, w)
	s.exchange(t)
	verify := func(place string) (string, error) {
		out, err := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(binary), "gatewayctl"), "log", "verify", "--json", "--pins", s.path("pins.json"),
			"--authorities", s.file(policeExit, "gateways.pem"), "https://"+place).CombinedOutput()
		return string(out), err
	}
	if out, err := verify(public); err != nil || !strings.Contains(out, `"entries"`) {
		t.Errorf("verifying the published log: %v: %s", err, out)
	}
	// The client's part of the handshake ends before the server has seen that there
	// is no certificate: it meets the alert, or the connection's end.
	if out, err := verify(w.Agencies); err == nil || strings.Contains(out, `"entries"`) {
		t.Errorf("at the agency API without a certificate: %v: %s", err, out)
	}
}
