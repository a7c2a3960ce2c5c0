package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sluss/gateway/workbench"
)

// lintReport is what policy lint prints.
type lintReport struct {
	Errors   int           `json:"errors"`
	Warnings int           `json:"warnings"`
	Findings []lintFinding `json:"findings"`
}

type lintFinding struct {
	workbench.Finding
	Sentence string `json:"sentence"`
}

func policyLintCommand() *cobra.Command {
	var lang string
	cmd := &cobra.Command{
		Use:   "lint [PACK]",
		Short: "Check a draft of the law: all that is wrong with it, with its line",
		Long: `Lint checks PACK, a directory like policies/ (the default) or a bundle, and prints
everything it finds, not only the first: file, line, what is wrong and, for a
name that no register has, the name that was probably meant.

An error is what a gateway would refuse, and what silently means something else
than it seems to: names in no register, conditions that never or always hold,
"not" before something that may have no value, rules said twice, named
conditions that nothing uses, provisions that no test names or no flow can
reach, lines that "opa fmt" would write differently. Warnings are for whoever
signs: points that a lawyer must confirm, bases that nothing uses yet.

Provisions are written in a small part of Rego: a body is a conjunction of
facts, comparisons with registered values, look-ups in data.catalogue, named
conditions, and "not" one of these.

Exit 1 if there are errors.`,
		Example: `  gatewayctl policy lint policies
  gatewayctl policy lint --lang sv draft/
  gatewayctl policy lint --json bundle.json`,
		Args: operands(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if lang != string(workbench.Swedish) && lang != string(workbench.English) {
				return usageError{fmt.Errorf("no language %q; there are sv and en", lang)}
			}
			found, err := workbench.Lint(cmd.Context(), packOperand(args))
			if err != nil {
				return err
			}
			r := lintReport{Findings: []lintFinding{}}
			for _, f := range found {
				r.Findings = append(r.Findings, lintFinding{f, f.Sentence(workbench.Language(lang))})
				if f.Warning {
					r.Warnings++
				} else {
					r.Errors++
				}
			}
			if err := output(cmd, r, r.print); err != nil {
				return err
			}
			if r.Errors > 0 {
				return fmt.Errorf("the draft has errors: %d", r.Errors)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&lang, "lang", string(workbench.English), "`language` of the findings: sv or en")
	return onDraft(cmd)
}

// packOperand returns the pack that a command is about.
func packOperand(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "policies"
}

// print writes a line for each finding and, last, how many there are.
func (r lintReport) print(w io.Writer) {
	for _, f := range r.Findings {
		at := f.File
		if f.Line > 0 {
			at = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		if at != "" {
			at += ": "
		}
		kind := "error"
		if f.Warning {
			kind = "warning"
		}
		fmt.Fprintf(w, "%s%s: %s [%s]\n", at, kind, f.Sentence, f.Code)
	}
	fmt.Fprintf(w, "%d errors, %d warnings\n", r.Errors, r.Warnings)
}
