// Package dev makes a development world: an authority, a gateway's keys, a cast
// of agencies with their systems, two registrars, two legal officers, and the
// documents that tie them together. It is what an operator, four agencies'
// security staff, two registrars and two lawyers do by hand in earnest, each at
// a machine of their own; so nothing it makes may ever meet real data.
//
// # What it makes
//
//	README                           what is what, for a person
//	directory.json                   countersigned statements (package directory)
//	snapshot.json                    the policy that both officers approved (package snapshot)
//	ca/root systems gateways         .pem and .key of the three authorities (package certs)
//	gateway/tls.pem tls.key          server certificate: localhost, 127.0.0.1, ::1
//	gateway/control.key release.key  statements, key bindings
//	gateway/checkpoint.key           Ed25519, signs the log's checkpoints
//	gateway/kek                      wraps the keys of the store (package keys)
//	gateway/gateway.json             configuration: gateway -config gateway/gateway.json
//	gateway/pins.json                registrars, officers and log key, as every client pins them
//	registrars/1.key 2.key           countersign statements
//	officers/1.key 2.key             approve policy snapshots
//	agencies/<agency>/control.key    signs the agency's statements
//	agencies/<agency>/<system>/      all that one system has, client.json first
//
// A system's folder stands on its own and can be copied to another machine. The
// folder of an agency is its identifier with "-" for ":". An agency whose name
// could locate a person has an alias, with keys of its own beside those of its
// first system.
//
// # Again
//
// [Make] can be run again: it keeps every key, makes what is missing and renews
// what has less than a third of its life left. Sequence numbers rise, so a
// running gateway takes what was renewed.
package dev

import (
	"cmp"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sluss/certs"
	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
	"sluss/gateway/keys"
	"sluss/gateway/snapshot"
)

// Config configures [Make]. Dir is required; the zero value of any other field
// means its default.
type Config struct {
	Dir string
	// Gateway is the name of the gateway: urn:sluss:gateway:<name>, and
	// <name>.sluss/log of its log. Default "dev".
	Gateway string
	// URL is where clients find the gateway, which listens on that port on
	// 127.0.0.1. Default https://localhost:8443.
	URL string
	// Operations is the address of health, metrics and reload. Default: the
	// port after that of URL, on 127.0.0.1.
	Operations string
	// Municipalities is how many further municipalities take part, from
	// municipality:9001 on, each with the system "exit": for load tests.
	Municipalities int
	// Domain is the SPIFFE trust domain. Default "sluss.test".
	Domain string
	// Life is how long certificates, statements and approvals hold. Default 30
	// days.
	Life time.Duration
	// Renew renews everything that has an end, due or not. Keys are kept.
	Renew bool
	// Snapshot is the policy to approve; the zero value approves none.
	Snapshot snapshot.Snapshot
	// Now is the time of making. Default time.Now.
	Now time.Time
}

// Result is what [Make] did, by paths within the directory.
type Result struct {
	Dir     string   `json:"dir"`
	Made    []string `json:"made"`    // keys and files that were not there
	Renewed []string `json:"renewed"` // files that were replaced
}

// Pins is what a client or a gateway pins out of band.
type Pins struct {
	Gateway    gateway.ID           `json:"gateway"`
	Registrars []envelope.PublicKey `json:"registrars"`
	Officers   []envelope.PublicKey `json:"officers"`
	Log        string               `json:"log"` // verifier key of the checkpoints
}

// backdate is how far in the past what is made begins to hold, for machines
// whose clocks are behind.
const backdate = time.Hour

// ErrConfig says that a field of [Config] cannot be.
var ErrConfig = errors.New("dev: configuration")

// world is a world in the making.
type world struct {
	cfg        Config
	id         gateway.ID
	now        time.Time
	result     Result
	ca         authorities
	registrars []*envelope.Signer
	officers   []*envelope.Signer
	pins       Pins
	stated     map[string]stated // what the directory says already
	entries    []directory.Entry
}

