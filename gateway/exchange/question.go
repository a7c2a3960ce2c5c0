package exchange

import (
	"encoding/json"
	"fmt"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/facts"
)

// question says what is to be decided about a message. Sent unasked, purpose,
// bases, fields and reason are the sender's, also for an official who reads it
// (domain, Section 15.1). What was asked for in a request is decided as the
// request says. An alias is nobody to the policy: it looks at who acts under it.
func (x *Exchange) question(h handout, r *Regime, now time.Time) (facts.Question, error) {
	claims, gate := h.msg.Claims(), h.msg.Gate()
	q := facts.Question{
		Actor:      facts.Actor{Agency: h.peer.Agency(), Role: h.role, Function: h.official.IsZero()},
		Discloser:  facts.Discloser{Agency: r.owner(claims.Issuer, now), Role: claims.FromRole},
		Type:       claims.Type,
		Purpose:    claims.Purpose,
		Initiative: gateway.ByDiscloser,
		Subject:    claims.Subject,
		Fields:     fields(gate.Fields),
		Claimed:    gate.BasisClaimed,
		About:      gate.About,
		Marking:    facts.Marking(gate.Marking),
		Urgency:    gate.Urgency,
		QueuedAt:   claims.IssuedAt,
		// The caller is registered, or there would be no peer; the sender was
		// when the message was taken in.
		AgenciesKnown: true,
		LogAvailable:  true, // or nothing can be committed
	}
	reason(&q, gate.Reason)
	if h.answers != nil {
		asked(&q, h.answers.Access)
		if q.Emergency != nil { // when it was granted, and who confirmed it, the register knows
			q.Emergency.Request, q.Emergency.TakenIn = h.answers.ID, h.answers.takenIn
		}
	}
	if !h.official.IsZero() {
		q.Actor.User, q.Actor.Function = h.official.Access().User, false
	}
	return q, values(&q, h.msg)
}

// asked makes q the question of a request. The time that it says itself counts
// for nothing.
func asked(q *facts.Question, a envelope.Access) {
	q.Initiative, q.Purpose, q.QueuedAt = gateway.ByActor, a.Purpose, time.Time{}
	q.Fields, q.Claimed, q.OnScene = fields(a.Fields), a.BasisClaimed, a.OnScene
	q.Actor.User, q.Actor.Function = a.User, false
	q.Reason, q.ReasonLen = "", 0
	reason(q, a.Reason)
	if e := a.Emergency; e != nil {
		q.Emergency = &facts.Emergency{ThreatToLife: e.ThreatToLife, DiaryNo: e.DiaryNo, Reauthenticated: e.Reauthenticated, Operation: e.Operation}
	}
}

func reason(q *facts.Question, r *envelope.Reason) {
	if r != nil {
		q.Reason, q.ReasonLen = r.Code, r.Length
	}
}

func fields(names []string) []gateway.Field {
	out := make([]gateway.Field, len(names))
	for i, n := range names {
		out[i] = gateway.Field(n)
	}
	return out
}

// values copies the unsealed values that the policy may look at.
func values(q *facts.Question, msg envelope.Message) error {
	places := map[gateway.MessageType]map[gateway.Field]*string{
		"exit.relocation":          {"transfer_status": &q.Values.TransferStatus},
		"exit.health_coordination": {"request_kind": &q.Values.RequestKind},
		"exit.child_concern":       {"report_kind": &q.Values.ReportKind},
	}
	var validUntil string
	places["exit.threat_assessment"] = map[gateway.Field]*string{"valid_until": &validUntil}
	for _, f := range msg.Fields() {
		place := places[q.Type][f.Name]
		if place == nil || f.Value == nil {
			continue
		}
		if err := json.Unmarshal(f.Value, place); err != nil {
			return fmt.Errorf("reading %s: not a string", f.Name)
		}
	}
	if validUntil == "" {
		return nil
	}
	day, err := facts.ParseDate(validUntil)
	q.ValidUntil = day
	return err
}
