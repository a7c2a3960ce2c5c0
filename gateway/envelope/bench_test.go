package envelope_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// benchMessage is a message of 12 sealed fields with 4 KB of values and two
// recipient keys.
func benchMessage() (envelope.Draft, []envelope.FieldSpec, []gateway.Field) {
	d := draft()
	d.Values = map[gateway.Field]json.RawMessage{}
	var fields []envelope.FieldSpec
	var names []gateway.Field
	for i := range 12 {
		name := gateway.Field(fmt.Sprintf("field_%02d", i))
		f := envelope.FieldSpec{Name: name, Sealed: true, Size: 64}
		d.Values[name] = json.RawMessage(fmt.Sprint(i))
		if i%3 == 0 {
			f.Size = 1024
			d.Values[name] = json.RawMessage(`"` + canary + strings.Repeat("x", 975) + `"`)
		}
		fields, names = append(fields, f), append(names, name)
	}
	return d, fields, names
}

func benchRecipients(w *world, names []gateway.Field) []envelope.Recipient {
	return []envelope.Recipient{{Key: w.seal.Public(), Fields: names}, {Key: w.sealOther.Public(), Fields: names[:4]}}
}

func BenchmarkSeal(b *testing.B) {
	w := newWorld(b)
	d, fields, names := benchMessage()
	to := benchRecipients(w, names)
	var size int
	for b.Loop() {
		raw, err := envelope.Seal(d, fields, to, w.sender.Signer)
		if err != nil {
			b.Fatal(err)
		}
		size = len(raw)
	}
	b.ReportMetric(float64(size), "bytes/message")
}

func benchSealed(b *testing.B, w *world) ([]byte, []gateway.Field) {
	b.Helper()
	d, fields, names := benchMessage()
	raw, err := envelope.Seal(d, fields, benchRecipients(w, names), w.sender.Signer)
	if err != nil {
		b.Fatal(err)
	}
	return raw, names
}

func BenchmarkOpen(b *testing.B) {
	w := newWorld(b)
	raw, _ := benchSealed(b, w)
	for b.Loop() {
		if _, err := envelope.Open(raw, w.keys, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReopen(b *testing.B) {
	w := newWorld(b)
	raw, _ := benchSealed(b, w)
	digest := gateway.DigestOf(raw)
	for b.Loop() {
		if _, err := envelope.Reopen(raw, digest); err != nil {
			b.Fatal(err)
		}
	}
}

// benchRelease filters half of the fields out and binds the rest.
func benchRelease(b *testing.B, w *world, m envelope.Message, names []gateway.Field) []byte {
	kb := binding()
	kb.Release.Allowed, kb.Release.Withheld = map[gateway.Field]gateway.Basis{}, map[gateway.Field]gateway.Reason{}
	for i, name := range names {
		if i%2 == 0 {
			kb.Release.Allowed[name] = "OSL-12-2"
		} else {
			kb.Release.Withheld[name] = "NO-BASIS"
		}
	}
	f, err := m.Filter(set(slices.Collect(maps.Keys(kb.Release.Allowed))...), nil)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := envelope.Bind(f, kb, w.release.Signer)
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

func BenchmarkFilterBind(b *testing.B) {
	w := newWorld(b)
	raw, names := benchSealed(b, w)
	m, err := envelope.Open(raw, w.keys, now)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		benchRelease(b, w, m, names)
	}
}

func BenchmarkOpenReleaseUnseal(b *testing.B) {
	w := newWorld(b)
	raw, names := benchSealed(b, w)
	m, err := envelope.Open(raw, w.keys, now)
	if err != nil {
		b.Fatal(err)
	}
	release := benchRelease(b, w, m, names)
	with := []*envelope.Decrypter{w.seal.decrypter(b)}
	for b.Loop() {
		r, err := envelope.OpenRelease(release, w.keys, want, now.Add(time.Minute))
		if err != nil {
			b.Fatal(err)
		}
		if _, unusable, err := r.Unseal(with); err != nil || len(unusable) > 0 {
			b.Fatal(unusable, err)
		}
	}
}
