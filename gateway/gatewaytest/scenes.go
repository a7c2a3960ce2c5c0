package gatewaytest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

// threatAssessment: the police send, the social worker's system gets exactly
// the permitted fields.
func (s *story) threatAssessment(ctx context.Context) error {
	s.scene("The police send a threat assessment; the social worker's system collects what the consent covers")
	d, err := s.assessmentDraft()
	if err != nil {
		return err
	}
	receipt, err := s.send(ctx, s.police, d)
	if err != nil {
		return err
	}
	s.assessment = receipt.ID
	b, err := s.collect(ctx, s.town, socialWorker)
	if err != nil {
		return err
	}
	if len(b.Messages) != 1 {
		return wrong("%d messages came, must be 1", len(b.Messages))
	}
	m := b.Messages[0]
	s.show(m, socialWorker)
	s.released = m.Receipt().Entry
	if err := exactly(m,
		all("OSL-12-2", "assessment_id", "assessed_at", "valid_until", "method", "risk_level", "protection_recommendation", "safety_instructions", "contact_officer"),
		reasons(map[gateway.Reason][]gateway.Field{
			"BLK-PUB":  {"no_go_areas", "threat_source_summary", "threat_actors", "intel_reliability", "ongoing_investigation_flag"},
			"NO-BASIS": {"family_at_risk", "honour_indicators"},
		})); err != nil {
		return err
	}
	if v, _ := m.Value("safety_instructions"); !strings.Contains(string(v.Bytes()), Canary) {
		return wrong("the opened value is not what the police wrote")
	}
	s.say("the police's signature verifies over what is left; chapter 18 is not the person's to waive")
	if err := s.town.Ack(ctx, socialWorker, m); err != nil {
		return fmt.Errorf("acknowledging: %w", err)
	}
	return s.heard(ctx, s.police, coordinator, envelope.MessageReceived, m.Claims().ID)
}

// heard checks that a notice of an event about a message has come, and
// acknowledges it.
func (s *story) heard(ctx context.Context, c *client.Client, role gateway.Role, event envelope.EventType, about gateway.MessageID) error {
	b, err := s.collect(ctx, c, role)
	if err != nil {
		return err
	}
	for _, n := range b.Notices {
		if n.Type == event && n.Message == about {
			s.say("           %s is told: %s", role, event)
			return c.Ack(ctx, role, n)
		}
	}
	return wrong("%s was not told of %s", role, event)
}

// providerAsks: a provider that is no recipient gets nothing, whichever way it
// asks.
func (s *story) providerAsks(ctx context.Context) error {
	s.scene("A provider asks for the same assessment")
	_, err := s.provider.Read(ctx, s.assessment, s.official(caseWorker, "EXIT_SUPPORT", "exit.threat_assessment"))
	if code := problem(err); code != gateway.CodeNoRecord {
		return wrong("reading another agency's message answered %q (%v), must be %q", code, err, gateway.CodeNoRecord)
	}
	s.say("%s reads the message by its id: %s, the same as for a message that does not exist", caseWorker, gateway.CodeNoRecord)
	_, err = s.provider.Request(ctx, police, s.official(caseWorker, "EXIT_SUPPORT", "exit.threat_assessment"))
	if code := problem(err); code != gateway.CodeRoute {
		return wrong("asking the police answered %q (%v), must be %q", code, err, gateway.CodeRoute)
	}
	s.say("%s asks the police: %s", caseWorker, gateway.CodeRoute)
	b, err := s.collect(ctx, s.provider, caseWorker)
	if err == nil && len(b.Messages)+len(b.Notices) > 0 {
		err = wrong("the provider's mailbox is not empty")
	}
	return err
}

func (s *story) transitionDraft() (client.Draft, error) {
	values, err := payloads(map[gateway.Field]any{
		"transition_kind": "parole", "release_date": s.date(40), "facility": Canary + " facility", "sanction_type": "prison",
		"conditions": []string{Canary + " condition"}, "programme_participation": Canary, "in_custody_threats": Canary, "security_category": "2",
		"post_release_address": Canary + " street", "health_followup_need": Canary, "support_needs": []string{"housing"},
		"probation_contact": map[string]any{"role": Canary, "phone": Canary},
	})
	return client.Draft{Type: "exit.transition", From: probation, To: s.home, ToRoles: []gateway.Role{teamLead}, Purpose: "EXIT_SUPPORT",
		Case: s.matter, Subject: s.person, Values: values, Fields: []string{"default", "transition_kind", "release_date"},
		BasisClaimed: []gateway.Basis{"OSL-12-2", "OSL-HARM"},
		Reason:       &envelope.Reason{Code: "release_planning", Length: 40}}, err
}

// transitionNeedsDecision: the consent has run out and nobody has tested for
// harm, so a person at the prison service has to decide.
func (s *story) transitionNeedsDecision(ctx context.Context) error {
	s.scene("The prison service sends a transition; the consent it names has run out, a harm test is claimed but not recorded")
	d, err := s.transitionDraft()
	if err != nil {
		return err
	}
	r, err := s.send(ctx, s.prison, d)
	if err != nil {
		return err
	}
	s.transition = r.ID
	b, err := s.collect(ctx, s.town, teamLead)
	if err != nil {
		return err
	}
	if len(b.Messages) != 0 {
		return wrong("something was released before anybody decided")
	}
	s.say("REVIEW: nothing is released")
	if err := s.heard(ctx, s.town, teamLead, envelope.ReleaseRefused, r.ID); err != nil {
		return err
	}
	return s.heard(ctx, s.prison, probation, envelope.ReviewRequested, r.ID)
}

