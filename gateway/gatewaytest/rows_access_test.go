package gatewaytest_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// statementRows spoil statements to the register.
var statementRows = []row{
	{"forged statement", statement, func(r *request) { r.key = r.s.key(r, townExit, envelope.UseMessage) }, refused(403, gateway.CodeSignature)},
	{"statement of another agency's", statement, from(townExit), refused(403, gateway.CodeIssuer)},
	{"statement with a lower sequence number", statement, func(r *request) {
		statement(r) // a good one
		r.good()
		r.before = false
		r.state(sequence.Load()-1, map[gateway.Field]any{"elevated_threat": true})
	}, refused(409, gateway.CodeSequence)},
	{"statement with the same sequence number", statement, func(r *request) {
		statement(r)
		r.good()
		r.before = false
		r.state(sequence.Load(), map[gateway.Field]any{"elevated_threat": true})
	}, refused(409, gateway.CodeSequence)},
	{"statement without a sequence number", statement, func(r *request) { r.token.drop(`"seq"`) }, refused(422, gateway.CodeMissingField)},
	{"statement about the age by the police", statement, func(r *request) { r.token.alter(`"elevated_threat",false`, `"adult",true`) },
		refused(422, gateway.CodeForbiddenField)},
	{"statement by a role without authority over the fact", statement, func(r *request) { r.state(sequence.Add(1), map[gateway.Field]any{"psw": true}) },
		refused(403, gateway.CodeAuthority)},
	{"statement with a word where a number is due", statement, func(r *request) { r.token.give("seq", `"CANARY"`) }, refused(422, gateway.CodeSchema)},
	{"statement of an unknown fact", statement, func(r *request) { r.token.alter(`"elevated_threat"`, `"canary"`) }, refused(422, gateway.CodeUnknownField)},
}

// good sends the request as it is now, and starts again.
func (r *request) good() {
	r.Helper()
	r.finish()
	a, err := r.send()
	if err != nil || a.status/100 != 2 {
		r.Fatalf("the good request before: %d %s, %v", a.status, a.code, err)
	}
	r.before = true
}

