package gatewaytest_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"sluss/gateway/gatewaytest"
	"sluss/gateway/keys"
)

// floor is the least that an exchange can cost: three TLS requests; an ES256
// verify of the message and of the receipt, a signature by the gateway and one
// by the recipient; the digests of the disclosures; three writes of as many
// bytes as ours, each in a transaction with what else waits, synced. It parses
// nothing, decides nothing and seals nothing.
type floor struct {
	url    string
	key    *ecdsa.PrivateKey
	writes chan write
	db     *sql.DB
	stop   func()
}

type write struct {
	body []byte
	done chan error
}

func newFloor(b *testing.B, w *gatewaytest.World) *floor {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	f := &floor{key: key, writes: make(chan write, 1024)}
	f.db, err = sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "floor.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err == nil {
		f.db.SetMaxOpenConns(1)
		_, err = f.db.Exec("CREATE TABLE row (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
	}
	if err != nil {
		b.Fatal(err)
	}
	go f.commit()
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(w.Dir, "ca", "systems.pem"))
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		b.Fatal("reading the authority of the systems:", err)
	}
	pair, err := keys.NewPair(keys.PairConfig{Certificate: filepath.Join(w.Dir, "gateway", "tls.pem"), Key: "file:" + filepath.Join(w.Dir, "gateway", "tls.key")})
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	f.url = "https://" + l.Addr().String()
	srv := &http.Server{Handler: f, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: pool, GetCertificate: pair.GetCertificate, SessionTicketsDisabled: true}}
	go srv.ServeTLS(l, "", "")
	f.stop = func() { srv.Close(); close(f.writes) }
	return f
}

func (f *floor) close() { f.stop() }

// commit writes what waits, together.
func (f *floor) commit() {
	for first := range f.writes {
		batch := []write{first}
	gather:
		for len(batch) < 256 {
			select {
			case more, ok := <-f.writes:
				if !ok {
					break gather
				}
				batch = append(batch, more)
			default:
				break gather
			}
		}
		err := f.insert(batch)
		for _, w := range batch {
			w.done <- err
		}
	}
}

func (f *floor) insert(batch []write) error {
	tx, err := f.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, w := range batch {
		if _, err := tx.Exec("INSERT INTO row (body) VALUES (?)", w.body); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (f *floor) write(n int, body []byte) error {
	w := write{make([]byte, n), make(chan error, 1)}
	copy(w.body, body)
	f.writes <- w
	return <-w.done
}

// The sizes of what ours writes in each step, in bytes: the message with its
// entry and mailbox item, the release entry, the acknowledgement with its notice.
const (
	submitBytes = 34_000
	pollBytes   = 5_000
	ackBytes    = 2_000
)

// ServeHTTP does the work of one request.
func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
		body = append(make([]byte, 18_000), sig...)
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
func (f *floor) verify(token []byte) error {
	dot := bytes.LastIndexByte(token, '.')
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

// exchange is the floor's exchange of one user.
func (f *floor) exchange(u *user, ctx context.Context) error {
	token := u.sample
	if _, err := post(ctx, u.police, f.url+"/submit", "application/sd-jwt", token); err != nil {
		return err
	}
	answer, err := post(ctx, u.town, f.url+"/poll", "application/json", []byte(`{"role":"municipality.social_worker","returnImmediately":true}`))
	if err != nil {
		return err
	}
	ack, err := u.receipt(map[string]struct {
		Token string `json:"token"`
	}{fmt.Sprint(len(answer)): {string(token)}})
	if err != nil {
		return err
	}
	var q struct {
		Received map[string]string `json:"received"`
	}
	if err := json.Unmarshal(ack, &q); err != nil {
		return err
	}
	for _, set := range q.Received {
		_, err = post(ctx, u.town, f.url+"/ack", "application/json", []byte(set))
	}
	return err
}
