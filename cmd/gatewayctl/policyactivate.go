package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluss/gateway/snapshot"
	"sluss/gateway/workbench"
)

// handing are the flags of commands that hand a bundle to the gateway.
type handing struct {
	lawPlace
	at   string
	wait time.Duration
}

func (h *handing) flags(cmd *cobra.Command) {
	h.lawPlace.flags(cmd, false)
	cmd.Flags().DurationVar(&h.wait, "wait", 10*time.Second, "how long to wait for a running gateway to take it")
}

// handed is what became of a bundle that was handed over.
type handed struct {
	Seq       int64     `json:"seq"`
	Snapshot  string    `json:"snapshot"`
	From      time.Time `json:"from"`
	State     string    `json:"state"` // in-force, scheduled, handed-over
	Overtaken int64     `json:"overtaken,omitempty"`
}

func policyActivateCommand() *cobra.Command {
	var h handing
	cmd := &cobra.Command{
		Use:   "activate PROPOSAL",
		Short: "Hand a law that two officers have signed to the gateway, which puts it in force",
		Long: `Activate verifies the signatures of two officers against the gateway's pins, that
the proposal follows what is in force, and puts it where the gateway sees it. The
gateway verifies all of that again, compiles the law, writes an entry into the
disclosure log and decides by it from the next decision on.

From when it holds was signed by the officers. If that time has not come the law
waits beside the one in force, over restarts too. --at says only what you expect:
activate refuses a proposal that the officers signed for another time.`,
		Example: `  gatewayctl policy activate --gateway world/gateway/gateway.json proposal.json
  gatewayctl policy activate --gateway world/gateway/gateway.json --at 2026-07-01T08:00 proposal.json`,
		Args: operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return h.activate(cmd, args[0]) },
	}
	h.flags(cmd)
	cmd.Flags().StringVar(&h.at, "at", "", "the `time` from which you expect it to hold: 2026-07-01T08:00 or 2026-07-01")
	return cmd
}

