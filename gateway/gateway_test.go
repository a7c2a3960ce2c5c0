package gateway_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sluss/gateway"
)

func TestParseAgency(t *testing.T) {
	tests := []struct {
		in   string
		kind gateway.Kind
		want error
	}{
		{"police", gateway.Police, nil},
		{"municipality:0180", gateway.Municipality, nil},
		{"provider:16556000-4615", gateway.Provider, nil},
		{"municipality", "", gateway.ErrAgency},
		{"municipality:", "", gateway.ErrAgency},
		{"police:1", "", gateway.ErrAgency},
		{"Police", "", gateway.ErrAgency},
		{"municipality:a/b", "", gateway.ErrAgency},
		{"municipality:0180:x", "", gateway.ErrAgency},
		{"", "", gateway.ErrAgency},
	}
	for _, tt := range tests {
		got, err := gateway.ParseAgency(tt.in)
		if !errors.Is(err, tt.want) || got.Kind() != tt.kind {
			t.Errorf("ParseAgency(%q) = %q of kind %q, %v; want kind %q, %v", tt.in, got, got.Kind(), err, tt.kind, tt.want)
		}
		if err != nil {
			continue
		}
		if back, err := gateway.ParseAgencyURN(got.URN()); back != got || err != nil {
			t.Errorf("ParseAgencyURN(%q) = %q, %v; want %q", got.URN(), back, err, got)
		}
	}
}

func TestRefHasOneSpelling(t *testing.T) {
	r := gateway.NewRef()
	if got, err := gateway.ParseRef(string(r)); got != r || err != nil {
		t.Fatalf("ParseRef(%q) = %q, %v", r, got, err)
	}
	for _, bad := range []string{"", string(r)[:21], string(r) + "A", string(r)[:21] + "B", string(r)[:21] + "=", "\n" + string(r)[1:]} {
		if _, err := gateway.ParseRef(bad); !errors.Is(err, gateway.ErrRef) {
			t.Errorf("ParseRef(%q) = %v, want ErrRef", bad, err)
		}
	}
}

func TestParseMessageID(t *testing.T) {
	good := "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057"
	if _, err := gateway.ParseMessageID(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{good[9:], strings.ToUpper(good), strings.Replace(good, "-7", "-4", 1), good + "\n", ""} {
		if _, err := gateway.ParseMessageID(bad); !errors.Is(err, gateway.ErrMessageID) {
			t.Errorf("ParseMessageID(%q) = %v, want ErrMessageID", bad, err)
		}
	}
}

// TestPayloadHidesItself holds Payload to its one promise: no ordinary way of
// writing it shows its content.
func TestPayloadHidesItself(t *testing.T) {
	p := gateway.NewPayload([]byte("CANARY"))
	j, err := json.Marshal(map[string]any{"p": p})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "p", p)
	all := fmt.Sprintf("%v %s %x %q %#v %d %+v", p, p, p, p, p, p, struct{ P gateway.Payload }{p}) + string(j) + b.String()
	for _, leak := range []string{"CANARY", "43414e415259", "67 65"} {
		if strings.Contains(all, leak) {
			t.Errorf("payload shows %q in %q", leak, all)
		}
	}
	if string(p.Bytes()) != "CANARY" {
		t.Errorf("Bytes() = %q", p.Bytes())
	}
}

func TestRefusalUnwraps(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("opening: %w", gateway.Refuse(gateway.CodeStale, "too old", cause))
	r, ok := errors.AsType[*gateway.Refusal](err)
	if !ok || r.Code != gateway.CodeStale || !errors.Is(err, cause) {
		t.Errorf("got %v, want a stale refusal with its cause", err)
	}
}
