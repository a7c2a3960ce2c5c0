package gatewaytest_test

import (
	"fmt"
	"strings"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// messageRows spoil what a message says: the sender signs it all the same.
var messageRows = []row{
	{"certificate of another agency than iss", message, from(townExit), refused(403, gateway.CodeIssuer)},
	{"certificate of a system without the role", message, from(policeGrants), refused(403, gateway.CodeRoleNotAllowed)},
	{"from_role outside the set", message, func(r *request) { r.token.set("from_role", `"police.personal_security_officer"`) }, refused(403, gateway.CodeRoleNotAllowed)},
	{"from_role of another agency", message, func(r *request) { r.token.set("from_role", `"municipality.social_worker"`) }, refused(403, gateway.CodeRoleNotAllowed)},
	{"iss of another agency", message, func(r *request) { r.token.set("iss", `"urn:sluss:agency:sis"`) }, refused(422, gateway.CodeSealing)},
	{"another gateway", message, func(r *request) { r.token.claim(`"kid":"urn:sluss:gateway:dev"`, `"kid":"urn:sluss:gateway:other"`) },
		refused(422, gateway.CodeGateway)},
	{"gateway of no form", message, func(r *request) { r.token.claim(`"kid":"urn:sluss:gateway:dev"`, `"kid":"https://CANARY.example"`) },
		refused(400, gateway.CodeMalformed)},
	{"aud no party", message, func(r *request) { r.token.set("aud", `"urn:CANARY"`) }, refused(400, gateway.CodeMalformed)},
	{"statement for another gateway", statement, func(r *request) { r.token.set("aud", `"urn:sluss:gateway:other"`) }, refused(422, gateway.CodeAudience)},
	{"jti no UUID", message, func(r *request) { r.token.set("jti", `"CANARY"`) }, refused(400, gateway.CodeMalformed)},
	{"jti of another message", message, func(r *request) { r.token.set("jti", `"`+string(newID(r))+`"`) }, refused(422, gateway.CodeSealing)},
	{"subject a name", message, func(r *request) { r.token.set("sub_ref", `"CANARY CANARYSSON"`) }, refused(400, gateway.CodeMalformed)},
	{"no subject", message, func(r *request) { r.token.set("sub_ref", `null`) }, refused(422, gateway.CodeMissingField)},
	{"unknown claim", message, func(r *request) { r.token.claim(`{`, `{"CANARY":"CANARY",`) }, refused(400, gateway.CodeMalformed)},
	{"unknown purpose", message, func(r *request) { r.token.set("purpose", `"CANARY"`) }, refused(422, gateway.CodeSchema)},

	{"unknown type", message, func(r *request) { r.token.claim(`"exit.threat_assessment"`, `"exit.canary"`) }, refused(422, gateway.CodeUnknownType)},
	{"unknown version", message, func(r *request) { r.token.claim(`"version":1`, `"version":2`) }, refused(422, gateway.CodeUnknownType)},
	{"unknown field", message, func(r *request) { r.token.alter(`"valid_until"`, `"canary_until"`) }, refused(422, gateway.CodeUnknownField)},
	{"unknown field put forward", message, func(r *request) { r.token.give("fields", `["default","canary"]`) }, refused(422, gateway.CodeUnknownField)},
	{"unknown field in about", message, func(r *request) { r.token.give("about", `{"canary":["`+string(gateway.NewRef())+`"]}`) }, refused(422, gateway.CodeUnknownField)},
	{"nothing put forward", message, func(r *request) { r.token.give("fields", `[]`) }, refused(422, gateway.CodeMissingField)},
	{"sealed field missing", message, func(r *request) { r.token.drop(`"risk_level"`) }, refused(422, gateway.CodeMissingField)},
	{"clear value against its schema", message, func(r *request) { r.token.give("valid_until", `"CANARY"`) }, refused(422, gateway.CodeSchema)},
	{"unknown marking", message, func(r *request) { r.token.give("marking", `"CANARY"`) }, refused(422, gateway.CodeSchema)},
	{"unknown reason code", message, func(r *request) { r.token.give("reason", `{"code":"CANARY","length":1}`) }, refused(422, gateway.CodeSchema)},

	{"gate member missing", message, func(r *request) { r.token.drop(`"basis_claimed"`) }, refused(400, gateway.CodeMalformed)},
	{"gate member unknown", message, func(r *request) { r.token.alter(`"child"`, `"canary"`) }, refused(400, gateway.CodeMalformed)},
	{"gate member in clear", message, func(r *request) { r.token.claim(`"gate":{`, `"gate":{"CANARY":true,`) }, refused(400, gateway.CodeMalformed)},

	{"clear value where sealing is required", message, func(r *request) { r.token.give("safety_instructions", `"CANARY"`) }, refused(422, gateway.CodeNotSealed)},
	{"sealed value with the clear one beside", message, func(r *request) { r.token.alter(`{"jwe":`, `{"value":"CANARY","jwe":`) }, refused(422, gateway.CodeSealing)},
	{"sealed value disclosed", message, discloseSealed, refused(422, gateway.CodeNotSealed)},
	{"ciphertext of another size", message, func(r *request) {
		long := rehead(r, jwe(r.token, "safety_instructions"), `/data/safety_instructions`, `/data/risk_level`)
		r.token.alter(jwe(r.token, "risk_level"), long)
	}, refused(422, gateway.CodeSealing)},
	{"ciphertexts of two fields swapped", message, func(r *request) {
		a, b := jwe(r.token, "risk_level"), jwe(r.token, "method")
		r.token.alter(a, "x")
		r.token.alter(b, a)
		r.token.alter(`"x"`, `"`+b+`"`)
	}, refused(422, gateway.CodeSealing)},
	{"key bundle under another kid", message, func(r *request) {
		r.token.claim(`"keys":{"`+bundleKid(r), `"keys":{"`+r.s.public(r, neighbour, envelope.UseSeal).Thumbprint())
	}, refused(422, gateway.CodeSealing)},
	{"key bundle for another agency's key", message, rekeyed(neighbour, envelope.UseSeal), refused(422, gateway.CodeSealing)},
	{"key bundle for the sender's own key", message, rekeyed(policeExit, envelope.UseSeal), refused(422, gateway.CodeSealing)},
	{"key bundle for a key of another use", message, rekeyed(townExit, envelope.UseAccess), refused(422, gateway.CodeSealing)},
	{"key bundle for a key of roles not addressed", message, rekeyed(townIncome, envelope.UseSeal), refused(422, gateway.CodeSealing)},
	{"no key bundle", message, func(r *request) {
		before, rest, _ := strings.Cut(r.token.payload, `"keys":{`)
		_, after, _ := strings.Cut(rest, `}`)
		r.token.payload = before + `"keys":{}` + after
	}, refused(422, gateway.CodeSealing)},

	{"route to a role that gets no such type", message, func(r *request) {
		r.token.claim(`["municipality.social_worker"]`, `["municipality.procurement_officer"]`)
	},
		refused(403, gateway.CodeRoute)},
	{"route to a role of another kind", message, func(r *request) { r.token.claim(`["municipality.social_worker"]`, `["police.investigator"]`) },
		refused(403, gateway.CodeRoute)},
	{"route to nobody's role", message, func(r *request) { r.token.claim(`["municipality.social_worker"]`, `["municipality.canary"]`) },
		refused(403, gateway.CodeRoute)},
	{"statement to an agency", statement, func(r *request) { r.token.set("aud", `"urn:sluss:agency:municipality:0180"`) }, refused(403, gateway.CodeRoute)},

	{"other bytes under a jti", message, func(r *request) {
		if _, err := r.s.cast.Police().Send(r.Context(), []byte(r.token.signed(r.key))); err != nil {
			r.Fatal(err)
		}
		r.token.give("marking", `"sekretessmarkering"`)
		r.before = true
	}, refused(409, gateway.CodeDuplicate)},
}

// from sends over the connection of another system.
func from(p party) func(*request) {
	return func(r *request) { r.by, r.tls = p, r.s.tls(r, p) }
}

// value returns the value of a member's disclosure.
func value(f *token, name string) string {
	f.t.Helper()
	text := f.texts[f.index(`"`+name+`",`)]
	_, v, _ := strings.Cut(text, `"`+name+`",`)
	return strings.TrimSuffix(v, "]")
}

// jwe returns the JWE of a sealed field.
func jwe(f *token, name string) string {
	f.t.Helper()
	_, rest, _ := strings.Cut(value(f, name), `"jwe":"`)
	text, _, _ := strings.Cut(rest, `"`)
	return text
}

// rehead changes the header of a JWE.
func rehead(r *request, jwe, old, new string) string {
	header, _, _ := strings.Cut(jwe, ".")
	return substitute(r, jwe, header, encode(substitute(r, decode(r, header), old, new)))
}

// discloseSealed puts the value of a sealed field beside the token.
func discloseSealed(r *request) {
	inner := `["AAAAAAAAAAAAAAAAAAAAAA","value","CANARY"]`
	sealed := value(r.token, "risk_level")
	i := strings.Index(sealed, `"_sd":["`) + len(`"_sd":["`)
	r.token.give("risk_level", sealed[:i]+digest(inner)+sealed[i+43:])
	r.token.add(inner)
}

func bundleKid(r *request) string {
	_, rest, _ := strings.Cut(r.token.payload, `"keys":{"`)
	return rest[:43]
}

// rekeyed makes the key bundle one for another key, in an honest form. Only the
// directory can tell that it is wrong.
func rekeyed(p party, use envelope.Use) func(*request) {
	return func(r *request) {
		was, is := bundleKid(r), r.s.public(r, p, use).Thumbprint()
		_, rest, _ := strings.Cut(r.token.payload, fmt.Sprintf(`"keys":{"%s":"`, was))
		header, _, _ := strings.Cut(rest, ".")
		r.token.claim(header, encode(substitute(r, decode(r, header), was, is)))
		r.token.claim(`"keys":{"`+was, `"keys":{"`+is)
	}
}
