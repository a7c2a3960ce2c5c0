package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluss/gateway/envelope"
	"sluss/gateway/keys"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
	"sluss/gateway/workbench"
)

// signing are the flags of commands that sign.
type signing struct {
	lawPlace
	key, out    string
	at, expires string
	diff        bool
}

func (s *signing) flags(cmd *cobra.Command, out string) {
	s.lawPlace.flags(cmd, true)
	cmd.Flags().StringVar(&s.key, "key", "", "the officer's key: a `file` or URI; without it nothing is signed, only shown")
	cmd.Flags().StringVar(&s.out, "out", "", out)
	cmd.Flags().BoolVar(&s.diff, "diff", true, "show what it opens and closes and what must never happen, as policy diff does (over HTTPS: as policy never does)")
}

func (s *signing) times(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.at, "at", "", "`time` from which it holds: 2026-07-01T08:00, 2026-07-01 or +48h (default: now)")
	cmd.Flags().StringVar(&s.expires, "expires", "", "`time` from which nothing is released under it any more, or +DURATION (default: a year after --at)")
}

// signer opens the officer's key.
func (s *signing) signer() (*envelope.Signer, error) {
	uri := s.key
	if !strings.Contains(uri, ":") {
		uri = "file:" + uri
	}
	key, err := keys.LoadEC(keys.At(".", uri))
	if err != nil {
		return nil, fmt.Errorf("opening the officer's key: %w", err)
	}
	return envelope.NewSigner(key)
}

// moment reads a time: RFC 3339, local date and time, local date, or a duration
// after base that begins with "+".
func moment(text string, base time.Time) (time.Time, error) {
	if after, ok := strings.CutPrefix(text, "+"); ok {
		d, err := time.ParseDuration(after)
		if err != nil {
			return time.Time{}, usageError{fmt.Errorf("%q is no duration such as +48h", text)}
		}
		return base.Add(d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError{fmt.Errorf("%q is no time such as 2026-07-01T08:00, 2026-07-01 or +48h", text)}
}

// period reads --at and --expires.
func (s *signing) period(life time.Duration) (from, until time.Time, err error) {
	from = time.Now()
	if s.at != "" {
		if from, err = moment(s.at, from); err != nil {
			return from, until, err
		}
	}
	until = from.Add(life)
	if s.expires != "" {
		until, err = moment(s.expires, from)
	}
	if err == nil && !until.After(from.Add(time.Second)) {
		err = usageError{errors.New("it would expire before it holds")}
	}
	return from, until, err
}

// year is how long an approval holds if nobody says otherwise: the law is read
// again each year (domain, Section 22).
const year = 365 * 24 * time.Hour

func policySignCommand() *cobra.Command {
	var s signing
	cmd := &cobra.Command{
		Use:   "sign [PACK]",
		Short: "Sign a changed law as the first officer: makes a proposal that the second officer approves",
		Long: `Sign shows what is to be put in force, compared with what is in force, and signs
it with the first officer's key. What is signed: the gateway, the digest of the
new law and of the one it replaces, its number, from when and until when it
holds. The result is a proposal, a file with the whole law and the signature. It
does nothing until a second officer has approved it.

PACK is a directory like policies/, or a bundle. Without --key nothing is signed:
it is only shown.`,
		Example: `  gatewayctl policy sign --gateway world/gateway/gateway.json --key world/officers/1.key --out proposal.json policies
  gatewayctl policy sign --pins pins.json --current snapshot.json --key officer.key --at 2026-07-01 --out proposal.json policies`,
		Args: operands(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.propose(cmd, cmp.Or(strings.Join(args, ""), "policies"))
		},
	}
	s.flags(cmd, "`file` of the proposal (required with --key)")
	s.times(cmd)
	return cmd
}

// propose shows what a pack would change and signs it.
func (s *signing) propose(cmd *cobra.Command, pack string) error {
	if (s.key == "") != (s.out == "") {
		return usageError{errors.New("--key and --out go together")}
	}
	from, until, err := s.period(year)
	if err != nil {
		return err
	}
	if err := s.find(cmd.Context()); err != nil {
		return err
	}
	next, err := s.read(cmd, pack)
	if err != nil {
		return err
	}
	approval := s.Successor(s.active, next.Digest(), from, until)
	if err := s.show(cmd, approval, next); err != nil {
		return err
	}
	if s.key == "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "nothing was signed: no --key")
		return nil
	}
	key, err := s.signer()
	if err != nil {
		return err
	}
	proposal, err := s.Propose(next, approval, key)
	if err != nil {
		return err
	}
	return s.write(cmd, proposal, "signed by officer %d; now another officer: gatewayctl policy approve --key … %s")
}

// write writes a proposal and says what is next.
func (s *signing) write(cmd *cobra.Command, p workbench.Proposal, next string) error {
	raw, err := p.Encode()
	if err != nil {
		return err
	}
	if err := snapshot.WriteFile(s.out, raw); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), next+"\n", s.Officer(p.Signed[len(p.Signed)-1]), s.out)
	return nil
}

