package disclosure_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sluss/gateway/disclosure"
	"sluss/gateway/store/sqlite"
	"sluss/gateway/witness"
)

// station is a witness that runs, and can be spoiled.
type station struct {
	name   string
	policy string // its lines; both keys are a group of the name
	dir    string
	url    string
	secret ed25519.PrivateKey
	id     uint32 // of the Ed25519 key
	// spoil, if it answers true, has answered in the witness's place.
	spoil atomic.Pointer[func(w http.ResponseWriter, body string) bool]
	calls atomic.Int64
}

// newStation starts a witness of the tests' log. Of its cosignatures the policy
// knows those under the keys named.
func newStation(t testing.TB, name string, keys ...string) *station {
	t.Helper()
	k, err := witness.NewKeys(name + ".example")
	if err != nil {
		t.Fatal(err)
	}
	signers, err := k.Signers()
	if err != nil {
		t.Fatal(err)
	}
	s := &station{name: name, dir: t.TempDir(), id: signers[0].KeyHash()}
	first, _, _ := strings.Cut(string(k.Secret()), "\n")
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(first, "+", 5)[4])
	if err != nil {
		t.Fatal(err)
	}
	s.secret = ed25519.NewKeyFromSeed(raw[1:])
	if err := witness.Begin(s.dir, origin); err != nil {
		t.Fatal(err)
	}
	w, err := witness.Open(witness.Config{Dir: s.dir, Signers: signers, Logs: []note.Verifier{policy(t).Log}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		if f := s.spoil.Load(); f != nil {
			body, _ := io.ReadAll(r.Body)
			if (*f)(rw, string(body)) {
				return
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
		}
		w.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() { srv.Close(); w.Close() })
	s.url = srv.URL
	ed, ml := k.Verifiers()
	group := "group " + name + " all"
	for key, vkey := range map[string]string{"ed25519": ed, "ml-dsa-44": ml} {
		if len(keys) == 0 || keys[0] == key {
			s.policy += fmt.Sprintf("witness %s-%s %s %s\n", name, key, vkey, srv.URL)
			group += " " + name + "-" + key
		}
	}
	s.policy += group + "\n"
	return s
}

func (s *station) answer(f func(w http.ResponseWriter, body string) bool) { s.spoil.Store(&f) }

// down makes the witness fail.
func (s *station) down() {
	s.answer(func(w http.ResponseWriter, _ string) bool {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return true
	})
}

func (s *station) up() { s.spoil.Store(nil) }

// trust reads the policy of some witnesses of which n are needed.
func trust(t testing.TB, n int, stations ...*station) *disclosure.Witnesses {
	t.Helper()
	vkey, err := disclosure.VerifierKey(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	text, group := "log "+vkey+"\n", fmt.Sprintf("group all-of-them %d", n)
	for _, s := range stations {
		text += s.policy
		group += " " + s.name
	}
	w, err := disclosure.ParseWitnesses([]byte(text + group + "\nquorum all-of-them\n"))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// watched runs a log with witnesses.
func watched(t testing.TB, s *sqlite.Store, dir string, w *disclosure.Witnesses) running {
	t.Helper()
	return run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor"), Interval: 10 * time.Millisecond, Witnesses: w, Patience: time.Nanosecond, Adopt: true})
}

func add(t testing.TB, l running, n int) {
	t.Helper()
	for range n {
		if _, err := l.Append(t.Context(), submission(t, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
}

// refused wants a log that has ended by itself, and returns why.
func refused(t testing.TB, l running) error {
	t.Helper()
	if c, err := l.Append(t.Context(), submission(t, time.Now())); !errors.Is(err, disclosure.ErrStopped) || !c.IsZero() {
		t.Errorf("Append = %v, want ErrStopped", err)
	}
	return l.stop()
}

// TestCosigned holds that what is published carries the cosignatures of all
// witnesses, under which the log and its proofs verify without the gateway.
func TestCosigned(t *testing.T) {
	a, b, dir := newStation(t, "a"), newStation(t, "b"), t.TempDir()
	w := trust(t, 2, a, b)
	l := watched(t, openStore(t, dir), dir, w)
	add(t, l, 5)
	if err := l.Witnessed(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	cp := l.Checkpoint()
	if lines := strings.Split(string(cp), "\n— "); len(lines) != 6 || !strings.HasPrefix(lines[1], origin+" ") {
		t.Errorf("the log's signature, then four cosignatures:\n%s", cp)
	}
	p, err := w.Policy(origin)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := l.Proof(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	e, err := l.Again(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disclosure.VerifyProof(proof, e.Leaf(), p); err != nil {
		t.Errorf("published proof: %v", err)
	}
	own, err := e.Proof()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disclosure.VerifyProof(own, e.Leaf(), p); !errors.Is(err, disclosure.ErrProof) {
		t.Errorf("a proof without cosignatures, under the quorum: %v, want ErrProof", err)
	}
	if since, ok := w.Since(cp); !ok || time.Since(since) > time.Minute {
		t.Errorf("Since = %v, %v", since, ok)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Witnessed(ended, 5); !errors.Is(err, disclosure.ErrNotYet) || !errors.Is(err, context.Canceled) {
		t.Errorf("Witnessed of what is not there = %v, want ErrNotYet", err)
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if err := l.Witnessed(t.Context(), 5); !errors.Is(err, disclosure.ErrStopped) {
		t.Errorf("Witnessed after the stop = %v, want ErrStopped", err)
	}
}

// TestUnwitnessed holds that a log without witnesses, or whose quorum is none,
// never says that something is witnessed.
func TestUnwitnessed(t *testing.T) {
	none, err := disclosure.ParseWitnesses([]byte("quorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []*disclosure.Witnesses{nil, none} {
		dir := t.TempDir()
		l := watched(t, openStore(t, dir), dir, w)
		add(t, l, 1)
		if err := l.Witnessed(t.Context(), 0); !errors.Is(err, disclosure.ErrQuorum) {
			t.Errorf("Witnessed = %v, want ErrQuorum", err)
		}
	}
}

// TestWitnessFinds gives a database, and its anchor, another past, and holds that
// the witness finds it at the start, under each kind of key. Nothing on the
// gateway's own machine could.
func TestWitnessFinds(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, dir, old string)
		want  error
	}{
		{"nothing", func(*testing.T, string, string) {}, nil},
		{"an old backup", func(t *testing.T, dir, old string) {
			move(t, filepath.Join(old, sqlite.FileName), filepath.Join(dir, sqlite.FileName))
		}, disclosure.ErrRollback},
		{"an old backup that has grown past the witness", func(t *testing.T, dir, old string) {
			grown(t, old, 9)
			move(t, filepath.Join(old, sqlite.FileName), filepath.Join(dir, sqlite.FileName))
		}, disclosure.ErrFork},
		{"another history of the same size", func(t *testing.T, dir, old string) {
			grown(t, old, 2)
			move(t, filepath.Join(old, sqlite.FileName), filepath.Join(dir, sqlite.FileName))
		}, disclosure.ErrFork},
	} {
		for _, kind := range []string{"ed25519", "ml-dsa-44"} {
			t.Run(row.name+"/"+kind, func(t *testing.T) {
				dir, old := t.TempDir(), t.TempDir()
				grown(t, dir, 3)
				backup(t, dir, old)
				s, a := openStore(t, dir), newStation(t, "a", kind)
				w := trust(t, 1, a)
				l := watched(t, s, dir, w)
				add(t, l, 2)
				if err := errors.Join(l.Witnessed(t.Context(), 4), l.stop(), s.Close()); err != nil {
					t.Fatal(err)
				}
				row.spoil(t, dir, old)
				l = run(t, disclosure.Config{Store: openStore(t, dir), Anchor: filepath.Join(t.TempDir(), "anchor"), Witnesses: w,
					Adopt: true, Interval: 10 * time.Millisecond})
				c, err := l.Append(t.Context(), submission(t, time.Now()))
				if row.want == nil {
					if err != nil || l.Witnessed(t.Context(), c.Index()) != nil {
						t.Errorf("Append = %v", err)
					}
					return
				}
				if !errors.Is(err, disclosure.ErrStopped) || !c.IsZero() {
					t.Errorf("Append = %v, want ErrStopped", err)
				}
				if err := l.stop(); !errors.Is(err, row.want) {
					t.Errorf("Run = %v, want %v", err, row.want)
				}
			})
		}
	}
}

// backup copies a closed database.
func backup(t *testing.T, from, to string) {
	t.Helper()
	move(t, filepath.Join(from, sqlite.FileName), filepath.Join(to, sqlite.FileName))
	move(t, filepath.Join(from, "anchor"), filepath.Join(to, "anchor"))
}

// TestTwoHistories runs two gateways with the same key and one beginning, each
// with a database of its own, against one witness: one of them stops.
func TestTwoHistories(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	grown(t, one, 3)
	backup(t, one, two)
	w := trust(t, 1, newStation(t, "a"))
	a, b := watched(t, openStore(t, one), one, w), watched(t, openStore(t, two), two, w)
	add(t, a, 2)
	if err := a.Witnessed(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Append(t.Context(), submission(t, time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := b.Witnessed(t.Context(), 3); !errors.Is(err, disclosure.ErrStopped) {
		t.Errorf("Witnessed of the second history = %v, want ErrStopped", err)
	}
	if err := b.stop(); !errors.Is(err, disclosure.ErrRollback) && !errors.Is(err, disclosure.ErrFork) {
		t.Errorf("Run of the second history = %v, want ErrRollback or ErrFork", err)
	}
	if err := a.stop(); err != nil {
		t.Errorf("Run of the first = %v", err)
	}
}

// TestQuorum holds that a start needs answers of a quorum, that one witness more
// or less does not matter, and that a quorum that is missing for a while stops
// the publication and nothing else.
func TestQuorum(t *testing.T) {
	a, b, dir := newStation(t, "a"), newStation(t, "b"), t.TempDir()
	s := openStore(t, dir)
	b.down()
	l := watched(t, s, dir, trust(t, 2, a, b))
	if err := refused(t, l); !errors.Is(err, disclosure.ErrQuorum) {
		t.Errorf("Run with one of two = %v, want ErrQuorum", err)
	}
	l = watched(t, s, dir, trust(t, 1, a, b))
	add(t, l, 1)
	if err := l.Witnessed(t.Context(), 0); err != nil {
		t.Fatalf("one of two is enough: %v", err)
	}
	a.down()
	add(t, l, 1)
	before, calls := l.Checkpoint(), a.calls.Load()
	for a.calls.Load() == calls {
		time.Sleep(time.Millisecond)
	}
	if string(l.Checkpoint()) != string(before) {
		t.Error("published without a quorum")
	}
	a.up()
	if err := l.Witnessed(t.Context(), 1); err != nil {
		t.Errorf("with the witness back: %v", err)
	}
}

// TestLyingWitness holds that an answer that is not a cosignature by the key
// configured counts as none, and that it neither spoils the checkpoint nor stops
// the log.
func TestLyingWitness(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, body string) bool{
		"nothing":    func(w http.ResponseWriter, _ string) bool { return true },
		"no newline": func(w http.ResponseWriter, _ string) bool { fmt.Fprint(w, "— x AAAA"); return true },
		"noise":      func(w http.ResponseWriter, _ string) bool { fmt.Fprint(w, "CANARY\n"); return true },
		"too much":   func(w http.ResponseWriter, _ string) bool { fmt.Fprint(w, strings.Repeat("x", 1<<20)); return true },
		"a redirect": func(w http.ResponseWriter, _ string) bool {
			w.Header().Set("Location", "/")
			w.WriteHeader(307)
			return true
		},
		"a conflict, no size": func(w http.ResponseWriter, _ string) bool { w.WriteHeader(409); return true },
		"always another size": func(w http.ResponseWriter, body string) bool {
			w.WriteHeader(409)
			fmt.Fprintln(w, map[bool]int{true: 2, false: 1}[strings.HasPrefix(body, "old 1\n")])
			return true
		},
		"another's cosignature": func(w http.ResponseWriter, body string) bool {
			k, _ := witness.NewKeys("liar.example")
			signers, _ := k.Signers()
			_, cp, _ := strings.Cut(body, "\n\n")
			n, err := note.Open([]byte(cp), note.VerifierList(policy(t).Log))
			if err != nil {
				return false
			}
			out, _ := note.Sign(&note.Note{Text: n.Text}, signers...)
			_, lines, _ := strings.Cut(string(out), "\n\n")
			fmt.Fprint(w, lines)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			liar, dir := newStation(t, "liar"), t.TempDir()
			grown(t, dir, 3)
			liar.answer(answer)
			l := watched(t, openStore(t, dir), dir, trust(t, 2, newStation(t, "honest"), liar))
			if err := refused(t, l); !errors.Is(err, disclosure.ErrQuorum) {
				t.Errorf("Run = %v, want ErrQuorum", err)
			}
			if liar.calls.Load() == 0 {
				t.Error("the witness was not asked")
			}
		})
	}
}

// TestOldCosignature holds that a cosignature of another time, by the right key,
// is none: what is published must say that it is the newest.
func TestOldCosignature(t *testing.T) {
	for _, ago := range []time.Duration{0, time.Hour, -time.Hour} {
		a, dir := newStation(t, "a", "ed25519"), t.TempDir()
		a.answer(func(w http.ResponseWriter, body string) bool {
			_, cp, _ := strings.Cut(body, "\n\n")
			text, _, _ := strings.Cut(cp, "\n\n")
			at := uint64(time.Now().Add(-ago).Unix())
			sig := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, a.id), at)
			sig = append(sig, ed25519.Sign(a.secret, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", at, text))...)
			fmt.Fprintf(w, "— a.example %s\n", base64.StdEncoding.EncodeToString(sig))
			return true
		})
		l := watched(t, openStore(t, dir), dir, trust(t, 1, a))
		if ago == 0 {
			add(t, l, 1)
			if err := l.Witnessed(t.Context(), 0); err != nil {
				t.Errorf("a cosignature of now: %v", err)
			}
		} else if err := refused(t, l); !errors.Is(err, disclosure.ErrQuorum) {
			t.Errorf("%v ago: Run = %v, want ErrQuorum", ago, err)
		}
	}
}

// TestWitnessStopsRunning holds that a witness that has seen another log than the
// stored one stops the running gateway.
func TestWitnessStopsRunning(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"more entries":                {409, "1000\n", disclosure.ErrRollback},
		"no consistency":              {422, "", disclosure.ErrFork},
		"another root, the same size": {409, "2\n", disclosure.ErrFork},
	} {
		t.Run(name, func(t *testing.T) {
			a, dir := newStation(t, "a"), t.TempDir()
			l := watched(t, openStore(t, dir), dir, trust(t, 1, a))
			add(t, l, 1)
			if err := l.Witnessed(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			a.answer(func(w http.ResponseWriter, _ string) bool {
				w.WriteHeader(row.status)
				fmt.Fprint(w, row.body)
				return true
			})
			add(t, l, 1)
			if err := l.Witnessed(t.Context(), 1); !errors.Is(err, disclosure.ErrStopped) {
				t.Errorf("Witnessed = %v, want ErrStopped", err)
			}
			if err := l.stop(); !errors.Is(err, row.want) {
				t.Errorf("Run = %v, want %v", err, row.want)
			}
		})
	}
}

// TestWitnessesUnnamed holds that the process log says which witness failed by
// its number, and never where it is: a host has the name of an agency.
func TestWitnessesUnnamed(t *testing.T) {
	dir := t.TempDir()
	a, b := newStation(t, "a"), newStation(t, "b")
	w, err := disclosure.ParseWitnesses([]byte(a.policy + strings.ReplaceAll(b.policy, b.url, "http://canary.invalid/CANARY") + "quorum a\n"))
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	l := run(t, disclosure.Config{Store: openStore(t, dir), Anchor: filepath.Join(dir, "anchor"), Witnesses: w,
		Interval: 10 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&said, nil))})
	add(t, l, 1)
	if err := errors.Join(l.Witnessed(t.Context(), 0), l.stop()); err != nil {
		t.Fatal(err)
	}
	if s := said.String(); !strings.Contains(s, "witness=2 reason=unreachable") || strings.Contains(strings.ToLower(s), "canary") {
		t.Errorf("log:\n%s", s)
	}
}
