// Command gatewayctl is the tool of everybody around a Sluss gateway:
// operators, agencies, registrars, legal officers and auditors. Each of its
// commands explains itself with an example: gatewayctl <command> -h.
//
// It exits with 0 when what was asked is so or was done, with 1 when it was
// refused or a check failed, and with 2 when the command line makes no sense.
// With --json a command prints one JSON value on standard output and nothing
// else; words for people go to standard error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(withCommandLine(ctx, args))
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "gatewayctl: %v\n", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// rootCommand lists the commands; each is made in a file of its own.
func rootCommand() *cobra.Command {
	root := group(&cobra.Command{
		Use:     "gatewayctl",
		Short:   "Run, use and audit a Sluss gateway",
		Example: "  gatewayctl certs dev ./world\n  gatewayctl certs -h",
	},
		certsCommand(),
		faultsCommand(),
		demoCommand(),
		logCommand(),
		messageCommand(),
		policyCommand(),
		sdjwtCommand(),
		storeCommand(),
		witnessCommand(),
	)
	root.PersistentFlags().Bool("json", false, "print one JSON value instead of text")
	root.CompletionOptions.DisableDefaultCmd = true
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

// usageError is an error in the command line: exit code 2.
type usageError struct{ error }

// Unwrap returns what is wrong with the command line.
func (e usageError) Unwrap() error { return e.error }

// group makes c a command that only has commands below it.
func group(c *cobra.Command, below ...*cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{fmt.Errorf("unknown command %q for %q; see %s -h", args[0], cmd.CommandPath(), cmd.CommandPath())}
		}
		cmd.SetOut(cmd.ErrOrStderr())
		return errors.Join(cmd.Help(), usageError{fmt.Errorf("%s needs a command", cmd.CommandPath())})
	}
	c.AddCommand(below...)
	return c
}

// operands makes a wrong number of operands a usage error.
func operands(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see %s -h", err, cmd.CommandPath())}
		}
		return nil
	}
}

// output prints v as JSON if --json was given, and otherwise what text prints.
func output(cmd *cobra.Command, v any, text func(w io.Writer)) error {
	asJSON, err := cmd.Flags().GetBool("json")
	if err != nil {
		return err
	}
	if !asJSON {
		text(cmd.OutOrStdout())
		return nil
	}
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
