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

	// Data is the directory of the database, State that of what must not lie in
	// the database's backups: the log's anchor, the last directory and policy,
	// the at-rest keys.
	Data  string `json:"data"`
	State string `json:"state"`
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

	// RequestsPerSecond bounds what each system may ask, AgencyRequestsPerSecond
	// what all systems of an agency may together. Absent: 500, and twice the former.
	RequestsPerSecond       float64 `json:"requests_per_second,omitempty"`
	AgencyRequestsPerSecond float64 `json:"agency_requests_per_second,omitempty"`
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
		ConnRate: c.ConnectionsPerSecond, ConnsEach: c.Connections,
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
	for _, p := range []*string{&c.Data, &c.State, &c.TLS.Certificate, &c.TLS.Authorities, &c.Directory, &c.Snapshot, &c.Pins} {
		if *p == "" {
			return c, pins{}, fmt.Errorf("%w: %s lacks a required path", errConfig, path)
		}
		if !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for _, u := range []*string{&c.TLS.Key, &c.Keys.Release, &c.Keys.Checkpoint, &c.Keys.KEK} {
		*u = keys.At(dir, *u)
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
