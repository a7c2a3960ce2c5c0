package clienttest

import (
	"encoding/pem"
	"os"
	"path/filepath"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
	"sluss/gateway/keys"
)

// WriteConfig writes the client.json of an agency, with its keys and
// certificates, into a folder that is not there yet, and returns its path.
func (g *Gateway) WriteConfig(dir string, id gateway.AgencyID) string {
	g.t.Helper()
	a := g.agencies[id]
	check(g.t, os.MkdirAll(dir, 0o700))
	write := func(name string, raw []byte) {
		check(g.t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	write("tls.pem", block(a.cert.Certificate[0]))
	write("gateways.pem", block(g.server.Certificate().Raw))
	check(g.t, keys.Create(filepath.Join(dir, "tls.key"), a.certKey))
	f := client.File{
		URL: g.server.URL, Gateway: ID, Agency: id, Certificate: "tls.pem", CertificateKey: "file:tls.key", Authorities: "gateways.pem",
		Registrars: publics(g.registrars), Officers: publics(g.officers), Log: g.log.vkey, State: "state",
	}
	for _, use := range []envelope.Use{envelope.UseMessage, envelope.UseAccess, envelope.UseSeal} {
		name := string(use) + ".key"
		check(g.t, keys.Create(filepath.Join(dir, name), a.Keys[use]))
		f.Keys = append(f.Keys, client.FileKey{Use: use, Key: "file:" + name})
	}
	write("client.json", encode(g.t, f))
	return filepath.Join(dir, "client.json")
}

func block(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
