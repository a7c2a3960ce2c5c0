package disclosure_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway/disclosure"
	"sluss/gateway/store"
)

// serve serves a log as a tile server does.
func serve(t *testing.T, l *disclosure.Log) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := l.Resource(r.Context(), strings.TrimPrefix(r.URL.Path, "/log/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(res.Body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/log/"
}

// filled makes a running log of n entries, published.
func filled(t *testing.T, n int) (running, store.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s := openStore(t, dir)
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor"), Interval: time.Hour})
	writes := make([]store.Write, n)
	for i := range writes {
		writes[i] = store.Write{Entries: []store.Entry{refusal(t, time.Now())}}
	}
	_, errs := l.AppendAll(t.Context(), writes)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for l.Checkpoint() == nil { // an empty log has nothing else to wait for
		time.Sleep(time.Millisecond)
	}
	if err := l.stop(); err != nil { // publishes
		t.Fatal(err)
	}
	return l, s, dir
}

// TestVerify verifies logs of sizes around the edges of tiles, from the store
// and over HTTP.
func TestVerify(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 257, 600} {
		l, s, _ := filled(t, n)
		for name, src := range map[string]disclosure.Source{
			"store": disclosure.FromStore(s, l.Checkpoint()), "http": disclosure.FromURL(serve(t, l.Log), http.DefaultClient),
		} {
			var done uint64
			tip, err := disclosure.Verify(t.Context(), src, disclosure.VerifyOptions{
				Policy: policy(t), Progress: func(d, total uint64) { done = d },
			})
			if err != nil || tip.Size != uint64(n) || done != uint64(n) {
				t.Errorf("%d entries from %s: size %d, %d done, %v", n, name, tip.Size, done, err)
			}
		}
	}
}

// tampered gives what another source gives with one byte changed.
type tampered struct {
	disclosure.Source
	checkpoint, tile, bundle func([]byte)
	level                    uint64
}

func (s tampered) Checkpoint(ctx context.Context) ([]byte, error) {
	b, err := s.Source.Checkpoint(ctx)
	b = bytes.Clone(b)
	if s.checkpoint != nil {
		s.checkpoint(b)
	}
	return b, err
}

func (s tampered) Tile(ctx context.Context, level, index uint64, width int) ([]byte, error) {
	b, err := s.Source.Tile(ctx, level, index, width)
	b = bytes.Clone(b)
	if s.tile != nil && level == s.level {
		s.tile(b)
	}
	return b, err
}

func (s tampered) Bundle(ctx context.Context, index uint64, width int) ([]byte, error) {
	b, err := s.Source.Bundle(ctx, index, width)
	b = bytes.Clone(b)
	if s.bundle != nil && index == 1 {
		s.bundle(b)
	}
	return b, err
}

