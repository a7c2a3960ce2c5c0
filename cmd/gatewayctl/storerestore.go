package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/keys"
	"sluss/gateway/recovery"
	"sluss/gateway/store"
	"sluss/gateway/store/database"
	"sluss/gateway/store/sqlite"
)

// restored is what a restore came to, and what the operator has to change.
type restored struct {
	copiedStore
	Log       string   `json:"log"`       // its name from now on
	Key       string   `json:"key"`       // verifier key, for all who pin it
	Marker    uint64   `json:"marker"`    // the entry
	Lost      uint64   `json:"lost"`      // at least so many entries that somebody has seen
	Forgotten int      `json:"forgotten"` // entries whose key was destroyed since the backup
	ToDo      []string `json:"to_do"`
}

func storeRestoreCommand() *cobra.Command {
	var config, last string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Restore a backup into an empty database, and begin the log's next name",
		Long: `Restore copies a backup into the configured database, which must be empty, and makes
its log go on under a new name ("…/log/2"), because entries that somebody has seen
are lost. The first entry under the new name holds the last checkpoint that is known
of the old one: that of the anchor file in the state directory, or the one given
with --last-checkpoint, as a witness, an auditor or a recipient has it.

Restore then says what has to be changed before a gateway starts: it refuses the old
name on a restored database. From then on nothing leaves about a person, to a
provider or on a consent or decision until who has authority over it has stated it
again; withdrawals, markings and all else that narrows stay. Keys destroyed since
the backup stay destroyed, and what lay under them is emptied again.

No gateway may run meanwhile. If restore is interrupted, empty the database and call
it again.`,
		Example: "  gatewayctl store restore --config gateway.json /backup/sluss-2026-11-30.db",
		Args:    operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := readOperated(config)
			if err != nil {
				return err
			}
			r, err := restore(cmd, o, args[0], last)
			if err != nil {
				return err
			}
			return output(cmd, r, r.text)
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&last, "last-checkpoint", "", "`file` with the last checkpoint that is known (default: the anchor in the state directory)")
	return cmd
}

func (r restored) text(w io.Writer) {
	r.copiedStore.text(w)
	fmt.Fprintf(w, "The log goes on as %s with entry %d, which marks the restore. At least %d entries are lost.\n", r.Log, r.Marker, r.Lost)
	for i, t := range r.ToDo {
		fmt.Fprintf(w, "%d. %s\n", i+1, t)
	}
}

// secrets loads the keys that a restore needs.
func (o operated) secrets() (ed25519.PrivateKey, *keys.Ring, error) {
	at := func(uri string) string { return keys.At(filepath.Dir(o.file), uri) }
	key, err := keys.LoadEd25519(at(o.Keys.Checkpoint))
	if err != nil {
		return nil, nil, fmt.Errorf("loading checkpoint key: %w", err)
	}
	kek, err := keys.LoadKEK(at(o.Keys.KEK))
	if err != nil {
		return nil, nil, fmt.Errorf("loading key-encryption key: %w", err)
	}
	// A new ring would open nothing of the backup.
	if _, err := os.Stat(o.Ring); err != nil {
		return nil, nil, fmt.Errorf("the at-rest keys are missing, and without them the backup cannot be read: %w", err)
	}
	ring, err := keys.OpenRing(o.Ring, kek)
	return key, ring, err
}

func restore(cmd *cobra.Command, o operated, file, last string) (r restored, err error) {
	ctx := cmd.Context()
	key, ring, err := o.secrets()
	if err != nil {
		return r, err
	}
	anchor := filepath.Join(o.State, "checkpoint")
	if last == "" {
		last = anchor
	}
	checkpoint, err := os.ReadFile(last)
	if err != nil {
		return r, fmt.Errorf("reading the last checkpoint (give one with --last-checkpoint): %w", err)
	}
	from, err := sqlite.ViewFile(ctx, file)
	if err != nil {
		return r, err
	}
	defer from.Close()
	mark := recovery.Config{Keys: ring, Ring: o.Ring, Key: key, Anchor: anchor, Previous: o.Log, Checkpoint: checkpoint,
		InForce: []string{exchange.DirectoryInForce, exchange.PolicyInForce}}
	if err := mark.Verify(ctx, from); err != nil {
		return r, err
	}
	to, err := openPlace(ctx, o.place())
	if err != nil {
		return r, err
	}
	defer to.Close()
	r.To = place(o.place())
	tables, err := store.Copy(ctx, to, from, copyProgress(cmd.ErrOrStderr()))
	if err != nil {
		return r, err
	}
	if r.copiedStore, err = describe(ctx, r.copiedStore, to, tables); err != nil {
		return r, err
	}
	if r.Forgotten, err = forgetAgain(ctx, to, ring); err != nil {
		return r, err
	}
	mark.Store = to
	history, err := recovery.Mark(ctx, mark)
	if err != nil {
		return r, err
	}
	return r, errors.Join(r.next(o, key, history[len(history)-1]), sound(ctx, to))
}

// forgetAgain empties what lies under keys that were destroyed after the backup.
func forgetAgain(ctx context.Context, to database.Database, ring *keys.Ring) (int, error) {
	names, err := ring.Destroyed()
	total := 0
	for _, name := range names {
		n, err := to.Forget(ctx, name)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, err
}

// next says what comes next.
func (r *restored) next(o operated, key ed25519.PrivateKey, marked recovery.Restore) error {
	public := key.Public().(ed25519.PublicKey)
	old, err := disclosure.NewVerifier(marked.Previous, public)
	if err != nil {
		return err
	}
	seen, err := disclosure.OpenCheckpoint([]byte(marked.Checkpoint), disclosure.Policy{Log: old})
	if err != nil {
		return err
	}
	if seen.Size > marked.Index {
		r.Lost = seen.Size - marked.Index
	}
	r.Log, r.Marker = marked.Origin, marked.Index
	if r.Key, err = disclosure.VerifierKey(marked.Origin, public); err != nil {
		return err
	}
	r.ToDo = []string{
		fmt.Sprintf("Set \"log\" to %q in the configuration of every gateway (%s).", r.Log, o.file),
		fmt.Sprintf("Set \"log\" to %q in the gateway's pins (%s), and have every agency, auditor and witness pin it, out of band.", r.Key, o.Pins),
		"Keep the old anchor in the state directory (checkpoint.<n>): it shows what is missing.",
		"Start the gateway. Have every agency state again what it has authority over, and send again what it has sent since the backup.",
	}
	return nil
}
