package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluss/certs/dev"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
	"sluss/policies"
)

// certsCommand has the commands that make keys and certificates.
func certsCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "certs",
		Short:   "Keys and certificates",
		Example: "  gatewayctl certs dev ./world",
	}, certsDevCommand())
}

// certsDevCommand makes a development world; package certs/dev says what is in
// it.
func certsDevCommand() *cobra.Command {
	var cfg dev.Config
	cmd := &cobra.Command{
		Use:   "dev DIR",
		Short: "Make a development world: authority, gateway, agencies, directory, approved policy",
		Long: `Make in DIR all that a gateway and its agencies need: a certificate authority,
the gateway's keys, agencies with their systems' certificates and keys, two
registrars, two legal officers, a countersigned directory, and an approval of
the policy that this program carries. DIR/README says what is what.

Run again it keeps every key, makes what is missing and renews what has less
than a third of its 30 days left. Nothing in DIR may ever meet real data.`,
		Example: `  gatewayctl certs dev ./world
  gatewayctl certs dev --url https://localhost:9443 ./world
  gatewayctl certs dev --force --json ./world`,
		Args: operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.Dir = args[0]
			var err error
			if cfg.Snapshot, err = snapshot.Read(policies.FS, policy.Engine()); err != nil {
				return fmt.Errorf("reading the policy in this program: %w", err)
			}
			result, err := dev.Make(cfg)
			if err != nil {
				return err
			}
			return output(cmd, result, func(w io.Writer) {
				fmt.Fprintf(w, "made %d files, renewed %d; see %s\n", len(result.Made), len(result.Renewed), filepath.Join(result.Dir, "README"))
			})
		},
	}
	cmd.Flags().StringVar(&cfg.Gateway, "name", "dev", "name of the gateway, urn:sluss:gateway:<name>")
	cmd.Flags().StringVar(&cfg.URL, "url", "https://localhost:8443", "where clients find the gateway")
	cmd.Flags().BoolVar(&cfg.Renew, "force", false, "renew everything that has an end, due or not; keys are kept")
	return cmd
}
