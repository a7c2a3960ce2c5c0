package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
)

// pollFlags are the flags of message poll.
type pollFlags struct {
	role, dir string
	max       int
	wait      time.Duration
	ack       bool
}

func messagePollCommand() *cobra.Command {
	var f pollFlags
	cmd := &cobra.Command{
		Use:   "poll",
		Short: "Collect what waits for a role",
		Long: `Collect the messages and notices that wait for a role of the agency, verify and
open them, and print them. What is not acknowledged comes again: --ack does so
after everything is printed and, with --out, on the disk. Standard output then
holds personal data.

With --out each message is kept as FILE, sealed as it came; message open reads
it. Something that does not verify is not shown, is named on standard error and
makes the exit code 1. So does an acknowledgement that the gateway refuses as
malformed: it is said no more and kept in the state directory.`,
		Example: `  gatewayctl message poll --config client.json --role municipality.social_worker --wait 0s
  gatewayctl message poll --config client.json --role municipality.social_worker --out inbox --ack --json`,
		Args: operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return pollMessages(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.role, "role", "", "role whose mailbox it is (required)")
	flags.IntVar(&f.max, "max", 0, "messages and notices at most (default: the gateway's)")
	flags.DurationVar(&f.wait, "wait", 25*time.Second, "how long to wait if there is nothing")
	flags.StringVar(&f.dir, "out", "", "keep each message in `DIR`")
	flags.BoolVar(&f.ack, "ack", false, "acknowledge what was collected")
	needs(cmd, "role")
	return cmd
}

// polled is what message poll prints.
type polled struct {
	Messages []opened      `json:"messages"`
	Notices  []notice      `json:"notices"`
	Refused  []refusedItem `json:"refused"`
	Unheard  []refusedItem `json:"unheard,omitempty"`
	More     bool          `json:"more"`
}

type notice struct {
	ID      gateway.MessageID  `json:"jti"`
	From    string             `json:"iss"`
	Type    envelope.EventType `json:"event"`
	Message gateway.MessageID  `json:"txn,omitempty"`
	Claims  json.RawMessage    `json:"claims,omitempty"`
}

type refusedItem struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

func pollMessages(cmd *cobra.Command, f pollFlags) error {
	c, err := newClient(cmd)
	if err != nil {
		return err
	}
	b, err := c.Poll(cmd.Context(), gateway.Role(f.role), client.PollOptions{Max: f.max, Wait: f.wait, NoWait: f.wait <= 0})
	if err != nil {
		return err
	}
	p := polled{Messages: []opened{}, Notices: []notice{}, Refused: []refusedItem{}, More: b.More}
	var items []client.Item
	for _, m := range b.Messages {
		if f.dir != "" {
			if err := keep(f.dir, m); err != nil {
				return err
			}
		}
		p.Messages, items = append(p.Messages, openedOf(m)), append(items, m)
	}
	for _, n := range b.Notices {
		p.Notices = append(p.Notices, notice{n.ID, n.Issuer, n.Type, n.Message, n.Claims})
		items = append(items, n)
	}
	for _, r := range b.Refused {
		p.Refused = append(p.Refused, refusedItem{r.ID, r.Err.Error()})
	}
	for _, u := range b.Unheard {
		p.Unheard = append(p.Unheard, refusedItem{u.ID, u.Err.Error()})
	}
	if err := output(cmd, p, p.print); err != nil {
		return err
	}
	if f.ack && len(items) > 0 {
		if err := c.Ack(cmd.Context(), gateway.Role(f.role), items...); errors.Is(err, client.ErrUnheard) {
			return err
		} else if err != nil {
			return fmt.Errorf("acknowledging; it is noted and said again at the next poll: %w", err)
		}
	}
	if len(b.Refused) > 0 {
		return fmt.Errorf("%d of what came did not verify and is not shown: %w", len(b.Refused), b.Refused[0].Err)
	}
	return unheard(b)
}

// unheard names the acknowledgements that were set aside since the last poll. The
// client reports each once, so every command that polls says so.
func unheard(b client.Batch) error {
	var err error
	for _, u := range b.Unheard {
		err = errors.Join(err, u.Err)
	}
	return err
}

func (p polled) print(w io.Writer) {
	for _, o := range p.Messages {
		o.print(w)
	}
	for _, n := range p.Notices {
		fmt.Fprintf(w, "%s\n  %s from %s about %s\n", n.ID, n.Type, n.From, n.Message)
	}
	if len(p.Messages)+len(p.Notices) == 0 {
		fmt.Fprintln(w, "nothing waits")
	}
}

// keep writes a message, sealed as it came, to a file of its own. A delivery id
// comes from the gateway, so it does not name the file as it is.
func keep(dir string, m client.Message) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	raw, err := json.Marshal(m.Stored())
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	name := base64.RawURLEncoding.EncodeToString([]byte(m.Delivery())) + ".json"
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	return errors.Join(err, file.Sync(), file.Close())
}

func messageOpenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "open FILE",
		Short: "Open a message that was kept",
		Long: `Verify a message that message poll or message read has kept (--out) once more, as
of the day that it came, and print it opened. Standard output then holds
personal data.`,
		Example: `  gatewayctl message open --config client.json inbox/Y2hhbmdl.json`,
		Args:    operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var s client.Stored
			if err := readJSONFile(args[0], &s); err != nil {
				return err
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			m, err := c.Open(cmd.Context(), s)
			if err != nil {
				return err
			}
			o := openedOf(m)
			return output(cmd, o, o.print)
		},
	}
}

// officialFlags say who asks, for what and why.
type officialFlags struct {
	role, user, unit, purpose, typ, subject, reason, emergency string
	fields, basis                                              []string
	length                                                     int
	onScene                                                    bool
}

