package envelope_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// dishonest makes the sender seal plain as risk_level, commit to it, and give
// its key in a bundle of the given form, in which %s is the key.
func dishonest(t testing.TB, f *forgery, to partyKey, plain, bundle string) {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	header := map[jose.HeaderKey]any{"iss": police.URN(), "sub": string(messageID) + "#/data/risk_level"}
	jwe := encrypt(t, plain, jose.Recipient{Algorithm: jose.DIRECT, Key: key}, "sealed-disclosure+jwe", header)
	spoilSealed(f, "risk_level", func(v map[string]any) { v["jwe"], v["_sd"] = jwe, []string{sum(plain)} })
	header = map[jose.HeaderKey]any{"iss": police.URN(), "aud": social.URN(), "sub": string(messageID)}
	kid := to.Public().Thumbprint()
	keys := encrypt(t, strings.Replace(bundle, "%s", encode(string(key)), 1),
		jose.Recipient{Algorithm: jose.ECDH_ES, Key: to.Public().ECDSA(), KeyID: kid}, "field-keys+jwe", header)
	_, rest, _ := strings.Cut(f.payload, `"`+kid+`":"`)
	old, _, _ := strings.Cut(rest, `"`)
	f.replace(old, keys)
}

func encrypt(t testing.TB, plain string, to jose.Recipient, typ string, header map[jose.HeaderKey]any) string {
	t.Helper()
	e, err := jose.NewEncrypter(jose.A256GCM, to, (&jose.EncrypterOptions{ExtraHeaders: header}).WithType(jose.ContentType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	o, err := e.Encrypt([]byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	s, err := o.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDishonestSender: the sender signs and commits to content that is not of
// the form; the gateway cannot see it, the recipient must.
func TestDishonestSender(t *testing.T) {
	w := newWorld(t)
	good := string(w.released(t))
	const bundle = `{"risk_level":"%s"}`
	salt := `["AAAAAAAAAAAAAAAAAAAAAA",`
	tests := []struct {
		name, inner, bundle string
		usable              bool
	}{
		{"honest", salt + `"value",4]`, bundle, true},
		{"no name", salt + `4]`, bundle, false},
		{"other name", salt + `"iss",4]`, bundle, false},
		{"short salt", `["AAAA","value",4]`, bundle, false},
		{"name twice", salt + `"value",{"a":1,"a":2}]`, bundle, false},
		{"not UTF-8", salt + "\"value\",\"\xff\"]", bundle, false},
		{"too deep", salt + `"value",` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `]`, bundle, false},
		{"further digests", salt + `"value",{"_sd":[]}]`, bundle, false},
		{"further digests in an array", salt + `"value",[{"...":"x"}]]`, bundle, false},
		{"bundle no object", salt + `"value",4]`, `["%s"]`, false},
		{"bundle with a key of another length", salt + `"value",4]`, `{"risk_level":"AAAA","x":"%s"}`, false},
		{"bundle with a name of another form", salt + `"value",4]`, `{"risk_level":"%s","A B":"` + strings.Repeat("A", 43) + `"}`, false},
		{"bundle with a number", salt + `"value",4]`, `{"risk_level":"%s","x":1}`, false},
		{"bundle with a name twice", salt + `"value",4]`, `{"risk_level":"%s","risk_level":"` + strings.Repeat("A", 43) + `"}`, false},
		{"bundle not JSON", salt + `"value",4]`, `%s`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := takeApart(t, good)
			f.t = t
			dishonest(t, f, w.sealOther, encode(tt.inner), tt.bundle)
			r, err := envelope.OpenRelease([]byte(f.bound(w.sender.key, w.release.key)), w.keys, want, now.Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			values, unusable, err := r.Unseal([]*envelope.Decrypter{w.sealOther.decrypter(t)})
			if err != nil {
				t.Fatal(err)
			}
			if got := !slices.Contains(unusable, gateway.Field("risk_level")); got != tt.usable {
				t.Errorf("usable is %t, want %t: %s", got, tt.usable, fmt.Sprint(values))
			}
		})
	}
}