// accessRows spoil access requests (RFC 8705 binds them to the connection).
var accessRows = []row{
	{"access request used twice", read, func(r *request) { r.good() }, refused(409, gateway.CodeReplay)},
	{"request used twice", ask, func(r *request) { r.good() }, refused(409, gateway.CodeReplay)},
	{"access request for another gateway", read, func(r *request) { r.token.set("aud", `"urn:sluss:gateway:other"`) }, refused(422, gateway.CodeGateway)},
	{"access request for another certificate", read, func(r *request) {
		was, is := thumbprint(r.tls).String(), thumbprint(r.s.tls(r, townIncome)).String()
		r.token.claim(was, is)
	}, refused(403, gateway.CodeWrongCertificate)},
	{"access request over another system's connection", read, from(townIncome), refused(403, gateway.CodeWrongCertificate)},
	{"access request of another agency over its own connection", read, from(policeExit), refused(403, gateway.CodeWrongCertificate)},
	{"access request in another agency's name", read, func(r *request) { r.token.set("iss", `"urn:sluss:agency:police"`) }, refused(403, gateway.CodeUnknownKey)},
	{"access request in a role outside the set", read, func(r *request) { r.token.set("role", `"municipality.income_support_officer"`) }, refused(403, gateway.CodeRoleNotAllowed)},
	{"access request in another agency's role", read, func(r *request) { r.token.set("role", `"police.investigator"`) }, refused(403, gateway.CodeRoleNotAllowed)},
	{"access request unsigned", read, func(r *request) { r.wire = signature(func(string) string { return "" }) }, refused(403, gateway.CodeSignature)},
	{"access request: alg none", read, func(r *request) { r.token.head(`"ES256"`, `"none"`) }, refused(403, gateway.CodeSignature)},
	{"access request: key confusion", read, confuse, refused(403, gateway.CodeSignature)},
	{"access request signed with a message key", read, signedBy(townExit, envelope.UseMessage), refused(403, gateway.CodeUnknownKey)},
	{"access request with a header jwk", read, header(`"jwk":{}`), refused(400, gateway.CodeHeader)},
	{"access request of another typ", read, func(r *request) { r.token.head(envelope.TypAccess, "JWT") }, refused(400, gateway.CodeType)},
	{"access request 61 seconds old", read, func(r *request) { r.token.set("iat", fmt.Sprint(time.Now().Add(-62*time.Second).Unix())) }, refused(422, gateway.CodeStale)},
	{"access request from ahead", read, func(r *request) { r.token.set("iat", fmt.Sprint(time.Now().Add(90*time.Second).Unix())) }, refused(422, gateway.CodeFuture)},
	{"access request with a member twice", read, func(r *request) { r.token.claim(`"role":`, `"role":"CANARY","role":`) }, refused(400, gateway.CodeMalformed)},
	{"access request with an unknown member", read, func(r *request) { r.token.claim(`"role":`, `"CANARY":1,"role":`) }, refused(400, gateway.CodeMalformed)},
	{"access request with a name for a user", read, func(r *request) { r.token.set("user", `"CANARY CANARYSSON"`) }, refused(400, gateway.CodeMalformed)},
	{"access request for another message", read, func(r *request) { r.path = "/v1/messages/" + string(newID(r)) }, refused(400, gateway.CodeMalformedRequest)},
	{"no access request", read, func(r *request) { r.token = nil }, refused(400, gateway.CodeMalformedRequest)},
	{"two access requests", read, func(r *request) { r.header.Add("Access-Request", "CANARY"); r.twice() }, refused(400, gateway.CodeMalformedRequest)},
	{"access request of 20 KB", read, func(r *request) { r.token.set("unit", `"`+strings.Repeat("u", 15_000)+`"`) }, refused(400, gateway.CodeMalformedRequest)},
	{"path that is no message", read, func(r *request) { r.path = "/v1/messages/CANARY" }, refused(400, gateway.CodeMalformedRequest)},
	{"message that does not exist", read, func(r *request) {
		id := newID(r)
		r.token.set("message", `"`+string(id)+`"`)
		r.path = "/v1/messages/" + string(id)
	}, decided(404, gateway.CodeNoRecord)},
	{"message of another person", read, func(r *request) { r.token.set("subject", `"`+string(gateway.NewRef())+`"`) }, decided(404, gateway.CodeNoRecord)},
	{"disclosures of another agency's message", read, func(r *request) {
		r.token, r.inHeader, r.path = nil, false, r.path+"/disclosures"
	}, outcome{status: 404, code: gateway.CodeNoRecord, logged: gateway.CodeNotFound}},
	{"request to an agency that answers no such thing", ask, func(r *request) { r.token.set("discloser", `"urn:sluss:agency:sis"`) }, refused(403, gateway.CodeRoute)},
	{"request that names a message", ask, func(r *request) { r.token.set("message", `"`+string(newID(r))+`"`) }, refused(400, gateway.CodeMalformedRequest)},
	{"request that asks nobody", ask, func(r *request) { r.token.set("discloser", `null`) }, refused(400, gateway.CodeMalformedRequest)},
	{"request in bulk", ask, func(r *request) { r.token.claim(`"role":`, `"mode":"bulk","role":`) }, refused(400, gateway.CodeMalformed)},
	{"request about several persons", ask, func(r *request) {
		r.token.set("subject", `["`+string(gateway.NewRef())+`","`+string(gateway.NewRef())+`"]`)
	}, refused(400, gateway.CodeMalformed)},
	{"request about nobody", ask, func(r *request) { r.token.set("subject", `null`) }, decided(403, gateway.CodeDenied)},
	{"request as a message", ask, func(r *request) { r.path, r.media = "/v1/messages", "application/sd-jwt" }, refused(400, gateway.CodeMalformed)},
	{"message as a request", message, func(r *request) { r.path, r.media = "/v1/requests", "application/jwt" }, refused(403, gateway.CodeSignature)},

	{"poll for a role outside the set", poll, body("exit_team_lead", "income_support_officer"), refused(403, gateway.CodeRoleNotAllowed)},
	{"poll for another agency's role", poll, body("municipality.exit_team_lead", "police.investigator"), refused(403, gateway.CodeRoleNotAllowed)},
	{"poll with an unknown member", poll, body(`{`, `{"CANARY":1,`), refused(400, gateway.CodeMalformedRequest)},
	{"poll with a member twice", poll, body(`{`, `{"maxEvents":2,`), refused(400, gateway.CodeMalformedRequest)},
	{"poll with invalid UTF-8", poll, body(`{`, "{\"ack\":[\"CANARY\xff\"],"), refused(400, gateway.CodeMalformedRequest)},
	{"poll nested deep", poll, body(`{`, `{"ack":`+nested(200_000)+`,`), refused(400, gateway.CodeMalformedRequest)},
	{"poll for too many", poll, body(`"maxEvents":1`, `"maxEvents":100000`), refused(400, gateway.CodeMalformedRequest)},
	{"poll with a byte behind", poll, body(`true}`, `true}x`), refused(400, gateway.CodeMalformedRequest)},
	{"acknowledgement of what was not delivered", poll, body(`{`, `{"ack":["CANARY"],`), refused(409, gateway.CodeUnknownDelivery)},
	{"error about what was not delivered", poll, body(`{`, `{"setErrs":{"CANARY":{"err":"access_denied","description":"CANARY"}},`), refused(409, gateway.CodeUnknownDelivery)},
	{"error of no known kind", poll, body(`{`, `{"setErrs":{"x":{"err":"CANARY"}},`), refused(400, gateway.CodeMalformedRequest)},
}

