package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/keys"
	"sluss/gateway/store/pgtest"
)

// TestMain is this program where a system runs it again for a part of itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "serve-") {
		if err := run(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

var server pgtest.Shared

const shortRound = 300 * time.Millisecond

// countRows counts the rows of one end of the baseline.
func countRows(ctx context.Context, dsn string) (n int, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "SELECT count(*) FROM exchanged").Scan(&n)
	return n, err
}

// newClients makes clients in a world without a gateway, and a token that looks like
// a message.
func newClients(t *testing.T) (*crowd, []byte) {
	t.Helper()
	w, err := gatewaytest.NewCrowd(t.TempDir(), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.LoadEC("file:" + filepath.Join(w.Folder("municipality:9001", "exit"), "message.key"))
	if err != nil {
		t.Fatal(err)
	}
	here := &town{id: "municipality:9001"}
	if here.signer, err = envelope.NewSigner(key); err != nil {
		t.Fatal(err)
	}
	c := &crowd{w: w, towns: []*town{here}}
	for range 3 {
		var conns [2]*http.Client
		for i, agency := range []gateway.AgencyID{"police", here.id} {
			if conns[i], err = connection(w, agency); err != nil {
				t.Fatal(err)
			}
		}
		c.users = append(c.users, &user{here, "", conns[0], conns[1]})
	}
	part := base64.RawURLEncoding.EncodeToString
	token := "e30." + part([]byte(`{"jti":"urn:uuid:01900000-0000-7000-8000-000000000001"}`)) + "." + part(make([]byte, 64)) + "~CANARY~"
	return c, []byte(token)
}

// measure takes a short round of a system and closes it.
func measure(t *testing.T, s load.System, err error) load.Round {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var g load.Guess
	r, err := g.Prepared(t.Context(), s, 3, shortRound)
	if err != nil || r.Done == 0 || r.P50 <= 0 || r.OwnMemory <= 0 {
		t.Errorf("%s: %+v, %v", s.Name(), r, err)
	}
	return r
}

// TestFloors does the floor's exchange on both stores.
func TestFloors(t *testing.T) {
	c, token := newClients(t)
	for _, pg := range []*pgtest.Cluster{nil, server.Cluster(t)} {
		f, err := newFloor(t.Context(), c, pg, token)
		r := measure(t, f, err)
		if pg != nil && r.DatabaseMemory <= 0 {
			t.Errorf("the database's memory: %+v", r)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestBaseline sends messages through both proxies: OPA is asked, and each end has a
// row for every message. What the policy does not allow does not pass.
func TestBaseline(t *testing.T) {
	c, token := newClients(t)
	opa, err := stockOPA(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pg := server.Cluster(t)
	a, err := newPeer(t.Context(), c, pg, opa, token)
	r := measure(t, a, err)
	defer a.Close()
	a.about.Type = "exit.case_closure"
	if err := a.Exchange(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a type that is not allowed: %v, want 403", err)
	}
	for _, end := range []string{"peer_sender", "peer_recipient"} {
		dsn, err := url.Parse(pg.DSN())
		if err != nil {
			t.Fatal(err)
		}
		dsn.Path = "/" + end
		rows, err := countRows(t.Context(), dsn.String())
		if err != nil || rows != r.Done {
			t.Errorf("%d rows in %s, %v; want %d", rows, end, err, r.Done)
		}
	}
}

// TestBackend refuses a store that there is not.
func TestBackend(t *testing.T) {
	if _, err := newBackend(t.Context(), "paper", t.TempDir(), nil); err == nil {
		t.Error("a world on paper was made")
	}
	d, err := newBackend(t.Context(), onSQLite, t.TempDir(), nil)
	if err = errors.Join(err, d.Close()); err != nil {
		t.Error(err)
	}
}
