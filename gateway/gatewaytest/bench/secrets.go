package main

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"sluss/certs/dev"
	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/facts"
	"sluss/gateway/keys"
	"sluss/gateway/store/database"
)

// secrets are the keys of a world's gateway that a fill and a check need.
type secrets struct {
	ring       *keys.Ring
	checkpoint ed25519.PrivateKey
	verifier   note.Verifier
}

func (o *ours) secrets() (s secrets, err error) {
	dir := filepath.Join(o.w.Dir, "gateway")
	kek, err := keys.LoadKEK("file:" + filepath.Join(dir, "kek"))
	if err != nil {
		return s, err
	}
	if s.ring, err = keys.OpenRing(filepath.Join(dir, "state", "ring"), kek); err != nil {
		return s, err
	}
	if s.checkpoint, err = keys.LoadEd25519("file:" + filepath.Join(dir, "checkpoint.key")); err != nil {
		return s, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "pins.json"))
	if err != nil {
		return s, err
	}
	var pins dev.Pins
	if err := json.Unmarshal(raw, &pins); err != nil {
		return s, err
	}
	s.verifier, err = note.NewVerifier(pins.Log)
	return s, err
}

// fsck are the options of a check that looks into what is encrypted and
// authenticated.
func (s secrets) fsck(db database.Database) (disclosure.FsckOptions, error) {
	register, err := facts.New(facts.Config{Store: db, Ring: s.ring, Tables: func() *facts.Tables { return nil }})
	return disclosure.FsckOptions{Opener: s.ring, Token: exchange.StoredToken(s.ring), State: exchange.StoredState(s.ring, db, register)}, err
}
