package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
)

// ErrStory is what [Play] returns when a step did not come out as the law and
// the promises say.
var ErrStory = errors.New("the story did not come out as it must")

// Canary is the word that stands in every value of the story's messages. It
// must be found nowhere but in what recipients open.
const Canary = "CANARY"

// The cast of the story, as certs/dev makes it.
const (
	stockholm gateway.AgencyID = "municipality:0180"
	police    gateway.AgencyID = "police"
	prison    gateway.AgencyID = "kriminalvarden"
	provider  gateway.AgencyID = "provider:165560004615"

	socialWorker gateway.Role = "municipality.social_worker"
	teamLead     gateway.Role = "municipality.exit_team_lead"
	coordinator  gateway.Role = "police.exit_coordinator_regional"
	bodyguard    gateway.Role = "police.personal_security_officer"
	probation    gateway.Role = "kriminalvarden.probation_officer"
	caseWorker   gateway.Role = "provider.case_worker"
)

// story is one telling.
type story struct {
	w    *World
	out  io.Writer
	day  time.Time
	home gateway.AgencyID // the municipality of the person
	seqs int64

	town, police, security, prison, provider *client.Client

	person, matter, consent gateway.Ref
	assessment              gateway.MessageID // the first threat assessment
	transition              gateway.MessageID
	released                uint64 // the entry of the first release
}

// Play tells the story of one person who leaves, over real sockets, and
// checks every step: a consent, a threat assessment of which the social worker
// gets exactly what is permitted, a provider that gets nothing, a transition
// that a person at the prison service has to decide on, a consent withdrawn
// between sending and reading, and a log that shows when a byte is altered.
// The gateway of w must run; when Play returns nil it has been stopped.
func Play(ctx context.Context, w *World, out io.Writer) error {
	s := &story{w: w, out: out, day: time.Now(), home: stockholm}
	for _, scene := range []func(context.Context) error{
		s.gather, s.openCase, s.recordConsent, s.threatAssessment, s.providerAsks, s.transitionNeedsDecision,
		s.decisionReleases, s.consentWithdrawn, s.senderSees, s.logHolds,
	} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) scene(title string) { fmt.Fprintf(s.out, "\n== %s\n", title) }

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.out, "   "+format+"\n", args...) }

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrStory, fmt.Sprintf(format, args...))
}

// gather connects everybody.
func (s *story) gather(ctx context.Context) error {
	s.scene("Everybody connects: mutual TLS 1.3, a directory countersigned by two registrars, a policy approved by two officers")
	for _, m := range []struct {
		c      **client.Client
		agency gateway.AgencyID
		system string
	}{{&s.town, s.home, "exit"}, {&s.police, police, "exit"}, {&s.security, police, "security"}, {&s.prison, prison, "exit"}, {&s.provider, provider, "exit"}} {
		c, err := s.w.Client(ctx, m.agency, m.system)
		if err != nil {
			return fmt.Errorf("%s connects: %w", m.agency, err)
		}
		*m.c = c
		s.say("%-24s system %q verified the directory and the snapshot", m.agency, m.system)
	}
	s.person, s.matter, s.consent = gateway.NewRef(), gateway.NewRef(), gateway.NewRef()
	return nil
}

// state makes a statement and sends it to the register.
func (s *story) state(ctx context.Context, c *client.Client, from gateway.Role, typ gateway.MessageType, values map[gateway.Field]any) (client.Receipt, error) {
	s.seqs++
	values["seq"] = s.seqs
	sealed, err := payloads(values)
	if err != nil {
		return client.Receipt{}, err
	}
	token, err := c.State(ctx, client.Draft{Type: typ, From: from, Purpose: "EXIT_SUPPORT", Case: s.matter, Subject: s.person, Values: sealed})
	if err != nil {
		return client.Receipt{}, fmt.Errorf("stating %s: %w", typ, err)
	}
	r, err := c.Send(ctx, token)
	if err != nil {
		return client.Receipt{}, fmt.Errorf("stating %s: %w", typ, err)
	}
	s.say("entry %-4d %s states %s", r.Entry, from, typ)
	return r, nil
}

