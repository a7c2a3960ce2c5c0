package keys

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"sync/atomic"

	"sluss/gateway/internal/watch"
)

// PairConfig configures a [Pair]. Certificate and Key are required.
type PairConfig struct {
	// Certificate is the path of the chain in PEM, the end entity first, the
	// trust anchor left out (RFC 8446, Section 4.4.2).
	Certificate string
	// Key is the URI of the private key.
	Key string
	// Report is called when a renewed pair could not be loaded; the old one
	// stays in use. It may be nil.
	Report func(error)
}

// Pair is a TLS certificate chain with its key, which may be renewed on disk
// while it is in use. Its methods may be called by several goroutines at once.
type Pair struct {
	cfg     PairConfig
	files   *watch.Files
	current atomic.Pointer[tls.Certificate]
}

// NewPair loads the pair. A key that is not the certificate's is [ErrPair].
func NewPair(cfg PairConfig) (*Pair, error) {
	path, err := filePath(cfg.Key)
	if err != nil {
		return nil, err
	}
	p := &Pair{cfg: cfg, files: watch.New(cfg.Certificate, path)}
	if _, _, err := p.files.Load(p.load); err != nil {
		return nil, err
	}
	return p, nil
}

// Run loads the pair again whenever a file has changed, until ctx is done, and
// returns the cause. Connections made before keep the certificate they have.
func (p *Pair) Run(ctx context.Context) error { return p.files.Run(ctx, p.load, p.cfg.Report) }

// Certificate returns the pair as last loaded. It must not be changed.
func (p *Pair) Certificate() *tls.Certificate { return p.current.Load() }

// GetCertificate serves tls.Config.GetCertificate.
func (p *Pair) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return p.Certificate(), nil
}

// GetClientCertificate serves tls.Config.GetClientCertificate.
func (p *Pair) GetClientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return p.Certificate(), nil
}

// load replaces the current pair, or leaves it as it is when it fails.
func (p *Pair) load() error {
	chain, err := ReadCertificates(p.cfg.Certificate)
	if err != nil {
		return err
	}
	key, err := Load(p.cfg.Key)
	if err != nil {
		return err
	}
	public, ok := chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(key.Public()) {
		return fmt.Errorf("loading %s: %w", p.cfg.Certificate, ErrPair)
	}
	pair := &tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	p.current.Store(pair)
	return nil
}

// ReadCertificates reads a file of certificates in PEM (RFC 7468, Section 5):
// at least one, and no other kind of block.
func ReadCertificates(path string) ([]*x509.Certificate, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rest, err := readAll(f, path)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for len(bytes.TrimSpace(rest)) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("reading %s: %w: not certificates in PEM", path, ErrFormat)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w: %w", path, ErrFormat, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("reading %s: %w: no certificate", path, ErrFormat)
	}
	return certs, nil
}
