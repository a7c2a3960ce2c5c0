package witness_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/transparency-dev/formats/log"
	cosig "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway/witness"
)

const origin = "test.sluss/log"

// history is a log that can be at every size, and can be another one from some
// entry on.
type history struct {
	signer note.Signer
	key    note.Verifier
	vkey   string
	hashes []tlog.Hash
}

func newHistory(t testing.TB, name string) *history {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	h := &history{vkey: vkey}
	if h.signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	if h.key, err = note.NewVerifier(vkey); err != nil {
		t.Fatal(err)
	}
	h.grow(t, 300, "CANARY")
	return h
}

// fork is the same log, by its key, with other entries from size on.
func (h *history) fork(t testing.TB, size int) *history {
	f := &history{signer: h.signer, key: h.key}
	f.grow(t, size, "CANARY")
	f.grow(t, 300, "another CANARY")
	return f
}

func (h *history) ReadHashes(indexes []int64) (out []tlog.Hash, err error) {
	for _, i := range indexes {
		out = append(out, h.hashes[i])
	}
	return out, nil
}

func (h *history) grow(t testing.TB, to int, leaf string) {
	t.Helper()
	from := 0
	for tlog.StoredHashCount(int64(from)) < int64(len(h.hashes)) {
		from++
	}
	for i := from; i < to; i++ {
		more, err := tlog.StoredHashes(int64(i), fmt.Appendf(nil, "%s %d", leaf, i), h)
		if err != nil {
			t.Fatal(err)
		}
		h.hashes = append(h.hashes, more...)
	}
}

func (h *history) checkpoint(t testing.TB, size int, signers ...note.Signer) string {
	t.Helper()
	root, err := tlog.TreeHash(int64(size), h)
	if err != nil {
		t.Fatal(err)
	}
	text := log.Checkpoint{Origin: h.key.Name(), Size: uint64(size), Hash: root[:]}.Marshal()
	cp, err := note.Sign(&note.Note{Text: string(text)}, append(signers, h.signer)...)
	if err != nil {
		t.Fatal(err)
	}
	return string(cp)
}

// request is the body of add-checkpoint.
func (h *history) request(t testing.TB, old, size int) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", old)
	if 0 < old && old < size {
		p, err := tlog.ProveTree(int64(size), int64(old), h)
		if err != nil {
			t.Fatal(err)
		}
		for _, hash := range p {
			fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(hash[:]))
		}
	}
	return b.String() + "\n" + h.checkpoint(t, size)
}

// cosigner is a witness's keys and directory.
type cosigner struct {
	dir       string
	keys      witness.Keys
	signers   []note.Signer
	verifiers []note.Verifier
}

