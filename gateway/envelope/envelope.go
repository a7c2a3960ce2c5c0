// Package envelope is step 2 of an exchange: it opens, filters and closes the
// signed envelopes that carry messages between agencies. They are SD-JWTs in
// compact form (RFC 9901, RFC 7515), their values sealed end to end (RFC 7516).
// The sending agency is the Issuer, the gateway the Holder, the receiving
// agency the Verifier; the key binding JWT is the gateway's signature over
// what it released (RFC 9901, Sections 4.3 and 9.9).
//
// # Three layers
//
// [PublicKey], [Signer], [SignJWT] and [VerifyJWT] are JWK, JWS and JWT, cut
// down to one algorithm (ES256) and one header (alg, typ, kid), where kid is
// the key's thumbprint (RFC 7638).
//
// [Parse], [Issue] and [SDJWT] are RFC 9901 for any token: objects, array
// elements, disclosures within disclosures, decoys, key binding.
//
// [Open], [Message.Filter], [Bind], [OpenRelease], [Received.Unseal] and
// [Seal] are the message profile, the only form that crosses the gateway.
// DESIGN.md beside this file describes it. Access requests, security events
// (RFC 8417), directory statements and approvals are JWTs with a type each;
// [Table] says who may sign which, and for whom.
//
// # Strictness
//
// One text, one meaning: base64url must be canonical, JSON must be valid UTF-8
// without duplicate names or lone surrogates, 32 levels deep at the most;
// nothing may follow the last tilde but a key binding JWT. The registered key
// fixes the algorithm and an "alg" that disagrees is an error (RFC 8725,
// Section 3.1), as is any header parameter that is not on the list: crit, b64,
// zip, jku, x5u, jwk and the rest are refused by name. A digest may occur once,
// a disclosure must be referenced, and none may overwrite a claim (RFC 9901,
// Section 7.1). The digest is taken over the disclosure as sent.
//
// # What it does not do
//
// Open does not decide whether the sender may send the message (packages
// catalogue and exchange) or what the recipient may see (package policy), and
// it has no memory: replay and equivocation are the store's. The gateway holds
// no decryption key; it looks at the headers of what is sealed and at its
// length, and at nothing else.
package envelope

import (
	"errors"
	"time"
)

// Errors of this package; test with errors.Is. Their texts and those of the
// errors that wrap them never hold a value from a token.
var (
	ErrMalformed  = errors.New("envelope: malformed")                           // not the one form that is accepted
	ErrTooLarge   = errors.New("envelope: too large")                           // over a size or count limit
	ErrHeader     = errors.New("envelope: header parameter not allowed")        // RFC 7515, Section 4
	ErrType       = errors.New("envelope: wrong typ")                           // RFC 8725, Section 3.11
	ErrKey        = errors.New("envelope: no such key for this use")            // kid does not resolve to exactly one key
	ErrSignature  = errors.New("envelope: signature does not verify")           // or another algorithm than the key's
	ErrAudience   = errors.New("envelope: wrong audience")                      // aud is not who it must be
	ErrGateway    = errors.New("envelope: wrong gateway")                       // cnf.kid or aud names another gateway
	ErrStale      = errors.New("envelope: issued too long ago")                 // iat
	ErrFuture     = errors.New("envelope: issued in the future")                // iat or nbf
	ErrExpired    = errors.New("envelope: expired")                             // exp passed, or further away than allowed
	ErrUnsealed   = errors.New("envelope: sealed value is disclosed")           // an inner disclosure lies beside the token
	ErrSealing    = errors.New("envelope: sealed field not of the fixed form")  // or a key bundle
	ErrKeyBinding = errors.New("envelope: key binding does not hold")           // RFC 9901, Section 7.3
	ErrRelease    = errors.New("envelope: release does not fit the message")    // what is given is not what is allowed
	ErrUnknown    = errors.New("envelope: no such field, cell or claim")        // named by the caller
	ErrTooLong    = errors.New("envelope: value does not fit its sealed size")  // at the sender
	ErrZero       = errors.New("envelope: zero value where a made one is due")  // a step was left out
	ErrNoKey      = errors.New("envelope: no key given opens the sealed value") // at the recipient
)

// Limits on what is parsed. A token over one of them is ErrTooLarge or, for
// depth, ErrMalformed.
const (
	MaxToken       = 1 << 20   // bytes of any token
	MaxMessage     = 512 << 10 // bytes of a message or release
	MaxDisclosures = 2048
	MaxDepth       = 32 // of JSON, disclosures within disclosures included
)

// Times of the message profile.
const (
	MaxAge      = 24 * time.Hour      // of a message at submit
	MaxLife     = 30 * 24 * time.Hour // exp - iat of a message
	MaxAccess   = 60 * time.Second    // age of an access request
	MaxDelivery = 300 * time.Second   // age of a key binding at first receipt
	Skew        = 60 * time.Second    // how far ahead another party's clock may be
)

// Use is what a key may do. A thumbprint has one use, whoever holds it.
type Use string

// The uses of keys.
const (
	UseMessage   Use = "message"   // signs messages and an agency's security events
	UseAccess    Use = "access"    // signs access requests
	UseControl   Use = "control"   // signs an agency's directory statements
	UseSeal      Use = "seal"      // field keys are encrypted to it
	UseRelease   Use = "release"   // signs key bindings and a gateway's security events
	UseRegistrar Use = "registrar" // countersigns directory statements
	UseOfficer   Use = "officer"   // approves policy snapshots
)

// Keys resolves keys. Package directory satisfies it.
type Keys interface {
	// Key returns the one key with thumbprint kid that iss (the URN of an
	// agency or of a gateway) had for use at the given time, or an error. A key
	// whose status is compromised resolves at no time. It must not block and may
	// be called at once.
	Key(iss, kid string, use Use, at time.Time) (PublicKey, error)
}
