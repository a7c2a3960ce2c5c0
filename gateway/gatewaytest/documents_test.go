package gatewaytest_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/snapshot"
)

// Files that a gateway follows, from its folder.
const (
	directoryFile = "../directory.json"
	snapshotFile  = "../snapshot.json"
)

// notTaken is how often the process has logged that it did not take a file.
func (s *stage) notTaken(t *testing.T) int {
	t.Helper()
	raw, err := os.ReadFile(s.Log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(raw), "a changed file was not taken")
}

func (s *stage) read(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(s.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestFilesThatDoNotHold puts wrong files under a running gateway, one after the
// other: each is told to the operator and not taken, and what was in force goes
// on.
func TestFilesThatDoNotHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := withCast(t, w)
	s.revoke(t, revokedSystem)
	tests := []struct {
		name, file string
		spoil      func(t *testing.T, s *stage, raw []byte) []byte
	}{
		{"directory cut short", directoryFile, func(_ *testing.T, _ *stage, raw []byte) []byte { return raw[:len(raw)/2] }},
		{"directory with one registrar", directoryFile, entries(func(list []directory.Entry) []directory.Entry {
			list[3].Countersignatures = list[3].Countersignatures[:1]
			return list
		})},
		{"directory with one registrar twice", directoryFile, entries(func(list []directory.Entry) []directory.Entry {
			list[3].Countersignatures[1] = list[3].Countersignatures[0]
			return list
		})},
		{"directory without a statement", directoryFile, entries(func(list []directory.Entry) []directory.Entry { return list[:len(list)-1] })},
		{"directory with a statement from before", directoryFile, func(t *testing.T, s *stage, raw []byte) []byte {
			return restated(t, s.World, raw, "agencies/police/control.key", systemOf(revokedSystem), func(st *envelope.Statement) {
				st.Seq -= 2
				st.Status = envelope.Active
			})
		}},
		{"directory with a key of another agency's control key", directoryFile, func(t *testing.T, s *stage, raw []byte) []byte {
			return restated(t, s.World, raw, "agencies/sis/control.key", systemOf(revokedSystem), func(st *envelope.Statement) { st.Status = envelope.Active })
		}},
		{"server certificate cut short", "tls.pem", func(_ *testing.T, _ *stage, raw []byte) []byte { return raw[:100] }},
		{"server certificate of another key", "tls.pem", func(t *testing.T, s *stage, _ []byte) []byte {
			raw, err := os.ReadFile(s.file(policeExit, "tls.pem"))
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}},
		{"no authorities", "../ca/systems.pem", func(*testing.T, *stage, []byte) []byte { return []byte("\n") }},
		{"policy cut short", snapshotFile, func(_ *testing.T, _ *stage, raw []byte) []byte { return raw[:len(raw)/2] }},
		{"policy with another rule", snapshotFile, func(t *testing.T, _ *stage, raw []byte) []byte {
			return []byte(substitute(t, string(raw), "OSL-12-2", "OSL-12-3"))
		}},
		{"approval by one officer", snapshotFile, approved(nil, "officers/1.key")},
		{"approval by one officer twice", snapshotFile, approved(nil, "officers/1.key", "officers/1.key")},
		{"approval by a registrar", snapshotFile, approved(nil, "officers/1.key", "registrars/2.key")},
		{"approval of another gateway", snapshotFile, approved(func(a *envelope.Approval) { a.Gateway = "urn:sluss:gateway:other" }, both...)},
		{"approval that has expired", snapshotFile, approved(func(a *envelope.Approval) { a.Expires = time.Now().Add(-time.Minute) }, both...)},
		{"approval of tomorrow", snapshotFile, approved(func(a *envelope.Approval) { a.NotBefore = time.Now().Add(time.Hour) }, both...)},
		{"approval that does not follow", snapshotFile, approved(func(a *envelope.Approval) { a.Previous = gateway.DigestOf([]byte("another")) }, both...)},
		{"approval of another policy", snapshotFile, approved(func(a *envelope.Approval) { a.Snapshot = gateway.DigestOf([]byte("another")) }, both...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good, before := s.read(t, tt.file), s.notTaken(t)
			replace(t, s.path(tt.file), tt.spoil(t, s, slices.Clone(good)))
			eventually(t, "word to the operator", func() bool { return s.notTaken(t) > before })
			if a := s.hand(t); a.status != 202 {
				t.Errorf("a good message gets %d %s", a.status, a.body)
			}
			s.await(t, revokedSystem, gateway.CodeSystemRevoked)
			replace(t, s.path(tt.file), good)
		})
	}
	s.exchange(t)
	s.verified(t)
	kinds := kindsIn(t, s.database(t))
	if got := kinds[disclosure.PolicyActivated]; got != 1 {
		t.Errorf("%d approvals were taken, want the first one", got)
	}
	if got := kinds[disclosure.PolicyRefused]; got < 8 {
		t.Errorf("%d refused approvals have an entry, want each", got)
	}
}

var both = []string{"officers/1.key", "officers/2.key"}

// entries changes the list of a directory.
func entries(change func([]directory.Entry) []directory.Entry) func(*testing.T, *stage, []byte) []byte {
	return func(t *testing.T, _ *stage, raw []byte) []byte {
		list, err := directory.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		return directory.Encode(change(list))
	}
}

// approved makes the next approval of the policy in force, changed, signed with
// the given keys.
func approved(change func(*envelope.Approval), signers ...string) func(*testing.T, *stage, []byte) []byte {
	return func(t *testing.T, s *stage, raw []byte) []byte {
		bundle, err := snapshot.ParseBundle(raw)
		if err != nil {
			t.Fatal(err)
		}
		a, err := envelope.VerifyApproval(bundle.Approvals[0], signerAt(t, s.World, "officers/1.key").Public())
		if err != nil {
			t.Fatal(err)
		}
		a.Seq, a.Previous = a.Seq+1, a.Snapshot
		if change != nil {
			change(&a)
		}
		bundle.Approvals = nil
		for _, name := range signers {
			signed, err := envelope.SignApproval(a, signerAt(t, s.World, name))
			if err != nil {
				t.Fatal(err)
			}
			bundle.Approvals = append(bundle.Approvals, signed)
		}
		raw, err = bundle.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
}

// TestWithholdAll: one officer stops all release, and two start it again.
func TestWithholdAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := withCast(t, w)
	var id gateway.MessageID
	first := s.read(t, snapshotFile)
	replace(t, s.path(snapshotFile), approved(func(a *envelope.Approval) { a.WithholdAll, a.Snapshot = true, gateway.Digest{} }, "officers/2.key")(t, s, first))
	eventually(t, "stop of all release", func() bool {
		r := s.request(t, townExit)
		if id == "" {
			id = firstMessage(r)
		}
		r.readOf(id)
		r.finish()
		a, err := r.send()
		return err == nil && a.status == 503 && a.code == gateway.CodeWithholdAll
	})
	if a := s.collect(t); a.status != 503 || a.code != gateway.CodeWithholdAll {
		t.Errorf("a poll gets %d %q", a.status, a.code)
	}
	if a := s.hand(t); a.status != 202 {
		t.Errorf("a message that is handed in gets %d %q; it can wait", a.status, a.code)
	}
	replace(t, s.path(snapshotFile), approved(func(a *envelope.Approval) { a.Seq++ }, both...)(t, s, first))
	eventually(t, "start of release", func() bool { return s.collect(t).code == "" })
	s.exchange(t)
	s.verified(t)
}

// collect polls for the social workers, without acknowledging anything.
func (s *stage) collect(t *testing.T) answer {
	t.Helper()
	r := s.request(t, townExit)
	poll(r)
	r.body = substitute(r, r.body, "exit_team_lead", "social_worker")
	a, err := r.send()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestCompromisedKey: what was signed with a key that others know is neither
// taken in nor given out, from the moment that the directory says so.
func TestCompromisedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := withCast(t, w)
	if a := s.hand(t); a.status != 202 {
		t.Fatalf("before: %d %s", a.status, a.body)
	}
	kid := s.public(t, policeExit, envelope.UseMessage).Thumbprint()
	restate(t, w, "agencies/police/control.key", func(st envelope.Statement) bool { return st.Key != nil && st.Key.Key.Thumbprint() == kid },
		func(st *envelope.Statement) {
			st.Status, st.Since = envelope.Compromised, time.Now().Truncate(time.Second)
		})
	eventually(t, "refusal of the key", func() bool { return s.hand(t).code == gateway.CodeUnknownKey })
	if a := s.collect(t); a.status != 200 || strings.Contains(string(a.body), "case-message") || strings.Contains(string(a.body), `"messages"`) {
		t.Errorf("what was signed with the key before comes out: %d %s", a.status, a.body)
	}
	s.verified(t)
}
