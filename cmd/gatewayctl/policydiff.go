package main

import (
	"errors"
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

Exit 1 if something opened, 0 if nothing did.`,
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
			if err == nil && d.Opens() {
				err = errors.New("something opened")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&lang, "lang", string(workbench.English), "`language`: sv or en")
	return onDraft(cmd)
}
