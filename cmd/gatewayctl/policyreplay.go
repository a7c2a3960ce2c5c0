package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/keys"
	"sluss/gateway/store"
	"sluss/gateway/store/database"
	"sluss/gateway/workbench"
	"sluss/policies"
)

// replaying are the flags of policy replay.
type replaying struct{ log, kek, ring, inputs, base, draft string }

func policyReplayCommand() *cobra.Command {
	var x replaying
	cmd := onDraft(&cobra.Command{
		Use:   "replay (--log DIR --kek URI | --inputs FILE) --draft PACK",
		Short: "Take every past decision again under a draft, and say what would have come out otherwise",
		Long: `Replay reads past decisions and takes each again under a draft of the law. It is
exact: an entry of the disclosure log holds the whole closed input that the
decision was taken on, and its answer. It prints how many would have come out the
same, opened or closed a field, rested on another basis, had another outcome; and
the changes, by who asked whom for what. It exits with 1 if anything would have
been opened. Decisions that were taken by the very law that is replayed must come
out exactly as they did; if one does not, it exits with 1 too.

--log is the gateway's data directory, which is only read; --kek and --ring are
the keys that its entries are encrypted with, as for "log fsck". An entry that
cannot be read is an error and never left out. --inputs is a file with one closed
input per line, or one {"input": …} per line; they are first decided under --base.`,
		Example: `  gatewayctl policy replay --log world/gateway/data --kek file:world/gateway/kek --draft policies
  gatewayctl policy replay --inputs inputs.jsonl --base policies --draft draft`,
		Args: operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return x.run(cmd) },
	})
	child := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case x.draft == "":
			return usageError{errors.New("--draft is required")}
		case (x.log == "") == (x.inputs == ""):
			return usageError{errors.New("say what to replay: --log, or --inputs")}
		case x.log != "" && x.kek == "":
			return usageError{errors.New("--kek is required with --log: the inputs are encrypted")}
		}
		return child(cmd, args)
	}
	cmd.Flags().StringVar(&x.log, "log", "", "`directory` of the gateway's data")
	cmd.Flags().StringVar(&x.kek, "kek", "", "with --log: `URI` of the key-encryption key")
	cmd.Flags().StringVar(&x.ring, "ring", "", "with --log: `directory` of the at-rest keys (default ../state/ring beside it)")
	cmd.Flags().StringVar(&x.inputs, "inputs", "", "`file` with one input per line")
	cmd.Flags().StringVar(&x.base, "base", "", "with --inputs: `pack` to compare with (default: the one in this program)")
	cmd.Flags().StringVar(&x.draft, "draft", "", "`pack` to replay under (required)")
	return cmd
}

func (x *replaying) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	draft, err := workbench.Open(ctx, x.draft)
	if err != nil {
		return err
	}
	o := workbench.ReplayOptions{Progress: func(read int) {
		if read%20_000 == 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "%d decisions read\n", read)
		}
	}}
	v := struct {
		*workbench.Replayed
		logTally
	}{}
	var past iter.Seq2[workbench.Past, error]
	if x.inputs != "" {
		if o.Base, err = x.law(ctx); err != nil {
			return err
		}
		past = fromLines(x.inputs)
	} else {
		db, ring, err := x.open(ctx)
		if err != nil {
			return err
		}
		defer db.Close()
		past = v.fromLog(ctx, db, ring)
	}
	r, err := draft.Replay(ctx, past, o)
	if err != nil {
		return err
	}
	v.Replayed = &r
	if err := output(cmd, v, func(w io.Writer) { replayText(w, r, v.logTally) }); err != nil {
		return err
	}
	switch {
	case r.NotReproduced > 0:
		return fmt.Errorf("%d decisions of this very law do not come out as they did", r.NotReproduced)
	case r.Opened > 0:
		return fmt.Errorf("the draft would have opened something in %d decisions", r.Opened)
	}
	return nil
}

// law is what inputs are compared with.
func (x *replaying) law(ctx context.Context) (*workbench.Pack, error) {
	if x.base != "" {
		return workbench.Open(ctx, x.base)
	}
	return workbench.Read(ctx, policies.FS)
}

