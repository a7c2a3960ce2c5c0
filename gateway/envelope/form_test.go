package envelope_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"sluss/gateway/envelope"
)

// TestForms compares the forms with regular expressions, on every string of one
// byte, on lengths around the bounds and on random strings.
func TestForms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	alphabet := "azAZ09_.:-é\x00\n\x80~"
	for name, pattern := range map[string]string{
		"word":      `^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`,
		"fieldName": `^[a-z][a-z0-9_]{0,63}$`,
		"refForm":   `^[A-Za-z0-9_-]{22}$`,
		"cellID":    `^[A-Za-z0-9_-]{1,64}$`,
		"nonce":     `^[A-Za-z0-9_.:-]{1,128}$`,
	} {
		want, got := regexp.MustCompile(pattern).MatchString, envelope.Forms[name]
		texts := []string{""}
		for c := range 256 {
			texts = append(texts, string([]byte{byte(c)}), "a"+string([]byte{byte(c)}), "a"+string(rune(c)))
		}
		for n := range 140 {
			texts = append(texts, strings.Repeat("a", n))
		}
		for range 5000 {
			b := make([]byte, rnd.IntN(30))
			for i := range b {
				b[i] = alphabet[rnd.IntN(len(alphabet))]
			}
			texts = append(texts, string(b))
		}
		for _, s := range texts {
			if got(s) != want(s) {
				t.Errorf("%s of %q is %t, want %t", name, s, got(s), want(s))
			}
		}
	}
}
