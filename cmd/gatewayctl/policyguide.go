package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sluss/gateway/snapshot"
	"sluss/gateway/workbench"
)

func policyGuideCommand() *cobra.Command {
	var lang, file string
	return onDraft(guideFlags(&lang, &file, &cobra.Command{
		Use:   "guide [PACK]",
		Short: "A guide to the law as it stands: by role, flow and basis, with blockers, reasons and fields",
		Long: `Guide writes a document about the law in a pack, made from the METADATA of its
provisions and from its tables and nothing else: for each role what it may ever
get, from whom and on which bases; for each flow and each basis its statute, its
test, what it opens, what it reaches and what a recorded decision must state; the
stages, blockers, reasons, obligations, facts, and the message types with their
fields.

It is printed as Markdown, which can be read as it stands. With --html it is one
page that needs no network and can be printed.`,
		Example: `  gatewayctl policy guide policies | less
  gatewayctl policy guide --lang en --html guide.html policies`,
		Args: operands(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := workbench.ParseLanguage(lang)
			if err != nil {
				return usageError{err}
			}
			p, err := workbench.Open(cmd.Context(), cmp.Or(strings.Join(args, ""), "policies"))
			if err != nil {
				return err
			}
			g, err := p.Guide(l)
			if err != nil {
				return err
			}
			if file == "" {
				var text bytes.Buffer
				if err := g.Markdown(&text); err != nil {
					return err
				}
				return output(cmd, g, func(w io.Writer) { fmt.Fprint(w, text.String()) })
			}
			var page bytes.Buffer
			if err := g.HTML(&page); err != nil {
				return err
			}
			return snapshot.WriteFile(file, page.Bytes())
		},
	}))
}

func guideFlags(lang, file *string, cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(lang, "lang", "sv", "`language`: sv or en")
	cmd.Flags().StringVar(file, "html", "", "write a page to this `file` instead")
	return cmd
}
