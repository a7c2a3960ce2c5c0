package gatewaytest_test

import (
	"crypto/tls"
	"math/big"
	"os"
	"testing"
	"time"

	"sluss/certs/dev"
	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/keys"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
	"sluss/gateway/store/sqlite"
	"sluss/policies"
)

// revokedSystem is a system that the directory says is retired.
var revokedSystem = party{"police", "review"}

// signerAt opens a key of the world by its path below the directory.
func signerAt(t *testing.T, w *gatewaytest.World, name string) *envelope.Signer {
	t.Helper()
	key, err := keys.LoadEC("file:" + w.Dir + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// restate changes one statement of the directory under a running gateway.
func restate(t *testing.T, w *gatewaytest.World, control string, pick func(envelope.Statement) bool, change func(*envelope.Statement)) {
	t.Helper()
	path := w.Dir + "/directory.json"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, path, restated(t, w, raw, control, pick, change))
}

// restated changes the one statement of a directory that is picked, signed and
// countersigned as it must be.
func restated(t *testing.T, w *gatewaytest.World, raw []byte, control string, pick func(envelope.Statement) bool, change func(*envelope.Statement)) []byte {
	t.Helper()
	entries, err := directory.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		st, _, err := envelope.PeekStatement(e.Statement)
		if err != nil {
			t.Fatal(err)
		}
		if !pick(st) {
			continue
		}
		st.Seq, st.IssuedAt = st.Seq+1, time.Now().Truncate(time.Second)
		change(&st)
		if entries[i], err = directory.State(st, signerAt(t, w, control), signerAt(t, w, "registrars/1.key"), signerAt(t, w, "registrars/2.key")); err != nil {
			t.Fatal(err)
		}
		return directory.Encode(entries)
	}
	t.Fatal("no such statement")
	return nil
}

// replace puts a file into its place whole, as a running gateway wants it.
func replace(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// systemOf picks the statement about a system.
func systemOf(p party) func(envelope.Statement) bool {
	uri := directory.SystemURI{Domain: "sluss.test", Agency: p.agency, Name: p.system}.String()
	return func(st envelope.Statement) bool { return st.System != nil && st.System.URI == uri }
}

// retire ends what a statement is about, a moment ago.
func retire(st *envelope.Statement) {
	st.Status, st.Since = envelope.Retired, time.Now().Add(-time.Second).Truncate(time.Second)
}

// revoke retires a system in the directory and waits for the gateway to know.
func (s *stage) revoke(t *testing.T, p party) {
	t.Helper()
	restate(t, s.World, "agencies/"+dev.Folder(p.agency)+"/control.key", systemOf(p), retire)
	s.await(t, p, gateway.CodeSystemRevoked)
}

// await asks for the directory until the answer is as wanted.
func (s *stage) await(t *testing.T, p party, want gateway.Code) {
	t.Helper()
	eventually(t, "an answer "+string(want), func() bool {
		r := s.request(t, p)
		fetch(r)
		got, err := r.send()
		return err == nil && got.status != 0 && got.code == want
	})
}

// eventually waits for what a running gateway does by itself: files are read
// again within a second or two.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if so() {
			return
		}
	}
	t.Fatalf("there was no %s", what)
}

// TestRenewal renews every certificate, statement and approval under a running
// gateway, as an operator does each month.
func TestRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := withCast(t, w)
	before := s.serial(t)
	pid := w.Pid()
	snap, err := snapshot.Read(policies.FS, policy.Engine())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dev.Make(dev.Config{Dir: w.Dir, URL: "https://" + w.Agencies, Operations: w.Operations, Snapshot: snap, Renew: true}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "new server certificate", func() bool { return s.serial(t).Cmp(before) != 0 })
	s.exchange(t) // by clients that have the old certificates
	r := s.request(t, policeExit)
	message(r)
	r.finish()
	if a, err := r.send(); err != nil || a.status != 202 {
		t.Errorf("with a new certificate: %d %s, %v", a.status, a.body, err)
	}
	if w.Pid() != pid || !live(w) {
		t.Error("the process is another")
	}
	db, err := sqlite.View(t.Context(), s.path("data")) // of the gateway that runs
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	eventually(t, "entry of the second approval", func() bool { return kindsIn(t, db)[disclosure.PolicyActivated] >= 2 })
	s.verified(t)
	if got := kindsIn(t, db)[disclosure.DirectoryChanged]; got < 2 {
		t.Errorf("%d entries of the directory, want those of the renewal too", got)
	}
}

// serial is that of the certificate that the gateway shows now.
func (s *stage) serial(t *testing.T) *big.Int {
	t.Helper()
	conn, err := tls.Dial("tcp", s.Agencies, s.tls(t, policeExit))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber
}

// database opens the store of a gateway that has ended.
func (s *stage) database(t *testing.T) *sqlite.Store {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Dir: s.path("data")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
