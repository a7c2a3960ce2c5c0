package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sluss/gateway/client"
	"sluss/gateway/disclosure"
)

// readTrust reads a trust policy.
func readTrust(path string) (*disclosure.Witnesses, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return disclosure.ParseWitnesses(raw)
}

// look is what one round of the monitor came to: a line of its report.
type look struct {
	At       time.Time  `json:"at"`
	Entries  uint64     `json:"entries"`
	New      uint64     `json:"new"`
	Root     string     `json:"root,omitempty"`
	Cosigned *time.Time `json:"cosigned,omitempty"` // the oldest cosignature that the quorum needs
	Receipts int        `json:"receipts,omitempty"`
	Alarm    string     `json:"alarm,omitempty"` // rollback, fork, proof, quorum, stalled, receipt, unreachable
	Detail   string     `json:"detail,omitempty"`
}

// alarmOf names what err says of a log.
func alarmOf(err error) string {
	for _, known := range []struct {
		err  error
		name string
	}{
		{errReceiptLost, "receipt"}, {disclosure.ErrRollback, "rollback"}, {disclosure.ErrFork, "fork"}, {disclosure.ErrProof, "proof"},
		{disclosure.ErrQuorum, "quorum"}, {disclosure.ErrStalled, "stalled"},
	} {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	return "unreachable"
}

// errReceiptLost is that what a receipt proves is not in the log as it is shown.
var errReceiptLost = errors.New("a receipt is not of this log")

func logMonitorCommand() *cobra.Command {
	var l logSource
	var state, receipts string
	var interval, stall time.Duration
	var once bool
	cmd := &cobra.Command{
		Use:   "monitor DIR|URL",
		Short: "Follow the log from outside, and raise an alarm when it goes back, forks or stands still",
		Long: `Read again and again what the log publishes, and verify all of it: the signatures,
the quorum of witnesses that the trust policy wants, that the log continues what
was seen before, that the leaves make the root and every tile. What was seen is
kept in --state, on the auditor's own machine, also when the command is killed.

Each round prints one line, with --json one JSON value. An alarm is one of
rollback, fork, proof (the log does not hold together), quorum (too few
witnesses), stalled (their cosignatures are too old), receipt (one in --receipts
is not of this log), unreachable. With --once the command ends after a round, with
1 on any alarm. Without, it goes on until interrupted, except that rollback, fork
and proof end it; it exits with 1 if there was any alarm. For rollback and fork
both checkpoints are left in --state: signed by the log, they are proof.`,
		Example: `  gatewayctl log monitor --trust witnesses.policy --state seen --once https://log.gateway.example
  gatewayctl log monitor --trust witnesses.policy --state seen --stall 10m --client client.json https://localhost:8443`,
		Args: operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if l.trust == "" || state == "" {
				return usageError{errors.New("--trust and --state are required")}
			}
			trust, err := readTrust(l.trust)
			if err != nil {
				return err
			}
			src, _, done, err := l.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			if err := os.MkdirAll(state, 0o700); err != nil {
				return err
			}
			m, err := disclosure.NewMonitor(disclosure.MonitorConfig{Source: src, Witnesses: trust, Dir: state, Stall: stall, Progress: progress(cmd.ErrOrStderr())})
			if err != nil {
				return err
			}
			w := lookout{monitor: m, receipts: receipts, source: src, policy: disclosure.Policy{Log: trust.Logs[0]}}
			return w.run(cmd, interval, once)
		},
	}
	l.connection(cmd)
	cmd.Flags().StringVar(&l.trust, "trust", "", "trust policy `file` (c2sp.org/tlog-policy) with the log's key, the witnesses' and the quorum (required)")
	cmd.Flags().StringVar(&state, "state", "", "`directory` that keeps what was seen (required)")
	cmd.Flags().StringVar(&receipts, "receipts", "", "`directory` of receipts, *.json, whose entries must be in the log")
	cmd.Flags().DurationVar(&interval, "interval", time.Minute, "between two rounds")
	cmd.Flags().DurationVar(&stall, "stall", 10*time.Minute, "how old the cosignatures may be")
	cmd.Flags().BoolVar(&once, "once", false, "end after one round, as for cron")
	return cmd
}

// lookout is a monitor that reports.
type lookout struct {
	monitor  *disclosure.Monitor
	receipts string
	source   disclosure.Source
	policy   disclosure.Policy
}