func (x *replaying) open(ctx context.Context) (database.Database, *keys.Ring, error) {
	kek, err := keys.LoadKEK(keys.At(".", x.kek))
	if err != nil {
		return nil, nil, err
	}
	ring, err := keys.OpenRing(cmp.Or(x.ring, filepath.Join(filepath.Dir(filepath.Clean(x.log)), "state", "ring")), kek)
	if err != nil {
		return nil, nil, err
	}
	db, err := database.View(ctx, x.log)
	return db, ring, err
}

// logTally counts the entries of a log that no decision of the law is replayed
// of, by why.
type logTally struct {
	Entries   uint64 `json:"entries,omitempty"`
	Early     int    `json:"refused_before_facts,omitempty"` // by stages 1 to 8, or for want of a message: no input was made
	Overruled int    `json:"overruled,omitempty"`            // a key known to others, a name that tells a place: the law did not decide
	Erased    int    `json:"erased,omitempty"`               // content deleted when its retention ended
}

// shortest is the shortest time that an entry's content is kept (domain, Section
// 21): what is gone before that is missing.
const shortest = 2 * 365 * 24 * time.Hour

// page is how many entries are read at once.
const page = 1024

// fromLog reads every decision of a log.
func (t *logTally) fromLog(ctx context.Context, db database.Database, ring *keys.Ring) iter.Seq2[workbench.Past, error] {
	return func(yield func(workbench.Past, error) bool) {
		head, err := db.Head(ctx)
		if err != nil {
			yield(workbench.Past{}, err)
			return
		}
		for t.Entries < head.Size {
			entries, err := db.Entries(ctx, t.Entries, int(min(page, head.Size-t.Entries)))
			if err == nil && len(entries) == 0 {
				err = fmt.Errorf("entries from %d on are missing", t.Entries)
			}
			if err != nil {
				yield(workbench.Past{}, fmt.Errorf("reading the log: %w", err))
				return
			}
			for _, one := range openEntries(t.Entries, entries, ring) {
				if one.err != nil {
					yield(workbench.Past{}, one.err)
					return
				}
				t.count(one.fate)
				if one.fate == decided && !yield(one.past, nil) {
					return
				}
			}
			t.Entries += uint64(len(entries))
		}
	}
}

// fate is what an entry is to a replay.
type fate int

const (
	noDecision fate = iota
	decided
	early
	overruled
	erased
)

func (t *logTally) count(f fate) {
	switch f {
	case early:
		t.Early++
	case overruled:
		t.Overruled++
	case erased:
		t.Erased++
	}
}

// read is one entry as a replay takes it.
type read struct {
	past workbench.Past
	fate fate
	err  error
}

// openEntries reads entries on all processors.
func openEntries(from uint64, entries []store.Entry, ring *keys.Ring) []read {
	out := make([]read, len(entries))
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(entries); i += workers {
				out[i].past, out[i].fate, out[i].err = openEntry(from+uint64(i), entries[i], ring)
			}
		})
	}
	wg.Wait()
	return out
}

// openEntry reads one entry.
func openEntry(index uint64, e store.Entry, ring *keys.Ring) (p workbench.Past, f fate, err error) {
	if len(e.E1) == 0 && len(e.E2) == 0 && e.Key == "" && time.Since(e.Time) > shortest {
		return p, erased, nil
	}
	kind := disclosure.Kind(e.Kind)
	if kind != disclosure.Release && kind != disclosure.Withheld && len(e.E1) > 0 {
		// That it is no decision is what the leaf says, not the column.
		e1, err := disclosure.CheckE1(e.E1, e.Leaf)
		if err == nil && e1.Kind != kind {
			err = errors.New("its kind is not what the entry says")
		}
		if err != nil {
			return p, noDecision, fmt.Errorf("reading entry %d: %w", index, err)
		}
		return p, noDecision, nil
	}
	e1, e2, err := disclosure.Open(e, ring)
	if err == nil && e1.Kind != kind {
		err = errors.New("its kind is not what the entry says")
	}
	if err != nil {
		return p, noDecision, fmt.Errorf("reading entry %d: %w", index, err)
	}
	switch {
	case e1.Kind == disclosure.Withheld && e1.Code != "":
		return p, overruled, nil
	case e1.Kind == disclosure.Withheld && len(e2.Input) == 0 && e1.Request != nil:
		return p, early, nil
	case len(e2.Input) == 0:
		return p, noDecision, fmt.Errorf("reading entry %d: a decision without its input", index)
	}
	p = workbench.Past{Index: index, Input: e2.Input, Answer: &workbench.Answered{Outcome: e1.Outcome, Reason: e2.Denied, Allowed: e1.Allowed,
		Withheld: e2.Withheld, Suppressed: e1.Suppressed, Obligations: e1.Obligations}}
	if e1.Snapshot != nil {
		p.Snapshot = *e1.Snapshot
	}
	return p, decided, nil
}

