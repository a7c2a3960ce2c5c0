package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sluss/gateway"
	"sluss/gateway/workbench"
)

// matrixFlags are the flags of policy matrix.
type matrixFlags struct {
	typ, purpose, from, lang, html string
	csv                            bool
}

func policyMatrixCommand() *cobra.Command {
	var f matrixFlags
	cmd := &cobra.Command{
		Use:   "matrix [PACK]",
		Short: "Show what each role can at most get of each field, what it takes and on which basis",
		Long: `Matrix shows for message types and purposes of PACK, a directory like policies/
(the default) or a bundle, what each role can at most get of each field: as part
of the default set (A), by name with a reason (C), with a recorded decision (R),
by hand (H) or never (–), and on which bases. A star says that it depends on
facts; --csv, --html and --json say on which.

It is found by covering every input (gatewayctl policy never --why), not from the
ceilings alone. Without --type or --purpose all of them are shown.`,
		Example: `  gatewayctl policy matrix --type M04 --purpose PROTECTION policies
  gatewayctl policy matrix --type exit.joint_plan --purpose EXIT_SUPPORT --from REG --html plan.html
  gatewayctl policy matrix --csv draft/ > matrix.csv`,
		Args: operands(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, packOperand(args)) },
	}
	cmd.Flags().StringVar(&f.typ, "type", "", "message `type` or its code: exit.threat_assessment, M04")
	cmd.Flags().StringVar(&f.purpose, "purpose", "", "`purpose`: PROTECTION")
	cmd.Flags().StringVar(&f.from, "from", "", "only what comes from this `role or kind` of agency")
	cmd.Flags().BoolVar(&f.csv, "csv", false, "print comma-separated values, a line for each basis")
	cmd.Flags().StringVar(&f.html, "html", "", "write a page to `FILE`")
	cmd.Flags().StringVar(&f.lang, "lang", string(workbench.English), "`language`: sv or en")
	return onDraft(cmd)
}

func (f *matrixFlags) run(cmd *cobra.Command, place string) error {
	lang, err := language(f.lang)
	if err != nil {
		return err
	}
	pack, err := workbench.Open(cmd.Context(), place)
	if err != nil {
		return err
	}
	filter, err := f.filter(pack)
	if err != nil {
		return err
	}
	m, err := workbench.NewMatrix(cmd.Context(), pack, filter)
	if err != nil {
		return err
	}
	if f.html != "" {
		return writePage(f.html, func(w io.Writer) error { return m.HTML(w, lang) })
	}
	if f.csv {
		return m.CSV(cmd.OutOrStdout())
	}
	var printed error
	return cmp.Or(output(cmd, m, func(w io.Writer) { printed = m.Print(w, lang) }), printed)
}

// filter turns the flags into names that the pack has.
func (f *matrixFlags) filter(p *workbench.Pack) (workbench.MatrixFilter, error) {
	out := workbench.MatrixFilter{Purpose: gateway.Purpose(f.purpose), From: f.from}
	switch {
	case f.purpose != "" && !slices.Contains(p.Policy.Purposes(), out.Purpose):
		return out, usageError{fmt.Errorf("no purpose %q", f.purpose)}
	case f.from != "" && !slices.Contains(p.Policy.Roles(), gateway.Role(f.from)) && !slices.Contains(p.Policy.Kinds(), gateway.Kind(f.from)):
		return out, usageError{fmt.Errorf("no role or kind of agency %q", f.from)}
	}
	if f.typ == "" {
		return out, nil
	}
	for _, t := range p.Catalogue.Types() {
		if string(t.Name) == f.typ || strings.EqualFold(t.Code, f.typ) {
			out.Type = t.Name
			return out, nil
		}
	}
	return out, usageError{fmt.Errorf("no message type %q", f.typ)}
}

// writePage writes a file as a whole.
func writePage(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		return err
	}
	return file.Close()
}
