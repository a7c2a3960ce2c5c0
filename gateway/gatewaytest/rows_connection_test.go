package gatewaytest_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net/url"
	"sync/atomic"
	"time"

	"sluss/certs"
	"sluss/certs/dev"
	"sluss/gateway"
	"sluss/gateway/directory"
)

// Alerts of TLS (RFC 8446, Section 6).
const (
	badCertificate      = 42
	certificateExpired  = 45
	unknownCA           = 48
	decryptError        = 51
	protocolVersion     = 70
	certificateRequired = 116
)

// connectionRows spoil who connects.
var connectionRows = []row{
	{"no client certificate", fetch, func(r *request) { r.tls.Certificates = nil }, alert(certificateRequired)},
	{"certificate of a foreign CA", fetch, presents(foreign), alert(unknownCA)},
	{"certificate that signed itself", fetch, presents(selfSigned), alert(unknownCA)},
	{"expired certificate", fetch, presents(system(policeSystem("exit"), -50*time.Minute, -time.Minute)), alert(certificateExpired)},
	{"certificate of tomorrow", fetch, presents(system(policeSystem("exit"), time.Hour, 2*time.Hour)), alert(certificateExpired)},
	{"the gateway's own certificate", fetch, func(r *request) {
		cert, err := tls.LoadX509KeyPair(r.s.path("tls.pem"), r.s.path("tls.key"))
		if err != nil {
			r.Fatal(err)
		}
		r.tls.Certificates = []tls.Certificate{cert}
	}, alert(unknownCA)}, // the authority of systems is not the gateways'
	{"certificate without its key", fetch, func(r *request) {
		r.tls.Certificates[0].PrivateKey = r.s.key(r, policeExit, "message")
	}, alert(decryptError)},
	{"TLS 1.2", fetch, func(r *request) { r.tls.MinVersion, r.tls.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }, alert(protocolVersion)},
	{"system that the directory does not have", fetch, presents(system(policeSystem("canary"), -time.Minute, time.Hour)), unknown(403, gateway.CodeUnknownSystem)},
	{"agency that the directory does not have", fetch,
		presents(system(directory.SystemURI{Domain: "sluss.test", Agency: "municipality:9999", Name: "exit"}, -time.Minute, time.Hour)), unknown(403, gateway.CodeUnknownSystem)},
	{"certificate with a second name", fetch, presents(twoNames), unknown(403, gateway.CodeUnknownSystem)},
	{"system that was revoked", fetch, func(r *request) { r.by = revokedSystem; r.tls = r.s.tls(r, revokedSystem) }, refused(403, gateway.CodeSystemRevoked)},
}

func foreign(r *request, key *ecdsa.PrivateKey) (*x509.Certificate, *x509.Certificate, error) {
	dir := r.TempDir()
	if _, err := dev.Make(dev.Config{Dir: dir}); err != nil {
		return nil, nil, err
	}
	a := authority(r, dir, "systems")
	c, err := a.System(policeSystem("exit"), key.Public(), certs.Validity{From: time.Now().Add(-time.Minute), To: time.Now().Add(time.Hour)})
	return c, a.Certificate, err
}

func template(names ...string) *x509.Certificate {
	t := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true}
	for _, name := range names {
		u, err := url.Parse(name)
		if err != nil {
			panic(err) // a constant
		}
		t.URIs = append(t.URIs, u)
	}
	return t
}

func selfSigned(_ *request, key *ecdsa.PrivateKey) (*x509.Certificate, *x509.Certificate, error) {
	c, err := sign(template(policeSystem("exit").String()), nil, key, key)
	return c, c, err
}

// twoNames is a certificate that the authority should not have issued.
func twoNames(r *request, key *ecdsa.PrivateKey) (*x509.Certificate, *x509.Certificate, error) {
	issuer := authority(r, r.s.Dir, "systems").Certificate
	c, err := sign(template(policeSystem("exit").String(), policeSystem("security").String()), issuer, key, authorityKey(r, r.s.Dir, "systems"))
	return c, issuer, err
}

func sign(t, issuer *x509.Certificate, key, by *ecdsa.PrivateKey) (*x509.Certificate, error) {
	if issuer == nil {
		issuer = t
	}
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, key.Public(), by)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// flood is a body that knows how much of it was taken.
type flood struct {
	left  int
	taken atomic.Int64
}

func (f *flood) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), f.left)
	for i := range p[:n] {
		p[i] = canary[i%len(canary)]
	}
	f.left -= n
	f.taken.Add(int64(n))
	return n, nil
}

// slow sends some of a body and then waits.
func slow(h2 bool) func(*request) {
	return func(r *request) {
		pr, pw := io.Pipe()
		r.Cleanup(func() { pw.Close() })
		go io.WriteString(pw, canary)
		r.token, r.h2, r.reader, r.length = nil, h2, pr, 1000
	}
}
