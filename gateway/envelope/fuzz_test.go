package envelope_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// FuzzOpen holds Open to its one promise: whatever the input, it accepts no
// issuer-signed JWT but the one that was signed, and nothing beside it that the
// sender did not commit to. What it refuses, it refuses with a code.
func FuzzOpen(f *testing.F) {
	w := newWorld(f)
	good := golden(f, "message.txt", nil)
	signed, _, _ := bytes.Cut(good, []byte("~"))
	f.Add(good)
	f.Add(golden(f, "release.txt", nil))
	f.Add(good[:len(good)-1])
	f.Add([]byte("a.b.c~"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := envelope.Open(raw, w.keys, now)
		if err != nil {
			if _, ok := errors.AsType[*gateway.Refusal](err); !ok || !m.IsZero() {
				t.Errorf("refused with %v and a message", err)
			}
			return
		}
		if !bytes.HasPrefix(raw, append(signed, '~')) {
			t.Error("opened what nobody signed")
		}
		if _, err := m.Filter(set(allFields...), nil); err != nil {
			t.Error(err)
		}
	})
}

// FuzzParse holds the core to this: what it parses, it writes back as it was;
// the processed payload is JSON without digests; and dropping everything
// leaves a token that parses.
func FuzzParse(f *testing.F) {
	k := fixedKey(f, "issuer")
	f.Add(issue(f, k, envelope.Issuance{Disclose: []string{"/address", "/address/city", "/list/0"}, Decoys: map[string]int{"/list": 1}}).String())
	f.Add(strings.Join(strings.Fields(string(readFile(f, "a4.txt"))), ""))
	f.Add(strings.Join(strings.Fields(string(readFile(f, "a2.txt"))), ""))
	f.Add(string(golden(f, "message.txt", nil)))
	f.Fuzz(func(t *testing.T, raw string) {
		token, err := envelope.Parse(raw)
		if err != nil {
			return
		}
		if token.String() != raw {
			t.Error("the token is not what was parsed")
		}
		if !json.Valid(token.Processed()) {
			t.Errorf("processed payload is no JSON: %s", token.Processed())
		}
		var pointers []string
		for _, d := range token.Disclosures() {
			pointers = append(pointers, d.Pointer)
		}
		bare, err := token.Drop(pointers...)
		if err != nil || len(bare.Disclosures()) != 0 {
			t.Errorf("dropping all: %v", err)
		}
	})
}

// FuzzPayload signs what the fuzzer made, so that the strictness behind the
// signature is reached: accepted claims are read back the same.
func FuzzPayload(f *testing.F) {
	w := newWorld(f)
	good := takeApart(f, string(golden(f, "message.txt", nil)))
	f.Add(good.payload, strings.Join(good.texts, "\n"))
	f.Fuzz(func(t *testing.T, payload, texts string) {
		forged := &forgery{t: t, header: good.header, payload: payload, texts: strings.Split(texts, "\n")}
		m, err := envelope.Open([]byte(forged.join(w.sender.key)), w.keys, now)
		if err != nil {
			if refusal(err) == "" {
				t.Errorf("no refusal: %v", err)
			}
			return
		}
		again, err := envelope.Reopen(m.Raw(), m.Digest())
		if err != nil || again.Claims().ID != m.Claims().ID {
			t.Errorf("reopened: %v", err)
		}
		for _, field := range m.Fields() {
			if field.Sealed == (field.Value != nil) {
				t.Errorf("field %s is both sealed and clear, or neither", field.Name)
			}
		}
	})
}

// FuzzRelease holds OpenRelease to this: it accepts only what both signed.
func FuzzRelease(f *testing.F) {
	w := newWorld(f)
	good := golden(f, "release.txt", nil)
	f.Add(good)
	f.Add(golden(f, "message.txt", nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := envelope.OpenRelease(raw, w.keys, want, now.Add(time.Minute))
		if err == nil && !bytes.Equal(raw, good) {
			t.Error("opened another release than the one made")
		}
		if err != nil && !r.IsZero() {
			t.Error("an error and a release")
		}
	})
}

// FuzzAccess signs what the fuzzer made: an accepted request reads back the
// same after being signed again.
func FuzzAccess(f *testing.F) {
	w := newWorld(f)
	a := access()
	a.User, a.Subject = "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA"
	raw, err := envelope.SignAccess(a, w.access.Signer)
	if err != nil {
		f.Fatal(err)
	}
	good := takeJWT(f, raw)
	f.Add(good.header, good.payload)
	f.Fuzz(func(t *testing.T, header, payload string) {
		a, err := envelope.OpenAccess(signES256(t, w.access.key, header, payload), w.keys, now)
		if err != nil {
			if refusal(err) == "" {
				t.Errorf("no refusal: %v", err)
			}
			return
		}
		if _, err := envelope.SignAccess(a, w.access.Signer); err != nil {
			t.Errorf("what was opened cannot be signed: %v", err)
		}
	})
}

