package gatewaytest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/keys"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

// withCast plays the beginning of the story in a world whose gateway runs.
func withCast(t *testing.T, w *gatewaytest.World) *stage {
	t.Helper()
	cast, err := gatewaytest.NewCast(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return &stage{w, cast}
}

// hand hands a good message in and returns what came of it.
func (s *stage) hand(t *testing.T) answer {
	t.Helper()
	r := s.request(t, policeExit)
	message(r)
	r.finish()
	a, err := r.send()
	if err != nil {
		t.Fatal(err)
	}
	if at := findCanary(a.all); at != "" {
		t.Errorf("the answer has the canary, %s", at)
	}
	return a
}

// verified stops the gateway and has its whole store checked, and searched for
// the canary.
func (s *stage) verified(t *testing.T) {
	t.Helper()
	stop(t, s.World)
	out, err := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(binary), "gatewayctl"), "log", "fsck", "--pins", s.path("pins.json"),
		"--kek", "file:"+s.path("kek"), "--ring", s.path("state/ring"), s.path("data")).CombinedOutput()
	if err != nil {
		t.Errorf("fsck: %v: %s", err, out)
	}
	searchWorld(t, s.World)
}

// mount puts a small file system of its own at a path.
func mount(t *testing.T, path, options string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, options+",mode=0700"); err != nil {
		t.Fatalf("mounting a small disk, for which the test must run as root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
}

// fill writes a file until the disk has no room left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// nobody is a user who may do nothing.
var nobody = &syscall.Credential{Uid: 65534, Gid: 65534}

// asNobody gives a world to a user without rights, who runs its gateway.
func asNobody(t *testing.T) *gatewaytest.World {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the test must run as root, to run the gateway as somebody else")
	}
	w := newWorld(t)
	w.User = nobody
	if err := os.Chmod(filepath.Dir(w.Dir), 0o755); err != nil { // so that its directory can be reached
		t.Fatal(err)
	}
	give(t, w.Dir, nobody.Uid)
	return w
}

// give gives a directory and all in it to a user.
func give(t *testing.T, dir string, uid uint32) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, int(uid), int(uid)))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readOnly takes from a directory and all in it the right to write, or gives it
// back.
func readOnly(t *testing.T, dir string, yes bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		mode := fs.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		if yes {
			mode &^= 0o200
		}
		return errors.Join(err, os.Chmod(path, mode))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestReadOnly starts the gateway on directories that it may not write. It says
// so and ends, or goes on without what it would have to write, and changes
// nothing there.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"data", "state"} {
		t.Run(name, func(t *testing.T) {
			w := asNobody(t)
			start(t, w)
			s := withCast(t, w)
			s.exchange(t)
			stop(t, w)
			dir := filepath.Join(w.Dir, "gateway", name)
			readOnly(t, dir, true)
			before := files(t, dir)

			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			err := w.Start(ctx)
			if err == nil || ctx.Err() != nil {
				t.Fatalf("started on a directory that cannot be written: %v", err)
			}
			if live(w) {
				t.Error("something is served")
			}
			if !strings.Contains(err.Error(), "permission denied") {
				t.Errorf("the operator is told %v", err)
			}
			if after := files(t, dir); after != before {
				t.Errorf("the directory has changed: %s, was %s", after, before)
			}
			readOnly(t, dir, false)
			start(t, w)
			s.exchange(t)
			s.verified(t)
		})
	}
}

// files lists what is in a directory, with sizes.
func files(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintf(&b, "%s %d\n", path, info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestReadOnlyMeanwhile takes the right to write into the state directory from
// a gateway that runs: what would need a new file there is not taken in, and
// what was taken in stays.
func TestReadOnlyMeanwhile(t *testing.T) {
	t.Parallel()
	w := asNobody(t)
	start(t, w)
	s := withCast(t, w)
	state := filepath.Join(w.Dir, "gateway", "state")
	readOnly(t, state, true)
	// The first message of the month needs a key of its own at rest.
	if a := s.hand(t); a.status != 503 || a.code != gateway.CodeUnavailable {
		t.Errorf("got %d %s; want %s", a.status, a.body, gateway.CodeUnavailable)
	}
	if !live(w) {
		t.Error("the process has ended")
	}
	readOnly(t, state, false)
	s.exchange(t)
	s.verified(t)
}

// TestClockGoesBack starts a gateway whose log has an entry from ahead of its
// clock, as after a clock that went back: until the clock is within a minute
// nothing is taken in, and then it goes on.
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := withCast(t, w)
	stop(t, w)
	s.enters(t, disclosure.E1{Kind: disclosure.PolicyRefused, Time: disclosure.At(time.Now().Add(70 * time.Second)), Code: "policy-refused"}, "")
	start(t, w)
	a := s.hand(t)
	if a.status != 503 || a.code != gateway.CodeUnavailable {
		t.Fatalf("with a clock behind the log: %d %s", a.status, a.body)
	}
	r := s.request(t, townExit)
	poll(r)
	if got, err := r.send(); err != nil || got.status != 200 || len(got.body) > 30 {
		t.Errorf("a poll: %d %s, %v", got.status, got.body, err)
	}
	if !live(w) {
		t.Fatal("the process has ended")
	}
	for end := time.Now().Add(60 * time.Second); a.status != 202 && time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		a = s.hand(t)
	}
	if a.status != 202 {
		t.Fatalf("when the clock has come near: %d %s", a.status, a.body)
	}
	s.verified(t)
}

// enters appends an entry of another time to the log of a gateway that does not
// run.
func (s *stage) enters(t *testing.T, e1 disclosure.E1, detail string) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Dir: s.path("data")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	key, err := keys.LoadEd25519("file:" + s.path("checkpoint.key"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := disclosure.NewEntry(e1, disclosure.E2{Retention: disclosure.Ordinary, Detail: detail}, s.ring(t))
	if err != nil {
		t.Fatal(err)
	}
	then := time.Until(e1.Time.Time)
	log, err := disclosure.New(disclosure.Config{Store: db, Key: key, Origin: "dev.sluss/log", Anchor: s.path("state/checkpoint"),
		Now: func() time.Time { return time.Now().Add(then) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	if _, err := log.Append(t.Context(), store.Write{Entries: []store.Entry{e}}); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
