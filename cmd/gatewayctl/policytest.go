package main

import (
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"sluss/gateway/workbench"
)

func policyTestCommand() *cobra.Command {
	var o workbench.TryOptions
	var only string
	cmd := &cobra.Command{
		Use:   "test [PACK]",
		Short: "Try a draft of the law on worked cases: does it give the right answers?",
		Long: `Test asks PACK, a directory like policies/ (the default) or a bundle, every case of
the directories given with --cases. Each holds cases.json and fixtures.json, the
world in which the cases are asked; policies/cases/golden/README.md says what they
hold. A case goes through the code that makes facts and decides in a gateway. Of
a case that fails each part of the answer that is wrong is shown: the outcome,
its reason, each field, the basis, the cells, the obligations.

Without --cases it runs the tests beside the provisions (*_test.rego) and every
directory in cases/ of the pack, and shows how many of the rules were used by
them and which lines were not.

The last line is "N passed, N failed". Exit 1 if a case or test failed.`,
		Example: `  gatewayctl policy test --cases policies/cases/golden policies
  gatewayctl policy test policies
  gatewayctl policy test --cases mine --run '^G3' --json draft/`,
		Args: operands(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if only != "" {
				var err error
				if o.Only, err = regexp.Compile(only); err != nil {
					return usageError{fmt.Errorf("--run: %w", err)}
				}
			}
			p, err := workbench.Open(cmd.Context(), packOperand(args))
			if err != nil {
				return err
			}
			t, err := workbench.Try(cmd.Context(), p, o)
			if err != nil {
				return err
			}
			if err := output(cmd, t, func(w io.Writer) { printTrial(w, t) }); err != nil {
				return err
			}
			if t.Failed > 0 {
				return fmt.Errorf("cases or tests that failed: %d", t.Failed)
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&o.Cases, "cases", nil, "try the cases in `DIR`; repeatable")
	cmd.Flags().BoolVar(&o.Coverage, "coverage", false, "with --cases: show how many of the rules the cases use")
	cmd.Flags().StringVar(&only, "run", "", "only cases whose id, and tests whose name, fits `REGEXP`")
	return onDraft(cmd)
}

// printTrial writes what failed, what was not used and, last, how many there
// were.
func printTrial(w io.Writer, t *workbench.Trial) {
	for _, c := range t.Cases {
		if c.Passed {
			continue
		}
		fmt.Fprintf(w, "FAIL %s: %s\n", c.ID, c.Title)
		if c.Error != "" {
			fmt.Fprintf(w, "  %s\n", c.Error)
		}
		for _, d := range c.Mismatches {
			fmt.Fprintf(w, "  %s\n", d.Line())
		}
	}
	for _, r := range t.Tests {
		if !r.Passed {
			fmt.Fprintf(w, "FAIL %s (%s)\n", r.Name, r.At)
			if r.Error != "" {
				fmt.Fprintf(w, "  %s\n", r.Error)
			}
		}
	}
	if c := t.Coverage; c != nil {
		for _, m := range c.NotCovered {
			fmt.Fprintf(w, "%s:%d: not used by any test or case: %s\n", m.File, m.Line, m.Text)
		}
		fmt.Fprintf(w, "%d of %d rules used (%.1f %%)\n", c.Used, c.Rules, c.Percent)
	}
	fmt.Fprintf(w, "%d passed, %d failed\n", t.Passed, t.Failed)
}
