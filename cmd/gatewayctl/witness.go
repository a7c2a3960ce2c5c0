package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"sluss/gateway/snapshot"
	"sluss/gateway/witness"
)

// witnessCommand has the commands of who runs a witness.
func witnessCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "witness",
		Short: "Run a witness, so that a gateway cannot rewrite its log unseen",
		Long: `A witness cosigns the checkpoints of other parties' logs (c2sp.org/tlog-witness).
It cosigns only what continues the tree that it cosigned last, so that a log that
was set back, or that shows two histories, gets no cosignature and is found out.

Run it at another agency than the gateway, on a disk of its own. Never restore it
from a backup, and keep none: a witness that goes back has signed for two
histories. One that has lost its state is replaced by a new one ("init" in another
directory), whose keys the gateway and the auditors then put in the old ones' place.`,
		Example: `  gatewayctl witness init w1 --name witness.example/w1 --log "$(jq -r .log pins.json)"
  gatewayctl witness show w1 --url https://witness.example
  gatewayctl witness serve w1 --listen 127.0.0.1:8446`,
	}, witnessInitCommand(), witnessFollowCommand(), witnessShowCommand(), witnessServeCommand())
}

// witnessDir is the directory of a witness: its keys, the verifier keys of the
// logs it follows, one a line, and in state/ what it knows of each.
type witnessDir string

func (d witnessDir) keys() string  { return filepath.Join(string(d), "keys") }
func (d witnessDir) logs() string  { return filepath.Join(string(d), "logs") }
func (d witnessDir) state() string { return filepath.Join(string(d), "state") }

// follow takes up logs. The state of each is made before it is followed: that a
// log is followed and has no state then always means that the state was lost.
func (d witnessDir) follow(vkeys []string) error {
	known, err := d.followed()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, vkey := range vkeys {
		v, err := note.NewVerifier(vkey)
		if err != nil {
			return usageError{fmt.Errorf("%q is not the verifier key of a log: %w", vkey, err)}
		}
		for _, other := range known {
			if other == vkey {
				return fmt.Errorf("%s is followed already", v.Name())
			}
		}
		// A state that is there is one that a run of this command, which was
		// cut off, has made: to go on from it is safe.
		if err := witness.Begin(d.state(), v.Name()); err != nil && !errors.Is(err, witness.ErrBegun) {
			return err
		}
		known = append(known, vkey)
	}
	return snapshot.WriteFile(d.logs(), []byte(strings.Join(known, "\n")+"\n"))
}

// followed returns the verifier keys of the logs that are followed.
func (d witnessDir) followed() ([]string, error) {
	raw, err := os.ReadFile(d.logs())
	return strings.Fields(string(raw)), err
}

// secret reads the keys.
func (d witnessDir) secret() (witness.Keys, error) {
	raw, err := os.ReadFile(d.keys())
	if errors.Is(err, os.ErrNotExist) {
		return witness.Keys{}, fmt.Errorf("%s holds no witness; gatewayctl witness init makes one", d)
	}
	if err != nil {
		return witness.Keys{}, err
	}
	return witness.ParseKeys(raw)
}

// open starts the witness.
func (d witnessDir) open(log *slog.Logger) (*witness.Witness, error) {
	keys, err := d.secret()
	if err != nil {
		return nil, err
	}
	signers, err := keys.Signers()
	if err != nil {
		return nil, err
	}
	vkeys, err := d.followed()
	if err != nil {
		return nil, err
	}
	cfg := witness.Config{Dir: d.state(), Signers: signers, Log: log}
	for _, vkey := range vkeys {
		v, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", d.logs(), err)
		}
		cfg.Logs = append(cfg.Logs, v)
	}
	return witness.Open(cfg)
}

func witnessInitCommand() *cobra.Command {
	var name string
	var logs []string
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Make a new witness: its keys, and an empty memory of each log",
		Long: `Make the directory of a new witness: an Ed25519 and an ML-DSA-44 key under one
name, and an empty memory of each log named. A directory that holds a witness is
left as it is, and refused.`,
		Example: `  gatewayctl witness init w1 --name witness.example/w1 --log "$(jq -r .log pins.json)"`,
		Args:    operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d := witnessDir(args[0])
			if _, err := os.Lstat(d.keys()); !errors.Is(err, os.ErrNotExist) {
				return errors.Join(fmt.Errorf("%s holds a witness already", d), err)
			}
			keys, err := witness.NewKeys(name)
			if err != nil {
				return usageError{err}
			}
			if err := os.MkdirAll(d.state(), 0o700); err != nil {
				return err
			}
			if err := d.follow(logs); err != nil {
				return err
			}
			if err := errors.Join(snapshot.WriteFile(d.keys(), keys.Secret()), snapshot.SyncDir(filepath.Dir(filepath.Clean(args[0])))); err != nil {
				return err
			}
			return output(cmd, map[string]any{"name": name, "logs": len(logs)}, func(w io.Writer) {
				fmt.Fprintf(w, "made witness %s for %d logs; gatewayctl witness show %s prints its keys\n", name, len(logs), args[0])
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the keys: a URL without its scheme, as witness.example/w1 (required)")
	cmd.Flags().StringArrayVar(&logs, "log", nil, "verifier `KEY` of a log to follow, as in the gateway's pins.json; may be repeated")
	return cmd
}

func witnessFollowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "follow DIR KEY",
		Short: "Take up another log, by its verifier key",
		Long: `Take up another log. The witness must not run meanwhile, and its keys must never
have cosigned the log.`,
		Example: `  gatewayctl witness follow w1 "$(jq -r .log other/pins.json)"`,
		Args:    operands(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d := witnessDir(args[0])
			if _, err := d.secret(); err != nil {
				return err
			}
			if err := d.follow(args[1:]); err != nil {
				return err
			}
			return output(cmd, map[string]string{"followed": args[1]}, func(w io.Writer) { fmt.Fprintln(w, "the log is followed from the next start on") })
		},
	}
}

