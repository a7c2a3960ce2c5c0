package disclosure_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

var when = time.Date(2026, 11, 21, 23, 59, 30, 123456789, time.UTC)

func digest(s string) *gateway.Digest {
	d := gateway.DigestOf([]byte(s))
	return &d
}

const (
	messageID = gateway.MessageID("urn:uuid:019abcde-0000-7000-8000-000000000001")
	eventID   = gateway.MessageID("urn:uuid:019abcde-0000-7000-8000-000000000002")
	ref       = gateway.Ref("AAAAAAAAAAAAAAAAAAAAAA")
)

// released is a release with every member of both parts set.
func released() (disclosure.E1, disclosure.E2) {
	e1 := disclosure.E1{
		Salt: "E1-----------------E1A", Kind: disclosure.Release, Time: disclosure.At(when), Delivery: "DDDDDDDDDDDDDDDDDDDDDA",
		Message: messageID, Discloser: "police", Recipient: "municipality:0180", Type: "exit.threat_assessment",
		Digest: digest("token"), Issued: 1795305000, Expires: 1795391400, SDHash: digest("view"), Kept: digest("kept"), Request: digest("request"),
		Role: "municipality.social_worker", Purpose: "PROTECTION", Outcome: gateway.Partial,
		Allowed:    map[gateway.Field]gateway.Basis{"risk_level": "OSL-10-2", "valid_until": "OSL-10-2"},
		Withheld:   map[gateway.Field]gateway.Reason{"sources": "CEILING"},
		Suppressed: []string{"c1"}, Obligations: []gateway.Obligation{"show_validity"},
		Snapshot: digest("snapshot"), Previous: digest("previous"), Event: eventID, Code: "code", Count: 2, Follows: []uint64{7},
	}
	e2 := disclosure.E2{
		Salt: "E2-----------------E2A", Local: "2026-11-22T00:59:30.123+01:00", Retention: disclosure.Long, Subject: ref, Case: ref,
		Actor: &disclosure.Actor{
			Agency: "municipality:0180", System: "treserva", Role: "municipality.social_worker", User: ref, Unit: "unit 4",
			Session: "s", Strength: "LOA3", OnBehalf: "municipality:1480",
		},
		Reason:  &disclosure.Reason{Code: "R1", Length: 40, Digest: digest("reason")},
		Claimed: []gateway.Basis{"OSL-10-2"}, Fields: []gateway.Field{"risk_level"},
		Withheld: map[gateway.Field]gateway.Reason{"sources": "BLK-PUB"}, Denied: "BLK-GRD",
		Origin:    map[gateway.Field][]gateway.Rule{"risk_level": {"18:1", "35:1"}},
		Citations: map[gateway.Basis]disclosure.Citation{"OSL-10-2": {Text: "OSL 10 kap. 2 § <&>", Version: "2024-01-01"}},
		Consent:   &disclosure.Evidence{Ref: ref, Digest: *digest("consent")},
		Assessment: &disclosure.Evidence{
			Ref: ref, Digest: *digest("assessment"), Kind: "generalklausul", Decider: ref,
		},
		Marking: "none", Child: true,
		BreakGlass: &disclosure.BreakGlass{Reason: *digest("b"), Diary: "A-1/26", Confirmer: ref}, Diary: "A-1/26",
		States: map[string]int64{"policy": 3, "directory": 9}, Input: json.RawMessage(`{"actor":{"kind":"MUN"},"purpose":"PROTECTION"}`),
		Evidence: []gateway.Digest{*digest("statement")}, Detail: "detail",
	}
	return e1, e2
}

// TestGolden pins the bytes that are hashed into the log. They can never
// change: an auditor recomputes them years later.
func TestGolden(t *testing.T) {
	e1, e2 := released()
	e, err := disclosure.NewEntry(e1, e2, plain{})
	if err != nil {
		t.Fatal(err)
	}
	private, err := plain{}.Decrypt(e.Key, e.E2, append([]byte("sluss entry E2\x00"), e.Leaf[:32]...))
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"e1.json": e.E1, "e2.json": private, "leaf": e.Leaf[:]} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(string(want), string(got)))
		}
	}
	if e.Discloser != "police" || e.Recipient != "municipality:0180" || e.Subject != ref || e.Case != ref || e.Kind != "release" {
		t.Errorf("columns %+v", e)
	}
	if e.Key != "plain/log-10y" {
		t.Errorf("key %q, want one of the entry's retention", e.Key)
	}
}

// TestReadBack holds that both parts read back as they were written, every
// member of them.
func TestReadBack(t *testing.T) {
	e1, e2 := released()
	e, err := disclosure.NewEntry(e1, e2, plain{})
	if err != nil {
		t.Fatal(err)
	}
	got1, got2, err := disclosure.Open(e, plain{})
	if err != nil {
		t.Fatal(err)
	}
	e1.Format, e2.Format = 1, 1
	if d := cmp.Diff(e1, got1); d != "" {
		t.Errorf("E1 (-want +got):\n%s", d)
	}
	if d := cmp.Diff(e2, got2); d != "" {
		t.Errorf("E2 (-want +got):\n%s", d)
	}
}