// readPack reads the content of a pack and compiles nothing: a draft is opened in
// a child process only.
func readPack(path string) (snapshot.Snapshot, error) {
	at, err := os.Stat(path)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	if at.IsDir() {
		return snapshot.Read(os.DirFS(path), policy.Engine())
	}
	if at.Size() > snapshot.MaxBundle {
		return snapshot.Snapshot{}, snapshot.ErrTooLarge
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	b, err := snapshot.ParseBundle(raw)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return b.Snapshot()
}

// shown is what is signed, before it is signed.
type shown struct {
	Gateway     string             `json:"gateway"`
	Seq         int64              `json:"seq"`
	Snapshot    string             `json:"snapshot"` // the new law
	Previous    string             `json:"previous,omitempty"`
	From        time.Time          `json:"from"`
	Expires     time.Time          `json:"expires"`
	WithholdAll bool               `json:"withhold_all"`
	Changes     []workbench.Change `json:"changes"`
}

// show prints what is to be signed: the approval, the files that change, and
// what the draft changes for people.
func (s *signing) show(cmd *cobra.Command, a envelope.Approval, next snapshot.Snapshot) error {
	v := shown{Gateway: string(a.Gateway), Seq: a.Seq, Snapshot: next.Digest().String(), From: a.NotBefore.UTC(), Expires: a.Expires.UTC(),
		WithholdAll: a.WithholdAll, Changes: []workbench.Change{}}
	if !a.Previous.IsZero() {
		v.Previous = a.Previous.String()
	}
	if !s.snapshot.IsZero() {
		v.Changes = workbench.Changes(s.snapshot, next)
	}
	if err := output(cmd, v, v.text); err != nil {
		return err
	}
	return s.effect(cmd, next)
}

func (v shown) text(w io.Writer) {
	fmt.Fprintf(w, "gateway    %s\nnumber     %d\n", v.Gateway, v.Seq)
	if v.WithholdAll {
		fmt.Fprintln(w, "STOPS ALL RELEASE")
	}
	fmt.Fprintf(w, "new law    %s\nreplaces   %s\n", v.Snapshot, cmp.Or(v.Previous, "nothing: the gateway has not run yet"))
	fmt.Fprintf(w, "from       %s\nuntil      %s\n", clock(v.From), clock(v.Expires))
	if v.Previous != "" && len(v.Changes) == 0 {
		fmt.Fprintln(w, "files      none differs: the same law again")
	}
	for _, c := range v.Changes {
		fmt.Fprintf(w, "%-10s %s\n", c.What, c.File)
	}
}

func policyApproveCommand() *cobra.Command {
	var s signing
	var pack string
	cmd := &cobra.Command{
		Use:   "approve PROPOSAL",
		Short: "Sign the same proposal as the second officer, after seeing what the first one saw",
		Long: `Approve shows what the first officer signed, as sign showed it, verifies that
signature against the pinned keys, and adds the signature of another officer over
the same claims. With --pack it first compares the proposal with a law of your
own: a directory that you have reviewed yourself.

Without --key nothing is signed: it is only shown.`,
		Example: `  gatewayctl policy approve --gateway world/gateway/gateway.json --key world/officers/2.key proposal.json
  gatewayctl policy approve --pins pins.json --current snapshot.json --pack policies --key officer.key proposal.json`,
		Args: operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.out = cmp.Or(s.out, args[0])
			return s.second(cmd, args[0], pack)
		},
	}
	s.flags(cmd, "`file` of the approved proposal (default: in its place)")
	cmd.Flags().StringVar(&pack, "pack", "", "refuse unless the proposal's law is that of this `directory`")
	return cmd
}

