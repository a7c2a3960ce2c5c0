package envelope_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// TestOpenReleaseRefuses spoils one thing in a good release. Both signatures
// are made again: the sender and the gateway stand for what is spoiled.
func TestOpenReleaseRefuses(t *testing.T) {
	w := newWorld(t)
	good := w.released(t)
	whole := takeApart(t, string(w.sealed(t)))
	at := now.Add(time.Minute).Unix()
	tests := []struct {
		name  string
		spoil func(*forgery)
		want  error
	}{
		{"no key binding", func(f *forgery) { f.kb = nil }, envelope.ErrKeyBinding},
		{"message typ", func(f *forgery) { f.header = strings.Replace(f.header, "case-", "", 1) }, envelope.ErrType},
		{"key binding typ", func(f *forgery) { f.kb.header = strings.Replace(f.kb.header, "kb+jwt", "jwt", 1) }, envelope.ErrType},
		{"key binding kid is the sender's", func(f *forgery) {
			f.kb.header = strings.Replace(f.kb.header, w.release.Public().Thumbprint(), w.sender.Public().Thumbprint(), 1)
		}, envelope.ErrKey},
		{"key binding with a jwk", func(f *forgery) { f.kb.header = strings.Replace(f.kb.header, "{", `{"jwk":{},`, 1) }, envelope.ErrHeader},
		{"other gateway in cnf", func(f *forgery) { f.replace("gateway:test", "gateway:other") }, envelope.ErrKey},
		{"aud of the key binding", func(f *forgery) { f.kb.replace("municipality:0180", "municipality:1480") }, envelope.ErrAudience},
		{"nonce", func(f *forgery) { f.kb.replace("delivery-1", "delivery-2") }, envelope.ErrKeyBinding},
		{"nonce empty", func(f *forgery) { f.kb.replace(`"delivery-1"`, `""`) }, envelope.ErrKeyBinding},
		{"nonce with a space", func(f *forgery) { f.kb.replace("delivery-1", "delivery 1") }, envelope.ErrKeyBinding},
		{"allowed field of another form", func(f *forgery) { f.kb.replace(`"withheld":{`, `"withheld":{"A B":"NO-BASIS",`) }, envelope.ErrKeyBinding},
		{"sd_hash of another set", func(f *forgery) { f.kb.replace(`"sd_hash":"`, `"sd_hash":"another`) }, envelope.ErrKeyBinding},
		{"iat missing", func(f *forgery) { f.kb.replace(`"iat":`, `"iax":`) }, envelope.ErrKeyBinding},
		{"iat a fraction", func(f *forgery) { f.kb.replace(`"iat":1780300860`, `"iat":1780300860.5`) }, envelope.ErrKeyBinding},
		{"older than five minutes", func(f *forgery) { f.kb.replace(`"iat":1780300860`, `"iat":1780300559`) }, envelope.ErrStale},
		{"ahead", func(f *forgery) { f.kb.replace(`"iat":1780300860`, `"iat":1780300921`) }, envelope.ErrFuture},
		{"message expired when released", func(f *forgery) { f.replace(`"exp":1780905600`, `"exp":1780300860`) }, envelope.ErrExpired},
		{"message newer than its release", func(f *forgery) { f.replace(`"iat":1780300800`, `"iat":1780300930`) }, envelope.ErrFuture},
		{"unknown claim", func(f *forgery) { f.kb.replace(`{"iat"`, `{"exp":1,"iat"`) }, envelope.ErrKeyBinding},
		{"unknown member of release", func(f *forgery) { f.kb.replace(`"leaf"`, `"extra":1,"leaf"`) }, envelope.ErrKeyBinding},
		{"leaf too short", func(f *forgery) { f.kb.replace(strings.Repeat("A", 86), strings.Repeat("A", 43)) }, envelope.ErrKeyBinding},
		{"leaf in another spelling", func(f *forgery) { f.kb.replace(strings.Repeat("A", 86), strings.Repeat("A", 85)+"B") }, envelope.ErrKeyBinding},
		{"snapshot no digest", func(f *forgery) { f.kb.replace(`"snapshot":"`, `"snapshot":"x`) }, envelope.ErrKeyBinding},
		{"obligations missing", func(f *forgery) { f.kb.replace(`,"obligations":["show_validity"]`, ``) }, envelope.ErrKeyBinding},
		{"allowed a list", func(f *forgery) { f.kb.replace(`"allowed":{`, `"allowed":[],"x":{`) }, envelope.ErrKeyBinding},
		{"basis a number", func(f *forgery) { f.kb.replace(`"risk_level":"OSL-12-2"`, `"risk_level":1`) }, envelope.ErrKeyBinding},
		{"field allowed and withheld", func(f *forgery) { f.kb.replace(`"withheld":{`, `"withheld":{"risk_level":"NO-BASIS",`) }, envelope.ErrRelease},
		{"field allowed twice", func(f *forgery) { f.kb.replace(`"allowed":{`, `"allowed":{"risk_level":"NO-BASIS",`) }, envelope.ErrMalformed},
		{"given and withheld", func(f *forgery) {
			f.kb.replace(`"risk_level":"OSL-12-2",`, ``)
			f.kb.replace(`"withheld":{`, `"withheld":{"risk_level":"NO-BASIS",`)
		}, envelope.ErrRelease},
		{"given and not named", func(f *forgery) { f.kb.replace(`"risk_level":"OSL-12-2",`, ``) }, envelope.ErrRelease},
		{"field added", func(f *forgery) { f.texts = append(f.texts, whole.text(`"valid_until"`)) }, envelope.ErrMalformed}, // of other salt: unreferenced
		{"ciphertext of another field", func(f *forgery) {
			a, b := sealedJWE(f, "risk_level"), sealedJWE(f, "no_go_areas")
			spoilSealed(f, "risk_level", func(v map[string]any) { v["jwe"] = b })
			spoilSealed(f, "no_go_areas", func(v map[string]any) { v["jwe"] = a })
		}, envelope.ErrSealing},
		{"bundle of another message", bundleHeader(w.seal, `01890a5d`, `01890a5e`), envelope.ErrSealing},
	}
	open := func(f *forgery) (envelope.Received, error) {
		raw := f.join(w.sender.key)
		if f.kb != nil {
			raw = f.bound(w.sender.key, w.release.key)
		}
		return envelope.OpenRelease([]byte(raw), w.keys, want, time.Unix(at, 0))
	}
	if _, err := open(takeApart(t, string(good))); err != nil {
		t.Fatalf("the good release: %v", err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := takeApart(t, string(good))
			f.t = t
			if f.kb != nil {
				f.kb.t = t
			}
			tt.spoil(f)
			if r, err := open(f); !errors.Is(err, tt.want) || !r.IsZero() {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestOpenReleaseRefusesTexts covers what neither signer did.
func TestOpenReleaseRefusesTexts(t *testing.T) {
	w := newWorld(t)
	good := string(w.released(t))
	parts := strings.Split(good, "~")
	fewer := strings.Join(append(parts[:1:1], parts[2:]...), "~")
	tests := []struct {
		name, raw string
		spoil     func(*envelope.Expect, *time.Time)
		want      error
	}{
		{"empty", "", nil, envelope.ErrMalformed},
		{"a disclosure removed on the way", fewer, nil, envelope.ErrKeyBinding},
		{"for another agency", good, func(e *envelope.Expect, _ *time.Time) { e.Self = "police" }, envelope.ErrAudience},
		{"other gateway than expected", good, func(e *envelope.Expect, _ *time.Time) { e.Gateway = "urn:sluss:gateway:other" }, envelope.ErrGateway},
		{"other delivery than expected", good, func(e *envelope.Expect, _ *time.Time) { e.Delivery = "delivery-2" }, envelope.ErrKeyBinding},
		{"nobody expects it", good, func(e *envelope.Expect, _ *time.Time) { e.Self = "" }, envelope.ErrZero},
		{"no gateway expected", good, func(e *envelope.Expect, _ *time.Time) { e.Gateway = "" }, envelope.ErrZero},
		{"no time", good, func(_ *envelope.Expect, at *time.Time) { *at = time.Time{} }, envelope.ErrZero},
		{"late", good, func(_ *envelope.Expect, at *time.Time) { *at = at.Add(301 * time.Second) }, envelope.ErrStale},
		{"a byte lost", good[:10] + good[11:], nil, envelope.ErrMalformed},
		{"over the limit", good + strings.Repeat("A", envelope.MaxMessage), nil, envelope.ErrTooLarge},
	}
	for _, tt := range tests {
		e, at := want, now.Add(time.Minute)
		if tt.spoil != nil {
			tt.spoil(&e, &at)
		}
		if _, err := envelope.OpenRelease([]byte(tt.raw), w.keys, e, at); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	for name, raw := range map[string]string{
		"sender":  resigned(t, good, w.other, w.release),
		"gateway": resigned(t, good, w.sender, w.other),
	} {
		if _, err := envelope.OpenRelease([]byte(raw), w.keys, want, now.Add(time.Minute)); !errors.Is(err, envelope.ErrSignature) {
			t.Errorf("signed by another %s: %v", name, err)
		}
	}
}

func resigned(t testing.TB, raw string, sender, release partyKey) string {
	t.Helper()
	return takeApart(t, raw).bound(sender.key, release.key)
}

// TestGateIsNeverGiven: a gateway that leaves a gate disclosure in is refused.
func TestGateIsNeverGiven(t *testing.T) {
	w := newWorld(t)
	raw := string(w.sealed(t))
	f := takeApart(t, raw)
	f.kb = takeApart(t, string(w.released(t))).kb
	keep := f.texts[:0:0]
	for _, text := range f.texts {
		if strings.Contains(text, `"child"`) || strings.Contains(text, `"risk_level",{`) {
			keep = append(keep, text)
		}
	}
	f.texts = keep
	if _, err := envelope.OpenRelease([]byte(f.bound(w.sender.key, w.release.key)), w.keys, want, now.Add(time.Minute)); !errors.Is(err, envelope.ErrRelease) {
		t.Errorf("got %v, want ErrRelease", err)
	}
}

// TestSuppressedIsNeverGiven: a number beside a release that says it is
// suppressed.
func TestSuppressedIsNeverGiven(t *testing.T) {
	w := newWorld(t)
	f, err := w.opened(t).Filter(set("cells"), nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := envelope.Bind(f, binding("cells"), w.release.Signer)
	if err != nil {
		t.Fatal(err)
	}
	forged := takeApart(t, string(raw))
	forged.kb.replace(`"obligations"`, `"suppressed_cells":["c2"],"obligations"`)
	if _, err := envelope.OpenRelease([]byte(forged.bound(w.sender.key, w.release.key)), w.keys, want, now.Add(time.Minute)); !errors.Is(err, envelope.ErrRelease) {
		t.Errorf("got %v, want ErrRelease", err)
	}
}

// TestNothingAllowed: a release may withhold all; nil maps are empty ones.
func TestNothingAllowed(t *testing.T) {
	w := newWorld(t)
	f, err := w.opened(t).Filter(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := binding()
	b.Release.Allowed, b.Release.Withheld, b.Release.Obligations = nil, nil, nil
	raw, err := envelope.Bind(f, b, w.release.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := envelope.OpenRelease(raw, w.keys, want, now.Add(time.Minute)); err != nil || len(r.Fields()) != 0 {
		t.Errorf("%d fields, %v", len(r.Fields()), err)
	}
}

func TestBindRefuses(t *testing.T) {
	w := newWorld(t)
	m := w.opened(t)
	f, err := m.Filter(set("risk_level", "cells"), []string{"c2"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(*envelope.KeyBinding)
		want  error
	}{
		{"recipient", func(b *envelope.KeyBinding) { b.Audience = "police" }, envelope.ErrAudience},
		{"no recipient", func(b *envelope.KeyBinding) { b.Audience = "" }, envelope.ErrAudience},
		{"given, not allowed", func(b *envelope.KeyBinding) { delete(b.Release.Allowed, "risk_level") }, envelope.ErrRelease},
		{"allowed, held, not given", func(b *envelope.KeyBinding) {
			b.Release.Allowed["no_go_areas"] = "OSL-12-2"
			delete(b.Release.Withheld, "no_go_areas")
		}, envelope.ErrRelease},
		{"allowed and withheld", func(b *envelope.KeyBinding) { b.Release.Withheld["risk_level"] = "NO-BASIS" }, envelope.ErrRelease},
		{"suppressed cell not named", func(b *envelope.KeyBinding) { b.Release.SuppressedCells = nil }, envelope.ErrRelease},
		{"other suppressed cell", func(b *envelope.KeyBinding) { b.Release.SuppressedCells = []string{"c1"} }, envelope.ErrRelease},
		{"no leaf", func(b *envelope.KeyBinding) { b.Release.Leaf = nil }, envelope.ErrKeyBinding},
		{"no nonce", func(b *envelope.KeyBinding) { b.Nonce = "" }, envelope.ErrKeyBinding},
		{"nonce with a space", func(b *envelope.KeyBinding) { b.Nonce = "delivery 1" }, envelope.ErrKeyBinding},
		{"no role", func(b *envelope.KeyBinding) { b.Release.Role = "" }, envelope.ErrKeyBinding},
		{"no time", func(b *envelope.KeyBinding) { b.IssuedAt = time.Time{} }, envelope.ErrKeyBinding},
	}
	good := func() envelope.KeyBinding {
		b := binding("risk_level", "cells")
		b.Release.SuppressedCells = []string{"c2"}
		return b
	}
	if _, err := envelope.Bind(f, good(), w.release.Signer); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		b := good()
		tt.spoil(&b)
		if raw, err := envelope.Bind(f, b, w.release.Signer); !errors.Is(err, tt.want) || raw != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := envelope.Bind(envelope.Filtered{}, good(), w.release.Signer); !errors.Is(err, envelope.ErrZero) {
		t.Errorf("nothing filtered: %v", err)
	}
	if _, err := envelope.Bind(f, good(), nil); !errors.Is(err, envelope.ErrZero) {
		t.Errorf("no signer: %v", err)
	}
	if _, err := (envelope.Message{}).Filter(nil, nil); !errors.Is(err, envelope.ErrZero) {
		t.Errorf("no message: %v", err)
	}
	if kid := (envelope.Message{}).KeyID(); kid != "" {
		t.Errorf("no message, signed by %q", kid)
	}
	for _, cell := range []string{"c3", "c9"} {
		if _, err := m.Filter(set("cells"), []string{cell}); !errors.Is(err, envelope.ErrUnknown) {
			t.Errorf("suppressing cell %s: %v", cell, err)
		}
	}
}

// TestFilterKeepsNothingElse: whatever is asked for, only the named fields'
// disclosures are left, and never one of the gate.
func TestFilterKeepsNothingElse(t *testing.T) {
	m := newWorld(t).opened(t)
	for _, keep := range [][]gateway.Field{nil, {"child", "about", "fields"}, {"risk_level"}, {"cells"}, {"n"}, allFields} {
		f, err := m.Filter(set(keep...), nil)
		if err != nil {
			t.Fatal(err)
		}
		token, err := envelope.Parse(string(f.Token()))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range token.Disclosures() {
			name, _, _ := strings.Cut(strings.TrimPrefix(d.Pointer, "/data/"), "/")
			if !strings.HasPrefix(d.Pointer, "/data/") || !set(keep...)[gateway.Field(name)] {
				t.Errorf("keeping %v leaves %s", keep, d.Pointer)
			}
		}
		if f.SDHash() != token.SDHash() {
			t.Errorf("SDHash() = %s, want %s", f.SDHash(), token.SDHash())
		}
	}
}

func TestConform(t *testing.T) {
	w := newWorld(t)
	r, err := envelope.OpenRelease(w.released(t), w.keys, want, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Conform(allFields, spec); err != nil {
		t.Fatal(err)
	}
	change := func(i int, f func(*envelope.FieldSpec)) []envelope.FieldSpec {
		s := append([]envelope.FieldSpec{}, spec...)
		f(&s[i])
		return s
	}
	for name, tt := range map[string]struct {
		names []gateway.Field
		spec  []envelope.FieldSpec
	}{
		"field missing from the release": {append([]gateway.Field{"one_more"}, allFields...), spec},
		"field too many in the release":  {allFields[1:], spec},
		"another field instead":          {append([]gateway.Field{"one_more"}, allFields[1:]...), spec},
		"given in clear, to be sealed":   {allFields, change(0, func(f *envelope.FieldSpec) { f.Sealed, f.Size = true, 64 })},
		"given sealed, to be clear":      {allFields, change(3, func(f *envelope.FieldSpec) { f.Sealed = false })},
		"other size":                     {allFields, change(3, func(f *envelope.FieldSpec) { f.Size = 256 })},
		"given, not held":                {allFields, spec[1:]},
	} {
		if err := r.Conform(tt.names, tt.spec); !errors.Is(err, envelope.ErrRelease) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A gateway that keeps an allowed sealed field back is found out.
	f := takeApart(t, string(w.released(t)))
	f.drop(`"no_go_areas",{`)
	r, err = envelope.OpenRelease([]byte(f.bound(w.sender.key, w.release.key)), w.keys, want, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Conform(allFields, spec); !errors.Is(err, envelope.ErrRelease) {
		t.Errorf("allowed sealed field not given: %v", err)
	}
	if err := (envelope.Received{}).Conform(nil, nil); !errors.Is(err, envelope.ErrZero) {
		t.Errorf("nothing received: %v", err)
	}
}

// TestUnusable: what cannot be opened is named and not shown.
func TestUnusable(t *testing.T) {
	w := newWorld(t)
	good := w.released(t)
	tests := []struct {
		name  string
		with  []*envelope.Decrypter
		spoil func(*forgery)
		want  []gateway.Field
	}{
		{"all keys", []*envelope.Decrypter{w.seal.decrypter(t), w.sealOther.decrypter(t)}, nil, nil},
		{"no key", nil, nil, []gateway.Field{"risk_level", "safety_instructions", "no_go_areas"}},
		{"key of another", []*envelope.Decrypter{w.access.decrypter(t), nil}, nil, []gateway.Field{"risk_level", "safety_instructions", "no_go_areas"}},
		{"key of a role with less", []*envelope.Decrypter{w.sealOther.decrypter(t)}, nil, []gateway.Field{"safety_instructions", "no_go_areas"}},
		{"ciphertext changed", []*envelope.Decrypter{w.seal.decrypter(t)}, jweParts("risk_level", func(p []string) {
			p[3] = "A" + p[3][1:]
			if p[3] == "A" {
				p[3] = "B"
			}
			p[4] = encode("0123456789abcdef")
		}), []gateway.Field{"risk_level"}},
		{"sealed another value than committed", []*envelope.Decrypter{w.seal.decrypter(t)}, func(f *forgery) {
			spoilSealed(f, "risk_level", func(v map[string]any) { v["_sd"] = []string{strings.Repeat("A", 43)} })
		}, []gateway.Field{"risk_level"}},
		{"bundle with a spoiled point", []*envelope.Decrypter{w.seal.decrypter(t)}, func(f *forgery) {
			point, err := json.Marshal(w.access.Public())
			if err != nil {
				t.Fatal(err)
			}
			header := bundleHeaderText(f, w.seal)
			_, rest, _ := strings.Cut(header, `"epk":`)
			epk, _, _ := strings.Cut(rest, "}")
			bundleHeader(w.seal, epk+"}", string(point))(f)
		}, []gateway.Field{"risk_level", "safety_instructions", "no_go_areas"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := takeApart(t, string(good))
			f.t = t
			if tt.spoil != nil {
				tt.spoil(f)
			}
			r, err := envelope.OpenRelease([]byte(f.bound(w.sender.key, w.release.key)), w.keys, want, now.Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			values, unusable, err := r.Unseal(tt.with)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, unusable); diff != "" {
				t.Errorf("unusable (-want +got):\n%s", diff)
			}
			for _, name := range unusable {
				if _, ok := values[name]; ok {
					t.Errorf("%s is shown", name)
				}
			}
			if len(values)+len(unusable) != len(given) {
				t.Errorf("%d values and %d unusable of %d", len(values), len(unusable), len(given))
			}
		})
	}
	if _, _, err := (envelope.Received{}).Unseal(nil); !errors.Is(err, envelope.ErrZero) {
		t.Errorf("nothing received: %v", err)
	}
	if _, err := envelope.NewDecrypter(nil); !errors.Is(err, envelope.ErrZero) {
		t.Errorf("no key: %v", err)
	}
}

// bundleHeaderText returns the header of the bundle for a key.
func bundleHeaderText(f *forgery, k partyKey) string {
	_, rest, _ := strings.Cut(f.payload, `"`+k.Public().Thumbprint()+`":"`)
	header, _, _ := strings.Cut(rest, ".")
	return decode(f.t, header)
}