// decided is an outcome whose entry is that of the decision.
func decided(status int, code gateway.Code) outcome {
	return outcome{status: status, code: code, quiet: true}
}

func body(old, new string) func(*request) {
	return func(r *request) { r.body = substitute(r, r.body, old, new) }
}

// twice keeps what is in the header beside the access request.
func (r *request) twice() {
	r.inHeader, r.token = false, nil
	r.header["Access-Request"] = append(r.header["Access-Request"], "CANARY")
}

// transportRows spoil the HTTP around a good request.
var transportRows = []row{
	{"another Content-Type", message, func(r *request) { r.media = "application/json" }, refused(415, gateway.CodeUnsupportedMedia)},
	{"no Content-Type", message, func(r *request) { r.media = "" }, refused(415, gateway.CodeUnsupportedMedia)},
	{"a content coding", message, func(r *request) { r.header.Set("Content-Encoding", "gzip") }, refused(415, gateway.CodeUnsupportedMedia)},
	{"a query", message, func(r *request) { r.path += "?name=CANARY" }, refused(400, gateway.CodeMalformedRequest)},
	{"a body on a GET", fetch, func(r *request) { r.body = canary }, refused(400, gateway.CodeMalformedRequest)},
	{"another method", message, func(r *request) { r.method = http.MethodPut }, unknown(405, gateway.CodeMethod)},
	{"no such resource", message, func(r *request) { r.path = "/v1/CANARY" }, unknown(404, gateway.CodeNotFound)},
	{"a path to be cleaned", message, func(r *request) { r.path = "/v1/../v1//messages" }, unknown(404, gateway.CodeNotFound)},
	{"a tile that is not there", fetch, func(r *request) { r.path = "/log/tile/0/999" }, unknown(404, gateway.CodeNotFound)},
	{"100 MB, announced", message, huge(false, 100<<20), refused(413, gateway.CodeTooLarge)},
	{"100 MB in chunks", message, huge(false, -1), refused(413, gateway.CodeTooLarge)},
	{"100 MB in chunks, polled", poll, huge(false, -1), refused(413, gateway.CodeTooLarge)},
	{"100 MB, announced, over HTTP/2", message, huge(true, 100<<20), refused(413, gateway.CodeTooLarge)},
	{"100 MB over HTTP/2", message, huge(true, -1), refused(413, gateway.CodeTooLarge)},
}

// huge sends a body that is over every limit.
func huge(h2 bool, announced int64) func(*request) {
	return func(r *request) {
		r.token, r.h2, r.length = nil, h2, announced
		taken := &flood{left: 100 << 20}
		r.reader = taken
		r.Cleanup(func() {
			// The limit, what lies in buffers on the way, and no more.
			if n := taken.taken.Load(); n > 20<<20 {
				r.Errorf("%d bytes of the body were taken", n)
			}
		})
	}
}
