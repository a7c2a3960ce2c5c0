// Package tlog holds the disclosure log of a real gateway against software that
// we did not write: Tessera's fsck, the tile reader and notes of the Go checksum
// database, and litewitness, a witness of the public witness network.
//
// It is a module of its own, so that the gateway depends on none of it. It runs
// the programs in bin/, which "make interop-tlog" builds before.
package tlog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	cosig "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	_ "modernc.org/sqlite"
)

const bin = "../../../bin/"

// stage is a world with a running gateway, our witness and theirs.
type stage struct {
	dir      string
	vkey     string // of the log
	origin   string
	public   string // URL of the published log
	theirs   string // verifier key of litewitness
	client   *http.Client
	gateway  *process
	external string // directory of litewitness
}

// process is a program that runs until it is ended.
type process struct {
	cmd    *exec.Cmd
	stderr *os.File
}

func start(t *testing.T, log, program string, args ...string) *process {
	t.Helper()
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stderr, cmd.Stdout = f, f
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd, f}
	t.Cleanup(func() { p.end() })
	return p
}

// end stops the program and returns how it ended.
func (p *process) end() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	return p.cmd.Wait()
}

func (p *process) said() string {
	raw, _ := os.ReadFile(p.stderr.Name())
	return string(raw)
}

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, stderr.String())
	}
	return string(out)
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func freePort(t *testing.T) string {
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	return l.Addr().String()
}

// litewitness starts filippo.io/torchwood/cmd/litewitness for the log. Its key
// lies in an SSH agent, as it wants; what witnessctl would do is done here.
func (s *stage) litewitness(t *testing.T) (at string) {
	t.Helper()
	s.external = t.TempDir()
	program := filepath.Join(s.external, "litewitness")
	output(t, "go", "build", "-o", program, "filippo.io/torchwood/cmd/litewitness")
	_, key := must2(ed25519.GenerateKey(rand.Reader))(t)
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	l := must(net.Listen("unix", filepath.Join(s.external, "agent")))(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(keyring, c)
		}
	}()
	db := filepath.Join(s.external, "witness.db")
	fingerprint := ssh.FingerprintSHA256(must(ssh.NewPublicKey(key.Public()))(t))
	run := func() *process {
		return start(t, filepath.Join(s.external, "log"), program, "-name", "lite.example/w", "-db", db,
			"-ssh-agent", filepath.Join(s.external, "agent"), "-listen", at, "-key", fingerprint)
	}
	at = freePort(t)
	p := run()
	vkey := regexp.MustCompile(`vkey=(\S+)`)
	wait(t, "litewitness", p, func() bool { return vkey.MatchString(p.said()) })
	s.theirs = vkey.FindStringSubmatch(p.said())[1]
	conn := must(sql.Open("sqlite", db))(t)
	defer conn.Close()
	empty := must(tlog.TreeHash(0, nil))(t)
	for _, q := range [][]any{
		{"INSERT INTO log VALUES (?, 0, ?)", s.origin, base64.StdEncoding.EncodeToString(empty[:])},
		{"INSERT INTO key VALUES (?, ?)", s.origin, s.vkey},
	} {
		if _, err := conn.Exec(q[0].(string), q[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

func must2[A, B any](a A, b B, err error) func(*testing.T) (A, B) {
	return func(t *testing.T) (A, B) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a, b
	}
}

// wait waits until ok, for a minute at most, or until the program has ended.
func wait(t *testing.T, what string, p *process, ok func() bool) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		if p.cmd.Process.Signal(syscall.Signal(0)) != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s: not in time:\n%s", what, p.said())
}

// set makes the world, both witnesses and the trust policy, and starts the gateway.
func set(t *testing.T) *stage {
	t.Helper()
	s := &stage{dir: filepath.Join(t.TempDir(), "world")}
	api, public, ours := freePort(t), freePort(t), freePort(t)
	_, port, _ := net.SplitHostPort(api)
	output(t, bin+"gatewayctl", "certs", "dev", "--url", "https://localhost:"+port, s.dir)
	var pins struct{ Log string }
	read(t, s.path("gateway/pins.json"), &pins)
	s.vkey = pins.Log
	s.origin, _, _ = strings.Cut(s.vkey, "+")

	w := filepath.Join(t.TempDir(), "ours")
	output(t, bin+"gatewayctl", "witness", "init", w, "--name", "witness.example/ours", "--log", s.vkey)
	start(t, w+".log", bin+"gatewayctl", "witness", "serve", w, "--listen", ours)
	lite := s.litewitness(t)
	policy := "log " + s.vkey + "\n" + output(t, bin+"gatewayctl", "witness", "show", w, "--url", "http://"+ours) +
		"witness lite " + s.theirs + " http://" + lite + "\ngroup both all ours lite\nquorum both\n"
	if err := os.WriteFile(s.path("gateway/trust.policy"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := map[string]any{}
	read(t, s.path("gateway/gateway.json"), &cfg)
	cfg["public"], cfg["witnesses"], cfg["operations"] = public, "trust.policy", freePort(t)
	if err := os.WriteFile(s.path("gateway/gateway.json"), must(json.Marshal(cfg))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(s.path("agencies/police/security/gateways.pem")))(t))
	s.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}}
	s.public = "https://" + public + "/log/"
	s.serve(t)
	return s
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stage) serve(t *testing.T) {
	t.Helper()
	s.gateway = start(t, s.dir+".log", bin+"gateway", "-config", s.path("gateway/gateway.json"))
	wait(t, "gateway", s.gateway, func() bool {
		res, err := s.client.Get(s.public + "checkpoint")
		if err == nil {
			res.Body.Close()
		}
		return err == nil && res.StatusCode == http.StatusOK && strings.Contains(s.gateway.said(), "gateway ready")
	})
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	if err := json.Unmarshal(must(os.ReadFile(path))(t), into); err != nil {
		t.Fatal(err)
	}
}

