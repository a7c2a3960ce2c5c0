package gatewaytest_test

import (
	"os"
	"testing"
	"time"

	"sluss/certs/dev"
	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/keys"
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

// restate changes the one statement of the directory that is picked, signed and
// countersigned as it must be, and puts the file into its place.
func restate(t *testing.T, w *gatewaytest.World, control string, pick func(envelope.Statement) bool, change func(*envelope.Statement)) {
	t.Helper()
	path := w.Dir + "/directory.json"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
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
		replace(t, path, directory.Encode(entries))
		return
	}
	t.Fatal("no such statement")
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

// await asks for the directory until the answer is as wanted: files are read
// again within a second or two.
func (s *stage) await(t *testing.T, p party, want gateway.Code) {
	t.Helper()
	var got answer
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		r := s.request(t, p)
		fetch(r)
		if got, err = r.send(); err == nil && got.status != 0 && got.code == want {
			return
		}
	}
	t.Fatalf("the gateway goes on answering %d %q (%v), want %q", got.status, got.code, err, want)
}
