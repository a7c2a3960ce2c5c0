package envelope_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// The SD-JWT core stands alone: it issues, withholds and verifies any token.
func ExampleIssue() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := envelope.NewSigner(key)
	if err != nil {
		log.Fatal(err)
	}
	token, err := envelope.Issue([]byte(`{"iss":"https://issuer.example","degrees":["B.Sc.","M.Sc."],"address":{"city":"Umeå"}}`),
		envelope.Issuance{Signer: issuer, Type: "example+sd-jwt", Disclose: []string{"/degrees/1", "/address/city"}})
	if err != nil {
		log.Fatal(err)
	}
	presented, err := token.Drop("/address/city")
	if err != nil {
		log.Fatal(err)
	}
	received, err := envelope.Parse(presented.String())
	if err != nil {
		log.Fatal(err)
	}
	err = received.Verify(envelope.Rules{Issuer: issuer.Public(), Type: "example+sd-jwt", Now: time.Now()})
	fmt.Println(string(received.Processed()), err)
	// Output: {"iss":"https://issuer.example","degrees":["B.Sc.","M.Sc."],"address":{}} <nil>
}

// A message passes from its sender through the gateway to its recipient.
func Example() {
	sender, release, recipient := exampleKeys()
	keys := oneKeyEach{
		envelope.UseMessage: sender.Public(),
		envelope.UseRelease: release.Public(),
	}
	at := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

	// The sender seals two fields of a type.
	raw, err := envelope.Seal(
		envelope.Draft{
			Claims: envelope.Claims{
				Issuer: "police", Audience: gateway.AgencyID("municipality:0180").URN(), ID: "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
				IssuedAt: at, Expires: at.Add(24 * time.Hour), Case: gateway.NewRef(), Subject: gateway.NewRef(),
				Type: "exit.threat_assessment", Version: 1, Purpose: "PROTECTION", FromRole: "police.exit_coordinator_regional",
				ToRoles: []gateway.Role{"municipality.social_worker"}, Gateway: "urn:sluss:gateway:example",
			},
			Gate:   envelope.Gate{Fields: []string{"default"}, Marking: "none", Urgency: "normal"},
			Values: map[gateway.Field]json.RawMessage{"valid_until": json.RawMessage(`"2026-08-31"`), "risk_level": json.RawMessage(`3`)},
		},
		[]envelope.FieldSpec{{Name: "valid_until"}, {Name: "risk_level", Sealed: true, Size: 64}},
		[]envelope.Recipient{{Key: recipient.Public(), Fields: []gateway.Field{"risk_level"}}}, sender)
	if err != nil {
		log.Fatal(err)
	}

	// The gateway opens it, releases one field and signs what it did.
	m, err := envelope.Open(raw, keys, at)
	if err != nil {
		log.Fatal(err)
	}
	filtered, err := m.Filter(map[gateway.Field]bool{"risk_level": true}, nil)
	if err != nil {
		log.Fatal(err)
	}
	released, err := envelope.Bind(filtered, envelope.KeyBinding{
		IssuedAt: at, Audience: "municipality:0180", Nonce: "delivery-1",
		Release: envelope.Release{
			Leaf: make([]byte, 64), Role: "municipality.social_worker", Purpose: "PROTECTION",
			Allowed:  map[gateway.Field]gateway.Basis{"risk_level": "OSL-12-2"},
			Withheld: map[gateway.Field]gateway.Reason{"valid_until": "NO-BASIS"},
		},
	}, release)
	if err != nil {
		log.Fatal(err)
	}

	// The recipient verifies both signatures and opens the field.
	r, err := envelope.OpenRelease(released, keys,
		envelope.Expect{Self: "municipality:0180", Gateway: "urn:sluss:gateway:example", Delivery: "delivery-1"}, at)
	if err != nil {
		log.Fatal(err)
	}
	values, unusable, err := r.Unseal([]*envelope.Decrypter{recipient})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Claims().Issuer, values["risk_level"].JSON, string(values["risk_level"].JSON.Bytes()), len(unusable))
	// Output: police payload(1 bytes) 3 0
}

// oneKeyEach is the smallest directory: one key for each use.
type oneKeyEach map[envelope.Use]envelope.PublicKey

func (k oneKeyEach) Key(_, kid string, use envelope.Use, _ time.Time) (envelope.PublicKey, error) {
	if k[use].Thumbprint() != kid {
		return envelope.PublicKey{}, fmt.Errorf("no such key")
	}
	return k[use], nil
}

func exampleKeys() (sender, release *envelope.Signer, recipient *envelope.Decrypter) {
	var keys [3]*ecdsa.PrivateKey
	var err error
	for i := range keys {
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			log.Fatal(err)
		}
	}
	if sender, err = envelope.NewSigner(keys[0]); err != nil {
		log.Fatal(err)
	}
	if release, err = envelope.NewSigner(keys[1]); err != nil {
		log.Fatal(err)
	}
	if recipient, err = envelope.NewDecrypter(keys[2]); err != nil {
		log.Fatal(err)
	}
	return sender, release, recipient
}