func newCosigner(t testing.TB) cosigner {
	t.Helper()
	keys, err := witness.NewKeys("witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	c := cosigner{dir: t.TempDir(), keys: keys}
	if c.signers, err = keys.Signers(); err != nil {
		t.Fatal(err)
	}
	ed, ml := keys.Verifiers()
	for _, vkey := range []string{ed, ml} {
		v, err := cosig.NewVerifierForCosignatureV1(vkey)
		if err != nil {
			t.Fatal(err)
		}
		c.verifiers = append(c.verifiers, v)
	}
	return c
}

func (c cosigner) open(t testing.TB, logs ...note.Verifier) *witness.Witness {
	t.Helper()
	w, err := witness.Open(witness.Config{Dir: c.dir, Signers: c.signers, Logs: logs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// begun opens a witness that has just taken up the log.
func (c cosigner) begun(t testing.TB, logs ...note.Verifier) *witness.Witness {
	t.Helper()
	for _, v := range logs {
		if err := witness.Begin(c.dir, v.Name()); err != nil {
			t.Fatal(err)
		}
	}
	return c.open(t, logs...)
}

// cosigned holds that lines are the cosignatures of the checkpoint, by both keys
// and nobody else.
func (c cosigner) cosigned(t testing.TB, checkpoint string, lines []byte) {
	t.Helper()
	n, err := note.Open([]byte(checkpoint+string(lines)), note.VerifierList(c.verifiers...))
	if err != nil {
		t.Fatalf("cosignatures do not verify: %v", err)
	}
	if len(n.Sigs) != 2 || bytes.Count(lines, []byte("\n")) != 2 {
		t.Errorf("%d cosignatures in %q, want one by each key", len(n.Sigs), lines)
	}
}

func post(w http.Handler, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/add-checkpoint", strings.NewReader(body)))
	return rec
}

// TestAddCheckpoint goes through the answers of c2sp.org/tlog-witness, one
// spoiled request after the other, on a witness that is at size 100.
func TestAddCheckpoint(t *testing.T) {
	h, stranger := newHistory(t, origin), newHistory(t, origin)
	other := newHistory(t, "other.sluss/log")
	good := h.request(t, 100, 200)
	replace := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("no %q to replace", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	proofLine := strings.Split(good, "\n")[1]
	tests := []struct {
		name, body string
		status     int
		size       string // body of a 409
	}{
		{"good", good, 200, ""},
		{"the same tree again", h.request(t, 100, 100), 200, ""},
		{"two signatures, one unknown", strings.Replace(good, h.checkpoint(t, 200), h.checkpoint(t, 200, other.signer), 1), 200, ""},
		{"empty", "", 400, ""},
		{"no old size", replace("old 100\n", ""), 400, ""},
		{"leading zero", replace("old 100", "old 0100"), 400, ""},
		{"plus", replace("old 100", "old +100"), 400, ""},
		{"two spaces", replace("old 100", "old  100"), 400, ""},
		{"carriage return", replace("old 100\n", "old 100\r\n"), 400, ""},
		{"too large a number", replace("old 100", "old 4611686018427387905"), 400, ""},
		{"proof of another length", replace(proofLine, "AAAA"), 400, ""},
		{"proof with another spelling", replace(proofLine, strings.TrimSuffix(proofLine, "=")), 400, ""},
		{"proof cut off", good[:20], 400, ""},
		{"no empty line", replace("\n\n"+origin, "\n"+origin), 400, ""},
		{"64 hashes", replace(proofLine, strings.TrimSuffix(strings.Repeat(proofLine+"\n", 64), "\n")), 400, ""},
		{"leading zero in the checkpoint", replace("\n200\n", "\n0200\n"), 400, ""},
		{"other log", other.request(t, 100, 200), 404, ""},
		{"other key", stranger.request(t, 100, 200), 403, ""},
		{"unsigned", strings.Split(good, "\n— ")[0] + "\n", 403, ""},
		{"altered after it was signed", replace("\n200\n", "\n201\n"), 403, ""},
		{"old size larger than the checkpoint's", h.request(t, 250, 200), 400, ""},
		{"old size too small", h.request(t, 50, 200), 409, "100\n"},
		{"old size unknown", h.request(t, 0, 200), 409, "100\n"},
		{"old size too large", h.request(t, 150, 200), 409, "100\n"},
		{"older than the last", h.request(t, 50, 80), 409, "100\n"},
		{"without a proof", "old 100\n\n" + h.checkpoint(t, 200), 422, ""},
		{"proof of another size", replace(proofLine, strings.Split(h.request(t, 100, 201), "\n")[2]), 422, ""},
		{"a proof with nothing to prove", "old 100\n" + proofLine + "\n\n" + h.checkpoint(t, 100), 422, ""},
		{"a fork that has grown", h.fork(t, 90).request(t, 100, 200), 422, ""},
		{"a fork of the same size", h.fork(t, 90).request(t, 100, 100), 409, "100\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newCosigner(t)
			w := c.begun(t, h.key)
			if rec := post(w, h.request(t, 0, 100)); rec.Code != 200 {
				t.Fatalf("first checkpoint: %d %s", rec.Code, rec.Body)
			}
			rec := post(w, test.body)
			if rec.Code != test.status {
				t.Fatalf("status %d %q, want %d", rec.Code, rec.Body, test.status)
			}
			switch test.status {
			case 200:
				_, cp, _ := strings.Cut(test.body, "\n\n")
				c.cosigned(t, cp, rec.Body.Bytes())
				return
			case 409:
				if rec.Body.String() != test.size || rec.Header().Get("Content-Type") != "text/x.tlog.size" {
					t.Errorf("conflict says %q as %q, want %q", rec.Body, rec.Header().Get("Content-Type"), test.size)
				}
			}
			// Whatever was refused has moved nothing.
			if rec := post(w, good); rec.Code != 200 {
				t.Errorf("the good one afterwards: %d %s", rec.Code, rec.Body)
			}
		})
	}
}

// TestTransport holds the interface to one resource, bounded bodies included.
func TestTransport(t *testing.T) {
	h, c := newHistory(t, origin), newCosigner(t)
	w := c.begun(t, h.key)
	for _, row := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/add-checkpoint", "", 405},
		{"POST", "/", h.request(t, 0, 1), 404},
		{"POST", "/add-checkpoint/", h.request(t, 0, 1), 404},
		{"POST", "/add-checkpoint", "old 0\n\n" + strings.Repeat("x", 1<<20), 400},
	} {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequest(row.method, row.path, strings.NewReader(row.body)))
		if rec.Code != row.status {
			t.Errorf("%s %s: %d, want %d", row.method, row.path, rec.Code, row.status)
		}
	}
}

// TestState holds that what was cosigned is known after a restart, and that a
// state that is missing, damaged or of another log is not made up for.
func TestState(t *testing.T) {
	h, other := newHistory(t, origin), newHistory(t, "other.sluss/log")
	file := func(t *testing.T, c cosigner, v note.Verifier) string {
		t.Helper()
		for _, name := range must(filepath.Glob(filepath.Join(c.dir, "*.checkpoint"))) {
			if raw, _ := os.ReadFile(name); strings.Contains(string(raw), v.Name()+"\n") {
				return name
			}
		}
		t.Fatal("no state")
		return ""
	}
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, c cosigner) error
		want  error
	}{
		{"good", func(*testing.T, cosigner) error { return nil }, nil},
		{"missing", func(t *testing.T, c cosigner) error { return os.Remove(file(t, c, h.key)) }, witness.ErrState},
		{"empty", func(t *testing.T, c cosigner) error { return os.Truncate(file(t, c, h.key), 0) }, witness.ErrState},
		{"unsigned", func(t *testing.T, c cosigner) error { return os.Truncate(file(t, c, h.key), 70) }, witness.ErrState},
		{"another log's", func(t *testing.T, c cosigner) error {
			return os.Rename(file(t, c, other.key), file(t, c, h.key))
		}, witness.ErrState},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCosigner(t)
			w := c.begun(t, h.key, other.key)
			for _, l := range []*history{h, other} {
				if rec := post(w, l.request(t, 0, 100)); rec.Code != 200 {
					t.Fatalf("%d %s", rec.Code, rec.Body)
				}
			}
			if _, err := witness.Open(witness.Config{Dir: c.dir, Signers: c.signers, Logs: []note.Verifier{h.key}}); !errors.Is(err, witness.ErrLocked) {
				t.Errorf("second process: %v, want ErrLocked", err)
			}
			if err := errors.Join(w.Close(), row.spoil(t, c)); err != nil {
				t.Fatal(err)
			}
			if row.want == nil {
				if err := witness.Begin(c.dir, origin); !errors.Is(err, witness.ErrBegun) {
					t.Errorf("Begin again: %v, want ErrBegun", err)
				}
			}
			w, err := witness.Open(witness.Config{Dir: c.dir, Signers: c.signers, Logs: []note.Verifier{h.key}})
			if !errors.Is(err, row.want) {
				t.Fatalf("Open = %v, want %v", err, row.want)
			}
			if err != nil {
				return
			}
			defer w.Close()
			if rec := post(w, h.request(t, 50, 200)); rec.Code != 409 || rec.Body.String() != "100\n" {
				t.Errorf("after the restart: %d %s", rec.Code, rec.Body)
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestNeverBegun holds that a log is taken up by Begin only.
func TestNeverBegun(t *testing.T) {
	h, c := newHistory(t, origin), newCosigner(t)
	if _, err := witness.Open(witness.Config{Dir: c.dir, Signers: c.signers, Logs: []note.Verifier{h.key}}); !errors.Is(err, witness.ErrState) {
		t.Errorf("Open = %v, want ErrState", err)
	}
}

// TestDurableFirst holds that nothing is signed that could not be kept, and that
// what may be on the disk is not gone back on.
func TestDurableFirst(t *testing.T) {
	h, c := newHistory(t, origin), newCosigner(t)
	w := c.begun(t, h.key)
	if rec := post(w, h.request(t, 0, 100)); rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	away := c.dir + ".away" // the directory is gone: no file can be made
	if err := os.Rename(c.dir, away); err != nil {
		t.Fatal(err)
	}
	if rec := post(w, h.request(t, 100, 200)); rec.Code != 500 || strings.Contains(rec.Body.String(), "—") {
		t.Errorf("without a disk: %d %s", rec.Code, rec.Body)
	}
	if rec := post(w, h.request(t, 200, 200)); rec.Code != 500 {
		t.Errorf("again without a disk: %d %s", rec.Code, rec.Body)
	}
	if err := os.Rename(away, c.dir); err != nil {
		t.Fatal(err)
	}
	if rec := post(w, h.fork(t, 90).request(t, 100, 250)); rec.Code == 200 {
		t.Error("a fork got its cosignature")
	}
	rec := post(w, h.request(t, 200, 200))
	if rec.Code != 200 {
		t.Fatalf("with the disk again: %d %s", rec.Code, rec.Body)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if rec := post(c.open(t, h.key), h.request(t, 0, 1)); rec.Body.String() != "200\n" {
		t.Errorf("kept: %q, want 200", rec.Body)
	}
}

const killDir = "WITNESS_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		if err := dieSigning(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// deadly is a signer that kills its process in the place of signing: after the
// state was kept, before the answer.
type deadly struct{ note.Signer }

func (deadly) Sign([]byte) ([]byte, error) {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// dieSigning is what the process does that is killed: it opens the witness in
// dir and adds the request on standard input.
func dieSigning(dir string) error {
	secret, err := os.ReadFile(dir + ".keys")
	if err != nil {
		return err
	}
	keys, err := witness.ParseKeys(secret)
	if err != nil {
		return err
	}
	signers, err := keys.Signers()
	if err != nil {
		return err
	}
	v, err := note.NewVerifier(os.Getenv("WITNESS_LOG"))
	if err != nil {
		return err
	}
	w, err := witness.Open(witness.Config{Dir: dir, Signers: []note.Signer{deadly{signers[0]}, signers[1]}, Logs: []note.Verifier{v}})
	if err != nil {
		return err
	}
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	_, err = w.Add(body)
	return fmt.Errorf("not killed: %w", err)
}

// TestKilled kills a witness between the store and the answer, and holds that it
// then knows the tree that it may have signed, so that the log catches up and
// another history does not.
func TestKilled(t *testing.T) {
	h, c := newHistory(t, origin), newCosigner(t)
	w := c.begun(t, h.key)
	if rec := post(w, h.request(t, 0, 100)); rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if err := errors.Join(w.Close(), os.WriteFile(c.dir+".keys", c.keys.Secret(), 0o600)); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killDir+"="+c.dir, "WITNESS_LOG="+h.vkey)
	child.Stdin = strings.NewReader(h.request(t, 100, 200))
	out, err := child.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Exited() || len(out) > 0 {
		t.Fatalf("not killed: %v %s", err, out)
	}
	w = c.open(t, h.key)
	if rec := post(w, h.fork(t, 150).request(t, 100, 250)); rec.Code != 409 || rec.Body.String() != "200\n" {
		t.Errorf("another history: %d %s", rec.Code, rec.Body)
	}
	if rec := post(w, h.fork(t, 150).request(t, 200, 250)); rec.Code != 422 {
		t.Errorf("another history, caught up: %d %s", rec.Code, rec.Body)
	}
	rec := post(w, h.request(t, 200, 200))
	if rec.Code != 200 {
		t.Fatalf("the same tree again: %d %s", rec.Code, rec.Body)
	}
	c.cosigned(t, h.checkpoint(t, 200), rec.Body.Bytes())
}

// TestRace sends two histories at once. One wins, and there is one history ever
// after.
func TestRace(t *testing.T) {
	h, c := newHistory(t, origin), newCosigner(t)
	sides := []*history{h, h.fork(t, 50)}
	w := c.begun(t, h.key)
	if rec := post(w, h.request(t, 0, 50)); rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	var wg sync.WaitGroup
	cosigned := make([]int, 2)
	for i, side := range sides {
		wg.Go(func() {
			at := 50
			for size := 51; size <= 100; size++ {
				switch rec := post(w, side.request(t, at, size)); rec.Code {
				case 200:
					at, cosigned[i] = size, cosigned[i]+1
				case 409: // as a log catches up
					fmt.Sscan(rec.Body.String(), &at)
				}
			}
		})
	}
	wg.Wait()
	if (cosigned[0] == 0) == (cosigned[1] == 0) || cosigned[0]+cosigned[1] != 50 {
		t.Errorf("cosigned of the two histories: %d, want 50 of one", cosigned)
	}
	loser := sides[0]
	if cosigned[0] > 0 {
		loser = sides[1]
	}
	if rec := post(w, loser.request(t, 100, 101)); rec.Code != 422 {
		t.Errorf("the other history: %d, want 422", rec.Code)
	}
	if found := must(filepath.Glob(filepath.Join(c.dir, "*.evidence*"))); len(found) == 0 || len(found) > 16 {
		t.Errorf("%d pieces of evidence", len(found))
	}
}

// TestKeys holds that the keys are read as they were written, and nothing else.
func TestKeys(t *testing.T) {
	k, err := witness.NewKeys("witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := witness.ParseKeys(k.Secret())
	if err != nil || !bytes.Equal(again.Secret(), k.Secret()) {
		t.Errorf("ParseKeys: %v", err)
	}
	other := must(witness.NewKeys("witness.example/w1"))
	lines := strings.Split(string(k.Secret()), "\n")
	spoiled := append([]string{}, lines...)
	spoiled[2] = strings.Split(string(other.Secret()), "\n")[2]
	for name, secret := range map[string]string{
		"empty": "", "cut": string(k.Secret()[:100]), "a line more": string(k.Secret()) + "x\n",
		"another's verifier key": strings.Join(spoiled, "\n"),
	} {
		if _, err := witness.ParseKeys([]byte(secret)); !errors.Is(err, witness.ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
	for _, name := range []string{"", "a b", "a+b", strings.Repeat("x", 256)} {
		if _, err := witness.NewKeys(name); !errors.Is(err, witness.ErrConfig) {
			t.Errorf("key name %q: %v, want ErrConfig", name, err)
		}
	}
	if diff := cmp.Diff(lines[2:4], []string{first(k.Verifiers()), second(k.Verifiers())}); diff != "" {
		t.Error(diff)
	}
}

func first(a, _ string) string  { return a }
func second(_, b string) string { return b }

// FuzzAdd holds that whatever is sent, no checkpoint is cosigned but one that
// the log has signed and that continues the one before.
func FuzzAdd(f *testing.F) {
	h, c := newHistory(f, origin), newCosigner(f)
	w := c.begun(f, h.key)
	if _, err := w.Add([]byte(h.request(f, 0, 100))); err != nil {
		f.Fatal(err)
	}
	for _, size := range []int{100, 101, 200} {
		f.Add([]byte(h.request(f, 100, size)))
	}
	f.Add([]byte(h.fork(f, 90).request(f, 100, 200)))
	f.Add([]byte("old 0\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		lines, err := w.Add(body)
		if err != nil {
			return
		}
		_, cp, _ := bytes.Cut(body, []byte("\n\n"))
		n, err := note.Open(cp, note.VerifierList(h.key))
		if err != nil {
			t.Fatalf("cosigned what the log has not signed: %v", err)
		}
		var said log.Checkpoint
		if _, err := said.Unmarshal([]byte(n.Text)); err != nil {
			t.Fatal(err)
		}
		if root, err := tlog.TreeHash(int64(said.Size), h); err != nil || !bytes.Equal(root[:], said.Hash) {
			t.Fatalf("cosigned another tree of %d entries: %v", said.Size, err)
		}
		c.cosigned(t, string(cp), lines)
	})
}
