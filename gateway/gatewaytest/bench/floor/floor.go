// Package floor is the least that an exchange can cost on this machine: a server
// that does as many TLS requests, ES256 verifies and signs, digests and durable
// writes of as many bytes as the gateway does for an exchange, and nothing else.
// It parses nothing, decides nothing, seals nothing and keeps no tree.
//
// What is written goes to SQLite or to PostgreSQL, in one transaction with what
// else waits, synced before the answer (group commit, as the gateway's). So the
// ratio of the gateway's rate to the floor's, taken in one run, says what share of
// the work that cannot be avoided the gateway's is, on any machine.
package floor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/keys"
)

// Config says where a floor finds its certificates, and where it writes: to a
// SQLite file in Dir, or to PostgreSQL if there is a DSN.
type Config struct{ World, Dir, DSN string }

// The sizes of what the gateway writes in each step, in bytes: the message with
// its entry and mailbox item, the release entry, the acknowledgement with its
// notice.
const (
	submitBytes = 34_000
	pollBytes   = 5_000
	ackBytes    = 2_000
)

// answerBytes is the size of a release.
const answerBytes = 18_000

// Serve serves a floor until standard input ends.
func Serve(ctx context.Context, cfg Config) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	f := &server{key: key, writes: make(chan write, 1024)}
	if cfg.DSN != "" {
		f.rows, err = openPostgres(ctx, cfg.DSN)
	} else {
		f.rows, err = openSQLite(cfg.Dir)
	}
	if err != nil {
		return err
	}
	config, err := tlsConfig(cfg.World)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go f.commit(ctx)
	s := &http.Server{Handler: f, TLSConfig: config}
	go s.ServeTLS(l, "", "")
	defer s.Close()
	load.Serving(l.Addr().String())
	return nil
}

// tlsConfig is what the gateway of a world serves with.
func tlsConfig(world string) (*tls.Config, error) {
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(world, "ca", "systems.pem"))
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("reading the authority of the systems: no certificate")
	}
	pair, err := keys.NewPair(keys.PairConfig{Certificate: filepath.Join(world, "gateway", "tls.pem"), Key: "file:" + filepath.Join(world, "gateway", "tls.key")})
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		GetCertificate: pair.GetCertificate, SessionTicketsDisabled: true, NextProtos: []string{"h2", "http/1.1"}}, nil
}

type server struct {
	key    *ecdsa.PrivateKey
	writes chan write
	rows   rows
}

// ServeHTTP does the work of one request.
func (f *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/submit":
		parts := bytes.Split(body, []byte("~"))
		for _, p := range parts {
			sha256.Sum256(p)
		}
		err = errors.Join(err, f.verify(parts[0]), f.write(submitBytes, body))
	case "/poll":
		err = errors.Join(err, f.write(pollBytes, body))
		digest := sha256.Sum256(body)
		sig, signErr := ecdsa.SignASN1(rand.Reader, f.key, digest[:])
		err = errors.Join(err, signErr)
		body = append(make([]byte, answerBytes), sig...)
	case "/ack":
		err = errors.Join(err, f.verify(body), f.write(ackBytes, body))
		body = nil
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(body[:min(len(body), 20_000)])
}

// verify does the work of verifying an ES256 signature over what comes before
// the last dot. The key is another one, which costs the same.
func (f *server) verify(token []byte) error {
	dot := bytes.LastIndexByte(token, '.')
	if dot < 0 {
		return errors.New("no token")
	}
	sig, err := base64.RawURLEncoding.DecodeString(string(token[dot+1:]))
	if err != nil || len(sig) != 64 {
		return fmt.Errorf("signature of %d bytes: %w", len(sig), err)
	}
	digest := sha256.Sum256(token[:dot])
	r, v := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	if ecdsa.Verify(&f.key.PublicKey, digest[:], r, v) {
		return errors.New("a signature of another key verifies")
	}
	return nil
}
