package gatewaytest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway/disclosure"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/keys"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

// refuses runs gatewayctl, which must refuse (exit 1), and returns what it prints
// and why.
func refuses(t *testing.T, args ...string) (out []byte, why string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(binary), "gatewayctl"), args...).Output()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 {
		t.Fatalf("gatewayctl %v: %v: %s, want exit 1", args, err, out)
	}
	return out, string(exit.Stderr)
}

// doomed is what "gatewayctl store destroy" says.
type doomed struct {
	Entries, Early int
	Confirm        string
	Destroyed      bool
}

// begin returns the first entries of a database, as they are kept.
func begin(t *testing.T, dir string, n int) []store.Entry {
	t.Helper()
	db, err := sqlite.View(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	list, err := db.Entries(t.Context(), 0, n)
	if err != nil || len(list) != n {
		t.Fatalf("%d entries, %v, want %d", len(list), err, n)
	}
	return list
}

// TestDestroy has a running gateway destroy the key of a month that is over, by
// order of its operator. What lay under it opens no more, in no copy of the
// database either, and everything else goes on: the log verifies and says what was
// done.
func TestDestroy(t *testing.T) {
	t.Parallel()
	const n = 3
	w := newWorld(t)
	s := &stage{World: w}
	past := time.Now().UTC().AddDate(0, 0, -40) // its month is over for more than a day
	for i := range n {
		s.enters(t, disclosure.E1{Kind: disclosure.Incident, Time: disclosure.At(past.Add(time.Duration(i) * time.Second)), Code: "canary", Discloser: "police"},
			gatewaytest.Canary)
	}
	start(t, w)
	s = withCast(t, w)
	s.exchange(t)
	copied := t.TempDir()
	operator(t, "store", "backup", "--config", w.Config(), filepath.Join(copied, sqlite.FileName))
	opens := func() (out []error) {
		t.Helper()
		ring := s.ring(t)
		for _, e := range begin(t, copied, n) {
			_, _, err := disclosure.Open(e, ring)
			out = append(out, err)
		}
		return out
	}
	destroy := func(class string, month time.Time, more ...string) []string {
		return append([]string{"store", "destroy", "--json", "--config", w.Config(), "--agency", "police", "--class", class,
			"--period", month.Format("2006-01")}, more...)
	}
	looked := func(args []string) (d doomed) {
		t.Helper()
		if err := json.Unmarshal(operator(t, args...), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}

	// The month that is written under, and a word that is not the one.
	now := time.Now().UTC()
	d := looked(destroy("message", now))
	if _, why := refuses(t, destroy("message", now, "--confirm", d.Confirm)...); !strings.Contains(why, "its month is not over") {
		t.Errorf("the key of this month: %s", why)
	}
	d = looked(destroy("log-5y", past))
	if d.Entries != n || d.Early != n || d.Destroyed || d.Confirm == "" {
		t.Errorf("the first call says %+v, want %d entries, all before their time", d, n)
	}
	refuses(t, destroy("log-5y", past, "--confirm", "00000000")...)
	for i, err := range opens() {
		if err != nil {
			t.Errorf("entry %d before the order: %v", i, err)
		}
	}

	if d := looked(destroy("log-5y", past, "--confirm", d.Confirm)); !d.Destroyed {
		t.Errorf("the order: %+v", d)
	}
	for i, err := range opens() {
		if !errors.Is(err, keys.ErrDestroyed) {
			t.Errorf("entry %d in a copy from before: %v, want ErrDestroyed", i, err)
		}
	}
	for i, e := range begin(t, s.path("data"), n) {
		if len(e.E1)+len(e.E2) != 0 || e.Leaf == [64]byte{} {
			t.Errorf("entry %d has %d bytes of content and the leaf %x, want the leaf alone", i, len(e.E1)+len(e.E2), e.Leaf)
		}
	}
	if _, err := os.Stat(s.path("state/ring/police/log-5y/" + past.Format("2006-01") + ".key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the key's file: %v", err)
	}
	if left, err := filepath.Glob(s.path("state/orders/*.json")); err != nil || len(left) != 0 {
		t.Errorf("orders that stay: %q, %v", left, err)
	}
	if _, why := refuses(t, destroy("log-5y", past)...); !strings.Contains(why, "there is no key") {
		t.Errorf("again: %s", why)
	}

	// Everything else goes on.
	s.exchange(t)
	operator(t, "log", "verify", "--pins", s.path("pins.json"), "--client", s.file(policeExit, "client.json"), "https://"+w.Agencies)
	stop(t, w)
	s.destroyed(t, n)
	searchWorld(t, w)

	// Nor does a backup from before bring it back.
	if err := os.RemoveAll(s.path("data")); err != nil {
		t.Fatal(err)
	}
	var restored struct{ Forgotten int }
	if err := json.Unmarshal(operator(t, "store", "restore", "--json", "--config", w.Config(), filepath.Join(copied, sqlite.FileName)), &restored); err != nil {
		t.Fatal(err)
	}
	if restored.Forgotten != n {
		t.Errorf("restored with %d entries forgotten, want %d", restored.Forgotten, n)
	}
	for i, e := range begin(t, s.path("data"), n) {
		if len(e.E1)+len(e.E2) != 0 {
			t.Errorf("entry %d has content again", i)
		}
	}
}

// destroyed holds that the log of a gateway that does not run says what was
// destroyed, and that nothing is found but that its first entries are gone before
// their time.
func (s *stage) destroyed(t *testing.T, n int) {
	t.Helper()
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("entry %d: content is gone before its time", i))
	}
	out, _ := refuses(t, "log", "fsck", "--json", "--pins", s.path("pins.json"), "--kek", "file:"+s.path("kek"), "--ring", s.path("state/ring"), s.path("data"))
	var checked struct {
		Entries  int
		Findings []string
	}
	if err := json.Unmarshal(out, &checked); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, checked.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	var said []disclosure.E1
	for _, e := range begin(t, s.path("data"), checked.Entries) {
		if disclosure.Kind(e.Kind) == disclosure.Purged {
			e1, err := disclosure.ParseE1(e.E1)
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, e1)
		}
	}
	if len(said) != 1 || said[0].Code != "key-destroyed" || said[0].Discloser != "police" || said[0].Count != int64(n) {
		t.Errorf("the log says %+v, want one key of the police's with %d entries", said, n)
	}
}

// ring opens the at-rest keys as they are on the disk.
func (s *stage) ring(t *testing.T) *keys.Ring {
	t.Helper()
	kek, err := keys.LoadKEK("file:" + s.path("kek"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.OpenRing(s.path("state/ring"), kek)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}
