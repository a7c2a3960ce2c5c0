package envelope_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"encoding/json"

	"sluss/gateway/envelope"
)

// jwkOf is a private key as a JWK.
func jwkOf(t testing.TB, k partyKey) map[string]any {
	t.Helper()
	raw, err := json.Marshal(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	var jwk map[string]any
	if err := json.Unmarshal(raw, &jwk); err != nil {
		t.Fatal(err)
	}
	d, err := k.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk["d"] = base64.RawURLEncoding.EncodeToString(d)
	return jwk
}

func text(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestParsePrivateJWK spoils one thing in a good key per row.
func TestParsePrivateJWK(t *testing.T) {
	k, other := newKey(t), newKey(t)
	good := jwkOf(t, k)
	tests := []struct {
		name  string
		spoil func(map[string]any)
		want  error
	}{
		{"good", func(map[string]any) {}, nil},
		{"with its holder's kid", func(j map[string]any) { j["kid"] = "issuer-1" }, nil},
		{"public", func(j map[string]any) { delete(j, "d") }, envelope.ErrMalformed},
		{"no y", func(j map[string]any) { delete(j, "y") }, envelope.ErrMalformed},
		{"d of another key", func(j map[string]any) { j["d"] = jwkOf(t, other)["d"] }, envelope.ErrMalformed},
		{"d short", func(j map[string]any) { j["d"] = "CANARY" }, envelope.ErrMalformed},
		{"d zero", func(j map[string]any) { j["d"] = strings.Repeat("A", 43) }, envelope.ErrMalformed},
		{"d over the order", func(j map[string]any) { j["d"] = strings.Repeat("_", 42) + "8" }, envelope.ErrMalformed},
		{"other curve", func(j map[string]any) { j["crv"] = "P-384" }, envelope.ErrMalformed},
		{"other type", func(j map[string]any) { j["kty"] = "OKP" }, envelope.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := maps.Clone(good)
			tt.spoil(j)
			key, err := envelope.ParsePrivateJWK(text(t, j))
			if !errors.Is(err, tt.want) || tt.want == nil && !key.Equal(k.key) {
				t.Errorf("got %v, %v; want error %v", key != nil, err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), good["d"].(string))) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

// TestSelectJWK picks one key or none.
func TestSelectJWK(t *testing.T) {
	a, b := newKey(t), newKey(t)
	named := func(k partyKey, more ...string) map[string]any {
		j := jwkOf(t, k)
		delete(j, "d")
		for i := 0; i+1 < len(more); i += 2 {
			j[more[i]] = more[i+1]
		}
		return j
	}
	set := func(keys ...any) map[string]any { return map[string]any{"keys": keys} }
	rsa := map[string]any{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa"}
	tests := []struct {
		name string
		jwk  any
		kid  string
		want error
	}{
		{"key alone", named(a), "", nil},
		{"key alone, another kid", named(a, "kid", "x", "use", "sig", "alg", "ES256"), "y", nil},
		{"key alone, for sealing", named(a, "use", "enc"), "", envelope.ErrMalformed},
		{"key alone, other algorithm", named(a, "alg", "ES384"), "", envelope.ErrMalformed},
		{"RSA alone", rsa, "", envelope.ErrMalformed},
		{"set, by kid", set(rsa, named(b, "kid", "b"), named(a, "kid", "a")), "a", nil},
		{"set, by thumbprint", set(named(b), named(a)), a.Public().Thumbprint(), nil},
		{"set of one, token without kid", set(rsa, named(a, "kid", "a")), "", nil},
		{"set of one without kid", set(named(a)), "a", nil},
		{"set of one with another kid", set(named(a, "kid", "a")), "b", envelope.ErrKey},
		{"set of two, token without kid", set(named(a), named(b)), "", envelope.ErrKey},
		{"one kid twice", set(named(a, "kid", "a"), named(b, "kid", "a")), "a", envelope.ErrKey},
		{"sealing key with the kid", set(named(a, "kid", "a", "use", "enc")), "a", envelope.ErrKey},
		{"empty set", set(), "a", envelope.ErrKey},
		{"key for wrapping", map[string]any{"keys": []any{func() any { j := named(a); j["key_ops"] = []string{"wrapKey"}; return j }()}}, "", envelope.ErrKey},
		{"no JSON", fmt.Sprint(1), "", envelope.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, err := envelope.SelectJWK(text(t, tt.jwk), tt.kid)
			if !errors.Is(err, tt.want) || tt.want == nil && !key.Equal(a.Public()) {
				t.Errorf("got %s, %v; want error %v", key.Thumbprint(), err, tt.want)
			}
		})
	}
}

// FuzzSelectJWK: whatever is read, what comes out is a key.
func FuzzSelectJWK(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`), "a")
	f.Add([]byte(`{}`), "")
	f.Fuzz(func(t *testing.T, raw []byte, kid string) {
		if key, err := envelope.SelectJWK(raw, kid); err == nil && key.IsZero() {
			t.Error("no key and no error")
		}
		if key, err := envelope.ParsePrivateJWK(raw); err == nil && key == nil {
			t.Error("no key and no error")
		}
	})
}
