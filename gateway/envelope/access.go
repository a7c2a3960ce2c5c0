package envelope

import (
	"fmt"
	"regexp"
	"time"

	"sluss/gateway"
)

// TypAccess is the "typ" of an access request.
const TypAccess = "access-request+jwt"

// Access is an access request: which official asks, in which role, for what
// (domain.md 15.1). It is signed with an access key of the official's system and bound
// to the client certificate of the connection (RFC 8705).
type Access struct {
	Gateway      gateway.ID        // aud
	Certificate  gateway.Digest    // cnf.x5t#S256
	ID           gateway.MessageID // jti, used once
	IssuedAt     time.Time         // iat
	Agency       gateway.AgencyID  // iss
	Role         gateway.Role
	User         gateway.Ref
	Unit         string // a code, never a name; "" (null) if none
	Purpose      gateway.Purpose
	Type         gateway.MessageType
	Subject      gateway.Ref       // "" (null) where a type is about nobody
	Discloser    gateway.AgencyID  // whom a request asks; "" when reading one message
	Message      gateway.MessageID // the message to read; "" in a request
	Fields       []string
	BasisClaimed []gateway.Basis
	Reason       *Reason
	OnScene      bool
	Emergency    *Emergency
}

// Emergency is what break-glass needs besides (domain.md, Section 18).
type Emergency struct {
	ThreatToLife    bool
	DiaryNo         string // "" (null) if none
	Reauthenticated bool
	RequestedAt     time.Time
	Operation       string            // "" if none
	Confirms        gateway.MessageID // jti of the request that this one confirms as second person; "" if none
}

// accessClaims is the payload of an access request, in its order. What does
// not apply is null, so that the form is always the same.
type accessClaims struct {
	Issuer       string              `json:"iss"`
	Audience     gateway.ID          `json:"aud"`
	ID           gateway.MessageID   `json:"jti"`
	IssuedAt     int64               `json:"iat"`
	Confirmation certificateClaims   `json:"cnf"`
	Role         gateway.Role        `json:"role"`
	User         gateway.Ref         `json:"user"`
	Unit         *string             `json:"unit"`
	Purpose      gateway.Purpose     `json:"purpose"`
	Type         gateway.MessageType `json:"type"`
	Subject      *gateway.Ref        `json:"subject"`
	Discloser    *string             `json:"discloser"`
	Message      *gateway.MessageID  `json:"message"`
	Fields       []string            `json:"fields"`
	BasisClaimed []gateway.Basis     `json:"basis_claimed"`
	Reason       *Reason             `json:"reason"`
	OnScene      bool                `json:"on_scene"`
	Emergency    *emergencyClaims    `json:"emergency"`
}

type certificateClaims struct {
	Thumbprint gateway.Digest `json:"x5t#S256"`
}

type emergencyClaims struct {
	ThreatToLife    bool               `json:"threat_to_life"`
	DiaryNo         *string            `json:"diary_no"`
	Reauthenticated bool               `json:"reauthenticated"`
	RequestedAt     int64              `json:"requested_at"`
	Operation       *string            `json:"operation"`
	Confirms        *gateway.MessageID `json:"confirms"`
}

// orNull returns nil for "".
func orNull[T ~string](s T) *T {
	if s == "" {
		return nil
	}
	return &s
}

// SignAccess signs a with an access key of a.Agency. What [OpenAccess] would
// not accept is ErrMalformed.
func SignAccess(a Access, s *Signer) (string, error) {
	c := accessClaims{
		Issuer: a.Agency.URN(), Audience: a.Gateway, ID: a.ID, IssuedAt: a.IssuedAt.Unix(),
		Confirmation: certificateClaims{a.Certificate},
		Role:         a.Role, User: a.User, Unit: orNull(a.Unit), Purpose: a.Purpose, Type: a.Type,
		Subject: orNull(a.Subject), Message: orNull(a.Message),
		Fields: a.Fields, BasisClaimed: a.BasisClaimed, Reason: a.Reason, OnScene: a.OnScene,
	}
	if a.Discloser != "" {
		c.Discloser = orNull(a.Discloser.URN())
	}
	if c.Fields == nil {
		c.Fields = []string{}
	}
	if c.BasisClaimed == nil {
		c.BasisClaimed = []gateway.Basis{}
	}
	if e := a.Emergency; e != nil {
		c.Emergency = &emergencyClaims{
			ThreatToLife: e.ThreatToLife, DiaryNo: orNull(e.DiaryNo), Reauthenticated: e.Reauthenticated,
			RequestedAt: e.RequestedAt.Unix(), Operation: orNull(e.Operation), Confirms: orNull(e.Confirms),
		}
	}
	return signChecked(TypAccess, c, s, readAccess)
}

