package gatewaytest_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestForgotten starts a gateway that has lost what it remembers of directory or
// policy: that is for an operator to decide.
func TestForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := withCast(t, w)
	s.exchange(t)
	stop(t, w)
	for _, file := range []string{"state/directory.json", "state/policy.json"} {
		kept, err := os.ReadFile(s.path(file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(s.path(file)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		err = w.Start(ctx)
		cancel()
		if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "adopt") {
			t.Fatalf("started without %s: %v", file, err)
		}
		if err := os.WriteFile(s.path(file), kept, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"state/directory.json", "state/policy.json"} {
		if err := os.Remove(s.path(file)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Configure(map[string]any{"adopt": true}); err != nil {
		t.Fatal(err)
	}
	start(t, w)
	s.exchange(t)
	s.verified(t)
}
