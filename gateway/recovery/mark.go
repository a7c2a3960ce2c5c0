package recovery

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
)

// Keys are the at-rest keys.
type Keys interface {
	MAC
	disclosure.Sealer
}

// Config says what was restored. Every field but Now is required.
type Config struct {
	Store      store.Store   // with the backup in it, and nothing else
	Keys       Keys          // of the gateway
	Ring       string        // their directory
	Key        crypto.Signer // signs checkpoints
	Anchor     string        // the log's anchor file
	Previous   string        // the log's name until now
	Checkpoint []byte        // the last that is known of that log
	InForce    []string      // the states of what is in force: directory, policy
	Now        func() time.Time
}

// Mark makes a database into which a backup was copied one that a gateway may run
// on: it writes the marker, first beside the keys and then into the database, as
// the first entry of the log under its new name. What it returns holds everything
// that was restored before, too.
func Mark(ctx context.Context, cfg Config) (History, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.Verify(ctx, cfg.Store); err != nil {
		return nil, err
	}
	h, err := Known(cfg.Ring)
	if err != nil {
		return nil, err
	}
	head, err := cfg.Store.Head(ctx)
	if err != nil {
		return nil, err
	}
	now := cfg.Now()
	if after := head.Time.Add(time.Second); now.Before(after) {
		now = after
	}
	r := Restore{Origin: Next(cfg.Previous), Previous: cfg.Previous, Checkpoint: string(cfg.Checkpoint), Index: head.Size,
		Time: disclosure.At(now).Time, Versions: map[string]int64{}}
	states, err := cfg.Store.States(ctx, cfg.InForce)
	if err != nil {
		return nil, err
	}
	for _, s := range states {
		r.Versions[s.Name] = s.Version
	}
	h = append(h, r)
	raw, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if err := keep(filepath.Join(cfg.Ring, FileName), raw); err != nil {
		return nil, err
	}
	if _, err := Retire(cfg.Anchor, h); err != nil {
		return nil, err
	}
	return h, cfg.enter(ctx, r, raw)
}

// Verify reports whether a backup may be restored: the log is the one that the
// gateway had last, and the checkpoint is of it and continues, or begins, what is
// in the backup.
func (cfg Config) Verify(ctx context.Context, backup store.Store) error {
	h, err := Known(cfg.Ring)
	if err != nil {
		return err
	}
	if o := h.Origin(); o != "" && o != cfg.Previous {
		return fmt.Errorf("%w: the log is configured as %s and was %s", ErrMarker, cfg.Previous, o)
	}
	key, ok := cfg.Key.Public().(ed25519.PublicKey)
	if !ok {
		return fmt.Errorf("%w: no Ed25519 key to verify it with", ErrEvidence)
	}
	v, err := disclosure.NewVerifier(cfg.Previous, key)
	if err != nil {
		return err
	}
	tip, err := disclosure.OpenCheckpoint(cfg.Checkpoint, disclosure.Policy{Log: v})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	err = disclosure.Holds(ctx, backup, tip)
	if err != nil && !errors.Is(err, disclosure.ErrRollback) { // which is what a restore is
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return nil
}

// enter appends the marker by a log of its own, which ends with it.
func (cfg Config) enter(ctx context.Context, r Restore, raw []byte) error {
	log, err := disclosure.New(disclosure.Config{Store: cfg.Store, Key: cfg.Key, Origin: r.Origin, Anchor: cfg.Anchor, Adopt: true, Now: cfg.Now})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- log.Run(running) }()
	err = cfg.append(ctx, log, r, raw)
	stop()
	if ended := <-done; !errors.Is(ended, context.Canceled) {
		err = errors.Join(err, ended)
	}
	return err
}

func (cfg Config) append(ctx context.Context, log *disclosure.Log, r Restore, raw []byte) error {
	states, err := cfg.Store.States(ctx, []string{StateName})
	if err != nil {
		return err
	}
	st := store.State{Name: StateName, Version: states[0].Version + 1, Digest: gateway.DigestOf(raw)}
	st.MAC = Sign(cfg.Keys, st)
	entry, err := disclosure.NewEntry(disclosure.E1{Kind: disclosure.Restored, Time: disclosure.At(r.Time), Code: "restored", Checkpoint: r.Checkpoint},
		disclosure.E2{Retention: disclosure.Long}, cfg.Keys)
	if err != nil {
		return err
	}
	c, err := log.Append(ctx, store.Write{Expect: []store.State{states[0]}, Set: []store.State{st},
		Documents: []store.Document{{Name: StateName, Version: st.Version, Body: raw}}, Entries: []store.Entry{entry}})
	if err == nil && c.Index() != r.Index {
		err = fmt.Errorf("%w: it is entry %d and not the first, %d", ErrMarker, c.Index(), r.Index)
	}
	return err
}

// keep writes the file beside the keys, whole or not at all.
func keep(name string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), FileName+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
