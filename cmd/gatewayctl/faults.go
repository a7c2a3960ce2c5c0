package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluss/gateway/gatewaytest"
)

// faultsCommand lets a gateway of its own fail in every way there is.
func faultsCommand() *cobra.Command {
	var o gatewaytest.FaultOptions
	var dir string
	var list bool
	cmd := &cobra.Command{
		Use:   "faults",
		Short: "Let a gateway, its disk and its database fail under load, and check that every promise was kept",
		Long: `Make a throwaway world for each fault, start the gateway beside this program, let
many clients exchange messages, and let the fault happen again and again. Now
and then, and at the end, all that the clients were told is compared with what is
on the disk, the log is verified and every table is checked.

The command exits with 0 only if no message that was acknowledged is lost, no
release lacks its entry, no delivery came twice with different content, every
receipt verifies, and after each fault all goes on. It must run as root: file
systems are mounted below its directory, and system calls are made to fail with
strace.`,
		Example: "  gatewayctl faults --list\n  gatewayctl faults --only kill --count 20 --seed 7 --json\n  gatewayctl faults --seed 7",
		Args:    operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				return output(cmd, gatewaytest.ListFaults(), func(out io.Writer) {
					for _, f := range gatewaytest.ListFaults() {
						fmt.Fprintf(out, "%-20s %s\n", f.Name, f.Words)
					}
				})
			}
			if o.Count < 0 {
				return usageError{errors.New("--count must be at least 1")}
			}
			if dir == "" {
				tmp, err := os.MkdirTemp("", "sluss-faults-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(tmp)
				dir = tmp
			}
			program, err := os.Executable()
			if err != nil {
				return err
			}
			reports, err := gatewaytest.Faults(cmd.Context(), dir, filepath.Join(filepath.Dir(program), "gateway"), o, cmd.ErrOrStderr())
			if err != nil && len(reports) == 0 {
				return err
			}
			return errors.Join(output(cmd, reports, reports.Print), err)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the faults")
	cmd.Flags().StringSliceVar(&o.Only, "only", nil, "`names` of the faults to run, separated by commas (default: all)")
	cmd.Flags().IntVar(&o.Count, "count", 0, "let each fault happen so many times (default: as each says)")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "of the random moments")
	cmd.Flags().StringVar(&dir, "dir", "", "make the worlds in `DIR`, and leave there what had findings (default: a temporary directory)")
	return cmd
}
