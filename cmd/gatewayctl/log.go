package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"sluss/certs/dev"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/facts"
	"sluss/gateway/keys"
	"sluss/gateway/relay"
	"sluss/gateway/store/database"
)

// logCommand has the commands that check the disclosure log.
func logCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "log",
		Short:   "Verify the disclosure log, prove an entry, check the database behind it",
		Example: "  gatewayctl log verify --pins world/gateway/pins.json world/gateway/data",
	}, logVerifyCommand(), logProveCommand(), logReceiptCommand(), logMonitorCommand(), logFsckCommand())
}

// logSource are the flags that say where a log is read from and whose signature
// is believed.
type logSource struct{ pins, trust, checkpoint, client, authorities string }

func (l *logSource) flags(cmd *cobra.Command) {
	l.believed(cmd)
	l.connection(cmd)
}

func (l *logSource) believed(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.pins, "pins", "", "`file` with the log's verifier key, as pinned out of band (this or --trust is required)")
	cmd.Flags().StringVar(&l.trust, "trust", "", "trust policy `file` (c2sp.org/tlog-policy) with the log's key, the witnesses' and the quorum, which is then wanted")
}

func (l *logSource) connection(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.checkpoint, "checkpoint", "", "with a directory: `file` of its last checkpoint (default ../state/checkpoint beside it)")
	cmd.Flags().StringVar(&l.client, "client", "", "with a URL of the agency API: client.json `file` of the system to connect as")
	cmd.Flags().StringVar(&l.authorities, "authorities", "", "with a URL: PEM `file` of who issues the gateway's certificate (default: this machine's authorities)")
}

// policy returns whose checkpoints are believed.
func (l *logSource) policy() (disclosure.Policy, error) {
	var p dev.Pins
	switch {
	case l.trust != "" && l.pins == "":
		trust, err := readTrust(l.trust)
		if err != nil {
			return disclosure.Policy{}, err
		}
		if len(trust.Logs) != 1 {
			return disclosure.Policy{}, fmt.Errorf("%s names %d logs, want one", l.trust, len(trust.Logs))
		}
		return trust.Policy(trust.Logs[0].Name())
	case l.pins == "" || l.trust != "":
		return disclosure.Policy{}, usageError{errors.New("one of --pins and --trust is required: a log must not vouch for itself")}
	}
	if err := readJSONFile(l.pins, &p); err != nil {
		return disclosure.Policy{}, err
	}
	v, err := note.NewVerifier(p.Log)
	return disclosure.Policy{Log: v}, err
}

// open returns the source at place, a data directory or a URL, the store if it
// is a directory, and what to call when done.
func (l *logSource) open(ctx context.Context, place string) (disclosure.Source, database.Database, func() error, error) {
	if strings.HasPrefix(place, "https://") {
		transport, err := l.transport()
		if err != nil {
			return nil, nil, nil, err
		}
		return disclosure.FromURL(strings.TrimSuffix(place, "/")+"/log", &http.Client{Transport: transport}), nil, func() error { return nil }, nil
	}
	db, err := database.View(ctx, place)
	if err != nil {
		return nil, nil, nil, err
	}
	if l.checkpoint == "" && l.trust != "" {
		return published{disclosure.FromStore(db, nil), db}, db, db.Close, nil
	}
	if l.checkpoint == "" {
		l.checkpoint = filepath.Join(filepath.Dir(filepath.Clean(place)), "state", "checkpoint")
	}
	checkpoint, err := os.ReadFile(l.checkpoint)
	if err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("reading the last checkpoint: %w", err), db.Close())
	}
	return disclosure.FromStore(db, checkpoint), db, db.Close, nil
}

// published is a database read up to the checkpoint that stands in it: the one
// that carries the cosignatures, which are what is believed then.
type published struct {
	disclosure.Source
	db database.Database
}

func (p published) Checkpoint(ctx context.Context) ([]byte, error) { return p.db.Published(ctx) }

// transport connects as a registered system, or as anybody. Whom one reads a log
// from matters little: it is believed by its signature.
func (l *logSource) transport() (http.RoundTripper, error) {
	if l.client != "" {
		cfg, err := client.Load(l.client)
		if err != nil {
			return nil, err
		}
		return cfg.HTTPS(), nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS13}
	if l.authorities != "" {
		raw, err := os.ReadFile(l.authorities)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s has no certificate", l.authorities)
		}
	}
	return &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second}, nil
}

type verified struct {
	Entries  uint64   `json:"entries"`
	Root     string   `json:"root"`
	Findings []string `json:"findings,omitempty"`
}

