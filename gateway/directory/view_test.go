package directory_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
)

func TestFor(t *testing.T) {
	d, _ := parse(t, world(t), nil)
	raw := d.For("police", []gateway.AgencyID{"municipality:0180", "municipality:A7"})
	if bytes.Contains(raw, []byte(alias)) {
		t.Error("the view names an alias outside a signature")
	}
	view, err := directory.ParseView(raw, registrars(t), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	found := func(iss, key string, use envelope.Use) bool {
		_, err := view.Key(iss, kid(t, key), use, now)
		return err == nil
	}
	for _, tt := range []struct {
		name string
		got  bool
		want bool
	}{
		{"own access key", found(police, "police access", envelope.UseAccess), true},
		{"seal key on a route", found(stockholm, "city seal", envelope.UseSeal), true},
		{"message key of an alias", found(alias, "alias message", envelope.UseMessage), true},
		{"release key", found(gatewayID, "gateway release", envelope.UseRelease), true},
		{"owner of the alias", len(view.Aliases("municipality:0180", now)) > 0, false},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: visible %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if _, ok := view.System(policeURI); !ok {
		t.Error("the caller does not see its own system")
	}
	// Its owner has the alias's keys, to sign with, and no more is said of it:
	// the answer may be read over a shoulder.
	own, err := directory.ParseView(d.For("municipality:0180", []gateway.AgencyID{"police"}), registrars(t), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Key(alias, kid(t, "alias message"), envelope.UseMessage, now); err != nil {
		t.Errorf("key of an own alias: %v", err)
	}
	if got := own.Aliases("municipality:0180", now); len(got) != 0 {
		t.Errorf("the owner's view says whose %v is", got)
	}
	if _, ok := own.System(policeURI); ok {
		t.Error("a view has the system of another agency")
	}
	if _, err := own.Key(police, kid(t, "police access"), envelope.UseAccess, now); err == nil {
		t.Error("a view has the access key of another agency")
	}
	if _, err := own.Key(police, kid(t, "police message"), envelope.UseMessage, now); err != nil {
		t.Errorf("message key on a route: %v", err)
	}
}

// TestForOrder mixes the file up: the order of a view must not tell what stood
// beside what.
func TestForOrder(t *testing.T) {
	lines := world(t)
	routes := []gateway.AgencyID{"municipality:0180", "municipality:A7"}
	d, _ := parse(t, lines, nil)
	slices.Reverse(lines)
	mixed, _ := parse(t, lines, nil)
	if !bytes.Equal(d.For("police", routes), mixed.For("police", routes)) {
		t.Error("the view follows the order of the file")
	}
}

func TestForStranger(t *testing.T) {
	d, _ := parse(t, world(t), nil)
	for _, caller := range []gateway.AgencyID{"sis", ""} {
		view, err := directory.ParseView(d.For(caller, nil), registrars(t), nil, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := view.Agencies(); len(got) != 0 {
			t.Errorf("%q without routes sees %v", caller, got)
		}
		if got := view.ReleaseKeys(gatewayID, now); len(got) != 1 {
			t.Errorf("%q sees %d release keys, want 1", caller, len(got))
		}
	}
}

// TestParseViewRemembers holds a client to what it has seen, even when a view
// in between leaves it out.
func TestParseViewRemembers(t *testing.T) {
	old := world(t)
	lines := world(t)
	lines[citySeal].Seq, lines[citySeal].Status, lines[citySeal].Since = 2, envelope.Compromised, now
	d, _ := parse(t, lines, nil)
	read := func(raw []byte, previous *directory.Directory) (*directory.Directory, error) {
		return directory.ParseView(raw, registrars(t), previous, now)
	}
	first, err := read(d.For("police", []gateway.AgencyID{"municipality:0180"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := read(d.For("police", nil), first)
	if err != nil {
		t.Fatalf("a view may have less than the last: %v", err)
	}
	before, _ := parse(t, old, nil)
	if _, err := read(before.For("police", []gateway.AgencyID{"municipality:0180"}), second); !errors.Is(err, directory.ErrSequence) {
		t.Errorf("the key came back: got %v, want %v", err, directory.ErrSequence)
	}
	taken := world(t)
	taken[citySeal] = keyLine(t, police, "police control", "city seal", envelope.UseSeal, "police.exit_coordinator_local")
	taken[citySeal].Seq = 3
	other, _ := parse(t, taken, nil)
	if _, err := read(other.For("police", nil), second); !errors.Is(err, directory.ErrReused) {
		t.Errorf("the key changed hands: got %v, want %v", err, directory.ErrReused)
	}
}
