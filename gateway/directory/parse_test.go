package directory_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
)

// TestParseRefuses starts from a good directory and spoils one thing per row.
func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(l []line) []line
		want  error
	}{
		// Who signed.
		{"control key of another agency", func(l []line) []line { l[policeMessage].control = "city control"; return l }, directory.ErrStatement},
		{"signed by a key for messages", func(l []line) []line { l[policeAccess].control = "police message"; return l }, directory.ErrStatement},
		{"key signs its own statement, no control key", func(l []line) []line { l[policeMessage].control = "police message"; return l }, directory.ErrStatement},
		{"signed by a key that is not in the directory", func(l []line) []line { l[policeMessage].control = "nobody"; return l }, directory.ErrStatement},
		{"control key is missing", func(l []line) []line { return slices.Delete(l, policeControl, policeControl+1) }, directory.ErrStatement},
		{"control key is compromised", func(l []line) []line { l[policeControl].Status = envelope.Compromised; return l }, directory.ErrStatement},
		{"control key was retired before", func(l []line) []line {
			l[policeControl].Status, l[policeControl].Since = envelope.Retired, now.Add(-2*time.Hour)
			return l
		}, directory.ErrStatement},
		{"control key was retired before the countersignatures", func(l []line) []line {
			l[policeControl].Status, l[policeControl].Since = envelope.Retired, now.Add(-30*time.Minute)
			l[policeMessage].at = now
			return l
		}, directory.ErrStatement},
		{"issued before the control key", func(l []line) []line {
			l[policeMessage].IssuedAt, l[policeMessage].at = now.Add(-25*time.Hour), now.Add(-time.Hour)
			return l
		}, directory.ErrStatement},
		{"issued in the future", func(l []line) []line {
			l[policeMessage].IssuedAt = now.Add(2 * time.Minute)
			return l
		}, directory.ErrStatement},
		{"changed after it was signed", func(l []line) []line {
			l[policeMessage].damage = func(e directory.Entry) directory.Entry {
				e.Statement = changed(t, e.Statement)
				e.Countersignatures = countersignatures(t, e.Statement, "registrar 1", "registrar 2")
				return e
			}
			return l
		}, directory.ErrStatement},

		// Who countersigned.
		{"no countersignature", func(l []line) []line { l[policeMessage].registrars = nil; return l }, directory.ErrCountersigned},
		{"one countersignature", func(l []line) []line { l[policeMessage].registrars = l[policeMessage].registrars[:1]; return l }, directory.ErrCountersigned},
		{"one registrar twice", func(l []line) []line {
			l[policeMessage].registrars = []string{"registrar 1", "registrar 1"}
			return l
		}, directory.ErrCountersigned},
		{"unknown registrar", func(l []line) []line {
			l[policeMessage].registrars = []string{"registrar 1", "nobody"}
			return l
		}, directory.ErrCountersigned},
		{"unknown registrar besides two", func(l []line) []line {
			l[policeMessage].registrars = []string{"registrar 1", "registrar 2", "nobody"}
			return l
		}, directory.ErrCountersigned},
		{"one registrar twice besides another", func(l []line) []line {
			l[policeMessage].registrars = []string{"registrar 1", "registrar 2", "registrar 1"}
			return l
		}, directory.ErrCountersigned},
		{"countersignature of another statement", func(l []line) []line {
			l[policeMessage].damage = func(e directory.Entry) directory.Entry {
				e.Countersignatures = countersignatures(t, "another", "registrar 1", "registrar 2")
				return e
			}
			return l
		}, directory.ErrCountersigned},
		{"statement in the place of a countersignature", func(l []line) []line {
			l[policeMessage].damage = func(e directory.Entry) directory.Entry {
				e.Countersignatures[1] = e.Statement
				return e
			}
			return l
		}, directory.ErrCountersigned},
		{"countersignature with a broken signature", func(l []line) []line {
			l[policeMessage].damage = func(e directory.Entry) directory.Entry {
				e.Countersignatures[1] = changed(t, e.Countersignatures[1])
				return e
			}
			return l
		}, directory.ErrCountersigned},
		{"countersigned before it was stated", func(l []line) []line { l[policeMessage].at = now.Add(-2 * time.Hour); return l }, directory.ErrCountersigned},
		{"countersigned in the future", func(l []line) []line { l[policeMessage].at = now.Add(time.Hour); return l }, directory.ErrCountersigned},

		// What is stated.
		{"key stated twice", func(l []line) []line { return append(l, l[policeMessage]) }, directory.ErrReused},
		{"key for two uses", func(l []line) []line {
			return append(l, keyLine(t, police, "police control", "police message", envelope.UseAccess, "police.exit_coordinator_local"))
		}, directory.ErrReused},
		{"key of two agencies", func(l []line) []line {
			return append(l, keyLine(t, stockholm, "city control", "police message", envelope.UseMessage, "municipality.social_worker"))
		}, directory.ErrReused},
		{"key of a registrar", func(l []line) []line {
			return append(l, keyLine(t, police, "police control", "registrar 3", envelope.UseMessage, "police.exit_coordinator_local"))
		}, directory.ErrReused},
		{"system stated twice", func(l []line) []line { return append(l, l[policeSystem]) }, directory.ErrReused},
		{"alias of two agencies", func(l []line) []line {
			l = append(l, keyLine(t, "urn:sluss:agency:municipality:1480", "other control", "other control", envelope.UseControl))
			other := base("urn:sluss:agency:municipality:1480", "other control")
			other.Statement.Alias = "municipality:A7"
			return append(l, other)
		}, directory.ErrReused},
		{"system of another agency", func(l []line) []line {
			l[policeSystem].System.URI = "spiffe://sluss.test/agency/sis/system/exit"
			return l
		}, directory.ErrIssuer},
		{"system of a gateway", func(l []line) []line {
			return append(l, systemLine(gatewayID, "gateway control", policeURI+"2", "police.exit_coordinator_local"))
		}, directory.ErrIssuer},
		{"system of an alias", func(l []line) []line {
			return append(l, systemLine(alias, "alias control", "spiffe://sluss.test/agency/municipality/A7/system/exit", "municipality.social_worker"))
		}, directory.ErrIssuer},
		{"system without a SPIFFE ID", func(l []line) []line { l[policeSystem].System.URI = "https://police.test/exit"; return l }, directory.ErrMalformed},
		{"alias of itself", func(l []line) []line { l[cityAlias].Statement.Alias = "municipality:0180"; return l }, directory.ErrIssuer},
		{"alias of another kind", func(l []line) []line { l[cityAlias].Statement.Alias = "sis"; return l }, directory.ErrIssuer},
		{"release key of an agency", func(l []line) []line {
			return append(l, keyLine(t, police, "police control", "other", envelope.UseRelease))
		}, directory.ErrIssuer},
		{"message key of a gateway", func(l []line) []line {
			return append(l, keyLine(t, gatewayID, "gateway control", "other", envelope.UseMessage, "gateway.log"))
		}, directory.ErrIssuer},
		{"personal security shares a key", func(l []line) []line {
			l[policeSeal].Key.Roles = append(l[policeSeal].Key.Roles, "police.personal_security_officer")
			return l
		}, directory.ErrRoles},
		{"personal security shares a system", func(l []line) []line {
			l[policeSystem].System.Roles = append(l[policeSystem].System.Roles, "police.personal_security_officer")
			return l
		}, directory.ErrRoles},
		{"seal key without roles", func(l []line) []line { l[policeSeal].Key.Roles = nil; return l }, directory.ErrRoles},
		{"system without roles", func(l []line) []line { l[policeSystem].System.Roles = nil; return l }, directory.ErrRoles},
		{"control key with a role", func(l []line) []line {
			l[policeControl].Key.Roles = []gateway.Role{"police.exit_coordinator_local"}
			return l
		}, directory.ErrRoles},
		{"a role that is no name", func(l []line) []line { l[policeSeal].Key.Roles[0] = "CANARY"; return l }, directory.ErrRoles},
		{"sequence number 0", func(l []line) []line { l[policeMessage].Seq = 0; return l }, directory.ErrMalformed},
		{"not a JWS", func(l []line) []line {
			l[policeMessage].damage = func(e directory.Entry) directory.Entry { e.Statement = "CANARY"; return e }
			return l
		}, directory.ErrMalformed},
		{"nothing", func([]line) []line { return nil }, directory.ErrMalformed},
	}
	for _, tt := range tests {
		raw := file(t, tt.spoil(world(t)))
		d, changes, err := directory.Parse(raw, registrars(t), nil, now)
		if d != nil || changes != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: the error holds what was refused: %v", tt.name, err)
		}
	}
}