// fromLines reads one input per line.
func fromLines(file string) iter.Seq2[workbench.Past, error] {
	return func(yield func(workbench.Past, error) bool) {
		f, err := os.Open(file)
		if err != nil {
			yield(workbench.Past{}, err)
			return
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, maxInput)
		for n := uint64(1); lines.Scan(); n++ {
			line := bytes.TrimSpace(lines.Bytes())
			if len(line) == 0 {
				continue
			}
			var wrapped struct {
				Input json.RawMessage `json:"input"`
			}
			if err := json.Unmarshal(line, &wrapped); err != nil {
				yield(workbench.Past{}, fmt.Errorf("reading line %d of %s: %w", n, file, err))
				return
			}
			input := bytes.Clone(line)
			if wrapped.Input != nil {
				input = wrapped.Input
			}
			if !yield(workbench.Past{Index: n, Input: input}, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(workbench.Past{}, fmt.Errorf("reading %s: %w", file, err))
		}
	}
}

func replayText(w io.Writer, r workbench.Replayed, t logTally) {
	fmt.Fprintf(w, "%d decisions, %d different inputs\n", r.Decisions, r.Inputs)
	if t.Early+t.Overruled+t.Erased > 0 {
		fmt.Fprintf(w, "besides, of which the law decided nothing: %d refused before any fact was looked at, %d overruled, %d erased after their time\n", t.Early, t.Overruled, t.Erased)
	}
	if r.Reproduced+r.NotReproduced > 0 {
		fmt.Fprintf(w, "%d were taken by this very law: %d come out exactly as they did, %d do not\n", r.Reproduced+r.NotReproduced, r.Reproduced, r.NotReproduced)
	}
	fmt.Fprintf(w, "same             %d\nopened           %d\nclosed           %d\nbasis changed    %d\noutcome changed  %d\nonly reasons     %d\n",
		r.Same, r.Opened, r.Closed, r.BasisChanged, r.OutcomeChanged, r.OnlyReasons)
	for _, g := range r.Groups {
		fmt.Fprintf(w, "\n%d × %s from %s: %s, %s (%d inputs; first in %d)\n", g.Count, g.Actor, g.Discloser, g.Type, g.Purpose, g.Inputs, g.First)
		if g.Before != g.After {
			fmt.Fprintf(w, "  outcome  %s → %s\n", g.Before, g.After)
		}
		for _, f := range slices.Sorted(maps.Keys(g.Opened)) {
			fmt.Fprintf(w, "  OPENED   %s on %s\n", f, g.Opened[f])
		}
		for _, f := range slices.Sorted(maps.Keys(g.Closed)) {
			fmt.Fprintf(w, "  closed   %s: %s\n", f, g.Closed[f])
		}
		for _, f := range slices.Sorted(maps.Keys(g.Basis)) {
			fmt.Fprintf(w, "  basis    %s: %s → %s\n", f, g.Basis[f][0], g.Basis[f][1])
		}
		for _, f := range slices.Sorted(maps.Keys(g.Reason)) {
			fmt.Fprintf(w, "  reason   %s: %s → %s\n", cmp.Or(f, gateway.Field("as a whole")), g.Reason[f][0], g.Reason[f][1])
		}
		if len(g.Cells)+len(g.Hidden) > 0 {
			fmt.Fprintf(w, "  cells    OPENED %s; closed %s\n", strings.Join(g.Cells, ", "), strings.Join(g.Hidden, ", "))
		}
		for _, how := range slices.Sorted(maps.Keys(g.Duties)) {
			fmt.Fprintf(w, "  duties   %s: %v\n", how, g.Duties[how])
		}
	}
}
