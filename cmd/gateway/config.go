package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/ingress"
	"sluss/gateway/keys"
)

// config is the configuration file, JSON. Paths and relative file: URIs are
// seen from where the file lies. Every member is required but those that say
// what their absence means.
type config struct {
	// Gateway is the gateway's identity, "urn:sluss:gateway:<name>".
	Gateway string `json:"gateway"`
	// Log is the name of the disclosure log, "<name>.sluss/log".
	Log string `json:"log"`
	// Domain is the SPIFFE trust domain of the systems.
	Domain string `json:"domain"`
	// Listen is the address of the agency API. Absent: "127.0.0.1:8443".
	Listen string `json:"listen,omitempty"`
	// Operations is the address of health, metrics and reload, which must not be
	// reachable from outside the machine. Absent: "127.0.0.1:8444".
	Operations string `json:"operations,omitempty"`
	// Public is the address where anyone may read the published log (checkpoint,
	// tiles and leaves, which tell nothing about anybody), over TLS and without a
	// client certificate, and nothing else. Absent: only registered systems may
	// read it, at Listen.
	Public string `json:"public,omitempty"`

	// Data is the directory of the embedded database, State that of what must not
	// lie in the database's backups: the log's anchor, the last directory and
	// policy. Each gateway has a State of its own.
	Data  string `json:"data"`
	State string `json:"state"`
	// Database is the URI of a PostgreSQL database, "postgres://…", which several
	// gateways may share. Absent: the embedded database in Data.
	Database string `json:"database,omitempty"`
	// HA says that the database has a synchronous standby: the gateway does not
	// start, and is not ready, without one that streams. Absent: false.
	HA bool `json:"ha,omitempty"`
	// Ring is the directory of the at-rest keys, which must not lie in the
	// database's backups either. Gateways on one database share it. Absent: "ring"
	// in State.
	Ring string `json:"ring,omitempty"`
	// Adopt accepts a log whose anchor is missing, or a missing memory of the last
	// directory or policy although the log has had one: an operator's decision, for
	// the first start on a new machine. From then on an older directory or an older
	// approval than was in force is not known to be one. Absent: false.
	Adopt bool `json:"adopt,omitempty"`

	// TLS is the server's certificate chain and key, and the authorities that
	// issue the systems' certificates.
	TLS struct {
		Certificate string `json:"certificate"`
		Key         string `json:"key"`
		Authorities string `json:"authorities"`
	} `json:"tls"`
	// Keys are the URIs of the key that signs releases, of the Ed25519 key that
	// signs checkpoints, and of the key that wraps the at-rest keys.
	Keys struct {
		Release    string `json:"release"`
		Checkpoint string `json:"checkpoint"`
		KEK        string `json:"kek"`
	} `json:"keys"`

	// Directory and Snapshot are the files of countersigned statements and of
	// the approved policy. They are read again when they change.
	Directory string `json:"directory"`
	Snapshot  string `json:"snapshot"`
	// Pins is the file with the public keys of registrars and legal officers.
	Pins string `json:"pins"`

	// Witnesses is the file of a trust policy (c2sp.org/tlog-policy) with the
	// witnesses that cosign the log and their URLs; "gatewayctl witness show" prints
	// its lines. The gateway starts only when a quorum of them has answered, and
	// publishes nothing without one. Absent: nobody witnesses the log.
	Witnesses string `json:"witnesses,omitempty"`

	// Release says for each purpose how sure an entry must be before its data
	// leaves: "committed", in the database and synced; "replicated", on its
	// synchronous standby too, which needs "ha"; "witnessed", in a tree that the
	// witnesses have cosigned as well, which needs "witnesses". "*" is for the
	// purposes not named. Absent: "committed".
	Release map[gateway.Purpose]string `json:"release,omitempty"`

	// RedeliverSeconds is how long a message that was handed out and not
	// acknowledged is kept before it is handed out again: longer than a recipient
	// needs to store a batch. Absent: 60.
	RedeliverSeconds float64 `json:"redeliver_seconds,omitempty"`

	// RequestsPerSecond bounds what each system may ask, AgencyRequestsPerSecond
	// what all systems of an agency may together. Absent: 500, and twice the former.
	RequestsPerSecond       float64 `json:"requests_per_second,omitempty"`
	AgencyRequestsPerSecond float64 `json:"agency_requests_per_second,omitempty"`
	// AgencyRequests bounds the requests other than polls that all systems of an
	// agency have open at once. Absent: 64.
	AgencyRequests int `json:"agency_requests,omitempty"`
	// ConnectionsPerSecond and Connections bound new and open connections of one
	// network address. Behind a balancer that hides the callers' addresses they
	// are those of everybody, and have to be set higher. Absent: 50 and 1024.
	ConnectionsPerSecond float64 `json:"connections_per_second,omitempty"`
	Connections          int     `json:"connections,omitempty"`

	// DrainDelaySeconds is how long a gateway that was told to stop (SIGTERM) goes
	// on as if nothing had happened while /readyz is red already: longer than
	// the balancer in front of it takes to notice. Absent: 0. DrainSeconds is how
	// long requests under way then have to finish. Absent: 30.
	DrainDelaySeconds float64 `json:"drain_delay_seconds,omitempty"`
	DrainSeconds      float64 `json:"drain_seconds,omitempty"`
}

