package gatewaytest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"sluss/gateway"
)

// token is a JWT or SD-JWT taken apart, so that one thing in it can be spoiled
// and the rest signed again as a dishonest party would.
type token struct {
	t       testing.TB
	header  string
	payload string
	texts   []string // disclosures, decoded
	plain   bool     // a JWT, without disclosures
}

func takeApart(t testing.TB, raw string) *token {
	t.Helper()
	parts := strings.Split(raw, "~")
	seg := strings.Split(parts[0], ".")
	f := &token{t: t, header: decode(t, seg[0]), payload: decode(t, seg[1]), plain: len(parts) == 1}
	for _, p := range parts[1:] {
		if p != "" {
			f.texts = append(f.texts, decode(t, p))
		}
	}
	return f
}

// head changes the header, claim the payload; what is to be changed must be there.
func (f *token) head(old, new string) { f.t.Helper(); f.header = substitute(f.t, f.header, old, new) }
func (f *token) claim(old, new string) {
	f.t.Helper()
	f.payload = substitute(f.t, f.payload, old, new)
}

// set gives a claim of the payload that is a number or a string another value.
func (f *token) set(name, value string) {
	f.t.Helper()
	re := regexp.MustCompile(`"` + regexp.QuoteMeta(name) + `":("[^"]*"|[0-9]+|null)`)
	f.claim(re.FindString(f.payload), `"`+name+`":`+value)
}

// str returns the value of a claim that is a string, number or object.
func (f *token) str(name string) string {
	f.t.Helper()
	var claims map[string]json.RawMessage
	if err := json.Unmarshal([]byte(f.payload), &claims); err != nil {
		f.t.Fatal(err)
	}
	return strings.Trim(string(claims[name]), `"`)
}

// id is the jti.
func (f *token) id() gateway.MessageID { return gateway.MessageID(f.str("jti")) }

// index finds the disclosure that has part in its text.
func (f *token) index(part string) int {
	f.t.Helper()
	for i, text := range f.texts {
		if strings.Contains(text, part) {
			return i
		}
	}
	f.t.Fatalf("no disclosure has %s", part)
	return -1
}

// alter changes the disclosure that has old in its text, and its digest
// wherever it stands.
func (f *token) alter(old, new string) {
	f.t.Helper()
	i := f.index(old)
	f.redo(i, strings.Replace(f.texts[i], old, new, 1))
}

func (f *token) redo(i int, text string) {
	before, after := digest(f.texts[i]), digest(text)
	f.texts[i] = text
	f.payload = strings.ReplaceAll(f.payload, before, after)
	for j := range f.texts {
		if strings.Contains(f.texts[j], before) {
			f.redo(j, strings.ReplaceAll(f.texts[j], before, after))
		}
	}
}

// give puts another value into the disclosure of a member.
func (f *token) give(name, value string) {
	f.t.Helper()
	i := f.index(`"` + name + `",`)
	salt := strings.SplitN(f.texts[i], `"`, 3)[1]
	f.redo(i, `["`+salt+`","`+name+`",`+value+`]`)
}

// drop removes the disclosure that has part in its text.
func (f *token) drop(part string) {
	f.t.Helper()
	i := f.index(part)
	f.texts = append(f.texts[:i:i], f.texts[i+1:]...)
}

// add adds a disclosure that nothing refers to.
func (f *token) add(text string) { f.texts = append(f.texts, text) }

// signed signs the parts with ES256 and puts them together.
func (f *token) signed(key *ecdsa.PrivateKey) string {
	f.t.Helper()
	return f.with(signES256(f.t, key, encode(f.header)+"."+encode(f.payload)))
}

// with puts the disclosures after a JWT.
func (f *token) with(jwt string) string {
	if f.plain {
		return jwt
	}
	var b strings.Builder
	b.WriteString(jwt + "~")
	for _, text := range f.texts {
		b.WriteString(encode(text) + "~")
	}
	return b.String()
}

func signES256(t testing.TB, key *ecdsa.PrivateKey, input string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(input))
	der, err := key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(sig.R.FillBytes(make([]byte, 32)))+string(sig.S.FillBytes(make([]byte, 32))))
}

// signHS256 signs with a public key as if it were a shared secret.
func signHS256(secret []byte, input string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + encode(string(mac.Sum(nil)))
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func decode(t testing.TB, s string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// digest is that of a disclosure as sent.
func digest(text string) string { return gateway.DigestOf([]byte(encode(text))).String() }

func substitute(t testing.TB, s, old, new string) string {
	t.Helper()
	if old == "" || !strings.Contains(s, old) {
		t.Fatalf("there is no %q to spoil", old)
	}
	return strings.Replace(s, old, new, 1)
}

// unusedBits sets bits of the last character that encode nothing.
func unusedBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[last^1])
}

// kid is the key that the header names.
func (f *token) kid() string {
	f.t.Helper()
	var h struct{ Kid string }
	if err := json.Unmarshal([]byte(f.header), &h); err != nil {
		f.t.Fatal(err)
	}
	return h.Kid
}
