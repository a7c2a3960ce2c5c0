package envelope_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// refusal returns the code of a refusal, "" for another error.
func refusal(err error) gateway.Code {
	r, ok := errors.AsType[*gateway.Refusal](err)
	if !ok {
		return ""
	}
	return r.Code
}

// TestOpenRefuses spoils one thing in a good message. The sender signs what is
// spoiled: none of these is saved by the signature.
func TestOpenRefuses(t *testing.T) {
	w := newWorld(t)
	good := w.sealed(t)
	second := w.sealed(t) // the same fields under other keys and salts
	dig := strings.Repeat("A", 43)
	tests := []struct {
		name  string
		spoil func(*forgery)
		want  gateway.Code
	}{
		{"other typ", func(f *forgery) { f.header = strings.Replace(f.header, "case-message", "case-messages", 1) }, gateway.CodeType},
		{"kid of another agency", func(f *forgery) {
			f.header = strings.Replace(f.header, w.sender.Public().Thumbprint(), w.other.Public().Thumbprint(), 1)
		}, gateway.CodeUnknownKey},
		{"no kid", func(f *forgery) { f.header = `{"alg":"ES256","typ":"case-message+sd-jwt"}` }, gateway.CodeMalformed},
		{"header jwk", func(f *forgery) { f.header = strings.Replace(f.header, `{`, `{"jwk":{},`, 1) }, gateway.CodeHeader},
		{"alg none", func(f *forgery) { f.header = strings.Replace(f.header, `ES256`, `none`, 1) }, gateway.CodeSignature},
		{"issuer's own key, other issuer", func(f *forgery) { f.replace(`agency:police`, `agency:sis`) }, gateway.CodeSealing},
		{"key binding attached", func(f *forgery) { f.tail = encode(f.header) + "." + encode(`{}`) + "." + strings.Repeat("A", 86) }, gateway.CodeMalformed},
		{"top-level _sd", func(f *forgery) { f.replace(`"_sd_alg"`, `"_sd":["`+dig+`"],"_sd_alg"`) }, gateway.CodeMalformed},
		{"no _sd_alg", func(f *forgery) { f.replace(`,"_sd_alg":"sha-256"`, ``) }, gateway.CodeMalformed},
		{"unknown claim", func(f *forgery) { f.replace(`{"iss"`, `{"sub":"x","iss"`) }, gateway.CodeMalformed},
		{"claim in other case", func(f *forgery) { f.replace(`"txn"`, `"Txn"`) }, gateway.CodeMalformed},
		{"no iss", func(f *forgery) { f.replace(`"iss":"urn:sluss:agency:police",`, ``) }, gateway.CodeMalformed},
		{"iss no agency", func(f *forgery) { f.replace(`urn:sluss:agency:police`, `urn:sluss:gateway:test`) }, gateway.CodeMalformed},
		{"aud a list", func(f *forgery) {
			f.replace(`"urn:sluss:agency:municipality:0180"`, `["urn:sluss:agency:municipality:0180"]`)
		}, gateway.CodeMalformed},
		{"aud no party", func(f *forgery) { f.replace(`agency:municipality:0180`, `agency:nobody`) }, gateway.CodeMalformed},
		{"other aud than the sealed keys", func(f *forgery) { f.replace(`municipality:0180`, `municipality:1480`) }, gateway.CodeSealing},
		{"jti no UUID v7", func(f *forgery) { f.replace(`-774b-`, `-474b-`) }, gateway.CodeMalformed},
		{"other jti", func(f *forgery) { f.replace(`01890a5d`, `01890a5e`) }, gateway.CodeSealing},
		{"iat a fraction", func(f *forgery) { f.replace(`"iat":1780300800`, `"iat":1780300800.0`) }, gateway.CodeMalformed},
		{"iat a string", func(f *forgery) { f.replace(`"iat":1780300800`, `"iat":"1780300800"`) }, gateway.CodeMalformed},
		{"iat with exponent", func(f *forgery) { f.replace(`"iat":1780300800`, `"iat":17803008e2`) }, gateway.CodeMalformed},
		{"iat negative", func(f *forgery) { f.replace(`"iat":1780300800`, `"iat":-1`) }, gateway.CodeMalformed},
		{"iat beyond all time", func(f *forgery) { f.replace(`"iat":1780300800`, `"iat":99999999999999999999`) }, gateway.CodeMalformed},
		{"iat a day and a second old", func(f *forgery) { f.replace(`"iat":1780300800`, `"iat":1780214399`) }, gateway.CodeStale},
		{"iat ahead", func(f *forgery) { f.replace(`"iat":1780300800`, `"iat":1780300861`) }, gateway.CodeFuture},
		{"expired", func(f *forgery) { f.replace(`"exp":1780905600`, `"exp":1780300800`) }, gateway.CodeExpired},
		{"exp too far", func(f *forgery) { f.replace(`"exp":1780905600`, `"exp":1782892801`) }, gateway.CodeExpired},
		{"txn no reference", func(f *forgery) { f.replace(`"txn":"`, `"txn":"x`) }, gateway.CodeMalformed},
		{"sub_ref missing", func(f *forgery) { f.replace(`"sub_ref":`, `"sub_rex":`) }, gateway.CodeMalformed},
		{"to_roles empty", func(f *forgery) { f.replace(`["municipality.social_worker"]`, `[]`) }, gateway.CodeMalformed},
		{"to_roles twice", func(f *forgery) { f.replace(`["municipality.social_worker"]`, `["a","a"]`) }, gateway.CodeMalformed},
		{"role not a name", func(f *forgery) { f.replace(`"municipality.social_worker"`, `"a b"`) }, gateway.CodeMalformed},
		{"from_role not a name", func(f *forgery) { f.replace(`"police.exit_coordinator_regional"`, `"a b"`) }, gateway.CodeMalformed},
		{"version 0.5", func(f *forgery) { f.replace(`"version":1`, `"version":0.5`) }, gateway.CodeMalformed},
		{"version 0", func(f *forgery) { f.replace(`"version":1`, `"version":0`) }, gateway.CodeMalformed},
		{"schema with more", func(f *forgery) { f.replace(`"version":1`, `"version":1,"x":1`) }, gateway.CodeMalformed},
		{"cnf with a key", func(f *forgery) { f.replace(`"cnf":{`, `"cnf":{"jwk":{},`) }, gateway.CodeMalformed},
		{"cnf no gateway", func(f *forgery) { f.replace(`gateway:test`, `gateway:`) }, gateway.CodeMalformed},
		{"reply_to no jti", func(f *forgery) { f.replace(`"cnf":`, `"reply_to":"x","cnf":`) }, gateway.CodeMalformed},

		{"gate member withheld", func(f *forgery) { f.drop(`"about"`) }, gateway.CodeMalformed},
		{"gate member in clear", func(f *forgery) { f.replace(`"gate":{`, `"gate":{"child":true,`) }, gateway.CodeMalformed},
		{"gate with a decoy", func(f *forgery) { f.replace(`"gate":{"_sd":[`, `"gate":{"_sd":["`+dig+`",`) }, gateway.CodeMalformed},
		{"gate member unknown", func(f *forgery) { f.alter(`"child"`, `"adult"`) }, gateway.CodeMalformed},
		{"child a string", func(f *forgery) { f.alter(`"child",false`, `"child","false"`) }, gateway.CodeMalformed},
		{"urgency unknown", func(f *forgery) { f.alter(`"urgency","normal"`, `"urgency","soon"`) }, gateway.CodeMalformed},
		{"reason with a text", func(f *forgery) { f.alter(`"length":40`, `"length":40,"text":"CANARY"`) }, gateway.CodeMalformed},
		{"reason length negative", func(f *forgery) { f.alter(`"length":40`, `"length":-40`) }, gateway.CodeMalformed},
		{"fields named twice", func(f *forgery) { f.alter(`"default","no_go_areas"`, `"default","default"`) }, gateway.CodeMalformed},
		{"about with a name", func(f *forgery) { f.alter(`"safety_instructions":[`, `"safety_instructions":["Name",`) }, gateway.CodeMalformed},
		{"about with a field of another form", func(f *forgery) { f.alter(`"about",{`, `"about",{"A B":[],`) }, gateway.CodeMalformed},
		{"about with a reference in another spelling", func(f *forgery) {
			f.alter(`"safety_instructions":[`, `"safety_instructions":["AAAAAAAAAAAAAAAAAAAAAB",`)
		}, gateway.CodeMalformed},
		{"gate with a short salt", func(f *forgery) { f.redo(0, `["AAAA"`+f.texts[0][25:]) }, gateway.CodeMalformed},
		{"consent_ref in another spelling", func(f *forgery) { f.alter(`AAAAAAAAAAAAAAAAAAAAAA`, `AAAAAAAAAAAAAAAAAAAAAB`) }, gateway.CodeMalformed},
		{"marking empty", func(f *forgery) { f.alter(`"marking","none"`, `"marking",""`) }, gateway.CodeMalformed},
		{"disclosure within the gate", func(f *forgery) {
			f.texts = append(f.texts, `["AAAAAAAAAAAAAAAAAAAAAA","x",["AAAAAAAAAAAAAAAAAAAAAA"]]`)
			f.alter(`"about",{`, `"about",{"_sd":["`+digest(f.texts[len(f.texts)-1])+`"],`)
		}, gateway.CodeMalformed},

		{"data with a clear member", func(f *forgery) { f.replace(`"data":{`, `"data":{"risk_level":4,`) }, gateway.CodeMalformed},
		{"field name with a slash", func(f *forgery) { f.alter(`"valid_until"`, `"a/b"`) }, gateway.CodeMalformed},
		{"field name in capitals", func(f *forgery) { f.alter(`"valid_until"`, `"Valid"`) }, gateway.CodeMalformed},
		{"short salt", func(f *forgery) { f.redo(len(f.texts)-1, `["AAAA"`+f.texts[len(f.texts)-1][25:]) }, gateway.CodeMalformed},
		{"field twice", func(f *forgery) { f.alter(`"valid_until"`, `"assessment_id"`) }, gateway.CodeMalformed},
		{"number cell's digest twice", func(f *forgery) { f.alter(`"_sd":[`, `"_sd":["`+dig+`",`) }, gateway.CodeSealing},
		{"cells: two digests in a cell", func(f *forgery) { f.alter(`{"sex":"woman"},"_sd":[`, `{"sex":"woman"},"_sd":["`+dig+`",`) }, gateway.CodeMalformed},
		{"cells: n beside its digest", func(f *forgery) { f.alter(`"id":"c3"`, `"id":"c3","n":1`) }, gateway.CodeMalformed},
		{"cells: id twice", func(f *forgery) { f.alter(`"id":"c2"`, `"id":"c1"`) }, gateway.CodeMalformed},
		{"cells: another name than n", func(f *forgery) { f.alter(`"n",12`, `"m",12`) }, gateway.CodeMalformed},
		{"cells: a digest deeper", func(f *forgery) { f.alter(`"dims":{}`, `"dims":{"_sd":["`+dig+`"]}`) }, gateway.CodeMalformed},
		{"cells: a disclosure within a number", func(f *forgery) {
			f.texts = append(f.texts, `["AAAAAAAAAAAAAAAAAAAAAA","x",1]`)
			f.alter(`"n",12`, `"n",{"_sd":["`+digest(f.texts[len(f.texts)-1])+`"]}`)
		}, gateway.CodeMalformed},
		{"clear object with a digest", func(f *forgery) { f.alter(`"2026-08-31"`, `{"_sd":["`+dig+`"]}`) }, gateway.CodeMalformed},
		{"clear array with a digest", func(f *forgery) { f.alter(`"2026-08-31"`, `[{"...":"`+dig+`"}]`) }, gateway.CodeMalformed},

		{"sealed with a value beside it", func(f *forgery) { f.alter(`{"jwe":`, `{"value":4,"jwe":`) }, gateway.CodeSealing},
		{"sealed without digest", func(f *forgery) { spoilSealed(f, "risk_level", func(v map[string]any) { v["_sd"] = []string{} }) }, gateway.CodeSealing},
		{"sealed with two digests", func(f *forgery) {
			spoilSealed(f, "risk_level", func(v map[string]any) { v["_sd"] = append(v["_sd"].([]any), dig) })
		}, gateway.CodeSealing},
		{"sealed value disclosed beside the token", func(f *forgery) {
			inner := `["AAAAAAAAAAAAAAAAAAAAAA","value","CANARY"]`
			spoilSealed(f, "risk_level", func(v map[string]any) { v["_sd"] = []string{digest(inner)} })
			f.texts = append(f.texts, inner)
		}, gateway.CodeNotSealed},
		{"ciphertexts of two fields swapped", func(f *forgery) {
			a, b := sealedJWE(f, "risk_level"), sealedJWE(f, "no_go_areas")
			spoilSealed(f, "risk_level", func(v map[string]any) { v["jwe"] = b })
			spoilSealed(f, "no_go_areas", func(v map[string]any) { v["jwe"] = a })
		}, gateway.CodeSealing},
		{"JWE: alg ECDH-ES", jweHeader("risk_level", `"alg":"dir"`, `"alg":"ECDH-ES"`), gateway.CodeSealing},
		{"JWE: enc A128GCM", jweHeader("risk_level", `"enc":"A256GCM"`, `"enc":"A128GCM"`), gateway.CodeSealing},
		{"JWE: zip", jweHeader("risk_level", `"alg":"dir"`, `"alg":"dir","zip":"DEF"`), gateway.CodeSealing},
		{"JWE: crit", jweHeader("risk_level", `"alg":"dir"`, `"alg":"dir","crit":[]`), gateway.CodeSealing},
		{"JWE: kid", jweHeader("risk_level", `"alg":"dir"`, `"alg":"dir","kid":"x"`), gateway.CodeSealing},
		{"JWE: typ", jweHeader("risk_level", `sealed-disclosure`, `sealed`), gateway.CodeSealing},
		{"JWE: iss of another", jweHeader("risk_level", `agency:police`, `agency:sis`), gateway.CodeSealing},
		{"JWE: sub of another message", jweHeader("risk_level", `01890a5d`, `01890a5e`), gateway.CodeSealing},
		{"JWE: sub of another field", jweHeader("risk_level", `/data/risk_level`, `/data/no_go_areas`), gateway.CodeSealing},
		{"JWE: a name twice", jweHeader("risk_level", `"alg":"dir"`, `"alg":"dir","alg":"dir"`), gateway.CodeSealing},
		{"JWE: not UTF-8", jweHeader("risk_level", `"alg":"dir"`, "\"alg\":\"dir\xff\""), gateway.CodeSealing},
		{"JWE with an encrypted key", jweParts("risk_level", func(p []string) { p[1] = "AAAA" }), gateway.CodeSealing},
		{"JWE with a short nonce", jweParts("risk_level", func(p []string) { p[2] = "AAAA" }), gateway.CodeSealing},
		{"JWE with a short tag", jweParts("risk_level", func(p []string) { p[4] = "AAAA" }), gateway.CodeSealing},
		{"JWE not canonical", jweParts("risk_level", func(p []string) { p[4] = unusedBits(p[4]) }), gateway.CodeSealing},
		{"JWE of six parts", jweParts("risk_level", func(p []string) { p[4] += ".AAAA" }), gateway.CodeSealing},
		{"JWE a number", func(f *forgery) { spoilSealed(f, "risk_level", func(v map[string]any) { v["jwe"] = 1 }) }, gateway.CodeSealing},

		{"keys missing", func(f *forgery) { f.payload = dropKeys(f.payload) }, gateway.CodeMalformed},
		{"bundle under another kid", func(f *forgery) { f.replace(`"`+w.seal.Public().Thumbprint()+`":`, `"`+dig+`":`) }, gateway.CodeSealing},
		{"bundle kid no thumbprint", func(f *forgery) { f.replace(`"`+w.seal.Public().Thumbprint()+`":`, `"k1":`) }, gateway.CodeSealing},
		{"bundle kid in an epk", bundleHeader(w.seal, `"crv":"P-256"`, `"crv":"P-256","kid":"x"`), gateway.CodeSealing},
		{"bundle of another curve", bundleHeader(w.seal, `"crv":"P-256"`, `"crv":"P-384"`), gateway.CodeSealing},
		{"bundle for another agency", bundleHeader(w.seal, `municipality:0180`, `municipality:1480`), gateway.CodeSealing},
		{"bundle of another message", bundleHeader(w.seal, `01890a5d`, `01890a5e`), gateway.CodeSealing},
		{"bundle of another sender", bundleHeader(w.seal, `agency:police`, `agency:sis`), gateway.CodeSealing},
		{"bundle with apu", bundleHeader(w.seal, `"alg":"ECDH-ES"`, `"alg":"ECDH-ES","apu":"AAAA"`), gateway.CodeSealing},
		{"bundle with key wrap", bundleHeader(w.seal, `"alg":"ECDH-ES"`, `"alg":"ECDH-ES+A256KW"`), gateway.CodeSealing},
		{"bundle a list", func(f *forgery) {
			f.replace(`"`+w.seal.Public().Thumbprint()+`":"`, `"`+w.seal.Public().Thumbprint()+`":1,"`+dig+`":"`)
		}, gateway.CodeSealing},
		{"disclosure of another message", func(f *forgery) {
			f.texts = append(f.texts, takeApart(t, string(second)).text(`"no_go_areas"`))
		}, gateway.CodeMalformed},
	}
	if _, err := envelope.Open([]byte(takeApart(t, string(good)).join(w.sender.key)), w.keys, now); err != nil {
		t.Fatalf("the good message: %v", err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := takeApart(t, string(good))
			f.t = t
			tt.spoil(f)
			m, err := envelope.Open([]byte(f.join(w.sender.key)), w.keys, now)
			if refusal(err) != tt.want || !m.IsZero() {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error shows a value: %v", err)
			}
		})
	}
}

