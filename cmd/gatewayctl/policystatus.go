package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluss/certs/dev"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
	"sluss/gateway/store"
	"sluss/gateway/store/database"
	"sluss/gateway/workbench"
	"sluss/policies"
)

// lawPlace is where the law in force is seen, and whose signatures count.
type lawPlace struct {
	gateway, client, pins, current string

	workbench.Authority
	active   snapshot.Active
	file     string // of the bundle in force; "" when it was fetched
	data     string // the gateway's database, "" where there is none
	state    string // the gateway's state directory, "" likewise
	inForce  workbench.Proposal
	snapshot snapshot.Snapshot // in force; without provisions when it was fetched
}

// flags adds the flags that say where the law in force is seen: any of them for
// commands that only look and sign.
func (p *lawPlace) flags(cmd *cobra.Command, anywhere bool) {
	cmd.Flags().StringVar(&p.gateway, "gateway", "", "the gateway's configuration `file`, on its machine")
	if anywhere {
		cmd.Flags().StringVar(&p.client, "client", "", "or, over HTTPS: client.json `file` of the system to connect as")
		cmd.Flags().StringVar(&p.pins, "pins", "", "or, on an officer's machine: `file` with the officers' keys, with --current")
		cmd.Flags().StringVar(&p.current, "current", "", "with --pins: bundle `file` that is in force")
	}
}

// find reads what is in force.
func (p *lawPlace) find(ctx context.Context) error {
	switch {
	case p.gateway != "" && p.client == "" && p.pins == "":
		return p.onGateway()
	case p.client != "" && p.gateway == "" && p.pins == "":
		return p.overHTTPS(ctx)
	case p.pins != "" && p.current != "" && p.gateway == "" && p.client == "":
		if err := p.pin(p.pins); err != nil {
			return err
		}
		return p.take(p.current)
	}
	return usageError{errors.New("say where the law in force is seen: --gateway, or --client, or --pins with --current")}
}

// pin takes the gateway's name and the officers' keys.
func (p *lawPlace) pin(file string) error {
	var pins dev.Pins
	if err := readJSONFile(file, &pins); err != nil {
		return err
	}
	p.Gateway, p.Officers = pins.Gateway, pins.Officers
	return nil
}

// onGateway reads the files of a gateway. What it wrote down that it runs counts,
// not what lies in the file that it follows.
func (p *lawPlace) onGateway() error {
	var cfg struct{ Snapshot, Pins, State, Data string }
	if err := readJSONFile(p.gateway, &cfg); err != nil {
		return err
	}
	at := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(filepath.Dir(p.gateway), path)
	}
	p.file, p.state, p.data = at(cfg.Snapshot), at(cfg.State), at(cfg.Data)
	if err := p.pin(at(cfg.Pins)); err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(p.state, "policy.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has never run
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &p.active); err != nil {
		return fmt.Errorf("reading what is in force: %w", err)
	}
	raw, err = os.ReadFile(p.kept(p.active.Seq))
	if err != nil {
		return fmt.Errorf("reading what is in force: %w", err)
	}
	p.inForce, err = p.Open(raw)
	p.snapshot = p.inForce.Snapshot
	return err
}

// kept is where the gateway keeps the bundle that it put in force under a number.
func (p *lawPlace) kept(seq int64) string {
	return filepath.Join(p.state, "laws", fmt.Sprintf("%06d.json", seq))
}

// currentFile is where the whole law in force is, "" where it is not at hand.
func (p *lawPlace) currentFile() (string, error) {
	switch {
	case p.active.Seq == 0 || p.snapshot.Complete("") != nil:
		return "", nil
	case p.state != "":
		return filepath.Abs(p.kept(p.active.Seq))
	}
	return p.current, nil
}