// second shows a proposal and signs it as the second officer.
func (s *signing) second(cmd *cobra.Command, file, pack string) error {
	if err := s.find(cmd.Context()); err != nil {
		return err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	p, err := s.Open(raw)
	if err != nil {
		return err
	}
	if digest, err := s.holds(cmd, file); err != nil {
		return err
	} else if digest != p.Snapshot.Digest().String() {
		return fmt.Errorf("%s: %w", file, errMoved)
	}
	if pack != "" {
		own, err := s.read(cmd, pack)
		if err != nil {
			return err
		}
		if own.Digest() != p.Snapshot.Digest() {
			return fmt.Errorf("%w: the proposal's law is %s, that of %s is %s", workbench.ErrOther, p.Snapshot.Digest(), pack, own.Digest())
		}
	}
	if err := s.show(cmd, p.Approval, p.Snapshot); err != nil {
		return err
	}
	if s.key == "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "nothing was signed: no --key. Signed so far by officer %d\n", s.Officer(p.Signed[0]))
		return nil
	}
	key, err := s.signer()
	if err != nil {
		return err
	}
	if p, err = s.Second(p, key); err != nil {
		return err
	}
	if _, err := s.Ready(p, s.active, time.Now()); err != nil {
		return fmt.Errorf("not signed: the gateway would refuse it: %w", err)
	}
	return s.write(cmd, p, "signed by officer %d as well; to put it in force: gatewayctl policy activate --gateway … %s")
}

func policyRollbackCommand() *cobra.Command {
	var s signing
	var to string
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Propose a law that was in force before: old content, a new number, two new signatures",
		Long: `Rollback makes a proposal of a law that was in force before. The old signatures
count for nothing: what they approved has been replaced, and whoever shows them
again is refused. So a rollback is a new approval, which a second officer signs
(policy approve) and which is then handed over (policy activate).

--to names the old law by the number it had, which the gateway keeps, or by a
bundle file. Without --key nothing is signed: it is only shown.`,
		Example: "  gatewayctl policy rollback --gateway world/gateway/gateway.json --to 1 --key world/officers/1.key --out back.json",
		Args:    operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return usageError{errors.New("--to is required: the number, or the bundle, of the law to go back to")}
			}
			if seq, err := strconv.ParseInt(to, 10, 64); err == nil {
				if err := s.find(cmd.Context()); err != nil {
					return err
				}
				if s.state == "" {
					return usageError{errors.New("a number is known on the gateway's machine only (--gateway); name a bundle file")}
				}
				to = s.kept(seq)
			}
			return s.propose(cmd, to)
		},
	}
	s.flags(cmd, "`file` of the proposal (required with --key)")
	s.times(cmd)
	cmd.Flags().StringVar(&to, "to", "", "`number` or bundle file of the law to go back to (required)")
	return cmd
}

// handOver puts a bundle where the gateway sees it, and says what became of the
// one that waits there: overtaken, it would be refused.
func (p *lawPlace) handOver(proposal workbench.Proposal, now time.Time) (place string, overtaken int64, err error) {
	raw, err := proposal.Encode()
	if err != nil {
		return "", 0, err
	}
	place = p.file
	waits, err := os.ReadFile(snapshot.Next(p.file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", 0, err
	}
	if old, err := p.Open(waits); waits != nil && err == nil {
		overtaken = old.Approval.Seq
	}
	if now.Before(proposal.Approval.NotBefore) {
		place = snapshot.Next(p.file)
	}
	if err := snapshot.WriteFile(place, raw); err != nil {
		return place, 0, err
	}
	if waits == nil || place != p.file {
		return place, overtaken, nil
	}
	return place, overtaken, errors.Join(os.Remove(snapshot.Next(p.file)), snapshot.SyncDir(filepath.Dir(p.file)))
}
