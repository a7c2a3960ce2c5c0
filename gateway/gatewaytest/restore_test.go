package gatewaytest_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluss/certs/dev"
	"sluss/gateway/client"
	"sluss/gateway/gatewaytest"
)

// operator runs gatewayctl, which must succeed, and returns what it prints.
func operator(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(filepath.Join(filepath.Dir(binary), "gatewayctl"), args...).Output()
	if exit, ok := err.(*exec.ExitError); ok {
		t.Fatalf("gatewayctl %v: %v\n%s", args, err, exit.Stderr)
	}
	return out
}

// doesNotStart holds that the gateway refuses to start, for this reason.
func doesNotStart(t *testing.T, w *gatewaytest.World, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := w.Start(ctx); err == nil || !strings.Contains(err.Error(), why) {
		w.Kill()
		t.Errorf("Start = %v, want one that says %q", err, why)
	}
}

// ids are the identifiers of messages, with their delivery ids.
func ids(list []client.Message) map[string]string {
	out := map[string]string{}
	for _, m := range list {
		out[string(m.Claims().ID)] = m.Delivery()
	}
	return out
}

// TestRestore: a disk is lost after a backup, and with it a withdrawal that was
// answered. Nothing leaves about the person until those who know have spoken, and
// never on the consent as it was.
func TestRestore(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	start(t, w)
	c, err := gatewaytest.NewCast(ctx, w)
	must(err)
	send := func(token []byte) client.Receipt {
		t.Helper()
		r, err := c.Send(ctx, token)
		must(err)
		return r
	}
	seal := func() []byte {
		t.Helper()
		token, err := c.Assessment(ctx)
		must(err)
		return token
	}
	collect := func() map[string]string {
		t.Helper()
		list, err := c.Collect(ctx)
		must(err)
		return ids(list)
	}

	before := send(seal())
	backup := filepath.Join(w.Dir, "backup.db")
	operator(t, "store", "backup", "--config", w.Config(), backup)
	first := collect()
	lost := seal()
	was := send(lost)
	if first[string(before.ID)] == "" {
		t.Fatal("no exchange before the loss")
	}
	must(c.Withdrawn(ctx))
	time.Sleep(2 * time.Second) // until that is published
	must(w.Kill())

	// The disk is lost. A copy put in its place is not the log that was seen.
	data := filepath.Join(w.Dir, "gateway", "data")
	must(os.RemoveAll(data))
	must(os.Mkdir(data, 0o700))
	raw, err := os.ReadFile(backup)
	must(err)
	must(os.WriteFile(filepath.Join(data, "sluss.db"), raw, 0o600))
	doesNotStart(t, w, "older than one that was seen")
	must(os.RemoveAll(data))

	var done struct{ Log, Key string }
	must(json.Unmarshal(operator(t, "store", "restore", "--json", "--config", w.Config(), backup), &done))
	doesNotStart(t, w, "is "+done.Log+" since the database was restored")
	var pins dev.Pins
	raw, err = os.ReadFile(filepath.Join(w.Dir, "gateway", "pins.json"))
	must(err)
	must(json.Unmarshal(raw, &pins))
	must(c.Repin(ctx, pins.Log, done.Key, "dev.sluss/log", done.Log))
	marker := filepath.Join(w.Dir, "gateway", "state", "ring", "restored.json")
	must(os.Rename(marker, marker+".hidden"))
	doesNotStart(t, w, "restored.json is missing")
	must(os.Rename(marker+".hidden", marker))

	start(t, w)
	must(c.Again(ctx))
	if got := collect(); len(got) != 0 {
		t.Errorf("%v left before anybody had confirmed anything", got)
	}
	// What was lost is taken in again, the same bytes, with a receipt of its own.
	if again := send(lost); again.ID != was.ID || again.Digest != was.Digest {
		t.Errorf("sent again: %+v, before %+v", again, was)
	}
	if got := collect(); len(got) != 0 {
		t.Errorf("%v left before anybody had confirmed anything", got)
	}
	must(c.Confirm(ctx))
	if got := collect(); len(got) != 0 {
		t.Errorf("%v left on a consent that nobody has stated again", got)
	}
	must(c.Consent(ctx))
	got := collect()
	if len(got) != 2 || got[string(before.ID)] == "" || got[string(was.ID)] == "" {
		t.Errorf("after all was stated again: %v, want %s and %s", got, before.ID, was.ID)
	}
	if got[string(before.ID)] == first[string(before.ID)] {
		t.Error("what was handed out before the loss came again under the same delivery id")
	}
	stop(t, w)
	state := filepath.Join(w.Dir, "gateway", "state")
	operator(t, "log", "verify", "--pins", filepath.Join(w.Dir, "gateway", "pins.json"), data)
	operator(t, "log", "fsck", "--pins", filepath.Join(w.Dir, "gateway", "pins.json"), "--kek", "file:"+filepath.Join(w.Dir, "gateway", "kek"),
		"--ring", filepath.Join(state, "ring"), data)
	if raw, err := os.ReadFile(filepath.Join(state, "checkpoint.1")); err != nil || !strings.HasPrefix(string(raw), "dev.sluss/log\n") {
		t.Errorf("the evidence of what is missing: %q, %v", raw, err)
	}
	// Who can write the database alone cannot make the gateway forget.
	edited(t, data, "DELETE FROM state WHERE name = 'restored'")
	edited(t, data, "DELETE FROM document WHERE name = 'restored'")
	doesNotStart(t, w, "its marker was removed")
}
