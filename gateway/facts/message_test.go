package facts_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/envelope"
	"sluss/gateway/facts"
	"sluss/gateway/snapshot"
	"sluss/policies"
)

// keeper is a key pair; as envelope.Keys its key is everybody's.
type keeper struct{ *envelope.Signer }

func (k keeper) Key(string, string, envelope.Use, time.Time) (envelope.PublicKey, error) {
	return k.Public(), nil
}

func newKeeper(t *testing.T) keeper {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return keeper{s}
}

func types(t *testing.T) *catalogue.Catalogue {
	t.Helper()
	s, err := snapshot.Read(policies.FS, "v1.22.2")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalogue.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// message seals, opens and conforms a message of A with these values.
func message(t *testing.T, typ gateway.MessageType, aud string, to gateway.Role, values string) catalogue.Conforming {
	t.Helper()
	c := types(t)
	mt, ok := c.Newest(typ)
	if !ok {
		t.Fatalf("no type %s", typ)
	}
	fields := []string{catalogue.DefaultSet}
	d := envelope.Draft{
		Claims: envelope.Claims{Issuer: townA, Audience: aud, ID: "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057", IssuedAt: noon, Expires: noon.Add(time.Hour),
			Case: ref(12), Subject: person, Type: typ, Version: mt.Version, Purpose: "EXIT_SUPPORT", FromRole: worker, ToRoles: []gateway.Role{to}, Gateway: "urn:sluss:gateway:test"},
		Gate: envelope.Gate{Fields: fields, Marking: "none", Urgency: "normal"},
	}
	if err := json.Unmarshal([]byte(values), &d.Values); err != nil {
		t.Fatal(err)
	}
	k := newKeeper(t)
	raw, err := envelope.Seal(d, mt.EncodeSpec(gateway.Municipality, fields), []envelope.Recipient{{Key: k.Public(), Fields: mt.Names()}}, k.Signer)
	if err != nil {
		t.Fatal(err)
	}
	m, err := envelope.Open(raw, k, noon)
	if err != nil {
		t.Fatal(err)
	}
	conforming, err := c.Conform(m)
	if err != nil {
		t.Fatal(err)
	}
	return conforming
}

// TestAdmit takes a sealed message in, and looks at what is kept of it.
func TestAdmit(t *testing.T) {
	b := goodBook(t)
	m := message(t, "exit.case_closure", "urn:sluss:gateway:test", catalogue.Register, `{"seq": 1000, "closure_reason": "moved", "closed_at": "2026-06-01"}`)
	a, err := b.reg.Admit(t.Context(), m, noon)
	if err != nil || a.IsZero() {
		t.Fatal(err)
	}
	b.write(a)
	if b.of(nil).Facts.CaseOpen {
		t.Error("the case is still open")
	}
	row := a.Statement()
	plain, err := ring.Decrypt(row.Key, row.Body, facts.Additional(row))
	if err != nil || gateway.DigestOf(plain) != row.Digest || row.Seq != 1000 || row.Fact != "case" {
		t.Fatalf("got row %+v, %v", row, err)
	}
	if bytes.Contains(plain, []byte("closure_reason")) || !bytes.Contains(plain, []byte("closed_at")) {
		t.Error("what is sealed is kept, or what is clear is not")
	}
	var kept struct {
		Token string         `json:"token"`
		Sent  gateway.Digest `json:"sent"`
	}
	raw := m.Message().Raw()
	if err := json.Unmarshal(plain, &kept); err != nil || kept.Sent != m.Message().Digest() || len(kept.Token) >= len(raw) ||
		!bytes.HasPrefix(raw, []byte(kept.Token[:bytes.IndexByte([]byte(kept.Token), '~')])) {
		t.Errorf("the token as kept is not the signed one without what is sealed: %v", err)
	}
	if _, err := b.reg.Admit(t.Context(), m, noon); code(err) != gateway.CodeSequence {
		t.Errorf("the same again: got %v", err)
	}
}

// TestAdmitOnlyStatements: a message to another agency states nothing.
func TestAdmitOnlyStatements(t *testing.T) {
	b := goodBook(t)
	consent := consentWith(map[string]any{"seq": 1, "classes": []any{"RSK"}, "interpreter": false, "guardian_names": []string{"CANARY"}})
	m := message(t, "exit.consent", police.URN(), coord, consent)
	if a, err := b.reg.Admit(t.Context(), m, noon); !errors.Is(err, facts.ErrStatement) || !a.IsZero() {
		t.Errorf("a consent to the police: got %v", err)
	}
	m = message(t, "exit.consent", "urn:sluss:gateway:test", catalogue.Register, consent)
	if _, err := b.reg.Admit(t.Context(), m, noon); err != nil {
		t.Errorf("a consent to the gateway: got %v", err)
	}
	if _, err := b.reg.Admit(t.Context(), catalogue.Conforming{}, noon); !errors.Is(err, facts.ErrStatement) {
		t.Errorf("nothing: got %v", err)
	}
}
