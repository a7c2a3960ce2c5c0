package relay

import (
	"crypto/hmac"
	"encoding/binary"
	"encoding/json"
	"errors"
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
	return r.forward(box, id, set, now), nil
}

// forward puts a token that somebody signed into a mailbox, with a code by which
// it is known to belong there: a notice has no entry that says so.
func (r *Relay) forward(box Box, id gateway.MessageID, set string, now time.Time) store.Mail {
	m := store.Mail{Agency: box.Agency, Role: box.Role, Notice: []byte(set), NoticeID: string(id),
		Expires: now.Add(noticeLife).Truncate(time.Millisecond), State: store.Waiting}
	m.Token = code(r.cfg.Sealer, m)
	return m
}

// code authenticates a notice and the mailbox that it lies in.
func code(k Authenticator, m store.Mail) gateway.Digest {
	return gateway.Digest(k.MAC("notice", []byte(m.Agency), []byte(m.Role), []byte(m.NoticeID), m.Notice,
		binary.BigEndian.AppendUint64(nil, uint64(m.Expires.UnixMilli()))))
}

// ErrNotice says that a notice was not put into this mailbox by a gateway.
var ErrNotice = errors.New("relay: notice is not authentic")

// Genuine returns [ErrNotice] for a notice that no gateway put where it lies, so
// that nothing of it may leave.
func (r *Relay) Genuine(m store.Mail) error { return StoredNotice(r.cfg.Sealer)(m) }

// StoredNotice returns what a check of the database needs to verify a notice.
func StoredNotice(k Authenticator) func(store.Mail) error {
	return func(m store.Mail) error {
		if want := code(k, m); !hmac.Equal(want[:], m.Token[:]) {
			return ErrNotice
		}
		return nil
	}
}

// NewMessageID returns a fresh identifier: a version 7 UUID as a URN.
func NewMessageID() (gateway.MessageID, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("making an identifier: %w", err)
	}
	return gateway.MessageID(u.URN()), nil
}