// spoilSealed changes the value of a sealed field's outer disclosure.
func spoilSealed(f *forgery, name string, spoil func(map[string]any)) {
	f.t.Helper()
	for i, text := range f.texts {
		var d []any
		if !strings.Contains(text, `"`+name+`",{`) || !strings.Contains(text, `"jwe":`) {
			continue
		}
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			f.t.Fatal(err)
		}
		spoil(d[2].(map[string]any))
		b, err := json.Marshal(d)
		if err != nil {
			f.t.Fatal(err)
		}
		f.redo(i, string(b))
		return
	}
	f.t.Fatalf("no sealed field %s", name)
}

func sealedJWE(f *forgery, name string) (jwe string) {
	f.t.Helper()
	spoilSealed(f, name, func(v map[string]any) { jwe = v["jwe"].(string) })
	return jwe
}

func jweParts(name string, spoil func([]string)) func(*forgery) {
	return func(f *forgery) {
		spoilSealed(f, name, func(v map[string]any) {
			p := strings.Split(v["jwe"].(string), ".")
			spoil(p)
			v["jwe"] = strings.Join(p, ".")
		})
	}
}

func jweHeader(name, old, new string) func(*forgery) {
	return func(f *forgery) {
		jweParts(name, func(p []string) { p[0] = encode(substitute(f.t, decode(f.t, p[0]), old, new)) })(f)
	}
}

