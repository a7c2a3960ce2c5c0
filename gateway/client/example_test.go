package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
)

// A sender seals a message and sends it. What fails says which field to mend,
// or what the gateway refused.
func ExampleClient_Send() {
	send := func(ctx context.Context) error {
		cfg, err := client.Load("client.json")
		if err != nil {
			return err
		}
		c, err := client.New(cfg)
		if err != nil {
			return err
		}
		risk, err := client.Value(4)
		if err != nil {
			return err
		}
		token, err := c.Seal(ctx, client.Draft{
			Type: "exit.threat_assessment", From: "police.exit_coordinator_regional",
			To: "municipality:0180", ToRoles: []gateway.Role{"municipality.social_worker"},
			Purpose: "PROTECTION", Case: gateway.NewRef(), Subject: gateway.NewRef(),
			Values: map[gateway.Field]gateway.Payload{"risk_level": risk},
		})
		if f, ok := errors.AsType[*client.FieldError](err); ok {
			return fmt.Errorf("mend %s: %s", f.Field, f.Rule)
		}
		if err != nil {
			return err
		}
		receipt, err := c.Send(ctx, token)
		if p, ok := errors.AsType[*client.Problem](err); ok {
			return fmt.Errorf("the gateway said %s", p.Code)
		}
		if err != nil {
			return err
		}
		fmt.Println(receipt.ID, receipt.Entry)
		return nil
	}
	fmt.Println(errors.Is(send(context.Background()), client.ErrConfig)) // there is no client.json here
	// Output: true
}

// A recipient collects, stores and acknowledges. What did not verify is not
// shown; an operator has to look.
func ExampleClient_Poll() {
	collect := func(ctx context.Context, c *client.Client, store func(client.Stored) error) error {
		const role = "municipality.social_worker"
		for {
			b, err := c.Poll(ctx, role, client.PollOptions{})
			if err != nil {
				return err
			}
			var done []client.Item
			for _, m := range b.Messages {
				if err := store(m.Stored()); err != nil {
					return err
				}
				if v, ok := m.Value("risk_level"); ok {
					log.Print("risk level: ", v) // prints its length
				}
				done = append(done, m)
			}
			for _, n := range b.Notices {
				done = append(done, n)
			}
			for _, r := range b.Refused {
				log.Printf("refused: %v", r.Err)
			}
			if err := c.Ack(ctx, role, done...); err != nil {
				return err
			}
		}
	}
	fmt.Println(collect != nil)
	// Output: true
}

// A named official reads one message.
func ExampleClient_Read() {
	read := func(ctx context.Context, c *client.Client, id gateway.MessageID, user gateway.Ref) (gateway.Payload, error) {
		m, err := c.Read(ctx, id, client.Official{
			Role: "municipality.social_worker", User: user, Purpose: "PROTECTION", Type: "exit.threat_assessment",
			Fields: []string{"risk_level"}, BasisClaimed: []gateway.Basis{"OSL-10-2"},
			Reason: &envelope.Reason{Code: "safety_planning", Length: 80},
		})
		if p, ok := errors.AsType[*client.Problem](err); ok && p.Code == gateway.CodeNoRecord {
			return gateway.Payload{}, errors.New("no such message, or none that this official may know of")
		}
		if err != nil {
			return gateway.Payload{}, err
		}
		v, _ := m.Value("risk_level")
		return v, nil
	}
	fmt.Println(read != nil)
	// Output: true
}
