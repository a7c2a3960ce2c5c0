package authn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// TLS returns the server's side of TLS: version 1.3 only, a client certificate
// required, nothing resumed, certificates as they are at each connection.
func (a *Authenticator) TLS() *tls.Config {
	cfg := &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              x509.NewCertPool(), // nobody, until GetConfigForClient says who
		SessionTicketsDisabled: true,
		GetCertificate:         a.cfg.Certificate,
		NextProtos:             []string{"h2", "http/1.1"},
	}
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := cfg.Clone()
		c.GetConfigForClient = nil
		if c.ClientCAs = a.cfg.Authorities(); c.ClientCAs == nil {
			// A nil pool would mean the machine's own authorities.
			return nil, errors.New("authn: no authorities of client certificates")
		}
		return c, nil
	}
	return cfg
}
