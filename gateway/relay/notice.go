package relay

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/store"
)

// noticeLife is how long a notice waits to be fetched.
const noticeLife = 30 * 24 * time.Hour

// Notice returns a mailbox item that tells box of an event, signed by the
// gateway. about is the message it concerns, "" for none; claims may be nil.
func (r *Relay) Notice(box Box, event envelope.EventType, about gateway.MessageID, claims any) (store.Mail, error) {
	body, err := json.Marshal(claims)
	if claims == nil {
		body = nil
	}
	if err != nil {
		return store.Mail{}, fmt.Errorf("encoding notice: %w", err)
	}
	id, err := NewMessageID()
	if err != nil {
		return store.Mail{}, err
	}
	now := r.cfg.Now()
	set, err := envelope.SignEvent(envelope.Event{
		Issuer: string(r.cfg.Gateway), Audience: box.Agency.URN(), ID: id, IssuedAt: now,
		Message: about, Type: event, Claims: body,
	}, r.cfg.Signer)
	if err != nil {
		return store.Mail{}, fmt.Errorf("signing notice: %w", err)
	}
	return forward(box, id, set, now), nil
}

// forward puts a token that somebody signed into a mailbox.
func forward(box Box, id gateway.MessageID, set string, now time.Time) store.Mail {
	return store.Mail{Agency: box.Agency, Role: box.Role, Notice: []byte(set), NoticeID: string(id),
		Expires: now.Add(noticeLife), State: store.Waiting}
}

// NewMessageID returns a fresh identifier: a version 7 UUID as a URN.
func NewMessageID() (gateway.MessageID, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("making an identifier: %w", err)
	}
	return gateway.MessageID(u.URN()), nil
}