// limits are what the configuration says of the edge's.
func (c config) limits() ingress.Limits {
	return ingress.Limits{Rate: c.RequestsPerSecond, Burst: int(2 * c.RequestsPerSecond), AgencyRate: c.AgencyRequestsPerSecond,
		AgencyExchanges: c.AgencyRequests, ConnRate: c.ConnectionsPerSecond, ConnsEach: c.Connections,
		DrainDelay: time.Duration(c.DrainDelaySeconds * float64(time.Second)), Drain: time.Duration(c.DrainSeconds * float64(time.Second))}
}

// pins is the file that [config.Pins] names.
type pins struct {
	Gateway    gateway.ID           `json:"gateway"`
	Registrars []envelope.PublicKey `json:"registrars"`
	Officers   []envelope.PublicKey `json:"officers"`
	Log        string               `json:"log"` // verifier key of the log's checkpoints
}

var errConfig = errors.New("configuration")

// readConfig reads a configuration file, strictly, and resolves its paths.
func readConfig(path string) (config, pins, error) {
	var c config
	if err := readJSON(path, &c); err != nil {
		return c, pins{}, err
	}
	c.Listen, c.Operations = cmp.Or(c.Listen, "127.0.0.1:8443"), cmp.Or(c.Operations, "127.0.0.1:8444")
	dir := filepath.Dir(path)
	if c.Data == "" && c.Database != "" {
		c.Data = c.State // of no use then
	}
	for _, p := range []*string{&c.Data, &c.State, &c.TLS.Certificate, &c.TLS.Authorities, &c.Directory, &c.Snapshot, &c.Pins} {
		if *p == "" {
			return c, pins{}, fmt.Errorf("%w: %s lacks a required path", errConfig, path)
		}
		if !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	if c.Ring = cmp.Or(c.Ring, filepath.Join(c.State, "ring")); !filepath.IsAbs(c.Ring) {
		c.Ring = filepath.Join(dir, c.Ring)
	}
	if c.Witnesses != "" && !filepath.IsAbs(c.Witnesses) {
		c.Witnesses = filepath.Join(dir, c.Witnesses)
	}
	for _, u := range []*string{&c.TLS.Key, &c.Keys.Release, &c.Keys.Checkpoint, &c.Keys.KEK} {
		*u = keys.At(dir, *u)
	}
	if err := c.checkRelease(); err != nil {
		return c, pins{}, err
	}
	var p pins
	if err := readJSON(c.Pins, &p); err != nil {
		return c, p, err
	}
	if string(p.Gateway) != c.Gateway {
		return c, p, fmt.Errorf("%w: %s is of another gateway", errConfig, c.Pins)
	}
	v, err := note.NewVerifier(p.Log)
	if err != nil || v.Name() != c.Log {
		return c, p, fmt.Errorf("%w: %s has the key of another log", errConfig, c.Pins)
	}
	return c, p, nil
}

func readJSON(path string, into any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %s: %w", errConfig, path, err)
	}
	return nil
}

// checkRelease returns an error for a release policy that cannot be kept.
func (c config) checkRelease() error {
	for purpose, how := range c.Release {
		switch {
		case how == "committed", how == "replicated" && c.HA && c.Database != "", how == "witnessed" && c.Witnesses != "":
		case how == "replicated", how == "witnessed":
			return fmt.Errorf("%w: release %q for %s needs %q", errConfig, how, purpose, map[string]string{"replicated": "ha", "witnessed": "witnesses"}[how])
		default:
			return fmt.Errorf("%w: release %q for %s is none of committed, replicated, witnessed", errConfig, how, purpose)
		}
	}
	return nil
}

// witnessed reports whether a release for a purpose waits for the witnesses.
func (c config) witnessed(p gateway.Purpose) bool {
	return cmp.Or(c.Release[p], c.Release["*"]) == "witnessed"
}

// witnesses reads the trust policy; nil if there is none.
func (c config) witnesses() (*disclosure.Witnesses, error) {
	if c.Witnesses == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(c.Witnesses)
	if err != nil {
		return nil, fmt.Errorf("reading trust policy: %w", err)
	}
	return disclosure.ParseWitnesses(raw)
}
