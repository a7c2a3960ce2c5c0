package disclosure_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

// An entry is made, appended and proved; years later the proof is verified
// without any connection.
func Example() {
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, err := sqlite.Open(ctx, sqlite.Config{Dir: dir, Reserve: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	log, err := disclosure.New(disclosure.Config{
		Store: s, Key: key, Origin: "example.sluss/log", Anchor: filepath.Join(dir, "anchor"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error)
	go func() { ended <- log.Run(ctx) }()

	entry, err := disclosure.NewEntry(
		disclosure.E1{Kind: disclosure.Incident, Time: disclosure.At(time.Now()), Code: gateway.CodeWithholdAll},
		disclosure.E2{Detail: "all release stopped"}, plain{})
	if err != nil {
		fmt.Println(err)
		return
	}
	committed, err := log.Append(ctx, store.Write{Entries: []store.Entry{entry}})
	if err != nil {
		fmt.Println(err)
		return
	}
	proof, err := committed.Proof()
	if err != nil {
		fmt.Println(err)
		return
	}
	cancel()
	fmt.Println("run:", <-ended)

	verifier, err := disclosure.NewVerifier("example.sluss/log", key.Public().(ed25519.PublicKey))
	if err != nil {
		fmt.Println(err)
		return
	}
	proven, err := disclosure.VerifyProof(proof, entry.Leaf, disclosure.Policy{Log: verifier})
	fmt.Println("entry", proven.Index, "of", proven.Tip.Size, err)
	fmt.Println(strings.Join(strings.Split(string(proof), "\n")[:2], " | "))
	// Output:
	// run: <nil>
	// entry 0 of 1 <nil>
	// c2sp.org/tlog-proof@v1 | index 0
}

// The key by which auditors and witnesses know the log.
func ExampleVerifierKey() {
	fmt.Println(disclosure.VerifierKey("example.sluss/log", key.Public().(ed25519.PublicKey)))
	// Output: example.sluss/log+ac4e45e9+AZ+3sUvW4cUwcPKv34eLsRN6Sf01+DY+OEYg3FUv94zU <nil>
}
