package envelope_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"sluss/gateway/envelope"
)

func TestVerifyJWTRefuses(t *testing.T) {
	k, other := newKey(t), newKey(t)
	kid := k.Public().Thumbprint()
	header := `{"alg":"ES256","kid":"` + kid + `","typ":"t+jwt"}`
	with := func(member string) string { return strings.TrimSuffix(header, "}") + "," + member + "}" }
	sign := func(header, payload string) string { return signES256(t, k.key, header, payload) }
	good := sign(header, `{"iss":"a"}`)
	if payload, err := envelope.VerifyJWT(good, "t+jwt", k.Public()); err != nil || string(payload) != `{"iss":"a"}` {
		t.Fatalf("the good token: %s, %v", payload, err)
	}
	seg := strings.Split(good, ".")
	secret, err := k.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, raw string
		want      error
	}{
		{"empty", "", envelope.ErrMalformed},
		{"alg none", encode(`{"alg":"none","kid":"`+kid+`","typ":"t+jwt"}`) + "." + seg[1] + ".", envelope.ErrSignature},
		{"alg None", sign(strings.Replace(header, "ES256", "None", 1), "{}"), envelope.ErrSignature},
		{"alg es256", sign(strings.Replace(header, "ES256", "es256", 1), "{}"), envelope.ErrSignature},
		{"alg ES384", sign(strings.Replace(header, "ES256", "ES384", 1), "{}"), envelope.ErrSignature},
		{"key confusion HS256", signHS256(secret, strings.Replace(header, "ES256", "HS256", 1), "{}"), envelope.ErrSignature},
		{"HS256 named ES256", signHS256(secret, header, "{}"), envelope.ErrSignature},
		{"no alg", sign(`{"kid":"`+kid+`","typ":"t+jwt"}`, "{}"), envelope.ErrMalformed},
		{"alg twice", sign(with(`"alg":"ES256"`), "{}"), envelope.ErrMalformed},
		{"jwk", sign(with(`"jwk":{"kty":"EC"}`), "{}"), envelope.ErrHeader},
		{"jku", sign(with(`"jku":"https://example.com/"`), "{}"), envelope.ErrHeader},
		{"x5u", sign(with(`"x5u":"https://example.com/"`), "{}"), envelope.ErrHeader},
		{"x5c", sign(with(`"x5c":[]`), "{}"), envelope.ErrHeader},
		{"crit", sign(with(`"crit":["exp"]`), "{}"), envelope.ErrHeader},
		{"crit empty", sign(with(`"crit":[]`), "{}"), envelope.ErrHeader},
		{"b64", sign(with(`"b64":false`), "{}"), envelope.ErrHeader},
		{"zip", sign(with(`"zip":"DEF"`), "{}"), envelope.ErrHeader},
		{"cty", sign(with(`"cty":"json"`), "{}"), envelope.ErrHeader},
		{"private parameter", sign(with(`"urn:x":1`), "{}"), envelope.ErrHeader},
		{"Alg", sign(with(`"Alg":"ES256"`), "{}"), envelope.ErrHeader},
		{"other typ", sign(strings.Replace(header, "t+jwt", "u+jwt", 1), "{}"), envelope.ErrType},
		{"typ in capitals", sign(strings.Replace(header, "t+jwt", "T+JWT", 1), "{}"), envelope.ErrType},
		{"no typ", sign(`{"alg":"ES256","kid":"`+kid+`"}`, "{}"), envelope.ErrType},
		{"typ a number", sign(`{"alg":"ES256","kid":"`+kid+`","typ":1}`, "{}"), envelope.ErrMalformed},
		{"other kid", sign(strings.Replace(header, kid, other.Public().Thumbprint(), 1), "{}"), envelope.ErrKey},
		{"no kid", sign(`{"alg":"ES256","typ":"t+jwt"}`, "{}"), envelope.ErrKey},
		{"other key", signES256(t, other.key, header, "{}"), envelope.ErrSignature},
		{"other payload", seg[0] + "." + encode(`{"iss":"b"}`) + "." + seg[2], envelope.ErrSignature},
		{"signature cut", good[:len(good)-2], envelope.ErrSignature},
		{"signature of zeros", seg[0] + "." + seg[1] + "." + encode(strings.Repeat("\x00", 64)), envelope.ErrSignature},
		{"no signature", seg[0] + "." + seg[1] + ".", envelope.ErrSignature},
		{"two segments", seg[0] + "." + seg[1], envelope.ErrMalformed},
		{"four segments", good + ".x", envelope.ErrMalformed},
		{"five segments", good + "..", envelope.ErrMalformed},
		{"line break in the header", seg[0][:8] + "\n" + seg[0][8:] + "." + seg[1] + "." + seg[2], envelope.ErrMalformed},
		{"line break in the payload", seg[0] + "." + seg[1][:4] + "\r\n" + seg[1][4:] + "." + seg[2], envelope.ErrMalformed},
		{"unused bits in the signature", seg[0] + "." + seg[1] + "." + unusedBits(seg[2]), envelope.ErrSignature},
		{"unused bits in the payload", seg[0] + "." + unusedBits(seg[1]) + "." + seg[2], envelope.ErrMalformed},
		{"padding", seg[0] + "." + seg[1] + "=." + seg[2], envelope.ErrMalformed},
		{"standard alphabet", seg[0] + "." + seg[1] + "." + strings.Repeat("+", 86), envelope.ErrSignature},
		{"JSON serialization", `{"protected":"` + seg[0] + `","payload":"` + seg[1] + `","signature":"` + seg[2] + `"}`, envelope.ErrMalformed},
		{"payload an array", sign(header, "[]"), envelope.ErrMalformed},
		{"payload not UTF-8", sign(header, "{\"iss\":\"\xff\"}"), envelope.ErrMalformed},
		{"payload with a name twice", sign(header, `{"iss":"a","iss":"b"}`), envelope.ErrMalformed},
		{"payload with a name twice by escape", sign(header, `{"iss":"a","\u0069ss":"b"}`), envelope.ErrMalformed},
		{"payload with a name twice, deep", sign(header, `{"a":[{"b":1,"b":2}]}`), envelope.ErrMalformed},
		{"payload with a lone surrogate", sign(header, `{"iss":"\ud800"}`), envelope.ErrMalformed},
		{"payload 33 deep", sign(header, `{"a":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+`}`), envelope.ErrMalformed},
		{"payload with a comment", sign(header, `{} //`), envelope.ErrMalformed},
		{"header with text after it", sign(header+"{}", `{}`), envelope.ErrMalformed},
		{"over the limit", good + strings.Repeat("A", envelope.MaxToken), envelope.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			payload, err := envelope.VerifyJWT(tt.raw, "t+jwt", k.Public())
			if !errors.Is(err, tt.want) || payload != nil {
				t.Errorf("got %q, %v; want %v", payload, err, tt.want)
			}
		})
	}
	if _, err := envelope.VerifyJWT(good, "t+jwt", envelope.PublicKey{}); !errors.Is(err, envelope.ErrKey) {
		t.Errorf("with no key: %v", err)
	}
	if _, err := envelope.VerifyJWT(sign(`{"alg":"ES256","kid":"`+kid+`"}`, "{}"), "", k.Public()); !errors.Is(err, envelope.ErrType) {
		t.Errorf("with no typ to require: %v", err)
	}
}

