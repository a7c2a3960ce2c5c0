package exchange

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/envelope"
	"sluss/gateway/relay"
	"sluss/gateway/store"
)

// The obligations that alert somebody (domain, Section 16.7).
const (
	alertCaseOwner  gateway.Obligation = "alert_case_owner"
	alertSupervisor gateway.Obligation = "alert_supervisor"
	alertSecurity   gateway.Obligation = "alert_security"
	revokeOpenLinks gateway.Obligation = "revoke_open_links"
	recallNotice    gateway.Obligation = "recall_notice"
)

// alarms are the obligations that alert somebody, each with its place in the last
// byte of a fingerprint. Fingerprints lie in mailboxes: a new one goes last.
var alarms = []gateway.Obligation{alertCaseOwner, alertSupervisor, alertSecurity, revokeOpenLinks, recallNotice}

// alert is what somebody is told of an outcome without data: no value, and of
// persons only references that whoever is told has already.
type alert struct {
	Obligation gateway.Obligation  `json:"obligation"`
	Code       gateway.Reason      `json:"code,omitempty"` // not of recall_notice: why else nothing leaves is not the sender's to know
	Type       gateway.MessageType `json:"type"`
	Subject    gateway.Ref         `json:"subject,omitempty"`
	Recipient  string              `json:"recipient"` // who would have got it, in which role
	Role       gateway.Role        `json:"role"`
	User       gateway.Ref         `json:"user,omitempty"` // told to the user's own agency alone
}

// alarm is what a ruling's alerts are made of: a message, or a request.
type alarm struct {
	about     gateway.MessageID
	discloser relay.Box // the function that sent, or would answer
	actor     gateway.AgencyID
	alert     alert
}

// alarmed returns the obligations of the ruling that alert somebody. Of somebody
// who is not on record for who asks nobody is told, not even that a consent is
// withdrawn: a notice would tell that something lies there.
func (r ruling) alarmed() []gateway.Obligation {
	if r.decision.Outcome() == gateway.NoRecord {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(alarms), func(o gateway.Obligation) bool {
		return !slices.Contains(r.decision.Obligations(), o) || o == revokeOpenLinks && !r.revokes()
	})
}

// alarmByte holds a bit for each alert of the ruling.
func (r ruling) alarmByte() byte {
	var out byte
	for _, o := range r.alarmed() {
		out |= 1 << slices.Index(alarms, o)
	}
	return out
}

// alerted reports whether somebody was alerted already when the item was decided
// the last time: the question is asked again with each poll.
func alerted(item *store.Mail, o gateway.Obligation) bool {
	return item != nil && len(item.Hold) == fingerprintLen+1 && item.Hold[fingerprintLen]&(1<<slices.Index(alarms, o)) != 0
}

// alerts returns the notices of a ruling on a message. A recall and the end of
// what is open are matters of the message in its mailbox; with a task that an
// official is the first to cause (told is false) the mailbox counts it as told,
// and so it is. All else is also told when an official reads, each time anew: an
// official asks with an access request, for which that person answers.
func (x *Exchange) alerts(h handout, r ruling, told bool) ([]store.Mail, error) {
	claims := h.msg.Claims()
	var due []gateway.Obligation
	for _, o := range r.alarmed() {
		mailbox := h.item != nil || o == recallNotice && r.tasked() != noTask && !told
		if !alerted(h.item, o) && (mailbox || o != revokeOpenLinks && o != recallNotice) {
			due = append(due, o)
		}
	}
	return x.alarm(r, due, alarm{about: claims.ID, discloser: relay.Box{Agency: claims.Issuer, Role: claims.FromRole}, actor: h.peer.Agency(),
		alert: alert{Type: claims.Type, Subject: claims.Subject, Recipient: claims.Audience, Role: h.role}})
}

