package keys

import (
	"context"
	"crypto/x509"
	"sync/atomic"

	"sluss/gateway/internal/watch"
)

// Pool is a file of trust anchors (RFC 5280, Section 6.1.1) that may be
// replaced on disk while it is in use. Its methods may be called by several
// goroutines at once.
type Pool struct {
	path    string
	report  func(error)
	files   *watch.Files
	current atomic.Pointer[x509.CertPool]
}

// NewPool loads the anchors in the file of that path. report is told when a new
// file could not be loaded, the old one staying in use; it may be nil.
func NewPool(path string, report func(error)) (*Pool, error) {
	p := &Pool{path: path, report: report, files: watch.New(path)}
	if _, _, err := p.files.Load(p.load); err != nil {
		return nil, err
	}
	return p, nil
}

// Certificates returns the anchors as last loaded, never nil. The pool must not
// be changed.
func (p *Pool) Certificates() *x509.CertPool { return p.current.Load() }

// Run loads the anchors again whenever the file has changed, until ctx is done,
// and returns the cause.
func (p *Pool) Run(ctx context.Context) error { return p.files.Run(ctx, p.load, p.report) }

func (p *Pool) load() error {
	certs, err := ReadCertificates(p.path)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	p.current.Store(pool)
	return nil
}
