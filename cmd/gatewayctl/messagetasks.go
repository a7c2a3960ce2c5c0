package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
)

func messageTasksCommand() *cobra.Command {
	var role string
	var ack bool
	cmd := &cobra.Command{
		Use:   "tasks",
		Short: "Show what waits for a person: questions, reviews, break-glass, alerts",
		Long: `Collect what waits for a role of the agency and print what a person has to do or
to know: questions of other agencies (answer with a message whose reply_to is the
request), reviews (record a decision on one of the claimed bases: the message is
then offered to its recipient again), break-glass to confirm or to review, and
alerts: somebody must look into why nothing was released (alert_case_owner,
alert_supervisor, alert_security), a message was ended because its recipient is a
provider that lost its approval (revoke_open_links), or should be recalled because
a consent was withdrawn (recall_notice). A review that has ended is not shown.

--ack acknowledges what is shown, which comes no more; until then it comes again.
A review of break-glass ends with message review alone.
Messages in the mailbox are left for message poll, which gets them a minute later.`,
		Example: `  gatewayctl message tasks --config client.json --role agency.legal_officer
  gatewayctl message tasks --config client.json --role police.exit_coordinator_regional --ack --json`,
		Args: operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return showTasks(cmd, gateway.Role(role), ack) },
	}
	cmd.Flags().StringVar(&role, "role", "", "role whose mailbox it is (required)")
	cmd.Flags().BoolVar(&ack, "ack", false, "acknowledge what is shown")
	needs(cmd, "role")
	return cmd
}

// taskLine is a task as it is printed.
type taskLine struct {
	Event       envelope.EventType   `json:"event"`
	About       gateway.MessageID    `json:"txn"`
	Request     gateway.MessageID    `json:"request,omitempty"`
	Stage       string               `json:"stage,omitempty"`
	Type        gateway.MessageType  `json:"type,omitempty"`
	Subject     gateway.Ref          `json:"subject,omitempty"`
	Fields      []gateway.Field      `json:"fields,omitempty"`
	Reason      string               `json:"reason,omitempty"`
	Claimed     []gateway.Basis      `json:"claimed,omitempty"`
	Claim       []gateway.Basis      `json:"claim,omitempty"`
	Recipient   gateway.AgencyID     `json:"recipient,omitempty"`
	Role        gateway.Role         `json:"role,omitempty"`
	Purpose     gateway.Purpose      `json:"purpose,omitempty"`
	Discloser   gateway.AgencyID     `json:"discloser,omitempty"`
	Obligations []gateway.Obligation `json:"obligations,omitempty"`
	Diary       string               `json:"diary_no,omitempty"`
	User        gateway.Ref          `json:"user,omitempty"`
	Due         time.Time            `json:"due,omitzero"`
	ConfirmBy   time.Time            `json:"confirm_by,omitzero"`
	Expires     time.Time            `json:"expires,omitzero"`
}

func showTasks(cmd *cobra.Command, role gateway.Role, ack bool) error {
	c, err := newClient(cmd)
	if err != nil {
		return err
	}
	b, err := c.Poll(cmd.Context(), role, client.PollOptions{NoWait: true})
	if err != nil {
		return err
	}
	lines := []taskLine{}
	var items []client.Item
	for _, n := range b.Notices {
		t, ok, err := n.Task()
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if !t.IsGlassReview() { // which ends with its outcome alone
			items = append(items, n)
		}
		lines = slices.DeleteFunc(lines, func(l taskLine) bool { // asked anew, or ended
			return t.Event != envelope.EmergencyAccess && t.Event != envelope.Alert && l.Event == envelope.ReviewRequested && l.About == t.About && l.Role == t.Role
		})
		if t.Event != envelope.ReviewEnded {
			lines = append(lines, taskLine{t.Event, t.About, t.Request, t.Stage, t.Type, t.Subject, t.Fields, t.Reason, t.Claimed, t.Claim,
				t.Recipient, t.Role, t.Purpose, t.Discloser, t.Obligations, t.Diary, t.User, t.Due, t.ConfirmBy, t.Expires})
		}
	}
	err = output(cmd, lines, func(w io.Writer) {
		for _, l := range lines {
			l.print(w)
		}
		if len(lines) == 0 {
			fmt.Fprintln(w, "nothing to do")
		}
	})
	if err != nil || !ack || len(items) == 0 {
		return errors.Join(err, unheard(b))
	}
	return errors.Join(c.Ack(cmd.Context(), role, items...), unheard(b))
}

