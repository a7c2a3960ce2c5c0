package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sluss/gateway/disclosure"
	"sluss/gateway/keys"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

// TestStoreScripts runs the stories in testdata/store.
func TestStoreScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  filepath.Join("testdata", "store"),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "same": same, "fill": fill, "flip": flip},
	})
}

// fill is the script command "fill CONFIG N": as a gateway would, it appends so
// many entries to the database. MONTH is then the month of their key.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Setenv("MONTH", time.Now().UTC().Format("2006-01"))
	ts.Check(appendEntries(ts.MkAbs(args[0]), n))
}

func appendEntries(config string, n int) error {
	o, err := readOperated(config)
	if err != nil {
		return err
	}
	at := func(uri string) string { return keys.At(filepath.Dir(config), uri) }
	key, err := keys.LoadEd25519(at(o.Keys.Checkpoint))
	if err != nil {
		return err
	}
	kek, err := keys.LoadKEK(at(o.Keys.KEK))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.State, 0o700); err != nil {
		return err
	}
	ring, err := keys.OpenRing(filepath.Join(o.State, "ring"), kek)
	if err != nil {
		return err
	}
	db, err := sqlite.Open(context.Background(), sqlite.Config{Dir: o.Data, Reserve: -1})
	if err != nil {
		return err
	}
	defer db.Close()
	log, err := disclosure.New(disclosure.Config{Store: db, Key: key, Origin: o.Log, Anchor: filepath.Join(o.State, "checkpoint")})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	for range n {
		entry, err := disclosure.NewEntry(disclosure.E1{Kind: disclosure.Incident, Time: disclosure.At(time.Now()), Code: "canary"},
			disclosure.E2{Detail: "CANARY"}, ring)
		if err == nil {
			_, err = log.Append(ctx, store.Write{Entries: []store.Entry{entry}})
		}
		if err != nil {
			stop()
			return err
		}
	}
	stop()
	return <-done
}

// flip is the script command "flip FILE TEXT": it changes the last letter of the
// text wherever the file has it, pages that are not in use included.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	raw, from := []byte(ts.ReadFile(args[0])), []byte(args[1])
	to := bytes.Clone(from)
	to[len(to)-1] ^= 1
	if !bytes.Contains(raw, from) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.ReplaceAll(raw, from, to), 0o600))
}