// checkpoint reads the published checkpoint and verifies it with package note,
// under the log's key and that of litewitness.
func (s *stage) checkpoint(t *testing.T) tlog.Tree {
	t.Helper()
	res := must(s.client.Get(s.public + "checkpoint"))(t)
	defer res.Body.Close()
	raw := must(io.ReadAll(res.Body))(t)
	log, lite := must(note.NewVerifier(s.vkey))(t), must(cosig.NewVerifierForCosignatureV1(s.theirs))(t)
	n, err := note.Open(raw, note.VerifierList(log, lite))
	if err != nil || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 2 {
		t.Fatalf("log's and litewitness's signature, and two of ours: %v\n%s", err, raw)
	}
	var tree tlog.Tree
	lines := strings.Split(n.Text, "\n")
	if _, err := fmt.Sscan(lines[1], &tree.N); err != nil {
		t.Fatal(err)
	}
	tree.Hash = must(tlog.ParseHash(lines[2]))(t)
	return tree
}

// tiles reads tiles as the checksum database's client does.
type tiles struct {
	s    *stage
	flip bool
	seen map[string][]byte // by path: a gateway bounds what strangers may ask
}

func (r tiles) Height() int { return 8 }

func (r tiles) ReadTiles(want []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range want {
		path := layout.TilePath(uint64(tile.L), uint64(tile.N), uint8(tile.W))
		if raw, ok := r.seen[path]; ok {
			data = append(data, raw)
			continue
		}
		res, err := r.s.client.Get(r.s.public + path)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s", path, res.Status)
		}
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		if r.flip {
			raw[len(raw)/2] ^= 1
		}
		r.seen[path] = raw
		data = append(data, raw)
	}
	return data, nil
}

func (r tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// leaves hashes the leaves of an entry bundle: 64 bytes each, after their length.
func leaves(bundle []byte) (hashes [][]byte, err error) {
	for len(bundle) > 0 {
		if len(bundle) < 66 || binary.BigEndian.Uint16(bundle) != 64 {
			return nil, errors.New("not a bundle of leaves of 64 bytes")
		}
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(bundle[2:66]))
		bundle = bundle[66:]
	}
	return hashes, nil
}

