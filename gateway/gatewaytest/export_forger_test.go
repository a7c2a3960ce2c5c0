package gatewaytest

import (
	"context"
	"io"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/keys"
)

// Forger is somebody among the honest who states what is not so, about a person
// of whom nothing but the case is known yet.
type Forger struct{ s *story }

// NewForger puts a fresh person on record at Stockholm: the case is open and
// agreed to, nobody has consented to anything.
func NewForger(ctx context.Context, w *World) (*Forger, error) {
	s := &story{w: w, out: io.Discard, day: time.Now(), home: stockholm}
	for _, scene := range []func(context.Context) error{s.gather, s.openCase} {
		if err := scene(ctx); err != nil {
			return nil, err
		}
	}
	return &Forger{s}, nil
}

// Says states something about the person in somebody's name, and returns how
// the gateway answered. A "seq" that is not given is the next one.
func (f *Forger) Says(ctx context.Context, who gateway.AgencyID, system string, role gateway.Role, typ gateway.MessageType, values map[gateway.Field]any) (client.Receipt, error) {
	token, err := f.Token(ctx, who, system, role, typ, values)
	if err != nil {
		return client.Receipt{}, err
	}
	return f.Hands(ctx, who, system, token)
}

// Token is a statement that somebody has signed and not handed in.
func (f *Forger) Token(ctx context.Context, who gateway.AgencyID, system string, role gateway.Role, typ gateway.MessageType, values map[gateway.Field]any) ([]byte, error) {
	c, err := f.s.w.Client(ctx, who, system)
	if err != nil {
		return nil, err
	}
	if _, ok := values["seq"]; !ok {
		f.s.seqs++
		values["seq"] = f.s.seqs
	}
	given, err := payloads(values)
	if err != nil {
		return nil, err
	}
	d := client.Draft{Type: typ, From: role, Purpose: "EXIT_SUPPORT", Case: f.s.matter, Subject: f.s.person, Values: given}
	if typ == "exit.provider_vetting" {
		d.Subject, d.Purpose = "", "VETTING"
	}
	return c.State(ctx, d)
}

// Hands hands in what somebody else may have written.
func (f *Forger) Hands(ctx context.Context, who gateway.AgencyID, system string, token []byte) (client.Receipt, error) {
	c, err := f.s.w.Client(ctx, who, system)
	if err != nil {
		return client.Receipt{}, err
	}
	return c.Send(ctx, token)
}

// Consent is the person's consent that an agency may give another what is of
// some classes.
func (f *Forger) Consent(id gateway.Ref, from []gateway.AgencyID, to gateway.AgencyID, classes ...string) map[gateway.Field]any {
	v := f.s.consentValues(id, from, classes, -30, 150)
	v["recipients"] = []map[string]any{{"agency": to}}
	return v
}

// Decision is a recorded decision of the police's that 10:27 opens a field to
// Stockholm's social workers.
func (f *Forger) Decision(field gateway.Field, by gateway.Role, at gateway.AgencyID) map[gateway.Field]any {
	return map[gateway.Field]any{
		"assessment_id": gateway.NewRef(), "basis": "OSL-10-27", "kind": "balancing_obvious", "outcome": "release",
		"recipient": map[string]any{"agency": stockholm}, "purpose": "PROTECTION", "fields": []gateway.Field{field},
		"valid_from": f.s.date(-1), "valid_to": f.s.date(30), "grounds_text": Canary,
		"decided_by": map[string]any{"user": gateway.NewRef(), "role": by, "agency": at},
	}
}

// Person is whom it is about.
func (f *Forger) Person() gateway.Ref { return f.s.person }

// Date is a day from today.
func (f *Forger) Date(days int) string { return f.s.date(days) }

// Assessment is a threat assessment of the police's to Stockholm.
func (f *Forger) Assessment() (client.Draft, error) { return f.s.assessmentDraft() }

// Draft is another message about the person.
func (f *Forger) Draft(typ gateway.MessageType, from gateway.Role, to gateway.AgencyID, role gateway.Role, purpose gateway.Purpose, values map[gateway.Field]any) (client.Draft, error) {
	sealed, err := payloads(values)
	return client.Draft{Type: typ, From: from, To: to, ToRoles: []gateway.Role{role}, Purpose: purpose, Case: f.s.matter, Subject: f.s.person,
		Values: sealed, Fields: []string{"default"}, Reason: &envelope.Reason{Code: "safety_planning", Length: 40}}, err
}

// Sends sends a message, collects as its recipient, and returns what was
// released of it: nothing, or the fields.
func (f *Forger) Sends(ctx context.Context, who gateway.AgencyID, d client.Draft) (gateway.MessageID, map[gateway.Field]gateway.Basis, error) {
	from, err := f.s.w.Client(ctx, who, "exit")
	if err != nil {
		return "", nil, err
	}
	to, err := f.s.w.Client(ctx, d.To, "exit")
	if err != nil {
		return "", nil, err
	}
	sent, err := f.s.send(ctx, from, d)
	if err != nil {
		return "", nil, err
	}
	for {
		b, err := f.s.collect(ctx, to, d.ToRoles[0])
		if err != nil || len(b.Messages)+len(b.Notices) == 0 {
			return sent.ID, nil, err
		}
		for _, n := range b.Notices {
			if err := to.Ack(ctx, d.ToRoles[0], n); err != nil {
				return "", nil, err
			}
		}
		for _, m := range b.Messages {
			if err := to.Ack(ctx, d.ToRoles[0], m); err != nil {
				return "", nil, err
			}
			if m.Claims().ID == sent.ID {
				return sent.ID, m.Release().Allowed, nil
			}
		}
	}
}

// Reads reads a message as an official of Stockholm.
func (f *Forger) Reads(ctx context.Context, id gateway.MessageID, user gateway.Ref) error {
	o := f.s.official(socialWorker, "PROTECTION", "exit.threat_assessment")
	o.User = user
	_, err := f.s.town.Read(ctx, id, o)
	return err
}

// Problem is the stable code of a refusal, "" for anything else.
func Problem(err error) gateway.Code { return problem(err) }

// Opener opens the second parts of the log's entries.
func (w *World) Opener() (disclosure.Opener, error) {
	kek, err := keys.LoadKEK("file:" + w.Dir + "/gateway/kek")
	if err != nil {
		return nil, err
	}
	return keys.OpenRing(w.state()+"/ring", kek)
}
