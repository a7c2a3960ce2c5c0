package ingress

import (
	"net/http"
	"slices"

	"github.com/gorilla/mux"

	"sluss/gateway"
)

// route is one operation of the API. Its name is the value of the metrics
// label "endpoint" and the operationId in openapi.json; codes are all that it
// may answer with besides success, and the document lists the same.
type route struct {
	name         string
	method, path string
	long         bool // waits for others; has its own bound on concurrency
	open         bool // served to anyone, too, at a listener of its own
	stranger     bool // by callers of that listener, who have their own bound on concurrency
	codes        []gateway.Code
	handler      func(*Server) handler
}

// handler is the part of an endpoint that differs between endpoints. It
// writes an answer only when it returns nil.
type handler func(http.ResponseWriter, *http.Request) error

// The codes that a step adds to an endpoint that takes it.
var (
	edgeCodes = []gateway.Code{gateway.CodeMalformedRequest, gateway.CodeTooMany, gateway.CodeUnavailable, gateway.CodeInternal}
	peerCodes = []gateway.Code{gateway.CodeUnknownSystem, gateway.CodeSystemRevoked}
	bodyCodes = []gateway.Code{gateway.CodeTooLarge, gateway.CodeUnsupportedMedia, gateway.CodeTimeout}

	tokenCodes = []gateway.Code{gateway.CodeMalformed, gateway.CodeSignature, gateway.CodeHeader, gateway.CodeType,
		gateway.CodeUnknownKey, gateway.CodeIssuer, gateway.CodeAudience, gateway.CodeGateway, gateway.CodeStale,
		gateway.CodeFuture, gateway.CodeExpired}
	messageCodes = []gateway.Code{gateway.CodeUnknownType, gateway.CodeUnknownField, gateway.CodeMissingField,
		gateway.CodeForbiddenField, gateway.CodeNotSealed, gateway.CodeSealing, gateway.CodeSchema, gateway.CodeRoute,
		gateway.CodeAliasRequired}
	officialCodes = []gateway.Code{gateway.CodeRoleNotAllowed, gateway.CodeWrongCertificate, gateway.CodeReplay}
	decisionCodes = []gateway.Code{gateway.CodeDenied, gateway.CodeReview, gateway.CodeNoRecord, gateway.CodeWithholdAll}
)

// tilePath is what a tile's path below /log/tile/ can be (C2SP tlog-tiles): a
// level or "entries"; an index in groups of three digits, all but the last
// after an "x", the first not zero; the width of a tile that is not full.
const tilePath = `(?:[0-7]|entries)/` +
	`(?:x(?:[1-9][0-9]{2}|0[1-9][0-9]|00[1-9])/(?:x[0-9]{3}/){0,2})?[0-9]{3}` +
	`(?:\.p/(?:[1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?`