func (l taskLine) print(w io.Writer) {
	fmt.Fprintf(w, "%s\n  %s %s: %s %v, person %s, for %s %s\n", l.About, l.what(), l.Type, l.Reason, l.Fields, l.Subject, l.Recipient, l.Role)
	for _, part := range []struct {
		words string
		value any
		shown bool
	}{
		{"claimed", l.Claimed, len(l.Claimed) > 0},
		{"a decision is recorded on, and would have to be claimed:", l.Claim, len(l.Claim) > 0},
		{"obligations", l.Obligations, len(l.Obligations) > 0},
		{"user", l.User, l.User != ""},
		{"asked of", l.Discloser, l.Discloser != ""},
		{"confirm by", l.ConfirmBy.Format(time.RFC3339), !l.ConfirmBy.IsZero()},
		{"review by", l.Due.Format(time.RFC3339), !l.Due.IsZero()},
		{"expires", l.Expires.Format(time.RFC3339), !l.Expires.IsZero()},
	} {
		if part.shown {
			fmt.Fprintf(w, "  %s %v\n", part.words, part.value)
		}
	}
}

// what says in words what is to be done.
func (l taskLine) what() string {
	switch {
	case l.Event == envelope.InfoRequested:
		return "answer"
	case l.Event == envelope.EmergencyAccess:
		return "break-glass " + l.Stage
	case l.Event == envelope.Alert:
		return "look into"
	case !l.Due.IsZero():
		return "review break-glass"
	}
	return "decide on"
}

func messageReviewCommand() *cobra.Command {
	var role, user, outcome string
	cmd := &cobra.Command{
		Use:   "review JTI",
		Short: "Say what the review of break-glass came to",
		Long: `End the review of the break-glass request JTI, which message tasks shows in the
legal officer's mailbox: justified, not_justified or incident. The agency signs
the outcome, and it stands in the log.`,
		Example: `  gatewayctl message review --config client.json --user 0xJr8Y9FQG2mB1vWqkT0Sg --outcome justified urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057`,
		Args:    operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := messageID(args[0])
			if err != nil {
				return err
			}
			by, err := gateway.ParseRef(user)
			if err != nil {
				return usageError{errors.New("--user must be an opaque reference of 22 characters, never a name")}
			}
			if !slices.Contains([]string{"justified", "not_justified", "incident"}, outcome) {
				return usageError{errors.New("--outcome must be justified, not_justified or incident")}
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			b, err := c.Poll(cmd.Context(), gateway.Role(role), client.PollOptions{NoWait: true})
			if err != nil {
				return err
			}
			for _, n := range b.Notices {
				t, ok, err := n.Task()
				if err == nil && ok && t.About == id && t.IsGlassReview() {
					return errors.Join(c.Ack(cmd.Context(), gateway.Role(role), client.Reviewed{Notice: n, Role: gateway.Role(role), By: by, Outcome: outcome}), unheard(b))
				}
			}
			return errors.Join(fmt.Errorf("no review of %s waits for %s", id, role), unheard(b))
		},
	}
	cmd.Flags().StringVar(&role, "role", "agency.legal_officer", "role whose mailbox it is")
	cmd.Flags().StringVar(&user, "user", "", "opaque reference of the official who reviewed it (required)")
	cmd.Flags().StringVar(&outcome, "outcome", "", "justified, not_justified or incident (required)")
	needs(cmd, "user", "outcome")
	return cmd
}

func messageConfirmCommand() *cobra.Command {
	f := officialFlags{purpose: "EMERGENCY", typ: "exit.emergency_access"}
	var to string
	cmd := &cobra.Command{
		Use:   "confirm JTI",
		Short: "Confirm break-glass as a second person",
		Long: `Confirm, as another official of the same agency in a role that may use
break-glass, the request JTI: about the same person, of the same agency, for the
same fields. message tasks shows what it asked. The request then holds for 60
minutes instead of 15, from when the gateway took it in. One that nobody confirms
within 15 minutes ends, and for 24 hours bars its user, and the agency about the
person, from another.`,
		Example: `  gatewayctl message confirm --config client.json --to municipality:0180 --role police.exit_coordinator_local --user 0xJr8Y9FQG2mB1vWqkT0Sg \
      --subject uVb2Q0Dh1mY8c5sZkqT3Ew --fields risk_level --reason immediate_danger --reason-length 60 \
      --emergency '{"threat_to_life": true, "diary_no": "5000-K1/26", "reauthenticated": true}' urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057`,
		Args: operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			first, err := messageID(args[0])
			if err != nil {
				return err
			}
			discloser, err := gateway.ParseAgency(to)
			if err != nil {
				return usageError{fmt.Errorf("--to: %q is not an agency", to)}
			}
			o, err := f.official()
			if err != nil {
				return err
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			r, err := c.Confirm(cmd.Context(), first, discloser, o)
			if err != nil {
				return err
			}
			return printReceipt(cmd, r)
		},
	}
	f.addAsker(cmd)
	cmd.Flags().StringVar(&to, "to", "", "agency that was asked (required)")
	needs(cmd, "to", "subject", "fields", "emergency")
	return cmd
}