func payloads(values map[gateway.Field]any) (map[gateway.Field]gateway.Payload, error) {
	out := make(map[gateway.Field]gateway.Payload, len(values))
	for f, v := range values {
		p, err := client.Value(v)
		if err != nil {
			return nil, err
		}
		out[f] = p
	}
	return out, nil
}

// agree countersigns a statement.
func (s *story) agree(ctx context.Context, c *client.Client, from gateway.Role, r client.Receipt) error {
	_, err := s.state(ctx, c, from, "exit.countersignature", map[gateway.Field]any{"statement": r.ID, "digest": r.Digest})
	return err
}

// openCase puts the person on record: who is responsible, who takes part, what
// is known.
func (s *story) openCase(ctx context.Context) error {
	s.scene("The municipality opens the case, which gives it nothing until another party agrees; the police say what they know")
	opened, err := s.state(ctx, s.town, socialWorker, "exit.case_state", map[gateway.Field]any{
		"state": "open", "parties": []gateway.AgencyID{s.home, police, prison, provider}, "responsible_municipality": s.home,
	})
	if err != nil {
		return err
	}
	if err := s.agree(ctx, s.police, coordinator, opened); err != nil {
		return err
	}
	if _, err := s.state(ctx, s.town, socialWorker, "exit.person_attributes", map[gateway.Field]any{
		"adult": true, "protection_marking": "none", "place_hidden": false, "in_sis_care": false,
	}); err != nil {
		return err
	}
	if _, err := s.state(ctx, s.police, coordinator, "exit.person_attributes", map[gateway.Field]any{"elevated_threat": false}); err != nil {
		return err
	}
	_, err = s.state(ctx, s.security, bodyguard, "exit.person_attributes", map[gateway.Field]any{"psw": false})
	return err
}

func (s *story) date(days int) string { return s.day.AddDate(0, 0, days).Format(time.DateOnly) }

func (s *story) consentValues(id gateway.Ref, disclosers []gateway.AgencyID, classes []string, from, to int) map[gateway.Field]any {
	var sources []map[string]any
	for _, a := range disclosers {
		sources = append(sources, map[string]any{"agency": a})
	}
	return map[gateway.Field]any{
		"consent_id": id, "given_by": "subject", "disclosers": sources,
		"recipients": []map[string]any{{"agency": s.home}}, "classes": classes, "purposes": []string{"EXIT_SUPPORT", "PROTECTION"},
		"valid_from": s.date(from), "valid_to": s.date(to), "form": "written", "info_text_version": "2026-01",
		"recorded_by": gateway.NewRef(), "evidence_hash": gateway.DigestOf([]byte("the signed form")),
	}
}

// recordConsent records two consents of the person: one in force, one that has
// run out. Each names the municipality that records it as recipient, so it
// opens nothing until the discloser has agreed.
func (s *story) recordConsent(ctx context.Context) error {
	s.scene("The municipality records the person's consent; it names the municipality itself, so the police must agree")
	given, err := s.state(ctx, s.town, socialWorker, "exit.consent",
		s.consentValues(s.consent, []gateway.AgencyID{police}, []string{"ID", "CON", "CAS", "ENV", "PLN", "RSK", "SOC", "OFF"}, -30, 150))
	if err != nil {
		return err
	}
	if err := s.agree(ctx, s.police, coordinator, given); err != nil {
		return err
	}
	old, err := s.state(ctx, s.town, socialWorker, "exit.consent",
		s.consentValues(gateway.NewRef(), []gateway.AgencyID{prison}, []string{"ID", "CAS", "PLN", "RSK", "SOC", "OFF"}, -200, -20))
	if err != nil {
		return err
	}
	return s.agree(ctx, s.prison, probation, old)
}