func (h *handing) activate(cmd *cobra.Command, file string) error {
	if h.gateway == "" {
		return usageError{errors.New("--gateway is required: activation is done on the gateway's machine")}
	}
	if err := h.find(cmd.Context()); err != nil {
		return err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	p, err := h.Open(raw)
	if err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	if h.at != "" {
		at, err := moment(h.at, time.Now())
		if err != nil {
			return err
		}
		if !at.Truncate(time.Second).Equal(p.Approval.NotBefore) {
			return fmt.Errorf("refused: the officers signed it for %s, not for %s", clock(p.Approval.NotBefore), clock(at))
		}
	}
	if _, err := h.Ready(p, h.active, time.Now()); err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	return h.hand(cmd, p)
}

// hand hands a bundle over and waits for the gateway to take it.
func (h *handing) hand(cmd *cobra.Command, p workbench.Proposal) error {
	place, overtaken, err := h.handOver(p, time.Now())
	if err != nil {
		return fmt.Errorf("handing over: %w", err)
	}
	v := handed{Seq: p.Approval.Seq, Snapshot: p.Snapshot.Digest().String(), From: p.Approval.NotBefore.UTC(), State: "scheduled", Overtaken: overtaken}
	if place == h.file {
		if v.State, err = h.taken(cmd.Context(), p.Approval.Seq); err != nil {
			return err
		}
	}
	return output(cmd, v, v.text)
}

// taken waits until the gateway says that it runs a number.
func (h *handing) taken(ctx context.Context, seq int64) (string, error) {
	for end := time.Now().Add(h.wait); ; {
		var a snapshot.Active
		raw, err := os.ReadFile(filepath.Join(h.state, "policy.json"))
		if err == nil {
			err = json.Unmarshal(raw, &a)
		}
		if err == nil && a.Seq == seq {
			return "in-force", nil
		}
		if time.Now().After(end) {
			return "handed-over", nil
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (v handed) text(w io.Writer) {
	switch v.State {
	case "in-force":
		fmt.Fprintf(w, "in force: number %d, policy %s\n", v.Seq, v.Snapshot)
	case "scheduled":
		fmt.Fprintf(w, "scheduled: number %d, policy %s, from %s; until then what is in force stays\n", v.Seq, v.Snapshot, clock(v.From))
	default:
		fmt.Fprintf(w, "handed over: number %d, policy %s. The gateway has not taken it yet: if it does not run it will at its start, otherwise its log says why not\n", v.Seq, v.Snapshot)
	}
	if v.Overtaken != 0 {
		fmt.Fprintf(w, "number %d, which was scheduled, no longer follows and was removed; it must be signed anew\n", v.Overtaken)
	}
}

func policyWithholdCommand() *cobra.Command {
	var h handing
	var s signing
	cmd := &cobra.Command{
		Use:   "withhold-all",
		Short: "Stop all release at once: the one thing that one officer can do alone",
		Long: `Withhold-all signs, with one officer's key, that the gateway releases nothing from
now on, and hands that to the gateway. Messages are still taken in; they wait.
Release starts again when two officers sign an approval, of the law that was in
force (policy rollback) or of another.

With --out the signed stop is only written to a file, to be handed over on the
gateway's machine with policy activate.`,
		Example: `  gatewayctl policy withhold-all --gateway world/gateway/gateway.json --key world/officers/1.key
  gatewayctl policy withhold-all --pins pins.json --current snapshot.json --key officer.key --out stop.json`,
		Args: operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.lawPlace = h.lawPlace
			return h.stop(cmd, &s)
		},
	}
	h.lawPlace.flags(cmd, true)
	cmd.Flags().DurationVar(&h.wait, "wait", 10*time.Second, "how long to wait for a running gateway to take it")
	cmd.Flags().StringVar(&s.key, "key", "", "the officer's key: a `file` or URI (required)")
	cmd.Flags().StringVar(&s.out, "out", "", "only write the signed stop to this `file`")
	return cmd
}

// stopHolds is for how long a stop can be handed over and a stopped gateway
// started: until two officers end it.
const stopHolds = 10 * year

func (h *handing) stop(cmd *cobra.Command, s *signing) error {
	if s.key == "" || s.out == "" && h.gateway == "" {
		return usageError{errors.New("--key is required, and --gateway or --out")}
	}
	if err := s.find(cmd.Context()); err != nil {
		return err
	}
	h.lawPlace = s.lawPlace
	if h.active.Seq == 0 {
		return errors.New("there is nothing to stop: the gateway has not run yet")
	}
	now := time.Now()
	key, err := s.signer()
	if err != nil {
		return err
	}
	p, err := h.Propose(h.snapshot, h.Stop(h.active, now, now.Add(stopHolds)), key)
	if err != nil {
		return err
	}
	if s.out != "" {
		return s.write(cmd, p, "stop signed by officer %d; on the gateway's machine: gatewayctl policy activate --gateway … %s")
	}
	return h.hand(cmd, p)
}

// policyDigestCommand is what a second officer compares with what the first one
// says.
func policyDigestCommand() *cobra.Command {
	return onDraft(&cobra.Command{
		Use:   "digest [PACK]",
		Short: "The digest under which a law is signed, if a gateway could run it",
		Long: `Digest compiles a law as a gateway does and prints the digest that officers sign.
Two officers who have reviewed the same files see the same digest. A law that no
gateway would run has none: digest says why and exits with 1.`,
		Example: "  gatewayctl policy digest policies",
		Args:    operands(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := workbench.Open(cmd.Context(), cmp.Or(strings.Join(args, ""), "policies"))
			if err != nil {
				return err
			}
			v := map[string]string{"digest": p.Snapshot.Digest().String(), "engine": p.Snapshot.Engine()}
			return output(cmd, v, func(w io.Writer) { fmt.Fprintln(w, v["digest"]) })
		},
	})
}

// holds refuses a law that does not hold, as a child process finds: a draft is
// not opened beside an officer's key, nor read before it is known to be harmless.
// It returns the digest of what was found to hold, which must be that of what is
// read next: files may change in between.
func (s *signing) holds(cmd *cobra.Command, pack string) (digest string, err error) {
	var said bytes.Buffer
	o, err := s.child(cmd, &said, "policy", "digest", pack)
	if err == nil && o.Message != "" {
		err = fmt.Errorf("not to be signed: %s", o.Message)
	}
	return strings.TrimSpace(said.String()), err
}

// errMoved says that somebody writes where an officer reads.
var errMoved = errors.New("it changed while it was looked at; try again on files that nobody else writes to")

// read reads the content of a pack that holds, and just that content.
func (s *signing) read(cmd *cobra.Command, pack string) (snapshot.Snapshot, error) {
	digest, err := s.holds(cmd, pack)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	found, err := readPack(pack)
	if err == nil && found.Digest().String() != digest {
		err = fmt.Errorf("%s: %w", pack, errMoved)
	}
	return found, err
}

// effect shows what a law opens and closes, where there is one to compare with,
// and what of that must never happen. It looks at a copy of what is signed, not
// at the files that it came from.
func (s *signing) effect(cmd *cobra.Command, next snapshot.Snapshot) error {
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON || !s.diff {
		return nil
	}
	before, err := s.currentFile()
	if err != nil {
		return err
	}
	raw, err := snapshot.Pack(next, nil).Encode()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gatewayctl-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	signed := filepath.Join(dir, "law.json")
	if err := os.WriteFile(signed, raw, 0o600); err != nil {
		return err
	}
	look := []string{"policy", "diff", before, signed}
	if before == "" {
		look = []string{"policy", "never", signed}
	}
	fmt.Fprintln(cmd.OutOrStdout())
	// That something opens is not refused here: it is what officers are asked.
	o, err := s.child(cmd, cmd.OutOrStdout(), look...)
	if o.Message != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: %s\n", strings.ReplaceAll(o.Message, signed, "what is signed"))
	}
	return err
}

// child does something with a draft in a process of its own.
func (s *signing) child(cmd *cobra.Command, out io.Writer, args ...string) (workbench.Outcome, error) {
	return workbench.Child{Name: "gatewayctl", Args: args, Stdout: out, Stderr: cmd.ErrOrStderr()}.Run(cmd.Context())
}
