package envelope_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway/envelope"
)

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/rfc9901/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRFC9901 verifies examples of the standard, which we did not make.
func TestRFC9901(t *testing.T) {
	issuer, err := envelope.ParseJWK(readFile(t, "issuer.jwk.json"))
	if err != nil {
		t.Fatal(err)
	}
	rules := envelope.Rules{Issuer: issuer, Type: "example+sd-jwt", Now: time.Unix(1748537300, 0)}
	bound := rules
	bound.RequireKeyBinding, bound.Audience, bound.Nonce = true, "https://verifier.example.org", "1234567890"
	for name, r := range map[string]envelope.Rules{"a1": rules, "a2": rules, "a4": bound} {
		t.Run(name, func(t *testing.T) {
			token, err := envelope.Parse(strings.Join(strings.Fields(string(readFile(t, name+".txt"))), ""))
			if err != nil {
				t.Fatal(err)
			}
			if err := token.Verify(r); err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := json.Unmarshal(token.Processed(), &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(readFile(t, name+".json"), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("processed payload (-RFC +got):\n%s", diff)
			}
		})
	}
}