// TestSalts holds that equal facts do not make equal leaves.
func TestSalts(t *testing.T) {
	e1, e2 := released()
	e1.Salt, e2.Salt = "", ""
	a, err := disclosure.NewEntry(e1, e2, plain{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := disclosure.NewEntry(e1, e2, plain{})
	if err != nil {
		t.Fatal(err)
	}
	if [32]byte(a.Leaf[:32]) == [32]byte(b.Leaf[:32]) || [32]byte(a.Leaf[32:]) == [32]byte(b.Leaf[32:]) {
		t.Error("two entries share half a leaf")
	}
}

// TestComplete starts from a good release and takes away one thing that its
// parties must be told.
func TestComplete(t *testing.T) {
	for name, spoil := range map[string]func(*disclosure.E1, *disclosure.E2){
		"kind":       func(e *disclosure.E1, _ *disclosure.E2) { e.Kind = "released" },
		"time":       func(e *disclosure.E1, _ *disclosure.E2) { e.Time = disclosure.Time{} },
		"delivery":   func(e *disclosure.E1, _ *disclosure.E2) { e.Delivery = "" },
		"message":    func(e *disclosure.E1, _ *disclosure.E2) { e.Message = "" },
		"discloser":  func(e *disclosure.E1, _ *disclosure.E2) { e.Discloser = "" },
		"recipient":  func(e *disclosure.E1, _ *disclosure.E2) { e.Recipient = "" },
		"sd_hash":    func(e *disclosure.E1, _ *disclosure.E2) { e.SDHash = nil },
		"role":       func(e *disclosure.E1, _ *disclosure.E2) { e.Role = "" },
		"purpose":    func(e *disclosure.E1, _ *disclosure.E2) { e.Purpose = "" },
		"type":       func(e *disclosure.E1, _ *disclosure.E2) { e.Type = "" },
		"snapshot":   func(e *disclosure.E1, _ *disclosure.E2) { e.Snapshot = nil },
		"outcome":    func(e *disclosure.E1, _ *disclosure.E2) { e.Outcome = gateway.Deny },
		"allowed":    func(e *disclosure.E1, _ *disclosure.E2) { e.Allowed = nil },
		"one salt":   func(e *disclosure.E1, p *disclosure.E2) { e.Salt = p.Salt },
		"retention":  func(_ *disclosure.E1, p *disclosure.E2) { p.Retention = "log-1d" },
		"input":      func(_ *disclosure.E1, p *disclosure.E2) { p.Input = json.RawMessage("{") },
		"withheld":   func(e *disclosure.E1, _ *disclosure.E2) { e.Kind = disclosure.Withheld },
		"year 10000": func(e *disclosure.E1, _ *disclosure.E2) { e.Time.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		e1, e2 := released()
		spoil(&e1, &e2)
		if _, err := disclosure.NewEntry(e1, e2, plain{}); !errors.Is(err, disclosure.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

// TestAltered changes each byte of each part: nothing is accepted.
func TestAltered(t *testing.T) {
	e1, e2 := released()
	good, err := disclosure.NewEntry(e1, e2, plain{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range good.E1 {
		bad := bytes.Clone(good.E1)
		bad[i] ^= 1
		if _, err := disclosure.CheckE1(bad, good.Leaf); !errors.Is(err, disclosure.ErrProof) {
			t.Fatalf("byte %d of E1: %v, want ErrProof", i, err)
		}
		if _, _, err := disclosure.Open(store.Entry{Leaf: good.Leaf, E1: bad, E2: good.E2, Key: good.Key}, plain{}); err == nil {
			t.Fatalf("byte %d of E1 opens", i)
		}
	}
	for i := range good.E2 {
		bad := good
		bad.E2 = bytes.Clone(good.E2)
		bad.E2[i] ^= 1
		if _, _, err := disclosure.Open(bad, plain{}); err == nil {
			t.Fatalf("byte %d of E2 opens", i)
		}
	}
}

// FuzzEntry holds the parsers to their promise: what they accept has one
// encoding, which is what they were given.
func FuzzEntry(f *testing.F) {
	e1, e2 := released()
	e, err := disclosure.NewEntry(e1, e2, plain{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.E1)
	f.Add(e.E2[32:])
	f.Add([]byte(strings.Replace(string(e.E1), `"v":1`, `"V":1`, 1)))
	f.Add([]byte(strings.Replace(string(e.E1), `"count":2`, `"count":2.0`, 1)))
	f.Add([]byte(strings.Replace(string(e.E1), `"kind"`, `"kind":"purged","kind"`, 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if got, err := disclosure.ParseE1(raw); err == nil {
			again, err := disclosure.NewEntry(got, disclosure.E2{}, plain{})
			if err != nil || !bytes.Equal(again.E1, raw) {
				t.Errorf("E1 accepted and written otherwise: %v", err)
			}
		}
		if got, err := disclosure.ParseE2(raw); err == nil {
			again, err := disclosure.NewEntry(e1, got, plain{})
			if got.Salt != e1.Salt && got.Local != "" && (err != nil || !bytes.Equal(again.E2[32:], raw)) {
				t.Errorf("E2 accepted and written otherwise: %v", err)
			}
		}
	})
}