// table is the API, in the order of a message's path.
var table = []route{
	{name: "postMessage", method: http.MethodPost, path: "/v1/messages",
		codes: slices.Concat(edgeCodes, peerCodes, bodyCodes, tokenCodes, messageCodes, []gateway.Code{
			gateway.CodeRoleNotAllowed, gateway.CodeDuplicate, gateway.CodeAuthority, gateway.CodeSequence, gateway.CodeQuota}),
		handler: func(s *Server) handler { return s.known(s.postMessage) }},
	{name: "poll", method: http.MethodPost, path: "/v1/poll", long: true,
		codes: slices.Concat(edgeCodes, peerCodes, bodyCodes, []gateway.Code{
			gateway.CodeRoleNotAllowed, gateway.CodeUnknownDelivery, gateway.CodeQuota, gateway.CodeWithholdAll}),
		handler: func(s *Server) handler { return s.waiting(s.poll) }},
	{name: "getMessage", method: http.MethodGet, path: "/v1/messages/{jti}",
		codes: slices.Concat(edgeCodes, peerCodes, tokenCodes, officialCodes, decisionCodes, []gateway.Code{
			gateway.CodeTooLarge, gateway.CodeQuota}),
		handler: func(s *Server) handler { return s.known(s.getMessage) }},
	{name: "postRequest", method: http.MethodPost, path: "/v1/requests",
		codes: slices.Concat(edgeCodes, peerCodes, bodyCodes, tokenCodes, officialCodes, decisionCodes, []gateway.Code{
			gateway.CodeUnknownType, gateway.CodeUnknownField, gateway.CodeMissingField, gateway.CodeForbiddenField,
			gateway.CodeSchema, gateway.CodeRoute, gateway.CodeQuota}),
		handler: func(s *Server) handler { return s.known(s.postRequest) }},
	{name: "getDisclosures", method: http.MethodGet, path: "/v1/messages/{jti}/disclosures",
		codes:   slices.Concat(edgeCodes, peerCodes, []gateway.Code{gateway.CodeNoRecord}),
		handler: func(s *Server) handler { return s.known(s.getDisclosures) }},
	{name: "getDirectory", method: http.MethodGet, path: "/v1/directory",
		codes:   slices.Concat(edgeCodes, peerCodes),
		handler: func(s *Server) handler { return s.known(s.getDirectory) }},
	{name: "getSnapshot", method: http.MethodGet, path: "/v1/snapshot",
		codes:   slices.Concat(edgeCodes, peerCodes),
		handler: func(s *Server) handler { return s.known(s.getSnapshot) }},
	{name: "getOpenAPI", method: http.MethodGet, path: "/v1/openapi.json", codes: edgeCodes,
		handler: func(s *Server) handler { return s.anyone(s.document(openAPI)) }},
	{name: "getAsyncAPI", method: http.MethodGet, path: "/v1/asyncapi.json", codes: edgeCodes,
		handler: func(s *Server) handler { return s.anyone(s.document(asyncAPI)) }},
	{name: "getCheckpoint", method: http.MethodGet, path: "/log/checkpoint", open: true, codes: edgeCodes,
		handler: func(s *Server) handler { return s.anyone(s.getCheckpoint) }},
	{name: "getTile", method: http.MethodGet, path: "/log/tile/{tile:" + tilePath + "}", open: true,
		codes:   slices.Concat(edgeCodes, []gateway.Code{gateway.CodeNotFound}),
		handler: func(s *Server) handler { return s.anyone(s.getTile) }},
}

// The routes of requests that have none.
var (
	notFound   = route{name: "none", codes: slices.Concat(edgeCodes, []gateway.Code{gateway.CodeNotFound})}
	wrongVerb  = route{name: "none", codes: slices.Concat(edgeCodes, []gateway.Code{gateway.CodeMethod})}
	errNoRoute = gateway.Refuse(gateway.CodeNotFound, "there is no such resource", nil)
	errNoVerb  = gateway.Refuse(gateway.CodeMethod, "the resource has no such method", nil)
)

// openRoutes returns what of the table anyone may have.
func openRoutes() []route {
	var out []route
	for _, rt := range table {
		if rt.open {
			rt.stranger = true
			out = append(out, rt)
		}
	}
	return out
}

// routes returns the router over a table. Paths are taken as they were sent: a
// path that would have to be cleaned is not found.
func (s *Server) routes(table []route) *mux.Router {
	m := mux.NewRouter().SkipClean(true)
	allow := map[string][]string{}
	for _, rt := range table {
		m.Methods(rt.method).Path(rt.path).Name(rt.name).Handler(s.endpoint(rt, rt.handler(s)))
		allow[rt.path] = append(allow[rt.path], rt.method)
	}
	for path, methods := range allow {
		m.Path(path).Handler(s.endpoint(wrongVerb, func(w http.ResponseWriter, _ *http.Request) error {
			for _, verb := range methods {
				w.Header().Add("Allow", verb)
			}
			return errNoVerb
		}))
	}
	m.NotFoundHandler = s.endpoint(notFound, func(http.ResponseWriter, *http.Request) error { return errNoRoute })
	m.MethodNotAllowedHandler = m.NotFoundHandler // not reached: every path has a route for any method
	return m
}
