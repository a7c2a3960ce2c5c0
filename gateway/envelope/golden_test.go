package envelope_test

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"

	"sluss/gateway/envelope"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden returns a golden file, written anew from fresh if asked to.
func golden(t testing.TB, name string, fresh func() []byte) []byte {
	t.Helper()
	path := "testdata/" + name
	if *update && fresh != nil {
		if err := os.WriteFile(path, fresh(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGolden pins the wire format: a message and its release, made once by
// this test with -update, must open as long as messages of their time may lie
// in a mailbox, and filtering and binding must give the very same bytes.
func TestGolden(t *testing.T) {
	w := newWorld(t)
	message := golden(t, "message.txt", func() []byte { return w.sealed(t) })
	m, err := envelope.Open(message, w.keys, now)
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.Filter(set(given...), nil)
	if err != nil {
		t.Fatal(err)
	}
	release, err := envelope.Bind(f, binding(given...), w.release.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if want := golden(t, "release.txt", func() []byte { return release }); !bytes.Equal(release, want) {
		t.Error("filtering and binding give other bytes than they used to")
	}
	r, err := envelope.OpenRelease(release, w.keys, want, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	values, unusable, err := r.Unseal([]*envelope.Decrypter{w.seal.decrypter(t)})
	if err != nil || len(unusable) > 0 {
		t.Fatalf("unusable %v, %v", unusable, err)
	}
	if got := string(values["risk_level"].JSON.Bytes()); got != "4" {
		t.Errorf("risk_level = %s", got)
	}
}
