package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

// messageCommand has the commands of an agency.
func messageCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "message",
		Short: "Seal, send, collect and read messages, as an agency's system",
		Long: `Take part in exchanges as the system that a client.json describes (see package
client): nothing that the gateway says is believed unless the registrars, the
officers, the sender and the log stand behind it.`,
		Example: `  gatewayctl message seal --config client.json < draft.json | gatewayctl message send --config client.json
  gatewayctl message poll --config client.json --role municipality.social_worker`,
	}, messageSealCommand(), messageSendCommand(), messageRenewCommand(), messageStateCommand(), messagePollCommand(), messageOpenCommand(),
		messageReadCommand(), messageRequestCommand(), messageConfirmCommand(), messageReviewCommand(),
		messageTasksCommand(), messageDisclosuresCommand())
	c.PersistentFlags().String("config", "client.json", "`FILE` that describes the agency's system")
	return c
}

// newClient makes the client that --config describes.
func newClient(cmd *cobra.Command) (*client.Client, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	cfg, err := client.Load(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usageError{fmt.Errorf("%w; name it with --config", err)}
	}
	if err != nil {
		return nil, err
	}
	return client.New(cfg)
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func messageSealCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "seal",
		Short: "Seal and sign a message",
		Long: `Read a draft, a JSON object, from standard input and print the message, sealed
for the recipient and signed. Nothing is sent. The members of a draft:

  type, version        message type; version: the newest
  aud, to_roles        recipient agency, and the roles there that may read it
  from_role, iss       role in which it is sent; iss: the agency, or an alias of it
  purpose, txn         why; opaque reference of the case
  sub_ref, reply_to    opaque reference of the person; message that this answers
  data                 the fields: {"risk_level": 4, …}
  fields               names put forward: ["default"]
  reason, basis_claimed, consent_ref, assessment_ref, marking, child, urgency,
  about                what only the gateway sees
  days                 until it expires: 30

An error names the field and the rule that it breaks.`,
		Example: `  gatewayctl message seal --config client.json < draft.json > message.sd-jwt`,
		Args:    operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, d, err := draftOf(cmd)
			if err != nil {
				return err
			}
			token, err := c.Seal(cmd.Context(), d)
			if err != nil {
				return err
			}
			return printToken(cmd, string(token))
		},
	}
}

// draftOf reads a draft from standard input.
func draftOf(cmd *cobra.Command) (*client.Client, client.Draft, error) {
	c, err := newClient(cmd)
	if err != nil {
		return nil, client.Draft{}, err
	}
	raw, err := readInput(cmd, envelope.MaxMessage)
	if err != nil {
		return nil, client.Draft{}, err
	}
	d, err := parseDraft(raw)
	return c, d, err
}

func messageSendCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "send",
		Short: "Send a sealed message and print the receipt",
		Long: `Read a sealed message from standard input and send it. The receipt names the
message's digest and its entry in the log, and proves that the entry is there;
keep it with the case. To send the same bytes again is safe and gives the same
receipt.`,
		Example: `  gatewayctl message send --config client.json --json < message.sd-jwt > receipt.json`,
		Args:    operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			token, err := readToken(cmd)
			if err != nil {
				return err
			}
			r, err := c.Send(cmd.Context(), []byte(token))
			if err != nil {
				return err
			}
			return printReceipt(cmd, r)
		},
	}
}

func printReceipt(cmd *cobra.Command, r client.Receipt) error {
	return output(cmd, r, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n  entry %d, digest %s, proof verified\n", r.ID, r.Entry, r.Digest)
	})
}

func messageRenewCommand() *cobra.Command {
	var trust string
	cmd := &cobra.Command{
		Use:   "renew FILE",
		Short: "Bring a receipt under the newest checkpoint that the witnesses have cosigned",
		Long: `Read a receipt, ask the published log for the proof of the same entry under its
newest checkpoint, and print the receipt with that proof. The log must continue
the tree that the receipt was given under. What comes out verifies offline, with
the witnesses' quorum: gatewayctl log receipt.`,
		Example: `  gatewayctl message renew --config client.json --trust witnesses.policy receipt.json > renewed.json`,
		Args:    operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var p disclosure.Policy
			if trust != "" {
				w, err := readTrust(trust)
				if err != nil {
					return err
				}
				p.Quorum = w.Quorum
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var r client.Receipt
			if err := readJSONFile(args[0], &r); err != nil {
				return err
			}
			if r, err = c.Renew(cmd.Context(), r, p); err != nil {
				return err
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			return enc.Encode(r)
		},
	}
	cmd.Flags().StringVar(&trust, "trust", "", "trust policy `file` whose quorum of witnesses must have cosigned")
	return cmd
}

func messageStateCommand() *cobra.Command {
	var seal bool
	cmd := &cobra.Command{
		Use:   "state",
		Short: "State a fact to the gateway's register",
		Long: `Read a statement, a draft without aud and to_roles (see message seal), from
standard input, seal, sign and send it, and print the receipt. Its field "seq"
must rise with each statement about the same thing. What is to be sealed is
sealed to the own agency's keys; the gateway reads the rest.`,
		Example: `  gatewayctl message state --config client.json < consent.json
  gatewayctl message state --config client.json --seal-only < consent.json > consent.sd-jwt`,
		Args: operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, d, err := draftOf(cmd)
			if err != nil {
				return err
			}
			token, err := c.State(cmd.Context(), d)
			if err != nil {
				return err
			}
			if seal {
				return printToken(cmd, string(token))
			}
			r, err := c.Send(cmd.Context(), token)
			if err != nil {
				return err
			}
			return printReceipt(cmd, r)
		},
	}
	cmd.Flags().BoolVar(&seal, "seal-only", false, "print the statement instead of sending it")
	return cmd
}

func messageDisclosuresCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "disclosures JTI",
		Short: "Show what has left of an own message: who got what, on which basis",
		Long: `Fetch the log's entries about a message of the own agency, verify each against
the log, and print them. They hold names of fields and bases, no values.`,
		Example: `  gatewayctl message disclosures --config client.json urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057`,
		Args:    operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := messageID(args[0])
			if err != nil {
				return err
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			list, err := c.Disclosures(cmd.Context(), id)
			if err != nil {
				return err
			}
			return output(cmd, list, func(w io.Writer) {
				for _, d := range list {
					fmt.Fprintf(w, "entry %d  %s  %s  %s %s %s\n", d.Entry, d.At.UTC().Format("2006-01-02T15:04:05Z"), d.Kind, d.Recipient, d.Role, d.Outcome)
					for _, name := range sorted(d.Allowed) {
						fmt.Fprintf(w, "  %-28s %s\n", name, d.Allowed[name])
					}
				}
			})
		},
	}
}

func messageID(s string) (gateway.MessageID, error) {
	id, err := gateway.ParseMessageID(s)
	if err != nil {
		return "", usageError{fmt.Errorf("%q is not a message identifier, urn:uuid:…", s)}
	}
	return id, nil
}