type witnessKeys struct {
	Name    string `json:"name"`
	Ed25519 string `json:"ed25519"`
	MLDSA44 string `json:"ml_dsa_44"`
	Policy  string `json:"policy"`
}

func witnessShowCommand() *cobra.Command {
	var url, as string
	cmd := &cobra.Command{
		Use:   "show DIR",
		Short: "Print the verifier keys, as lines of a trust policy (c2sp.org/tlog-policy)",
		Long: `Print the lines that the gateway's operator and the auditors put into their trust
policy. Both signatures of the witness are asked for: the group needs all. A
policy that goes on with "quorum w1" then wants this witness, and one with "group
two 2 w1 w2 w3" and "quorum two" any two of three. Hand the lines over in person
or by another way that you trust.`,
		Example: `  gatewayctl witness show w1 --url https://witness.example >> witnesses.policy`,
		Args:    operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := witnessDir(args[0]).secret()
			if err != nil {
				return err
			}
			if as == "" {
				as = filepath.Base(filepath.Clean(args[0]))
			}
			ed, ml := keys.Verifiers()
			line := func(suffix, vkey string) string {
				return strings.TrimRight(fmt.Sprintf("witness %s-%s %s %s", as, suffix, vkey, url), " ") + "\n"
			}
			name, _, _ := strings.Cut(ed, "+")
			v := witnessKeys{Name: name, Ed25519: ed, MLDSA44: ml,
				Policy: line("ed25519", ed) + line("ml-dsa-44", ml) + fmt.Sprintf("group %s all %s-ed25519 %s-ml-dsa-44\n", as, as, as)}
			return output(cmd, v, func(w io.Writer) { fmt.Fprint(w, v.Policy) })
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "`URL` at which the gateway reaches the witness; auditors need none")
	cmd.Flags().StringVar(&as, "as", "", "`NAME` of the group in the policy (default: that of the directory)")
	return cmd
}

func witnessServeCommand() *cobra.Command {
	var listen, certificate, key string
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Cosign what logs send, until interrupted",
		Long: `Answer "POST /add-checkpoint" (c2sp.org/tlog-witness). What is asked is judged by
the log's signature alone, so anybody may ask; only logs that are followed are
answered. Without a certificate it listens on this machine only, behind a reverse
proxy. With --json its log on standard error stays the same: JSON lines.

A followed log whose memory is missing stops the start: that witness is replaced,
not repaired.`,
		Example: `  gatewayctl witness serve w1 --listen 127.0.0.1:8446
  gatewayctl witness serve w1 --listen :443 --certificate tls.pem --key tls.key`,
		Args: operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := witnessListener(listen, certificate, key)
			if err != nil {
				return err
			}
			defer l.Close()
			w, err := witnessDir(args[0]).open(slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil)))
			if err != nil {
				return err
			}
			defer w.Close()
			err = output(cmd, map[string]string{"listen": l.Addr().String()}, func(out io.Writer) { fmt.Fprintf(out, "witness at %s\n", l.Addr()) })
			if err != nil {
				return err
			}
			return w.Serve(cmd.Context(), l)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8446", "`ADDRESS` to listen at")
	cmd.Flags().StringVar(&certificate, "certificate", "", "PEM `file` of the certificate chain; needed beyond this machine")
	cmd.Flags().StringVar(&key, "key", "", "with --certificate: PEM `file` of its key")
	return cmd
}

// witnessListener listens over TLS, or in clear on this machine only.
func witnessListener(address, certificate, key string) (net.Listener, error) {
	if (certificate == "") != (key == "") {
		return nil, usageError{errors.New("--certificate and --key go together")}
	}
	if certificate == "" {
		host, _, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return nil, usageError{fmt.Errorf("%q is no loopback address: --certificate is required", address)}
		}
		return net.Listen("tcp", address)
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	return tls.Listen("tcp", address, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}})
}