// decisionReleases: the recorded decision opens what it names and no more.
func (s *story) decisionReleases(ctx context.Context) error {
	s.scene("A probation officer tests for harm and records a decision on three fields")
	if _, err := s.state(ctx, s.prison, probation, "exit.assessment_decision", map[gateway.Field]any{
		"assessment_id": gateway.NewRef(), "basis": "OSL-HARM", "kind": "harm_test", "outcome": "release",
		"recipient": map[string]any{"agency": s.home, "roles": []gateway.Role{teamLead}}, "purpose": "EXIT_SUPPORT",
		"fields": []string{"transition_kind", "release_date", "support_needs"}, "valid_from": s.date(-1), "valid_to": s.date(30),
		"decided_by": map[string]any{"user": gateway.NewRef(), "role": probation, "agency": prison}, "grounds_text": Canary + " grounds",
	}); err != nil {
		return err
	}
	b, err := s.collect(ctx, s.town, teamLead)
	if err != nil {
		return err
	}
	if len(b.Messages) != 1 || b.Messages[0].Claims().ID != s.transition {
		return wrong("%d messages came after the decision, must be the one", len(b.Messages))
	}
	m := b.Messages[0]
	s.show(m, teamLead)
	if err := exactly(m,
		all("OSL-HARM", "transition_kind", "release_date", "support_needs", "probation_contact"),
		reasons(map[gateway.Reason][]gateway.Field{
			"BLK-PUB":     {"facility", "in_custody_threats", "security_category"},
			"BLK-STALE":   {"sanction_type", "conditions", "programme_participation"},
			"NO-DECISION": {"post_release_address", "health_followup_need"},
		})); err != nil {
		return err
	}
	s.say("the contact follows what it is about; security data of the prison never")
	return s.town.Ack(ctx, teamLead, m)
}

// consentWithdrawn: a withdrawal between sending and reading stops the release.
func (s *story) consentWithdrawn(ctx context.Context) error {
	s.scene("The police send a new assessment; before anybody collects it the person withdraws the consent")
	d, err := s.assessmentDraft()
	if err != nil {
		return err
	}
	r, err := s.send(ctx, s.police, d)
	if err != nil {
		return err
	}
	if _, err := s.state(ctx, s.town, socialWorker, "exit.consent_withdrawal", map[gateway.Field]any{"consent_id": s.consent, "withdrawn": true}); err != nil {
		return err
	}
	b, err := s.collect(ctx, s.town, socialWorker)
	if err != nil {
		return err
	}
	if len(b.Messages) != 0 {
		return wrong("%d messages were released on a withdrawn consent", len(b.Messages))
	}
	s.say("nothing is released")
	return s.heard(ctx, s.town, socialWorker, envelope.ReleaseRefused, r.ID)
}

// senderSees: the sender of the assessment can tell what left of it.
func (s *story) senderSees(ctx context.Context) error {
	s.scene("The police look up what left of their first assessment, for whom and on which basis")
	list, err := s.police.Disclosures(ctx, s.assessment)
	if err != nil {
		return err
	}
	if len(list) != 1 || list[0].Kind != disclosure.Release || list[0].Recipient != s.home || len(list[0].Allowed) != 8 {
		return wrong("the sender is shown %d disclosures, must be the one release of 8 fields to %s", len(list), s.home)
	}
	s.say("entry %-4d to %s as %s: %d fields, proven against the log's checkpoint", list[0].Entry, list[0].Recipient, list[0].Role, len(list[0].Allowed))
	return nil
}

// logHolds: the log verifies, and one altered byte shows.
func (s *story) logHolds(ctx context.Context) error {
	s.scene("The gateway stops; an auditor verifies the whole log offline, then one byte of it is altered")
	if err := s.w.Stop(); err != nil {
		return err
	}
	ctl := filepath.Join(filepath.Dir(s.w.Binary), "gatewayctl")
	data, pins := filepath.Join(s.w.Dir, "gateway", "data"), filepath.Join(s.w.Dir, "gateway", "pins.json")
	verify := func() (string, error) {
		out, err := exec.CommandContext(ctx, ctl, "log", "verify", "--pins", pins, data).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	out, err := verify()
	if err != nil {
		return fmt.Errorf("verifying the log: %w: %s", err, out)
	}
	s.say("%s", lastLine(out))
	if err := alter(filepath.Join(data, "sluss.db")); err != nil {
		return err
	}
	out, err = verify()
	if err == nil || !strings.Contains(out, "entry "+strconv.FormatUint(s.released, 10)) {
		return wrong("a byte of entry %d was altered, and the verification says: %s", s.released, out)
	}
	finding, _, _ := strings.Cut(out, "\n")
	s.say("after one byte was altered: %s", finding)
	return nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// alter changes one character within the public part of an entry, where it
// lies in the database file: a basis that was recorded becomes another.
func alter(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const was, becomes = `"risk_level":"OSL-12-2"`, `"risk_level":"OSL-12-3"`
	i := strings.Index(string(raw), was)
	if i < 0 {
		return wrong("no entry of the release is in %s", filepath.Base(path))
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(becomes), int64(i)); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