// requestAlerts returns the notices of a ruling on a request. Before the person
// was looked at the discloser is told that somebody asked, and not about whom: it
// may be somebody it must not know of.
func (x *Exchange) requestAlerts(a envelope.Access, r ruling, senders []gateway.Role) ([]store.Mail, error) {
	about := alert{Type: a.Type, Subject: a.Subject, Recipient: a.Agency.URN(), Role: a.Role}
	if r.decision.StageNumber() <= personStage {
		about.Subject = ""
	}
	due := slices.DeleteFunc(r.alarmed(), func(o gateway.Obligation) bool { return o == revokeOpenLinks || o == recallNotice })
	return x.alarm(r, due, alarm{about: a.ID, discloser: relay.Box{Agency: a.Discloser, Role: senders[0]}, actor: a.Agency, alert: about})
}

// alarm makes the notices, each for the function that the obligation is for.
//
//   - The case owner is the function that decides at the discloser, as of a task:
//     a guardian who is a threat, a provider that lost its approval, are matters of
//     the case.
//   - The list of roles has no supervisor. A conflict of interest is looked into by
//     the legal officer of the agency whose user has it: what is known of it is that
//     agency's, and nobody else is told whose user it is. About whom is in the log.
//   - Security is the personal security officer at the police, whose are the links
//     between identities (only that role may have them); elsewhere no role has
//     security for its task, and the legal officer answers for secrecy.
//   - The sender is told that what waited for the provider is ended, and is asked to
//     recall.
func (x *Exchange) alarm(r ruling, due []gateway.Obligation, of alarm) ([]store.Mail, error) {
	var out []store.Mail
	for _, o := range due {
		box, a := of.discloser, of.alert
		a.Obligation, a.Code = o, r.decision.Reason()
		switch o {
		case alertCaseOwner:
			box.Role = r.decider(box.Agency, box.Role)
		case alertSupervisor:
			box = relay.Box{Agency: of.actor, Role: legalOfficer}
			a.Subject, a.User = "", r.question.Actor.User
		case alertSecurity:
			box.Role = legalOfficer
			if r.question.Discloser.Agency.Kind() == gateway.Police {
				box.Role = personalSecurity
			}
		case recallNotice:
			a.Code = ""
		}
		notice, err := x.cfg.Mail.Notice(box, envelope.Alert, of.about, a)
		if err != nil {
			return nil, err
		}
		out = append(out, notice)
	}
	return out, nil
}

// personalSecurity is the role of the police that protects persons.
const personalSecurity gateway.Role = "police.personal_security_officer"

// revokes reports whether the recipient loses what waits for it: a provider that
// is revoked or past its approval. Of one that nobody has vetted yet the policy
// says the same, as it does whenever it does not know; what waits for that one is
// held, for it may still be approved.
func (r ruling) revokes() bool {
	return slices.Contains(r.decision.Obligations(), revokeOpenLinks) && slices.ContainsFunc(r.known.Versions(), func(s store.State) bool {
		return s.Version > 0 && strings.HasPrefix(s.Name, "provider:")
	})
}

// revokeOpen ends what waits in the mailboxes of a system of a provider that was
// found to be revoked, each item by a decision of its own: one that would be
// released is left alone. What is left over ends when the provider polls; until
// then nothing of it leaves.
func (x *Exchange) revokeOpen(ctx context.Context, p authn.Peer) {
	regime, err := x.InForce()
	if err != nil {
		return // nothing leaves either
	}
	for _, role := range p.Roles() {
		for _, name := range regime.names(p.Agency(), x.cfg.Now()) {
			if err := x.revokeBox(ctx, p, relay.Box{Agency: name, Role: role}); err != nil {
				x.cfg.Logger.ErrorContext(ctx, "mailbox of a revoked provider not ended", "err", err)
				return
			}
		}
	}
}

func (x *Exchange) revokeBox(ctx context.Context, p authn.Peer, box relay.Box) error {
	items, _, done, err := x.cfg.Mail.Waiting(ctx, box, inspected)
	defer done()
	if err != nil {
		return err
	}
	for _, item := range items {
		if item.Message == "" {
			continue
		}
		h, err := x.lying(ctx, p, item)
		if err != nil {
			return err
		}
		r, err := x.look(ctx, h)
		if err != nil {
			return err
		}
		if _, compromised := r.regime.Directory.Compromised(h.msg.KeyID()); compromised || !r.revokes() {
			continue
		}
		if err := x.hold(ctx, h, r); err != nil && !errors.Is(err, store.ErrMoved) {
			return err
		}
	}
	return nil
}