// take takes what a bundle says that is in force.
func (p *lawPlace) take(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if p.inForce, err = p.Open(raw); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	if len(p.inForce.Signed) < 2 && !p.inForce.Approval.WithholdAll {
		return fmt.Errorf("reading %s: %w", file, workbench.ErrOneSign)
	}
	p.snapshot = p.inForce.Snapshot
	p.active = activeOf(p.inForce)
	return nil
}

// activeOf returns what a gateway runs that took a proposal.
func activeOf(l workbench.Proposal) snapshot.Active {
	a := l.Approval
	return snapshot.Active{Gateway: a.Gateway, Snapshot: l.Snapshot.Digest(), Seq: a.Seq, Expires: a.Expires, WithholdAll: a.WithholdAll}
}

// overHTTPS asks the gateway, and believes the officers only.
func (p *lawPlace) overHTTPS(ctx context.Context) error {
	cfg, err := client.Load(p.client)
	if err != nil {
		return err
	}
	p.Gateway, p.Officers = cfg.Gateway, cfg.Officers
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(cfg.URL, "/")+"/v1/snapshot", nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: cfg.HTTPS()}).Do(req)
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, snapshot.MaxBundle))
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the gateway: status %d", res.StatusCode)
	}
	if p.inForce, err = p.Open(raw); err != nil && !errors.Is(err, snapshot.ErrMissing) { // it gives no provisions
		return err
	}
	p.snapshot, p.active = p.inForce.Snapshot, activeOf(p.inForce)
	return nil
}

// lawStatus is what is in force.
type lawStatus struct {
	Gateway     string     `json:"gateway"`
	Seq         int64      `json:"seq"`
	Snapshot    string     `json:"snapshot,omitempty"`
	WithholdAll bool       `json:"withhold_all"`
	Since       *time.Time `json:"since,omitempty"` // as the log says; absent where the log is not at hand
	Expires     *time.Time `json:"expires,omitempty"`
	Expired     bool       `json:"expired"`
	Approvers   []approver `json:"approvers"`
	Next        *scheduled `json:"next,omitempty"`
	BuiltIn     string     `json:"built_in"` // digest of the policy in this program
}

// approver is an officer by the place among the pinned ones.
type approver struct {
	Officer int    `json:"officer"`
	Key     string `json:"key"`
}

// scheduled is a law that waits for its time.
type scheduled struct {
	Seq       int64      `json:"seq"`
	Snapshot  string     `json:"snapshot"`
	From      time.Time  `json:"from"`
	Approvers []approver `json:"approvers"`
	Refused   string     `json:"refused,omitempty"` // why the gateway will not take it
}

func policyStatusCommand() *cobra.Command {
	var p lawPlace
	cmd := &cobra.Command{
		Use:   "status",
		Short: "What law is in force: digest, number, since when, until when, by whom, and what follows",
		Long: `Status says which policy a gateway decides by: its digest, the number of its
approval, since when (as the disclosure log says), until when, which two officers
approved it, whether all release is stopped, what is scheduled to follow, and the
digest of the policy that this program was built with.

Over HTTPS the gateway says it and the officers' signatures prove it; since when,
and what is scheduled, is known on the gateway's machine only.`,
		Example: `  gatewayctl policy status --gateway world/gateway/gateway.json
  gatewayctl policy status --client world/agencies/police/exit/client.json`,
		Args: operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.find(cmd.Context()); err != nil {
				return err
			}
			s, err := p.status(cmd.Context(), time.Now())
			if err != nil {
				return err
			}
			return output(cmd, s, s.text)
		},
	}
	p.flags(cmd, true)
	return cmd
}

func (p *lawPlace) approvers(signed []string) []approver {
	out := make([]approver, len(signed))
	for i, kid := range signed {
		out[i] = approver{p.Officer(kid), kid}
	}
	return out
}

