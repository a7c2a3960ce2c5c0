package disclosure_test

import (
	"context"
	"crypto"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
	"sluss/gateway/store/storetest"
)

// submission makes the write that takes a message in.
func submission(t testing.TB, at time.Time) store.Write {
	t.Helper()
	id := newID()
	token := "CANARY " + string(id)
	d := gateway.DigestOf([]byte(token))
	e, err := disclosure.NewEntry(disclosure.E1{
		Kind: disclosure.MessageAccepted, Time: disclosure.At(at), Message: id, Discloser: "police", Recipient: "municipality:0180",
		Type: "exit.intake", Digest: &d, Issued: at.Unix(), Expires: at.Unix() + 3600,
	}, disclosure.E2{Subject: ref}, plain{})
	if err != nil {
		t.Fatal(err)
	}
	return store.Write{
		Entries: []store.Entry{e},
		Message: &store.Message{
			Issuer: "police", ID: id, Digest: d, To: "municipality:0180", Type: "exit.intake", Subject: ref,
			Issued: at.Truncate(time.Second), Expires: at.Truncate(time.Second).Add(time.Hour), Body: []byte(token), Key: "k",
		},
		Mail: []store.Mail{{
			Agency: "municipality:0180", Role: "municipality.social_worker", Issuer: "police", Message: id,
			Expires: at.Truncate(time.Second).Add(time.Hour), State: store.Waiting,
		}},
	}
}

// TestCommitFails holds that a Commit that fails gives nobody a Committed,
// whether or not the rows were written; that the rows can be looked up; and that
// the log goes on afterwards without a gap or a fork.
func TestCommitFails(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.Before, storetest.Inside, storetest.After} {
		t.Run(fault.String(), func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir)
			faulty := &storetest.Faulty{Store: s}
			l := run(t, disclosure.Config{Store: faulty, Anchor: filepath.Join(dir, "anchor")})
			if _, err := l.Append(t.Context(), submission(t, time.Now())); err != nil {
				t.Fatal(err)
			}
			faulty.Break("Commit", fault, 0)
			w := submission(t, time.Now())
			c, err := l.Append(t.Context(), w)
			if err == nil || !c.IsZero() {
				t.Fatalf("Append = %+v, %v, want no Committed", c, err)
			}
			written := fault == storetest.After
			if errors.Is(err, store.ErrUnknown) != written {
				t.Errorf("Append = %v, want ErrUnknown: %v", err, written)
			}
			_, entry, err := s.Message(t.Context(), "police", w.Message.ID)
			if found := err == nil; found != written {
				t.Errorf("look-up: %v, want found: %v", err, written)
			}
			if written {
				again, err := l.Again(t.Context(), entry)
				if err != nil {
					t.Fatal(err)
				}
				proof, err := again.Proof()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := disclosure.VerifyProof(proof, w.Entries[0].Leaf, policy(t)); err != nil {
					t.Error(err)
				}
			}
			retry, err := l.Append(t.Context(), w)
			if written {
				conflict, ok := errors.AsType[*disclosure.Conflict](err)
				if !ok || !errors.Is(err, store.ErrDuplicate) || conflict.Entry != entry || !retry.IsZero() {
					t.Errorf("retry = %v, want the duplicate at %d", err, entry)
				}
				next, err := l.Append(t.Context(), submission(t, time.Now()))
				if err != nil || next.Index() != entry+1 {
					t.Fatalf("next write at %d, %v, want %d", next.Index(), err, entry+1)
				}
			} else if err != nil {
				t.Errorf("retry: %v", err)
			}
			if err := l.stop(); err != nil {
				t.Fatal(err)
			}
			sound(t, s, dir)
		})
	}
}

