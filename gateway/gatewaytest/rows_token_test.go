package gatewaytest_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
)

const canary = gatewaytest.Canary

// tokenRows spoil what is signed, in a message: how, with which key, in which
// spelling (RFC 7515, RFC 8725, RFC 9901).
var tokenRows = []row{
	{"unsigned", message, func(r *request) { r.wire = signature(func(string) string { return "" }) }, refused(403, gateway.CodeSignature)},
	{"signature of other bytes", message, func(r *request) {
		r.wire = signature(func(s string) string { return strings.ToUpper(s[:43]) + s[43:] })
	},
		refused(403, gateway.CodeSignature)},
	{"signed by another agency", message, func(r *request) { r.key = r.s.key(r, townExit, envelope.UseMessage) }, refused(403, gateway.CodeSignature)},
	{"signed with an access key", message, signedBy(policeExit, envelope.UseAccess), refused(403, gateway.CodeUnknownKey)},
	{"signed with another agency's key by its name", message, signedBy(townExit, envelope.UseMessage), refused(403, gateway.CodeUnknownKey)},
	{"signed with a key of other roles", message, signedBy(policeSecurity, envelope.UseMessage), refused(403, gateway.CodeRoleNotAllowed)},
	{"alg ES384", message, func(r *request) { r.token.head(`"ES256"`, `"ES384"`) }, refused(403, gateway.CodeSignature)},
	{"alg RS256", message, func(r *request) { r.token.head(`"ES256"`, `"RS256"`) }, refused(403, gateway.CodeSignature)},
	{"alg none", message, func(r *request) {
		r.token.head(`"ES256"`, `"none"`)
		r.wire = signature(func(string) string { return "" })
	}, refused(403, gateway.CodeSignature)},
	{"key confusion", message, confuse, refused(403, gateway.CodeSignature)},
	{"typ of an access request", message, func(r *request) { r.token.head("case-message+sd-jwt", envelope.TypAccess) }, refused(400, gateway.CodeType)},
	{"typ of an event", message, func(r *request) { r.token.head("case-message+sd-jwt", envelope.TypEvent) }, refused(400, gateway.CodeType)},
	{"no typ", message, func(r *request) { r.token.head(`,"typ":"case-message+sd-jwt"`, ``) }, refused(400, gateway.CodeType)},
	{"header jwk", message, header(`"jwk":{"kty":"EC","crv":"P-256","x":"CANARY","y":"CANARY"}`), refused(400, gateway.CodeHeader)},
	{"header jku", message, header(`"jku":"https://CANARY.example/keys"`), refused(400, gateway.CodeHeader)},
	{"header x5u", message, header(`"x5u":"https://CANARY.example/chain"`), refused(400, gateway.CodeHeader)},
	{"header x5c", message, header(`"x5c":["CANARY"]`), refused(400, gateway.CodeHeader)},
	{"header crit", message, header(`"crit":["exp"]`), refused(400, gateway.CodeHeader)},
	{"header b64", message, header(`"b64":false,"crit":["b64"]`), refused(400, gateway.CodeHeader)},
	{"header zip", message, header(`"zip":"DEF"`), refused(400, gateway.CodeHeader)},
	{"header member twice", message, header(`"alg":"ES256"`), refused(400, gateway.CodeMalformed)},
	{"header of JWS JSON serialization", message, func(r *request) { r.wire = func(s string) string { return `{"payload":"` + s + `"}` } }, refused(400, gateway.CodeMalformed)},

	{"signature not canonical", message, func(r *request) { r.wire = signature(unusedBits) }, refused(403, gateway.CodeSignature)},
	{"signature padded", message, func(r *request) { r.wire = signature(func(s string) string { return s + "==" }) }, refused(403, gateway.CodeSignature)},
	{"payload padded and signed so", message, func(r *request) {
		r.token.claim(`{`, `{ `)
		for len(r.token.payload)%3 == 0 {
			r.token.claim(`{`, `{ `)
		}
		r.sign = func() string {
			text := encode(r.token.payload)
			text += strings.Repeat("=", (4-len(text)%4)%4)
			return r.token.with(signES256(r, r.key, encode(r.token.header)+"."+text))
		}
	}, refused(400, gateway.CodeMalformed)},
	{"standard base64 in a disclosure", message, func(r *request) {
		r.token.give("marking", `"???"`)
		r.wire = func(s string) string {
			jwt, texts, _ := strings.Cut(s, "~")
			return jwt + "~" + substitute(r, texts, "_", "/")
		}
	}, refused(400, gateway.CodeMalformed)},
	{"disclosure not canonical", message, func(r *request) {
		r.wire = func(s string) string {
			parts := strings.Split(s, "~")
			for i, p := range parts[1:] {
				if len(p)%4 != 0 {
					parts[i+1] = unusedBits(p)
					break
				}
			}
			return strings.Join(parts, "~")
		}
	}, refused(400, gateway.CodeMalformed)},
	{"invalid UTF-8", message, func(r *request) { r.token.claim(`"purpose":"`, "\"purpose\":\"\xff") }, refused(400, gateway.CodeMalformed)},
	{"lone surrogate", message, func(r *request) { r.token.claim(`"purpose":"`, `"purpose":"\ud800`) }, refused(400, gateway.CodeMalformed)},
	{"NUL behind the token", message, func(r *request) { r.wire = func(s string) string { return s + "\x00" } }, refused(400, gateway.CodeMalformed)},
	{"line break behind the token", message, func(r *request) { r.wire = func(s string) string { return s + "\n" } }, refused(400, gateway.CodeMalformed)},
	{"claim twice", message, func(r *request) { r.token.claim(`"purpose":`, `"purpose":"CANARY","purpose":`) }, refused(400, gateway.CodeMalformed)},
	{"claim twice in another spelling", message, func(r *request) { r.token.claim(`"purpose":`, `"purp\u006fse":"CANARY","purpose":`) }, refused(400, gateway.CodeMalformed)},
	{"member twice in a disclosure", message, func(r *request) { r.token.alter(`"about",{`, `"about",{"risk_level":[],"risk_level":[],`) }, refused(400, gateway.CodeMalformed)},
	{"payload nested 100,000 deep", message, func(r *request) { r.token.claim(`"purpose":`, `"x":`+nested(100_000)+`,"purpose":`) }, refused(400, gateway.CodeMalformed)},
	{"disclosure nested 33 deep", message, func(r *request) { r.token.give("valid_until", nested(33)) }, refused(400, gateway.CodeMalformed)},
	{"number of 100,000 digits", message, func(r *request) { r.token.set("exp", strings.Repeat("9", 100_000)) }, refused(400, gateway.CodeMalformed)},
	{"10,000 disclosures", message, func(r *request) {
		r.wire = func(s string) string {
			var b strings.Builder
			for i := range 10_000 {
				fmt.Fprintf(&b, "%s~", encode(fmt.Sprintf(`["%d","x",1]`, i)))
			}
			return s + b.String()
		}
	}, refused(413, gateway.CodeTooLarge)},
	{"message of 600 KB", message, func(r *request) { r.token.set("purpose", `"`+strings.Repeat(canary, 75_000)+`"`) }, refused(413, gateway.CodeTooLarge)},
	{"empty body", message, func(r *request) { r.token, r.body = nil, "" }, refused(400, gateway.CodeMalformed)},
	{"JSON instead of a token", message, func(r *request) { r.token, r.body = nil, `{"CANARY":"CANARY"}` }, refused(400, gateway.CodeMalformed)},

	{"digest twice", message, func(r *request) { r.token.claim(`"data":{"_sd":["`, `"data":{"_sd":["`+digest(r.token.texts[0])+`","`) }, refused(400, gateway.CodeMalformed)},
	{"disclosure twice", message, func(r *request) { r.token.add(r.token.texts[0]) }, refused(400, gateway.CodeMalformed)},
	{"unreferenced disclosure", message, func(r *request) { r.token.add(`["AAAAAAAAAAAAAAAAAAAAAA","x","CANARY"]`) }, refused(400, gateway.CodeMalformed)},
	{"overwriting disclosure", message, func(r *request) { r.token.claim(`"data":{`, `"data":{"valid_until":"2026-01-01",`) }, refused(400, gateway.CodeMalformed)},
	{"overwriting disclosure of another", message, func(r *request) { r.token.alter(`"valid_until"`, `"assessed_at"`) }, refused(400, gateway.CodeMalformed)},
	{"disclosure of a reserved name", message, func(r *request) { r.token.alter(`"valid_until"`, `"_sd"`) }, refused(400, gateway.CodeMalformed)},
	{"another hash", message, func(r *request) { r.token.claim(`"sha-256"`, `"sha-512"`) }, refused(400, gateway.CodeMalformed)},
	{"key binding attached", message, func(r *request) {
		r.wire = func(s string) string {
			return s + encode(`{"alg":"ES256","typ":"kb+jwt"}`) + "." + encode(`{}`) + "." + strings.Repeat("A", 86)
		}
	}, refused(400, gateway.CodeMalformed)},

	{"iat a day and a minute old", message, ages(-24*time.Hour-time.Minute, time.Hour*48), refused(422, gateway.CodeStale)},
	{"iat two minutes ahead", message, ages(2*time.Minute, time.Hour), refused(422, gateway.CodeFuture)},
	{"expired", message, ages(-time.Hour, 30*time.Minute), refused(422, gateway.CodeExpired)},
	{"exp before iat", message, ages(0, -time.Minute), refused(422, gateway.CodeExpired)},
	{"exp 31 days after iat", message, ages(0, 31*24*time.Hour), refused(422, gateway.CodeExpired)},
	{"iat a fraction", message, func(r *request) { r.token.claim(`"iat":`+r.token.str("iat"), `"iat":`+r.token.str("iat")+`.0`) }, refused(400, gateway.CodeMalformed)},
}

