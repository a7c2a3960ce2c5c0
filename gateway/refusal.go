package gateway

import "fmt"

// Code is the stable code of a refusal, the "code" member of a problem
// document (RFC 9457). Codes are counted in metrics and listed in SECURITY.md.
type Code string

// A Refusal is the gateway's decision not to carry out an exchange. It is the
// only error whose words reach the caller; every other error is a bare 500.
type Refusal struct {
	Code   Code   // stable
	Detail string // shown to the caller; never holds a value from a payload
	Err    error  // for the operator's log; never shown; may be nil
}

// Refuse returns a Refusal with the given code. The detail is fixed text for
// the caller; err is the cause, which only the operator sees.
func Refuse(code Code, detail string, err error) *Refusal {
	return &Refusal{Code: code, Detail: detail, Err: err}
}

// Error implements error. It holds no detail of the cause, so that it may be
// logged.
func (r *Refusal) Error() string {
	if r.Err == nil {
		return fmt.Sprintf("refused: %s", r.Code)
	}
	return fmt.Sprintf("refused: %s: %v", r.Code, r.Err)
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// The codes of refusals, by the step that gives them. status.go in package
// ingress maps each to its HTTP status.
const (
	// Step 1, the edge and the peer (ingress, authn).
	CodeUnknownSystem    Code = "unknown-system"     // certificate names no registered system
	CodeSystemRevoked    Code = "system-revoked"     // the directory has revoked the system
	CodeRoleNotAllowed   Code = "role-not-allowed"   // the system may not act in that role
	CodeTooLarge         Code = "too-large"          // body over the limit
	CodeTooMany          Code = "rate-limited"       // per-system limit; retry later
	CodeUnsupportedMedia Code = "unsupported-media"  // wrong Content-Type
	CodeMalformedRequest Code = "malformed-request"  // body or header is not of the endpoint's form
	CodeNotFound         Code = "not-found"          // no such resource, or none that the caller may know of
	CodeMethod           Code = "method-not-allowed" // the resource has no such method
	CodeTimeout          Code = "timeout"            // the request took too long to arrive
	CodeUnavailable      Code = "unavailable"        // draining, full disk, log not writable: nothing was released
	CodeInternal         Code = "internal"           // any error that is not a Refusal

	// Step 2, the envelope.
	CodeMalformed  Code = "malformed-message" // not a strict RFC 9901 token of the message profile
	CodeSignature  Code = "bad-signature"     // signature, algorithm or key does not verify
	CodeHeader     Code = "bad-header"        // a header parameter that is not on the list
	CodeType       Code = "wrong-type"        // "typ" is not the endpoint's
	CodeUnknownKey Code = "unknown-key"       // kid is not a key of the issuer for this use at this time
	CodeIssuer     Code = "issuer-mismatch"   // iss is not the peer's agency
	CodeAudience   Code = "wrong-audience"    // aud is not who it must be
	CodeGateway    Code = "wrong-gateway"     // cnf or aud names another gateway
	CodeStale      Code = "stale"             // iat too old
	CodeFuture     Code = "not-yet-valid"     // iat ahead of the gateway's clock
	CodeExpired    Code = "expired"           // exp passed, or further away than allowed

	// Step 3, the catalogue.
	CodeUnknownType    Code = "unknown-message-type" // type or version not in the catalogue
	CodeUnknownField   Code = "unknown-field"        // a member that the type does not have
	CodeMissingField   Code = "missing-field"        // a member that must be there is not
	CodeForbiddenField Code = "forbidden-field"      // a field that may never be sent
	CodeNotSealed      Code = "not-sealed"           // clear value where the catalogue demands sealing
	CodeSealing        Code = "bad-sealing"          // sealed field or key bundle not of the fixed form
	CodeSchema         Code = "schema-violation"     // a clear value does not fit its schema
	CodeRoute          Code = "no-route"             // no route from this role to these roles for this type
	CodeAliasRequired  Code = "alias-required"       // the sender must sign under its alias

	// Step 4, the exchange.
	CodeDuplicate        Code = "duplicate-message"   // other bytes under a jti already used
	CodeReplay           Code = "replayed-request"    // an access request is used once
	CodeWrongCertificate Code = "wrong-certificate"   // access request bound to another certificate
	CodeAuthority        Code = "no-authority"        // the stater has no authority over the fact
	CodeSequence         Code = "sequence-not-rising" // a statement older than the one known
	CodeDenied           Code = "denied"              // policy released nothing
	CodeReview           Code = "review"              // a person at the discloser has to decide
	CodeNoRecord         Code = "no-record"           // as about a person who is unknown
	CodeUnknownDelivery  Code = "unknown-delivery"    // acknowledgement of a delivery not made to the caller
	CodeQuota            Code = "quota-exceeded"      // sender or mailbox holds too much
	CodeWithholdAll      Code = "withhold-all"        // a legal officer has stopped all release
)