// changed turns one byte in the middle of a JWS's signature.
func changed(t *testing.T, jws string) string {
	t.Helper()
	i := strings.LastIndex(jws, ".") + 10
	to := byte('A')
	if jws[i] == to {
		to = 'B'
	}
	return jws[:i] + string(to) + jws[i+1:]
}

func countersignatures(t *testing.T, statement string, names ...string) []string {
	t.Helper()
	var list []string
	for _, name := range names {
		c, err := directory.Countersign(statement, now.Add(-time.Hour), signer(t, name))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

func TestParseFileRefuses(t *testing.T) {
	good := file(t, world(t))
	for name, raw := range map[string][]byte{
		"empty":           nil,
		"no JSON":         []byte("CANARY"),
		"truncated":       good[:len(good)/2],
		"something after": append(bytes.Clone(good), "{}"...),
		"unknown member":  bytes.Replace(good, []byte(`"statements"`), []byte(`"registrars": [], "statements"`), 1),
		"list":            []byte("[]"),
	} {
		if _, _, err := directory.Parse(raw, registrars(t), nil, now); !errors.Is(err, directory.ErrMalformed) {
			t.Errorf("%s: got %v, want %v", name, err, directory.ErrMalformed)
		}
	}
	for name, pinned := range map[string][]envelope.PublicKey{
		"no registrar pinned": nil, "one registrar pinned": registrars(t)[:1], "no key pinned": make([]envelope.PublicKey, 2),
	} {
		if _, _, err := directory.Parse(good, pinned, nil, now); !errors.Is(err, directory.ErrCountersigned) {
			t.Errorf("%s: got %v, want %v", name, err, directory.ErrCountersigned)
		}
	}
}

// TestParseFollows starts from a good directory, changes it well or badly, and
// reads it after the first one.
func TestParseFollows(t *testing.T) {
	renew := func(l *line) {
		l.Seq++
		l.IssuedAt = now
		l.Expires = l.Expires.AddDate(0, 0, 30)
	}
	tests := []struct {
		name    string
		change  func(l []line) []line
		want    error
		changes int
	}{
		{"nothing new", func(l []line) []line { return l }, nil, 0},
		{"another order", func(l []line) []line { slices.Reverse(l); return l }, nil, 0},
		{"another countersignature", func(l []line) []line {
			l[policeMessage].registrars = []string{"registrar 2", "registrar 3"}
			return l
		}, nil, 0},
		{"renewed", func(l []line) []line { renew(&l[policeMessage]); return l }, nil, 1},
		{"retired", func(l []line) []line {
			renew(&l[policeMessage])
			l[policeMessage].Status, l[policeMessage].Since = envelope.Retired, now
			return l
		}, nil, 1},
		{"control key says itself compromised, another takes over", func(l []line) []line {
			for i := range l {
				if l[i].control == "police control" && i != policeControl {
					renew(&l[i])
					l[i].control = "police control 2"
				}
			}
			renew(&l[policeControl])
			l[policeControl].Status, l[policeControl].Since = envelope.Compromised, now
			return append(l, keyLine(t, police, "police control 2", "police control 2", envelope.UseControl))
		}, nil, 7},
		{"control key is replaced by its successor", func(l []line) []line {
			next := keyLine(t, police, "police control", "police control 2", envelope.UseControl)
			next.NotBefore = now.Add(-time.Hour)
			renew(&l[policeControl])
			l[policeControl].Status, l[policeControl].Since = envelope.Retired, now
			return append(l, next)
		}, nil, 2},
		{"new system", func(l []line) []line {
			return append(l, systemLine(police, "police control", policeURI+"2", "police.exit_coordinator_local"))
		}, nil, 1},
		{"same number, other words", func(l []line) []line { l[policeMessage].IssuedAt = now; return l }, directory.ErrSequence, 0},
		{"lower number", func(l []line) []line { l[cityControl].Seq = 4; return l }, directory.ErrSequence, 0},
		{"statement dropped", func(l []line) []line { return slices.Delete(l, policeSystem, policeSystem+1) }, directory.ErrDropped, 0},
		{"new and expired", func(l []line) []line {
			renew(&l[policeMessage])
			l[policeMessage].Expires = now
			return l
		}, directory.ErrExpired, 0},
		{"retired key comes back", func(l []line) []line {
			renew(&l[citySeal])
			l[citySeal].Status = envelope.Active
			return l
		}, directory.ErrFinal, 0},
		{"retired key is compromised", func(l []line) []line {
			renew(&l[citySeal])
			l[citySeal].Status = envelope.Compromised
			return l
		}, nil, 1},
		{"compromised key is only retired", func(l []line) []line {
			renew(&l[securitySeal])
			l[securitySeal].Status = envelope.Retired
			return l
		}, directory.ErrFinal, 0},
		{"key gets another use", func(l []line) []line {
			renew(&l[policeMessage])
			l[policeMessage].Key.Use = envelope.UseAccess
			return l
		}, directory.ErrReused, 0},
		{"key gets another holder", func(l []line) []line {
			renew(&l[policeMessage])
			l[policeMessage].Issuer, l[policeMessage].control = stockholm, "city control"
			return l
		}, directory.ErrReused, 0},
		{"alias gets another owner", func(l []line) []line {
			renew(&l[cityAlias])
			other := "urn:sluss:agency:municipality:1480"
			l[cityAlias].Issuer, l[cityAlias].control = other, "other control"
			return append(l, keyLine(t, other, "other control", "other control", envelope.UseControl))
		}, directory.ErrReused, 0},
	}
	before := func() []line {
		l := world(t)
		l[cityControl].Seq = 5
		l[citySeal].Status, l[citySeal].Since = envelope.Retired, now.Add(-2*time.Hour)
		l[securitySeal].Status, l[securitySeal].Since = envelope.Compromised, now.Add(-2*time.Hour)
		return l
	}
	previous, first := parse(t, before(), nil)
	if len(first) != len(before()) {
		t.Errorf("the first directory changes %d, want all %d", len(first), len(before()))
	}
	for _, tt := range tests {
		d, changes, err := directory.Parse(file(t, tt.change(before())), registrars(t), previous, now)
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || len(changes) != tt.changes {
			t.Errorf("%s: got %d changes, %v; want %d, %v", tt.name, len(changes), err, tt.changes, tt.want)
		}
		if (d == nil) != (tt.want != nil) {
			t.Errorf("%s: directory and error do not fit", tt.name)
		}
	}
}

// TestParseAgain reads a directory after itself: what was verified before needs
// not be verified again, and what was not does.
func TestParseAgain(t *testing.T) {
	lines := world(t)
	previous, _ := parse(t, lines, nil)
	others := []envelope.PublicKey{signer(t, "registrar 1").Public(), signer(t, "registrar 3").Public()}
	if _, _, err := directory.Parse(file(t, lines), others, previous, now); !errors.Is(err, directory.ErrCountersigned) {
		t.Errorf("other registrars: got %v, want %v", err, directory.ErrCountersigned)
	}
	for name, damage := range map[string]func(e *directory.Entry){
		"statement":                func(e *directory.Entry) { e.Statement = changed(t, e.Statement) },
		"first countersignature":   func(e *directory.Entry) { e.Countersignatures[0] = changed(t, e.Countersignatures[0]) },
		"second countersignature":  func(e *directory.Entry) { e.Countersignatures[1] = changed(t, e.Countersignatures[1]) },
		"countersignature dropped": func(e *directory.Entry) { e.Countersignatures = e.Countersignatures[:1] },
	} {
		l := world(t)
		l[policeMessage].damage = func(e directory.Entry) directory.Entry { damage(&e); return e }
		if _, _, err := directory.Parse(file(t, l), registrars(t), previous, now); !errors.Is(err, directory.ErrCountersigned) {
			t.Errorf("%s: got %v, want %v", name, err, directory.ErrCountersigned)
		}
	}
	// What a signature was worth may change though it stays as it is.
	l := world(t)
	l[policeControl].Seq, l[policeControl].Status, l[policeControl].Since = 2, envelope.Compromised, now
	if _, _, err := directory.Parse(file(t, l), registrars(t), previous, now); !errors.Is(err, directory.ErrStatement) {
		t.Errorf("control key compromised since: got %v, want %v", err, directory.ErrStatement)
	}
}

// BenchmarkParse reads a directory for the first time, and again.
func BenchmarkParse(b *testing.B) {
	raw := file(b, world(b))
	pins := registrars(b)
	first, _, err := directory.Parse(raw, pins, nil, now)
	if err != nil {
		b.Fatal(err)
	}
	for name, previous := range map[string]*directory.Directory{"first": nil, "again": first} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := directory.Parse(raw, pins, previous, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestChange(t *testing.T) {
	lines := world(t)
	previous, _ := parse(t, lines, nil)
	l := &lines[policeMessage]
	l.Seq, l.IssuedAt, l.Status, l.Since = 7, now, envelope.Compromised, now
	lines = append(lines, systemLine(police, "police control", policeURI+"2", "police.exit_coordinator_local"))
	d, got := parse(t, lines, previous)
	want := []directory.Change{
		{Issuer: police, Item: "key:" + kid(t, "police message"), Use: envelope.UseMessage, Status: envelope.Compromised, Seq: 7},
		{Issuer: police, Item: "system:" + policeURI + "2", Status: envelope.Active, Seq: 1},
	}
	for i := range got {
		if got[i].Digest.IsZero() {
			t.Errorf("change %d has no digest", i)
		}
		got[i].Digest = gateway.Digest{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if d.Digest() == previous.Digest() || d.Digest() != gateway.DigestOf(file(t, lines)) {
		t.Error("the digest is not that of the file")
	}
}

// TestExpired lets one agency's statements expire: the directory stands, they
// do not.
func TestExpired(t *testing.T) {
	lines := world(t)
	lines[policeSystem].Expires = now.AddDate(0, 0, 1)
	previous, _ := parse(t, lines, nil)
	later := now.AddDate(0, 0, 2)
	for _, prev := range []*directory.Directory{nil, previous} {
		d, changes, err := directory.Parse(file(t, lines), registrars(t), prev, later)
		if err != nil {
			t.Fatal(err)
		}
		if prev != nil && len(changes) != 0 {
			t.Errorf("got %d changes, want none", len(changes))
		}
		if s, ok := d.System(policeURI); !ok || s.Active(later) {
			t.Errorf("expired system: found %v, active %v", ok, s.Active(later))
		}
		if _, err := d.Key(police, kid(t, "police message"), envelope.UseMessage, later); err != nil {
			t.Errorf("a key of the same agency: %v", err)
		}
	}
}