// signature changes the signature of a token.
func signature(change func(string) string) func(string) string {
	return func(s string) string {
		jwt, _, _ := strings.Cut(s, "~")
		i := strings.LastIndexByte(jwt, '.') + 1
		return jwt[:i] + change(jwt[i:]) + s[len(jwt):]
	}
}

// signedBy signs with another key and says so.
func signedBy(p party, use envelope.Use) func(*request) {
	return func(r *request) {
		r.token.head(r.token.kid(), r.s.public(r, p, use).Thumbprint())
		r.key = r.s.key(r, p, use)
	}
}

func header(member string) func(*request) {
	return func(r *request) { r.token.head(`{`, `{`+member+`,`) }
}

// confuse takes the sender's public key, in the form that such libraries take,
// for an HMAC secret.
func confuse(r *request) {
	r.token.head(`"ES256"`, `"HS256"`)
	der, err := x509.MarshalPKIXPublicKey(&r.key.PublicKey)
	if err != nil {
		r.Fatal(err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	r.sign = func() string {
		return r.token.with(signHS256(secret, encode(r.token.header)+"."+encode(r.token.payload)))
	}
}

// ages issues the message at another time, to expire after life.
func ages(from, life time.Duration) func(*request) {
	return func(r *request) {
		at := time.Now().Add(from)
		r.token.set("iat", fmt.Sprint(at.Unix()))
		r.token.set("exp", fmt.Sprint(at.Add(life).Unix()))
	}
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
