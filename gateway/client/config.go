package client

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/keys"
)

// Config configures a [Client]. URL, Gateway, Agency, Certificate, Authorities,
// Keys, Registrars, Officers, Log and State are required; the zero value of any
// other field means its default. [Load] makes one from a file.
type Config struct {
	URL     string           // of the gateway: https, no path
	Gateway gateway.ID       // that stands in the messages
	Agency  gateway.AgencyID // whose system this is

	// Certificate returns the system's TLS certificate, which may be renewed
	// while it is in use; see [keys.Pair.Certificate].
	Certificate func() *tls.Certificate
	// Authorities issue the gateway's certificate.
	Authorities *x509.CertPool

	Keys []Key

	// Registrars countersign the directory, Officers approve the policy
	// snapshot: two of each stand behind everything. Log verifies checkpoints.
	// All of them come to the agency out of band.
	Registrars []envelope.PublicKey
	Officers   []envelope.PublicKey
	Log        note.Verifier

	// State is a directory in which the client keeps what it must not forget:
	// the newest directory and snapshot and the deliveries seen.
	State string

	// Attempts is how often a request is made at most. Default 6.
	Attempts int
	// Backoff is the longest wait before the second attempt; it doubles with
	// each further one, up to a minute, and is drawn at random (full jitter).
	// A Retry-After from the gateway counts more. Default 500ms.
	Backoff time.Duration
	// Transport carries the requests in the place of HTTPS. For tests.
	Transport http.RoundTripper
	Now       func() time.Time // Default time.Now.
}

// Key is a private key of the agency, or of an alias of it, with its one use
// (envelope.UseMessage, UseAccess, UseControl or UseSeal). Which roles it may
// act in stands in the directory.
type Key struct {
	Use   envelope.Use
	Key   crypto.Signer
	Alias gateway.AgencyID // "" for the agency itself
}

// File is a client.json. Paths and relative file: URIs are seen from where it
// lies.
type File struct {
	URL            string               `json:"url"`             // "https://gateway.example:8443"
	Gateway        gateway.ID           `json:"gateway"`         // "urn:sluss:gateway:demo"
	Agency         gateway.AgencyID     `json:"agency"`          // "municipality:0180"
	Certificate    string               `json:"certificate"`     // path of the system's chain in PEM
	CertificateKey string               `json:"certificate_key"` // URI of its key
	Authorities    string               `json:"authorities"`     // path of the CA certificates in PEM
	Keys           []FileKey            `json:"keys"`
	Registrars     []envelope.PublicKey `json:"registrars"` // JWKs
	Officers       []envelope.PublicKey `json:"officers"`   // JWKs
	Log            string               `json:"log"`        // verifier key of the checkpoints, "<name>+<hash>+<key>"
	State          string               `json:"state"`      // path of a directory, made if it is not there
}

// FileKey is a [Key] in a [File].
type FileKey struct {
	Use   envelope.Use     `json:"use"` // "message", "access", "control" or "seal"
	Key   string           `json:"key"` // URI, "file:keys/message.pem"
	Alias gateway.AgencyID `json:"alias,omitempty"`
}

// Load reads a client.json, and the keys and certificates that it names.
func Load(path string) (Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	var f File
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Config{}, fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Config{}, fmt.Errorf("%w: %s: text after the object", ErrConfig, path)
	}
	cfg, err := f.config(filepath.Dir(path))
	if err != nil {
		return Config{}, fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	return cfg, nil
}

