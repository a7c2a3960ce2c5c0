package main

import "github.com/spf13/cobra"

// policyCommand has the commands of legal officers. Each is made in a file of
// its own and shows what package workbench found.
func policyCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "policy",
		Short:   "Check, try, compare and put into force the law that the gateway decides by",
		Example: "  gatewayctl policy test --cases policies/cases/golden policies",
	},
		policyActivateCommand(),
		policyApproveCommand(),
		policyDigestCommand(),
		policyExplainCommand(),
		policyGuideCommand(),
		policyLintCommand(),
		policyMutateCommand(),
		policyReplayCommand(),
		policyNeverCommand(),
		policyMatrixCommand(),
		policyDiffCommand(),
		policyRollbackCommand(),
		policySignCommand(),
		policyStatusCommand(),
		policyTestCommand(),
		policyWithholdCommand(),
	)
}
