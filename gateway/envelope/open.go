package envelope

import (
	"errors"
	"fmt"
	"time"

	"sluss/gateway"
)

// Open verifies raw, a message as submitted, with the key that it names as
// registered at now. Errors are [gateway.Refusal] with the codes of step 2.
// Open compares neither issuer nor gateway with anyone: who calls it knows the
// peer and its own name. It keeps raw, which must not be changed afterwards.
func Open(raw []byte, keys Keys, now time.Time) (Message, error) {
	m, err := open(raw, keys, now)
	if err != nil {
		return Message{}, refuse(err)
	}
	return m, nil
}

// Reopen returns a message that [Open] has accepted before: bytes that have the
// digest recorded then. Form is checked again, signature and times are not.
// Other bytes are ErrSignature.
func Reopen(raw []byte, digest gateway.Digest) (Message, error) {
	if gateway.DigestOf(raw) != digest {
		return Message{}, fmt.Errorf("%w: not the bytes that were opened", ErrSignature)
	}
	return parseMessage(raw, digest)
}

func open(raw []byte, keys Keys, now time.Time) (Message, error) {
	m, err := parseMessage(raw, gateway.DigestOf(raw))
	if err != nil {
		return Message{}, err
	}
	if err := m.token.jws.verifyWith(keys, TypMessage, m.claims.Issuer.URN(), m.claims.Audience, now); err != nil {
		return Message{}, err
	}
	if err := m.claims.check(now, MaxAge); err != nil {
		return Message{}, err
	}
	return m, nil
}

// check judges the times of a message at the given time: design limits on age
// and life, and the clock of another party.
func (c Claims) check(at time.Time, age time.Duration) error {
	switch {
	case c.IssuedAt.After(at.Add(Skew)):
		return ErrFuture
	case age > 0 && at.Sub(c.IssuedAt) > age:
		return ErrStale
	case !c.Expires.After(c.IssuedAt), c.Expires.Sub(c.IssuedAt) > MaxLife, !at.Before(c.Expires):
		return ErrExpired
	}
	return nil
}

// codes maps the errors of this package to the codes of refusals, the first
// that fits; what is not listed is malformed.
var codes = []struct {
	err    error
	code   gateway.Code
	detail string
}{
	{ErrTooLarge, gateway.CodeTooLarge, "the token is over a size or count limit"},
	{ErrUnsealed, gateway.CodeNotSealed, "a sealed field is disclosed in clear"},
	{ErrSealing, gateway.CodeSealing, "a sealed field or key bundle is not of the fixed form"},
	{ErrHeader, gateway.CodeHeader, "the header may hold alg, typ and kid only"},
	{ErrType, gateway.CodeType, "typ is not the one of this endpoint"},
	{ErrKey, gateway.CodeUnknownKey, "kid is not a key of the issuer for this use at this time"},
	{ErrSignature, gateway.CodeSignature, "the ES256 signature does not verify"},
	{ErrAudience, gateway.CodeAudience, "aud is not who it must be"},
	{ErrGateway, gateway.CodeGateway, "another gateway is named"},
	{ErrStale, gateway.CodeStale, "iat is too long ago"},
	{ErrFuture, gateway.CodeFuture, "iat is ahead of the gateway's clock"},
	{ErrExpired, gateway.CodeExpired, "exp has passed or is further away than allowed"},
	{ErrMalformed, gateway.CodeMalformed, "not a token of the message profile"},
}

// refuse makes an error of this package the gateway's decision.
func refuse(err error) *gateway.Refusal {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return gateway.Refuse(c.code, c.detail, err)
		}
	}
	return gateway.Refuse(gateway.CodeMalformed, "not a token of the message profile", err)
}
