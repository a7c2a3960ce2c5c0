package envelope_test

import (
	"errors"
	"strings"
	"testing"

	"sluss/gateway/envelope"
)

// TestJSON goes through the grammar of RFC 8259 and the further rules of RFC
// 7493, with the value as a claim.
func TestJSON(t *testing.T) {
	k := newKey(t)
	issued := func(s string) (string, error) {
		token, err := envelope.Issue([]byte(`{"v":`+s+`}`), envelope.Issuance{Signer: k.Signer})
		if err != nil {
			return "", err
		}
		out := strings.TrimPrefix(string(token.Processed()), `{"v":`)
		return strings.TrimSuffix(out, `}`), nil
	}
	for in, want := range map[string]string{
		`0`: `0`, `-0`: `-0`, `10.50`: `10.50`, `1E+2`: `1E+2`, ` [ 1 , 2 ] `: `[1,2]`, "\t{ \"a\" :\r\n null }": `{"a":null}`,
		`"\u0041\u00e5\ud83d\ude00"`: `"Aå😀"`, `"\b\f\n\r\t\/\"\\"`: `"\b\f\n\r\t/\"\\"`, `"\ufffd"`: `"` + "\ufffd" + `"`,
		`[]`: `[]`, `{}`: `{}`, `[[],{}]`: `[[],{}]`, `true`: `true`, `"<&>"`: `"<&>"`, "\"\x7f\"": "\"\x7f\"",
	} {
		if got, err := issued(in); err != nil || got != want {
			t.Errorf("%s became %s, %v; want %s", in, got, err, want)
		}
	}
	for _, bad := range []string{
		``, `01`, `-01`, `1.`, `.5`, `1e`, `1e+`, `+1`, `-`, `0x1`, `1_0`, `NaN`, `Infinity`, `tru`, `truex`, `nul`, `True`,
		`"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\u+123"`, "\"\t\"", "\"\\n\x01\"", "\"\x00\"", `'a'`, "\"\xc3\x28\"", "\"\xed\xa0\x80\"",
		`"\ud800"`, `"\udc00"`, `"\ud800\u0041"`, `"\ud800x"`, `"\udc00\ud800"`,
		`[`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `[1}`, `{`, `{"a"`, `{"a" 1}`, `{"a"=1}`, `{"a":`, `{"a":1`, `{"a":1,}`, `{"a":1 "b":2}`, `{a:1}`, `{1:1}`, `{"a":1]`,
		`1 2`, `{} {}`, `{}//`, "\ufeff1", `{"a":1,"a":2}`, `{"a":1,"b":2,"\u0061":3}`, `[[{"a":{},"a":{}}]]`,
		strings.Repeat(`[`, 32) + strings.Repeat(`]`, 32), wide("x") + `,"x31":0}`,
	} {
		if got, err := issued(bad); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("%.40q became %s, %v", bad, got, err)
		}
	}
	if _, err := issued(wide("x") + `}`); err != nil {
		t.Errorf("100 different names: %v", err)
	}
}

// wide begins an object with 100 names, more than are searched one by one.
func wide(prefix string) string {
	var b strings.Builder
	for i := range 100 {
		b.WriteString(`,"` + prefix + string('0'+rune(i/10)) + string('0'+rune(i%10)) + `":0`)
	}
	return "{" + b.String()[1:]
}
