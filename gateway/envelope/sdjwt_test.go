package envelope_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway/envelope"
)

const claims = `{"iss":"a","exp":1783000000,"address":{"street":"CANARY","city":"x"},"list":["a","b",["c"]],"deep":{"inner":{"leaf":1}}}`

func issue(t testing.TB, k partyKey, with envelope.Issuance) *envelope.SDJWT {
	t.Helper()
	with.Signer = k.Signer
	token, err := envelope.Issue([]byte(claims), with)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestIssueAndDrop(t *testing.T) {
	k := newKey(t)
	places := []string{"/address/street", "/address", "/list/1", "/list/2", "/list/2/0", "/deep/inner", "/deep/inner/leaf"}
	token := issue(t, k, envelope.Issuance{Type: "x+sd-jwt", KeyID: "k1", Disclose: places, Decoys: map[string]int{"": 3, "/address": 2, "/list": 1}})
	if h := token.Header(); h != (envelope.Header{Type: "x+sd-jwt", KeyID: "k1", Issuer: "a"}) {
		t.Errorf("header %+v", h)
	}
	if err := token.Verify(envelope.Rules{Issuer: k.Public(), Type: "x+sd-jwt", Now: now}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(token.Payload()), "CANARY") {
		t.Error("the payload discloses what is disclosable")
	}
	tests := []struct {
		drop []string
		want string
	}{
		{nil, `{"iss":"a","exp":1783000000,"list":["a","b",["c"]],"deep":{"inner":{"leaf":1}},"address":{"city":"x","street":"CANARY"}}`},
		{[]string{"/address"}, `{"iss":"a","exp":1783000000,"list":["a","b",["c"]],"deep":{"inner":{"leaf":1}}}`},
		{[]string{"/address/street", "/list/1"}, `{"iss":"a","exp":1783000000,"list":["a",["c"]],"deep":{"inner":{"leaf":1}},"address":{"city":"x"}}`},
		{[]string{"/deep/inner", "/deep/inner/leaf", "/list/2/0"}, `{"iss":"a","exp":1783000000,"list":["a","b",[]],"deep":{},"address":{"city":"x","street":"CANARY"}}`},
		{places, `{"iss":"a","exp":1783000000,"list":["a"],"deep":{}}`},
	}
	for _, tt := range tests {
		got, err := token.Drop(tt.drop...)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Verify(envelope.Rules{Issuer: k.Public(), Now: now}); err != nil {
			t.Errorf("without %v: %v", tt.drop, err)
		}
		if diff := cmp.Diff(tt.want, string(got.Processed())); diff != "" {
			t.Errorf("without %v (-want +got):\n%s", tt.drop, diff)
		}
	}
	for _, place := range []string{"/iss", "/nothing", "", "/address/city"} {
		if _, err := token.Drop(place); !errors.Is(err, envelope.ErrUnknown) {
			t.Errorf("Drop(%q) = %v", place, err)
		}
	}
	var pointers []string
	for _, d := range token.Disclosures() {
		pointers = append(pointers, d.Pointer)
	}
	slices.Sort(pointers)
	slices.Sort(places)
	if diff := cmp.Diff(places, pointers); diff != "" {
		t.Errorf("pointers (-want +got):\n%s", diff)
	}
}

func TestIssueRefuses(t *testing.T) {
	k := newKey(t)
	for name, tt := range map[string]struct {
		claims string
		with   envelope.Issuance
		want   error
	}{
		"no signer":      {claims, envelope.Issuance{}, envelope.ErrZero},
		"unknown place":  {claims, envelope.Issuance{Signer: k.Signer, Disclose: []string{"/nothing"}}, envelope.ErrUnknown},
		"place twice":    {claims, envelope.Issuance{Signer: k.Signer, Disclose: []string{"/iss", "/iss"}}, envelope.ErrMalformed},
		"decoy nowhere":  {claims, envelope.Issuance{Signer: k.Signer, Decoys: map[string]int{"/iss": 1}}, envelope.ErrUnknown},
		"array":          {`[]`, envelope.Issuance{Signer: k.Signer}, envelope.ErrMalformed},
		"reserved _sd":   {`{"a":{"_sd":[]}}`, envelope.Issuance{Signer: k.Signer}, envelope.ErrMalformed},
		"reserved ...":   {`{"a":[{"...":"x"}]}`, envelope.Issuance{Signer: k.Signer}, envelope.ErrMalformed},
		"own _sd_alg":    {`{"_sd_alg":"sha-256"}`, envelope.Issuance{Signer: k.Signer}, envelope.ErrMalformed},
		"duplicate name": {`{"a":1,"a":2}`, envelope.Issuance{Signer: k.Signer}, envelope.ErrMalformed},
	} {
		if _, err := envelope.Issue([]byte(tt.claims), tt.with); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// TestParseRefuses spoils one thing in a token that fits together; the issuer
// signs it all the same.
func TestParseRefuses(t *testing.T) {
	k := newKey(t)
	good := issue(t, k, envelope.Issuance{Type: "x", Disclose: []string{"/address/street", "/address", "/list/1", "/deep/inner"}}).String()
	dig := strings.Repeat("A", 43)
	tests := []struct {
		name  string
		spoil func(*forgery)
	}{
		{"disclosure twice", func(f *forgery) { f.texts = append(f.texts, f.texts[0]) }},
		{"unreferenced disclosure", func(f *forgery) { f.texts = append(f.texts, `["s","x",1]`) }},
		{"parent dropped, child kept", func(f *forgery) { f.drop(`"address"`) }},
		{"digest twice in one _sd", func(f *forgery) { f.replace(`"_sd":[`, `"_sd":["`+dig+`","`+dig+`",`) }},
		{"digest in the payload and in a disclosure", func(f *forgery) { f.replace(`"_sd":[`, `"_sd":["`+digest(f.text(`"street"`))+`",`) }},
		{"digest in _sd and in an array", func(f *forgery) { f.replace(`"_sd":[`, `"_sd":["`+digest(f.text(`"b"`))+`",`) }},
		{"digest not base64url", func(f *forgery) { f.replace(`"_sd":[`, `"_sd":["`+strings.Repeat("+", 43)+`",`) }},
		{"digest not canonical", func(f *forgery) { f.replace(`"_sd":[`, `"_sd":["`+dig[:42]+`B",`) }},
		{"digest of another length", func(f *forgery) { f.replace(`"_sd":[`, `"_sd":["AAAA",`) }},
		{"digest a number", func(f *forgery) { f.replace(`"_sd":[`, `"_sd":[1,`) }},
		{"_sd an object", func(f *forgery) { f.replace(`"iss":"a"`, `"iss":{"_sd":{}}`) }},
		{"array digest beside a member", func(f *forgery) { f.replace(`{"...":`, `{"a":1,"...":`) }},
		{"array digest before a member", func(f *forgery) {
			f.replace(`{"...":"`+digest(f.text(`"b"`))+`"`, `{"...":"`+digest(f.text(`"b"`))+`","a":1`)
		}},
		{"array digest outside an array", func(f *forgery) { f.replace(`"iss":"a"`, `"iss":{"...":"`+dig+`"}`) }},
		{"array digest a number", func(f *forgery) { f.replace(`"list":[`, `"list":[{"...":1},`) }},
		{"_sd_alg sha-512", func(f *forgery) { f.replace("sha-256", "sha-512") }},
		{"_sd_alg SHA-256", func(f *forgery) { f.replace("sha-256", "SHA-256") }},
		{"_sd_alg a list", func(f *forgery) { f.replace(`"sha-256"`, `["sha-256"]`) }},
		{"_sd_alg disclosed", func(f *forgery) {
			f.replace(`,"_sd_alg":"sha-256"`, ``)
			f.alter(`"address"`, `"_sd_alg"`)
		}},
		{"overwrites a claim", func(f *forgery) { f.alter(`"address"`, `"iss"`) }},
		{"overwrites a claim beside it", func(f *forgery) { f.alter(`"street"`, `"city"`) }},
		{"two disclosures of one name", func(f *forgery) {
			text := `["s","inner",1]`
			f.texts = append(f.texts, text)
			f.replace(`"deep":{"_sd":[`, `"deep":{"_sd":["`+digest(text)+`",`)
		}},
		{"disclosure named _sd", func(f *forgery) { f.alter(`"address"`, `"_sd"`) }},
		{"disclosure named ...", func(f *forgery) { f.alter(`"address"`, `"..."`) }},
		{"disclosure of one", func(f *forgery) { f.redo(0, `["s"]`) }},
		{"disclosure of four", func(f *forgery) { f.redo(0, `["s","a",1,2]`) }},
		{"disclosure an object", func(f *forgery) { f.redo(0, `{"s":1}`) }},
		{"element where a member is due", func(f *forgery) { f.alter(`"street",`, ``) }},
		{"member where an element is due", func(f *forgery) { f.alter(`"b"`, `"name","b"`) }},
		{"salt a number", func(f *forgery) { f.redo(0, `[1,"street",1]`) }},
		{"name a number", func(f *forgery) { f.redo(0, `["s",1,1]`) }},
		{"disclosure not UTF-8", func(f *forgery) { f.redo(0, "[\"s\",\"street\",\"\xff\"]") }},
		{"disclosure with a name twice", func(f *forgery) { f.redo(0, `["s","street",{"a":1,"a":1}]`) }},
		{"disclosure cut", func(f *forgery) { f.redo(0, `["s","street",1`) }},
		{"depth through disclosures", func(f *forgery) { f.alter(`"leaf":1`, `"leaf":`+strings.Repeat("[", 30)+strings.Repeat("]", 30)) }},
		{"text after the last tilde", func(f *forgery) { f.tail = "x" }},
		{"white space after the last tilde", func(f *forgery) { f.tail = "\n" }},
	}
	if _, err := envelope.Parse(takeApart(t, good).join(k.key)); err != nil {
		t.Fatalf("the good token: %v", err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := takeApart(t, good)
			f.t = t
			tt.spoil(f)
			if _, err := envelope.Parse(f.join(k.key)); !errors.Is(err, envelope.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestParseRefusesTexts(t *testing.T) {
	k := newKey(t)
	good := issue(t, k, envelope.Issuance{Type: "x", Disclose: []string{"/iss", "/exp"}}).String()
	parts := strings.Split(good, "~")
	many := parts[0] + "~" + strings.Repeat(parts[1]+"~", 10000)
	tests := []struct {
		name, raw string
		want      error
	}{
		{"empty", "", envelope.ErrMalformed},
		{"a tilde", "~", envelope.ErrMalformed},
		{"no last tilde", strings.TrimSuffix(good, "~"), envelope.ErrMalformed},
		{"no tilde", parts[0], envelope.ErrMalformed},
		{"two last tildes", good + "~", envelope.ErrMalformed},
		{"empty disclosure", parts[0] + "~~" + parts[1] + "~", envelope.ErrMalformed},
		{"line break in a disclosure", parts[0] + "~" + parts[1][:5] + "\n" + parts[1][5:] + "~", envelope.ErrMalformed},
		{"padding in a disclosure", parts[0] + "~" + parts[1] + "=~", envelope.ErrMalformed},
		{"disclosures at commas", strings.ReplaceAll(good, "~", ","), envelope.ErrMalformed},
		{"10,000 disclosures", many, envelope.ErrTooLarge},
		{"over the limit", good + strings.Repeat("x", envelope.MaxToken), envelope.ErrTooLarge},
	}
	for _, tt := range tests {
		if _, err := envelope.Parse(tt.raw); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	k, holder := newKey(t), newKey(t)
	jwk, err := holder.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	token, err := envelope.Issue(fmt.Appendf(nil, `{"iss":"a","exp":%d,"nbf":%d,"cnf":{"jwk":%s},"x":1}`, now.Unix()+60, now.Unix(), jwk),
		envelope.Issuance{Signer: k.Signer, Type: "x", Disclose: []string{"/x"}})
	if err != nil {
		t.Fatal(err)
	}
	bound, err := token.BindKey("aud", "nonce", now, nil, holder.Signer)
	if err != nil {
		t.Fatal(err)
	}
	byOther, err := token.BindKey("aud", "nonce", now, nil, newKey(t).Signer)
	if err != nil {
		t.Fatal(err)
	}
	good := envelope.Rules{Issuer: k.Public(), Type: "x", Now: now, RequireKeyBinding: true, Audience: "aud", Nonce: "nonce"}
	if err := bound.Verify(good); err != nil {
		t.Fatal(err)
	}
	// Another set of disclosures under the same key binding.
	kb := bound.String()[strings.LastIndexByte(bound.String(), '~')+1:]
	fewer, err := token.Drop("/x")
	if err != nil {
		t.Fatal(err)
	}
	swapped, err := envelope.Parse(fewer.String() + kb)
	if err != nil {
		t.Fatal(err)
	}
	wrongTyp, err := envelope.SignJWT("jwt", map[string]any{"aud": "aud", "nonce": "nonce", "iat": now.Unix(), "sd_hash": token.SDHash()}, holder.Signer)
	if err != nil {
		t.Fatal(err)
	}
	asJWT, err := envelope.Parse(token.String() + wrongTyp)
	if err != nil {
		t.Fatal(err)
	}
	noTime, err := envelope.SignJWT(envelope.TypKeyBinding, map[string]any{"aud": "aud", "nonce": "nonce", "sd_hash": token.SDHash()}, holder.Signer)
	if err != nil {
		t.Fatal(err)
	}
	untimed, err := envelope.Parse(token.String() + noTime)
	if err != nil {
		t.Fatal(err)
	}
	if token.KeyBinding() != nil || !strings.Contains(string(bound.KeyBinding()), `"nonce":"nonce"`) {
		t.Error("KeyBinding() is not the payload of the key binding")
	}
	noCnf, err := envelope.Issue([]byte(`{"iss":"a"}`), envelope.Issuance{Signer: k.Signer, Type: "x"})
	if err != nil {
		t.Fatal(err)
	}
	noCnf, err = noCnf.BindKey("aud", "nonce", now, nil, holder.Signer)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		token *envelope.SDJWT
		spoil func(*envelope.Rules)
		want  error
	}{
		{"other issuer", bound, func(r *envelope.Rules) { r.Issuer = holder.Public() }, envelope.ErrSignature},
		{"no issuer", bound, func(r *envelope.Rules) { r.Issuer = envelope.PublicKey{} }, envelope.ErrKey},
		{"other typ", bound, func(r *envelope.Rules) { r.Type = "y" }, envelope.ErrType},
		{"no time", bound, func(r *envelope.Rules) { r.Now = time.Time{} }, envelope.ErrZero},
		{"expired", bound, func(r *envelope.Rules) { r.Now = now.Add(time.Minute) }, envelope.ErrExpired},
		{"too early", bound, func(r *envelope.Rules) { r.Now = now.Add(-time.Second) }, envelope.ErrFuture},
		{"no key binding", token, func(*envelope.Rules) {}, envelope.ErrKeyBinding},
		{"nothing to require", bound, func(r *envelope.Rules) { r.Nonce = "" }, envelope.ErrZero},
		{"other audience", bound, func(r *envelope.Rules) { r.Audience = "b" }, envelope.ErrAudience},
		{"other nonce", bound, func(r *envelope.Rules) { r.Nonce = "b" }, envelope.ErrKeyBinding},
		{"other holder", byOther, func(*envelope.Rules) {}, envelope.ErrKeyBinding},
		{"holder given, other signs", bound, func(r *envelope.Rules) { r.Holder = k.Public() }, envelope.ErrKeyBinding},
		{"other holder, binding not required", byOther, func(r *envelope.Rules) { r.RequireKeyBinding = false }, envelope.ErrKeyBinding},
		{"other disclosures", swapped, func(*envelope.Rules) {}, envelope.ErrKeyBinding},
		{"other typ of key binding", asJWT, func(*envelope.Rules) {}, envelope.ErrType},
		{"key binding without iat", untimed, func(*envelope.Rules) {}, envelope.ErrKeyBinding},
		{"no cnf", noCnf, func(*envelope.Rules) {}, envelope.ErrKeyBinding},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := good
			tt.spoil(&r)
			if err := tt.token.Verify(r); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	for _, at := range []string{`1.5`, `"1783000000"`, `-1`, `1e9`, `99999999999999`, `null`} {
		odd, err := envelope.Issue([]byte(`{"exp":`+at+`}`), envelope.Issuance{Signer: k.Signer})
		if err != nil {
			t.Fatal(err)
		}
		if err := odd.Verify(envelope.Rules{Issuer: k.Public(), Now: now}); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("exp %s: %v", at, err)
		}
	}
}
