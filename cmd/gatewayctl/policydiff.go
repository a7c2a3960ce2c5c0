package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sluss/gateway/workbench"
)

func policyDiffCommand() *cobra.Command {
	var lang string
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Show what the law in B lets happen that A did not, and the reverse",
		Long: `Diff compares two states of the law, each a directory like policies/ or a bundle,
by what they release, not by their text: who can get what from whom, for which
purposes, on which basis and under which facts, over everything that can be
asked. What became possible is opened; what no longer is, closed; a field that
leaves on other bases, or on the same in another order, has its basis changed.
A field that leaves although less is asked for it (no name, no recorded decision)
is opened too.

Told apart is what changes no release but what must come before one: that a basis
need not be claimed, what a decision must state, whose consent is asked for, and
the tables that say what facts are made of. Those may open something that is not
shown. The never-rules built in are proven of B; one that does not hold is shown.

Exit 1 if something opened or may have, or a never-rule does not hold; 0 if not.`,
		Example: `  gatewayctl policy diff policies draft/
  gatewayctl policy diff --lang sv active.json draft.json`,
		Args: operands(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := language(lang)
			if err != nil {
				return err
			}
			var packs [2]*workbench.Pack
			for i, place := range args {
				if packs[i], err = workbench.Open(cmd.Context(), place); err != nil {
					return err
				}
			}
			d, err := workbench.Diff(cmd.Context(), packs[0], packs[1])
			if err != nil {
				return err
			}
			err = output(cmd, d, func(w io.Writer) { d.Print(w, l) })
			switch {
			case err != nil:
			case len(d.Broken) > 0:
				err = fmt.Errorf("%d never-rules do not hold of %s", len(d.Broken), args[1])
			case d.Opens():
				err = errors.New("something opened, or may have")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&lang, "lang", string(workbench.English), "`language`: sv or en")
	return onDraft(cmd)
}
