package envelope_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"

	"sluss/gateway"
)

// A forgery is a token taken apart, so that one thing in it can be spoiled and
// the rest signed again as a dishonest party would.
type forgery struct {
	t       testing.TB
	header  string
	payload string
	texts   []string // disclosures, decoded
	tail    string   // after the last tilde
	kb      *forgery // the key binding
}

func takeApart(t testing.TB, raw string) *forgery {
	t.Helper()
	parts := strings.Split(raw, "~")
	f := takeJWT(t, parts[0])
	for _, p := range parts[1 : len(parts)-1] {
		f.texts = append(f.texts, decode(t, p))
	}
	if last := parts[len(parts)-1]; last != "" {
		f.kb = takeJWT(t, last)
	}
	return f
}

func takeJWT(t testing.TB, jwt string) *forgery {
	t.Helper()
	seg := strings.Split(jwt, ".")
	return &forgery{t: t, header: decode(t, seg[0]), payload: decode(t, seg[1])}
}

// replace changes the payload; what is to be changed must be there.
func (f *forgery) replace(old, new string) {
	f.t.Helper()
	if !strings.Contains(f.payload, old) {
		f.t.Fatalf("payload has no %s", old)
	}
	f.payload = strings.Replace(f.payload, old, new, 1)
}

// alter changes the disclosure that has old in its text, and its digest
// wherever it stands.
func (f *forgery) alter(old, new string) {
	f.t.Helper()
	for i, text := range f.texts {
		if strings.Contains(text, old) {
			f.redo(i, strings.Replace(text, old, new, 1))
			return
		}
	}
	f.t.Fatalf("no disclosure has %s", old)
}

func (f *forgery) redo(i int, text string) {
	before, after := digest(f.texts[i]), digest(text)
	f.texts[i] = text
	f.payload = strings.ReplaceAll(f.payload, before, after)
	for j := range f.texts {
		if strings.Contains(f.texts[j], before) {
			f.redo(j, strings.ReplaceAll(f.texts[j], before, after))
		}
	}
}

// drop removes the disclosure that has part in its text.
func (f *forgery) drop(part string) {
	f.t.Helper()
	for i, text := range f.texts {
		if strings.Contains(text, part) {
			f.texts = append(f.texts[:i:i], f.texts[i+1:]...)
			return
		}
	}
	f.t.Fatalf("no disclosure has %s", part)
}

// text returns the disclosure that has part in it.
func (f *forgery) text(part string) string {
	f.t.Helper()
	for _, text := range f.texts {
		if strings.Contains(text, part) {
			return text
		}
	}
	f.t.Fatalf("no disclosure has %s", part)
	return ""
}

func digest(text string) string { return gateway.DigestOf([]byte(encode(text))).String() }

// join signs the parts with ES256 and puts them together.
func (f *forgery) join(key *ecdsa.PrivateKey) string {
	var b strings.Builder
	b.WriteString(signES256(f.t, key, f.header, f.payload) + "~")
	for _, text := range f.texts {
		b.WriteString(encode(text) + "~")
	}
	return b.String() + f.tail
}

// bound is join with the key binding signed again over what is there now.
func (f *forgery) bound(sender, release *ecdsa.PrivateKey) string {
	token := f.join(sender)
	if !strings.Contains(f.kb.payload, `"sd_hash":"another`) {
		i := strings.Index(f.kb.payload, `"sd_hash":"`) + len(`"sd_hash":"`)
		f.kb.payload = f.kb.payload[:i] + gateway.DigestOf([]byte(token)).String() + f.kb.payload[i+43:]
	}
	return token + signES256(f.t, release, f.kb.header, f.kb.payload)
}

func signES256(t testing.TB, key *ecdsa.PrivateKey, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	sum := sha256.Sum256([]byte(input))
	der, err := key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(append(sig.R.FillBytes(make([]byte, 32)), sig.S.FillBytes(make([]byte, 32))...)))
}

// signHS256 signs with the public key as if it were a shared secret.
func signHS256(secret []byte, header, payload string) string {
	input := encode(header) + "." + encode(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + encode(string(mac.Sum(nil)))
}

// sum is the SHA-256 of a text in base64url.
func sum(text string) string { return gateway.DigestOf([]byte(text)).String() }