func (f File) config(dir string) (Config, error) {
	cfg := Config{URL: f.URL, Gateway: f.Gateway, Agency: f.Agency, Registrars: f.Registrars, Officers: f.Officers, State: at(dir, f.State)}
	pair, err := keys.NewPair(keys.PairConfig{Certificate: at(dir, f.Certificate), Key: keys.At(dir, f.CertificateKey)})
	if err != nil {
		return Config{}, fmt.Errorf("certificate: %w", err)
	}
	cfg.Certificate = pair.Certificate
	authorities, err := keys.ReadCertificates(at(dir, f.Authorities))
	if err != nil {
		return Config{}, fmt.Errorf("authorities: %w", err)
	}
	cfg.Authorities = x509.NewCertPool()
	for _, ca := range authorities {
		cfg.Authorities.AddCert(ca)
	}
	if cfg.Log, err = note.NewVerifier(f.Log); err != nil {
		return Config{}, fmt.Errorf("log: %w", err)
	}
	for i, k := range f.Keys {
		key, err := keys.LoadEC(keys.At(dir, k.Key))
		if err != nil {
			return Config{}, fmt.Errorf("keys[%d]: %w", i, err)
		}
		cfg.Keys = append(cfg.Keys, Key{Use: k.Use, Key: key, Alias: k.Alias})
	}
	return cfg, nil
}

// at returns path as seen from dir; "" stays "".
func at(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// check returns cfg with its defaults filled in.
func (cfg Config) check() (Config, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return cfg, fmt.Errorf("%w: URL must be https://host[:port]", ErrConfig)
	}
	cfg.URL = "https://" + u.Host
	if _, err := gateway.ParseID(string(cfg.Gateway)); err != nil {
		return cfg, fmt.Errorf("%w: Gateway: %w", ErrConfig, err)
	}
	if _, err := gateway.ParseAgency(string(cfg.Agency)); err != nil {
		return cfg, fmt.Errorf("%w: Agency: %w", ErrConfig, err)
	}
	switch {
	case len(cfg.Registrars) < 2 || len(cfg.Officers) < 2:
		return cfg, fmt.Errorf("%w: two registrars and two officers are needed, no one of them suffices", ErrConfig)
	case cfg.Log == nil:
		return cfg, fmt.Errorf("%w: Log, the verifier key of the checkpoints, is missing", ErrConfig)
	case cfg.State == "":
		return cfg, fmt.Errorf("%w: State is missing; without it replays cannot be told", ErrConfig)
	case cfg.Certificate == nil, cfg.Transport == nil && cfg.Authorities == nil:
		return cfg, fmt.Errorf("%w: Certificate or Authorities is missing", ErrConfig)
	}
	for _, pins := range [][]envelope.PublicKey{cfg.Registrars, cfg.Officers} {
		seen := map[string]bool{}
		for _, k := range pins {
			if k.IsZero() || seen[k.Thumbprint()] {
				return cfg, fmt.Errorf("%w: a pinned key is missing or there twice", ErrConfig)
			}
			seen[k.Thumbprint()] = true
		}
	}
	cfg.Attempts = cmp.Or(max(cfg.Attempts, 0), 6)
	cfg.Backoff = cmp.Or(max(cfg.Backoff, 0), 500*time.Millisecond)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg, nil
}

// ring is the client's own keys, sorted by use.
type ring struct {
	signers    []signer
	decrypters []*envelope.Decrypter
}

// signer is a signing key and in whose name it signs.
type signer struct {
	use envelope.Use
	iss gateway.AgencyID
	*envelope.Signer
}

func newRing(cfg Config) (ring, error) {
	var r ring
	for i, k := range cfg.Keys {
		iss := cmp.Or(k.Alias, cfg.Agency)
		switch k.Use {
		case envelope.UseMessage, envelope.UseAccess, envelope.UseControl:
			s, err := envelope.NewSigner(k.Key)
			if err != nil {
				return ring{}, fmt.Errorf("%w: Keys[%d]: %w", ErrConfig, i, err)
			}
			r.signers = append(r.signers, signer{k.Use, iss, s})
		case envelope.UseSeal:
			ec, ok := k.Key.(*ecdsa.PrivateKey)
			if !ok {
				return ring{}, fmt.Errorf("%w: Keys[%d]: a decryption key must be an EC P-256 private key", ErrConfig, i)
			}
			d, err := envelope.NewDecrypter(ec)
			if err != nil {
				return ring{}, fmt.Errorf("%w: Keys[%d]: %w", ErrConfig, i, err)
			}
			r.decrypters = append(r.decrypters, d)
		default:
			return ring{}, fmt.Errorf("%w: Keys[%d]: use %q is not one of an agency's", ErrConfig, i, k.Use)
		}
	}
	return r, nil
}
