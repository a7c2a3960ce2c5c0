package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"sluss/gateway/workbench"
)

func policyMutateCommand() *cobra.Command {
	var o workbench.MutateOptions
	var families []string
	cmd := onDraft(&cobra.Command{
		Use:   "mutate [PACK]",
		Short: "Change the law in one small way after the other: do its own tests notice?",
		Long: `Mutate drops each condition of each provision, each rule, each entry of a METADATA
block, and makes each ceiling, flow, leg and class a step wider, one at a time.
After each change it asks the Rego tests beside the provisions and the worked
cases in cases/. A change that nothing notices is a gap in the tests: whoever
made it by mistake would not be told.

What no gateway would run (refused) and what provably decides every input alike
(equivalent) is counted apart. A survivor that no test needs to notice is
explained in mutants.json of the pack; an explanation of one that is noticed
now is an error. Exit 1 if less than 90 % of the conditions or of the rules is
noticed, or less of METADATA and tables than is noticed today (60 and 45 %).`,
		Example: `  gatewayctl policy mutate policies
  gatewayctl policy mutate --family conditions --json policies`,
		Args: operands(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, f := range families {
				if !slices.Contains(workbench.Families, workbench.Family(f)) {
					return usageError{fmt.Errorf("no family %q; there are %v", f, workbench.Families)}
				}
				o.Families = append(o.Families, workbench.Family(f))
			}
			place := "policies"
			if len(args) > 0 {
				place = args[0]
			}
			p, err := workbench.Open(cmd.Context(), place)
			if err != nil {
				return err
			}
			o.Progress = mutateProgress(cmd.ErrOrStderr())
			m, err := workbench.Mutate(cmd.Context(), p, o)
			if err != nil {
				return err
			}
			if err := output(cmd, m, func(w io.Writer) { printMutation(w, m) }); err != nil {
				return err
			}
			return mutationHolds(m)
		},
	})
	cmd.Flags().StringSliceVar(&families, "family", nil, "only this `family` (conditions, rules, metadata, tables); repeatable")
	cmd.Flags().IntVar(&o.Sample, "sample", 0, "try at most `N` mutants of each family")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "with --sample: which ones")
	cmd.Flags().IntVar(&o.Parallel, "parallel", 2, "how many at once")
	return cmd
}

// mutationHolds is the check: enough is noticed, and no explanation is stale.
func mutationHolds(m *workbench.Mutation) error {
	for _, f := range workbench.Families {
		if c, ok := m.Families[f]; ok && c.Share() < workbench.Floors[f] {
			return fmt.Errorf("%s: %.1f %% of the mutants are noticed, less than %.0f %%", f, 100*c.Share(), 100*workbench.Floors[f])
		}
	}
	if len(m.Stale) > 0 {
		return fmt.Errorf("mutants.json explains %d mutants that do not survive", len(m.Stale))
	}
	return nil
}

func printMutation(w io.Writer, m *workbench.Mutation) {
	fmt.Fprintf(w, "%-12s %8s %8s %9s %9s %8s %10s\n", "family", "noticed", "killed", "survived", "explained", "refused", "equivalent")
	for _, f := range workbench.Families {
		if c, ok := m.Families[f]; ok {
			fmt.Fprintf(w, "%-12s %6.1f %% %8d %9d %9d %8d %10d\n", f, 100*c.Share(), c.Killed, c.Survived, c.Accepted, c.Refused, c.Equivalent)
		}
	}
	for _, s := range m.Survivors {
		fmt.Fprintf(w, "survived: %s:%d: %s\n", s.File, s.Line, s.ID)
		if s.Reason != "" {
			fmt.Fprintf(w, "          %s\n", s.Reason)
		}
	}
	for _, id := range m.Stale {
		fmt.Fprintf(w, "explained, but does not survive: %s\n", id)
	}
}

// mutateProgress shows on a terminal how far the check has come.
func mutateProgress(w io.Writer) func(done, total int) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if at, err := f.Stat(); err != nil || at.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(done, total int) {
		if done%10 == 0 || done == total {
			fmt.Fprintf(w, "\r%d of %d mutants", done, total)
		}
		if done == total {
			fmt.Fprintln(w)
		}
	}
}