// signChecked signs claims after reading them as a recipient would.
func signChecked[T any](typ string, claims any, s *Signer, read func(*object) T) (string, error) {
	payload, err := payloadOf(claims)
	if err != nil {
		return "", err
	}
	v, err := parseJSON(payload)
	if err != nil {
		return "", err
	}
	o := v.object("claims")
	read(o)
	if err := o.done(); err != nil {
		return "", err
	}
	return SignJWT(typ, payload, s)
}

// OpenAccess verifies an access request with the key that it names, as
// registered at now, and its age. Errors are [gateway.Refusal]. The caller
// compares gateway, certificate and agency with its own, and uses the ID up.
func OpenAccess(raw string, keys Keys, now time.Time) (Access, error) {
	t, err := parseJWS(raw)
	if err != nil {
		return Access{}, refuse(err)
	}
	a, err := t.access()
	if err != nil {
		return Access{}, refuse(err)
	}
	if err := t.verifyWith(keys, TypAccess, a.Agency.URN(), string(a.Gateway), now); err != nil {
		return Access{}, refuse(err)
	}
	switch {
	case a.IssuedAt.After(now.Add(Skew)):
		return Access{}, refuse(ErrFuture)
	case now.Sub(a.IssuedAt) > MaxAccess:
		return Access{}, refuse(ErrStale)
	}
	return a, nil
}

// ReopenAccess returns an access request that [OpenAccess] has accepted before:
// a text that has the digest recorded then. Another text is ErrSignature.
func ReopenAccess(raw string, digest gateway.Digest) (Access, error) {
	if gateway.DigestOf([]byte(raw)) != digest {
		return Access{}, fmt.Errorf("%w: not the text that was opened", ErrSignature)
	}
	t, err := parseJWS(raw)
	if err != nil {
		return Access{}, err
	}
	return t.access()
}

func (t *jws) access() (Access, error) {
	o := t.claims.object("access request")
	a := readAccess(o)
	if err := o.done(); err != nil {
		return Access{}, err
	}
	return a, nil
}

func readAccess(o *object) Access {
	a := Access{
		Agency:       parsed(o, "iss", gateway.ParseAgencyURN),
		Gateway:      parsed(o, "aud", gateway.ParseID),
		ID:           parsed(o, "jti", gateway.ParseMessageID),
		IssuedAt:     o.time("iat"),
		Role:         gateway.Role(o.word("role")),
		User:         parsed(o, "user", gateway.ParseRef),
		Unit:         zero(parsedOrNull(o, "unit", parseWord)),
		Purpose:      gateway.Purpose(o.word("purpose")),
		Type:         gateway.MessageType(o.word("type")),
		Fields:       o.words("fields"),
		BasisClaimed: typed[gateway.Basis](o.words("basis_claimed")),
		Reason:       readReason(o),
		OnScene:      o.boolean("on_scene"),
	}
	cnf := o.object("cnf")
	a.Certificate = parsed(cnf, "x5t#S256", gateway.ParseDigest)
	o.join(cnf)
	a.Subject = zero(parsedOrNull(o, "subject", gateway.ParseRef))
	a.Discloser = zero(parsedOrNull(o, "discloser", gateway.ParseAgencyURN))
	a.Message = zero(parsedOrNull(o, "message", gateway.ParseMessageID))
	if !o.null("emergency") {
		e := o.object("emergency")
		a.Emergency = readEmergency(e)
		o.join(e)
	}
	return a
}

func readEmergency(o *object) *Emergency {
	return &Emergency{
		ThreatToLife:    o.boolean("threat_to_life"),
		DiaryNo:         zero(parsedOrNull(o, "diary_no", isDiary)),
		Reauthenticated: o.boolean("reauthenticated"),
		RequestedAt:     o.time("requested_at"),
		Operation:       zero(parsedOrNull(o, "operation", parseWord)),
		Confirms:        zero(parsedOrNull(o, "confirms", gateway.ParseMessageID)),
	}
}

// diary is the form of diary numbers of the authorities: "5000-K1234-26".
var diary = regexp.MustCompile(`^[\pL0-9][\pL0-9 ./:_-]{0,63}$`)

func isDiary(s string) (string, error) {
	if !diary.MatchString(s) {
		return "", ErrMalformed
	}
	return s, nil
}

// zero returns the zero value for nil.
func zero[T any](p *T) (t T) {
	if p == nil {
		return t
	}
	return *p
}
