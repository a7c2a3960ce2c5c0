package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluss/gateway/gatewaytest"
)

// crashCommand kills a gateway of its own under load, again and again.
func crashCommand() *cobra.Command {
	var o gatewaytest.CrashOptions
	var dir string
	cmd := &cobra.Command{
		Use:   "crash",
		Short: "Kill a gateway under load, again and again, and check that it kept every promise",
		Long: `Make a throwaway world, start the gateway beside this program with an embedded
database, let many clients exchange messages, kill the gateway with SIGKILL at
random moments and start it again. Now and then, and at the end, all that the
clients were told is compared with what is on the disk, the log is verified and
every table is checked.

The command exits with 0 only if no message that was acknowledged is lost, no
release lacks its entry, every receipt verifies and nothing else was found. At
the end it waits until every message has reached its recipient, which takes a
minute or two: what was handed out when the gateway died comes again when its
lease has ended.`,
		Example: "  gatewayctl crash\n  gatewayctl crash --count 20 --seed 7 --json",
		Args:    operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Kills < 1 {
				return usageError{errors.New("--count must be at least 1")}
			}
			if dir == "" {
				tmp, err := os.MkdirTemp("", "sluss-crash-")
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
			w, err := gatewaytest.NewCrowd(dir, filepath.Join(filepath.Dir(program), "gateway"), gatewaytest.CrashTowns)
			if err != nil {
				return err
			}
			report, err := gatewaytest.Crash(cmd.Context(), w, o, cmd.ErrOrStderr())
			if err != nil && !errors.Is(err, gatewaytest.ErrCrash) {
				return err
			}
			return errors.Join(output(cmd, report, func(out io.Writer) { report.Print(out) }), err)
		},
	}
	cmd.Flags().IntVar(&o.Kills, "count", 200, "kill the gateway so many times")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "of the random moments")
	cmd.Flags().BoolVar(&o.Hasty, "hasty", false, "do not wait until every message has reached its recipient")
	cmd.Flags().StringVar(&dir, "dir", "", "make the world in `DIR` and leave it there (default: a temporary directory)")
	return cmd
}
