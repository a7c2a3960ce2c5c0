package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/facts/fixtures"
	"sluss/gateway/workbench"
)

// explaining are the flags of policy explain.
type explaining struct{ cases, input, lang, field string }

func policyExplainCommand() *cobra.Command {
	var x explaining
	cmd := onDraft(&cobra.Command{
		Use:   "explain (--cases DIR ID | --input FILE) [PACK]",
		Short: "Take one decision and explain it: each field, each basis, and what is missing",
		Long: `Explain takes one decision under a law and says in words what came out: which
field is released on which basis, and for each that is withheld what covers it,
which bases were tried and what each answered, which condition fails, and the
nearest thing that would have to be otherwise. What is said to be missing was
tried: the decision was taken again with it.

The question is a case of a cases.json, by its id, in the world of the
fixtures.json beside it; or a closed input, the JSON object that the disclosure
log holds of a decision as "input" ("-" is standard input).`,
		Example: `  gatewayctl policy explain --cases policies/cases/golden G03 policies
  gatewayctl policy explain --cases policies/cases/golden --field release_date --lang en G03 policies
  gatewayctl policy explain --input input.json policies`,
		Args: operands(cobra.MaximumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error { return x.run(cmd, args) },
	})
	child := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := x.check(args); err != nil {
			return err
		}
		if x.input != "-" {
			return child(cmd, args)
		}
		return x.fromStdin(cmd, args, child)
	}
	cmd.Flags().StringVar(&x.cases, "cases", "", "`directory` with cases.json and fixtures.json; the first operand is the id of a case")
	cmd.Flags().StringVar(&x.input, "input", "", "`file` with a closed input as JSON")
	cmd.Flags().StringVar(&x.lang, "lang", "sv", "`language`: sv or en")
	cmd.Flags().StringVar(&x.field, "field", "", "only this `field`")
	return cmd
}

func (x *explaining) check(args []string) error {
	if _, err := workbench.ParseLanguage(x.lang); err != nil {
		return usageError{err}
	}
	switch {
	case (x.cases == "") == (x.input == ""):
		return usageError{errors.New("say what to explain: --cases DIR ID, or --input FILE")}
	case x.cases != "" && len(args) == 0:
		return usageError{errors.New("the id of a case is missing")}
	case x.input != "" && len(args) > 1:
		return usageError{errors.New("with --input the only operand is the pack")}
	}
	return nil
}

// fromStdin keeps standard input in a file: the child that opens the pack has
// none of its own.
func (x *explaining) fromStdin(cmd *cobra.Command, args []string, child func(*cobra.Command, []string) error) error {
	dir, err := os.MkdirTemp("", "sluss-explain-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	raw, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxInput))
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "input.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return err
	}
	line := slices.Clone(commandLine(cmd.Context()))
	for i, a := range line {
		switch {
		case a == "--input=-":
			line[i] = "--input=" + file
		case a == "-" && i > 0 && line[i-1] == "--input":
			line[i] = file
		}
	}
	cmd.SetContext(withCommandLine(cmd.Context(), line))
	return child(cmd, args)
}

// maxInput is more than any closed input needs.
const maxInput = 1 << 20

func (x *explaining) run(cmd *cobra.Command, args []string) error {
	l, err := workbench.ParseLanguage(x.lang)
	if err != nil {
		return usageError{err}
	}
	pack := ""
	if x.cases != "" {
		pack = strings.Join(args[1:], "")
	} else {
		pack = strings.Join(args, "")
	}
	p, err := workbench.Open(cmd.Context(), cmp.Or(pack, "policies"))
	if err != nil {
		return err
	}
	in, title, err := x.question(p, args)
	if err != nil {
		return err
	}
	e, err := p.Explain(cmd.Context(), in, workbench.ExplainOptions{Language: l, Field: gateway.Field(x.field)})
	if err != nil {
		return err
	}
	return output(cmd, e, func(w io.Writer) {
		if title != "" {
			fmt.Fprintf(w, "%s\n\n", title)
		}
		e.Text(w, l)
	})
}

// question reads what is asked.
func (x *explaining) question(p *workbench.Pack, args []string) (facts.Input, string, error) {
	if x.cases == "" {
		in, err := readClosedInput(x.input)
		return in, "", err
	}
	world, cases, err := readCases(x.cases)
	if err != nil {
		return facts.Input{}, "", err
	}
	i := slices.IndexFunc(cases, func(c fixtures.Case) bool { return c.ID == args[0] })
	if i < 0 {
		return facts.Input{}, "", fmt.Errorf("%s has no case %q", x.cases, args[0])
	}
	in, err := p.CaseInput(world, cases[i])
	return in, cases[i].ID + ": " + cases[i].Title, err
}

// readCases reads a directory of cases.
func readCases(dir string) (*fixtures.World, []fixtures.Case, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "fixtures.json"))
	if err != nil {
		return nil, nil, err
	}
	world, err := fixtures.ReadWorld(raw)
	if err != nil {
		return nil, nil, err
	}
	if raw, err = os.ReadFile(filepath.Join(dir, "cases.json")); err != nil {
		return nil, nil, err
	}
	cases, err := fixtures.ReadCases(raw)
	return world, cases, err
}

// readClosedInput reads a closed input, strictly: a misspelt fact would be taken for
// one that does not hold.
func readClosedInput(file string) (facts.Input, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return facts.Input{}, err
	}
	var in facts.Input
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return facts.Input{}, fmt.Errorf("reading the input in %s: %w", file, err)
	}
	return in, nil
}
