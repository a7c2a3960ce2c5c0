package envelope

import "time"

// SDJWT is a parsed SD-JWT (RFC 9901), with or without a key binding JWT. It
// is never changed.
type SDJWT struct {
	jws *jws
}

type disclosure struct{}
type sealed struct{}

// Rules are what a verifier asks of an SD-JWT.
type Rules struct {
	Issuer PublicKey // required
	Type   string    // typ; "" takes any, or none
	Now    time.Time // required: exp and nbf are judged at this time
	// RequireKeyBinding refuses a token without a key binding JWT. One that is
	// there is verified in any case, with the key in cnf.jwk or with Holder.
	RequireKeyBinding bool
	Holder            PublicKey // for tokens whose cnf names a key otherwise
	Audience          string    // aud of the key binding; "" takes any if it is not required
	Nonce             string    // likewise
}
