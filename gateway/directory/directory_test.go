package directory_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
)

var _ envelope.Keys = (*directory.Directory)(nil)

func TestKey(t *testing.T) {
	lines := world(t)
	retired := &lines[policeSeal]
	retired.Status, retired.Since = envelope.Retired, now.Add(-2*time.Hour)
	lost := &lines[policeAccess]
	lost.Status, lost.Since = envelope.Compromised, now.Add(-2*time.Hour)
	d, _ := parse(t, lines, nil)

	tests := []struct {
		name, iss, key string
		use            envelope.Use
		at             time.Time
		ok             bool
	}{
		{"active", police, "police message", envelope.UseMessage, now, true},
		{"of a gateway", gatewayID, "gateway release", envelope.UseRelease, now, true},
		{"of an alias", alias, "alias message", envelope.UseMessage, now, true},
		{"first moment", police, "police message", envelope.UseMessage, now.Add(-24 * time.Hour), true},
		{"before its time", police, "police message", envelope.UseMessage, now.Add(-24*time.Hour - time.Second), false},
		{"expired", police, "police message", envelope.UseMessage, now.AddDate(0, 0, 30), false},
		{"other issuer", stockholm, "police message", envelope.UseMessage, now, false},
		{"owner of the alias", stockholm, "alias message", envelope.UseMessage, now, false},
		{"other use", police, "police message", envelope.UseAccess, now, false},
		{"not registered", police, "nobody", envelope.UseMessage, now, false},
		{"registrar", police, "registrar 1", envelope.UseRegistrar, now, false},
		{"retired", police, "police seal", envelope.UseSeal, now, false},
		{"before it was retired", police, "police seal", envelope.UseSeal, now.Add(-3 * time.Hour), true},
		{"compromised", police, "police access", envelope.UseAccess, now, false},
		{"before it was compromised", police, "police access", envelope.UseAccess, now.Add(-3 * time.Hour), false},
	}
	for _, tt := range tests {
		key, err := d.Key(tt.iss, kid(t, tt.key), tt.use, tt.at)
		if tt.ok && (err != nil || key.Thumbprint() != kid(t, tt.key)) {
			t.Errorf("%s: got %v, %v; want the key", tt.name, key.Thumbprint(), err)
		}
		if !tt.ok && (!errors.Is(err, directory.ErrNoKey) || !key.IsZero()) {
			t.Errorf("%s: got %v, %v; want %v", tt.name, key.Thumbprint(), err, directory.ErrNoKey)
		}
	}
	if since, ok := d.Compromised(kid(t, "police access")); !ok || !since.Equal(lost.Since) {
		t.Errorf("compromised since %v, %v; want %v", since, ok, lost.Since)
	}
	for _, name := range []string{"police seal", "police message", "nobody"} {
		if _, ok := d.Compromised(kid(t, name)); ok {
			t.Errorf("%s counts as compromised", name)
		}
	}
}

func TestMayAct(t *testing.T) {
	d, _ := parse(t, world(t), nil)
	for _, tt := range []struct {
		key  string
		role gateway.Role
		want bool
	}{
		{"police access", "police.exit_coordinator_local", true},
		{"police access", "police.exit_coordinator_regional", false},
		{"police seal", "police.exit_coordinator_regional", true},
		{"police seal", "police.personal_security_officer", false},
		{"security seal", "police.personal_security_officer", true},
		{"police control", "police.exit_coordinator_local", false},
		{"nobody", "police.exit_coordinator_local", false},
		{"police access", "", false},
	} {
		if got := d.MayAct(kid(t, tt.key), tt.role); got != tt.want {
			t.Errorf("%s as %s: got %v, want %v", tt.key, tt.role, got, tt.want)
		}
	}
}

func TestSystem(t *testing.T) {
	lines := world(t)
	d, _ := parse(t, lines, nil)
	got, ok := d.System(policeURI)
	want := directory.System{
		URI: policeURI, Agency: "police", Roles: []gateway.Role{"police.exit_coordinator_local"},
		Status: envelope.Active, NotBefore: now.Add(-24 * time.Hour), Expires: now.AddDate(0, 0, 30),
	}
	if !ok || !cmp.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
	got.Roles[0] = "police.personal_security_officer"
	if again, _ := d.System(policeURI); again.Roles[0] != want.Roles[0] {
		t.Error("the directory was changed through what it gave")
	}
	if _, ok := d.System(policeURI + "2"); ok {
		t.Error("a system that is not registered was found")
	}
	for at, active := range map[time.Time]bool{
		now: true, want.NotBefore: true, want.NotBefore.Add(-time.Second): false, want.Expires: false,
	} {
		if got := want.Active(at); got != active {
			t.Errorf("active at %v: got %v, want %v", at, got, active)
		}
	}
	for _, status := range []envelope.Status{envelope.Retired, envelope.Compromised, ""} {
		s := want
		s.Status = status
		if s.Active(now) {
			t.Errorf("system with status %q is active", status)
		}
	}
}

func TestSealAndReleaseKeys(t *testing.T) {
	lines := world(t)
	d, _ := parse(t, lines, nil)
	want := []directory.SealKey{
		{Key: signer(t, "police seal").Public(), Roles: []gateway.Role{"police.exit_coordinator_local", "police.exit_coordinator_regional"}},
		{Key: signer(t, "security seal").Public(), Roles: []gateway.Role{"police.personal_security_officer"}},
	}
	same := cmp.Comparer(func(a, b envelope.PublicKey) bool { return a.Equal(b) })
	if diff := cmp.Diff(want, d.SealKeys("police", now), same); diff != "" {
		t.Errorf("keys of the police (-want +got):\n%s", diff)
	}
	if got := d.SealKeys("police", now.AddDate(1, 0, 0)); len(got) != 0 {
		t.Errorf("got %d keys that have expired", len(got))
	}
	if got := d.SealKeys("municipality:A7", now); len(got) != 0 {
		t.Errorf("got %d keys of an alias that has none", len(got))
	}
	if got := d.ReleaseKeys(gatewayID, now); len(got) != 1 || got[0].Thumbprint() != kid(t, "gateway release") {
		t.Errorf("got release keys %v, want the one", got)
	}
	if got := d.ReleaseKeys("urn:sluss:gateway:other", now); len(got) != 0 {
		t.Errorf("got %d release keys of another gateway", len(got))
	}
}

func TestAgencies(t *testing.T) {
	lines := world(t)
	d, _ := parse(t, lines, nil)
	if diff := cmp.Diff([]gateway.AgencyID{"municipality:0180", "police"}, d.Agencies()); diff != "" {
		t.Errorf("agencies (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]gateway.AgencyID{"municipality:A7"}, d.Aliases("municipality:0180", now)); diff != "" {
		t.Errorf("aliases (-want +got):\n%s", diff)
	}
	later := now.AddDate(1, 0, 0)
	if got := d.Aliases("municipality:0180", later); len(got) != 0 {
		t.Errorf("got %v, an alias that has expired", got)
	}
	for _, tt := range []struct {
		name  gateway.AgencyID
		at    time.Time
		owner gateway.AgencyID
		ok    bool
	}{
		{"police", now, "police", true},
		{"municipality:A7", now, "municipality:0180", true},
		{"municipality:A7", later, "", false},
		{"", now, "", false},
	} {
		if got, ok := d.Owner(tt.name, tt.at); got != tt.owner || ok != tt.ok {
			t.Errorf("owner of %q: got %q, %v; want %q, %v", tt.name, got, ok, tt.owner, tt.ok)
		}
	}
}
