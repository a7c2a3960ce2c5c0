package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sluss/gateway"
	"sluss/gateway/exchange"
	"sluss/gateway/store"
	"sluss/gateway/store/database"
	"sluss/gateway/store/sqlite"
)

// storeCommand has the commands of the operator over the gateway's database.
func storeCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "store",
		Short:   "Back up, restore and move the gateway's database, destroy keys",
		Example: "  gatewayctl store backup --config gateway.json /backup/sluss-$(date +%F).db",
	}, storeBackupCommand(), storeRestoreCommand(), storeMigrateCommand(), storeDestroyCommand())
}

// operated is what an operator's command must know of the gateway's
// configuration, its paths resolved.
type operated struct {
	file                    string
	Gateway, Log            string
	Data, State, Pins, Ring string
	Database                string
	Keys                    struct{ Checkpoint, KEK string }
}

func configFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "config", "gateway.json", "the gateway's configuration `file`, on its machine")
}

func readOperated(file string) (operated, error) {
	o := operated{file: file}
	raw, err := os.ReadFile(file)
	if err != nil {
		return o, usageError{fmt.Errorf("%w; name the gateway's configuration with --config", err)}
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("reading %s: %w", file, err)
	}
	if o.Data == "" && o.Database != "" {
		o.Data = o.State // of no use then
	}
	o.Ring = cmp.Or(o.Ring, filepath.Join(o.State, "ring"))
	for _, p := range []*string{&o.Data, &o.State, &o.Pins, &o.Ring} {
		if *p == "" {
			return o, fmt.Errorf("reading %s: it lacks a required path", file)
		}
		if !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(file), *p)
		}
	}
	return o, nil
}

// place is where the gateway's database is.
func (o operated) place() string {
	if o.Database != "" {
		return o.Database
	}
	return o.Data
}

// openPlace opens the database at a place as a gateway would.
func openPlace(ctx context.Context, place string) (database.Database, error) {
	if database.Server(place) {
		return database.Open(ctx, database.Config{URI: place})
	}
	return database.Open(ctx, database.Config{Dir: place})
}

// copiedStore is what a command says of a copy.
type copiedStore struct {
	To      string `json:"to"`
	Entries uint64 `json:"entries"`
	Root    string `json:"root"`
	root    gateway.Digest
	Tables  []store.Copied `json:"tables"`
}

func (c copiedStore) text(w io.Writer) {
	for _, t := range c.Tables {
		fmt.Fprintf(w, "%-10s %9d rows\n", t.Table, t.Rows)
	}
	fmt.Fprintf(w, "%s: %d entries, root %s\n", c.To, c.Entries, c.Root)
}

// copyProgress prints how far a copy has come, on standard error.
func copyProgress(w io.Writer) func(string, uint64) {
	return func(table string, rows uint64) {
		if rows > 0 && rows%100_000 == 0 {
			fmt.Fprintf(w, "%s: %d rows\n", table, rows)
		}
	}
}

func storeBackupCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a copy of the database, as of now, to a new file, while gateways run",
		Long: `Backup writes what the database holds at this moment, every table row by row with
its checksum compared, to a new SQLite file, whatever the gateway's database is.
The file is compared with what was read, synced, and has its name only when it is
whole. Gateways go on meanwhile, and one of them makes an entry of it.

Bodies and the auditors' part of entries are in it as ciphertext. The keys (the
state directory and the key-encryption key) must not go where the backups go: to
destroy a key is what deletes, also in every backup.`,
		Example: "  gatewayctl store backup --config gateway.json /backup/sluss-2026-11-30.db",
		Args:    operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := readOperated(config)
			if err != nil {
				return err
			}
			from, err := database.View(cmd.Context(), o.place())
			if err != nil {
				return err
			}
			defer from.Close()
			c, err := backUp(cmd, from, args[0])
			if err == nil {
				_, err = exchange.LeaveOrder(o.orders(), exchange.Order{Backup: &exchange.Backup{Entries: c.Entries, Root: c.root}})
			}
			if err != nil {
				return err
			}
			return output(cmd, c, c.text)
		},
	}
	configFlag(cmd, &config)
	return cmd
}

// backUp writes a backup and says what is in it.
func backUp(cmd *cobra.Command, from store.Exporter, file string) (copiedStore, error) {
	c := copiedStore{To: file}
	tables, err := sqlite.Create(cmd.Context(), file, from, copyProgress(cmd.ErrOrStderr()))
	if err != nil {
		return c, err
	}
	made, err := sqlite.ViewFile(cmd.Context(), file)
	if err != nil {
		return c, err
	}
	defer made.Close()
	return describe(cmd.Context(), c, made, tables)
}

// describe fills in what a copy holds.
func describe(ctx context.Context, c copiedStore, made store.Store, tables []store.Copied) (copiedStore, error) {
	head, err := made.Head(ctx)
	c.Tables, c.Entries, c.root, c.Root = tables, head.Size, head.Root, head.Root.String()
	return c, err
}

func storeMigrateCommand() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "migrate --from PLACE --to PLACE",
		Short: "Move a database, whole, to an empty one of the other kind",
		Long: `Migrate copies a database to an empty one, row by row, reads the copy again and
compares: entries, leaves, tiles, head, the published checkpoint, versions and the
numbers of mailbox items are the same to the byte, and the copy's references are
checked. It is one transaction: an interrupted copy leaves the target empty.

No gateway may run on either. The log is the same log, so its anchor, its name and
all that is pinned stay as they are; only the configuration names the new place.
A place is a directory (SQLite) or a PostgreSQL URI.`,
		Example: "  gatewayctl store migrate --from /var/lib/sluss/data --to postgres://sluss@db.example/sluss",
		Args:    operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" || to == "" {
				return usageError{errors.New("--from and --to are required")}
			}
			c, err := migrate(cmd, from, to)
			if err != nil {
				return err
			}
			return output(cmd, c, c.text)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "`place` of the database that is moved (required)")
	cmd.Flags().StringVar(&to, "to", "", "`place` of the empty database it is moved to (required)")
	return cmd
}

func migrate(cmd *cobra.Command, from, to string) (copiedStore, error) {
	ctx, c := cmd.Context(), copiedStore{To: place(to)}
	if _, err := os.Stat(filepath.Join(from, sqlite.FileName)); err != nil && !database.Server(from) {
		return c, err // opening would make a new one
	}
	src, err := openPlace(ctx, from)
	if err != nil {
		return c, err
	}
	defer src.Close()
	dst, err := openPlace(ctx, to)
	if err != nil {
		return c, err
	}
	defer dst.Close()
	tables, err := store.Copy(ctx, dst, src, copyProgress(cmd.ErrOrStderr()))
	if err != nil {
		return c, err
	}
	if c, err = describe(ctx, c, dst, tables); err != nil {
		return c, err
	}
	if err := sound(ctx, dst); err != nil {
		return c, err
	}
	was, err := src.Head(ctx)
	if err == nil && (was.Size != c.Entries || was.Root.String() != c.Root) {
		err = errors.New("the database was written to meanwhile: stop its gateways, empty the copy and begin again")
	}
	return c, err
}

// place is a place without the password in it.
func place(p string) string {
	if scheme, rest, ok := strings.Cut(p, "://"); ok {
		return scheme + "://" + rest[strings.LastIndex(rest, "@")+1:]
	}
	return p
}

// sound returns an error if a store finds something wrong with itself.
func sound(ctx context.Context, s store.Store) error {
	found, err := s.Check(ctx)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("the database does not hold: %s, and %d findings more", found[0], len(found)-1)
	}
	return err
}
