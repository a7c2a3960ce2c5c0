package envelope

import (
	"fmt"
	"time"

	"sluss/gateway"
)

// TypStatement is the "typ" of a directory statement.
const TypStatement = "directory-statement+jwt"

// Status of what a directory statement is about.
type Status string

// The statuses.
const (
	Active      Status = "active"
	Retired     Status = "retired"     // no longer used; what it signed stands
	Compromised Status = "compromised" // nothing of it stands
)

// Statement is what an agency, or a gateway, says of itself in the directory:
// exactly one of Key, System and Alias.
type Statement struct {
	Issuer    string    // iss: URN of an agency or a gateway
	Seq       int64     // rises with each statement about the same thing
	IssuedAt  time.Time // iat
	NotBefore time.Time // nbf
	Expires   time.Time // exp
	Status    Status
	Since     time.Time // when the status began
	Key       *KeyItem
	System    *SystemItem
	Alias     gateway.AgencyID
}

// KeyItem gives a key one use, for the roles that it may assert or open.
type KeyItem struct {
	Use   Use
	Key   PublicKey
	Roles []gateway.Role // empty: no role needed for the use
}

// SystemItem registers a system by the URI of its certificate.
type SystemItem struct {
	URI   string
	Roles []gateway.Role
}

type statementClaims struct {
	Issuer    string        `json:"iss"`
	Seq       int64         `json:"seq"`
	IssuedAt  int64         `json:"iat"`
	NotBefore int64         `json:"nbf"`
	Expires   int64         `json:"exp"`
	Status    Status        `json:"status"`
	Since     int64         `json:"since"`
	Key       *keyClaims    `json:"key,omitempty"`
	System    *systemClaims `json:"system,omitempty"`
	Alias     string        `json:"alias,omitempty"`
}

type keyClaims struct {
	Use   Use            `json:"use"`
	Key   PublicKey      `json:"jwk"`
	Roles []gateway.Role `json:"roles"`
}

type systemClaims struct {
	URI   string         `json:"uri"`
	Roles []gateway.Role `json:"roles"`
}

// SignStatement signs st with a control key of its issuer; the statement of
// the first control key is signed by itself. What [VerifyStatement] would not
// accept is ErrMalformed.
func SignStatement(st Statement, s *Signer) (string, error) {
	c := statementClaims{
		Issuer: st.Issuer, Seq: st.Seq, IssuedAt: st.IssuedAt.Unix(), NotBefore: st.NotBefore.Unix(),
		Expires: st.Expires.Unix(), Status: st.Status, Since: st.Since.Unix(),
	}
	if k := st.Key; k != nil {
		c.Key = &keyClaims{k.Use, k.Key, append([]gateway.Role{}, k.Roles...)}
	}
	if y := st.System; y != nil {
		c.System = &systemClaims{y.URI, append([]gateway.Role{}, y.Roles...)}
	}
	if st.Alias != "" {
		c.Alias = st.Alias.URN()
	}
	return signChecked(TypStatement, c, s, readStatement)
}

// VerifyStatement verifies a statement with key. Times and sequence are the
// directory's to judge.
func VerifyStatement(raw string, key PublicKey) (Statement, error) {
	return verifyRead(raw, TypStatement, key, readStatement)
}

// verifyRead verifies a JWT and reads its claims.
func verifyRead[T any](raw, typ string, key PublicKey, read func(*object) T) (T, error) {
	var none T
	t, err := parseJWS(raw)
	if err != nil {
		return none, err
	}
	if err := t.verifyAs(typ, key); err != nil {
		return none, err
	}
	o := t.claims.object("claims")
	c := read(o)
	if err := o.done(); err != nil {
		return none, err
	}
	return c, nil
}

// PeekStatement reads a statement whose key is not known yet. It is not to be
// trusted: a first control key is found this way, then verified by itself.
func PeekStatement(raw string) (Statement, Header, error) {
	t, err := parseJWS(raw)
	if err != nil {
		return Statement{}, Header{}, err
	}
	if t.header.Type != TypStatement {
		return Statement{}, Header{}, fmt.Errorf("%w: want %s", ErrType, TypStatement)
	}
	o := t.claims.object("claims")
	st := readStatement(o)
	if err := o.done(); err != nil {
		return Statement{}, Header{}, err
	}
	return st, t.header, nil
}

func readStatement(o *object) Statement {
	st := Statement{
		Issuer:    parsed(o, "iss", party),
		Seq:       o.integer("seq"),
		IssuedAt:  o.time("iat"),
		NotBefore: o.time("nbf"),
		Expires:   o.time("exp"),
		Status:    Status(o.word("status")),
		Since:     o.time("since"),
	}
	if st.Status != Active && st.Status != Retired && st.Status != Compromised {
		o.fail("status", "is none")
	}
	if !st.Expires.After(st.NotBefore) {
		o.fail("exp", "is not after nbf")
	}
	items := 0
	if o.v.index("key") >= 0 {
		items++
		k := o.object("key")
		st.Key = readKey(k)
		o.join(k)
	}
	if o.v.index("system") >= 0 {
		items++
		y := o.object("system")
		st.System = &SystemItem{URI: y.str("uri"), Roles: typed[gateway.Role](y.words("roles"))}
		o.join(y)
	}
	if o.v.index("alias") >= 0 {
		items++
		st.Alias = parsed(o, "alias", gateway.ParseAgencyURN)
	}
	if items != 1 {
		o.fail("", "is not about one thing")
	}
	return st
}

func readKey(o *object) *KeyItem {
	k := &KeyItem{Use: Use(o.word("use")), Roles: typed[gateway.Role](o.words("roles"))}
	switch k.Use {
	case UseMessage, UseAccess, UseControl, UseSeal, UseRelease:
	default:
		o.fail("use", "is none of an agency or gateway")
	}
	jwk := o.object("jwk")
	var err error
	if k.Key, err = point(jwk); err != nil {
		o.fail("jwk", "is no key")
	}
	o.join(jwk)
	return k
}
