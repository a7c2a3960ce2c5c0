package gatewaytest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// ErrFault is what [Faults] returns when the gateway did not keep its word.
var ErrFault = errors.New("the gateway did not keep what it promised")

// Towns is how many municipalities take part in a run under load: the world
// must have been made with so many more ([NewCrowd]).
const Towns = 4

// FaultCase is one way in which the gateway, its disk or its database fails while
// clients are at work.
type FaultCase struct {
	Name  string `json:"name"`
	Words string `json:"what"` // what happens, each time
	// Count is how often it happens in a run that does not say.
	Count int `json:"count"`

	// before readies the world, before its gateway starts for the first time.
	before func(context.Context, *faultRun) error
	// strike lets it happen once to a gateway that runs under load, and heals it.
	// A gateway that has ended since is started again by the run.
	strike func(context.Context, *faultRun) error
	// whole is the run of a fault that does not happen under load.
	whole func(context.Context, *faultRun) error
}

// ListFaults returns every fault there is, in the order in which they are run.
func ListFaults() []FaultCase {
	return slices.Concat(processFaults(), diskFaults(), copyFaults(), tamperFaults(), serverFaults())
}

// FaultOptions say which faults are run and how. The zero value of a field
// means its default.
type FaultOptions struct {
	Only []string // names; default all
	// Count is how often each happens; default what the fault says.
	Count int
	Seed  uint64 // of when, and of what the clients do
	// Longest is the longest time under load before a fault. Default 300 ms.
	Longest time.Duration
	// Every is after how many faults a copy of what is on the disk is audited,
	// before the gateway has recovered it. Default 25.
	Every int
}

// FaultReport is what came of one fault. Lost are receipts and acknowledgements
// that the gateway did not bear out, Unlogged the releases without their entry,
// Doubled the deliveries that came twice with different content; Findings names
// these and everything else that was not as it must be.
type FaultReport struct {
	Fault        string   `json:"fault"`
	Seed         uint64   `json:"seed"`
	Count        int      `json:"count"`
	Kills        int      `json:"kills"`        // processes that ended without a chance to tidy up
	Injected     int      `json:"calls_failed"` // system calls that were made to fail
	Acknowledged int      `json:"messages_acknowledged"`
	Stated       int      `json:"statements_acknowledged"`
	Again        int      `json:"receipts_given_again"`
	Releases     int      `json:"releases"`
	Redelivered  int      `json:"releases_handed_out_again"`
	Received     int      `json:"acknowledgements_accepted"`
	Entries      uint64   `json:"log_entries"`
	Audits       int      `json:"audits"`
	Lost         int      `json:"lost"`
	Unlogged     int      `json:"unlogged"`
	Doubled      int      `json:"doubled"`
	StartSlowest float64  `json:"start_slowest_s"`
	Seconds      float64  `json:"seconds"`
	Findings     []string `json:"findings,omitempty"`
}

// FaultReports are the reports of a run.
type FaultReports []FaultReport

// Print writes the reports for a person: a table, and what was found.
func (all FaultReports) Print(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "fault\tseed\tcount\tkills\tacknowledged\treleased\treceived\tlost\tunlogged\tdoubled\taudits\tentries\tseconds\tfindings\t")
	var sum FaultReport
	for _, r := range all {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f\t%d\t\n", r.Fault, r.Seed, r.Count, r.Kills, r.Acknowledged+r.Stated,
			r.Releases, r.Received, r.Lost, r.Unlogged, r.Doubled, r.Audits, r.Entries, r.Seconds, len(r.Findings))
		sum.add(r)
	}
	fmt.Fprintf(t, "all\t\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f\t%d\t\n", sum.Count, sum.Kills, sum.Acknowledged+sum.Stated,
		sum.Releases, sum.Received, sum.Lost, sum.Unlogged, sum.Doubled, sum.Audits, sum.Entries, sum.Seconds, len(sum.Findings))
	t.Flush()
	for _, r := range all {
		for _, f := range r.Findings[:min(len(r.Findings), 20)] {
			fmt.Fprintf(out, "%s: %s\n", r.Fault, f)
		}
	}
}

func (r *FaultReport) add(o FaultReport) {
	r.Count, r.Kills, r.Acknowledged, r.Stated = r.Count+o.Count, r.Kills+o.Kills, r.Acknowledged+o.Acknowledged, r.Stated+o.Stated
	r.Releases, r.Received, r.Entries, r.Audits = r.Releases+o.Releases, r.Received+o.Received, r.Entries+o.Entries, r.Audits+o.Audits
	r.Lost, r.Unlogged, r.Doubled, r.Seconds = r.Lost+o.Lost, r.Unlogged+o.Unlogged, r.Doubled+o.Doubled, r.Seconds+o.Seconds
	r.Findings = append(r.Findings, o.Findings...)
}

// Faults runs faults one after the other, each in a world of its own below dir,
// for the gateway program at binary. In each the police state facts about a
// person at each of [Towns] municipalities and send messages about that person,
// which functions there collect and acknowledge, while the fault happens again
// and again. What each client was told is kept and compared with what is on the
// disk: no release without an entry, nothing acknowledged lost, every receipt
// verifies, every table is sound, and when the fault is over all goes on. An
// error that is [ErrFault] says that a report has findings, any other that the
// run could not be made.
func Faults(ctx context.Context, dir, binary string, o FaultOptions, out io.Writer) (FaultReports, error) {
	o.Longest, o.Every = cmp.Or(o.Longest, 300*time.Millisecond), cmp.Or(o.Every, 25)
	faults, err := chosen(o.Only)
	if err != nil {
		return nil, err
	}
	var all FaultReports
	var found error
	for _, f := range faults {
		place := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(place, 0o755); err != nil {
			return all, err
		}
		r, err := f.run(ctx, place, binary, o, out)
		if r.Fault != "" {
			all = append(all, r)
		}
		if err != nil && !errors.Is(err, ErrFault) {
			return all, fmt.Errorf("fault %s: %w", f.Name, err)
		}
		found = errors.Join(found, err)
		if err == nil { // what was found stays to be looked at
			if err := os.RemoveAll(place); err != nil {
				return all, err
			}
		}
	}
	return all, found
}

func chosen(names []string) ([]FaultCase, error) {
	all := ListFaults()
	if len(names) == 0 {
		return all, nil
	}
	var out []FaultCase
	for _, n := range names {
		i := slices.IndexFunc(all, func(f FaultCase) bool { return f.Name == n })
		if i < 0 {
			return nil, fmt.Errorf("there is no fault %q", n)
		}
		out = append(out, all[i])
	}
	return out, nil
}