func TestVerifyTampered(t *testing.T) {
	l, s, _ := filled(t, 600)
	good := disclosure.FromStore(s, l.Checkpoint())
	for name, src := range map[string]tampered{
		"size":       {checkpoint: func(b []byte) { b[len(origin)+1] ^= 1 }},
		"root":       {checkpoint: func(b []byte) { b[len(origin)+10] ^= 1 }},
		"signature":  {checkpoint: func(b []byte) { b[len(b)-10] ^= 1 }},
		"origin":     {checkpoint: func(b []byte) { b[0] ^= 1 }},
		"leaf":       {bundle: func(b []byte) { b[5000] ^= 1 }},
		"length":     {bundle: func(b []byte) { b[1] ^= 1 }},
		"tile":       {tile: func(b []byte) { b[0] ^= 1 }},
		"upper tile": {tile: func(b []byte) { b[0] ^= 1 }, level: 1},
	} {
		src.Source = good
		if _, err := disclosure.Verify(t.Context(), src, disclosure.VerifyOptions{Policy: policy(t)}); !errors.Is(err, disclosure.ErrProof) {
			t.Errorf("%s: %v, want ErrProof", name, err)
		}
	}
	other, err := disclosure.NewVerifier(origin, ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disclosure.Verify(t.Context(), good, disclosure.VerifyOptions{Policy: disclosure.Policy{Log: other}}); !errors.Is(err, disclosure.ErrProof) {
		t.Errorf("other key: %v, want ErrProof", err)
	}
	if _, err := disclosure.Verify(t.Context(), good, disclosure.VerifyOptions{}); !errors.Is(err, disclosure.ErrProof) {
		t.Errorf("no key: %v, want ErrProof", err)
	}
}

// TestProve proves entries from what is published, and from nothing that was
// tampered with.
func TestProve(t *testing.T) {
	l, s, _ := filled(t, 600)
	good := disclosure.FromStore(s, l.Checkpoint())
	for _, src := range []disclosure.Source{good, disclosure.FromURL(serve(t, l.Log), http.DefaultClient)} {
		for _, index := range []uint64{0, 255, 256, 300, 599} {
			proof, leaf, err := disclosure.Prove(t.Context(), src, index, policy(t))
			if err != nil {
				t.Fatalf("entry %d: %v", index, err)
			}
			want, err := l.Proof(t.Context(), index)
			if err != nil || !bytes.Equal(proof, want) {
				t.Errorf("entry %d: proof is not the log's, %v", index, err)
			}
			if e, err := s.Entry(t.Context(), index); err != nil || e.Leaf != leaf {
				t.Errorf("entry %d: leaf is not the log's, %v", index, err)
			}
		}
		if _, _, err := disclosure.Prove(t.Context(), src, 600, policy(t)); !errors.Is(err, disclosure.ErrNotYet) {
			t.Errorf("entry beyond the log: %v, want ErrNotYet", err)
		}
	}
	for name, src := range map[string]tampered{
		"root":   {checkpoint: func(b []byte) { b[len(origin)+10] ^= 1 }},
		"leaf":   {bundle: func(b []byte) { b[(300-256)*66+5] ^= 1 }},
		"length": {bundle: func(b []byte) { b[1] ^= 1 }},
		"tile":   {tile: func(b []byte) { b[0] ^= 1 }},
	} {
		src.Source = good
		if _, _, err := disclosure.Prove(t.Context(), src, 300, policy(t)); !errors.Is(err, disclosure.ErrProof) {
			t.Errorf("%s: %v, want ErrProof", name, err)
		}
	}
}

// TestVerifyOther holds that whole entries and tiles of another log do not go
// with this one's checkpoint.
func TestVerifyOther(t *testing.T) {
	l, _, _ := filled(t, 10)
	_, other, _ := filled(t, 10)
	_, err := disclosure.Verify(t.Context(), disclosure.FromStore(other, l.Checkpoint()), disclosure.VerifyOptions{Policy: policy(t)})
	if !errors.Is(err, disclosure.ErrProof) {
		t.Errorf("Verify = %v, want ErrProof", err)
	}
}

// TestSignatureSpelling sets a bit that the base64 of a signature does not use.
func TestSignatureSpelling(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	l, _, _ := filled(t, 1)
	bad := bytes.Clone(l.Checkpoint())
	last := bytes.LastIndexByte(bad, '=') - 1
	bad[last] = alphabet[strings.IndexByte(alphabet, bad[last])|1]
	if _, err := disclosure.OpenCheckpoint(bad, policy(t)); !errors.Is(err, disclosure.ErrProof) {
		t.Errorf("OpenCheckpoint = %v, want ErrProof", err)
	}
}

// TestVerifySeen holds that a log must continue what was seen of it.
func TestVerifySeen(t *testing.T) {
	l, s, dir := filled(t, 10)
	seen, err := disclosure.OpenCheckpoint(l.Checkpoint(), policy(t))
	if err != nil {
		t.Fatal(err)
	}
	more := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	if _, err := more.Append(t.Context(), submission(t, time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := more.stop(); err != nil {
		t.Fatal(err)
	}
	verify := func(cp []byte, seen disclosure.Tip) error {
		_, err := disclosure.Verify(t.Context(), disclosure.FromStore(s, cp), disclosure.VerifyOptions{Policy: policy(t), Seen: seen})
		return err
	}
	if err := verify(more.Checkpoint(), seen); err != nil {
		t.Error(err)
	}
	seen.Root[0] ^= 1
	if err := verify(more.Checkpoint(), seen); !errors.Is(err, disclosure.ErrFork) {
		t.Errorf("other root: %v, want ErrFork", err)
	}
	seen.Size = 11
	if err := verify(l.Checkpoint(), seen); !errors.Is(err, disclosure.ErrRollback) {
		t.Errorf("older checkpoint: %v, want ErrRollback", err)
	}
}

// TestResource holds that the public interface shows what is published, under
// one name each, and nothing else.
func TestResource(t *testing.T) {
	l, _, _ := filled(t, 300)
	for path, want := range map[string]int{
		"checkpoint": len(l.Checkpoint()), "tile/0/000": 256 * 32, "tile/0/001.p/44": 44 * 32, "tile/0/001.p/7": 7 * 32,
		"tile/1/000.p/1": 32, "tile/entries/000": 256 * 66, "tile/entries/001.p/44": 44 * 66, "tile/0/000.p/255": 255 * 32,
		"tile/0/001": -1, "tile/0/001.p/45": -1, "tile/0/002.p/1": -1, "tile/1/000": -1, "tile/1/000.p/2": -1, "tile/2/000.p/1": -1,
		"tile/entries/001.p/45": -1, "tile/0/000.p/256": -1, "tile/0/000.p/0": -1, "tile/0/000.p/-1": -1, "tile/0/0": -1,
		"tile/0/x000/000": -1, "tile/00/000": -1, "tile/8/000.p/1": -1, "tile/64/000": -1, "tile/-1/000": -1, "tile/data/000": -1,
		"": -1, "/checkpoint": -1, "tile": -1, "tile//000": -1, "tile/0/x999/x999/x999/x999/x999/x999/x999/999.p/1": -1,
		"tile/0/../0/000": -1, "tile/0/000.p/1.p/1": -1,
	} {
		r, err := l.Resource(t.Context(), path)
		if got := len(r.Body); want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %d bytes, %v, want %d", path, got, err, want)
		}
		if want < 0 && !errors.Is(err, disclosure.ErrNotYet) && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %d bytes, %v, want none", path, len(r.Body), err)
		}
	}
}

// TestUnpublished holds that what is committed and not published is not shown:
// the public log would tell when an exchange was made.
func TestUnpublished(t *testing.T) {
	_, s, dir := filled(t, 10)
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor"), Interval: time.Hour})
	if _, err := l.Append(t.Context(), submission(t, time.Now())); err != nil {
		t.Fatal(err)
	}
	for path, shown := range map[string]bool{
		"tile/0/000.p/10": true, "tile/0/000.p/11": false, "tile/entries/000.p/10": true, "tile/entries/000.p/11": false,
	} {
		if _, err := l.Resource(t.Context(), path); (err == nil) != shown {
			t.Errorf("%s: %v, want shown: %v", path, err, shown)
		}
	}
}

// TestPublication holds that checkpoints are published at the interval, and
// not when an entry is made; the anchor is written first.
func TestPublication(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	anchor := filepath.Join(dir, "anchor")
	synctest.Test(t, func(t *testing.T) {
		l, err := disclosure.New(disclosure.Config{Store: s, Key: key, Origin: origin, Anchor: anchor, Interval: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		size := func() uint64 {
			tip, err := disclosure.OpenCheckpoint(l.Checkpoint(), policy(t))
			if err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(anchor)
			if err != nil || !bytes.Equal(raw, l.Checkpoint()) {
				t.Errorf("anchor is not the checkpoint published: %v", err)
			}
			return tip.Size
		}
		time.Sleep(10 * time.Millisecond)
		c, err := l.Append(ctx, store.Write{Entries: []store.Entry{refusal(t, time.Now())}})
		if err != nil {
			t.Fatal(err)
		}
		if size() != 0 {
			t.Error("published with the entry, want at the interval")
		}
		if _, err := l.Proof(ctx, c.Index()); !errors.Is(err, disclosure.ErrNotYet) {
			t.Errorf("Proof = %v, want ErrNotYet", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if size() != 1 {
			t.Errorf("published size %d after the interval, want 1", size())
		}
		proof, err := l.Proof(ctx, c.Index())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := disclosure.VerifyProof(proof, c.Leaf(), policy(t)); err != nil {
			t.Error(err)
		}
		if _, err := l.Append(ctx, store.Write{Entries: []store.Entry{refusal(t, time.Now())}}); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if size() != 2 {
			t.Errorf("published size %d at the end, want 2", size())
		}
	})
}

// TestProof starts from a good proof and spoils one thing.
func TestProof(t *testing.T) {
	l, s, _ := filled(t, 300)
	good, err := l.Proof(t.Context(), 270)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Entry(t.Context(), 270)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := disclosure.VerifyProof(good, e.Leaf, policy(t)); err != nil || p.Index != 270 || p.Tip.Size != 300 {
		t.Fatalf("good proof: %+v, %v", p, err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := disclosure.VerifyProof(bad, e.Leaf, policy(t)); !errors.Is(err, disclosure.ErrProof) {
			t.Fatalf("byte %d altered: %v, want ErrProof", i, err)
		}
	}
	for i := range e.Leaf {
		bad := e.Leaf
		bad[i] ^= 1
		if _, err := disclosure.VerifyProof(good, bad, policy(t)); !errors.Is(err, disclosure.ErrProof) {
			t.Fatalf("byte %d of the leaf altered: %v, want ErrProof", i, err)
		}
	}
	text := string(good)
	for name, bad := range map[string]string{
		"empty":        "",
		"cut":          text[:len(text)-1],
		"more":         text + "\n",
		"extra data":   strings.Replace(text, "index", "extra Q0FOQVJZ\nindex", 1),
		"other index":  strings.Replace(text, "index 270", "index 271", 1),
		"padded index": strings.Replace(text, "index 270", "index 0270", 1),
		"index beyond": strings.Replace(text, "index 270", "index 300", 1),
		"crlf":         strings.ReplaceAll(text, "\n", "\r\n"),
		"long":         text + strings.Repeat("CANARY\n", 20_000),
	} {
		if _, err := disclosure.VerifyProof([]byte(bad), e.Leaf, policy(t)); !errors.Is(err, disclosure.ErrProof) {
			t.Errorf("%s: %v, want ErrProof", name, err)
		}
	}
	p := policy(t)
	p.Quorum = quorum(false)
	if _, err := disclosure.VerifyProof(good, e.Leaf, p); !errors.Is(err, disclosure.ErrProof) {
		t.Errorf("no quorum: %v, want ErrProof", err)
	}
	p.Quorum = quorum(true)
	if _, err := disclosure.VerifyProof(good, e.Leaf, p); err != nil {
		t.Errorf("with quorum: %v", err)
	}
}

type quorum bool

func (q quorum) Satisfied([]byte) bool { return bool(q) }

// FuzzProof holds VerifyProof to its one promise: whatever the input, it
// accepts nothing but the proof that was made.
func FuzzProof(f *testing.F) {
	tree := [64]byte{1}
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\n" + origin + "\n1\nAAAA\n"))
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"))
	dir := f.TempDir()
	s := openStore(f, dir)
	l := run(f, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	c, err := l.Append(context.Background(), store.Write{Entries: []store.Entry{{Leaf: tree, Time: time.Now(), Kind: "incident"}}})
	if err != nil {
		f.Fatal(err)
	}
	good, err := c.Proof()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	p := policy(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := disclosure.VerifyProof(raw, tree, p); err == nil && !bytes.Equal(raw, good) {
			t.Errorf("accepted %q", raw)
		}
	})
}
