package envelope_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

const (
	gatewayID = gateway.ID("urn:sluss:gateway:test")
	messageID = gateway.MessageID("urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057")
	canary    = "CANARY-7"
)

var now = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

// A party of the tests: a key with its one use.
type partyKey struct {
	key *ecdsa.PrivateKey
	*envelope.Signer
}

func newKey(t testing.TB) partyKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return partyKey{key, s}
}

// fixedKey makes the same key for a name every time: fuzzing runs in several
// processes, and golden files outlive them all.
func fixedKey(t testing.TB, name string) partyKey {
	t.Helper()
	d := gateway.DigestOf([]byte("test key of " + name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return partyKey{key, s}
}

func (k partyKey) decrypter(t testing.TB) *envelope.Decrypter {
	t.Helper()
	d, err := envelope.NewDecrypter(k.key)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// register is a directory of keys: issuer, kid and use lead to one key.
type register map[[3]string]envelope.PublicKey

var errUnknown = errors.New("unknown key")

func (r register) add(iss string, use envelope.Use, k envelope.PublicKey) {
	r[[3]string{iss, k.Thumbprint(), string(use)}] = k
}

func (r register) Key(iss, kid string, use envelope.Use, _ time.Time) (envelope.PublicKey, error) {
	k, ok := r[[3]string{iss, kid, string(use)}]
	if !ok {
		return envelope.PublicKey{}, errUnknown
	}
	return k, nil
}

// world has two agencies and a gateway between them.
type world struct {
	sender, other, release partyKey
	seal, sealOther        partyKey // two keys of the recipient, for different roles
	access                 partyKey
	keys                   register
}

const (
	police = gateway.AgencyID("police")
	social = gateway.AgencyID("municipality:0180")
)

func newWorld(t testing.TB) *world {
	w := &world{
		sender: fixedKey(t, "sender"), other: fixedKey(t, "other"), release: fixedKey(t, "release"),
		seal: fixedKey(t, "seal"), sealOther: fixedKey(t, "seal of another role"), access: fixedKey(t, "access"),
		keys: register{},
	}
	w.keys.add(police.URN(), envelope.UseMessage, w.sender.Public())
	w.keys.add("urn:sluss:agency:sis", envelope.UseMessage, w.other.Public())
	w.keys.add(string(gatewayID), envelope.UseRelease, w.release.Public())
	w.keys.add(social.URN(), envelope.UseAccess, w.access.Public())
	w.keys.add(social.URN(), envelope.UseSeal, w.seal.Public())
	return w
}

// spec is a message type as the sender's kind may hold it.
var spec = []envelope.FieldSpec{
	{Name: "assessment_id"},
	{Name: "valid_until"},
	{Name: "note_code"}, // clear and absent in draft
	{Name: "risk_level", Sealed: true, Size: 64},
	{Name: "safety_instructions", Sealed: true, Size: 1024},
	{Name: "no_go_areas", Sealed: true, Size: 256}, // sealed and absent in draft
	{Name: "cells", Cells: true},
}

var allFields = []gateway.Field{"assessment_id", "valid_until", "note_code", "risk_level", "safety_instructions", "no_go_areas", "cells"}

func draft() envelope.Draft {
	consent := gateway.Ref("AAAAAAAAAAAAAAAAAAAAAA")
	return envelope.Draft{
		Claims: envelope.Claims{
			Issuer: police, Audience: social.URN(), ID: messageID, IssuedAt: now, Expires: now.Add(7 * 24 * time.Hour),
			Case: gateway.NewRef(), Subject: gateway.NewRef(), Type: "exit.threat_assessment", Version: 1, Purpose: "PROTECTION",
			FromRole: "police.exit_coordinator_regional", ToRoles: []gateway.Role{"municipality.social_worker"}, Gateway: gatewayID,
		},
		Gate: envelope.Gate{
			Fields: []string{"default", "no_go_areas"}, Reason: &envelope.Reason{Code: "safety_planning", Length: 40},
			BasisClaimed: []gateway.Basis{"OSL-12-2"}, ConsentRef: &consent, Marking: "none", Urgency: "normal",
			About: map[gateway.Field][]gateway.Ref{"safety_instructions": {gateway.NewRef()}},
		},
		Values: map[gateway.Field]json.RawMessage{
			"assessment_id":       json.RawMessage(`"AAAAAAAAAAAAAAAAAAAAAQ"`),
			"valid_until":         json.RawMessage(`"2026-08-31"`),
			"risk_level":          json.RawMessage(`4`),
			"safety_instructions": json.RawMessage(`"` + canary + ` å"`),
			"cells":               json.RawMessage(`[{"id":"c1","dims":{"sex":"woman"},"n":12},{"id":"c2","dims":{"sex":"man"},"n":3},{"id":"c3","dims":{}}]`),
		},
	}
}

func (w *world) recipients() []envelope.Recipient {
	return []envelope.Recipient{
		{Key: w.seal.Public(), Fields: []gateway.Field{"risk_level", "safety_instructions", "no_go_areas", "valid_until"}},
		{Key: w.sealOther.Public(), Fields: []gateway.Field{"risk_level"}},
	}
}

func (w *world) sealed(t testing.TB) []byte {
	t.Helper()
	raw, err := envelope.Seal(draft(), spec, w.recipients(), w.sender.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (w *world) opened(t testing.TB) envelope.Message {
	t.Helper()
	m, err := envelope.Open(w.sealed(t), w.keys, now)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// binding allows the fields named and withholds the others.
func binding(allowed ...gateway.Field) envelope.KeyBinding {
	r := envelope.Release{
		Leaf: make([]byte, 64), Snapshot: gateway.DigestOf([]byte("snapshot")), Role: "municipality.social_worker", Purpose: "PROTECTION",
		Allowed: map[gateway.Field]gateway.Basis{}, Withheld: map[gateway.Field]gateway.Reason{},
		Obligations: []gateway.Obligation{"show_validity"},
	}
	for _, f := range allFields {
		r.Withheld[f] = "NO-BASIS"
	}
	for _, f := range allowed {
		delete(r.Withheld, f)
		r.Allowed[f] = "OSL-12-2"
	}
	return envelope.KeyBinding{IssuedAt: now.Add(time.Minute), Audience: social, Nonce: "delivery-1", Release: r}
}

func set(fields ...gateway.Field) map[gateway.Field]bool {
	return maps.Collect(func(yield func(gateway.Field, bool) bool) {
		for _, f := range fields {
			if !yield(f, true) {
				return
			}
		}
	})
}

var (
	given = []gateway.Field{"assessment_id", "risk_level", "safety_instructions", "no_go_areas"}
	want  = envelope.Expect{Self: social, Gateway: gatewayID, Delivery: "delivery-1"}
)

// released is a release of four fields: one clear, three sealed.
func (w *world) released(t testing.TB) []byte {
	t.Helper()
	f, err := w.opened(t).Filter(set(given...), nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := envelope.Bind(f, binding(given...), w.release.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return raw
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

// decodeLoose returns nothing for what is not base64url.
func decodeLoose(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
