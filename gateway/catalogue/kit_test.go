package catalogue_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/envelope"
	"sluss/gateway/snapshot"
)

// root is the policy tree of the repository.
const root = "../../policies"

const (
	self    gateway.ID = "urn:sluss:gateway:test"
	jti                = "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057"
	ref                = "AAAAAAAAAAAAAAAAAAAAAA"
	canary             = "CANARY"
	wireMax            = 96 << 10 // bytes of the largest message (design: envelope)
)

var now = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

// policy returns a copy of the repository's policy tree, to be spoilt.
func policy(t testing.TB) fstest.MapFS {
	t.Helper()
	s, err := snapshot.Read(os.DirFS(root), "v1.22.2")
	if err != nil {
		t.Fatal(err)
	}
	tree := make(fstest.MapFS)
	for _, name := range s.Files() {
		b, err := fs.ReadFile(s.FS(), name)
		if err != nil {
			t.Fatal(err)
		}
		tree[name] = &fstest.MapFile{Data: b}
	}
	return tree
}

// load loads a tree as a gateway does.
func load(tree fs.FS) (*catalogue.Catalogue, error) {
	s, err := snapshot.Read(tree, "v1.22.2")
	if err != nil {
		return nil, err
	}
	return catalogue.Load(s)
}

// good returns the catalogue of the repository's policy.
func good(t testing.TB) *catalogue.Catalogue {
	t.Helper()
	c, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// party is a key pair of the tests.
type party struct {
	key    *ecdsa.PrivateKey
	signer *envelope.Signer
}

func newParty(t testing.TB) party {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return party{key, s}
}

// Key implements envelope.Keys: there is one key, and it is everybody's.
func (p party) Key(string, string, envelope.Use, time.Time) (envelope.PublicKey, error) {
	return p.signer.Public(), nil
}

// letter is a message while it is written; each test spoils one thing in it.
type letter struct {
	draft envelope.Draft
	spec  []envelope.FieldSpec
	to    []envelope.Recipient
	// resign changes the signed payload in a way that Seal cannot.
	resign func(payload map[string]any)
}

// assessment is a threat assessment that conforms.
func assessment(t testing.TB, c *catalogue.Catalogue) *letter {
	t.Helper()
	l := write(t, c, "exit.threat_assessment", catalogue.Trip{
		Sender: "police.exit_coordinator_regional", Recipient: "municipality.social_worker",
	}, "police", "municipality:0180")
	l.draft.Values["safety_instructions"] = json.RawMessage(`"` + canary + `"`)
	return l
}

// write returns a message of a type that conforms: sample values in the fields
// that must be there.
func write(t testing.TB, c *catalogue.Catalogue, name gateway.MessageType, trip catalogue.Trip, from, to gateway.AgencyID) *letter {
	t.Helper()
	mt, ok := c.Newest(name)
	if !ok {
		t.Fatalf("no type %s", name)
	}
	fields := []string{catalogue.DefaultSet}
	if mt.NamedOnly {
		fields = fields[:0]
		for _, n := range mt.Names() {
			fields = append(fields, string(n))
		}
	}
	l := &letter{spec: mt.EncodeSpec(from.Kind(), fields)}
	l.draft = envelope.Draft{
		Claims: envelope.Claims{
			Issuer: from, Audience: to.URN(), ID: jti, IssuedAt: now, Expires: now.Add(time.Hour), Case: ref, Subject: ref,
			Type: name, Version: mt.Version, Purpose: "PROTECTION", FromRole: trip.Sender, ToRoles: []gateway.Role{trip.Recipient},
			Gateway: self,
		},
		Gate:   envelope.Gate{Fields: fields, Marking: "none", Urgency: "normal"},
		Values: make(map[gateway.Field]json.RawMessage),
	}
	if trip.Recipient == catalogue.Register {
		l.draft.Audience = string(self)
	}
	if trip.Acute {
		l.draft.Urgency = catalogue.Acute
	}
	if mt.Subject == catalogue.SubjectNone {
		l.draft.Subject = ""
	}
	for _, s := range l.spec {
		f, _ := mt.Field(s.Name)
		if f.Required(from.Kind()) {
			l.draft.Values[s.Name] = sample(t, f.Shape)
		}
	}
	if slices.ContainsFunc(l.spec, func(s envelope.FieldSpec) bool { return s.Sealed }) {
		l.to = []envelope.Recipient{{Key: newParty(t).signer.Public(), Fields: mt.Names()}}
	}
	return l
}

// send seals, signs and opens the letter.
func (l *letter) send(t testing.TB) envelope.Message {
	t.Helper()
	p := newParty(t)
	m, err := envelope.Open(l.seal(t, p), p, now)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	return m
}

func (l *letter) seal(t testing.TB, p party) []byte {
	t.Helper()
	raw, err := envelope.Seal(l.draft, l.spec, l.to, p.signer)
	if err != nil {
		t.Fatalf("sealing: %v", err)
	}
	if l.resign == nil {
		return raw
	}
	token, disclosures, _ := strings.Cut(string(raw), "~")
	return []byte(resign(t, token, p.key, l.resign) + "~" + disclosures)
}

// resign changes the payload of a JWS and signs it again.
func resign(t testing.TB, token string, key *ecdsa.PrivateKey, change func(map[string]any)) string {
	t.Helper()
	parts := strings.Split(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var payload map[string]any
	if err := json.Unmarshal(b, &payload); err != nil {
		t.Fatal(err)
	}
	change(payload)
	if b, err = json.Marshal(payload); err != nil {
		t.Fatal(err)
	}
	input := parts[0] + "." + base64.RawURLEncoding.EncodeToString(b)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// shape is the part of a JSON Schema that sample reads.
type shape struct {
	Type       string                     `json:"type"`
	Enum       []json.RawMessage          `json:"enum"`
	Const      json.RawMessage            `json:"const"`
	Pattern    string                     `json:"pattern"`
	Format     string                     `json:"format"`
	Minimum    int                        `json:"minimum"`
	MinItems   int                        `json:"minItems"`
	Items      json.RawMessage            `json:"items"`
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
}

// samples are values for the patterns in use.
var samples = map[string]string{
	`^[A-Za-z0-9_-]{21}[AQgw]$`:             ref,
	`^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$`: strings.Repeat("A", 43),
	`^[A-Za-z0-9_-]{1,32}$`:                 "c1",
	`^[a-z_]{2,32}(:[A-Za-z0-9-]{1,32})?$`:  "municipality:0180",
	`^municipality:[A-Za-z0-9-]{1,32}$`:     "municipality:0180",
	`^provider:[A-Za-z0-9-]{1,32}$`:         "provider:165560004615",
	`^[a-z]{2,32}\.[a-z_]{2,48}$`:           "municipality.social_worker",
	`^[a-z][a-z0-9_]{1,63}$`:                "risk_level",
	`^[A-Z][A-Z_]{1,31}$`:                   "PROTECTION",
	`^[A-Z]{2,3}(\.functional)?$`:           "RSK",
	`^[A-Za-z0-9:-]{2,32}$`:                 "OSL-12-2",
	`^exit\.[a-z_]{2,48}$`:                  "exit.contact",
	`^16[0-9]{10}$`:                         "165560004615",
	`^[0-9]{12}$`:                           "200001019999",
	`^[0-9]{4}$`:                            "0180",
	`^[0-9]{4}-[0-9]{2}$`:                   "2026-01",
	`^[0-9]{4}(-(H[12]|Q[1-4]|[0-9]{2}))?$`: "2026-H1",
	`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`: jti,
}

// sample returns a value that fits a schema.
func sample(t testing.TB, raw json.RawMessage) json.RawMessage {
	t.Helper()
	var s shape
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	var v any
	switch {
	case s.Enum != nil:
		v = s.Enum[0]
	case s.Const != nil:
		v = s.Const
	case s.Type == "boolean":
		v = true
	case s.Type == "integer" || s.Type == "number":
		v = s.Minimum
	case s.Format == "date":
		v = "2026-08-31"
	case s.Format == "date-time":
		v = "2026-08-31T12:00:00Z"
	case s.Pattern != "":
		text, ok := samples[s.Pattern]
		if !ok {
			t.Fatalf("no sample for pattern %s", s.Pattern)
		}
		v = text
	case s.Type == "string":
		v = canary
	case s.Type == "array":
		v = slices.Repeat([]json.RawMessage{sample(t, s.Items)}, max(s.MinItems, 1))
	default:
		m := make(map[string]json.RawMessage)
		for _, name := range s.Required {
			m[name] = sample(t, s.Properties[name])
		}
		v = m
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// text returns the string that raw is.
func text(raw []byte) (string, bool) {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}