// unusedBits sets the lowest bit of the last character, which encodes nothing
// in a segment whose length is not a multiple of four.
func unusedBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return s[:len(s)-1] + string(alphabet[strings.IndexByte(alphabet, s[len(s)-1])|1])
}

func TestSignJWTIsDeterministic(t *testing.T) {
	k := newKey(t)
	a, err := envelope.SignJWT("t+jwt", map[string]any{"b": 1, "a": 2}, k.Signer)
	if err != nil {
		t.Fatal(err)
	}
	b, err := envelope.SignJWT("t+jwt", json.RawMessage(`{"a":2,"b":1}`), k.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Error("two signatures over the same claims differ")
	}
	if got, want := takeJWT(t, a).header, fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"t+jwt"}`, k.Public().Thumbprint()); got != want {
		t.Errorf("header %s, want %s", got, want)
	}
}

// remote is a signer whose key lies elsewhere, as in Vault.
type remote struct {
	key *ecdsa.PrivateKey
	out []byte // given instead of a signature, if set
}

func (r remote) Public() crypto.PublicKey { return &r.key.PublicKey }

func (r remote) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if rand == nil {
		return nil, errors.New("no randomness given")
	}
	if r.out != nil {
		return r.out, nil
	}
	return r.key.Sign(rand, digest, opts)
}

func TestRemoteSigner(t *testing.T) {
	k := newKey(t)
	s, err := envelope.NewSigner(remote{key: k.key})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := envelope.SignJWT("t+jwt", struct{}{}, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := envelope.VerifyJWT(raw, "t+jwt", k.Public()); err != nil {
		t.Error(err)
	}
	bad, err := envelope.NewSigner(remote{k.key, []byte("no signature")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := envelope.SignJWT("t+jwt", struct{}{}, bad); !errors.Is(err, envelope.ErrMalformed) {
		t.Errorf("a signer that gives no signature: %v", err)
	}
}

func TestSignerRefuses(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{p384, ed} {
		if _, err := envelope.NewSigner(key); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("NewSigner(%T) = %v", key, err)
		}
	}
	if _, err := envelope.NewSigner(nil); !errors.Is(err, envelope.ErrZero) {
		t.Errorf("NewSigner(nil) = %v", err)
	}
	if _, err := envelope.SignJWT("t+jwt", struct{}{}, nil); !errors.Is(err, envelope.ErrZero) {
		t.Errorf("SignJWT without signer: %v", err)
	}
	for _, claims := range []any{[]byte(`{"a":1,"a":2}`), []byte(`[]`), func() {}, "text"} {
		if _, err := envelope.SignJWT("t+jwt", claims, newKey(t).Signer); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("SignJWT of %T = %v", claims, err)
		}
	}
}

func TestParseJWK(t *testing.T) {
	k := newKey(t).Public()
	raw, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	with := func(member string) string { return strings.TrimSuffix(string(raw), "}") + "," + member + "}" }
	for _, good := range []string{string(raw), with(`"kid":"` + k.Thumbprint() + `"`), with(`"use":"sig","alg":"ES256"`), with(`"use":"enc"`), with(`"alg":"ECDH-ES"`)} {
		if got, err := envelope.ParseJWK([]byte(good)); err != nil || !got.Equal(k) {
			t.Errorf("ParseJWK(%s) = %v", good, err)
		}
	}
	for name, bad := range map[string]string{
		"private":         with(`"d":"AAAA"`),
		"other kid":       with(`"kid":"k1"`),
		"certificate":     with(`"x5c":[]`),
		"use against alg": with(`"use":"enc","alg":"ES256"`),
		"other alg":       with(`"alg":"ES384"`),
		"key_ops":         with(`"key_ops":["verify"]`),
		"other curve":     strings.Replace(string(raw), "P-256", "P-384", 1),
		"RSA":             `{"kty":"RSA","n":"AQAB","e":"AQAB"}`,
		"secret":          `{"kty":"oct","k":"AQAB"}`,
		"off the curve":   `{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`,
		"short":           `{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"}`,
		"twice":           with(`"kty":"EC"`),
		"empty":           `{}`,
		"null":            `null`,
		"no JSON":         `x`,
	} {
		if _, err := envelope.ParseJWK([]byte(bad)); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("%s: ParseJWK = %v", name, err)
		}
	}
}

// TestThumbprint holds the thumbprint to the text that RFC 7638, Section 3, has
// hashed.
func TestThumbprint(t *testing.T) {
	k, err := envelope.ParseJWK(readFile(t, "issuer.jwk.json"))
	if err != nil {
		t.Fatal(err)
	}
	canonical := `{"crv":"P-256","kty":"EC","x":"b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ","y":"Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8"}`
	if got, want := k.Thumbprint(), sum(canonical); got != want {
		t.Errorf("Thumbprint() = %s, want %s", got, want)
	}
}
