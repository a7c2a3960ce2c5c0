package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"sluss/gateway/workbench"
)

// onDraft makes a command that opens a pack do its work in a child process:
//
//	func policyMatrixCommand() *cobra.Command {
//		return onDraft(&cobra.Command{Use: "matrix [PACK]", …, RunE: …})
//	}
//
// A draft is untrusted: it may take all memory and all time. The child is this
// program with the same command line; it opens packs with workbench.Open under
// cmd.Context(), each of which may take a few seconds, and prints to
// cmd.OutOrStdout and cmd.ErrOrStderr (never to os.Stdout or os.Stderr; it has
// no standard input). Flags and operands are checked before it starts. Ctrl-C
// ends both. Nothing else changes for RunE: an error is the command's error, a
// usageError exits with 2.
func onDraft(cmd *cobra.Command) *cobra.Command {
	work := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, operands []string) error {
		child, ok, err := workbench.Started()
		if err != nil {
			return err
		}
		if ok {
			cmd.Root().SetErr(child.Words)
			cmd.SetContext(child.Context(cmd.Context()))
			return child.Done(outcome(work(cmd, operands)))
		}
		o, err := workbench.Child{
			Name:   "gatewayctl",
			Args:   commandLine(cmd.Context()),
			Stdout: cmd.OutOrStdout(),
			Stderr: cmd.ErrOrStderr(),
		}.Run(cmd.Context())
		switch {
		case err != nil:
			return err
		case o.Usage:
			return usageError{errors.New(o.Message)}
		case o.Message != "":
			return errors.New(o.Message)
		}
		return nil
	}
	return cmd
}

// outcome puts an error into words.
func outcome(err error) workbench.Outcome {
	if err == nil {
		return workbench.Outcome{}
	}
	_, usage := errors.AsType[usageError](err)
	return workbench.Outcome{Message: err.Error(), Usage: usage}
}

type commandLineKey struct{}

// withCommandLine keeps the command line that is carried out, for a child.
func withCommandLine(ctx context.Context, args []string) context.Context {
	return context.WithValue(ctx, commandLineKey{}, args)
}

func commandLine(ctx context.Context) []string {
	args, _ := ctx.Value(commandLineKey{}).([]string)
	return args
}
