package dev_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"sluss/certs/dev"
	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/client"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
	"sluss/gateway/keys"
	"sluss/gateway/snapshot"
	"sluss/policies"
)

// made is a development world that was made in a test.
type made struct {
	*testing.T
	cfg  dev.Config
	pins dev.Pins
}

// template is a world that is made once and copied for each test.
var template = sync.OnceValues(func() (dev.Config, error) {
	dir, err := os.MkdirTemp("", "sluss-dev-*")
	if err != nil {
		return dev.Config{}, err
	}
	s, err := snapshot.Read(policies.FS, "v1.22.2")
	if err != nil {
		return dev.Config{}, err
	}
	cfg := dev.Config{Dir: filepath.Join(dir, "world"), Snapshot: s, Now: time.Now()}
	_, err = dev.Make(cfg)
	return cfg, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if cfg, err := template(); err == nil {
		os.RemoveAll(filepath.Dir(cfg.Dir))
	}
	os.Exit(code)
}

func newWorld(t *testing.T) *made {
	t.Helper()
	cfg, err := template()
	if err != nil {
		t.Fatal(err)
	}
	w, dir := &made{T: t, cfg: cfg}, filepath.Join(t.TempDir(), "world")
	for name, content := range w.files() {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	w.cfg.Dir = dir
	if err := json.Unmarshal(w.read("gateway/pins.json"), &w.pins); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *made) make() dev.Result {
	w.Helper()
	result, err := dev.Make(w.cfg)
	if err != nil {
		w.Fatal(err)
	}
	return result
}

func (w *made) path(name string) string { return filepath.Join(w.cfg.Dir, name) }

func (w *made) read(name string) []byte {
	w.Helper()
	raw, err := os.ReadFile(w.path(name))
	if err != nil {
		w.Fatal(err)
	}
	return raw
}

func (w *made) directory(previous *directory.Directory) (*directory.Directory, []directory.Change) {
	w.Helper()
	d, changes, err := directory.Parse(w.read("directory.json"), w.pins.Registrars, previous, w.cfg.Now)
	if err != nil {
		w.Fatal(err)
	}
	return d, changes
}

// clients returns the paths of every client.json.
func (w *made) clients() []string {
	w.Helper()
	found, err := filepath.Glob(w.path("agencies/*/*/client.json"))
	if err != nil || len(found) < 20 {
		w.Fatalf("%d client.json, %v", len(found), err)
	}
	return found
}

// TestMake uses what was made as those who get it would.
func TestMake(t *testing.T) {
	w := newWorld(t)
	d, _ := w.directory(nil)
	id := gateway.ID("urn:sluss:gateway:dev")
	release, err := keys.LoadEC("file:" + w.path("gateway/release.key"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := envelope.NewPublicKey(&release.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.ReleaseKeys(id, w.cfg.Now); len(got) != 1 || !got[0].Equal(public) {
		t.Errorf("the directory has release keys %v, want the gateway's", got)
	}
	bundle, err := snapshot.ParseBundle(w.read("snapshot.json"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := snapshot.Verify(bundle.Approvals, w.pins.Officers, id, w.cfg.Now)
	if err != nil || a.Approval().Snapshot != w.cfg.Snapshot.Digest() || len(a.Officers()) != 2 {
		t.Errorf("approval: %v of %v by %v; want both officers' of the policy", err, a.Approval().Snapshot, a.Officers())
	}
	if _, err := note.NewVerifier(w.pins.Log); err != nil {
		t.Errorf("log key: %v", err)
	}
	kek, err := keys.LoadKEK("file:" + w.path("gateway/kek"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.OpenRing(filepath.Join(t.TempDir(), "ring"), kek); err != nil {
		t.Error(err)
	}
	for _, want := range []gateway.AgencyID{"police", "municipality:0180", "municipality:1480", "kriminalvarden", "sis",
		"region:01", "provider:165560004615", "self"} {
		if len(d.SealKeys(want, w.cfg.Now)) == 0 {
			t.Errorf("%s has no decryption key", want)
		}
	}
	if got := d.Aliases("municipality:1480", w.cfg.Now); len(got) != 1 || len(d.SealKeys(got[0], w.cfg.Now)) == 0 {
		t.Errorf("aliases %v of the second municipality, want one with keys", got)
	}
}

// TestClients loads every client.json: its keys must be the registered ones.
func TestClients(t *testing.T) {
	w := newWorld(t)
	d, _ := w.directory(nil)
	for _, path := range w.clients() {
		cfg, err := client.Load(path)
		if err != nil {
			t.Error(err)
			continue
		}
		system, ok := d.System(cfg.Certificate().Leaf.URIs[0].String())
		if !ok || !system.Active(w.cfg.Now) || system.Agency != cfg.Agency {
			t.Errorf("%s: its certificate is not a system of %s", path, cfg.Agency)
		}
		if len(cfg.Keys) < 3 {
			t.Errorf("%s has %d keys, want at least 3", path, len(cfg.Keys))
		}
		for _, k := range cfg.Keys {
			s, err := envelope.NewSigner(k.Key)
			if err != nil {
				t.Fatal(err)
			}
			iss, kid := cfg.Agency.URN(), s.Public().Thumbprint()
			if k.Alias != "" {
				iss = k.Alias.URN()
			}
			if _, err := d.Key(iss, kid, k.Use, w.cfg.Now); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			for _, role := range system.Roles {
				if !d.MayAct(kid, role) {
					t.Errorf("%s: its key for %s may not act as %s", path, k.Use, role)
				}
			}
		}
	}
}

// TestConnect lets every system of the world connect to its gateway.
func TestConnect(t *testing.T) {
	w := newWorld(t)
	d, _ := w.directory(nil)
	pair, err := keys.NewPair(keys.PairConfig{Certificate: w.path("gateway/tls.pem"), Key: "file:" + w.path("gateway/tls.key")})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := keys.NewPool(w.path("ca/systems.pem"), nil)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := authn.New(authn.Config{
		Gateway: w.pins.Gateway, Domain: "sluss.test", Certificate: pair.GetCertificate,
		Authorities: pool.Certificates, Directory: func() *directory.Directory { return d },
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", auth.TLS())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, path := range w.clients() {
		cfg, err := client.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"localhost", "127.0.0.1"} {
			p, err := connect(l, auth, cfg, name)
			if err != nil || p.Agency() != cfg.Agency {
				t.Errorf("%s at %s: got %v, %v", path, name, p.Agency(), err)
			}
		}
	}
}

func connect(l net.Listener, auth *authn.Authenticator, cfg client.Config, name string) (authn.Peer, error) {
	dialled := make(chan error, 1)
	go func() {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{
			RootCAs: cfg.Authorities, ServerName: name, Certificates: []tls.Certificate{*cfg.Certificate()},
		})
		if err == nil {
			defer conn.Close()
			conn.Read(make([]byte, 1)) // until the server has seen the certificate
		}
		dialled <- err
	}()
	conn, err := l.Accept()
	if err != nil {
		return authn.Peer{}, err
	}
	err = conn.(*tls.Conn).Handshake()
	state := conn.(*tls.Conn).ConnectionState()
	if err := errors.Join(err, conn.Close(), <-dialled); err != nil {
		return authn.Peer{}, err
	}
	return auth.Peer(state, time.Now())
}

func TestModes(t *testing.T) {
	w, err := template()
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(w.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// files returns the content of every file.
func (w *made) files() map[string]string {
	w.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(w.cfg.Dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			var raw []byte
			raw, err = os.ReadFile(path)
			found[strings.TrimPrefix(path, w.cfg.Dir+"/")] = string(raw)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return found
}

func TestAgain(t *testing.T) {
	w := newWorld(t)
	before := w.files()
	w.cfg.Now = w.cfg.Now.Add(19 * 24 * time.Hour)
	if result := w.make(); len(result.Made)+len(result.Renewed) > 0 {
		t.Errorf("the second time made %v and renewed %v, want nothing", result.Made, result.Renewed)
	}
	if diff := cmp.Diff(before, w.files()); diff != "" {
		t.Errorf("files (-first +second):\n%s", diff)
	}
}

// TestRenew renews what is due, or all: the keys stay, and a gateway that has
// the first directory takes the second.
func TestRenew(t *testing.T) {
	for name, change := range map[string]func(*dev.Config){
		"due":     func(c *dev.Config) { c.Now = c.Now.Add(21 * 24 * time.Hour) },
		"expired": func(c *dev.Config) { c.Now = c.Now.Add(400 * 24 * time.Hour) },
		"forced":  func(c *dev.Config) { c.Now, c.Renew = c.Now.Add(time.Minute), true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := w.files()
			previous, first := w.directory(nil)
			change(&w.cfg)
			result := w.make()
			if len(result.Made) != 0 {
				t.Errorf("made %v, want nothing new", result.Made)
			}
			after := w.files()
			for file, old := range before {
				renewed := strings.HasSuffix(file, "tls.pem") || file == "directory.json" || file == "snapshot.json"
				kept := strings.HasSuffix(file, ".key") || strings.HasSuffix(file, "client.json") || file == "gateway/kek"
				if changed := after[file] != old; renewed && !changed || kept && changed {
					t.Errorf("%s: changed %v", file, changed)
				}
			}
			w.T = t
			if _, changes := w.directory(previous); len(changes) != len(first) {
				t.Errorf("%d statements are new, want all %d", len(changes), len(first))
			}
			w.verify("agencies/police/exit/tls.pem", x509.ExtKeyUsageClientAuth, "")
			w.verify("gateway/tls.pem", x509.ExtKeyUsageServerAuth, "localhost")
		})
	}
}

// verify builds the path from a chain in a file to the root.
func (w *made) verify(name string, use x509.ExtKeyUsage, host string) {
	w.Helper()
	chain, err := keys.ReadCertificates(w.path(name))
	if err != nil {
		w.Fatal(err)
	}
	pool, err := keys.NewPool(w.path("ca/root.pem"), nil)
	if err != nil {
		w.Fatal(err)
	}
	between := x509.NewCertPool()
	between.AddCert(chain[1])
	_, err = chain[0].Verify(x509.VerifyOptions{
		Roots: pool.Certificates(), Intermediates: between, CurrentTime: w.cfg.Now, KeyUsages: []x509.ExtKeyUsage{use}, DNSName: host,
	})
	if err != nil {
		w.Errorf("%s: %v", name, err)
	}
}

// TestLostKey loses the key of one system: a new one is made and stated, and
// the statement about the old one stays.
func TestLostKey(t *testing.T) {
	w := newWorld(t)
	previous, _ := w.directory(nil)
	lost := "agencies/sis/exit/message.key"
	if err := os.Remove(w.path(lost)); err != nil {
		t.Fatal(err)
	}
	w.cfg.Now = w.cfg.Now.Add(time.Minute)
	result := w.make()
	if diff := cmp.Diff(dev.Result{Dir: w.cfg.Dir, Made: []string{lost}, Renewed: []string{"directory.json"}}, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if _, changes := w.directory(previous); len(changes) != 1 {
		t.Errorf("%d statements are new, want 1", len(changes))
	}
}

// TestNewPolicy approves a second policy as the successor of the first.
func TestNewPolicy(t *testing.T) {
	w := newWorld(t)
	approved := func() snapshot.Approved {
		t.Helper()
		bundle, err := snapshot.ParseBundle(w.read("snapshot.json"))
		if err != nil {
			t.Fatal(err)
		}
		a, err := snapshot.Verify(bundle.Approvals, w.pins.Officers, w.pins.Gateway, w.cfg.Now)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	active, err := approved().Activate(snapshot.Active{})
	if err != nil {
		t.Fatal(err)
	}
	if w.cfg.Snapshot, err = snapshot.Read(policies.FS, "v1.22.3"); err != nil {
		t.Fatal(err)
	}
	w.make()
	if active, err = approved().Activate(active); err != nil || active.Snapshot != w.cfg.Snapshot.Digest() {
		t.Errorf("got %v, %v; want the new policy active", active.Snapshot, err)
	}
}

func TestMakeRefuses(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*dev.Config){
		"no directory":       func(c *dev.Config) { c.Dir = "" },
		"name of no gateway": func(c *dev.Config) { c.Gateway = "a b" },
		"no life":            func(c *dev.Config) { c.Life = time.Second },
		"plain HTTP":         func(c *dev.Config) { c.URL = "http://localhost:8443" },
		"no host":            func(c *dev.Config) { c.URL = "https:///" },
		"path":               func(c *dev.Config) { c.URL = "https://localhost/a" },
		"port too high":      func(c *dev.Config) { c.URL = "https://localhost:65535" },
	} {
		cfg := w.cfg
		spoil(&cfg)
		if _, err := dev.Make(cfg); !errors.Is(err, dev.ErrConfig) {
			t.Errorf("%s: got %v, want %v", name, err, dev.ErrConfig)
		}
	}
	// Another registrar's key in the place of the first: nothing is added to a
	// directory that does not stand.
	if err := errors.Join(os.Remove(w.path("registrars/1.key")), os.Remove(w.path("officers/1.key"))); err != nil {
		t.Fatal(err)
	}
	if _, err := dev.Make(w.cfg); !errors.Is(err, directory.ErrCountersigned) {
		t.Errorf("lost registrar: got %v, want %v", err, directory.ErrCountersigned)
	}
	if err := os.Chmod(w.path("ca/root.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := dev.Make(w.cfg); !errors.Is(err, keys.ErrMode) {
		t.Errorf("open key: got %v, want %v", err, keys.ErrMode)
	}
}