func substitute(t testing.TB, s, old, new string) string {
	t.Helper()
	if !strings.Contains(s, old) {
		t.Fatalf("%s has no %s", s, old)
	}
	return strings.Replace(s, old, new, 1)
}

// bundleHeader changes the header of the bundle for a key.
func bundleHeader(k partyKey, old, new string) func(*forgery) {
	return func(f *forgery) {
		f.t.Helper()
		_, rest, _ := strings.Cut(f.payload, `"`+k.Public().Thumbprint()+`":"`)
		header, _, _ := strings.Cut(rest, ".")
		f.replace(header, encode(substitute(f.t, decode(f.t, header), old, new)))
	}
}

func dropKeys(payload string) string {
	before, rest, _ := strings.Cut(payload, `"keys":{`)
	_, after, _ := strings.Cut(rest, `},`)
	return before + after
}

// TestCopiedSealedField: an agency puts another's sealed field, which it cannot
// read, into a message of its own, to have the recipient open it as its own.
func TestCopiedSealedField(t *testing.T) {
	w := newWorld(t)
	copied := takeApart(t, string(w.sealed(t))).text(`"risk_level"`)
	d := draft()
	d.Issuer = "sis"
	raw, err := envelope.Seal(d, spec, w.recipients(), w.other.Signer)
	if err != nil {
		t.Fatal(err)
	}
	f := takeApart(t, string(raw))
	for i, text := range f.texts {
		if strings.Contains(text, `"risk_level"`) {
			f.redo(i, copied)
		}
	}
	if _, err := envelope.Open([]byte(f.join(w.other.key)), w.keys, now); refusal(err) != gateway.CodeSealing {
		t.Errorf("got %v, want %s", err, gateway.CodeSealing)
	}
}