func (p *lawPlace) status(ctx context.Context, now time.Time) (lawStatus, error) {
	own, err := snapshot.Read(policies.FS, policy.Engine())
	if err != nil {
		return lawStatus{}, err
	}
	s := lawStatus{Gateway: string(p.Gateway), Seq: p.active.Seq, WithholdAll: p.active.WithholdAll, BuiltIn: own.Digest().String(),
		Approvers: p.approvers(p.inForce.Signed)}
	if s.Seq > 0 {
		s.Snapshot, s.Expires, s.Expired = p.active.Snapshot.String(), &p.active.Expires, !now.Before(p.active.Expires)
	}
	if p.data != "" && s.Seq > 0 {
		if s.Since, err = since(ctx, p.data, p.active, p.inForce.Approval.NotBefore); err != nil {
			return s, err
		}
	}
	if p.file != "" {
		s.Next, err = p.scheduled(now)
	}
	return s, err
}

// since asks the log when what is in force, approved from a time on, was put in
// force; nil if the log has no such entry.
func since(ctx context.Context, data string, active snapshot.Active, from time.Time) (*time.Time, error) {
	db, err := database.View(ctx, data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer db.Close()
	found, err := db.Search(ctx, store.Query{Kind: string(disclosure.PolicyActivated), From: from, Limit: 16})
	if err != nil {
		return nil, fmt.Errorf("asking the log: %w", err)
	}
	for _, e := range found {
		e1, err := disclosure.CheckE1(e.E1, e.Leaf)
		if err != nil {
			return nil, fmt.Errorf("reading entry %d: %w", e.Index, err)
		}
		if e1.Count == active.Seq && e1.Snapshot != nil && *e1.Snapshot == active.Snapshot {
			return &e1.Time.Time, nil
		}
	}
	return nil, nil
}

// scheduled reads what waits beside the law in force.
func (p *lawPlace) scheduled(now time.Time) (*scheduled, error) {
	raw, err := os.ReadFile(snapshot.Next(p.file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l, err := p.Open(raw)
	if err != nil {
		return &scheduled{Refused: err.Error()}, nil
	}
	s := &scheduled{Seq: l.Approval.Seq, Snapshot: l.Snapshot.Digest().String(), From: l.Approval.NotBefore.UTC(), Approvers: p.approvers(l.Signed)}
	if _, err := p.Ready(l, p.active, now); err != nil {
		s.Refused = err.Error()
	}
	return s, nil
}

func (s lawStatus) text(w io.Writer) {
	fmt.Fprintf(w, "gateway    %s\n", s.Gateway)
	switch {
	case s.Seq == 0:
		fmt.Fprintln(w, "in force   nothing: the gateway has not run yet")
	case s.WithholdAll:
		fmt.Fprintf(w, "in force   number %d: ALL RELEASE IS STOPPED, under policy %s\n", s.Seq, s.Snapshot)
	default:
		fmt.Fprintf(w, "in force   number %d, policy %s\n", s.Seq, s.Snapshot)
	}
	if s.Since != nil {
		fmt.Fprintf(w, "since      %s\n", clock(*s.Since))
	}
	if s.Expires != nil {
		fmt.Fprintf(w, "until      %s%s\n", clock(*s.Expires), map[bool]string{true: " (EXPIRED: nothing is released)"}[s.Expired])
	}
	for _, a := range s.Approvers {
		fmt.Fprintf(w, "approved   officer %d (key %s)\n", a.Officer, a.Key)
	}
	switch {
	case s.Next == nil:
	case s.Next.Refused != "":
		fmt.Fprintf(w, "scheduled  number %d, WHICH WILL BE REFUSED: %s\n", s.Next.Seq, s.Next.Refused)
	default:
		fmt.Fprintf(w, "scheduled  number %d, policy %s, from %s\n", s.Next.Seq, s.Next.Snapshot, clock(s.Next.From))
	}
	same := "another than the one in force"
	if s.BuiltIn == s.Snapshot {
		same = "the one in force"
	}
	fmt.Fprintf(w, "built in   policy %s: %s\n", s.BuiltIn, same)
}

// clock writes a time as people here read it, with its zone.
func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }
