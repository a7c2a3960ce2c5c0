package gatewaytest_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/snapshot"
)

// nextFile is where a policy waits that is approved from a later time on.
const nextFile = "../snapshot.next.json"

// inForce is what the gateway wrote down that it runs.
func (s *stage) inForce(t *testing.T) snapshot.Active {
	t.Helper()
	return inForceIn(t, s.World, "state")
}

// inForceIn is the same of a gateway with this state directory.
func inForceIn(t *testing.T, w *gatewaytest.World, state string) snapshot.Active {
	t.Helper()
	var a snapshot.Active
	if err := json.Unmarshal((&stage{World: w}).read(t, state+"/policy.json"), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// lawEntries returns the entries about the law, of a gateway that has ended.
func (s *stage) lawEntries(t *testing.T) (activated []disclosure.E1, refused int) {
	t.Helper()
	db := s.database(t)
	defer db.Close()
	head, err := db.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entries, err := db.Entries(t.Context(), 0, int(head.Size))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch disclosure.Kind(e.Kind) {
		case disclosure.PolicyActivated:
			e1, err := disclosure.ParseE1(e.E1)
			if err != nil {
				t.Fatal(err)
			}
			activated = append(activated, e1)
		case disclosure.PolicyRefused:
			refused++
			if e1, err := disclosure.ParseE1(e.E1); err != nil || e1.Digest == nil || e1.Digest.IsZero() {
				t.Errorf("an entry does not say which file was refused: %v", err)
			}
		}
	}
	return activated, refused
}

// since sets the time from which an approval holds.
func since(at time.Time) func(*envelope.Approval) {
	return func(a *envelope.Approval) { a.NotBefore = at }
}

// TestScheduledLaw: a policy approved from a later time on waits beside the one
// in force, which goes on, over a restart too.
func TestScheduledLaw(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := withCast(t, w)
	first := s.read(t, snapshotFile)
	at := time.Now().Add(5 * time.Second).Truncate(time.Second)
	scheduled := approved(since(at), both...)(t, s, first)
	replace(t, s.path(nextFile), scheduled)
	time.Sleep(1500 * time.Millisecond) // the gateway looks every second
	if err := w.Kill(); err != nil {
		t.Fatal(err)
	}
	start(t, w)
	if got := s.inForce(t).Seq; got != 1 {
		t.Errorf("before its time number %d is in force", got)
	}
	s.exchange(t)
	eventually(t, "new policy", func() bool { return s.inForce(t).Seq == 2 })
	eventually(t, "new file", func() bool { return string(s.read(t, snapshotFile)) == string(scheduled) })
	if _, err := os.Stat(s.path(nextFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it waits still: %v", err)
	}
	s.exchange(t)
	s.verified(t)
	activated, refused := s.lawEntries(t)
	if len(activated) != 2 || refused != 0 {
		t.Fatalf("%d policies activated, %d refused; want 2 and 0", len(activated), refused)
	}
	if got := activated[1].Time; got.Before(at) || got.After(at.Add(20*time.Second)) {
		t.Errorf("activated at %v, want soon after %v", got, at)
	}
}

// TestScheduledLawRefused: a policy that could never be put in force is refused
// when it is put beside the one in force, once.
func TestScheduledLawRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := withCast(t, w)
	first := s.read(t, snapshotFile)
	for name, spoil := range map[string]func(*envelope.Approval){
		"number in use": func(a *envelope.Approval) {
			a.Seq, a.NotBefore, a.Expires = 1, time.Now().Add(time.Hour), a.Expires.Add(time.Hour)
		},
		"does not follow": func(a *envelope.Approval) {
			a.Previous, a.NotBefore = gateway.DigestOf([]byte("another")), time.Now().Add(time.Hour)
		},
	} {
		before := s.notTaken(t)
		replace(t, s.path(nextFile), approved(spoil, both...)(t, s, first))
		eventually(t, "word of "+name, func() bool { return s.notTaken(t) > before })
	}
	time.Sleep(2500 * time.Millisecond)
	s.exchange(t)
	s.verified(t)
	if activated, refused := s.lawEntries(t); len(activated) != 1 || refused != 2 {
		t.Errorf("%d policies activated, %d refused; want 1 and 2", len(activated), refused)
	}
}

// TestSpoiltLawAtStart: a gateway whose file was replaced by an old approval
// while it did not run starts with what was in force, and says so in the log.
func TestSpoiltLawAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := withCast(t, w)
	first := s.read(t, snapshotFile)
	replace(t, s.path(snapshotFile), approved(nil, both...)(t, s, first))
	eventually(t, "new policy", func() bool { return s.inForce(t).Seq == 2 })
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	replace(t, s.path(snapshotFile), first)
	before := s.notTaken(t)
	start(t, w)
	eventually(t, "word of the old approval", func() bool { return s.notTaken(t) > before })
	if got := s.inForce(t).Seq; got != 2 {
		t.Errorf("number %d is in force, want 2", got)
	}
	s.exchange(t)
	s.verified(t)
	if activated, refused := s.lawEntries(t); len(activated) != 2 || refused != 1 {
		t.Errorf("%d policies activated, %d refused; want 2 and 1", len(activated), refused)
	}
}

// TestWithholdAllStays: that one officer has stopped all release outlasts a
// restart.
func TestWithholdAllStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := withCast(t, w)
	stop := func(a *envelope.Approval) { a.WithholdAll, a.Snapshot = true, gateway.Digest{} }
	replace(t, s.path(snapshotFile), approved(stop, "officers/2.key")(t, s, s.read(t, snapshotFile)))
	eventually(t, "stop of all release", func() bool { return s.inForce(t).WithholdAll })
	if a := s.hand(t); a.status != 202 {
		t.Fatalf("a message that is handed in gets %d %q; it can wait", a.status, a.code)
	}
	if err := w.Kill(); err != nil {
		t.Fatal(err)
	}
	start(t, w)
	if a := s.collect(t); a.code != gateway.CodeWithholdAll {
		t.Errorf("after the restart a poll gets %d %q, want %q", a.status, a.body, gateway.CodeWithholdAll)
	}
}
