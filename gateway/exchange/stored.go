package exchange

import (
	"context"
	"crypto/hmac"
	"fmt"
	"strings"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/recovery"
	"sluss/gateway/store"
)

// StoredToken returns what a check of the database needs to open a stored
// message: the digest of the token in it, and the functions it is addressed to,
// of which a request has none.
func StoredToken(rest AtRest) func(store.Message) (gateway.Digest, []gateway.Role, error) {
	return func(m store.Message) (gateway.Digest, []gateway.Role, error) {
		raw, err := rest.Decrypt(m.Key, m.Body, StoredAAD(m))
		if err != nil {
			return gateway.Digest{}, nil, err
		}
		msg, err := envelope.Reopen(raw, m.Digest)
		if err != nil { // an access request, or another token than was sent
			return gateway.DigestOf(raw), nil, nil
		}
		return gateway.DigestOf(raw), msg.Claims().ToRoles, nil
	}
}

// StoredAAD binds the content of a stored message to its row: to all that is read
// from the row where the content is not opened.
func StoredAAD(m store.Message) []byte {
	return fmt.Appendf(nil, "message\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%d\x00%d", m.Issuer, m.ID, m.Digest, m.To, m.Sender, m.Type,
		m.Subject, m.Issued.UnixMilli(), m.Expires.UnixMilli())
}

// StoredState returns what a check of the database needs to verify a state:
// the versions of directory and policy and the released tables here, all others
// by their statements.
func StoredState(rest AtRest, db Store, register interface {
	Authentic(context.Context, store.State) error
}) func(context.Context, store.State) error {
	x := &Exchange{cfg: Config{AtRest: rest, Store: db}}
	return func(ctx context.Context, s store.State) error {
		if strings.HasPrefix(s.Name, stateTables) {
			return x.storedTables(ctx, s)
		}
		if s.Name == recovery.StateName {
			if !hmac.Equal(s.MAC, recovery.Sign(rest, s)) {
				return fmt.Errorf("%w: %s", ErrState, s.Name)
			}
			return nil
		}
		if s.Name != DirectoryInForce && s.Name != PolicyInForce {
			return register.Authentic(ctx, s)
		}
		d, err := db.Document(ctx, s.Name)
		if err == nil && (!hmac.Equal(s.MAC, x.mac(s)) || d.Version != s.Version) {
			err = fmt.Errorf("%w: %s", ErrState, s.Name)
		}
		return err
	}
}

// headed is the row of a message without its body.
func headed(msg envelope.Message) *store.Message {
	c := msg.Claims()
	return &store.Message{Issuer: c.Issuer, ID: c.ID, Digest: msg.Digest(), To: c.Recipient(), Sender: c.FromRole,
		Type: c.Type, Subject: c.Subject, Issued: c.IssuedAt, Expires: c.Expires}
}