func (s *story) assessmentDraft() (client.Draft, error) {
	values, err := payloads(map[gateway.Field]any{
		"assessment_id": gateway.NewRef(), "assessed_at": s.date(-2), "valid_until": s.date(60), "method": "structured", "risk_level": 4,
		"protection_recommendation": "advice", "safety_instructions": Canary + " call before visiting",
		"no_go_areas": []string{Canary + " square"}, "threat_source_summary": Canary + " source",
		"threat_actors": []map[string]any{{"reference": Canary + "-1"}}, "intel_reliability": Canary + " B2", "ongoing_investigation_flag": true,
		"family_at_risk": []map[string]any{{"relation": Canary}}, "honour_indicators": []string{"control"},
		"contact_officer": map[string]any{"role": Canary, "phone": Canary},
	})
	return client.Draft{Type: "exit.threat_assessment", From: coordinator, To: s.home, ToRoles: []gateway.Role{socialWorker},
		Purpose: "PROTECTION", Case: s.matter, Subject: s.person, Values: values, Fields: []string{"default"}, BasisClaimed: []gateway.Basis{"OSL-12-2"}}, err
}

// send seals and sends a message.
func (s *story) send(ctx context.Context, c *client.Client, d client.Draft) (client.Receipt, error) {
	token, err := c.Seal(ctx, d)
	if err != nil {
		return client.Receipt{}, fmt.Errorf("sealing %s: %w", d.Type, err)
	}
	r, err := c.Send(ctx, token)
	if err != nil {
		return client.Receipt{}, fmt.Errorf("sending %s: %w", d.Type, err)
	}
	s.say("entry %-4d %s sends %s to %s: %d bytes, every sensitive value sealed to the recipient", r.Entry, d.From, d.Type, d.ToRoles[0], len(token))
	return r, nil
}

// collect polls once for a role and returns what came; none of it may be refused.
func (s *story) collect(ctx context.Context, c *client.Client, role gateway.Role) (client.Batch, error) {
	b, err := c.Poll(ctx, role, client.PollOptions{NoWait: true})
	if err == nil && len(b.Refused) > 0 {
		err = wrong("the client refused what the gateway gave: %v", b.Refused[0].Err)
	}
	return b, err
}

// show prints a release field by field.
func (s *story) show(m client.Message, role gateway.Role) {
	rel := m.Release()
	s.say("entry %-4d %s gets, for %s:", m.Receipt().Entry, role, rel.Purpose)
	for _, f := range slices.Sorted(maps.Keys(rel.Allowed)) {
		s.say("    %-28s allowed   on %s", f, rel.Allowed[f])
	}
	for _, f := range slices.Sorted(maps.Keys(rel.Withheld)) {
		s.say("    %-28s withheld  because %s", f, rel.Withheld[f])
	}
}

// exactly compares a release with the fields it must have, and no others.
func exactly(m client.Message, basis map[gateway.Field]gateway.Basis, withheld map[gateway.Field]gateway.Reason) error {
	rel := m.Release()
	if !maps.Equal(rel.Allowed, basis) {
		return wrong("allowed %v, must be %v", rel.Allowed, basis)
	}
	if !maps.Equal(rel.Withheld, withheld) {
		return wrong("withheld %v, must be %v", rel.Withheld, withheld)
	}
	for f := range basis {
		if _, ok := m.Value(f); !ok {
			return wrong("field %s is allowed and has no value", f)
		}
	}
	for f := range withheld {
		if _, ok := m.Value(f); ok {
			return wrong("field %s is withheld and has a value", f)
		}
	}
	return nil
}

// all gives several fields the same basis.
func all(b gateway.Basis, fields ...gateway.Field) map[gateway.Field]gateway.Basis {
	out := map[gateway.Field]gateway.Basis{}
	for _, f := range fields {
		out[f] = b
	}
	return out
}

// reasons gives several fields the same reason.
func reasons(m map[gateway.Reason][]gateway.Field) map[gateway.Field]gateway.Reason {
	out := map[gateway.Field]gateway.Reason{}
	for r, fields := range m {
		for _, f := range fields {
			out[f] = r
		}
	}
	return out
}

// problem reports the stable code of a refusal.
func problem(err error) gateway.Code {
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return p.Code
	}
	return ""
}

// official is the person who asks in a role.
func (s *story) official(role gateway.Role, purpose gateway.Purpose, typ gateway.MessageType) client.Official {
	return client.Official{Role: role, User: gateway.NewRef(), Unit: "unit-1", Purpose: purpose, Type: typ, Subject: s.person,
		Fields: []string{"default"}, BasisClaimed: []gateway.Basis{"OSL-12-2"}, Reason: &envelope.Reason{Code: "safety_planning", Length: 40}}
}