// sound checks a store against the log and its anchor.
func sound(t *testing.T, s *sqlite.Store, dir string) {
	t.Helper()
	anchor, err := os.ReadFile(filepath.Join(dir, "anchor"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := disclosure.Fsck(t.Context(), s, disclosure.FsckOptions{Anchor: anchor, Policy: policy(t), Opener: plain{}})
	if err != nil || len(found) > 0 {
		t.Errorf("Fsck = %q, %v", found, err)
	}
}

// TestEveryStepFails lets each call to the store fail in turn, from the start
// on, and holds that a Committed is only given for what is there.
func TestEveryStepFails(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.Before, storetest.After} {
		for skip := range 12 {
			dir := t.TempDir()
			s := openStore(t, dir)
			faulty := &storetest.Faulty{Store: s}
			faulty.Break("", fault, skip)
			l := run(t, disclosure.Config{Store: faulty, Anchor: filepath.Join(dir, "anchor")})
			for range 4 {
				w := submission(t, time.Now())
				c, err := l.Append(t.Context(), w)
				_, entry, missing := s.Message(t.Context(), "police", w.Message.ID)
				if err == nil && (missing != nil || entry != c.Index() || c.Leaf() != w.Entries[0].Leaf) {
					t.Fatalf("%v after %d calls: Committed for what is not there: %v", fault, skip, missing)
				}
				if err != nil && !c.IsZero() {
					t.Fatalf("%v after %d calls: Committed with an error", fault, skip)
				}
				if err != nil && missing == nil && !errors.Is(err, store.ErrUnknown) {
					t.Fatalf("%v after %d calls: written, but told %v", fault, skip, err)
				}
			}
			l.stop()
			s.Close()
		}
	}
}

// brokenKey is a checkpoint key whose signatures fail when told to.
type brokenKey struct {
	crypto.Signer
	broken bool
}

func (k *brokenKey) Sign(rand io.Reader, msg []byte, o crypto.SignerOpts) ([]byte, error) {
	if k.broken {
		return nil, storetest.ErrInjected
	}
	return k.Signer.Sign(rand, msg, o)
}

// TestSigningFails holds that a batch without a checkpoint gives no Committed,
// although its rows are there.
func TestSigningFails(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	k := &brokenKey{Signer: key}
	l := run(t, disclosure.Config{Store: s, Key: k, Anchor: filepath.Join(dir, "anchor"), Interval: time.Hour})
	if _, err := l.Append(t.Context(), submission(t, time.Now())); err != nil {
		t.Fatal(err)
	}
	k.broken = true
	w := submission(t, time.Now())
	if c, err := l.Append(t.Context(), w); !errors.Is(err, store.ErrUnknown) || !c.IsZero() {
		t.Errorf("Append = %v, want ErrUnknown", err)
	}
	if _, entry, err := s.Message(t.Context(), "police", w.Message.ID); err != nil || entry != 1 {
		t.Errorf("look-up: %d, %v", entry, err)
	}
	k.broken = false
	c, err := l.Append(t.Context(), submission(t, time.Now()))
	if err != nil || c.Index() != 2 {
		t.Errorf("Append = %d, %v, want 2", c.Index(), err)
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var clock atomic.Pointer[time.Time] // which the log also looks at by itself
	clock.Store(&now)
	dir := t.TempDir()
	l := run(t, disclosure.Config{Store: openStore(t, dir), Anchor: filepath.Join(dir, "anchor"), Now: func() time.Time { return *clock.Load() }})
	for _, row := range []struct {
		name         string
		clock, entry time.Duration
		want         error
	}{
		{"first", 0, 0, nil},
		{"entry ahead of the clock", 0, 61 * time.Second, disclosure.ErrClock},
		{"later", time.Minute, time.Minute, nil},
		{"a little behind", time.Second, time.Second, nil},
		{"clock behind", -time.Second, 0, disclosure.ErrClock},
		{"entry behind", time.Minute, -time.Second, disclosure.ErrClock},
		{"as late as before", 0, 0, nil},
	} {
		shown := now.Add(row.clock)
		clock.Store(&shown)
		_, err := l.Append(t.Context(), store.Write{Entries: []store.Entry{refusal(t, now.Add(row.entry))}})
		if !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
}

// slow is a store whose Commit waits until it may go on.
type slow struct {
	store.Store
	begun, proceed chan struct{}
}

func (s slow) Commit(ctx context.Context, batch []store.Write, grow store.Grow) ([]store.Result, error) {
	s.begun <- struct{}{}
	<-s.proceed
	return s.Store.Commit(ctx, batch, grow)
}

// TestHangUp holds that a caller who goes before the commit leaves nothing, and
// one who goes during it is told the outcome.
func TestHangUp(t *testing.T) {
	dir := t.TempDir()
	s := slow{openStore(t, dir), make(chan struct{}), make(chan struct{})}
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	first, cancelFirst := context.WithCancel(t.Context())
	second, cancelSecond := context.WithCancel(t.Context())
	type result struct {
		c   disclosure.Committed
		err error
	}
	a, b := make(chan result, 1), make(chan result, 1)
	wa, wb := submission(t, time.Now()), submission(t, time.Now())
	go func() {
		c, err := l.Append(first, wa)
		a <- result{c, err}
	}()
	<-s.begun // the first is being committed
	go func() {
		c, err := l.Append(second, wb)
		b <- result{c, err}
	}()
	cancelSecond()
	if r := <-b; !errors.Is(r.err, context.Canceled) || !r.c.IsZero() {
		t.Errorf("caller gone before the commit: %v, want Canceled", r.err)
	}
	cancelFirst()
	s.proceed <- struct{}{}
	if r := <-a; r.err != nil || r.c.IsZero() {
		t.Errorf("caller gone during the commit: %v, want the outcome", r.err)
	}
	if _, _, err := s.Message(t.Context(), "police", wb.Message.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("message of the caller gone before: %v", err)
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), wb); !errors.Is(err, disclosure.ErrStopped) {
		t.Errorf("Append after the end = %v, want ErrStopped", err)
	}
}

// TestBatch holds that what waits shares a commit and a checkpoint.
func TestBatch(t *testing.T) {
	dir := t.TempDir()
	faulty := &storetest.Faulty{Store: openStore(t, dir)}
	l := run(t, disclosure.Config{Store: faulty, Anchor: filepath.Join(dir, "anchor")})
	var writes []store.Write
	for range 300 {
		writes = append(writes, store.Write{Entries: []store.Entry{refusal(t, time.Now())}})
	}
	out, errs := l.AppendAll(t.Context(), writes)
	checkpoints := map[string]bool{}
	for i, c := range out {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		checkpoints[string(c.Checkpoint())] = true
	}
	commits := 0
	for _, c := range faulty.Calls() {
		if c == "Commit" {
			commits++
		}
	}
	if commits > 100 || len(checkpoints) != commits {
		t.Errorf("%d commits and %d checkpoints for 300 writes", commits, len(checkpoints))
	}
	if got := out[299].Index(); got != 299 {
		t.Errorf("the last is at %d", got)
	}
}
