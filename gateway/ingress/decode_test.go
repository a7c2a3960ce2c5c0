package ingress_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"sluss/gateway/exchange"
	"sluss/gateway/ingress"
)

// FuzzDecodePoll holds the strict reader of poll requests to this: what it
// accepts, encoding/json accepts too, with the same meaning, and the document's
// schema allows it; the same request with a byte after it is refused.
func FuzzDecodePoll(f *testing.F) {
	for _, seed := range []string{
		pollBody,
		`{"role":"a.b","maxEvents":0,"ack":["x"],"setErrs":{"x":{"err":"invalid_key","description":"d"}},"received":{"y":"z"}}`,
		`{"role":"a.b","role":"a.b"}`, `{"ROLE":"a.b"}`, `{"role":"a.b","ack":null}`, `{"role":"a.b"}{}`, `{"role":"a.b","maxEvents":1e0}`,
		`{"role":"a.b","ack":["\ud800"]}`, `{"role":"a.b","received":{"\u0061":"b","a":"c"}}`, "\ufeff{}", `[]`, `{"a`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := ingress.DecodePoll(raw, ingress.PollLimits())
		if err != nil {
			return
		}
		if n := *got.MaxEvents; n < 0 || n > 256 || got.Role == "" {
			t.Errorf("%q: accepted %+v", raw, got)
		}
		var want exchange.PollRequest
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q: accepted, but encoding/json: %v", raw, err)
		}
		if _, err := d.Token(); err != io.EOF {
			t.Fatalf("%q: accepted with something after it", raw)
		}
		if want.MaxEvents == nil {
			want.MaxEvents = got.MaxEvents
		}
		if got.Role != want.Role || *got.MaxEvents != *want.MaxEvents || got.ReturnImmediately != want.ReturnImmediately ||
			strings.Join(got.Ack, "\n") != strings.Join(want.Ack, "\n") || len(got.SetErrs) != len(want.SetErrs) ||
			len(got.SetErrs) > 0 && !reflect.DeepEqual(got.SetErrs, want.SetErrs) ||
			len(got.Received) != len(want.Received) || len(got.Received) > 0 && !reflect.DeepEqual(got.Received, want.Received) {
			t.Errorf("%q: got %+v, want %+v", raw, got, want)
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatal(err)
		}
		fits(t, ingress.OpenAPI(), "#/components/schemas/PollRequest", value)
		if _, err := ingress.DecodePoll(append(bytes.Clone(raw), 'x'), ingress.PollLimits()); err == nil {
			t.Errorf("%q: accepted with a byte after it", raw)
		}
	})
}
