package envelope_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// TestPassage follows one message from its sender to its recipient.
func TestPassage(t *testing.T) {
	w := newWorld(t)
	d := draft()
	raw, err := envelope.Seal(d, spec, w.recipients(), w.sender.Signer)
	if err != nil {
		t.Fatal(err)
	}
	m, err := envelope.Open(raw, w.keys, now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Claims, m.Claims()); diff != "" {
		t.Errorf("claims (-sealed +opened):\n%s", diff)
	}
	if diff := cmp.Diff(d.Gate, m.Gate()); diff != "" {
		t.Errorf("gate (-sealed +opened):\n%s", diff)
	}
	f, err := m.Filter(set(given...), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(given, f.Given()); diff != "" {
		t.Errorf("given (-want +got):\n%s", diff)
	}
	rel, err := envelope.Bind(f, binding(given...), w.release.Signer)
	if err != nil {
		t.Fatal(err)
	}
	r, err := envelope.OpenRelease(rel, w.keys, want, now.Add(2*60e9))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Conform(allFields, spec); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(binding(given...), r.Binding()); diff != "" {
		t.Errorf("binding (-bound +received):\n%s", diff)
	}
	values, unusable, err := r.Unseal([]*envelope.Decrypter{w.seal.decrypter(t)})
	if err != nil || len(unusable) > 0 {
		t.Fatalf("Unseal: unusable %v, %v", unusable, err)
	}
	got := map[gateway.Field]string{}
	for name, v := range values {
		got[name] = string(v.JSON.Bytes())
	}
	if diff := cmp.Diff(map[gateway.Field]string{
		"assessment_id": `"AAAAAAAAAAAAAAAAAAAAAQ"`, "risk_level": "4", "safety_instructions": `"` + canary + ` å"`, "no_go_areas": "null",
	}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// TestGatewaySeesNoValue looks for the canary in all that the gateway can
// decode, and in what can be decoded of that.
func TestGatewaySeesNoValue(t *testing.T) {
	w := newWorld(t)
	if leaks(string(w.sealed(t))) {
		t.Error("the canary shows")
	}
	unsealed := slices.Clone(spec)
	unsealed[4].Sealed = false
	raw, err := envelope.Seal(draft(), unsealed, w.recipients(), w.sender.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if !leaks(string(raw)) {
		t.Error("the canary is not found where it is")
	}
}

var encoded = regexp.MustCompile(`[A-Za-z0-9_-]+`)

// leaks reports whether text holds the canary, as it is or under up to three
// layers of base64url.
func leaks(text string) bool {
	layer := []string{text}
	for range 4 {
		var next []string
		for _, s := range layer {
			if strings.Contains(s, canary) {
				return true
			}
			for _, part := range encoded.FindAllString(s, -1) {
				next = append(next, string(decodeLoose(part)))
			}
		}
		layer = next
	}
	return false
}

func TestMessageFields(t *testing.T) {
	m := newWorld(t).opened(t)
	var names []string
	for _, f := range m.Fields() {
		names = append(names, string(f.Name))
		switch f.Name {
		case "risk_level":
			if !f.Sealed || f.Value != nil || f.CiphertextSize != envelope.CiphertextSize(64) {
				t.Errorf("risk_level = %+v", f)
			}
		case "cells":
			if diff := cmp.Diff([]string{"c1", "c2"}, f.Cells); diff != "" {
				t.Errorf("cells (-want +got):\n%s", diff)
			}
			if got := string(f.Value); got != `[{"id":"c1","dims":{"sex":"woman"},"n":12},{"id":"c2","dims":{"sex":"man"},"n":3},{"id":"c3","dims":{}}]` {
				t.Errorf("cells = %s", got)
			}
		}
	}
	if got := strings.Join(names, " "); got != "assessment_id valid_until risk_level safety_instructions no_go_areas cells" {
		t.Errorf("fields = %s", got)
	}
	if m.Digests() != len(spec) {
		t.Errorf("Digests() = %d, want %d", m.Digests(), len(spec))
	}
	for _, b := range m.Bundles() {
		if b.Size != envelope.BundleSize(spec) {
			t.Errorf("bundle of %d bytes, want %d", b.Size, envelope.BundleSize(spec))
		}
	}
}

// TestUnsealedIsOrdinary: with the inner disclosures beside it, a message is an
// RFC 9901 token that a verifier accepts which knows nothing of sealing.
func TestUnsealedIsOrdinary(t *testing.T) {
	w := newWorld(t)
	r, err := envelope.OpenRelease(w.released(t), w.keys, want, now.Add(60e9))
	if err != nil {
		t.Fatal(err)
	}
	values, _, err := r.Unseal([]*envelope.Decrypter{w.sealOther.decrypter(t)})
	if err != nil {
		t.Fatal(err)
	}
	plain := string(r.Raw()[:bytes.LastIndexByte(r.Raw(), '~')+1]) + values["risk_level"].Disclosure + "~"
	token, err := envelope.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(envelope.Rules{Issuer: w.sender.Public(), Type: envelope.TypMessage, Now: now}); err != nil {
		t.Fatal(err)
	}
	if got := string(token.Processed()); !strings.Contains(got, `"value":4`) {
		t.Error("the processed payload lacks the value")
	}
}

func TestSuppressedCell(t *testing.T) {
	w := newWorld(t)
	f, err := w.opened(t).Filter(set("cells"), []string{"c2"})
	if err != nil {
		t.Fatal(err)
	}
	b := binding("cells")
	b.Release.SuppressedCells = []string{"c2"}
	raw, err := envelope.Bind(f, b, w.release.Signer)
	if err != nil {
		t.Fatal(err)
	}
	r, err := envelope.OpenRelease(raw, w.keys, want, b.IssuedAt)
	if err != nil {
		t.Fatal(err)
	}
	values, _, err := r.Unseal(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(values["cells"].JSON.Bytes()), `[{"id":"c1","dims":{"sex":"woman"},"n":12},{"id":"c2","dims":{"sex":"man"}},{"id":"c3","dims":{}}]`; got != want {
		t.Errorf("cells = %s, want %s", got, want)
	}
}

// TestRedeliveryIsIdentical: the same arguments give the same bytes.
func TestRedeliveryIsIdentical(t *testing.T) {
	w := newWorld(t)
	f, err := w.opened(t).Filter(set(given...), nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := envelope.Bind(f, binding(given...), w.release.Signer)
	if err != nil {
		t.Fatal(err)
	}
	second, err := envelope.Bind(f, binding(given...), w.release.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two bindings with the same arguments differ")
	}
}

// TestSizesTellNothing: two messages whose values differ in length and in which
// are absent have the same length.
func TestSizesTellNothing(t *testing.T) {
	w := newWorld(t)
	long, short := draft(), draft()
	long.Case, short.Case = gateway.NewRef(), gateway.NewRef()
	long.Values["safety_instructions"] = []byte(`"` + strings.Repeat("x", 900) + `"`)
	delete(short.Values, "safety_instructions")
	a, err := envelope.Seal(long, spec, w.recipients(), w.sender.Signer)
	if err != nil {
		t.Fatal(err)
	}
	to := w.recipients()
	to[0].Fields = nil
	b, err := envelope.Seal(short, spec, to, w.sender.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if len(a) != len(b) {
		t.Errorf("%d and %d bytes", len(a), len(b))
	}
}

func TestReopen(t *testing.T) {
	w := newWorld(t)
	m := w.opened(t)
	again, err := envelope.Reopen(m.Raw(), m.Digest())
	if err != nil || again.KeyID() != m.KeyID() || again.Claims().ID != m.Claims().ID {
		t.Errorf("Reopen: %v", err)
	}
	if _, err := envelope.Reopen(w.sealed(t), m.Digest()); err == nil {
		t.Error("Reopen took other bytes")
	}
}

// TestLeastMessage: a control message about nobody, in which all that may be
// absent is, and a reply.
func TestLeastMessage(t *testing.T) {
	w := newWorld(t)
	d := draft()
	d.Audience, d.Subject, d.ReplyTo = string(gatewayID), "", "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8058"
	d.Gate = envelope.Gate{Marking: "hidden", Child: true, Urgency: "acute"}
	d.Values = map[gateway.Field]json.RawMessage{"note_code": json.RawMessage(`["a",{"b":[]}]`), "valid_until": json.RawMessage("null")}
	raw, err := envelope.Seal(d, spec[:3], nil, w.sender.Signer)
	if err != nil {
		t.Fatal(err)
	}
	m, err := envelope.Open(raw, w.keys, now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Claims, m.Claims()); diff != "" {
		t.Errorf("claims (-sealed +opened):\n%s", diff)
	}
	if m.Claims().Recipient() != "" || len(m.Fields()) != 1 || m.Digests() != 3 || len(m.SealKeys()) != 0 {
		t.Errorf("recipient %q, %d fields, %d digests", m.Claims().Recipient(), len(m.Fields()), m.Digests())
	}
	d.Gate.Fields, d.BasisClaimed, d.About = []string{}, []gateway.Basis{}, map[gateway.Field][]gateway.Ref{}
	if diff := cmp.Diff(d.Gate, m.Gate()); diff != "" {
		t.Errorf("gate (-sealed +opened):\n%s", diff)
	}
	f, err := m.Filter(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := envelope.Bind(f, envelope.KeyBinding{}, w.release.Signer); err == nil {
		t.Error("a control message was released")
	}
}

func TestSealKeys(t *testing.T) {
	w := newWorld(t)
	m := w.opened(t)
	want := []string{w.seal.Public().Thumbprint(), w.sealOther.Public().Thumbprint()}
	if diff := cmp.Diff(want, m.SealKeys()); diff != "" {
		t.Errorf("SealKeys() (-want +got):\n%s", diff)
	}
}
