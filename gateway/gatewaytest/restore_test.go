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
	"sluss/gateway/disclosure"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/store/database"
	"sluss/gateway/store/sqlite"
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

// loss is a world whose disk is lost.
type loss struct {
	*testing.T
	w      *gatewaytest.World
	c      *gatewaytest.Cast
	place  string      // the gateway's database
	anew   func(*loss) // puts an empty database in its place
	backup string
}

func (l *loss) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *loss) seal() []byte {
	l.Helper()
	token, err := l.c.Assessment(l.Context())
	l.must(err)
	return token
}

func (l *loss) send(token []byte) client.Receipt {
	l.Helper()
	r, err := l.c.Send(l.Context(), token)
	l.must(err)
	return r
}

// collect returns the delivery ids of what came, by identifier of the message.
func (l *loss) collect() map[string]string {
	l.Helper()
	list, err := l.c.Collect(l.Context())
	l.must(err)
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
	t.Parallel()
	for name, anew := range map[string]func(*loss){
		"SQLite": func(l *loss) {
			l.place = filepath.Join(l.w.Dir, "gateway", "data")
			l.must(os.RemoveAll(l.place))
		},
		"PostgreSQL": func(l *loss) { // what is left of the old one stays
			l.place = cluster.Database(l)
			l.must(l.w.Configure(map[string]any{"database": l.place}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			l := &loss{T: t, w: w, anew: anew, backup: filepath.Join(w.Dir, "backup.db")}
			l.anew(l)
			l.happens()
		})
	}
}

// happens is the story from the first start on.
func (l *loss) happens() {
	t, w := l.T, l.w
	start(t, w)
	var err error
	l.c, err = gatewaytest.NewCast(t.Context(), w)
	l.must(err)
	before := l.send(l.seal())
	operator(t, "store", "backup", "--config", w.Config(), l.backup)
	first := l.collect()
	lost := l.seal()
	was := l.send(lost)
	if first[string(before.ID)] == "" {
		t.Fatal("no exchange before the loss")
	}
	l.must(l.c.Withdrawn(t.Context()))
	time.Sleep(2 * time.Second) // until that is published
	l.must(w.Kill())
	l.restore()

	start(t, w)
	l.must(l.c.Again(t.Context()))
	if got := l.collect(); len(got) != 0 {
		t.Errorf("%v left before anybody had confirmed anything", got)
	}
	// What was lost is taken in again, the same bytes, with a receipt of its own.
	if again := l.send(lost); again.ID != was.ID || again.Digest != was.Digest {
		t.Errorf("sent again: %+v, before %+v", again, was)
	}
	if got := l.collect(); len(got) != 0 {
		t.Errorf("%v left before anybody had confirmed anything", got)
	}
	l.must(l.c.Confirm(t.Context()))
	if got := l.collect(); len(got) != 0 {
		t.Errorf("%v left on a consent that nobody has stated again", got)
	}
	l.must(l.c.Consent(t.Context()))
	got := l.collect()
	if len(got) != 2 || got[string(before.ID)] == "" || got[string(was.ID)] == "" {
		t.Errorf("after all was stated again: %v, want %s and %s", got, before.ID, was.ID)
	}
	if got[string(before.ID)] == first[string(before.ID)] {
		t.Error("what was handed out before the loss came again under the same delivery id")
	}
	stop(t, w)
	l.holds()
}

// restore restores the backup, past everything that must not pass for it.
func (l *loss) restore() {
	l.Helper()
	// A copy put in the place of the lost disk is not the log that was seen.
	dir := l.TempDir()
	raw, err := os.ReadFile(l.backup)
	l.must(err)
	l.must(os.WriteFile(filepath.Join(dir, sqlite.FileName), raw, 0o600))
	l.anew(l)
	operator(l.T, "store", "migrate", "--from", dir, "--to", l.place)
	doesNotStart(l.T, l.w, "older than one that was seen")
	l.anew(l)

	last, err := os.ReadFile(filepath.Join(l.w.Dir, "gateway", "state", "checkpoint"))
	l.must(err)
	var done struct {
		Log, Key string
		Marker   uint64
	}
	l.must(json.Unmarshal(operator(l.T, "store", "restore", "--json", "--config", l.w.Config(), l.backup), &done))
	l.marked(done.Marker, string(last))
	doesNotStart(l.T, l.w, "is "+done.Log+" since the database was restored")
	var pins dev.Pins
	raw, err = os.ReadFile(filepath.Join(l.w.Dir, "gateway", "pins.json"))
	l.must(err)
	l.must(json.Unmarshal(raw, &pins))
	l.must(l.c.Repin(pins.Log, done.Key, "dev.sluss/log", done.Log))
	marker := filepath.Join(l.w.Dir, "gateway", "state", "ring", "restored.json")
	l.must(os.Rename(marker, marker+".hidden"))
	doesNotStart(l.T, l.w, "restored.json is missing")
	l.must(os.Rename(marker+".hidden", marker))
}

// marked holds that the log goes on with an entry that holds the last checkpoint of
// the lost one.
func (l *loss) marked(index uint64, last string) {
	l.Helper()
	db, err := database.View(l.Context(), l.place)
	l.must(err)
	defer db.Close()
	head, err := db.Head(l.Context())
	l.must(err)
	row, err := db.Entry(l.Context(), index)
	l.must(err)
	e, err := disclosure.ParseE1(row.E1)
	l.must(err)
	if head.Size != index+1 || e.Kind != disclosure.Restored || e.Checkpoint != last {
		l.Errorf("the first entry of %d after the restore is %d, %+v, want one with the checkpoint %q", head.Size, index, e, last)
	}
}

// holds checks the log, and that who can write the database alone cannot make the
// gateway forget.
func (l *loss) holds() {
	l.Helper()
	of := func(name ...string) string { return filepath.Join(append([]string{l.w.Dir, "gateway"}, name...)...) }
	operator(l.T, "log", "verify", "--pins", of("pins.json"), "--checkpoint", of("state", "checkpoint"), l.place)
	operator(l.T, "log", "fsck", "--pins", of("pins.json"), "--checkpoint", of("state", "checkpoint"),
		"--kek", "file:"+of("kek"), "--ring", of("state", "ring"), l.place)
	if raw, err := os.ReadFile(of("state", "checkpoint.1")); err != nil || !strings.HasPrefix(string(raw), "dev.sluss/log\n") {
		l.Errorf("the evidence of what is missing: %q, %v", raw, err)
	}
	edited(l.T, l.place, "DELETE FROM state WHERE name = 'restored'")
	edited(l.T, l.place, "DELETE FROM document WHERE name = 'restored'")
	doesNotStart(l.T, l.w, "its marker was removed")
}