// run looks until the context is done or the log is past believing.
func (w *lookout) run(cmd *cobra.Command, interval time.Duration, once bool) error {
	var alarmed error
	for {
		v, err := w.round(cmd.Context())
		if cmd.Context().Err() != nil {
			return alarmed
		}
		if err != nil {
			alarmed = fmt.Errorf("alarm: %w", err)
		}
		if err := printLook(cmd, v); err != nil {
			return err
		}
		switch v.Alarm {
		case "rollback", "fork", "proof", "receipt":
			return alarmed
		}
		if once {
			return alarmed
		}
		select {
		case <-cmd.Context().Done():
			return alarmed
		case <-time.After(interval):
		}
	}
}

// printLook prints a line about one round.
func printLook(cmd *cobra.Command, v look) error {
	asJSON, err := cmd.Flags().GetBool("json")
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
	}
	at := v.At.Format(time.RFC3339)
	if v.Alarm != "" {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s ALARM %s: %s\n", at, v.Alarm, v.Detail)
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s ok: %d entries, %d new, root %s, %d receipts\n", at, v.Entries, v.New, v.Root, v.Receipts)
	return err
}

func (w *lookout) round(ctx context.Context) (look, error) {
	r, err := w.monitor.Round(ctx)
	v := look{At: time.Now().UTC().Truncate(time.Second), Entries: r.Tip.Size, New: r.New}
	if r.Tip.Size > 0 {
		v.Root = r.Tip.Root.String()
	}
	if !r.Last.IsZero() {
		at := r.Last.UTC()
		v.Cosigned = &at
	}
	if err == nil && w.receipts != "" {
		v.Receipts, err = w.match(ctx)
	}
	if err != nil {
		v.Alarm, v.Detail = alarmOf(err), err.Error()
	}
	return v, err
}

// match holds every receipt against the log: the entry must be there, and the
// log must continue the tree that the receipt was given under.
func (w *lookout) match(ctx context.Context) (int, error) {
	names, err := filepath.Glob(filepath.Join(w.receipts, "*.json"))
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		var r client.Receipt
		if err := readJSONFile(name, &r); err != nil {
			return 0, err
		}
		if err := w.has(ctx, r); err != nil {
			return 0, fmt.Errorf("%w: %s: %w", errReceiptLost, filepath.Base(name), err)
		}
	}
	return len(names), nil
}

func (w *lookout) has(ctx context.Context, r client.Receipt) error {
	proven, err := r.Check(w.policy)
	if err != nil {
		return err
	}
	if err := disclosure.Extends(ctx, w.source, proven.Tip, w.policy); err != nil {
		return err
	}
	_, leaf, err := disclosure.Prove(ctx, w.source, r.Entry, w.policy)
	if err == nil && string(leaf[:]) != string(r.Leaf) {
		err = fmt.Errorf("%w: another leaf at entry %d", disclosure.ErrFork, r.Entry)
	}
	return err
}

func logReceiptCommand() *cobra.Command {
	var l logSource
	cmd := &cobra.Command{
		Use:   "receipt FILE",
		Short: "Verify a receipt offline, and the witnesses' quorum over it",
		Long: `Verify, without any connection, that the entry of a receipt is in the log: its
first part against the leaf, the leaf against the checkpoint, the checkpoint
against the log's key and, with --trust, the quorum of witnesses. A receipt given
at once by the gateway carries no cosignatures yet; "gatewayctl message renew"
brings it under the newest cosigned checkpoint.`,
		Example: `  gatewayctl log receipt --trust witnesses.policy receipt.json
  gatewayctl log receipt --pins pins.json receipt.json`,
		Args: operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			policy, err := l.policy()
			if err != nil {
				return err
			}
			var r client.Receipt
			if err := readJSONFile(args[0], &r); err != nil {
				return err
			}
			proven, err := r.Check(policy)
			if err != nil {
				return err
			}
			v := map[string]any{"jti": r.ID, "entry": proven.Index, "entries": proven.Tip.Size, "witnessed": l.trust != ""}
			return output(cmd, v, func(w io.Writer) {
				fmt.Fprintf(w, "verified: entry %d of %d\n", proven.Index, proven.Tip.Size)
			})
		},
	}
	l.believed(cmd)
	return cmd
}
