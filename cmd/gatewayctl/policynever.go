package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sluss/gateway/workbench"
)

func policyNeverCommand() *cobra.Command {
	var lang string
	var why bool
	cmd := &cobra.Command{
		Use:   "never [PACK]",
		Short: "Prove what must never happen, over everything that can be asked",
		Long: `Never proves the never-rules of PACK, a directory like policies/ (the default) or
a bundle: PACK/never/*.rego, and those built in, which a draft can neither drop
nor weaken unseen. A never-rule says of one release - a field, a recipient, a
basis - that it must not happen.

Each is held against every reachable input, not a sample. What is covered, how
the inputs are factored for it and why nothing is lost is printed with --why.

A rule that does not hold comes with a question that breaks it, asked of the code
that the gateway decides with. Exit 1 if one does not hold.`,
		Example: `  gatewayctl policy never policies
  gatewayctl policy never --lang sv draft/
  gatewayctl policy never --why`,
		Args: operands(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := language(lang)
			if err != nil {
				return err
			}
			pack, err := workbench.Open(cmd.Context(), packOperand(args))
			if err != nil {
				return err
			}
			report, err := workbench.Never(cmd.Context(), pack)
			if err != nil {
				return err
			}
			err = output(cmd, report, func(w io.Writer) {
				printNever(w, report, l)
				if why {
					fmt.Fprintf(w, "\n%s\n", workbench.Soundness(l))
				}
			})
			if err == nil && report.Failed() > 0 {
				err = fmt.Errorf("%d of %d never-rules do not hold", report.Failed(), len(report.Rules))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&lang, "lang", string(workbench.English), "`language` of titles and counterexamples: sv or en")
	cmd.Flags().BoolVar(&why, "why", false, "print what was covered and why nothing is left out")
	return onDraft(cmd)
}

// language returns the language of a flag.
func language(name string) (workbench.Language, error) {
	l, err := workbench.ParseLanguage(name)
	if err != nil {
		err = usageError{err}
	}
	return l, err
}

func printNever(w io.Writer, report workbench.NeverReport, lang workbench.Language) {
	words := map[bool]string{true: "proven  ", false: "BROKEN  "}
	total := "%d rules; %d combinations of context and facts in %d groups, standing for up to %s inputs each; %d evaluations of provisions; %.1f s\n"
	if lang == workbench.Swedish {
		words = map[bool]string{true: "bevisad ", false: "BRUTEN  "}
		total = "%d regler; %d kombinationer av sammanhang och sakförhållanden i %d grupper, som var och en står för upp till %s frågor; %d prövningar av bestämmelser; %.1f s\n"
	}
	dropped := map[workbench.Language]string{workbench.Swedish: "inbyggd, men saknas bland utkastets regler",
		workbench.English: "built in, but not among the rules of the draft"}
	weaker := map[workbench.Language]string{workbench.Swedish: "utkastets egen regel med samma id håller; den inbyggda gör det inte",
		workbench.English: "the draft's own rule of this id holds; the one built in does not"}
	for _, r := range report.Rules {
		title := r.Titles.EN
		if lang == workbench.Swedish {
			title = r.Titles.SV
		}
		fmt.Fprintf(w, "%s%s: %s (%s)\n", words[r.Proven], r.ID, title, r.Statute)
		if c := r.Counter; c != nil {
			sentence := c.EN
			if lang == workbench.Swedish {
				sentence = c.SV
			}
			fmt.Fprintf(w, "        %s\n", sentence)
			if r.BuiltIn {
				fmt.Fprintf(w, "        %s\n", weaker[lang])
			}
			if !c.Confirmed {
				fmt.Fprintln(w, "        not confirmed: the gateway did not give this answer; the rule is not proven either")
			}
		}
	}
	for _, id := range report.Dropped {
		fmt.Fprintf(w, "%s%s: %s\n", words[false], id, dropped[lang])
	}
	c := report.Covered
	fmt.Fprintf(w, total, len(report.Rules), c.Combinations, c.Groups, report.Inputs, c.Evaluations, report.Seconds)
}