// FuzzEvent is FuzzAccess for security events.
func FuzzEvent(f *testing.F) {
	w := newWorld(f)
	e := envelope.Event{Issuer: string(gatewayID), Audience: police.URN(), ID: messageID, IssuedAt: now, Type: envelope.ReleaseRefused}
	raw, err := envelope.SignEvent(e, w.release.Signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(takeJWT(f, raw).payload)
	header := takeJWT(f, raw).header
	f.Fuzz(func(t *testing.T, payload string) {
		e, err := envelope.OpenEvent(signES256(t, w.release.key, header, payload), w.keys, police.URN(), now)
		if err != nil {
			return
		}
		if _, err := envelope.SignEvent(e, w.release.Signer); err != nil {
			t.Errorf("what was opened cannot be signed: %v", err)
		}
	})
}

// FuzzStatement is FuzzAccess for what persons and agencies sign about keys
// and policy.
func FuzzStatement(f *testing.F) {
	k := fixedKey(f, "control")
	raw, err := envelope.SignStatement(statement(k.Public()), k.Signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(envelope.TypStatement, takeJWT(f, raw).payload)
	f.Add(envelope.TypApproval, `{"aud":"urn:sluss:gateway:test","snapshot":null,"previous":null,"seq":1,"nbf":1,"exp":2,"withhold_all":true}`)
	f.Add(envelope.TypCountersignature, `{"digest":"`+sum("x")+`","iat":1}`)
	f.Fuzz(func(t *testing.T, typ, payload string) {
		raw := signES256(t, k.key, `{"alg":"ES256","kid":"`+k.Public().Thumbprint()+`","typ":"`+typ+`"}`, payload)
		if st, err := envelope.VerifyStatement(raw, k.Public()); err == nil {
			if _, err := envelope.SignStatement(st, k.Signer); err != nil || typ != envelope.TypStatement {
				t.Errorf("statement of typ %q: %v", typ, err)
			}
		}
		if a, err := envelope.VerifyApproval(raw, k.Public()); err == nil {
			if _, err := envelope.SignApproval(a, k.Signer); err != nil || typ != envelope.TypApproval {
				t.Errorf("approval of typ %q: %v", typ, err)
			}
		}
		if c, err := envelope.VerifyCountersignature(raw, k.Public()); err == nil {
			if _, err := envelope.SignCountersignature(c, k.Signer); err != nil || typ != envelope.TypCountersignature {
				t.Errorf("countersignature of typ %q: %v", typ, err)
			}
		}
	})
}

// FuzzJSON compares the parser with encoding/json: it accepts no more, and
// what it accepts means the same.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{claims, `{"a":1e5,"b":[null,true,-0.5],"\u00e5\ud83d\ude00":"\/\n"}`, `[`, `{"a":1,"a":2}`, `"\ud800"`, "\"\x7f\"", ` 1 `} {
		f.Add(s)
	}
	k := fixedKey(f, "issuer")
	f.Fuzz(func(t *testing.T, s string) {
		token, err := envelope.Issue([]byte(`{"v":`+s+`}`), envelope.Issuance{Signer: k.Signer})
		if err != nil {
			return
		}
		var in, out any
		if err := json.Unmarshal([]byte(`{"v":`+s+`}`), &in); err != nil {
			t.Fatalf("encoding/json refuses what was accepted: %v", err)
		}
		if err := json.Unmarshal(token.Processed(), &out); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(in)
		b, _ := json.Marshal(out)
		if !bytes.Equal(a, b) {
			t.Errorf("%s became %s", a, b)
		}
	})
}

// FuzzCanonical holds the check that decodes nothing to the decoder.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"", "A", "AA", "AB", "AAA", "AAB", "AAE", "AAAA", "AA\n", "AA==", "A+A/", "å"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := base64.RawURLEncoding.Strict().DecodeString(s)
		want := err == nil && !strings.ContainsAny(s, "\r\n")
		n, ok := envelope.Canonical(s)
		if ok != want || ok && n != len(b) {
			t.Errorf("Canonical(%q) = %d, %t; want %d, %t", s, n, ok, len(b), want)
		}
	})
}
