package ingress

import (
	"net/http"

	"sluss/gateway"
)

// kind is what all problems with one code have in common (RFC 9457, Section
// 3.1): the HTTP status (RFC 9110, Section 15) and the title.
type kind struct {
	status int
	title  string
}

// kinds maps every code to its status. 400 is for what is not of the form, 403
// for what this caller may not, 422 for what is of the form and wrong in
// itself; 409 says that the caller's view is out of date, 429 and 503 that the
// same request may succeed later.
var kinds = map[gateway.Code]kind{
	gateway.CodeUnknownSystem:    {http.StatusForbidden, "Unknown system"},
	gateway.CodeSystemRevoked:    {http.StatusForbidden, "System revoked"},
	gateway.CodeRoleNotAllowed:   {http.StatusForbidden, "Role not allowed"},
	gateway.CodeTooLarge:         {http.StatusRequestEntityTooLarge, "Too large"},
	gateway.CodeTooMany:          {http.StatusTooManyRequests, "Too many requests"},
	gateway.CodeUnsupportedMedia: {http.StatusUnsupportedMediaType, "Unsupported media type"},
	gateway.CodeMalformedRequest: {http.StatusBadRequest, "Malformed request"},
	gateway.CodeNotFound:         {http.StatusNotFound, "Not found"},
	gateway.CodeMethod:           {http.StatusMethodNotAllowed, "Method not allowed"},
	gateway.CodeTimeout:          {http.StatusRequestTimeout, "Request timed out"},
	gateway.CodeUnavailable:      {http.StatusServiceUnavailable, "Unavailable"},
	gateway.CodeInternal:         {http.StatusInternalServerError, "Internal error"},

	gateway.CodeMalformed:  {http.StatusBadRequest, "Malformed message"},
	gateway.CodeSignature:  {http.StatusForbidden, "Signature does not verify"},
	gateway.CodeHeader:     {http.StatusBadRequest, "Header parameter not allowed"},
	gateway.CodeType:       {http.StatusBadRequest, "Wrong token type"},
	gateway.CodeUnknownKey: {http.StatusForbidden, "Unknown key"},
	gateway.CodeIssuer:     {http.StatusForbidden, "Issuer is not the caller"},
	gateway.CodeAudience:   {http.StatusUnprocessableEntity, "Wrong audience"},
	gateway.CodeGateway:    {http.StatusUnprocessableEntity, "Wrong gateway"},
	gateway.CodeStale:      {http.StatusUnprocessableEntity, "Too old"},
	gateway.CodeFuture:     {http.StatusUnprocessableEntity, "Not yet valid"},
	gateway.CodeExpired:    {http.StatusUnprocessableEntity, "Expired"},

	gateway.CodeUnknownType:    {http.StatusUnprocessableEntity, "Unknown message type"},
	gateway.CodeUnknownField:   {http.StatusUnprocessableEntity, "Unknown field"},
	gateway.CodeMissingField:   {http.StatusUnprocessableEntity, "Missing field"},
	gateway.CodeForbiddenField: {http.StatusUnprocessableEntity, "Forbidden field"},
	gateway.CodeNotSealed:      {http.StatusUnprocessableEntity, "Field not sealed"},
	gateway.CodeSealing:        {http.StatusUnprocessableEntity, "Sealing not of the fixed form"},
	gateway.CodeSchema:         {http.StatusUnprocessableEntity, "Schema violation"},
	gateway.CodeRoute:          {http.StatusForbidden, "No route"},
	gateway.CodeAliasRequired:  {http.StatusUnprocessableEntity, "Alias required"},

	gateway.CodeDuplicate:        {http.StatusConflict, "Message identifier used before"},
	gateway.CodeReplay:           {http.StatusConflict, "Access request used before"},
	gateway.CodeWrongCertificate: {http.StatusForbidden, "Bound to another certificate"},
	gateway.CodeAuthority:        {http.StatusForbidden, "No authority over the fact"},
	gateway.CodeSequence:         {http.StatusConflict, "Sequence number does not rise"},
	gateway.CodeDenied:           {http.StatusForbidden, "Denied"},
	gateway.CodeReview:           {http.StatusForbidden, "A person has to decide"},
	gateway.CodeNoRecord:         {http.StatusNotFound, "No record"},
	gateway.CodeUnknownDelivery:  {http.StatusConflict, "Unknown delivery"},
	gateway.CodeQuota:            {http.StatusTooManyRequests, "Quota exceeded"},
	gateway.CodeWithholdAll:      {http.StatusServiceUnavailable, "All release is stopped"},
}

// Status returns the HTTP status of a problem with the given code; a code that
// does not exist is an internal error.
func Status(c gateway.Code) int {
	if k, ok := kinds[c]; ok {
		return k.status
	}
	return http.StatusInternalServerError
}
