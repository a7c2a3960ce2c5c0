package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/store"
	"sluss/gateway/store/database"
)

// orders is where orders for the gateway are left.
func (o operated) orders() string { return filepath.Join(o.State, "orders") }

// doomed is what a key's destruction makes unreadable.
type doomed struct {
	Key        string `json:"key"`
	Messages   int    `json:"messages"`   // neither acknowledged nor expired
	Entries    int    `json:"entries"`    // with content
	Early      int    `json:"early"`      // of them, whose time has not passed
	Statements int    `json:"statements"` // about persons, providers and users
	Confirm    string `json:"confirm,omitempty"`
	Destroyed  bool   `json:"destroyed"`
}

func storeDestroyCommand() *cobra.Command {
	var config, agency, class, period, confirm string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "destroy --agency AGENCY --class CLASS --period YYYY-MM",
		Short: "Destroy the key of one agency, class and month before the gateway does by itself",
		Long: `Destroy has the running gateway destroy one at-rest key, and what lies under it can
never be read again: not in the database and in no backup. The gateway does so by
itself when the time of a class has passed; this is for an earlier disposal that
somebody has decided on.

The first call only says what lies under the key, and a word. The second call with
--confirm and that word gives the order; if anything under the key has changed
meanwhile the word has, too. The gateway makes an entry, destroys the key, and the
other gateways on the same keys stop using it within a second. Messages that are
neither acknowledged nor expired are never destroyed: they have 30 days at most.

Entries that are destroyed before their time are named by "log fsck" until then.
Persons whose statements (class "facts") cannot be read are withheld as a whole.
Classes: message, facts, tables, log-2y, log-5y, log-10y, log-30y.`,
		Example: "  gatewayctl store destroy --config gateway.json --agency municipality:0180 --class message --period 2026-09",
		Args:    operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := readOperated(config)
			if err != nil {
				return err
			}
			if agency == "" || class == "" || period == "" {
				return usageError{errors.New("--agency, --class and --period are required")}
			}
			d, err := o.under(cmd.Context(), agency+"/"+class+"/"+period, class)
			if err != nil {
				return err
			}
			switch confirm {
			case "":
			case d.Confirm:
				if err := o.destroy(cmd.Context(), d.Key, wait); err != nil {
					return err
				}
				d.Confirm, d.Destroyed = "", true
			default:
				return errors.New("what lies under the key is not what was confirmed; look again without --confirm")
			}
			return output(cmd, d, d.text)
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&agency, "agency", "", "`AGENCY` whose key it is, \"gateway\" for the gateway's own (required)")
	cmd.Flags().StringVar(&class, "class", "", "`CLASS` of what lies under it (required)")
	cmd.Flags().StringVar(&period, "period", "", "`month` of the key, YYYY-MM (required)")
	cmd.Flags().StringVar(&confirm, "confirm", "", "`word` that the first call has printed")
	cmd.Flags().DurationVar(&wait, "wait", 15*time.Second, "how long to wait until the gateway has done so")
	return cmd
}

func (d doomed) text(w io.Writer) {
	if d.Destroyed {
		fmt.Fprintf(w, "destroyed: %s\n", d.Key)
		return
	}
	fmt.Fprintf(w, "Under %s lie:\n  %d messages that are neither acknowledged nor expired\n  %d entries, %d of them before their time\n  %d statements\n",
		d.Key, d.Messages, d.Entries, d.Early, d.Statements)
	fmt.Fprintf(w, "Nothing was destroyed. To destroy the key for good, call this again with --confirm %s\n", d.Confirm)
}

// under looks what lies under a key.
func (o operated) under(ctx context.Context, key, class string) (doomed, error) {
	d := doomed{Key: key}
	if _, err := os.Stat(filepath.Join(o.Ring, filepath.FromSlash(key)+".key")); errors.Is(err, fs.ErrNotExist) {
		return d, fmt.Errorf("there is no key %s", key)
	}
	db, err := database.View(ctx, o.place())
	if err != nil {
		return d, err
	}
	defer db.Close()
	err = errors.Join(
		db.ScanMessages(ctx, func(m store.Message, _ uint64) error {
			if m.Key == key {
				d.Messages++
			}
			return nil
		}),
		db.ScanStatements(ctx, func(s store.Statement) error {
			if s.Key == key {
				d.Statements++
			}
			return nil
		}))
	if err != nil {
		return d, err
	}
	head, err := db.Head(ctx)
	if err != nil {
		return d, err
	}
	for from := uint64(0); from < head.Size; {
		page, err := db.Entries(ctx, from, 1000)
		if err != nil {
			return d, err
		}
		if len(page) == 0 {
			return d, fmt.Errorf("entries from %d on are missing", from)
		}
		for _, e := range page {
			if e.Key != key {
				continue
			}
			d.Entries++
			if until, ok := disclosure.Retention(class).Kept(e.Time); ok && time.Now().Before(until) {
				d.Early++
			}
		}
		from += uint64(len(page))
	}
	sum := gateway.DigestOf([]byte("destroy " + d.Key + " " + strconv.Itoa(d.Messages) + " " + strconv.Itoa(d.Entries) + " " + strconv.Itoa(d.Statements)))
	d.Confirm = fmt.Sprintf("%x", sum[:4])
	return d, nil
}

// destroy orders the gateway to destroy a key and waits until it has.
func (o operated) destroy(ctx context.Context, key string, wait time.Duration) error {
	file, err := exchange.LeaveOrder(o.orders(), exchange.Order{Destroy: key})
	if err != nil {
		return err
	}
	for end := time.Now().Add(wait); ; {
		if why := exchange.OrderRefused(file); why != "" {
			return errors.New(why)
		}
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			if why := exchange.OrderRefused(file); why != "" {
				return errors.New(why)
			}
			return nil
		}
		if time.Now().After(end) {
			return errors.New("no gateway has carried it out yet; the order stays, and is carried out when one runs")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
