package relay

import (
	"encoding/json"
	"slices"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/store"
)

// heldForReview in a notice's Hold says that it is a review of break-glass: it
// ends with the outcome and with nothing less (domain, Section 18).
const heldForReview = "review"

// Review makes a notice one that is acknowledged with the outcome of a review.
func Review(notice store.Mail) store.Mail {
	notice.Hold = []byte(heldForReview)
	return notice
}

// reviewOutcomes are what a review of break-glass comes to.
var reviewOutcomes = []string{"justified", "not_justified", "incident"}

// reviewed adds to the write that ends a review its entry: the reviewing
// agency's signed word on what it came to. One that came to an incident has a
// second entry, for those who look for incidents.
func (r *Relay) reviewed(w *store.Write, item store.Mail, received string) error {
	now := r.cfg.Now()
	task, err := envelope.OpenEvent(string(item.Notice), r.cfg.Keys(), item.Agency.URN(), now)
	if err != nil {
		return err // a row that this gateway did not write
	}
	var about struct {
		Type    gateway.MessageType `json:"type"`
		Subject gateway.Ref         `json:"subject"`
	}
	if err := json.Unmarshal(task.Claims, &about); err != nil {
		return err
	}
	event, err := envelope.OpenEvent(received, r.cfg.Keys(), string(r.cfg.Gateway), now)
	var said struct {
		Outcome string      `json:"outcome"`
		By      gateway.Ref `json:"reviewed_by"`
	}
	if err == nil {
		err = json.Unmarshal(event.Claims, &said)
	}
	if err == nil {
		_, err = gateway.ParseRef(string(said.By))
	}
	if err != nil || event.Type != envelope.EmergencyReviewed || event.Issuer != item.Agency.URN() || event.Message != task.Message ||
		!slices.Contains(reviewOutcomes, said.Outcome) {
		return gateway.Refuse(gateway.CodeMalformedRequest, "a review of break-glass is acknowledged with the reviewing agency's signed outcome in received: "+
			string(envelope.EmergencyReviewed), err)
	}
	e1 := disclosure.E1{Kind: disclosure.Reviewed, Time: disclosure.At(now), Message: task.Message, Recipient: item.Agency, Type: about.Type,
		Role: item.Role, Event: event.ID, Code: gateway.Code(said.Outcome), Follows: []uint64{item.Entry}}
	e2 := disclosure.E2{Retention: disclosure.Long, Subject: about.Subject, Actor: &disclosure.Actor{Agency: item.Agency, Role: item.Role, User: said.By}}
	kinds := []disclosure.Kind{disclosure.Reviewed}
	if said.Outcome == "incident" {
		kinds = append(kinds, disclosure.Incident)
	}
	for _, kind := range kinds {
		e1.Kind = kind
		entry, err := disclosure.NewEntry(e1, e2, r.cfg.Sealer)
		if err != nil {
			return err
		}
		w.Entries = append(w.Entries, entry)
	}
	return nil
}