// TestOpenRefusesTexts covers what is not the sender's doing.
func TestOpenRefusesTexts(t *testing.T) {
	w := newWorld(t)
	good := string(w.sealed(t))
	tests := []struct {
		name, raw string
		want      gateway.Code
	}{
		{"empty", "", gateway.CodeMalformed},
		{"no last tilde", good[:len(good)-1], gateway.CodeMalformed},
		{"line break at the end", good + "\n", gateway.CodeMalformed},
		{"over the limit", good + strings.Repeat("A", envelope.MaxMessage), gateway.CodeTooLarge},
		{"other signature", strings.Replace(good, "~", "", 1), gateway.CodeSignature},
		{"signed by another agency", takeApart(t, good).join(w.other.key), gateway.CodeSignature},
		{"a release", string(w.released(t)), gateway.CodeMalformed},
		{"disclosure of the wire's own", good + encode(`["AAAAAAAAAAAAAAAAAAAAAA","x",1]`) + "~", gateway.CodeMalformed},
	}
	for _, tt := range tests {
		if _, err := envelope.Open([]byte(tt.raw), w.keys, now); refusal(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	broken := brokenKeys{w.keys}
	if _, err := envelope.Open([]byte(good), broken, now); refusal(err) != gateway.CodeUnknownKey {
		t.Errorf("a resolver that gives no key and no error: %v", err)
	}
}

// brokenKeys gives the zero key for every question.
type brokenKeys struct{ register }

func (brokenKeys) Key(string, string, envelope.Use, time.Time) (envelope.PublicKey, error) {
	return envelope.PublicKey{}, nil
}

func TestSealRefuses(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name  string
		spoil func(*envelope.Draft, *[]envelope.Recipient)
		want  error
	}{
		{"value too long", func(d *envelope.Draft, _ *[]envelope.Recipient) {
			d.Values["risk_level"] = json.RawMessage(`"` + strings.Repeat("x", 64) + `"`)
		}, envelope.ErrTooLong},
		{"field unknown", func(d *envelope.Draft, _ *[]envelope.Recipient) { d.Values["narrative"] = json.RawMessage(`1`) }, envelope.ErrUnknown},
		{"value not JSON", func(d *envelope.Draft, _ *[]envelope.Recipient) { d.Values["risk_level"] = json.RawMessage(`4,`) }, envelope.ErrMalformed},
		{"clear value with a digest", func(d *envelope.Draft, _ *[]envelope.Recipient) {
			d.Values["valid_until"] = json.RawMessage(`{"_sd":[]}`)
		}, envelope.ErrMalformed},
		{"cells no list", func(d *envelope.Draft, _ *[]envelope.Recipient) { d.Values["cells"] = json.RawMessage(`{}`) }, envelope.ErrMalformed},
		{"cell without id", func(d *envelope.Draft, _ *[]envelope.Recipient) { d.Values["cells"] = json.RawMessage(`[{"n":1}]`) }, envelope.ErrMalformed},
		{"sealed value too deep", func(d *envelope.Draft, _ *[]envelope.Recipient) {
			d.Values["safety_instructions"] = json.RawMessage(strings.Repeat("[", 32) + strings.Repeat("]", 32))
		}, envelope.ErrMalformed},
		{"nobody to seal for", func(_ *envelope.Draft, to *[]envelope.Recipient) { *to = nil }, envelope.ErrZero},
		{"recipient twice", func(_ *envelope.Draft, to *[]envelope.Recipient) { *to = append(*to, (*to)[0]) }, envelope.ErrMalformed},
		{"recipient without key", func(_ *envelope.Draft, to *[]envelope.Recipient) { (*to)[0].Key = envelope.PublicKey{} }, envelope.ErrMalformed},
		{"no urgency", func(d *envelope.Draft, _ *[]envelope.Recipient) { d.Urgency = "" }, envelope.ErrMalformed},
		{"no case", func(d *envelope.Draft, _ *[]envelope.Recipient) { d.Case = "" }, envelope.ErrMalformed},
		{"life too long", func(d *envelope.Draft, _ *[]envelope.Recipient) { d.Expires = d.IssuedAt.Add(31 * 24 * time.Hour) }, envelope.ErrExpired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, to := draft(), w.recipients()
			tt.spoil(&d, &to)
			raw, err := envelope.Seal(d, spec, to, w.sender.Signer)
			if !errors.Is(err, tt.want) || raw != nil {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error shows a value: %v", err)
			}
		})
	}
	if _, err := envelope.Seal(draft(), spec, w.recipients(), nil); !errors.Is(err, envelope.ErrZero) {
		t.Errorf("without signer: %v", err)
	}
}