// Make makes or renews the development world in cfg.Dir.
func Make(cfg Config) (Result, error) {
	cfg.Gateway = cmp.Or(cfg.Gateway, "dev")
	cfg.URL = cmp.Or(cfg.URL, "https://localhost:8443")
	cfg.Domain = cmp.Or(cfg.Domain, "sluss.test")
	cfg.Life = cmp.Or(cfg.Life, 30*24*time.Hour)
	if cfg.Now.IsZero() {
		cfg.Now = time.Now()
	}
	id, err := gateway.ParseID("urn:sluss:gateway:" + cfg.Gateway)
	if err != nil || cfg.Dir == "" || cfg.Life < time.Minute {
		return Result{}, fmt.Errorf("%w: Dir, Gateway or Life", ErrConfig)
	}
	w := &world{cfg: cfg, id: id, now: cfg.Now.Truncate(time.Second), stated: map[string]stated{}}
	w.result = Result{Dir: cfg.Dir, Made: []string{}, Renewed: []string{}}
	for _, step := range []func() error{w.authorities, w.persons, w.gateway, w.configure, w.recall, w.parties, w.publish, w.approve, w.explain} {
		if err := step(); err != nil {
			return w.result, err
		}
	}
	return w.result, nil
}

// due reports whether what holds until end is to be renewed.
func (w *world) due(end time.Time) bool {
	return w.cfg.Renew || end.Sub(w.now) < w.cfg.Life/3
}

// validity is that of what is made now.
func (w *world) validity() certs.Validity {
	return certs.Validity{From: w.now.Add(-backdate), To: w.now.Add(w.cfg.Life)}
}

// persons makes the keys of registrars and officers.
func (w *world) persons() error {
	for _, group := range []struct {
		dir     string
		signers *[]*envelope.Signer
		pins    *[]envelope.PublicKey
	}{{"registrars", &w.registrars, &w.pins.Registrars}, {"officers", &w.officers, &w.pins.Officers}} {
		for _, name := range []string{"1.key", "2.key"} {
			s, err := w.signer(filepath.Join(group.dir, name))
			if err != nil {
				return err
			}
			*group.signers = append(*group.signers, s)
			*group.pins = append(*group.pins, s.Public())
		}
	}
	return nil
}

// gateway makes the gateway's own keys and the pins that everybody else has.
func (w *world) gateway() error {
	if err := w.server("gateway/tls"); err != nil {
		return err
	}
	for _, name := range []string{"gateway/control.key", "gateway/release.key"} {
		if _, err := w.signer(name); err != nil {
			return err
		}
	}
	checkpoint, err := ensure(w, "gateway/checkpoint.key", keys.LoadEd25519, keys.NewEd25519)
	if err != nil {
		return err
	}
	if err := w.kek("gateway/kek"); err != nil {
		return err
	}
	w.pins.Gateway = w.id
	w.pins.Log, err = note.NewEd25519VerifierKey(w.log(), checkpoint.Public().(ed25519.PublicKey))
	if err != nil {
		return fmt.Errorf("naming the log: %w", err)
	}
	return w.writeJSON("gateway/pins.json", w.pins)
}

// log is the name of the gateway's log.
func (w *world) log() string { return w.cfg.Gateway + ".sluss/log" }

// approve has both officers approve the policy snapshot, and packs it.
func (w *world) approve() error {
	const name = "snapshot.json"
	s := w.cfg.Snapshot
	if s.IsZero() {
		return nil
	}
	a := envelope.Approval{Gateway: w.id, Snapshot: s.Digest(), Seq: 1, NotBefore: w.now.Add(-backdate), Expires: w.now.Add(w.cfg.Life)}
	raw, err := os.ReadFile(w.path(name))
	if err == nil {
		old, err := w.approved(raw)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if old.Snapshot == a.Snapshot && !w.due(old.Expires) {
			return nil
		}
		a.Seq, a.Previous = old.Seq+1, old.Snapshot
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var approvals []string
	for _, officer := range w.officers {
		signed, err := envelope.SignApproval(a, officer)
		if err != nil {
			return fmt.Errorf("approving the policy: %w", err)
		}
		approvals = append(approvals, signed)
	}
	bundle, err := snapshot.Pack(s, approvals).Encode()
	if err != nil {
		return err
	}
	return w.write(name, bundle)
}

// approved reads the approval in a bundle that this package made, which may
// have expired.
func (w *world) approved(raw []byte) (envelope.Approval, error) {
	b, err := snapshot.ParseBundle(raw)
	if err != nil {
		return envelope.Approval{}, err
	}
	if len(b.Approvals) == 0 {
		return envelope.Approval{}, snapshot.ErrOfficers
	}
	return envelope.VerifyApproval(b.Approvals[0], w.officers[0].Public())
}

// writeJSON writes v so that a person can read it.
func (w *world) writeJSON(name string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return w.write(name, append(raw, '\n'))
}
