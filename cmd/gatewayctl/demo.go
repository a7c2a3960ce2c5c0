package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sluss/gateway/gatewaytest"
)

// demoCommand plays the story of the demo against a gateway of its own.
func demoCommand() *cobra.Command {
	var keep bool
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play a whole story over real sockets: consent, assessment, decision, withdrawal, log",
		Long: `Make a throwaway world (authority, agencies, registrars, officers, policy), start
the gateway beside this program with an embedded database, and play the story of
a person who leaves. It prints who asked, each field allowed with its basis or
withheld with its reason, and the entry numbers, and exits with 0 only if all of
it came out as it must.

With --keep the world is made, the gateway started and left running until you
press Ctrl-C, and you are told what to try.`,
		Example: "  gatewayctl demo\n  gatewayctl demo --keep --dir ./world",
		Args:    operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				tmp, err := os.MkdirTemp("", "sluss-demo-")
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
			begun := time.Now()
			w, err := gatewaytest.New(dir, filepath.Join(filepath.Dir(program), "gateway"))
			if err != nil {
				return err
			}
			if err := w.Start(cmd.Context()); err != nil {
				return err
			}
			defer w.Stop()
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "a world of agencies, registrars and officers, and a gateway that serves it (process %d), after %.1f s\n", w.Pid(), time.Since(begun).Seconds())
			if keep {
				return stay(cmd, w)
			}
			if err := gatewaytest.Play(cmd.Context(), w, out); err != nil {
				return err
			}
			fmt.Fprintf(out, "\nAll of it held, in %.1f s.\n", time.Since(begun).Seconds())
			return nil
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the gateway running and say what to try")
	cmd.Flags().StringVar(&dir, "dir", "", "make the world in `DIR` and leave it there (default: a temporary directory)")
	return cmd
}

// stay puts a person on record, writes a draft of a message about that person
// and keeps the gateway running until the command is interrupted.
func stay(cmd *cobra.Command, w *gatewaytest.World) error {
	m, err := gatewaytest.NewMatter(cmd.Context(), w, "municipality:0180")
	if err != nil {
		return err
	}
	draft, err := m.Draft()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(w.Dir, "threat.json"), draft, 0o600); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), `
A person is on record at municipality:0180, with a consent under which the police
may tell it of threats; $W/threat.json is the draft of a message. The gateway runs
until you press Ctrl-C. In another terminal:

  W=%s
  POLICE=$W/agencies/police/exit/client.json
  TOWN=$W/agencies/municipality-0180/exit/client.json

  less $W/threat.json
  bin/gatewayctl message seal --config $POLICE < $W/threat.json > $W/threat.sd-jwt
  bin/gatewayctl message send --config $POLICE < $W/threat.sd-jwt
  bin/gatewayctl message poll --config $TOWN --role municipality.social_worker
  bin/gatewayctl log verify --pins $W/gateway/pins.json --client $POLICE https://%s
  curl http://%s/metrics
`, w.Dir, w.Agencies, w.Operations)
	<-cmd.Context().Done()
	return nil
}
