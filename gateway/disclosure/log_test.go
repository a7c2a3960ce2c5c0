package disclosure_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

// The checkpoint key of the tests is made from fixed bytes, so that golden
// files and examples are the same every time.
var (
	seed = sha256.Sum256([]byte("checkpoint key of the tests"))
	key  = ed25519.NewKeyFromSeed(seed[:])
)

const origin = "test.sluss/log"

var ids atomic.Int64

func newID() gateway.MessageID {
	return gateway.MessageID(fmt.Sprintf("urn:uuid:019abcde-0000-7000-8000-%012x", ids.Add(1)))
}

// plain is a Sealer and Opener that hides nothing.
type plain struct{}

func (plain) Encrypt(_ gateway.AgencyID, class string, _ time.Time, plaintext, aad []byte) ([]byte, string, error) {
	sum := sha256.Sum256(aad)
	return append(sum[:], plaintext...), "plain/" + class, nil
}

func (plain) Decrypt(key string, ciphertext, aad []byte) ([]byte, error) {
	sum := sha256.Sum256(aad)
	if len(ciphertext) < 32 || [32]byte(ciphertext[:32]) != sum {
		return nil, errors.New("plain: not what was encrypted")
	}
	return ciphertext[32:], nil
}

func policy(t testing.TB) disclosure.Policy {
	t.Helper()
	v, err := disclosure.NewVerifier(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return disclosure.Policy{Log: v}
}

// refusal makes the smallest entry.
func refusal(t testing.TB, at time.Time) store.Entry {
	t.Helper()
	e, err := disclosure.NewEntry(disclosure.E1{
		Kind: disclosure.MessageRefused, Time: disclosure.At(at), Code: gateway.CodeRoute,
	}, disclosure.E2{}, plain{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func openStore(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Config{Dir: dir, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// running is a log that runs until stop is called or the test ends.
type running struct {
	*disclosure.Log
	stop func() error
}

func run(t testing.TB, cfg disclosure.Config) running {
	t.Helper()
	if cfg.Key == nil {
		cfg.Key = key
	}
	cfg.Origin = origin
	l, err := disclosure.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { stop() })
	return running{l, stop}
}

func TestAppend(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	const callers = 40
	var wg sync.WaitGroup
	seen := make([]bool, callers*10)
	var mu sync.Mutex
	for range callers {
		wg.Go(func() {
			for range 10 {
				e := refusal(t, time.Now())
				c, err := l.Append(t.Context(), store.Write{Entries: []store.Entry{e}})
				if err != nil {
					t.Error(err)
					return
				}
				proof, err := c.Proof()
				if err != nil {
					t.Error(err)
					return
				}
				p, err := disclosure.VerifyProof(proof, e.Leaf, policy(t))
				if err != nil || p.Index != c.Index() {
					t.Errorf("VerifyProof = %d, %v, want %d", p.Index, err, c.Index())
				}
				if _, err := disclosure.CheckE1(c.E1(), c.Leaf()); err != nil {
					t.Error(err)
				}
				again, err := l.Again(t.Context(), c.Index())
				if err != nil {
					t.Errorf("Again: %v", err)
					return
				}
				if p, err := again.Proof(); err != nil || string(p) != string(proof) || string(again.E1()) != string(c.E1()) {
					t.Errorf("Again is not what Append gave: %v", err)
				}
				mu.Lock()
				if seen[c.Index()] {
					t.Errorf("index %d given twice", c.Index())
				}
				seen[c.Index()] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	tip, err := disclosure.OpenCheckpoint(l.Checkpoint(), policy(t))
	if err != nil || tip.Size != callers*10 {
		t.Fatalf("published size %d, %v, want %d", tip.Size, err, callers*10)
	}
	if found, err := s.Check(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("Check = %q, %v", found, err)
	}
}

// leases notes for how long the last lease was, and may say that another gateway
// has it.
type leases struct {
	store.Store
	last  atomic.Int64
	other bool
}

func (l *leases) Lease(ctx context.Context, name, holder string, now, until time.Time) (bool, error) {
	l.last.Store(int64(until.Sub(now)))
	mine, err := l.Store.Lease(ctx, name, holder, now, until)
	return mine && !l.other, err
}

// TestAnchorsItsOwn: a log that another gateway is to publish, which has perhaps
// ended, does not start on a copy from before what it has told its callers.
func TestAnchorsItsOwn(t *testing.T) {
	dir, earlier := t.TempDir(), t.TempDir()
	anchor := filepath.Join(t.TempDir(), "anchor")
	appended := func(other bool) {
		t.Helper()
		s := openStore(t, dir)
		l := run(t, disclosure.Config{Store: &leases{Store: s, other: other}, Anchor: anchor})
		_, err := l.Append(t.Context(), store.Write{Entries: []store.Entry{refusal(t, time.Now())}})
		if err := errors.Join(err, l.stop(), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	appended(false)
	if err := os.CopyFS(earlier, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	appended(true)
	l := run(t, disclosure.Config{Store: openStore(t, earlier), Anchor: anchor})
	if err := errors.Join(l.Started(t.Context()), l.stop()); !errors.Is(err, disclosure.ErrRollback) {
		t.Errorf("on the copy it ended with %v, want ErrRollback", err)
	}
}

// TestGivesLeaseBack: a log that has ended does not keep another gateway from
// publishing.
func TestGivesLeaseBack(t *testing.T) {
	dir := t.TempDir()
	s := &leases{Store: openStore(t, dir)}
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	if err := l.Started(t.Context()); err != nil || s.last.Load() <= 0 {
		t.Fatalf("Started = %v, with a lease of %v", err, time.Duration(s.last.Load()))
	}
	if err := l.stop(); err != nil || s.last.Load() != 0 {
		t.Errorf("it ended with %v and a lease of %v, want it given back", err, time.Duration(s.last.Load()))
	}
}