func (f *officialFlags) add(cmd *cobra.Command) {
	f.addAsker(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.purpose, "purpose", "", "what it is for (required)")
	flags.StringVar(&f.typ, "type", "", "message type (required)")
	needs(cmd, "purpose", "type")
}

// addAsker adds the flags without purpose and type.
func (f *officialFlags) addAsker(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.role, "role", "", "role of the official (required)")
	flags.StringVar(&f.user, "user", "", "opaque reference of the official (required)")
	flags.StringVar(&f.unit, "unit", "", "code of the official's unit")
	flags.StringVar(&f.subject, "subject", "", "opaque reference of the person")
	flags.StringSliceVar(&f.fields, "fields", []string{"default"}, "fields asked for")
	flags.StringSliceVar(&f.basis, "basis", nil, "legal bases claimed")
	flags.StringVar(&f.reason, "reason", "", "code of the reason")
	flags.IntVar(&f.length, "reason-length", 0, "length of the reason as it is written down at the agency")
	flags.BoolVar(&f.onScene, "on-scene", false, "the official is on the scene")
	flags.StringVar(&f.emergency, "emergency", "", "JSON object for break-glass: threat_to_life, diary_no, reauthenticated, operation")
	needs(cmd, "role", "user")
}

func (f *officialFlags) official() (client.Official, error) {
	o := client.Official{
		Role: gateway.Role(f.role), User: gateway.Ref(f.user), Unit: f.unit, Purpose: gateway.Purpose(f.purpose),
		Type: gateway.MessageType(f.typ), Subject: gateway.Ref(f.subject), Fields: f.fields, OnScene: f.onScene,
	}
	if _, err := gateway.ParseRef(f.user); err != nil {
		return o, usageError{errors.New("--user must be an opaque reference of 22 characters, never a name")}
	}
	for _, b := range f.basis {
		o.BasisClaimed = append(o.BasisClaimed, gateway.Basis(b))
	}
	if f.reason != "" {
		o.Reason = &envelope.Reason{Code: f.reason, Length: f.length}
	}
	if f.emergency == "" {
		return o, nil
	}
	var e struct {
		ThreatToLife    bool   `json:"threat_to_life"`
		DiaryNo         string `json:"diary_no"`
		Reauthenticated bool   `json:"reauthenticated"`
		Operation       string `json:"operation"`
	}
	if json.Unmarshal([]byte(f.emergency), &e) != nil {
		return o, usageError{errors.New(`--emergency must be a JSON object like {"threat_to_life": true, "diary_no": "A-1"}`)}
	}
	o.Emergency = &envelope.Emergency{ThreatToLife: e.ThreatToLife, DiaryNo: e.DiaryNo, Reauthenticated: e.Reauthenticated,
		RequestedAt: time.Now().Truncate(time.Second), Operation: e.Operation}
	return o, nil
}

func messageReadCommand() *cobra.Command {
	var f officialFlags
	var dir string
	cmd := &cobra.Command{
		Use:   "read JTI",
		Short: "Read one message for a named official",
		Long: `Ask the gateway for one message for a named official, verify that the release is
for this very question, open it and print it. Standard output then holds
personal data. What does not exist and what the official may not know of is the
same answer, no-record: exit code 1.`,
		Example: `  gatewayctl message read --config client.json --role municipality.social_worker --user 0xJr8Y9FQG2mB1vWqkT0Sg \
      --purpose PROTECTION --type exit.threat_assessment --basis OSL-10-2 --reason safety_planning --reason-length 80 \
      urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057`,
		Args: operands(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := messageID(args[0])
			if err != nil {
				return err
			}
			o, err := f.official()
			if err != nil {
				return err
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			m, err := c.Read(cmd.Context(), id, o)
			if err != nil {
				return err
			}
			if dir != "" {
				if err := keep(dir, m); err != nil {
					return err
				}
			}
			shown := openedOf(m)
			return output(cmd, shown, shown.print)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&dir, "out", "", "keep the message in `DIR`")
	return cmd
}

func messageRequestCommand() *cobra.Command {
	var f officialFlags
	var to string
	cmd := &cobra.Command{
		Use:   "request",
		Short: "Ask another agency for single fields",
		Long: `Ask another agency, for a named official, for fields by name
(exit.info_request), or in immediate danger to life (exit.emergency_access,
--emergency; another official then has 15 minutes to confirm it, see message
confirm). The receipt says that the question stands in the log; the answer
comes to the mailbox of the role, with the receipt's identifier in reply_to. A
request that got no answer may have been carried out and is not sent again by
itself.`,
		Example: `  gatewayctl message request --config client.json --to police --role municipality.social_worker --user 0xJr8Y9FQG2mB1vWqkT0Sg \
      --purpose PROTECTION --type exit.info_request --subject uVb2Q0Dh1mY8c5sZkqT3Ew --fields risk_level,safety_instructions \
      --basis OSL-10-2 --reason safety_planning --reason-length 80
  gatewayctl message request --config client.json --to municipality:0180 --role police.exit_coordinator_regional --user 0xJr8Y9FQG2mB1vWqkT0Sg \
      --purpose EMERGENCY --type exit.emergency_access --subject uVb2Q0Dh1mY8c5sZkqT3Ew --fields risk_level \
      --reason immediate_danger --reason-length 60 \
      --emergency '{"threat_to_life": true, "diary_no": "5000-K1/26", "reauthenticated": true}'`,
		Args: operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
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
			r, err := c.Request(cmd.Context(), discloser, o)
			if err != nil {
				return err
			}
			return printReceipt(cmd, r)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&to, "to", "", "agency that is asked (required)")
	needs(cmd, "to")
	return cmd
}
