package dev

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"

	"sluss/certs"
	"sluss/gateway/directory"
	"sluss/gateway/keys"
)

// authorities are the three of package certs.
type authorities struct{ root, systems, gateways *certs.Authority }

// caLives is how many lives of a certificate an authority lives, so that it
// outlives what it issues.
const caLives = 4

// authorities opens the authorities, or makes all three anew with the keys they
// have.
func (w *world) authorities() error {
	var opened []*certs.Authority
	var signers []*ecdsa.PrivateKey
	for _, name := range []string{"root", "systems", "gateways"} {
		key, err := w.key("ca/" + name + ".key")
		if err != nil {
			return err
		}
		signers = append(signers, key)
		a, err := w.openAuthority("ca/"+name+".pem", key)
		if err != nil {
			return err
		}
		if a != nil {
			opened = append(opened, a)
		}
	}
	if len(opened) == len(signers) {
		w.ca = authorities{opened[0], opened[1], opened[2]}
		return nil
	}
	return w.newAuthorities(signers[0], signers[1], signers[2])
}

// openAuthority returns nil for an authority that is to be made anew: it is
// missing, has another key, or would not outlive what it issues.
func (w *world) openAuthority(name string, key crypto.Signer) (*certs.Authority, error) {
	chain, err := keys.ReadCertificates(w.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a, err := certs.Open(chain[0], key)
	if err != nil || w.due(chain[0].NotAfter.Add(-2*w.cfg.Life)) {
		return nil, nil
	}
	return a, nil
}

func (w *world) newAuthorities(root, systems, gateways crypto.Signer) (err error) {
	v := certs.Validity{From: w.now.Add(-backdate), To: w.now.Add(caLives * w.cfg.Life)}
	if w.ca.root, err = certs.NewRoot("Sluss development root", root, v); err != nil {
		return err
	}
	if w.ca.systems, err = w.ca.root.Systems("Sluss development systems", w.cfg.Domain, systems, v); err != nil {
		return err
	}
	if w.ca.gateways, err = w.ca.root.Gateways("Sluss development gateways", gateways, v); err != nil {
		return err
	}
	return errors.Join(
		w.write("ca/root.pem", certs.PEM(w.ca.root.Certificate)),
		w.write("ca/systems.pem", certs.PEM(w.ca.systems.Certificate)),
		w.write("ca/gateways.pem", certs.PEM(w.ca.gateways.Certificate)))
}

// server makes the gateway's TLS certificate.
func (w *world) server(base string) error {
	return w.pair(base, w.ca.gateways, func(key crypto.PublicKey) (*x509.Certificate, error) {
		local := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
		return w.ca.gateways.Server([]string{"localhost"}, local, key, w.validity())
	})
}

// system makes a system's TLS certificate.
func (w *world) system(base string, id directory.SystemURI) error {
	return w.pair(base, w.ca.systems, func(key crypto.PublicKey) (*x509.Certificate, error) {
		return w.ca.systems.System(id, key, w.validity())
	})
}

// pair makes the key and, if it is due, the certificate of an end entity, with
// its issuer as the rest of the chain.
func (w *world) pair(base string, issuer *certs.Authority, issue func(crypto.PublicKey) (*x509.Certificate, error)) error {
	key, err := w.key(base + ".key")
	if err != nil {
		return err
	}
	chain, err := keys.ReadCertificates(w.path(base + ".pem"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && !w.due(chain[0].NotAfter) && len(chain) == 2 && chain[1].Equal(issuer.Certificate) &&
		key.PublicKey.Equal(chain[0].PublicKey) {
		return nil
	}
	c, err := issue(key.Public())
	if err != nil {
		return err
	}
	return w.write(base+".pem", certs.PEM(c, issuer.Certificate))
}