func logVerifyCommand() *cobra.Command {
	var l logSource
	cmd := &cobra.Command{
		Use:   "verify DIR|URL",
		Short: "Verify the whole log: checkpoint, tree, tiles; from a directory the entries as well",
		Long: `Verify reads a whole log and verifies it: the checkpoint's signature, that the
leaves make its root (RFC 9162, Section 2.1), that every tile is what the leaves
make. From a data directory, which is only read, it also compares every entry
with its leaf and every row with its entry, so that one altered byte shows.`,
		Example: `  gatewayctl log verify --pins world/gateway/pins.json world/gateway/data
  gatewayctl log verify --pins pins.json --client client.json https://localhost:8443
  gatewayctl log verify --pins pins.json https://log.gateway.example`,
		Args: operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			policy, err := l.policy()
			if err != nil {
				return err
			}
			src, db, done, err := l.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			tip, err := disclosure.Verify(cmd.Context(), src, disclosure.VerifyOptions{Policy: policy, Progress: progress(cmd.ErrOrStderr())})
			if err != nil {
				return err
			}
			v := verified{Entries: tip.Size, Root: tip.Root.String()}
			if db != nil {
				if v.Findings, err = disclosure.Fsck(cmd.Context(), db, disclosure.FsckOptions{Policy: policy}); err != nil {
					return err
				}
			}
			return report(cmd, v, "verified")
		},
	}
	l.flags(cmd)
	return cmd
}

// report prints what was found; findings are a failed check.
func report(cmd *cobra.Command, v verified, word string) error {
	err := output(cmd, v, func(w io.Writer) {
		for _, f := range v.Findings {
			fmt.Fprintln(w, f)
		}
		if len(v.Findings) == 0 {
			fmt.Fprintf(w, "%s: %d entries, root %s\n", word, v.Entries, v.Root)
		}
	})
	if err == nil && len(v.Findings) > 0 {
		err = fmt.Errorf("the log does not hold: %d findings", len(v.Findings))
	}
	return err
}

// progress prints how far a long check has come, on a terminal's line.
func progress(w io.Writer) func(done, total uint64) {
	var shown uint64
	return func(done, total uint64) {
		if total < 50_000 || done-shown < total/20 && done != total {
			return
		}
		shown = done
		fmt.Fprintf(w, "%d of %d entries\n", done, total)
	}
}

func logProveCommand() *cobra.Command {
	var l logSource
	cmd := &cobra.Command{
		Use:   "prove N DIR|URL",
		Short: "Prove that entry N is in the log (c2sp.org/tlog-proof)",
		Example: `  gatewayctl log prove 7 --pins world/gateway/pins.json world/gateway/data
  gatewayctl log prove 7 --pins pins.json --client client.json https://localhost:8443`,
		Args: operands(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.ParseUint(args[0], 10, 63)
			if err != nil {
				return usageError{fmt.Errorf("the index of an entry is a number, from 0")}
			}
			policy, err := l.policy()
			if err != nil {
				return err
			}
			src, _, done, err := l.open(cmd.Context(), args[1])
			if err != nil {
				return err
			}
			defer done()
			proof, leaf, err := disclosure.Prove(cmd.Context(), src, n, policy)
			if err != nil {
				return err
			}
			v := map[string]string{"proof": string(proof), "leaf": base64.RawURLEncoding.EncodeToString(leaf[:])}
			return output(cmd, v, func(w io.Writer) { fmt.Fprint(w, string(proof)) })
		},
	}
	l.flags(cmd)
	return cmd
}

func logFsckCommand() *cobra.Command {
	var l logSource
	var kek, ring string
	cmd := &cobra.Command{
		Use:   "fsck DIR",
		Short: "Check every table of the database against the log; with the keys, the content as well",
		Example: `  gatewayctl log fsck --pins world/gateway/pins.json world/gateway/data
  gatewayctl log fsck --pins pins.json --kek file:kek --ring state/ring data`,
		Args: operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			policy, err := l.policy()
			if err != nil {
				return err
			}
			src, db, done, err := l.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if db == nil {
				return usageError{errors.New("fsck reads a data directory")}
			}
			defer done()
			o := disclosure.FsckOptions{Policy: policy, Progress: progress(cmd.ErrOrStderr())}
			if o.Anchor, err = src.Checkpoint(cmd.Context()); err != nil {
				return err
			}
			if kek != "" {
				if err := withKeys(&o, db, kek, ring); err != nil {
					return err
				}
			}
			findings, err := disclosure.Fsck(cmd.Context(), db, o)
			if err != nil {
				return err
			}
			head, err := db.Head(cmd.Context())
			if err != nil {
				return err
			}
			return report(cmd, verified{head.Size, head.Root.String(), findings}, "checked")
		},
	}
	l.flags(cmd)
	cmd.Flags().StringVar(&kek, "kek", "", "`URI` of the key-encryption key: content is decrypted and compared as well")
	cmd.Flags().StringVar(&ring, "ring", "", "with --kek: `directory` of the at-rest keys")
	return cmd
}

// withKeys makes a check look into what is encrypted and authenticated.
func withKeys(o *disclosure.FsckOptions, db database.Database, kek, dir string) error {
	if dir == "" {
		return usageError{errors.New("--ring is required with --kek")}
	}
	key, err := keys.LoadKEK(kek)
	if err != nil {
		return err
	}
	ring, err := keys.OpenRing(dir, key)
	if err != nil {
		return err
	}
	register, err := facts.New(facts.Config{Store: db, Ring: ring, Tables: func() *facts.Tables { return nil }})
	if err != nil {
		return err
	}
	o.Opener, o.Token, o.State = ring, exchange.StoredToken(ring), exchange.StoredState(ring, db, register)
	o.Notice = relay.StoredNotice(ring)
	return nil
}
