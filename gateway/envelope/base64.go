package envelope

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// strict is base64url that refuses unused bits which are not zero.
var strict = base64.RawURLEncoding.Strict()

// b64 is base64url without padding (RFC 7515, Section 2).
func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// unb64 accepts canonical base64url only: no line breaks, no padding, unused
// bits zero. Without that, one signature has many texts.
func unb64(s string) ([]byte, error) {
	return appendUnb64(make([]byte, 0, strict.DecodedLen(len(s))), s)
}

// appendUnb64 is unb64 to the end of b.
func appendUnb64(b []byte, s string) ([]byte, error) {
	// Line breaks are skipped by encoding/base64, even in strict mode.
	if strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 {
		return nil, fmt.Errorf("%w: base64url", ErrMalformed)
	}
	b, err := strict.AppendDecode(b, []byte(s))
	if err != nil {
		return nil, fmt.Errorf("%w: base64url", ErrMalformed)
	}
	return b, nil
}

// sextets is the alphabet of RFC 4648, Section 5, by value.
var sextets = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		t[c] = int8(i)
	}
	return t
}()

// canonical reports what unb64 would accept, and how many bytes it stands for,
// without decoding them: most of a message is ciphertext.
func canonical(s string) (int, bool) {
	last := int8(0)
	for i := range len(s) {
		if last = sextets[s[i]]; last < 0 {
			return 0, false
		}
	}
	unused := [4]int8{0, -1, 0xf, 0x3}[len(s)%4] // no text has a length of 4n+1
	return base64.RawURLEncoding.DecodedLen(len(s)), unused >= 0 && last&unused == 0
}