// altering flips one bit of every answer whose path contains what.
type altering struct {
	http.RoundTripper
	what string
}

func (a altering) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := a.RoundTripper.RoundTrip(r)
	if err != nil || !strings.Contains(r.URL.Path, a.what) {
		return res, err
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	raw[len(raw)/2] ^= 1
	res.Body = io.NopCloser(bytes.NewReader(raw))
	return res, nil
}

// tessera runs Tessera's fsck, with two workers: with one it hangs on a damaged log.
func (s *stage) tessera(t *testing.T, altered string) error {
	t.Helper()
	c := *s.client
	if altered != "" {
		c.Transport = altering{c.Transport, altered}
	}
	f := must(client.NewHTTPFetcher(must(url.Parse(s.public))(t), &c))(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return fsck.New(s.origin, must(note.NewVerifier(s.vkey))(t), f, leaves, fsck.Opts{N: 2}).Check(ctx)
}

// TestLog runs a gateway with two witnesses, one of them not ours, and holds its
// published log against software that is not ours.
func TestLog(t *testing.T) {
	s := set(t)
	var tree tlog.Tree
	settled := func() bool {
		before := tree.N
		tree = s.checkpoint(t)
		return tree.N > 1 && tree.N == before
	}
	wait(t, "entries of the start", s.gateway, settled)
	// Each renewed directory is a few entries: until there is a full tile.
	for range 6 {
		if before := tree.N; before < 300 {
			output(t, bin+"gatewayctl", "certs", "dev", "--force", s.dir)
			wait(t, "growth", s.gateway, func() bool { return s.checkpoint(t).N > before })
			wait(t, "growth", s.gateway, settled)
		}
	}
	if tree.N <= 256 {
		t.Fatalf("%d entries make no full tile", tree.N)
	}
	t.Run("tessera fsck", func(t *testing.T) {
		if err := s.tessera(t, ""); err != nil {
			t.Errorf("sound log: %v", err)
		}
		for _, part := range []string{"/tile/entries/", "/tile/0/"} {
			if err := s.tessera(t, part); err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("one byte of %s altered: %v, want a finding", part, err)
			}
		}
	})
	t.Run("checksum database client", func(t *testing.T) {
		hr := tlog.TileHashReader(tree, tiles{s: s, seen: map[string][]byte{}})
		for n := range tree.N {
			proof := must(tlog.ProveRecord(tree.N, n, hr))(t)
			h := must(hr.ReadHashes([]int64{tlog.StoredHashIndex(0, n)}))(t)[0]
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, h); err != nil {
				t.Errorf("entry %d: %v", n, err)
			}
		}
		if _, err := tlog.TileHashReader(tree, tiles{s: s, flip: true, seen: map[string][]byte{}}).ReadHashes([]int64{0}); err == nil {
			t.Error("an altered tile was read")
		}
	})
	t.Run("an old backup", func(t *testing.T) {
		if err := s.gateway.end(); err != nil {
			t.Fatalf("drain: %v\n%s", err, s.gateway.said())
		}
		output(t, "cp", "-r", s.path("gateway"), s.path("backup"))
		s.serve(t)
		before := s.checkpoint(t)
		if before.N < tree.N {
			t.Fatalf("%d entries after a restart, %d before", before.N, tree.N)
		}
		// A directory with another statement grows the log by an entry.
		output(t, bin+"gatewayctl", "certs", "dev", "--force", s.dir)
		wait(t, "growth", s.gateway, func() bool { return s.checkpoint(t).N > before.N })
		if err := s.gateway.end(); err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"data", "state"} {
			output(t, "sh", "-c", "rm -r "+s.path("gateway/"+part)+" && cp -r "+s.path("backup/"+part)+" "+s.path("gateway/"+part))
		}
		p := start(t, s.dir+".restored.log", bin+"gateway", "-config", s.path("gateway/gateway.json"))
		err := p.cmd.Wait()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(p.said(), "the stored log is older than one that was seen") {
			t.Errorf("a restored backup, anchor included: %v\n%s", err, p.said())
		}
	})
}
